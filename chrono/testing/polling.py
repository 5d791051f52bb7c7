"""What every source that asks over HTTP promises, checked against recorded answers; no socket is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import anyio
import httpx
import msgspec
import pytest

from chrono.core.component import Context, Status
from chrono.core.transport import PollingSource
from chrono.core.types import Market, Pair, Tick, Trade
from chrono.testing.connection import Hasty, at_work, grown, until
from chrono.testing.frames import Recorded, recorded
from chrono.testing.markets import PAGE

__all__ = ["PollingChecks"]

ADDRESS = "http://venue.invalid"
RETRY_AFTER = 7

Answers: TypeAlias = Callable[[httpx.Request], httpx.Response | None]


class _Venue(httpx.AsyncBaseTransport):
    """Answers with what was recorded, after what a script says first.

    Attributes
    ----------
    asked : list of (str, float)
        Where each request went, and the seconds that had been waited until then.
    served : list of Recorded
        The answers that were given, in order.
    """

    def __init__(self, frames: Sequence[Recorded], first: Sequence[httpx.Response], clock: Hasty) -> None:
        self.asked: list[tuple[str, float]] = []
        self.served: list[Recorded] = []
        self.closed = 0
        self._clock = clock
        self._first = list(first)
        self._turns = {symbol: cycle(found) for symbol, found in _by_symbol(frames).items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((str(request.url), self._clock.slept))
        if self._first:
            return self._first.pop(0)
        turn = self._turns.get(request.extensions.get("symbol"))
        if turn is None:
            return httpx.Response(404)
        frame = next(turn)
        self.served.append(frame)
        return httpx.Response(200, content=_body(frame))

    @property
    def again(self) -> bool:
        """Whether what was asked for first was asked for again."""
        (first, _), *later = self.asked or [("", 0.0)]
        return any(url == first for url, _ in later)

    @property
    def rest(self) -> float:
        """Seconds from the first request to when the same was asked again."""
        (first, at), *later = self.asked
        return next(slept for url, slept in later if url == first) - at

    async def aclose(self) -> None:
        self.closed += 1


class _Asking:
    """A source at work, and what was seen of it."""

    def __init__(self, venue: _Venue, clock: Hasty) -> None:
        self.source: Any = None
        self.venue = venue
        self.clock = clock
        self.ticks: list[Tick] = []
        self.statuses: list[Status] = []

    def emit(self, tick: Tick, received: int | None = None) -> None:  # noqa: ARG002 - the board's business
        self.ticks.append(tick)

    @property
    def codes(self) -> list[str]:
        """The codes of the source as a whole, in order."""
        return [status.code for status in self.statuses if status.market is None]


class PollingChecks:
    """S40 to S46, for sources that chrono asks over HTTP, and for the fallback of those that stream."""

    source: ClassVar[type[Any]]
    pairs: ClassVar[Sequence[str]]
    recording: ClassVar[str]
    rest_recording: ClassVar[str]
    options: ClassVar[Mapping[str, Any]]
    beside: Callable[[str], Path]
    make: Callable[..., Any]

    def test_s40_it_asks_where_the_user_says(self) -> None:
        """Every request goes to the address of the option `url`, and the same pairs are asked for the same again."""
        polled = self._polled(url=ADDRESS)
        asked = [list(_requests(polled, self._symbols)) for _ in range(2)]
        assert asked[0], "expected a request, was none"
        for request in asked[0]:
            assert str(request.url).startswith(ADDRESS), f"expected a request to {ADDRESS}, was to {request.url}"
        seen = [[(request.method, request.url, request.extensions.get("symbol")) for request in one] for one in asked]
        assert seen[0] == seen[1], f"expected the same requests again, was {seen}"

    @pytest.mark.anyio
    async def test_s41_answers_become_ticks_in_their_order(self) -> None:
        """The recorded answers, asked for over HTTP, give exactly the ticks that are expected of them."""
        async with self._asking() as asking:
            await until(
                lambda: _whole(asking.venue.served) >= _whole(self._answers), "every recorded answer to be used"
            )
        wanted = [tick for frame in asking.venue.served for tick in frame.expected]
        # the last answer may have been under way
        assert asking.ticks == wanted[: len(asking.ticks)], "expected the ticks in the order of their answers"
        assert asking.ticks, "expected ticks in the recorded answers, was none"

    @pytest.mark.anyio
    async def test_s42_a_pause_that_is_asked_for_is_made(self) -> None:
        """After HTTP 429 nothing is asked for as long as the venue said; then it goes on."""
        refusal = httpx.Response(429, headers={"Retry-After": str(RETRY_AFTER)})
        async with self._asking([refusal]) as asking:
            await until(lambda: asking.venue.again and bool(asking.ticks), "a tick after the pause")
        rest = asking.venue.rest
        assert rest >= RETRY_AFTER, f"expected {RETRY_AFTER}s of rest, was {rest:.3g}s"
        assert "rate_limited" in asking.codes, f"expected a status rate_limited, was {asking.codes}"

    @pytest.mark.anyio
    async def test_s43_a_web_page_is_no_answer(self) -> None:
        """HTML in place of an answer is told with a code, gives no tick, and is asked again after a wait."""
        page = httpx.Response(200, content=PAGE, headers={"Content-Type": "text/html"})
        async with self._asking([page]) as asking:
            await until(lambda: asking.venue.again, "the same to be asked for again")
            await until(lambda: bool(asking.ticks), "a tick after the web page")
        assert "unreadable" in asking.codes, f"expected a status unreadable, was {asking.codes}"
        assert asking.venue.rest > 0, "expected a wait before the next request, was none"

    @pytest.mark.anyio
    async def test_s44_a_venue_that_is_down_is_asked_again(self) -> None:
        """HTTP 503 is told with a code and a message; when the venue is back, so are the ticks."""
        async with self._asking([httpx.Response(503)] * 3) as asking:
            await until(lambda: bool(asking.ticks), "a tick after the venue came back")
        assert "unavailable" in asking.codes, f"expected a status unavailable, was {asking.codes}"
        mute = [s for s in asking.statuses if s.state == "waiting" and not (s.code and s.message)]
        assert not mute, f"expected a code and a message with trouble, was {mute}"
        assert asking.clock.waits[0] > 0, f"expected a wait before each attempt, was {asking.clock.waits[:3]}"

    def test_s44_waits_grow_up_to_a_bound(self) -> None:
        """A venue that stays down is asked less and less often, but for ever."""
        grown(self._polled())

    @pytest.mark.anyio
    async def test_s45_cancelling_leaves_nothing_behind(self) -> None:
        """A source that is stopped leaves at once, its client closed and no task left; it can be started again."""
        before = len(asyncio.all_tasks())
        async with self._asking() as asking:
            await until(lambda: bool(asking.ticks), "a tick")
            left = anyio.current_time()
        took = anyio.current_time() - left
        assert took < 2.0, f"expected to leave within 2s, was {took:.2g}s"
        assert asking.venue.closed, "expected the client to be closed"
        await until(lambda: len(asyncio.all_tasks()) <= before, "no task to be left")
        async with self._at_work(asking):
            asking.ticks.clear()
            await until(lambda: bool(asking.ticks), "a tick in the second run")

    def test_s46_a_fallback_speaks_of_the_markets_of_the_stream(self) -> None:
        """What is asked for while the stream is down bears its symbols, and trades have an id to be known again by."""
        if issubclass(self.source, PollingSource):
            pytest.skip("this source has no stream to fall back from")
        known = set(self._symbols)
        for tick in (tick for frame in self._answers for tick in frame.ticks):
            assert tick.symbol in known, f"expected one of the stream's symbols {sorted(known)}, was {tick.symbol}"
            assert not isinstance(tick, Trade) or tick.trade_id, f"expected an id of each trade, was none of {tick}"

    # what the checks stand on

    @property
    def _symbols(self) -> Sequence[str]:
        source = self.make()
        return [source.symbol(Pair.parse(text)) for text in self.pairs]

    def _polled(self, **options: Any) -> PollingSource:
        """Return what asks over HTTP: the source, or what stands beside its stream."""
        cls = self.source if issubclass(self.source, PollingSource) else getattr(self.source, "rest", None)
        if cls is None:
            pytest.skip("this source asks nothing over HTTP")
        if not (self.rest_recording or cls is self.source):
            pytest.skip("no answer of the venue is recorded: put some beside the test, named in `rest_recording`")
        given = {**self.options, **options} if cls is self.source else options
        polled: PollingSource = cls(cls.Config(**given), Context(self.source.type))
        return polled

    @cached_property
    def _answers(self) -> Sequence[Recorded]:
        polled = self._polled()
        path = self.beside(self.recording if isinstance(polled, self.source) else self.rest_recording)
        return [frame for frame in recorded(path, polled) if frame.record.holds_frame]

    @asynccontextmanager
    async def _asking(self, first: Sequence[httpx.Response] = ()) -> AsyncIterator[_Asking]:
        polled, clock = self._polled(url=ADDRESS), Hasty()
        venue = _Venue(self._answers, first, clock)

        def http(_: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=venue)

        local = type(type(polled).__name__, (type(polled),), {"http": http})
        asking = _Asking(venue, clock)
        asking.source = local(polled.config, Context(self.source.type, clock, asking.statuses.append))
        async with self._at_work(asking):
            yield asking

    @asynccontextmanager
    async def _at_work(self, asking: _Asking) -> AsyncIterator[None]:
        markets = [
            Market(self.source.type, Pair.parse(text), symbol=symbol)
            for text, symbol in zip(self.pairs, self._symbols, strict=True)
        ]
        async with at_work(asking.source, markets, asking.emit):
            yield


def _whole(frames: Sequence[Recorded]) -> set[int]:
    return {frame.record.ts for frame in frames}


def _requests(polled: PollingSource, symbols: Sequence[str]) -> Sequence[httpx.Request]:
    asked = polled.request(symbols)
    return [asked] if isinstance(asked, httpx.Request) else list(asked)


def _by_symbol(frames: Sequence[Recorded]) -> Mapping[str | None, Sequence[Recorded]]:
    """Return the recorded answers by the symbol that was asked for, None where they name it themselves."""
    found: dict[str | None, list[Recorded]] = {}
    for frame in frames:
        wrapped = _wrapped(frame)
        found.setdefault(None if wrapped is None else wrapped[0], []).append(frame)
    return found


def _body(frame: Recorded) -> bytes:
    """Return an answer as the venue gave it, without the symbol that was recorded with it."""
    wrapped = _wrapped(frame)
    if wrapped is not None:
        return wrapped[1]
    whole = frame.record.frame
    return whole if isinstance(whole, bytes) else whole.encode()


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    answer: msgspec.Raw


def _wrapped(frame: Recorded) -> tuple[str, bytes] | None:
    try:
        found = msgspec.json.decode(frame.record.frame, type=_Wrapped)
    except msgspec.MsgspecError:
        return None
    return found.symbol, bytes(found.answer)
