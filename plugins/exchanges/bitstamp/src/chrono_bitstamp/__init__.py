"""Bitstamp spot, WebSocket API v2: every public trade, and the top of the book as it moves.

Pages https://www.bitstamp.net/api/ (response codes, an excerpt) and https://www.bitstamp.net/websocket/v2/ (from copies
that others keep, in part), read 2026-11-23; markets, transactions and messages as ccxt, Bitstamp.Net, hummingbot and
gocryptotrader re-tell them. Numbers are text, `type` is 0 where the taker bought, times of the stream are in
microseconds and those of transactions over REST in seconds::

    {"event": "trade", "channel": "live_trades_btcusd", "data": {"id": 106833903, "amount": 0.14406384,
        "amount_str": "0.14406384", "price": 8302.92, "price_str": "8302.92", "type": 0, "timestamp": "1583691851",
        "microtimestamp": "1583691851934000", "buy_order_id": 1207733769326592, "sell_order_id": 1207733765476352}}
    {"event": "data", "channel": "order_book_btcusd", "data": {"timestamp": "1583656800",
        "microtimestamp": "1583656800237527", "bids": [["8732.02", "0.00002478"], …], "asks": [["8735.67", "2.0"], …]}}
    {"event": "bts:subscription_succeeded", "channel": "live_trades_btcusd", "data": {}}
    {"event": "bts:error", "channel": "live_trades_xxusd", "data": {"code": null, "message": "Bad subscription …"}}
    {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}
    {"event": "bts:request_reconnect", "channel": "", "data": ""}

The last asks for another connection: this one will be closed within seconds. A heartbeat is an answer to the same. The
API before, on Pusher, had text in `data`. Over REST an address may ask 10,000 times in ten minutes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from chrono import Ack, Listing, Pair, Reconnect, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, Text, WebSocketSource, quote_rows, refusals, trade_rows

_TAKER: Mapping[int, Literal["buy", "sell"]] = {0: "buy", 1: "sell"}

_trades = trade_rows(
    id="id", price="price_str", size="amount_str", side="type", sides=_TAKER, time="microtimestamp", unit="us"
)
_quotes = quote_rows(bid="bids", ask="asks", levels=True, time="microtimestamp", unit="us")


class Failure(msgspec.Struct, gc=False):
    """Why a subscription was refused."""

    message: str


class Message(msgspec.Struct, gc=False):
    """Any message: what happened, on which channel."""

    event: Text
    channel: str
    data: msgspec.Raw


class Market(msgspec.Struct, gc=False):
    """One market that is listed."""

    name: str
    trading: str
    market_type: str = "SPOT"


class BitstampTrades(PolledTrades):
    """The trades of the last minute of each symbol."""

    type = "bitstamp"
    url = "https://www.bitstamp.net"
    path = "/api/v2/transactions/{symbol}/?time=minute"
    rows = trade_rows(id="tid", price="price", size="amount", side="type", sides=_TAKER, time="date", unit="s")
    refused = refusals(code="code", reason="reason", busy=["400.002"])


class Bitstamp(WebSocketSource):
    """Every public trade of Bitstamp's spot market, and the best bid and ask as they move."""

    type = "bitstamp"
    url = "wss://ws.bitstamp.net"
    rest = BitstampTrades
    markets_url = "https://www.bitstamp.net/api/v2/markets/"
    budget = Budget(10_000, per=600.0)
    heartbeat = Heartbeat({"event": "bts:heartbeat"}, every=10.0)
    aliases = {"USTC": "UST"}  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}".lower()

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and books, one channel in each message, or end them."""
        names = [f"{name}_{symbol}" for symbol in symbols for name in ("live_trades", "order_book")]
        return [{"event": f"bts:{verb}", "data": {"channel": name}} for name in names]

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and books, and what answers a subscription."""
        channel, _, symbol = frame.channel.rpartition("_")
        if bytes(memoryview(frame.data)[:1]) == b'"' and not frame.event.startswith("bts:"):
            raise ValueError("expected data of WebSocket API v2, was text")
        match frame.event, channel:
            case "trade", "live_trades":
                return _trades(frame.data, symbol)
            case "data", "order_book":
                return _quotes(frame.data, symbol)
            case "bts:subscription_succeeded", "live_trades":
                return (Ack((symbol,)),)
            case "bts:error", _:
                return (Rejected(symbol, msgspec.json.decode(frame.data, type=Failure).message),)
            case "bts:request_reconnect", _:
                return (Reconnect("the venue will close the connection"),)
        return ()

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Read names with a slash, of spot markets."""
        rows = [row for row in msgspec.json.decode(answer, type=list[Market]) if row.market_type == "SPOT"]
        parts = [(row.name.partition("/"), row.trading == "Enabled") for row in rows]
        return [self.listing(f"{b}{q}".lower(), b, q, trades=trades) for (b, _, q), trades in parts]


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bitstamp]
