"""Bybit spot, API v5: every public trade, and the top of the book at each change.

Pages below https://bybit-exchange.github.io/docs/v5/ — ws/connect, websocket/public/trade, websocket/public/orderbook,
market/recent-trade, market/instrument, rate-limit, error — read 2026-11-23 as their source, bybit-exchange/docs on
GitHub, had them in July 2026; refusals are as ccxt and nautilus_trader have them. Prices and sizes are text, times
milliseconds, `S` is the taker's side; level 1 of the book is sent whole, and again when it stood for three seconds::

    {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": [{"T": 1672304486865,
        "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "i": "2290000000050703789", "BT": false}]}
    {"topic": "orderbook.1.BTCUSDT", "type": "snapshot", "ts": 1680652806504, "data": {"s": "BTCUSDT",
        "b": [["28165.07", "0.175231"]], "a": [["28165.08", "0.996816"]], "u": 20404754, "seq": 4281281856}}
    {"success": true, "ret_msg": "subscribe", "conn_id": "2324d924", "req_id": "BTCUSDT", "op": "subscribe"}
    {"success": false, "ret_msg": "Invalid symbol :[publicTrade.XXUSDT]", "conn_id": "2324d924", "op": "subscribe"}
    {"success": true, "ret_msg": "pong", "conn_id": "0970e817", "op": "ping"}

A request of up to ten topics is accepted or refused as a whole, so each symbol has its own: what is accepted is
answered under its `req_id`, what is refused names a topic in words. The topics of a connection may have 21,000
characters; `{"op": "ping"}` is due every 20 seconds; an address may open 500 connections in five minutes and ask 600
times in five seconds over REST, where an error is HTTP 200 with a `retCode`. Answers of the option market have no
`op`. Older APIs had no `ts` beside `topic`, or other topics for trades. GAS is NEO's there, as elsewhere
(https://github.com/ccxt/ccxt/pull/19712).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Milliseconds, Pair, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_NAMED = re.compile(r"(?:publicTrade|orderbook\.1)\.(\w+)")
_OLDER = ("", "publicTrade", "trade", "bookticker")

_trades = trade_rows(symbol="s", id="i", price="p", size="v", side="S", time="T")
_tops = quote_rows(symbol="s", bid="b", ask="a", levels=True)


class Message(msgspec.Struct, gc=False):
    """Any message: data of a topic, or an answer to a request."""

    topic: str = ""
    type: str = ""
    ts: Milliseconds | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    op: str | None = None
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


class BybitTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "bybit"
    url = "https://api.bybit.com"
    path = "/v5/market/recent-trade?category=spot&symbol={symbol}&limit=60"
    at = "result.list"
    rows = trade_rows(symbol="symbol", id="execId", price="price", size="size", side="side", time="time")
    refused = refusals(code="retCode", fine=[0], reason="retMsg", busy=[10006, 10018, 10429])


class Bybit(WebSocketSource):
    """Every public trade of Bybit's spot market, and the best bid and ask at each change."""

    type = "bybit"
    url = "wss://stream.bybit.com/v5/public/spot"
    regions = {  # noqa: RUF012 - a mapping that nobody changes
        "ge": ["wss://stream.bybitgeorgia.ge/v5/public/spot"],
        "id": ["wss://stream.bybit.id/v5/public/spot"],
        "kz": ["wss://stream.bybit.kz/v5/public/spot"],
        "tr": ["wss://stream.bybit.tr/v5/public/spot"],
    }
    rest = BybitTrades
    markets_url = "https://api.bybit.com/v5/market/instruments-info?category=spot"
    markets = market_rows(
        at="result.list", symbol="symbol", base="baseCoin", quote="quoteCoin", state="status", trading=["Trading"]
    )
    symbols_per_connection = 200
    budget = Budget(600, per=5.0)
    connections = Budget(500, per=300.0)
    heartbeat = Heartbeat({"op": "ping"}, every=20.0)
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair without anything between."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and the top of the book of each symbol, or end both, under its name."""
        return ({"op": verb, "req_id": s, "args": [f"publicTrade.{s}", f"orderbook.1.{s}"]} for s in symbols)

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and the top of the book, and what answers a request."""
        match frame.topic.split("."):
            case ["publicTrade", _] if frame.ts:
                return _trades(frame.data)
            case ["orderbook", "1", _] if frame.ts:
                return _tops(frame.data, ts=frame.ts * 1_000_000)
            case [""] if frame.op == "subscribe":
                named = frame.req_id or "".join(_NAMED.findall(frame.ret_msg)[:1])
                return (Ack((named,) if named else ()) if frame.success else Rejected(named, frame.ret_msg),)
            case [""] if frame.type == "COMMAND_RESP":
                return ()
            case [kind, *_] if frame.op is None and not (frame.ts and kind not in _OLDER):
                raise ValueError(f"expected an answer, or a topic of API v5 with its time, was {frame.topic!r}")
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bybit]
