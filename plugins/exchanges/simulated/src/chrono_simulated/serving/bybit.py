"""Bybit as it speaks over API v5: the public stream of spot, and the market data of its REST API.

Pages below https://bybit-exchange.github.io/docs/v5/ — ws/connect, websocket/public/trade, websocket/public/orderbook,
market/recent-trade, market/instrument, market/tickers, market/time, error — read 2026-11-22. A request has up to ten
topics and is carried out whole or not at all, and its number stands in no refusal; a ping is a request; level 1 of the
book is sent whole; prices and sizes are text, errors over REST are HTTP 200 with a code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, milliseconds, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_TOPICS = ("publicTrade", "orderbook.1")
_ARGS = 10
_TRADES = 60


class Asked(msgspec.Struct):
    """A request on the stream."""

    op: str
    args: list[str] = []
    req_id: str | int = ""


class Bybit(Venue):
    """Bybit's spot market: the stream on `/v5/public/spot`, prices and listings below `/v5/market`."""

    type: ClassVar[str] = "bybit"
    path: ClassVar[str] = "/v5/public/spot"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair without anything between."""
        return f"{pair.base}{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterator[Frame]:
        """Subscribe or unsubscribe, all topics or none; answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            asked = Asked("")
        if asked.op not in {"subscribe", "unsubscribe"}:
            words = "pong" if asked.op == "ping" else "error:command not found"
            yield _answer(session, asked, words, success=asked.op == "ping")
            return
        if reason := _objection(session.exchange, asked):
            yield _answer(session, asked, reason, success=False)
            return
        yield _answer(session, asked, asked.op)
        for topic, _, symbol in (each.rpartition(".") for each in asked.args):
            (session.subscribe if asked.op == "subscribe" else session.unsubscribe)(topic, symbol)
            pair = session.exchange.find(symbol)
            if pair is not None and session.has(topic, symbol) and topic == "orderbook.1":
                yield from self.say(session, session.exchange.top(session.last(pair)))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, and the top of the book when it changes."""
        symbol, now = self.symbol(Pair.parse(tick.symbol)), milliseconds(session.exchange.now())
        about: dict[str, Any] = {"type": "snapshot", "ts": now}
        if isinstance(tick, Trade) and session.has("publicTrade", symbol):
            row = {"i": tick.trade_id, "T": milliseconds(tick.ts_event), "p": text(tick.price), "v": text(tick.size)}
            row |= {"s": symbol, "S": (tick.side or "buy").title(), "BT": False, "RPI": False}
            yield say({"topic": f"publicTrade.{symbol}", **about, "data": [row]})
        if isinstance(tick, Quote) and session.has("orderbook.1", symbol):
            sides = {"b": [[text(tick.bid), text(tick.bid_size)]], "a": [[text(tick.ask), text(tick.ask_size)]]}
            whole = {"s": symbol, **sides, "u": now, "seq": now}
            yield say({"topic": f"orderbook.1.{symbol}", **about, "data": whole, "cts": milliseconds(tick.ts_event)})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_answer(session, Asked("subscribe"), "error:too many requests", success=False)]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/v5/market`."""
        match request.path.removeprefix("/v5/market/"), exchange.find(request.query.get("symbol", "")):
            case "time", _:
                return _told(exchange, {"timeSecond": str(exchange.now() // 10**9), "timeNano": str(exchange.now())})
            case "instruments-info", _:
                return _listed(exchange, [self._about(exchange, pair) for pair in exchange.listed])
            case "recent-trade" | "tickers", None:
                return data(_failed(10001, "Not supported symbols"))
            case "recent-trade", Pair() as pair:
                trades = reversed(exchange.recent(pair, _TRADES))
                return _listed(exchange, [self._trade(trade, self.symbol(pair)) for trade in trades])
            case "tickers", Pair() as pair:
                top = exchange.top(exchange.last(pair))
                prices = {"bid1Price": text(top.bid), "ask1Price": text(top.ask), "lastPrice": text(top.bid)}
                return _listed(exchange, [{"symbol": self.symbol(pair), **prices}])
        return Response(404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"symbol": self.symbol(pair), "baseCoin": pair.base, "quoteCoin": pair.quote}
        return {**about, "status": "PreLaunch" if exchange.is_halted(pair) else "Trading"}

    def _trade(self, trade: Trade, symbol: str) -> dict[str, Any]:
        about = {"execId": trade.trade_id, "symbol": symbol, "price": text(trade.price), "size": text(trade.size)}
        side, time = (trade.side or "buy").title(), str(milliseconds(trade.ts_event))
        return {**about, "side": side, "time": time, "isBlockTrade": False}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        busy = status in {418, 429}
        return msgspec.json.encode(_failed(10006, "Too many visits!") if busy else _failed(10016, "Server error."))


def _objection(exchange: Exchange, asked: Asked) -> str:
    if len(asked.args) > _ARGS:
        return f"args size >{_ARGS}"
    for topic, _, symbol in (each.rpartition(".") for each in asked.args):
        if topic not in _TOPICS:
            return f"error:handler not found,topic:{topic}.{symbol}"
        if asked.op == "subscribe" and exchange.refuses(symbol):
            return f"Invalid symbol :[{topic}.{symbol}]"
    return ""


def _answer(session: Session, asked: Asked, words: str, *, success: bool = True) -> Frame:
    about = {"success": success, "ret_msg": words, "conn_id": f"{session.number:08x}-aa4d-45b0-a858-7b8be29ab52b"}
    number = {"req_id": asked.req_id} if success else {}
    return say({**about, **number, "op": asked.op})


def _told(exchange: Exchange, result: Any) -> Response:
    return data({"retCode": 0, "retMsg": "OK", "result": result, "time": milliseconds(exchange.now())})


def _listed(exchange: Exchange, rows: list[dict[str, Any]]) -> Response:
    return _told(exchange, {"category": "spot", "list": rows})


def _failed(code: int, words: str) -> dict[str, Any]:
    return {"retCode": code, "retMsg": words, "result": {}}
