"""The public API as a stranger uses it: type-checked by `tox -e type`, never run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import httpx
import msgspec
from pydantic import Field

from chrono import (
    Ack,
    Aggregator,
    Agreement,
    Amount,
    ChronoError,
    Consensus,
    Context,
    Detector,
    Duration,
    Emit,
    Endpoint,
    Estimate,
    Event,
    FrameError,
    InsufficientData,
    Market,
    Missing,
    Move,
    NoQuorum,
    Number,
    Pair,
    PermanentError,
    PollingSource,
    Price,
    Quote,
    QuoteWindow,
    RateLimit,
    Reconnect,
    Rejected,
    Reply,
    Report,
    Share,
    Signal,
    Sink,
    Source,
    Tick,
    Ticker,
    Trade,
    TradeWindow,
    TransientError,
    Verdict,
    WebSocketSource,
    hookimpl,
)


class Print(msgspec.Struct):
    """A trade on the wire."""

    s: str
    p: Number
    q: Amount
    t: int


class Streaming(WebSocketSource):
    """A venue that streams."""

    type = "streaming"
    url = "wss://venue.example/ws"
    Frame = Print | dict[str, Any]
    symbols_per_connection = 100

    class Config(WebSocketSource.Config):
        """Options."""

        depth: int = Field(default=10, ge=1)
        """Levels of the book."""
        silence: Duration = Duration("10s")
        """Connect again after this."""

    config: Config

    def symbol(self, pair: Pair) -> str:
        return f"{pair.base}-{pair.quote}"

    async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:
        answer = await http.post("https://venue.example/token")
        return Endpoint(f"{self.url}?token={answer.text}", headers={"x-depth": str(self.config.depth)})

    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        return [{"op": "subscribe", "symbols": symbols}]

    def parse(self, frame: Print | dict[str, Any]) -> Iterator[Tick | Signal]:
        if isinstance(frame, Print):
            yield Trade(frame.s, frame.p, frame.q, side="buy", trade_id="1", ts_event=frame.t * 1_000_000)
            return
        match frame["op"]:
            case "subscribed":
                yield Ack((frame["symbol"],))
            case "unknown":
                yield Rejected(frame["symbol"], frame["why"])
            case "ping":
                yield Reply({"op": "pong"})
            case "bye":
                yield Reconnect("the venue said so")
            case "slow":
                yield RateLimit(5.0)
            case other:
                raise FrameError(f"expected an operation, was {other}")


class Polled(PollingSource):
    """A venue that is asked."""

    type = "polled"
    url = "https://venue.example/tickers"

    def request(self, symbols: Sequence[str]) -> httpx.Request:
        return httpx.Request("GET", self.address, params={"symbols": ",".join(symbols)})

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        return [Ticker(row["s"], row["last"], row["volume"]) for row in frame]


class Own(Source):
    """A source that brings its own connection."""

    type = "own"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        for market in markets:
            if market.group != self.group:
                raise PermanentError(f"{market} is not ours")
            emit(Quote(market.symbol, 1.0, 1.1), received=self.context.clock.now())
        self.context.status("waiting", "transient", "the line is busy", markets[0])
        raise TransientError("the line is busy")


class First(Aggregator):
    """The oldest trade of a window."""

    type = "first"
    reads = "trades"
    breakdown = 0.0

    def aggregate(self, window: TradeWindow) -> Estimate:
        if not len(window):
            raise InsufficientData(0, 1)
        price: float = window.price[0]
        return self.estimate(window, float(price), n=1)


class Middle(Aggregator):
    """The middle of the newest quote."""

    type = "middle"
    reads = "quotes"

    def aggregate(self, window: QuoteWindow) -> Estimate:
        return self.estimate(window, (float(window.bid[-1]) + float(window.ask[-1])) / 2)


class Jump(Detector):
    """Drops what moved too far since the round before."""

    type = "jump"
    stage = "native"

    class Config(Detector.Config):
        """Options."""

        most: Move = Move("5%")
        """The largest move."""

    config: Config

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        last: dict[str, float] = state or {}
        moves = {e.market: abs(e.value / last.get(str(e.market), e.value) - 1) for e in estimates}
        wild = [Verdict(m, keep=False, score=move, code="jump") for m, move in moves.items() if move > self.config.most]
        return wild, {str(e.market): e.value for e in estimates}


class Mean(Consensus):
    """The plain mean."""

    type = "mean"
    breakdown = 0.0

    class Config(Consensus.Config):
        """Options."""

        min_venues: int = 2
        """Groups needed."""
        most: Share = Share("50%")
        """The largest share."""

    config: Config

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        if len(estimates) < self.config.min_venues:
            raise NoQuorum(len(estimates), self.config.min_venues, {})
        share = 1 / len(estimates)
        return Agreement(sum(e.value * share for e in estimates), 1.0, {e.market: share for e in estimates})


class Pager(Sink):
    """Rings for a feed that has no price."""

    type = "pager"
    buffer = 4

    async def __aenter__(self) -> Self:
        self.context.logger.info("ready")
        return self

    async def publish(self, report: Report) -> None:
        price: Price
        for name, price in report.prices.items():
            line: str = f"{name} {price.feed.quantize(price.value)} of {len(price.used)}"
            self.context.logger.debug(line)
        missing: Missing
        for missing in report.missing.values():
            self.context.logger.warning(missing.feed.name, round=report.round.id, **missing.reason)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Offer three."""
    return [Streaming, Polled, Own]


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Offer two."""
    return [First, Middle]


@hookimpl
def chrono_detectors() -> Iterable[type[Detector]]:
    """Offer one."""
    return [Jump]


@hookimpl
def chrono_consensus() -> Iterable[type[Consensus]]:
    """Offer one."""
    return [Mean]


@hookimpl
def chrono_sinks() -> Iterable[type[Sink]]:
    """Offer one."""
    return [Pager]


@hookimpl
def chrono_event(event: Event) -> None:
    """Listen."""
    if event.status is not None and event.status.state == "failed":
        raise ChronoError(event.status.message)


def in_a_notebook() -> float:
    """Use a component by hand."""
    market = Market("venue", Pair.parse("BTC/USD"))
    window = TradeWindow.of(market, as_of=2_000, span=1_000, price=[100.0], size=[1.0], ts=[1_500])
    source = Streaming(Streaming.Config(depth=5, silence=Duration("5s")), Context("venue"))
    ticks: Sequence[Tick | Signal] = source.read(b"{}")
    estimate = First(First.Config(window=Duration("1s"))).aggregate(window)
    return estimate.value + len(ticks)
