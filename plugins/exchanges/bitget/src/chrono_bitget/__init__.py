r"""Bitget spot, API v3 (unified account): every public trade, and the top of the book as it changes.

Page https://www.bitget.com/api-doc/common/websocket-intro, an excerpt of it, read 2026-11-23. The pages of v3 below
https://www.bitget.com/api-doc/uta/ could not be opened: its messages were read in the tests of tardis-node and
Bitget.Net, which re-tell them, and in the description of the library bitget-api. Numbers are text, times milliseconds,
`S` is the taker's side. Trades of a `snapshot` are the past, those of an `update` come newest first; one level of the
book is sent whole. The ticker has a top, too, without a time in its row::

    {"action": "update", "arg": {"instType": "spot", "topic": "publicTrade", "symbol": "BTCUSDT"}, "data": [{
        "i": "1485683898127761410", "p": "80810.6", "v": "0.0246", "S": "sell", "T": "1789940564662",
        "L": "1485683898127761411", "isRPI": "no"}], "ts": 1789940564662}
    {"action": "snapshot", "arg": {"instType": "spot", "topic": "books1", "symbol": "BTCUSDT"}, "data": [{
        "a": [["80855.01", "0.381751"]], "b": [["80855", "0.119954"]], "seq": 993094633676, "pseq": 0,
        "ts": "1789940582101"}], "ts": 1789940582102}
    {"event": "subscribe", "arg": {"instType": "spot", "topic": "publicTrade", "symbol": "BTCUSDT"}}
    {"event": "error", "code": 30001, "msg": "{\"instType\":\"spot\",\"symbol\":\"XXUSDT\",…} doesn't exist", …}

Messages of v2, which is served beside it, have `SPOT`, `channel` and `instId` in `arg` and other words in their rows;
they are read, too. Those of v1 have other words for `instType` and are refused. `ping` is due every 30 seconds; an
address may open 300 connections in five minutes and send ten messages a second on each, which should carry fewer than
fifty channels; over REST it may ask 20 times a second, and an error is a `code` that is not "00000".
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec

from chrono import Ack, Pair, RateLimit, Rejected, Signal, Source, Tick, Trade, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_NAMED = re.compile(r'"(?:symbol|instId)":"(\w+)"')
_TOO_MANY = ("429", "30006", "30007")

_ROWS: dict[str, trade_rows | quote_rows] = {
    "spot publicTrade": trade_rows(id="i", price="p", size="v", side="S", time="T", newest_first=True),
    "SPOT trade": trade_rows(id="tradeId", price="price", size="size", side="side", time="ts", newest_first=True),
    "spot books1": quote_rows(bid="b", ask="a", time="ts", levels=True),
    "spot ticker": quote_rows(bid="bid1Price", bid_size="bid1Size", ask="ask1Price", ask_size="ask1Size"),
    "SPOT books1": quote_rows(bid="bids", ask="asks", time="ts", levels=True),
    "SPOT ticker": quote_rows(bid="bidPr", bid_size="bidSz", ask="askPr", ask_size="askSz", time="ts"),
}


class Channel(msgspec.Struct, gc=False, rename={"market": "instType", "older": "instId"}):
    """What a message is about, in the words of v3 or of v2."""

    market: Annotated[str, msgspec.Meta(pattern="(?i)^(uta|spot|margin|[a-z]+-futures)$")]
    topic: str = ""
    channel: str = ""
    symbol: str = ""
    older: str = ""


class Message(msgspec.Struct, gc=False):
    """Any message: rows of a channel, or an answer."""

    arg: Channel | None = None
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str = ""
    code: str | int = ""
    msg: str = ""


class BitgetTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "bitget"
    url = "https://api.bitget.com"
    path = "/api/v3/market/fills?category=SPOT&symbol={symbol}&limit=100"
    at = "data"
    rows = trade_rows(id="execId", price="price", size="size", side="side", time="ts")
    refused = refusals(code="code", fine=["00000"], reason="msg", busy=_TOO_MANY)


class Bitget(WebSocketSource):
    """Every public trade of Bitget's spot market, and the best bid and ask as they change."""

    type = "bitget"
    url = "wss://ws.bitget.com/v3/ws/public"
    rest = BitgetTrades
    markets_url = "https://api.bitget.com/api/v3/market/instruments?category=SPOT"
    markets = market_rows(
        at="data", symbol="symbol", base="baseCoin", quote="quoteCoin", state="status", trading=["online"]
    )
    symbols_per_connection = 24
    budget = Budget(20, per=1.0)
    connections = Budget(300, per=300.0)
    heartbeat = Heartbeat("ping", every=25.0)
    words = {"pong": None}  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair without anything between."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and the top of the book of all symbols in one message, or end both."""
        about = [{"instType": "spot", "symbol": symbol} for symbol in symbols]
        yield {"op": verb, "args": [each | {"topic": topic} for each in about for topic in ("publicTrade", "books1")]}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a subscription."""
        about = frame.arg
        symbol = (about.symbol or about.older) if about else "".join(_NAMED.findall(frame.msg)[:1])
        if frame.event == "error":
            return (RateLimit(5.0, frame.msg) if str(frame.code) in _TOO_MANY else Rejected(symbol, frame.msg),)
        if frame.event:
            return (Ack((symbol,)),) if frame.event == "subscribe" and symbol else ()
        read = _ROWS.get(f"{about.market} {about.topic or about.channel}") if about else None
        if about is None or (read and not symbol) or frame.action not in {"snapshot", "update"}:
            raise ValueError("expected rows of a channel with its symbol, or an event")
        ticks = () if read is None else read(frame.data, symbol)
        return [tick for tick in ticks if frame.action == "update" or not isinstance(tick, Trade)]


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bitget]
