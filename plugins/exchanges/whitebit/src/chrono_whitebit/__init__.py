"""WhiteBIT spot, WebSocket market streams and API v4: every public trade, and the top of the book at each change.

Pages below https://docs.whitebit.com/ — websocket/overview, websocket/rate-limits, websocket/market-streams/ (service,
trades, book-ticker), api-reference/market-data/ (recent-trades, market-info) — read 2026-11-22. Prices and sizes are
text, times seconds with decimals, `type` is what the taker did. A top is an array of the times of the match and of the
message, market, number, bid and its size, ask and its size; without orders of retail price improvement::

    {"id": null, "method": "trades_update", "params": ["ETH_BTC", [{"id": 41358530, "time": 1580905394.70332,
        "price": "0.020857", "amount": "5.511", "type": "sell", "rpi": true}]]}
    {"id": null, "method": "bookTicker_update", "params": [[1751958383.593387, 1751958383.593557, "SHIB_USDT", 80670102,
        "0.000011751", "12547000", "0.000011776", "17424000"]]}
    {"id": 1, "result": {"status": "success"}, "error": null}
    {"id": 12, "result": null, "error": {"code": 9, "message": "market NOPE_USDT does not exist"}}
    {"id": 2269, "result": null, "error": {"code": 7, "message": "too many requests"}}

A subscription replaces the one before it of the same kind, and one without markets is of all, so that each names every
market that is wanted. A client that says nothing for 60 seconds is left. An address may attempt a thousand connections
a minute. Clients of 2026 that quote the overview (a probe of 2026-09-22 among them) have `api.whitebit.com`, the host
before, deprecated since 2026-09-01 and refusing connections from 2027-03-01. Over REST, trades
may be asked for 2000 times in ten seconds; of their two amounts `quote_volume` is in base units, as in the example of
the page and in github.com/ccxt/ccxt, whitebit.ts, and their times are whole seconds.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from chrono import Ack, Listing, Pair, RateLimit, Rejected, Reply, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, Text, WebSocketSource, market_rows, quote_rows, trade_rows

_METHODS = {1: "trades_subscribe", 2: "bookTicker_subscribe"}
_NAMED = re.compile(r"\b[A-Z0-9]+_[A-Z0-9]+\b")
_TOP = ("time", "said", "symbol", "number", "bid", "bid_size", "ask", "ask_size")

_told = msgspec.json.Decoder(tuple[Text, msgspec.Raw]).decode
_trades = trade_rows(id="id", price="price", size="amount", side="type", time="time", unit="s")
_tops = quote_rows(
    order=_TOP, symbol="symbol", bid="bid", bid_size="bid_size", ask="ask", ask_size="ask_size", time="time", unit="s"
)


class Message(msgspec.Struct, gc=False):
    """Any message: an update, or an answer to a request."""

    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"")
    id: int | None = None
    result: Any = msgspec.UNSET
    error: dict[str, Any] | None = None


class WhiteBitTrades(PolledTrades):
    """The last trades of each market."""

    type = "whitebit"
    url = "https://whitebit.com"
    path = "/api/v4/public/trades/{symbol}"
    rows = trade_rows(id="tradeID", price="price", size="quote_volume", side="type", time="trade_timestamp", unit="s")


class WhiteBit(WebSocketSource):
    """Every public trade of WhiteBIT's spot market, and the best bid and ask at each change."""

    type = "whitebit"
    url = "wss://wss.whitebit.com/ws"
    regions = {"eu": ["wss://api.whitebit.eu/ws"]}  # noqa: RUF012 - a mapping that nobody changes
    rest = WhiteBitTrades
    markets_url = "https://whitebit.com/api/v4/public/markets"
    markets = market_rows(symbol="name", base="stock", quote="money", state="tradesEnabled", trading=[True])
    budget = Budget(2000, per=10.0)
    connections = Budget(1000, per=60.0)
    heartbeat = Heartbeat({"id": 0, "method": "ping", "params": []}, every=15.0)
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a line below."""
        return f"{self.alias(pair.base)}_{self.alias(pair.quote)}"

    @cached_property
    def _asked(self) -> dict[int, list[str]]:
        return {number: [] for number in _METHODS}

    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and book tickers of these markets and of all before them, but for those that are not there."""
        for asked in self._asked.values():
            asked[:] = [symbol for symbol in dict.fromkeys([*asked, *symbols]) if symbol not in self.absent]
        return [request for number in _METHODS for request in self._requests(number)]

    def _requests(self, number: int) -> Iterable[Any]:
        """Return the request of a number; none without markets, which would be for all there are."""
        asked = self._asked[number]
        return [{"id": number, "method": _METHODS[number], "params": list(asked)}] if asked else []

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return the spot markets, among which perpetuals stand under the same assets."""
        return [row for row in super().listed(answer) if row.pair and self.symbol(row.pair) == row.symbol]

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a request."""
        match frame:
            case Message("trades_update", params):
                symbol, rows = _told(params)
                return sorted(_trades(rows, symbol), key=lambda trade: int(trade.trade_id))
            case Message("bookTicker_update", params):
                return _tops(params)
            case Message("", error={"code": 7, "message": str(words)}):
                return (RateLimit(5.0, words),)
            case Message("", error={"code": int(), "message": str(words)}, id=number):
                return self._refused(words, number)
            case Message("", result=msgspec.UNSET | None):
                raise ValueError("expected an update or an answer")
            case Message("", id=1, result={"status": "success"}):
                return (Ack(),)
        return ()

    def _refused(self, words: str, number: int | None) -> Iterable[Signal]:
        named = _NAMED.search(words)
        symbol, asked = named[0] if named else "", self._asked.get(number or 0, [])
        yield Rejected(symbol, words)
        if symbol in asked:
            # it cost the others their subscription, so they are asked for without it
            asked.remove(symbol)
            yield from map(Reply, self._requests(number or 0))


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [WhiteBit]
