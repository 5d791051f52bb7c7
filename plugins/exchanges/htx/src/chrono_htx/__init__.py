"""HTX spot, API v1: every public trade, and the top of the book at each change.

Page https://www.htx.com/en-us/opend/newApiPages/ — WebSocket market data (introduction, trade detail, best bid/offer,
ticker), market data (get the most recent trades), reference data (get all supported trading symbols), error codes — not
at hand as a whole: what follows is of excerpts of it and of github.com/ccxt/ccxt, htx.ts, read 2026-11-22. The venue
gzips all that it says, and every five seconds asks for a sign of life, without which it leaves; symbols are small words
without a separator, so pairs come from the list of markets. Numbers are numbers, times milliseconds, `direction` is the
taker's, and of several trades the newest stands first. `tradeId`, which is `trade-id` over REST, counts a market's
trades; where it is missing there is an `id` of up to 27 digits::

    {"ping": 1492420473027}                  answered with {"pong": 1492420473027}
    {"ch": "market.btcusdt.trade.detail", "ts": 1489474082831, "tick": {"id": 14650745135, "ts": 1533265950234,
        "data": [{"id": 146507451359183894799, "tradeId": 102043495674, "amount": 0.0099, "price": 401.74,
        "direction": "buy", "ts": 1533265950234}]}}
    {"ch": "market.btcusdt.bbo", "ts": 1575158404058, "tick": {"seqId": 103273695595, "ask": 7543.59,
        "askSize": 2.323241, "bid": 7541.16, "bidSize": 0.002329, "quoteTime": 1575158404057, "symbol": "btcusdt"}}
    {"id": "btcusdt", "status": "ok", "subbed": "market.btcusdt.bbo", "ts": 1489474081631}
    {"id": "xxusdt", "status": "error", "err-code": "bad-request", "err-msg": "invalid symbol xxusdt", "ts": …}

An answer bears the `id` of its request, which here is the symbol. REST may be asked ten times a second, and what fails
there is HTTP 200 with an `err-code`. GET, GTC, HIT, PNT and others are assets of another name elsewhere (ccxt).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from chrono import Ack, Budget, Milliseconds, Pair, RateLimit, Rejected, Reply, Serial, Signal, Source, Tick, hookimpl
from chrono.venue import PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_BASE, _QUOTE = "base-currency", "quote-currency"
_BUSY = ("base-request-exceed-frequency-limit", "rate-too-many-requests")
_ALIASES = {"BITCOINFILE": "BIFI", "GAMECOM": "GTC", "GFNGL": "NGL", "HITCHAIN": "HIT", "PENTA": "PNT", "THEMIS": "GET"}

_rows = partial(trade_rows, price="price", size="amount", side="direction", time="ts", within="data", newest_first=True)
_ROWS: dict[str, trade_rows | quote_rows] = {
    "trade.detail": _rows(id="tradeId", or_id="id"),
    "bbo": quote_rows(bid="bid", bid_size="bidSize", ask="ask", ask_size="askSize", time="quoteTime"),
}
_tickers = quote_rows(bid="bid", bid_size="bidSize", ask="ask", ask_size="askSize")


class Message(msgspec.Struct, gc=False, rename={"code": "err-code", "reason": "err-msg"}):
    """Any message: what is told of a channel, a ping, or an answer."""

    ch: str = ""
    ts: Milliseconds | None = None
    tick: msgspec.Raw = msgspec.Raw(b"")
    ping: Serial | None = None
    status: str = ""
    id: str | int | None = None
    subbed: str = ""
    code: str | int = ""
    reason: str = ""


class HtxTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "htx"
    url = "https://api.huobi.pro"
    path = "/market/history/trade?symbol={symbol}&size=100"
    at = "data"
    rows = _rows(id="trade-id")
    refused = refusals(code="err-code", reason="err-msg", busy=_BUSY)


class Htx(WebSocketSource):
    """Every public trade of HTX's spot market, and the best bid and ask at each change."""

    type = "htx"
    url = "wss://api.huobi.pro/ws"
    regions = {"aws": ["wss://api-aws.huobi.pro/ws"]}  # noqa: RUF012 - a mapping that nobody changes
    aliases = _ALIASES
    rest = HtxTrades
    markets_url = "https://api.huobi.pro/v1/common/symbols"
    markets = market_rows(
        at="data", symbol="symbol", base=_BASE, quote=_QUOTE, state="state", trading=["online"], upper=True
    )
    budget = Budget(10, per=1.0)
    ping = 0.0
    compressed = True
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}".lower()

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and the top of the book of each symbol, or end both, under its name."""
        return ({verb.removesuffix("scribe"): f"market.{s}.{what}", "id": s} for s in symbols for what in _ROWS)

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Answer a ping, read trades and tops of books, and what answers a request."""
        match frame.ch.split(".", 2), frame.status:
            case ["market", symbol, what], "" if symbol and what in _ROWS:
                return _ROWS[what](frame.tick, symbol)
            case ["market", symbol, "ticker"], "" if symbol and frame.ts:
                return _tickers(frame.tick, symbol, frame.ts * 1_000_000)
            case [""], "error":
                refused = Rejected(str(frame.id or ""), frame.reason)
                return (RateLimit(5.0, frame.reason) if frame.code in _BUSY else refused,)
            case [""], "ok":
                return (Ack((frame.subbed.split(".")[1],)),) if frame.subbed else ()
            case [""], "" if frame.ping is not None:
                return (Reply({"pong": frame.ping}),)
            case ["market", symbol, what], "" if symbol and what != "ticker" and frame.tick:
                return ()
        raise ValueError("expected a channel of a market, a ping or an answer")


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Htx]
