"""XT.com spot, API v4: every public trade, and the top of the book as the venue tells it.

Pages below https://doc.xt.com/docs/spot/ — Market (get symbol information, query the list of recent transactions),
WebSocket Public (ticker, limited depth, trade record) — read 2026-11-22; messages of the stream as ccxt quotes them.
Symbols are small words joined by a line below; prices and sizes are text, times milliseconds, and `b` says whether the
buyer was the maker. The ticker has no best bid and ask, so five levels of the book are asked for, which have no time::

    {"topic": "trade", "event": "trade@btc_usdt", "data": {"s": "btc_usdt", "i": 6316559590087222000,
        "t": 1655992403617, "p": "43000", "q": "0.21", "b": true}}
    {"topic": "depth", "event": "depth@btc_usdt,5", "data": {"s": "btc_usdt", "fi": 1681433733351, "i": 1681433733371,
        "a": [["34000", "1.2"]], "b": [["32000", "0.2"]]}}
    {"id": "subscribe btc_usdt", "code": 0, "msg": "success", "sessionId": "5e1597fffeb08f50-00000001"}
    {"id": "subscribe xx_usdt", "code": 1, "msg": "…"}

An answer bears the `id` of its request. `ping` is sent as text, and `pong` comes; who is silent for long is left.
Over REST an address may ask ten times a second, and what fails is HTTP 200 with an `rc` other than 0 and a word, `mc`.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from chrono import Ack, Budget, Heartbeat, Pair, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_rows = partial(trade_rows, id="i", price="p", size="q", time="t", side="b", sides={True: "sell", False: "buy"})
_ROWS: dict[str, trade_rows | quote_rows] = {
    "trade": _rows(symbol="s"),
    "depth": quote_rows(symbol="s", bid="b", ask="a", levels=True),
}
_BASE, _QUOTE = "baseCurrency", "quoteCurrency"


class Message(msgspec.Struct, gc=False):
    """Any message: what is told of a topic, or an answer."""

    topic: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    id: str = ""
    code: int | None = None
    msg: str = ""


class XtTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "xt"
    url = "https://sapi.xt.com"
    path = "/v4/public/trade/recent?symbol={symbol}&limit=200"
    at = "result"
    rows = _rows()
    refused = refusals(code="rc", fine=[0], reason="mc")


class Xt(WebSocketSource):
    """Every public trade of XT.com's spot market, and the best bid and ask as the venue tells them."""

    type = "xt"
    url = "wss://stream.xt.com/public"
    rest = XtTrades
    markets_url = "https://sapi.xt.com/v4/public/symbol"
    markets = market_rows(
        at="result.symbols", symbol="symbol", base=_BASE, quote=_QUOTE, state="state", trading=["ONLINE"], upper=True
    )
    budget = Budget(10, per=1.0)
    heartbeat = Heartbeat("ping", every=20.0)
    words = {"pong": None}  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in small letters with a line below."""
        return f"{self.alias(pair.base)}_{self.alias(pair.quote)}".lower()

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and the first levels of the book of each symbol, or end both, under its name."""
        return ({"method": verb, "params": [f"trade@{s}", f"depth@{s},5"], "id": f"{verb} {s}"} for s in symbols)

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a request."""
        verb, _, symbol = frame.id.partition(" ")
        match frame:
            case Message(topic, data, code=None) if topic and data:
                return _ROWS[topic](data) if topic in _ROWS else ()
            case Message("", code=0):
                return (Ack((symbol,)),) if verb == "subscribe" else ()
            case Message("", code=int()):
                return (Rejected(symbol, frame.msg),)
        raise ValueError("expected what is told of a topic, or an answer with a code")


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Xt]
