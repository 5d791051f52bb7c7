"""The ladder of a silent market over real sockets, seven times as fast as usual."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any, ClassVar

import anyio
import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chrono.core.board import Board
from chrono.core.clock import WallClock
from chrono.core.component import Context, Status
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.liveness import Bounds
from chrono.core.transport.polling import PollingSource
from chrono.core.transport.websocket import WebSocketSource
from chrono.core.types import Market, Pair, Rejected, Signal, Tick, Ticker, Trade
from chrono.core.units import Duration

pytestmark = pytest.mark.anyio

BTC, ETH = (Market("toy", Pair(base, "USD"), "toy", base) for base in ("BTC", "ETH"))
NUMBERS = count(1)


class Exchange:
    """A venue on this machine: every listed market trades each hundredth of a second, unless it is dead.

    `heals` says what brings a dead market back: `resubscribe`, `reconnect` or nothing.
    """

    def __init__(self, heals: str = "") -> None:
        self.heals = heals
        self.dead: set[str] = set()
        self.sent: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.opened = 0
        self.url = self.rest = ""
        self.up = True
        self.sockets: set[ServerConnection] = set()

    async def handle(self, socket: ServerConnection) -> None:
        self.opened += 1
        if self.opened > 1 and self.heals == "reconnect":
            self.dead.clear()
        subscribed: set[str] = set()
        self.sockets.add(socket)
        async with anyio.create_task_group() as group:
            group.start_soon(self._trade, socket, subscribed)
            try:
                async for message in socket:
                    self._obey(json.loads(message), subscribed)
            except ConnectionClosed:
                pass
            self.sockets.discard(socket)
            group.cancel_scope.cancel()

    def _obey(self, message: dict[str, Any], subscribed: set[str]) -> None:
        self.sent.append(message)
        again = subscribed | self.dead
        subscribed.difference_update(message.get("unsubscribe", ()))
        for symbol in message.get("subscribe", ()):
            if symbol in again and self.heals == "resubscribe" and self.opened == 1 and len(self.sent) > 1:
                self.dead.discard(symbol)
            subscribed.add(symbol)

    async def _trade(self, socket: ServerConnection, subscribed: set[str]) -> None:
        try:
            while True:
                for symbol in sorted(subscribed - self.dead):
                    await socket.send(json.dumps({"s": symbol, "p": 1.0, "id": next(NUMBERS)}))
                await asyncio.sleep(0.01)
        except ConnectionClosed:
            pass

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode().split()[1]
        except asyncio.IncompleteReadError:
            writer.close()
            return
        self.asked.append(request)
        symbols = request.partition("symbols=")[2].split("%2C")
        rows = [{"s": symbol, "p": 2.0, "id": next(NUMBERS)} for symbol in symbols]
        rows += [{"s": symbol, "last": 3.0} for symbol in symbols] + [{"s": symbol, "p": 4.0} for symbol in symbols]
        body = json.dumps(rows).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def exchange(heals: str = "", port: int = 0) -> AsyncIterator[Exchange]:
    """Serve one, streams and requests on two ports."""
    local = Exchange(heals)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(local.handle, "127.0.0.1", port, close_timeout=0.1))
        web = await stack.enter_async_context(await asyncio.start_server(local.answer, "127.0.0.1", 0))
        local.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v2"
        local.rest = f"http://127.0.0.1:{web.sockets[0].getsockname()[1]}/tickers"
        yield local


class Rest(PollingSource):
    """What the venue answers."""

    type = "toy"

    class Config(PollingSource.Config):
        """Often."""

        every: Duration = Duration("20ms")
        """How often to ask."""

    def request(self, symbols: Sequence[str]) -> httpx.Request:
        return httpx.Request("GET", self.address, params={"symbols": ",".join(sorted(symbols))})

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        for row in frame:
            yield Ticker(row["s"], row["last"]) if "last" in row else trade(row)


def trade(row: dict[str, Any]) -> Trade:
    return Trade(row["s"], row["p"], 1.0, "", str(row.get("id", "")))


class Toy(WebSocketSource):
    """What the venue streams."""

    type = "toy"
    bounds: ClassVar[Bounds] = Bounds(shortest=0.3, longest=9.0, unknown=3.0, down=0.5, again=1.0, reconnects=0.1)

    def backoff(self) -> Backoff:
        return Backoff(base=0.02, cap=0.05)

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield {"subscribe": list(symbols)}

    def unsubscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield {"unsubscribe": list(symbols)}

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        yield Rejected(frame["rejected"], "already subscribed") if "rejected" in frame else trade(frame)


class Polled(Toy):
    """The same, with requests to fall back on."""

    rest = Rest

    @property
    def polled(self) -> PollingSource:  # type: ignore[override]
        return self.__dict__.setdefault("_polled", Rest(Rest.Config(url=self.there), self.context))

    there: ClassVar[str] = ""


class Seen:
    """What came out of a source."""

    def __init__(self, statuses: list[Status]) -> None:
        self.board = Board({BTC: 10**12, ETH: 10**12}, WallClock())
        self.ticks: list[Tick] = []
        self.statuses = statuses
        self.source: Any = None

    def emit(self, tick: Tick, received: int | None = None) -> None:
        self.ticks.append(tick)
        self.board.inlets["toy"](tick, received)

    def codes(self, market: Market | None = ETH) -> list[str]:
        """Return the codes of a market's statuses, or their state where there is none."""
        return [status.code or status.state for status in self.statuses if status.market == market]

    def count(self, symbol: str, price: float) -> int:
        """Return how many ticks came of a symbol at a price: 1 streams, 2, 3 and 4 are polled."""
        return Counter((tick.symbol, getattr(tick, "price", getattr(tick, "last", 0))) for tick in self.ticks)[
            symbol, price
        ]


@pytest.fixture
def context(statuses: list[Status], notebook: Any) -> Context:
    """Return a context with the machine's clock."""
    return Context("toy", WallClock(), statuses.append, None, notebook)


@asynccontextmanager
async def running(kind: type[Toy], local: Exchange, context: Context, **options: Any) -> AsyncIterator[Seen]:
    """Run a source of two markets until both have shown their rhythm, and go on."""
    seen = Seen(context.report.__self__)  # type: ignore[attr-defined]
    made = type(kind.__name__, (kind,), {"there": local.rest})
    source = seen.source = made(made.Config.model_validate({"url": local.url, **options}), context)
    async with source, anyio.create_task_group() as group:
        group.start_soon(source.run, [BTC, ETH], seen.emit)
        await until(lambda: min(seen.count("BTC", 1.0), seen.count("ETH", 1.0)) > 30)
        yield seen
        group.cancel_scope.cancel()


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await anyio.sleep(0.002)


async def test_silent_symbol_is_resubscribed_alone(context: Context) -> None:
    """The others stay as they are; it is unsubscribed first, and live again when it comes."""
    async with exchange("resubscribe") as local, running(Toy, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: "live" in seen.codes())
        await anyio.sleep(0.1)
    assert local.opened == 1
    assert local.sent[1:] == [{"unsubscribe": ["ETH"]}, {"subscribe": ["ETH"]}]
    assert seen.codes() == ["resubscribed", "live"]
    assert seen.codes(BTC) == []
    assert "subscribed again" in next(status.message for status in seen.statuses if status.market == ETH)
    assert seen.source.counts["resubscribed"] == seen.source.counts["back"] == 1


async def test_dead_symbol_is_noticed_in_time(context: Context) -> None:
    """Not before the shortest time, and soon after it."""
    async with exchange() as local, running(Toy, local, context) as seen:
        local.dead.add("ETH")
        began = anyio.current_time()
        await until(seen.codes)
        took = anyio.current_time() - began
    assert 0.25 <= took < 0.8


async def test_symbol_that_stays_silent_costs_one_new_connection(context: Context) -> None:
    """After a subscription in vain; the source says why, and everything streams again."""
    async with exchange("reconnect") as local, running(Toy, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: "live" in seen.codes())
    assert local.opened == 2
    assert seen.codes() == ["resubscribed", "reconnected", "live"]
    assert "market_silent" in seen.codes(None)


async def test_next_address_is_used_for_a_market_that_the_first_one_does_not_bring(context: Context) -> None:
    """The last step of a stream."""
    async with exchange() as local, exchange() as other:  # noqa: SIM117 - what runs is told from what it runs on
        async with running(Toy, local, context, url=[local.url, other.url]) as seen:
            local.dead.add("ETH")
            await until(lambda: "live" in seen.codes())
            assert other.opened == 1
    assert seen.codes() == ["resubscribed", "reconnected", "moved", "live"]
    assert other.url in next(status.message for status in seen.statuses if status.code == "moved")


async def test_market_that_no_stream_brings_is_polled_and_handed_back(context: Context) -> None:
    """Only it is asked for, until the stream has brought it for a while; then nothing is asked any more."""
    async with exchange() as local, running(Polled, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: seen.count("ETH", 2.0) > 3)
        local.dead.clear()
        await until(lambda: seen.codes()[-1] == "live")
        await anyio.sleep(0.05)
        asked = len(local.asked)
        await anyio.sleep(0.1)
        assert len(local.asked) == asked
    assert seen.codes()[0] == "resubscribed"
    assert [code for code in seen.codes() if code not in {"resubscribed", "reconnected"}] == ["polled", "live"]
    assert {request.partition("?")[2] for request in local.asked} == {"symbols=ETH"}


async def test_all_markets_are_polled_while_the_stream_is_down(context: Context) -> None:
    """The source is degraded then, not waiting; when the stream is back, nothing is asked for."""
    async with exchange() as other, AsyncExitStack() as stack:
        local = await stack.enter_async_context(exchange())
        local.rest = other.rest
        async with running(Polled, local, context) as seen:
            port = int(local.url.rpartition(":")[2].partition("/")[0])
            await stack.aclose()
            await until(lambda: min(seen.count("BTC", 2.0), seen.count("ETH", 2.0)) > 2)
            assert seen.codes(BTC)[-1] == seen.codes(ETH)[-1] == "polled"
            await until(lambda: [s.state for s in seen.statuses if s.market is None][-1] == "degraded")
            async with exchange(port=port):
                await until(lambda: seen.codes(BTC)[-1] == seen.codes(ETH)[-1] == "live")
                await anyio.sleep(0.05)
                asked = len(other.asked)
                await anyio.sleep(0.1)
                assert len(other.asked) == asked
                assert next(s.state for s in reversed(seen.statuses) if s.market is None) == "live"


async def test_polled_trades_without_an_id_are_dropped(context: Context) -> None:
    """The board could not tell them from those of the stream; they are counted."""
    async with exchange() as local, running(Polled, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: seen.count("ETH", 2.0) > 1)
    assert seen.count("ETH", 4.0) == 0
    assert seen.source.counts["polled_without_id"] > 0


async def test_polled_ticker_does_not_outrank_what_the_stream_said_meanwhile(context: Context) -> None:
    """What was asked for before the stream spoke is older than that; a trade is known by its id."""
    from chrono.core.transport.fallback import Fallback
    from chrono.core.transport.notices import Notices

    taken: list[Tick] = []
    rest = Rest(Rest.Config(url="http://127.0.0.1/"), context)
    fallback = Fallback(rest, lambda tick, received=None: taken.append(tick), Notices(context), lambda: rest.account)
    seen: dict[str, int] = {}
    fallback.add(["ETH"], seen)
    fallback._asking.asked_at = 10
    for seen["ETH"], tick in ((9, Ticker("ETH", 1.0)), (11, Ticker("ETH", 2.0)), (11, Trade("ETH", 3.0, 1.0, "", "7"))):
        fallback._take(tick)
    fallback._take(Ticker("BTC", 4.0))
    assert [getattr(tick, "price", getattr(tick, "last", 0)) for tick in taken] == [1.0, 3.0]


async def test_a_second_subscription_that_is_refused_is_no_rejection(context: Context) -> None:
    """Some venues refuse what they already send: the market is not told as rejected."""
    async with exchange() as local, running(Toy, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: seen.codes() == ["resubscribed"])
        for socket in local.sockets:
            await socket.send('{"rejected": "ETH"}')
        await anyio.sleep(0.05)
    assert "rejected" not in seen.codes()


async def test_nothing_is_left_of_a_source_that_polled(context: Context) -> None:
    """Neither a task nor a connection."""
    before = asyncio.all_tasks()
    async with exchange() as local, running(Polled, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: seen.count("ETH", 2.0) > 1)
    await until(lambda: asyncio.all_tasks() <= before)


async def test_recorded_answers_are_read_by_what_asked_for_them(context: Context, notebook: Any) -> None:
    """A replay takes frames and answers alike: each by its own codec, under connections of their own."""
    context = Context("toy", context.clock, context.report, notebook, notebook)
    async with exchange() as local, running(Polled, local, context) as seen:
        local.dead.add("ETH")
        await until(lambda: seen.count("ETH", 2.0) > 1)
        source = seen.source
    answers = notebook.of("http")
    assert {line["conn"] for line in answers} == {0}
    assert {line["conn"] for line in notebook.of("ws")} >= {1}
    trade, *_ = source.reader("http").read(str(answers[0]["data"]))
    assert (trade.symbol, trade.price) == ("ETH", 2.0)
    assert source.reader("ws") is source


async def test_market_that_the_venue_does_not_list_is_left_alone(context: Context) -> None:
    """Who knows the listings says so; nothing is done about its silence."""
    async with exchange() as local, running(Toy, local, context) as seen:
        seen.source.absent.add("ETH")
        local.dead.add("ETH")
        await anyio.sleep(0.8)
    assert seen.codes() == []
