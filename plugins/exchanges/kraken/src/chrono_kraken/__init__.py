"""Kraken spot, WebSocket API v2: every public trade, and the top of the book.

Pages below https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ — trade, ticker, heartbeat, status, ping —
read 2026-11-22. Numbers are JSON numbers, times RFC 3339 in UTC with up to nine decimals, `side` is the taker's::

    {"channel": "trade", "type": "update", "data": [{"symbol": "MATIC/USD", "side": "sell", "price": 0.5117,
        "qty": 40.0, "ord_type": "market", "trade_id": 4665906, "timestamp": "2023-09-25T07:49:37.708706Z"}]}
    {"channel": "ticker", "type": "update", "data": [{"symbol": "ALGO/USD", "bid": 0.10025, "bid_qty": 740.0,
        "ask": 0.10035, "ask_qty": 740.0, "last": 0.10035, "timestamp": "2023-09-25T09:04:31.742599Z"}]}
    {"method": "subscribe", "success": true, "result": {"channel": "trade", "symbol": "MATIC/USD", "snapshot": false}}
    {"method": "subscribe", "success": false, "error": "Currency pair not supported XX/USD", "symbol": "XX/USD"}
    {"channel": "heartbeat"}

A snapshot of trades is past, so it yields nothing. A market that never traded has a ticker of zeros dated 1970.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec

from chrono import (
    Ack,
    Amount,
    Number,
    Quote,
    Rejected,
    Signal,
    Source,
    Tick,
    Trade,
    WebSocketSource,
    hookimpl,
    ns_from_iso,
)


class Print(msgspec.Struct, gc=False):
    """One trade."""

    symbol: Annotated[str, msgspec.Meta(min_length=1)]
    side: Literal["buy", "sell"]
    price: Number
    qty: Amount
    trade_id: Annotated[int, msgspec.Meta(ge=0)]
    timestamp: str


class Top(msgspec.Struct, gc=False):
    """One ticker; a side of the book that is empty is 0, and frames before 2025 have no time."""

    symbol: Annotated[str, msgspec.Meta(min_length=1)]
    bid: Amount
    ask: Amount
    bid_qty: Amount = 0.0
    ask_qty: Amount = 0.0
    timestamp: str | None = None

    @property
    def stands(self) -> bool:
        """Whether both sides are there, and somebody ever traded."""
        return self.bid > 0 and self.ask > 0 and not (self.timestamp or "").startswith("1970-")


class Subscribed(msgspec.Struct, gc=False):
    """What was subscribed to."""

    symbol: str = ""


class Message(msgspec.Struct, gc=False):
    """Any message; what `data` holds depends on the channel."""

    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    method: str = ""
    success: bool = True
    result: Subscribed | None = None
    symbol: str = ""
    error: str = ""


_prints = msgspec.json.Decoder(list[Print]).decode
_tops = msgspec.json.Decoder(list[Top]).decode


class Kraken(WebSocketSource):
    """Every public trade of Kraken's spot market, and the best bid and ask at each change."""

    type = "kraken"
    url = "wss://ws.kraken.com/v2"
    Frame = Message

    def subscribe(self, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for trades without those of the past, and for the ticker whenever the top of the book moves."""
        trades = {"channel": "trade", "symbol": list(symbols), "snapshot": False}
        ticker = {"channel": "ticker", "symbol": list(symbols), "event_trigger": "bbo"}
        for params in (trades, ticker):
            yield {"method": "subscribe", "params": params}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tickers; any other channel says nothing of interest."""
        if frame.channel == "trade":
            return [_trade(row) for row in _prints(frame.data)] if _is_update(frame) else ()
        if frame.channel == "ticker":
            return [_quote(row) for row in _tops(frame.data) if row.stands]
        return () if frame.channel else _answer(frame)


def _is_update(frame: Message) -> bool:
    if frame.type not in {"update", "snapshot"}:
        raise ValueError(f"expected type update or snapshot, was {frame.type!r}")
    return frame.type == "update"


def _trade(row: Print) -> Trade:
    return Trade(row.symbol, row.price, row.qty, row.side, str(row.trade_id), ns_from_iso(row.timestamp))


def _quote(row: Top) -> Quote:
    time = None if row.timestamp is None else ns_from_iso(row.timestamp)
    return Quote(row.symbol, row.bid, row.ask, row.bid_qty, row.ask_qty, time)


def _answer(frame: Message) -> Iterable[Signal]:
    if not frame.success:
        return (Rejected(frame.symbol, frame.error),)
    if frame.method == "subscribe" and frame.result is not None and frame.result.symbol:
        return (Ack((frame.result.symbol,)),)
    if frame.method not in {"pong", "unsubscribe"}:
        # also what the superseded API v1 sends: arrays, and objects with an `event`
        raise ValueError("expected a channel or an answer of WebSocket API v2")
    return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Kraken]
