"""A venue that keeps every promise, for others to break one by one."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import EntryPoint
from typing import Annotated, Any, Literal

import msgspec

from chrono import Ack, Amount, Number, Pair, Signal, Tick, Trade, WebSocketSource
from chrono.testing import SourceContract


class Print(msgspec.Struct, tag_field="e", tag="trade"):
    """`{"e": "trade", "s": "BTC-USD", "p": "67123.1", "q": "0.5", "i": 9, "side": "buy", "us": 1795342500123456}`."""

    s: Annotated[str, msgspec.Meta(min_length=1)]
    p: Number
    q: Amount
    i: Annotated[int, msgspec.Meta(ge=0)]
    side: Literal["buy", "sell"]
    us: Annotated[int, msgspec.Meta(ge=10**15, lt=10**16)]


class Accepted(msgspec.Struct, tag_field="e", tag="ack"):
    """`{"e": "ack", "symbols": ["BTC-USD"]}`."""

    symbols: list[str]


class Beat(msgspec.Struct, tag_field="e", tag="beat"):
    """`{"e": "beat"}`."""


class Toy(WebSocketSource):
    """The venue."""

    type = "toy"
    url = "wss://toy.example/ws"
    symbols_per_connection = 50
    Frame = Print | Accepted | Beat

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{pair.base}-{pair.quote}"

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        """Ask for all at once."""
        yield {"op": "subscribe", "symbols": list(symbols)}

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Read what a frame says."""
        if isinstance(frame, Print):
            return (Trade(frame.s, frame.p, frame.q, frame.side, str(frame.i), frame.us * 1000),)
        return (Ack(tuple(frame.symbols)),) if isinstance(frame, Accepted) else ()


class ToyContract(SourceContract):
    """The contract, with all that a broken toy need not say again."""

    source = Toy
    pairs = ("BTC/USD", "ETH/USD", "BTC/EUR")
    recording = "recordings/toy.jsonl"
    points = (EntryPoint("toy", f"{__name__}:Toy", "chrono"),)
