"""Asking over HTTP, again and again: what the venue says about that is honoured, whatever it answers is a status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import anyio
import msgspec

from chrono.core.component import Emit
from chrono.core.errors import FrameError, PermanentError
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.budgets import Account
from chrono.core.transport.endpoint import shown
from chrono.core.transport.notices import Notices, Slot
from chrono.core.transport.outage import Outage, from_error, from_status, pause
from chrono.core.types import SECOND, Ack, Quote, RateLimit, Rejected, Signal, Tick, Ticker, Trade

if TYPE_CHECKING:
    import httpx

    from chrono.core.transport.polling import PollingSource

_TICKS = (Trade, Quote, Ticker)
_LARGEST = 16 * 2**20
_SECRET = ("authorization", "cookie", "key", "secret", "signature", "token")


class Asking:
    """The rounds of a polled source; each request of a round is a slot with troubles and waits of its own.

    Parameters
    ----------
    source : PollingSource
        What to ask and how to read it.
    emit : Emit
        Where ticks go.
    notices : Notices
        Where troubles go.
    account : callable
        Returns what requests are counted on.
    beside : str
        The name of its slots where it works beside a stream.

    Attributes
    ----------
    asked_at : int
        Nanoseconds at which what is being read was asked for.
    slots : set of Slot
        Under what `notices` knows the requests so far.
    """

    def __init__(
        self, source: PollingSource, emit: Emit, notices: Notices, account: Callable[[], Account], beside: str = ""
    ) -> None:
        self._source = source
        self._context = source.context
        self._emit = emit
        self._notices = notices
        self._account = account
        self._beside = beside
        self._session = source.session()
        self._every: float = source.config.every.seconds
        self._backoffs: dict[Slot, Backoff] = {}
        self._resting: dict[Slot, int] = {}
        self._route = source.routes.current
        self.asked_at = 0
        self.slots: set[Slot] = set()

    async def run(self, symbols: Callable[[], Sequence[str]]) -> None:
        """Ask for what `symbols` returns, until there is nothing."""
        routes = self._source.routes
        while symbols():
            proxy = routes.current.proxy
            # a client belongs to its proxy
            async with self._source.http() as http:
                while routes.current.proxy == proxy and (wanted := symbols()):
                    await self._context.clock.sleep(await self._round(wanted, http))

    async def _round(self, symbols: Sequence[str], http: httpx.AsyncClient) -> float:
        """Ask everything that is not at rest; return the seconds from its end to the next round."""
        started = anyio.current_time()
        if self._source.routes.homeward:
            self._source.routes.go_home()
        self._route = self._source.routes.current
        requests = _listed(self._source.request(symbols))
        slots = [(self._beside, number) if self._beside else number for number in range(len(requests))]
        for slot, request in zip(slots, requests, strict=True):
            if self._resting.get(slot, 0) > self._context.clock.now():
                continue
            self.slots.add(slot)
            backoff = self._backoffs.setdefault(slot, self._source.backoff())
            outage = await self._ask(request, http)
            if outage is None:
                backoff.reset()
                self._source.routes.healthy(self._route)
                self._notices.live(slot)
                continue
            self._notices.down(outage, slot, whole=outage.whole and not self._beside)
            wait = max(self._every, self._leave(outage), backoff.next())
            if outage.whole:
                return wait
            self._resting[slot] = self._context.clock.now() + int(wait * SECOND)
        soonest = min((self._resting.get(slot, 0) for slot in slots), default=0)
        due = self._every - (anyio.current_time() - started)
        return max(due, (soonest - self._context.clock.now()) / SECOND, 0.0)

    def _leave(self, outage: Outage) -> float:
        """Return for how long to leave the venue alone; none at all where there is another way to it."""
        if not outage.whole:
            return outage.wait
        if outage.of_address:
            self._account().pause(outage.wait, self._context.clock.now())
        if self._source.routes.failed(self._route, outage):
            self._notices.moved(self._source.routes.current.shown)
            return self._source.routes.wait
        return outage.wait

    async def _ask(self, request: httpx.Request, http: httpx.AsyncClient) -> Outage | None:
        where = shown(str(request.url), self._source.config.written("url"))
        for name, value in http.headers.items():
            request.headers.setdefault(name, value)
        self._notices.waited(await self._account().request(self._context.clock, self._source.weight(request)))
        self.asked_at = self._context.clock.now()
        try:
            with anyio.fail_after(self._source.answer_within):
                response, body = await _fetch(request, http)
        except PermanentError:
            raise
        except Exception as error:  # noqa: BLE001 - a client has many words for a request that failed
            return from_error(error, where, self._context.clock.now())
        received = self._context.clock.now()
        if response.is_success and (symbol := request.extensions.get("symbol")) is not None:
            # recorded as it is read, so that a replay knows it too
            body = b'{"symbol":%b,"answer":%b}' % (msgspec.json.encode(symbol), body)
        self._record(where, response, body, received)
        if not response.is_success:
            return from_status(response.status_code, response.headers, where, received)
        try:
            items = self._source.read(body, self._session)
        except FrameError as error:
            self._notices.damaged(error, received)
            return _unreadable(where, response.headers.get("content-type", ""))
        return self._take(items, received, where)

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
                    of_address=item.address,
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
            conn=0 if self._beside else 1,
            url=where,
            status=response.status_code,
            headers=headers,
        )


async def _fetch(request: httpx.Request, http: httpx.AsyncClient) -> tuple[httpx.Response, bytes]:
    response = await http.send(request, stream=True)
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST:
                raise ValueError("expected an answer of at most 16 MiB")
    finally:
        await response.aclose()
    return response, bytes(body)


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
