"""Gemini spot, the stream API at ws.gemini.com: every public trade, and the top of the book at each change.

Pages below https://developer.gemini.com/ — websocket/introduction, websocket/message-format, websocket/streams (book
ticker, trade stream, depth streams), trading/rest-api/market-data (get symbol details, list trades), rate-limit — read
2026-11-22; what `conninfo` states of limits, and that one wrong stream refuses its whole request, others measured in
2026-09. Names of streams and symbols are in lower case, prices and sizes text, `E` is in nanoseconds and beyond 2**53,
`m` says that the buyer was the maker. Trades, book tickers and partial depths have no `e`, all other events do::

    {"E": 1783981140085684200, "s": "btcusd", "t": 2840141014190422, "p": "62145.38000", "q": "0.0162522200", "m": true}
    {"u": 1764549594389752, "E": 1783981140076872200, "s": "xrpusd", "b": "1.0614900", "B": "958.69148000",
        "a": "1.0615000", "A": "38.39060000", "c": "1.0612500", "C": "4.71027100"}
    {"e": "depthUpdate", "E": 1783981139947514400, "s": "wifusd", "U": 1, "u": 2, "b": [["0.1488", "11.3"]], "a": []}
    {"lastUpdateId": 1764553979098119, "symbol": "btcusd", "bids": [["77845.79", "0.045"]], "asks": []}
    {"id": "subscribe btcusd", "status": 200}
    {"id": "subscribe xxusd", "status": 400, "error": {"code": -1013, "msg": "Invalid stream name: xxusd@trade"}}

A request's id comes back, so it names the symbol that the request is about. Other instruments, such as contracts of
prediction markets (`gemi-btc15m2607241200-hi100000`), share the stream: what a symbol is made of the list of symbols
says. An address may attempt 300 connections in five minutes, and ask 120 times a minute over REST. The market data of
v1 and v2, told by their `type`, are superseded.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Listing, Pair, RateLimit, Reconnect, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, quote_rows, trade_rows

_TRADING = ("open", "limit_only")

_trades = trade_rows(
    symbol="s", id="t", price="p", size="q", side="m", sides={True: "sell", False: "buy"}, time="E", unit="ns"
)
_tops = quote_rows(symbol="s", bid="b", bid_size="B", ask="a", ask_size="A", time="E", unit="ns")


class Failure(msgspec.Struct, gc=False):
    """Why a request failed."""

    msg: str


class Head(msgspec.Struct, gc=False, rename={"event": "e", "trade": "t", "top": "A", "depth": "lastUpdateId"}):
    """What tells messages apart."""

    event: str = ""
    trade: int | None = None
    top: str | None = None
    depth: int | None = None
    id: str | int | None = None
    status: int | None = None
    error: Failure | None = None


_head = msgspec.json.Decoder(Head).decode


class GeminiTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "gemini"
    url = "https://api.gemini.com"
    path = "/v1/trades/{symbol}?limit_trades=100"
    rows = trade_rows(id="tid", price="price", size="amount", side="type", time="timestampms")


class Gemini(WebSocketSource):
    """Every public trade of Gemini's spot market, and the best bid and ask as they move."""

    type = "gemini"
    url = "wss://ws.gemini.com"
    rest = GeminiTrades
    markets_url = "https://api.gemini.com/v1/symbols/details/all"
    markets = market_rows(
        symbol="symbol", base="base_currency", quote="quote_currency", state="status", trading=_TRADING
    )
    budget = Budget(120, per=60.0)
    connections = Budget(300, per=300.0)
    heartbeat = Heartbeat({"id": "ping", "method": "ping"}, every=20.0)
    Frame = msgspec.Raw

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word, in lower case."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}".lower()

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return the spot markets; a perpetual is another market than its pair."""
        rows = self.markets(answer)
        return [self.listing(s.lower(), base, quote, trades=t) for s, base, quote, t in rows if s == base + quote]

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tops of each symbol in a message of its own, since one that is wrong voids the whole."""
        for s in symbols:
            yield {"id": f"{verb} {s}", "method": verb, "params": [f"{s}@trade", f"{s}@bookTicker"]}

    def parse(self, frame: msgspec.Raw) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a request."""
        match _head(frame):
            case Head(event="", trade=int()):
                return _trades(frame)
            case Head(event="", top=str()):
                return _tops(frame)
            case Head(status=int(status), id=asked, error=error):
                return _answered(status, str(asked).partition(" "), error)
            case Head(event="", depth=None):
                raise ValueError("expected a trade, a top, an event or an answer of the stream API")
        return ()


def _answered(status: int, asked: tuple[str, str, str], error: Failure | None) -> tuple[Signal, ...]:
    verb, _, symbol = asked
    if error is None:
        return (Ack((symbol,)),) if verb == "subscribe" else ()
    if status == 429:
        return (RateLimit(10.0, error.msg),)
    return (Reconnect(error.msg) if status >= 500 else Rejected(symbol, error.msg),)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Gemini]
