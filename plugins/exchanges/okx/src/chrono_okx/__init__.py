"""OKX spot, API v5: every public trade, and the top of the book as it moves.

Page https://www.okx.com/docs-v5/en/, of whose parts on WebSocket, market data and error codes no more than excerpts
were read; what it shows was read as the libraries ccxt, OKX.Net, nautilus_trader and gocryptotrader re-tell it in their
tests and comments, read 2026-11-23. Numbers and times are text, times in milliseconds, `side` is the taker's. An update
of `trades` is what one taker order filled at one price, `count` fills under the id of the last; those of `trades-all`,
on another address, and of REST are single fills. `bbo-tbt` is the top of the book at each change, without its symbol in
the row. Symbols of derivatives, whose tickers are passed over, have a second dash::

    {"arg": {"channel": "trades", "instId": "CRV-USDT"}, "data": [{"instId": "CRV-USDT", "tradeId": "21300150",
        "px": "3.973", "sz": "13.491146", "side": "buy", "ts": "1639999319938"}]}
    {"arg": {"channel": "tickers", "instId": "ACT-USDT"}, "data": [{"instType": "SPOT", "instId": "ACT-USDT",
        "last": "0.00718", "askPx": "0.0072", "askSz": "54969.4", "bidPx": "0.00713", "bidSz": "4092.3", …,
        "ts": "1639999318686"}]}
    {"arg": {"channel": "bbo-tbt", "instId": "BTC-USDT"}, "data": [{"asks": [["38632.4", "727", "0", "22"]],
        "bids": [["38632.3", "990", "0", "22"]], "ts": "1651761120004", "seqId": 12345}]}
    {"event": "subscribe", "arg": {"channel": "trades", "instId": "BTC-USDT"}, "connId": "a4d3ae55"}
    {"event": "error", "code": "60018", "msg": "Wrong URL or channel:trades,instId:XX-USDT doesn't exist. …"}
    {"event": "notice", "code": "64008", "msg": "The connection will soon be closed …", "connId": "a4d3ae55"}

A connection on which nothing was said for 30 seconds is closed, so `ping` is sent, and `pong` comes. An address may
attempt three connections a second, and send 480 requests of 64 KiB an hour on each; too many are 60014. Over REST,
trades may be asked for a hundred times in two seconds, newest first, and what fails is HTTP 200 with a `code` that is
not "0".
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Pair, RateLimit, Reconnect, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_TOO_MANY = ("60014", "50011", "50013")
_ANY = ("trades", "trades-all", "bbo-tbt")
_NAMED = re.compile(r"instId:([A-Z0-9-]+)")

_trades = trade_rows(symbol="instId", id="tradeId", price="px", size="sz", side="side", time="ts")
_ROWS: dict[str, trade_rows | quote_rows] = {
    "trades": _trades,
    "trades-all": _trades,
    "tickers": quote_rows(symbol="instId", bid="bidPx", bid_size="bidSz", ask="askPx", ask_size="askSz", time="ts"),
    "bbo-tbt": quote_rows(bid="bids", ask="asks", time="ts", levels=True),
}


class Channel(msgspec.Struct, gc=False, rename={"symbol": "instId"}):
    """What a message is about."""

    channel: str
    symbol: str = ""


class Message(msgspec.Struct, gc=False):
    """Any message: rows of a channel, an answer or a notice."""

    arg: Channel | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str = ""
    code: str = ""
    msg: str = ""


class OkxTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "okx"
    url = "https://www.okx.com"
    path = "/api/v5/market/trades?instId={symbol}&limit=100"
    at = "data"
    rows = _trades
    refused = refusals(code="code", fine=["0"], reason="msg", busy=_TOO_MANY)


class Okx(WebSocketSource):
    """Every public trade of OKX's spot market, and the best bid and ask as they move."""

    type = "okx"
    url = "wss://ws.okx.com:8443/ws/v5/public"
    regions = {  # noqa: RUF012 - a mapping that nobody changes
        "eea": ["wss://wseea.okx.com:8443/ws/v5/public"],
        "us": ["wss://wsus.okx.com:8443/ws/v5/public"],
    }
    rest = OkxTrades
    markets_url = "https://www.okx.com/api/v5/public/instruments?instType=SPOT"
    markets = market_rows(at="data", symbol="instId", base="baseCcy", quote="quoteCcy", state="state", trading=["live"])
    symbols_per_connection = 400
    budget = Budget(100, per=2.0)
    connections = Budget(3, per=1.0)
    heartbeat = Heartbeat("ping", every=20.0)
    words = {"pong": None}  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{self.alias(pair.base)}-{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tickers of all symbols in one message, or end both."""
        yield {"op": verb, "args": [{"channel": name, "instId": s} for s in symbols for name in ("trades", "tickers")]}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a subscription."""
        match frame:
            case Message(None, event="") | Message(Channel("bbo-tbt", "")):
                raise ValueError("expected rows of a channel with its symbol, or an event")
            case Message(Channel(name, symbol), data, "") if name in _ROWS and (symbol.count("-") < 2 or name in _ANY):
                return _ROWS[name](data, symbol)
            case Message(Channel(_, symbol), _, "subscribe") if symbol:
                return (Ack((symbol,)),)
            case Message(event="error", code=code, msg=reason):
                named = "".join(_NAMED.findall(reason)[:1])
                return (RateLimit(5.0, reason) if code in _TOO_MANY else Rejected(named, reason),)
            case Message(event="notice", msg=reason):
                return (Reconnect(reason),)
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Okx]
