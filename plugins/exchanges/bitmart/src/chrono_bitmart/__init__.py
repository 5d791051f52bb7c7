"""BitMart spot, protocol 1.1: every public trade, and the top of the book with the ticker, twice a second at most.

Page https://developer-pro.bitmart.com/en/spot/ — WebSocket subscription (format, stay connected and limit, data
compression, ticker channel, trade channel), get ticker of a trading pair (V3), get trading pair details
(V1), rate limit, error codes — read 2026-11-22. Numbers are text, `ms_t` is in milliseconds, `side` is the taker's;
trades have no number. Market data may come as raw deflate in a binary frame, answers are text::

    {"table": "spot/trade", "data": [{"symbol": "ETH_USDT", "price": "162.12", "side": "buy", "size": "11.085",
        "s_t": 1542337219, "ms_t": 1542337219120}]}
    {"table": "spot/ticker", "data": [{"symbol": "BTC_USDT", "last_price": "35000.00", "bid_px": "35000",
        "bid_sz": "11", "ask_px": "36000", "ask_sz": "1.021", "ms_t": 1709024652967, …}]}
    {"event": "subscribe", "topic": "spot/ticker:BTC_USDT"}
    {"event": "subscribe", "errorCode": "90004", "errorMessage": "Invalid channel param"}

A connection on which nothing came for 20 seconds is closed, so `ping` is sent, and `pong` comes; WebSocket's own pings
are not supported. A connection takes 115 topics, twenty in a message; an address may attempt thirty in a minute. Over
REST a ticker may be asked for fifteen times in two seconds, and what fails has a `code` that is not 1000.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Pair, PolledTrades, RateLimit, Rejected, Signal, Source, Tick, WebSocketSource, hookimpl
from chrono.venue import Budget, Heartbeat, market_rows, quote_rows, refusals, trade_rows

_TOO_MANY = ("90005", "90006", "90007")

_ROWS: dict[str, trade_rows | quote_rows] = {
    "spot/trade": trade_rows(symbol="symbol", price="price", size="size", side="side", time="ms_t"),
    "spot/ticker": quote_rows(
        symbol="symbol", bid="bid_px", bid_size="bid_sz", ask="ask_px", ask_size="ask_sz", time="ms_t"
    ),
}


class Message(msgspec.Struct, gc=False):
    """Any message: rows of a table, or what answers a request."""

    table: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str = ""
    topic: str = ""
    errorCode: str = ""  # noqa: N815 - as it is on the wire
    errorMessage: str = ""  # noqa: N815


class BitmartTops(PolledTrades):
    """The top of each symbol's book: trades have no number by which those that were streamed could be told."""

    type = "bitmart"
    url = "https://api-cloud.bitmart.com"
    path = "/spot/quotation/v3/ticker?symbol={symbol}"
    at = "data"
    rows = quote_rows(symbol="symbol", bid="bid_px", bid_size="bid_sz", ask="ask_px", ask_size="ask_sz", time="ts")
    refused = refusals(code="code", fine=[1000], reason="message", busy=[30013, 30017])


class Bitmart(WebSocketSource):
    """Every public trade of BitMart's spot market, and the best bid and ask as they move."""

    type = "bitmart"
    url = "wss://ws-manager-compress.bitmart.com/api?protocol=1.1"
    rest = BitmartTops
    markets_url = "https://api-cloud.bitmart.com/spot/v1/symbols/details"
    markets = market_rows(
        at="data.symbols",
        symbol="symbol",
        base="base_currency",
        quote="quote_currency",
        state="trade_status",
        trading=["trading"],
    )
    budget = Budget(15, per=2.0)
    connections = Budget(30, per=60.0)
    symbols_per_connection = 50
    ping = 0.0
    heartbeat = Heartbeat("ping", every=15.0)
    words = {"pong": None}  # noqa: RUF012 - a mapping that nobody changes
    compressed = True
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with an underscore."""
        return f"{self.alias(pair.base)}_{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tickers of ten symbols in a message, or end both."""
        topics = [f"{table}:{symbol}" for symbol in symbols for table in ("spot/trade", "spot/ticker")]
        for start in range(0, len(topics), 20):
            yield {"op": verb, "args": topics[start : start + 20]}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a subscription."""
        match frame:
            case Message(table, data) if rows := _ROWS.get(table.partition(":")[0]):
                return rows(data)
            case Message(errorCode=code, errorMessage=reason, topic=topic, event=event) if code:
                symbol = (topic or event).partition(":")[2]
                return (RateLimit(10.0, reason) if code in _TOO_MANY else Rejected(symbol, reason),)
            case Message(event="subscribe", topic=topic):
                return (Ack((topic.partition(":")[2],)),)
            case Message("", event=""):
                raise ValueError("expected rows of a table, or an event")
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bitmart]
