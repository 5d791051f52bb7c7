"""BingX spot, WebSocket market data: every public trade, and the top of the book at each change.

Pages https://bingx-api.github.io/docs/#/en-us/spot/socket/ (connection limits, data compression, heartbeats,
subscriptions), …/spot/socket/market.html (transaction by transaction, spot best order book), …/spot/market-api.html
(spot trading symbols, recent trades list) and …/spot/base-info.html (rate limit), read 2026-11-22. All that the venue
says is gzipped; prices are text over the stream and numbers over REST, times in milliseconds, `m` says that the buyer
was the maker. Trades need not come in the order of their numbers; in the ticker of a day, numbers there, `B` and `A`
are the best prices and `b` and `a` their sizes (github.com/ccxt/ccxt, pro/bingx.ts), the other way round than at each
change::

    {"code": 0, "dataType": "BTC-USDT@trade", "success": true, "data": {"e": "trade", "E": 1649832413551,
        "s": "BTC-USDT", "t": "33685717", "p": "40125.48", "q": "0.007146", "T": 1649832413512, "m": true}}
    {"code": 0, "dataType": "ETH-USDT@bookTicker", "success": true, "data": {"e": "bookTicker", "E": 1714648924917,
        "s": "ETH-USDT", "b": "2996.46", "B": "2.580800", "a": "2996.49", "A": "24.887920"}}
    {"ping": "2177c68e4d0e45679965f482929b59c2", "time": "2022-06-07T16:27:36.323+0800"}
    {"id": "sub BTC-USDT", "code": 0, "msg": "SUCCESS", "timestamp": 1649832413512}
    {"id": "sub XX-USDT", "code": 100400, "msg": "symbol not supported"}

A ping comes each five seconds and is answered by its `pong`; the market of perpetuals says `Ping` and hears `Pong`. A
request's id comes back, so it names the symbol that it is about. A connection takes 200 topics, and an address 60
connections; over REST it may ask 500 times in ten seconds, and what fails has a `code` that is not 0. What others call
TRUMP is TRUMPSOL there, github.com/ccxt/ccxt ("commonCurrencies"), read 2026-11-22.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Listing, Pair, PolledTrades, RateLimit, Rejected, Reply, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, WebSocketSource, inside, quote_rows, refusals, trade_rows

_MAKER: dict[Any, Any] = {True: "sell", False: "buy"}
_TOO_MANY = (100410, 100416, 100419, 100503)
_ROWS: dict[str, trade_rows | quote_rows] = {
    "trade": trade_rows(symbol="s", id="t", price="p", size="q", side="m", sides=_MAKER, time="T"),
    "bookTicker": quote_rows(symbol="s", bid="b", bid_size="B", ask="a", ask_size="A", time="E"),
    "ticker": quote_rows(symbol="s", bid="B", bid_size="b", ask="A", ask_size="a", time="E"),
}


class Message(msgspec.Struct, gc=False, rename={"topic": "dataType"}):
    """Any message: a row of a topic, a ping, or what answers a request."""

    topic: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    ping: str = ""
    time: str = ""
    id: str | None = None
    code: int | None = None
    msg: str = ""


class Market(msgspec.Struct, gc=False):
    """One market that is listed."""

    symbol: str
    status: int


class BingxTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "bingx"
    url = "https://open-api.bingx.com"
    path = "/openApi/spot/v1/market/trades?symbol={symbol}&limit=100"
    at = "data"
    rows = trade_rows(id="id", price="price", size="qty", side="buyerMaker", sides=_MAKER, time="time")
    refused = refusals(code="code", fine=[0], reason="msg", busy=_TOO_MANY)


class Bingx(WebSocketSource):
    """Every public trade of BingX's spot market, and the best bid and ask as they move."""

    type = "bingx"
    url = "wss://open-api-ws.bingx.com/market"
    rest = BingxTrades
    markets_url = "https://open-api.bingx.com/openApi/spot/v1/common/symbols"
    budget = Budget(500, per=10.0)
    symbols_per_connection = 100
    aliases = {"TRUMP": "TRUMPSOL", "TRUMPMAGA": "TRUMP"}  # noqa: RUF012 - a mapping that nobody changes
    compressed = True
    words = {"Ping": "Pong"}  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{self.alias(pair.base)}-{self.alias(pair.quote)}"

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return the markets, whose symbols alone say what they are made of."""
        rows = msgspec.json.decode(inside(answer, "data.symbols"), type=list[Market])
        return [self.listing(row.symbol, *row.symbol.split("-"), trades=row.status == 1) for row in rows]

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tops of each symbol, one topic in a message, or end both."""
        for symbol in symbols:
            for topic in ("trade", "bookTicker"):
                yield {"id": f"{verb[:-6]} {symbol}", "reqType": verb[:-6], "dataType": f"{symbol}@{topic}"}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what else is said."""
        match frame:
            case Message(ping=ping, time=time) if ping:
                return (Reply({"pong": ping, "time": time}),)
            case Message(topic, row) if rows := _ROWS.get(topic.partition("@")[2]):
                return rows(row)
            case Message(id=str(asked), code=int(code), msg=reason):
                verb, _, symbol = asked.partition(" ")
                if code == 0:
                    return (Ack((symbol,)),) if verb == "sub" else ()
                return (RateLimit(10.0, reason) if code in _TOO_MANY else Rejected(symbol, reason),)
            case Message(""):
                raise ValueError("expected a row of a topic, a ping or an answer")
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bingx]
