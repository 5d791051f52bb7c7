"""Polled sources: a venue is a request and a codec, chrono does the asking."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NoReturn

import anyio
from pydantic import Field, field_validator

from chrono.core.component import Emit
from chrono.core.errors import FrameError, PermanentError
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.client import TIMEOUT, http_client
from chrono.core.transport.codec import FrameSource
from chrono.core.transport.endpoint import checked, positive, shown
from chrono.core.transport.notices import Notices
from chrono.core.transport.outage import Outage, from_error, from_status, pause
from chrono.core.types import SECOND, Ack, Market, Quote, RateLimit, Rejected, Signal, Tick, Ticker, Trade
from chrono.core.units import Duration

if TYPE_CHECKING:
    import httpx

_TICKS = (Trade, Quote, Ticker)
_LARGEST = 16 * 2**20
_SECRET = ("authorization", "cookie", "key", "secret", "signature", "token")


class PollingSource(FrameSource):
    """A venue that is asked over HTTP: say what to ask, and how to read an answer.

    chrono asks every so often, honours what the venue says about that, waits longer while it fails, and reports.

    Attributes
    ----------
    url : str
        Where to ask, unless the user says otherwise; `request` builds on `address`.
    answer_within : float
        Seconds for one request as a whole.

    Examples
    --------
    >>> import httpx
    >>> from chrono.core.types import Ticker
    >>> class Toy(PollingSource):
    ...     type = "toy"
    ...     url = "https://toy.example/tickers"
    ...     def request(self, symbols):
    ...         return httpx.Request("GET", self.address, params={"symbols": ",".join(symbols)})
    ...     def parse(self, frame):
    ...         yield from (Ticker(row["s"], row["last"]) for row in frame)
    >>> str(Toy().request(["BTC", "ETH"]).url)
    'https://toy.example/tickers?symbols=BTC%2CETH'
    """

    url: ClassVar[str] = ""
    answer_within: ClassVar[float] = TIMEOUT

    class Config(FrameSource.Config):
        """Options every polled source has."""

        url: str = Field(default="", repr=False)
        """Where to ask in place of the venue's usual address, http:// or https://."""
        every: Duration = Duration("2s")
        """How often to ask."""

        @field_validator("url")
        @classmethod
        def _http(cls, value: str) -> str:
            return checked(value, ("http", "https"))

        @field_validator("every")
        @classmethod
        def _some_time(cls, value: Duration) -> Duration:
            return positive(value)

    @property
    def address(self) -> str:
        """Where to ask: what the user wrote, else the venue's usual address."""
        return str(self.config.url or self.url)

    @abstractmethod
    def request(self, symbols: Sequence[str]) -> httpx.Request | Iterable[httpx.Request]:
        """Return what to ask for these symbols, in one request or in several; called anew each time."""

    def http(self) -> httpx.AsyncClient:
        """Return the client that asks; it is closed when the source stops."""
        return http_client()

    def backoff(self) -> Backoff:
        """Return how long to wait while the venue fails."""
        return Backoff()

    @property
    def frame_errors(self) -> int:
        """Answers that could not be read so far."""
        return self._notices.frame_errors

    @cached_property
    def _notices(self) -> Notices:
        return Notices(self.context)

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Emit ticks until cancelled; whatever the venue does is a status, and another attempt."""
        symbols = {market.symbol or self.symbol(market.pair): market for market in markets}
        self._notices.begin(symbols)
        async with self.http() as http:
            await _Poll(self, http, emit, self._notices).run(list(symbols))


class _Poll:
    """One run of a polled source; each request of a round is a slot with troubles and waits of its own."""

    def __init__(self, source: PollingSource, http: httpx.AsyncClient, emit: Emit, notices: Notices) -> None:
        self._source = source
        self._context = source.context
        self._http = http
        self._emit = emit
        self._notices = notices
        self._session = source.session()
        self._every: float = source.config.every.seconds
        self._backoffs: dict[int, Backoff] = {}
        self._resting: dict[int, int] = {}

    async def run(self, symbols: Sequence[str]) -> NoReturn:
        while True:
            await self._context.clock.sleep(await self._round(symbols))

    async def _round(self, symbols: Sequence[str]) -> float:
        """Ask everything that is not at rest; return the seconds from its end to the next round."""
        started = anyio.current_time()
        requests = _listed(self._source.request(symbols))
        for slot, request in enumerate(requests):
            if self._resting.get(slot, 0) > self._context.clock.now():
                continue
            backoff = self._backoffs.setdefault(slot, self._source.backoff())
            outage = await self._ask(request)
            if outage is None:
                backoff.reset()
                self._notices.live(slot)
                continue
            self._notices.down(outage, slot, whole=outage.whole)
            wait = max(self._every, outage.wait, backoff.next())
            if outage.whole:
                return wait
            self._resting[slot] = self._context.clock.now() + int(wait * SECOND)
        soonest = min((self._resting.get(slot, 0) for slot in range(len(requests))), default=0)
        due = self._every - (anyio.current_time() - started)
        return max(due, (soonest - self._context.clock.now()) / SECOND, 0.0)

    async def _ask(self, request: httpx.Request) -> Outage | None:
        where = shown(str(request.url), self._source.config.written("url"))
        for name, value in self._http.headers.items():
            request.headers.setdefault(name, value)
        try:
            with anyio.fail_after(self._source.answer_within):
                response, body = await self._fetch(request)
        except PermanentError:
            raise
        except Exception as error:  # noqa: BLE001 - a client has many words for a request that failed
            return from_error(error, where, self._context.clock.now())
        received = self._context.clock.now()
        self._record(where, response, body, received)
        if not response.is_success:
            return from_status(response.status_code, response.headers, where, received)
        try:
            items = self._source.read(body, self._session)
        except FrameError as error:
            self._notices.damaged(error, received)
            return _unreadable(where, response.headers.get("content-type", ""))
        return self._take(items, received, where)

    async def _fetch(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = await self._http.send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    raise ValueError("expected an answer of at most 16 MiB")
        finally:
            await response.aclose()
        return response, bytes(body)

    def _take(self, items: Sequence[Tick | Signal], received: int, where: str) -> Outage | None:
        signals: list[Signal] = []
        for item in items:
            if isinstance(item, _TICKS):
                self._emit(item, received)
            else:
                signals.append(item)
        for item in signals:
            if isinstance(item, Rejected):
                self._notices.rejected(item)
            elif isinstance(item, Ack):
                self._notices.accepted(item.symbols, named=bool(item.symbols))
            elif isinstance(item, RateLimit):
                return Outage(
                    "rate_limited",
                    f"{where} asks for a pause ({item.reason[:120]}): waiting as asked",
                    pause(item.retry_after),
                )
        return None

    def _record(self, where: str, response: httpx.Response, body: bytes, received: int) -> None:
        if (recorder := self._context.recorder) is None:
            return
        headers = {name: value for name, value in response.headers.items() if not any(word in name for word in _SECRET)}
        recorder.write(
            self._context.name,
            "http",
            _text(body),
            ts=received,
            conn=1,
            url=where,
            status=response.status_code,
            headers=headers,
        )


def _listed(asked: httpx.Request | Iterable[httpx.Request]) -> Sequence[httpx.Request]:
    import httpx  # loaded by now

    return (asked,) if isinstance(asked, httpx.Request) else tuple(asked)


def _unreadable(where: str, kind: str) -> Outage:
    what = "a web page" if "html" in kind else "something"
    advice = "trying again with growing waits; if it lasts, open the address in a browser and update the plugin"
    return Outage(
        "unreadable", f"{where} answered with {what} that is not what the venue documents: {advice}", whole=False
    )


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body
