"""The feed value provider of Flare's official stack: what the FTSO data provider and the block-latency client ask.

It answers as the reference does (flare-foundation/ftso-v2-example-value-provider 489282e, `src/app.controller.ts`;
`fsp.md` §1.4 and `http_value_provider.json`; read 2026-11-23), and is never late and never guesses: a feed without a
value has no `value`, a request that cannot be priced in time is 503, which the caller tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from pydantic import Field, SecretStr, field_validator

from chrono import Duration, PermanentError, Report
from chrono_flare_ftso.answers import LAST_ROUND, Answers, Feeds, Values, listed
from chrono_flare_ftso.asking import AskedSink, Unanswered
from chrono_flare_ftso.shadow import Shadow
from chrono_flare_ftso.shadow_target import Target
from chrono_flare_ftso.volumes import HISTORY, Listener, Volumes, rates_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from chrono_flare_ftso.api import Endpoint

FEED_LIMIT = 5_000
"""Feeds of one request."""

QUESTIONS = 8
"""Lists of feeds that are remembered, the newest: two who ask, and what else is tried."""

PRICED_WITHIN = 0.85
"""Seconds a report has to come in."""

ANSWERED_WITHIN = 0.95
"""Seconds after which a request that has come whole is answered, if only with 503."""

_PAUSE = 0.01
"""Seconds between two pricings at least."""

SHARE = 10
"""Answers of now may take one part in so many of the pipeline's time."""

First = Callable[[int, Sequence[Mapping[str, Any]], Mapping[str, float]], None]
"""Told of a round's first answer: the round, the feeds as they were asked for, all values by name."""


class _Body(msgspec.Struct):
    feeds: list[msgspec.Raw]


_BODY = msgspec.json.Decoder(_Body)
_ENTRY = msgspec.json.Decoder(dict[str, Any])
_EXPECTED = "a list of feeds like {category, name}"


class Question:
    """The feeds of a request: `entries` as they were sent, `feeds` as they were read, `names` of those that there are.

    Who asks once asks the same again, round after round, so it is kept as long as it is among the newest, together with
    the newest list that it was answered with.
    """

    def __init__(self, entries: Sequence[bytes], feeds: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
        self.entries = entries
        self.feeds = feeds
        self.names = names
        self._listed: tuple[Values, bytes] | None = None

    def listed(self, values: Values) -> bytes:
        """Return the list that answers it."""
        if self._listed is None or self._listed[0] is not values:
            self._listed = values, listed(self.entries, self.names, values)
        return self._listed[1]


class Current:
    """The newest pricing, for as long as it counts as now.

    Parameters
    ----------
    reuse : int
        Nanoseconds.
    every : int
        Nanoseconds it is stretched to at most, where pricing takes long.

    Attributes
    ----------
    report : Report or None
        The newest one.
    """

    def __init__(self, reuse: int, every: int) -> None:
        self.report: Report | None = None
        self._values: tuple[Report, Values] | None = None
        self._reuse = reuse
        self._every = max(every, reuse)
        self._cost = 0

    def renew(self, report: Report, now: int) -> None:
        """Take a report that was priced just now."""
        self.report = report
        self._cost = max(now - report.round.as_of, 0)

    @property
    def good_for(self) -> int:
        """Nanoseconds for which it counts as now: long enough for pricing to take a tenth of the time."""
        return min(max(self._reuse, (SHARE + 2) * self._cost), self._every)

    def usable(self, now: int, *, coming: bool) -> Report | None:
        """Return the newest report where it counts as now: a little longer while the next one is coming.

        That one may have to wait for a round of the pipeline's own. No report is used beyond twice a round's length.
        """
        age = self.age(now)
        limit = min(self.good_for + 2 * self._cost, 2 * self._every) if coming else self.good_for
        return self.report if age is not None and 0 <= age <= limit else None

    def age(self, now: int) -> int | None:
        """Return how old the newest is; None where there is none."""
        return None if self.report is None else now - self.report.round.as_of

    def values(self, report: Report) -> Values:
        """Return the values of a report, made once for all who ask for those of one."""
        if self._values is None or self._values[0] is not report:
            self._values = report, Values.of(report)
        return self._values[1]

    def due(self, now: int) -> bool:
        """Say whether the next one has to be asked for, so that it is there when this one is too old."""
        return self.due_in(now) <= 0

    def due_in(self, now: int) -> int:
        """Return the nanoseconds until it is due."""
        age = self.age(now)
        return 0 if age is None else self.good_for - int(1.5 * self._cost) - age


class FeedValues(AskedSink):
    """Serves prices to the FTSO data provider and to the block-latency client, in place of the example provider.

    Attributes
    ----------
    on_first : list of callable
        Told of each round's first answer, after it was given, on the server's loop; they must not wait.
    """

    type = "flare_feed_values"

    class Config(AskedSink.Config):
        """Where to listen, who may ask, and how an answer is made."""

        port: int = Field(default=3101, ge=0, le=65535)
        """The port; any free one for 0."""

        reuse: Duration = Field(default=Duration("100ms"), ge=0)
        """How old a pricing may be that answers requests of now: round 0, no round, or a negative one."""

        errors: Literal["reference", "strict"] = "reference"
        """What a request without a body is: 500 as in the `reference`, or 400, which is what it should be."""

        shadow: SecretStr | None = None
        """Another provider, http://HOST:PORT, that is asked for each round too, and compared; it changes no answer."""

        @field_validator("shadow")
        @classmethod
        def _an_address(cls, shadow: SecretStr | None) -> SecretStr | None:
            if shadow is not None:
                Target.parse(shadow.get_secret_value())
            return shadow

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self.on_first: list[First] = []
        self._current = Current(0, 0)
        self._feeds = Feeds({})
        self._volumes = Volumes({})
        self._answers: Answers
        self._disk: ThreadPoolExecutor
        self._shadow: Shadow | None = None
        self._freezing: dict[int, asyncio.Task[Values]] = {}
        self._pricing: asyncio.Task[Report] | None = None
        self._wanted = False
        self._questions: OrderedDict[bytes, Question] = OrderedDict()

    async def prepare(self) -> None:
        """Read which rounds were answered, and what there is to be asked for."""
        description = self.context.describe()
        self._current = Current(int(self.config.reuse), description.every)
        self._feeds = Feeds({each.feed.name: each.feed.category for each in description.recipes if each.feed.published})
        self._volumes = Volumes.of(description)
        self._answers = Answers(self.ledger)
        self._freezing, self._pricing = {}, None
        self._questions.clear()
        self._disk = ThreadPoolExecutor(1, "ledger")
        if self.config.shadow is not None:
            self._shadow = self._shadowing(self.config.shadow.get_secret_value())
            self.on_first.append(self._shadow)

    def _shadowing(self, url: str) -> Shadow:
        return Shadow(url, self.ledger, now=self.context.clock.now, tell=self.tell, log=self.note)

    async def release(self) -> None:
        """Write what is being written."""
        self._disk.shutdown()
        if self._shadow is not None:
            self.on_first.remove(self._shadow)
            await asyncio.to_thread(self._shadow.close)
            self._shadow = None

    def listener(self) -> Listener:
        """Return what counts trades."""
        return self._volumes.hear

    async def publish(self, report: Report) -> None:
        """Answer those who wait for this report."""
        self._current.renew(report, self.context.clock.now())
        await super().publish(report)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what the reference serves, its description, and a sign of life."""
        from chrono_flare_ftso import api_doc
        from chrono_flare_ftso.api import Endpoint

        return [
            Endpoint("POST", "/feed-values/{round}", self._of_round),
            Endpoint("POST", "/feed-values", self._of_now),
            Endpoint("POST", "/volumes", self._of_volumes),
            Endpoint("GET", "/health", self._health, open=True),
            *api_doc.endpoints(self.config.base_path),
        ]

    async def _of_round(self, request: Request) -> Response:
        from chrono_flare_ftso.api import answer, integer

        number = integer(request.path_params["round"])
        question = await self._asked(request)
        async with _bounded():
            values = await (self._frozen(number, question.feeds) if 0 < number <= LAST_ROUND else self._now())
        return answer(b'{"votingRoundId":%d,"data":%b}' % (number, question.listed(values)), 201)

    async def _of_now(self, request: Request) -> Response:
        from chrono_flare_ftso.api import answer

        question = await self._asked(request)
        async with _bounded():
            values = await self._now()
        return answer(b'{"data":%b}' % question.listed(values), 201)

    async def _of_volumes(self, request: Request) -> Response:
        from chrono_flare_ftso.api import answer, bad_request, integer

        window = integer(request.query_params.get("window", "60"))
        if not 1 <= window <= HISTORY:
            raise bad_request(f"expected a window of 1 to {HISTORY} seconds")
        question = await self._asked(request)
        async with _bounded():
            report = await self._newest()
        rates, now, rows = rates_of(report), self.context.clock.now(), []
        for entry, name in zip(question.entries, question.names, strict=True):
            traded = self._volumes.of_feed(name, window, now, rates)
            listing = [{"exchange": exchange, "volume": volume} for exchange, volume in traded.items()]
            rows.append(b'{"feed":%b,"volumes":%b}' % (entry, msgspec.json.encode(listing)))
        return answer(b'{"data":[%b]}' % b",".join(rows), 201)

    async def _health(self, request: Request) -> Response:  # noqa: ARG002 - what every endpoint is given
        from chrono_flare_ftso.api import answer

        age = self._current.age(self.context.clock.now())
        return answer({"status": "up", "priced": None if age is None else f"{age / 1e9:.3f} s ago"})

    async def _asked(self, request: Request) -> Question:
        """Return what a request asks."""
        from chrono_flare_ftso.api import read

        body = await read(request)
        question = self._questions.get(body)
        if question is None:
            question = self._questions[body] = self._read(body)
        self._questions.move_to_end(body)
        if len(self._questions) > QUESTIONS:
            self._questions.popitem(last=False)
        return question

    def _read(self, body: bytes) -> Question:
        from chrono_flare_ftso.api import Failed, Refused, bad_request, parsed

        if self.config.errors == "reference" and body.strip() in {b"", b"{}"}:
            # as in the reference, whose list of feeds is then undefined
            raise Failed
        if not body.strip():
            raise bad_request(f"Validation failed ({_EXPECTED} is expected)")
        entries = [bytes(entry) for entry in parsed(body, _BODY, _EXPECTED).feeds]
        if len(entries) > FEED_LIMIT:
            raise Refused(413, f"expected at most {FEED_LIMIT} feeds, were {len(entries)}", "Payload Too Large")
        feeds = [parsed(entry, _ENTRY, _EXPECTED) for entry in entries]
        return Question(entries, feeds, [self._feeds.name(feed) for feed in feeds])

    async def _now(self) -> Values:
        """Return the values of a pricing that counts as now."""
        return self._current.values(await self._newest())

    async def _newest(self) -> Report:
        """Return the newest report where it counts as now, and have the next one made before it no longer does."""
        now, self._wanted = self.context.clock.now(), True
        if self._pricing is None and self._current.due(now):
            self._price()
        usable = self._current.usable(now, coming=self._pricing is not None)
        if usable is not None:
            return usable
        if self._pricing is None:
            return await self.asking.report(PRICED_WITHIN)
        return await asyncio.shield(self._pricing)

    def _price(self) -> None:
        self._wanted = False
        self._pricing = asyncio.create_task(self.asking.report(PRICED_WITHIN))
        self._pricing.add_done_callback(self._priced)

    def _priced(self, done: asyncio.Task[Report]) -> None:
        self._pricing = None
        if not done.cancelled():
            # whoever waited has it; where nobody did, nothing is lost
            done.exception()
            wait = max(self._current.due_in(self.context.clock.now()) / 1e9, _PAUSE)
            asyncio.get_running_loop().call_later(wait, self._ahead)

    def _ahead(self) -> None:
        """Have the next report made where the last one was asked for: whoever asks again need not wait for it."""
        if self._wanted and self._pricing is None and self._current.due(self.context.clock.now()):
            self._price()

    async def _frozen(self, number: int, feeds: Sequence[Mapping[str, Any]]) -> Values:
        """Return the values of a round's first request; whoever asks meanwhile has the same."""
        values = self._answers.recent(number)
        if values is not None:
            return values
        freezing = self._freezing.get(number)
        if freezing is None:
            freezing = self._freezing[number] = asyncio.create_task(self._freeze(number, feeds))
            freezing.add_done_callback(lambda done: self._froze(number, done))
        return await asyncio.shield(freezing)

    async def _freeze(self, number: int, feeds: Sequence[Mapping[str, Any]]) -> Values:
        loop = asyncio.get_running_loop()
        if self._answers.known(number):
            values = await loop.run_in_executor(self._disk, self._answers.find, number)
            if values is not None:
                return values
        values = Values.of(await self.asking.report(PRICED_WITHIN))
        try:
            values = await loop.run_in_executor(self._disk, self._answers.freeze, number, values)
        except PermanentError as error:
            # the promise holds for as long as the process lives: a round that is made is worth more than a later repeat
            self.tell("degraded", "unwritten", str(error))
            values = self._answers.hold(number, values)
        for told in self.on_first:
            loop.call_soon(told, number, feeds, values.prices)
        return values

    def _froze(self, number: int, done: asyncio.Task[Values]) -> None:
        self._freezing.pop(number, None)
        if not done.cancelled():
            # whoever waited has it; where nobody does any more, nothing is lost
            done.exception()
        with contextlib.suppress(RuntimeError):
            self._disk.submit(self._answers.tidy)


@contextlib.asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """Be done in time, or answer 503: the callers ask again, and a late answer would be of no use to them."""
    from chrono_flare_ftso.api import Failed

    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            yield
    except (Unanswered, TimeoutError, PermanentError):
        raise Failed(503, "there is no pricing to answer with; ask again") from None
