"""A venue that keeps every promise, for others to break one by one."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import EntryPoint
from typing import Annotated, Any, Literal

import msgspec

from chrono import (
    Ack,
    Amount,
    Heartbeat,
    Listing,
    Number,
    Pair,
    PollingSource,
    Reply,
    Signal,
    Tick,
    Trade,
    WebSocketSource,
)
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


class Question(msgspec.Struct, tag_field="e", tag="question"):
    """`{"e": "question", "id": 4}`."""

    id: Annotated[int, msgspec.Meta(ge=0)]


class Row(msgspec.Struct):
    """`{"s": "BTC-USD", "base": "BTC", "quote": "USD", "open": true}`."""

    s: str
    base: str
    quote: str
    open: bool


class Answer(msgspec.Struct):
    """`{"symbol": "BTC-USD", "answer": [{"e": "trade", …}]}`."""

    symbol: str
    answer: list[Print]


def read(row: Print) -> Trade:
    """Read a trade."""
    return Trade(row.s, row.p, row.q, row.side, str(row.i), row.us * 1000)


class PolledToy(PollingSource):
    """The venue's trades over HTTP."""

    type = "polled_toy"
    url = "https://toy.example"
    aliases = {"BTC": "XBT"}
    Frame = Answer

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{self.alias(pair.base)}-{self.alias(pair.quote)}"

    def request(self, symbols: Sequence[str]) -> Iterator[Any]:
        """Ask for the last trades of each."""
        for symbol in symbols:
            yield self.get("/trades", symbol=symbol, market=symbol)

    def parse(self, frame: Answer) -> Iterable[Tick | Signal]:
        """Read an answer."""
        return [read(row) for row in frame.answer]


class Toy(WebSocketSource):
    """The venue."""

    type = "toy"
    url = "wss://toy.example/ws"
    symbols_per_connection = 50
    heartbeat = Heartbeat({"op": "still here"}, every=20.0)
    aliases = {"BTC": "XBT"}
    rest = PolledToy
    Frame = Print | Accepted | Beat | Question

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{self.alias(pair.base)}-{self.alias(pair.quote)}"

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        """Ask for all at once."""
        yield {"op": "subscribe", "symbols": list(symbols)}

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Read what a frame says."""
        if isinstance(frame, Print):
            return (read(frame),)
        if isinstance(frame, Question):
            return (Reply({"op": "answer", "id": frame.id}),)
        return (Ack(tuple(frame.symbols)),) if isinstance(frame, Accepted) else ()

    async def listings(self, http: Any) -> Iterable[Listing]:
        """Return what the venue lists."""
        answer = await http.get(self.http_address("https://toy.example") + "/markets")
        answer.raise_for_status()
        rows = msgspec.json.decode(answer.content, type=list[Row])
        return [self.listing(row) for row in rows]

    def listing(self, row: Row) -> Listing:
        """Read one market."""
        return Listing(row.s, Pair(self.asset(row.base), self.asset(row.quote)), "trading" if row.open else "halted")


class ToyContract(SourceContract):
    """The contract, with all that a broken toy need not say again."""

    source = Toy
    pairs = ("BTC/USD", "ETH/USD", "BTC/EUR")
    recording = "recordings/toy.jsonl"
    listings = "recordings/toy.markets.json"
    rest_recording = "recordings/polled_toy.jsonl"
    points = (EntryPoint("toy", f"{__name__}:Toy", "chrono"),)


class PolledToyContract(SourceContract):
    """The contract of what is asked over HTTP."""

    source = PolledToy
    pairs = ("BTC/USD", "ETH/USD")
    recording = "recordings/polled_toy.jsonl"
    points = (EntryPoint("polled_toy", f"{__name__}:PolledToy", "chrono"),)
