"""Bitrue spot, WebSocket market streams: every public trade, and the top of the book as it moves.

Pages https://github.com/Bitrue-exchange/Spot-official-api-docs, README.md (REST, and web socket streams) and
websocket-api.zh-CN.md (trades, and the frames of all channels), read 2026-11-22. Frames are compressed by gzip; the
venue asks for signs of life; numbers are JSON's or text, times in milliseconds, `side` is the taker's, `vol` the size
and `amount` what was paid, and the newest of several trades comes first::

    {"channel": "market_ltcbtc_trade_ticker", "ts": 1621426164471, "tick": {"data": [{"id": 20482764, "price": 0.006277,
        "amount": 0.00520991, "side": "BUY", "vol": 0.83, "ts": 1621426164263, "ds": "2021-05-19 20:09:24"}, …]}}
    {"channel": "market_ethbtc_simple_depth_step0", "ts": 1670056708670, "tick": {"buys": [["0.075170", "67.153"], …],
        "asks": [["0.075171", "0.256"], …]}}
    {"channel": "market_ltcbtc_trade_ticker", "cb_id": "ltcbtc", "event_rep": "subed", "status": "ok",
        "ts": 1621418172662}
    {"ping": 1621418174969}                                         answered with {"pong": 1621418174969}

Nothing answers what ends a subscription, and no page says how one is refused, so any `status` but "ok" counts as one.
What is asked for has `event_rep` "rep" and is of the past. Over REST, which tells whether the buyer was the maker, an
address has a weight of 1,200 a minute.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import msgspec

from chrono import Ack, Listing, Milliseconds, Pair, PolledTrades, Rejected, Reply, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Text, WebSocketSource, inside, market_rows, quote_rows, refusals, trade_rows

_trades = trade_rows(id="id", price="price", size="vol", side="side", time="ts")
_quotes = quote_rows(bid="buys", ask="asks", levels=True)
_markets = market_rows(
    at="symbols", symbol="symbol", base="baseAsset", quote="quoteAsset", state="status", trading=["TRADING"]
)


class Message(msgspec.Struct, gc=False):
    """Any message: rows of a channel, an answer, or a question whether anybody listens."""

    channel: str = ""
    event_rep: str | None = ""
    status: str = "ok"
    tick: msgspec.Raw = msgspec.Raw(b"null")
    ts: Milliseconds | Text | None = None
    ping: int | None = None
    event: str = ""


class BitrueTrades(PolledTrades):
    """The last trades of each symbol, which is in capitals there."""

    type = "bitrue"
    url = "https://openapi.bitrue.com"
    path = "/api/v1/trades?symbol={symbol}&limit=100"
    rows = trade_rows(
        id="id", price="price", size="qty", side="isBuyerMaker", sides={True: "sell", False: "buy"}, time="time"
    )
    refused = refusals(code="code", reason="msg", busy=[-1003])

    def request(self, symbols: Sequence[str]) -> Iterator[Any]:
        """Ask for each symbol."""
        return (self.get(self.path.format(symbol=symbol.upper()), symbol=symbol) for symbol in symbols)


class Bitrue(WebSocketSource):
    """Every public trade of Bitrue's spot market, and the best bid and ask as they move."""

    type = "bitrue"
    url = "wss://ws.bitrue.com/market/ws"
    rest = BitrueTrades
    markets_url = "https://openapi.bitrue.com/api/v1/exchangeInfo"
    budget = Budget(1200, per=60.0)
    compressed = True
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}".lower()

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and books, one channel in each message, or end them."""
        for symbol, name in product(symbols, ("trade_ticker", "simple_depth_step0")):
            about = {"cb_id": symbol, "channel": f"market_{symbol}_{name}"}
            yield {"event": verb.removesuffix("scribe"), "params": about}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades, the oldest first, and books, and answer questions."""
        if frame.ping is not None or frame.event == "ping":
            return (Reply({"event": "pong", "ts": frame.ts} if frame.event else {"pong": frame.ping}),)
        market, symbol, kind = frame.channel.split("_", 2)
        match market, kind, frame.event_rep:
            case "market", "trade_ticker", "subed":
                return (Ack((symbol,)) if frame.status == "ok" else Rejected(symbol, f"status {frame.status}"),)
            case "market", "trade_ticker", "" | None:
                return sorted(_trades(inside(frame.tick, "data"), symbol), key=lambda trade: int(trade.trade_id))
            case "market", "simple_depth_step0" | "depth_step0", "" | None:
                time = msgspec.convert(frame.ts, Milliseconds) * 1_000_000
                return [msgspec.structs.replace(quote, ts_event=time) for quote in _quotes(frame.tick, symbol)]
        return ()

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Read markets, of which the stream knows the symbols in small letters."""
        rows = _markets(answer)
        return [self.listing(name.lower(), base.upper(), quote.upper(), trades=on) for name, base, quote, on in rows]


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bitrue]
