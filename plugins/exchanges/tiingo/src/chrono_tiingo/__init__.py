"""Tiingo forex, WebSocket API: the best bid and ask of currencies and metals in dollars at each change, with a key.

Pages https://www.tiingo.com/documentation/websockets/forex, as a public copy of it has it, and
…/documentation/general/connecting in an excerpt, read 2026-11-23. A row is: the kind, which is always Q, ticker, time
in RFC 3339, size and price of the bid, the middle, size and price of the ask; a side that is empty is null. The page's
table has the last two the other way round, all its examples, in which the middle is half of both prices, as here; where
it is not, the row is refused. Ticks of other services come from other addresses::

    {"messageType": "A", "service": "fx", "data": ["Q", "eurusd", "2019-07-05T15:49:15.157000+00:00", 5000000.0,
        1.12345, 1.1235, 5000000.0, 1.12355]}
    {"messageType": "I", "response": {"code": 200, "message": "Success"}, "data": {"subscriptionId": 61}}
    {"messageType": "H", "response": {"code": 200, "message": "HeartBeat"}}
    {"messageType": "E", "response": {"code": 400, "message": "…"}}

The key goes with each subscription; `thresholdLevel` is 5 in the page's examples, where its table knows 7 alone: a
change of either price or size. That a heartbeat comes every 30 seconds is on neither page. What fails is about the
whole request, and does not name its tickers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from pydantic import Field, SecretStr

from chrono import Duration, Pair, Quote, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Amount, Hours, Number, Text, WebSocketSource, hours_of, in_dollars, ns_from_iso, quoted

_APART = 1e-4
"""How far the middle may be from half of both prices, as a part of it: it is rounded."""


class Row(msgspec.Struct, array_like=True, gc=False):
    """The top of a book; more may follow."""

    kind: str
    ticker: Text
    time: str
    bid_size: Amount | None
    bid: Number | None
    mid: Number | None
    ask_size: Amount | None
    ask: Number | None


class Response(msgspec.Struct, gc=False):
    """How a request ended."""

    code: int
    message: str = ""


class Message(msgspec.Struct, gc=False, rename={"kind": "messageType"}):
    """Any message."""

    kind: str
    service: str = ""
    response: Response | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


_row = msgspec.json.Decoder(Row).decode


class Tiingo(WebSocketSource):
    """The best bid and ask of currencies and metals in dollars, at each change."""

    type = "tiingo"
    url = "wss://api.tiingo.com/fx"
    Frame = Message

    class Config(WebSocketSource.Config):
        """Options of Tiingo."""

        key: SecretStr = Field(min_length=1)
        """The API token of your account, such as ${env:TIINGO_KEY}."""
        silence: Duration = Duration("45s")
        """Connect again when nothing at all came for this long; a heartbeat comes every 30 seconds."""

    def symbol(self, pair: Pair) -> str:
        """Write a pair without a slash, the way round in which it is quoted: JPY/USD as usdjpy."""
        there = quoted(pair)
        return f"{there.base}{there.quote}".lower()

    def hours(self, pair: Pair) -> Hours:
        """Return when currencies, or metals, trade."""
        return hours_of(pair)

    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for all symbols in one message; to end it takes a number that only its answer has."""
        key = self.config.key.get_secret_value()
        wanted = {"thresholdLevel": 5, "tickers": list(symbols)}
        yield {"eventName": "subscribe", "authorization": key, "eventData": wanted}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read tops of books, and what answers a subscription."""
        match frame:
            case Message("A", "fx", data=data):
                return self._quotes(_row(data))
            case Message("E", response=Response(_, reason)):
                return (Rejected("", reason),)
            case Message("I", response=Response(code, reason)) if code != 200:
                return (Rejected("", reason),)
            case Message("I" | "H", response=Response()):
                return ()
        raise ValueError(f"expected a message of the service fx, was {frame.kind!r} of {frame.service!r}")

    @staticmethod
    def _quotes(row: Row) -> tuple[Quote, ...]:
        if row.kind != "Q" or len(row.ticker) != 6:
            raise ValueError(f"expected a quote of a ticker like eurusd, was {row.kind!r} of {row.ticker!r}")
        ts = ns_from_iso(row.time.replace("+00:00", "Z"))
        if row.bid is None or row.ask is None:
            return ()
        if row.mid is not None and abs(row.bid + row.ask - 2 * row.mid) > _APART * row.mid:
            raise ValueError(f"expected {row.mid} in the middle of bid and ask, was {row.bid} and {row.ask}")
        base, other = row.ticker[:3].upper(), row.ticker[3:].upper()
        quote = Quote(row.ticker, row.bid, row.ask, row.bid_size or 0.0, row.ask_size or 0.0, ts)
        return in_dollars(quote, base, other)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the source."""
    return [Tiingo]
