"""Upbit, WebSocket v1: every public trade, and the top of the book as it moves.

Pages below https://global-docs.upbit.com/reference/ — websocket-guide, websocket-trade, websocket-orderbook,
list-subscriptions, trades (recent trades history), listing of trading pairs, rate-limits — and the Korean ones below
https://docs.upbit.com/kr/reference/, read 2026-11-22. Codes have the quote first, frames are binary JSON, numbers are
numbers, times in milliseconds; `ask_bid` is the taker's, `ASK` where it sold. Each name has a short form, which the
formats `SIMPLE` and `SIMPLE_LIST` bring; a list holds messages of either form::

    {"type": "trade", "code": "KRW-DOGE", "timestamp": 1614729599905, "trade_timestamp": 1614729599000,
        "trade_price": 58.4, "trade_volume": 836.12040133, "ask_bid": "ASK", "sequential_id": 1614729599000000,
        "stream_type": "REALTIME", …}
    {"ty": "trade", "cd": "KRW-LAMB", "tms": 1618678262712, "ttms": 1618678262000, "tp": 127.0, "tv": 46.48838371,
        "ab": "BID", "sid": 1618678262000003, "st": "REALTIME", …}
    {"type": "orderbook", "code": "KRW-DOT", "timestamp": 1614729599677, "orderbook_units": [{"ask_price": 41840,
        "bid_price": 41730, "ask_size": 103.6, "bid_size": 47.62562404}], "stream_type": "SNAPSHOT", …}
    {"error": {"name": "INVALID_PARAM", "message": "…"}}
    {"status": "UP"}

The last answers `PING`, and comes each ten seconds from then on; a connection on which nothing is said for 120 seconds
is closed. A trade that is marked as a snapshot is past. A request replaces what was asked for before, so each names
all. An address may attempt five connections a second, and ask for trades ten times a second over REST.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from chrono import Listing, Pair, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, Milliseconds, PolledTrades, WebSocketSource, quote_rows, trade_rows

_LONG = b"type code timestamp stream_type trade_timestamp trade_price trade_volume ask_bid sequential_id".split()
_LONG += b"orderbook_units bid_price bid_size ask_price ask_size error method".split()
_FULL = dict(zip(b"ty cd tms st ttms tp tv ab sid obu bp bs ap as err mthd".split(), _LONG, strict=True))
_ROW: dict[str, Any] = {"id": "sequential_id", "price": "trade_price", "size": "trade_volume", "side": "ask_bid"}
_ROW["sides"] = {"BID": "buy", "ASK": "sell"}

_trades = trade_rows(symbol="code", time="trade_timestamp", **_ROW)
_tops = quote_rows(bid="bid_price", bid_size="bid_size", ask="ask_price", ask_size="ask_size")


class Message(msgspec.Struct, gc=False):
    """Any message."""

    type: str = ""
    code: str = ""
    timestamp: Milliseconds | None = None
    stream_type: str = ""
    orderbook_units: list[msgspec.Raw] = []
    error: dict[str, str] | None = None
    status: str = ""
    method: str = ""


class UpbitTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "upbit"
    url = "https://api.upbit.com"
    path = "/v1/trades/ticks?market={symbol}&count=100"
    rows = trade_rows(time="timestamp", **_ROW)


class Upbit(WebSocketSource):
    """Every public trade of Upbit, and the best bid and ask as they move."""

    type = "upbit"
    url = "wss://api.upbit.com/websocket/v1"
    regions = {r: [f"wss://{r}-api.upbit.com/websocket/v1"] for r in ("sg", "id", "th")}  # noqa: RUF012 - not changed
    rest = UpbitTrades
    markets_url = "https://api.upbit.com/v1/market/all"
    budget = Budget(10, per=1.0)
    connections = Budget(5, per=1.0)
    heartbeat = Heartbeat("PING", every=20.0)
    Frame = msgspec.Raw

    @cached_property
    def _asked(self) -> dict[str, None]:
        return {}  # of this source and not of its class

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash, its quote first."""
        return f"{self.alias(pair.quote)}-{self.alias(pair.base)}"

    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tops of these symbols and of those before, since a request replaces the one before it."""
        self._asked.update(dict.fromkeys(symbols))
        trades = {"type": "trade", "codes": list(self._asked), "is_only_realtime": True}
        yield [{"ticket": "chrono"}, trades, {"type": "orderbook", "codes": [f"{code}.1" for code in self._asked]}]

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return the pairs, whose names have the quote first."""
        names = [row["market"].split("-") for row in msgspec.json.decode(answer, type=list[dict[str, Any]])]
        return [self.listing(f"{quote}-{base}", base, quote) for quote, base in names]

    def parse(self, frame: msgspec.Raw) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, one or a list of them."""
        listed = bytes(frame).lstrip().startswith(b"[")
        rows = msgspec.json.decode(frame, type=list[msgspec.Raw]) if listed else [frame]
        return [item for row in rows for item in _read(bytes(row))]


def _read(row: bytes) -> Iterable[Tick | Signal]:
    if b'"ty":' in row or b'"mthd":' in row:
        row = re.sub(rb'"(\w+)":', lambda key: b'"%b":' % _FULL.get(key[1], key[1]), row)
    match msgspec.json.decode(row, type=Message):
        case Message(type="trade", stream_type=stream):
            return () if stream == "SNAPSHOT" else _trades(row)
        case Message("orderbook", str(symbol), int(ms), orderbook_units=[first, *_]) if symbol:
            return [msgspec.structs.replace(top, ts_event=ms * 1_000_000) for top in _tops(first, symbol)]
        case Message(error=dict(error)):
            return (Rejected("", ": ".join(error.values())),)
        case Message("" | "orderbook", status="", method=""):
            raise ValueError("expected the type of a message, or the code, the time and the units of a book")
    return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Upbit]
