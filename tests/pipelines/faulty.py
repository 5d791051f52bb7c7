"""Sources of every style on served venues that go wrong, with everything that usually takes minutes made fast."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import anyio
import msgspec

from chrono import Context, Emit, Market, Pair, Status, Tick, WebSocketSource
from chrono.core.board import Board
from chrono.core.clock import WallClock
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.liveness import Bounds
from chrono.core.types import SECOND
from chrono_simulated.serving import (
    Binance,
    Coinbase,
    DeflateVenue,
    GzipVenue,
    Kraken,
    ProtobufVenue,
    ServedVenue,
    TokenVenue,
    Venue,
    serving,
)
from chrono_simulated.serving.styles import DeflatedSource, GzippedSource, ProtobufSource, TokenSource

BOUNDS = Bounds(shortest=0.4, longest=9.0, unknown=0.8, down=0.8, again=1.0, reconnects=0.05)
HORIZON = 60 * SECOND


class Upper:
    """Chance that always takes the upper end."""

    def uniform(self, a: float, b: float) -> float:
        """Return b."""
        return b


class Style(msgspec.Struct, frozen=True):
    """How a venue speaks, and what reads it; `refuses` says whether it has a word for what it does not list."""

    venue: type[Venue]
    source: type[WebSocketSource] | str
    quote: str = "USDT"
    refuses: bool = True

    def read_by(self, **changes: Any) -> type[WebSocketSource]:
        """Return the source, hasty and without limits of its own."""
        source = self.source
        if isinstance(source, str):
            (source,) = import_module(source).chrono_sources()
        return type(source.__name__, (source,), {**_HASTY, **changes})

    def serve(self, *faults: Mapping[str, Any], rate: float = 100.0) -> Venue:
        """Return the venue, with two pairs."""
        return self.venue(self.pairs, rate=rate, quotes=0, faults=faults)

    @property
    def pairs(self) -> tuple[str, str]:
        """What it lists."""
        return f"BTC/{self.quote}", f"ETH/{self.quote}"


_HASTY: dict[str, Any] = {
    "bounds": BOUNDS,
    "budget": None,
    "connections": None,
    "open_within": 5.0,
    "close_within": 0.1,
    "healthy_after": 0.15,
    "backoff": lambda _: Backoff(0.02, 0.08, Upper()),
}

STYLES = {
    "kraken": Style(Kraken, "chrono_kraken", "USD"),
    "binance": Style(Binance, "chrono_binance", refuses=False),
    "coinbase": Style(Coinbase, "chrono_coinbase", "USD"),
    "gzip": Style(GzipVenue, GzippedSource),
    "deflate": Style(DeflateVenue, DeflatedSource),
    "protobuf": Style(ProtobufVenue, ProtobufSource),
    "token": Style(TokenVenue, TokenSource),
}
POLLED = ("kraken", "binance", "coinbase")


class Waits(WallClock):
    """The machine's clock; every wait is noted, and one that is longer than a moment is skipped."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[float] = []
        self.skipped = 0

    def now(self) -> int:
        """Return the time, with what was skipped."""
        return super().now() + self.skipped

    @property
    def short(self) -> list[float]:
        """Waits between connections that a test goes through, without those between two questions over HTTP."""
        return [seconds for seconds in self.noted if seconds <= 0.5]

    async def sleep(self, seconds: float) -> None:
        """Wait for a moment."""
        self.noted.append(seconds)
        if seconds > 0.5:
            self.skipped += int(seconds * SECOND)
            seconds = 0.01
        await anyio.sleep(seconds)


class Run:
    """What came out of a source."""

    def __init__(self, source: WebSocketSource, markets: Mapping[str, Market], clock: WallClock) -> None:
        self.source = source
        self.markets = markets
        self.clock = clock
        self.statuses: list[Status] = []
        self.ticks: dict[str, list[tuple[float, Tick]]] = {base: [] for base in markets}
        self.board = Board(dict.fromkeys(markets.values(), HORIZON), clock)
        self._bases = {market.symbol: base for base, market in markets.items()}

    @property
    def inlet(self) -> Any:
        """The way into the board."""
        return self.board.inlets[self.source.type]

    @property
    def emit(self) -> Emit:
        """What takes ticks."""

        def take(tick: Tick, received: int | None = None) -> None:
            self.ticks[self._bases[tick.symbol]].append((anyio.current_time(), tick))
            self.inlet(tick, received)

        return take

    def codes(self, base: str = "") -> list[str]:
        """Return what was said of a market, of the source as a whole without one: codes, or the state without one."""
        market = self.markets[base] if base else None
        return [status.code or status.state for status in self.statuses if status.market == market]

    def count(self, base: str) -> int:
        """Return how many ticks came of a market."""
        return len(self.ticks[base])

    async def more(self, *bases: str, seconds: float = 20.0) -> None:
        """Wait until each of these markets has brought several ticks more."""
        before = {base: self.count(base) for base in bases or self.markets}
        await until(lambda: all(self.count(base) > count + 5 for base, count in before.items()), seconds)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to have happened."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await anyio.sleep(0.005)


@asynccontextmanager
async def reading(
    style: Style,
    url: str | list[str],
    *bases: str,
    clock: WallClock | None = None,
    changes: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Run]:
    """Run a source for as long as the block runs."""
    kind, clock = style.read_by(**(changes or {})), clock or WallClock()
    runs: list[Run] = []
    context = Context(kind.type, clock, lambda status: runs[0].statuses.append(status))
    source = kind(kind.Config.model_validate({"url": url, **options}), context)
    pairs = {base: Pair(base, style.quote) for base in bases or ("BTC", "ETH")}
    markets = {base: Market(kind.type, pair, kind.type, source.symbol(pair)) for base, pair in pairs.items()}
    runs.append(Run(source, markets, clock))
    failure: Exception | None = None
    async with source, anyio.create_task_group() as group:
        group.start_soon(source.run, list(markets.values()), runs[0].emit)
        try:
            yield runs[0]
        except Exception as error:  # noqa: BLE001 - raised again outside the group
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


@asynccontextmanager
async def lively(style: Style, **options: Any) -> AsyncIterator[tuple[ServedVenue, Run]]:
    """Serve a venue and read it until both markets have shown their rhythm, and go on."""
    async with serving(style.serve()) as venue, reading(style, venue.url, **options) as run:
        await until(lambda: min(run.count("BTC"), run.count("ETH")) > 25)
        yield venue, run
