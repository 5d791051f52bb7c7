r"""Poloniex spot, the API of August 2022: every public trade, and the top of the book as it moves.

Pages below https://api-docs.poloniex.com/spot/ — websocket (overview), api (overview) — and, for what rows hold, a
session that was recorded on 2022-08-21 and github.com/ccxt/ccxt (pro/poloniex.ts), read 2026-11-22. Numbers are text,
times milliseconds, `quantity` is in base and `amount` in quote units. Of `book` each message is the best five levels
of both sides as of `ts`, of `book_lv2` it is what changed in twenty: that is not read::

    {"channel": "trades", "data": [{"symbol": "BTC_USDT", "amount": "248.3516391", "quantity": "0.01149",
        "takerSide": "sell", "createTime": 1661123520381, "price": "21614.59", "id": "60184114", "ts": 1661123520386}]}
    {"channel": "book", "data": [{"symbol": "BTC_USDT", "createTime": 1648052239156, "asks": [["9983.52", "0.0384"], …],
        "bids": [["9982.14", "0.2"], …], "id": 123456, "ts": 1648052239192}]}
    {"event": "subscribe", "channel": "trades", "symbols": ["BTC_USDT"]}
    {"event": "error", "message": "Invalid channel value [\"ordersss\"]"}
    {"event": "pong"}

A client that says nothing for 30 seconds is left without a word, so it pings. A connection takes 500 requests a second,
so that each symbol has two of its own, and one that is refused costs no other; in which words that is told is not on
the page. What REST takes was not found, so ten trade lists a second are asked for at most; the newest comes first, and
what fails has a `code`. The API before spoke in arrays.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Pair, RateLimit, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_NAMED = re.compile(r"\b[A-Z0-9]+_[A-Z0-9]+\b")
_TOO_MANY = re.compile(r"too many|rate limit|frequen", re.IGNORECASE)

_trades = trade_rows(symbol="symbol", id="id", price="price", size="quantity", side="takerSide", time="createTime")
_tops = quote_rows(symbol="symbol", bid="bids", ask="asks", time="ts", levels=True)


class Message(msgspec.Struct, gc=False):
    """Any message: rows of a channel, or an answer."""

    channel: str | list[str] = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str = ""
    symbols: list[str] = []
    message: str = ""


class PoloniexTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "poloniex"
    url = "https://api.poloniex.com"
    path = "/markets/{symbol}/trades?limit=100"
    rows = trade_rows(id="id", price="price", size="quantity", side="takerSide", time="createTime")
    refused = refusals(code="code", reason="message", busy=[429])


class Poloniex(WebSocketSource):
    """Every public trade of Poloniex's spot market, and the best bid and ask as they move."""

    type = "poloniex"
    url = "wss://ws.poloniex.com/ws/public"
    rest = PoloniexTrades
    markets_url = "https://api.poloniex.com/markets"
    markets = market_rows(
        symbol="symbol", base="baseCurrencyName", quote="quoteCurrencyName", state="state", trading=["NORMAL"]
    )
    symbols_per_connection = 200
    budget = Budget(10, per=1.0)
    heartbeat = Heartbeat({"event": "ping"}, every=15.0)
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a line below."""
        return f"{self.alias(pair.base)}_{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and the best five levels of each symbol, or end both."""
        for symbol in symbols:
            yield {"event": verb, "channel": ["trades"], "symbols": [symbol]}
            yield {"event": verb, "channel": ["book"], "symbols": [symbol], "depth": 5}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a request."""
        match frame:
            case Message("trades", data, ""):
                return _trades(data)
            case Message("book", data, ""):
                return _tops(data)
            case Message("trades", event="subscribe", symbols=symbols):
                return (Ack(tuple(symbols)),)
            case Message(event="error", message=reason) if _TOO_MANY.search(reason):
                return (RateLimit(5.0, reason),)
            case Message(event="error", message=reason):
                named = _NAMED.search(reason)
                return (Rejected(named[0] if named else "", reason),)
            case Message("", event=""):
                raise ValueError("expected a channel or an event")
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Poloniex]
