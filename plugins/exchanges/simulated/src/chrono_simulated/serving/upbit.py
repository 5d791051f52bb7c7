"""Upbit as it speaks over WebSocket v1, and the market data of its REST API.

Pages below https://global-docs.upbit.com/reference/ — websocket-guide, websocket-trade, websocket-orderbook,
list-subscriptions, trades, trading pairs — read 2026-11-22. A request is an array of a ticket, of types with codes
and of a format, and replaces the one before it; nothing acknowledges it; messages are binary; `PING` is answered with a
status. Short names and lists are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, milliseconds, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_TYPES = ("trade", "orderbook", "ticker")
_SIDE = {"buy": "BID", "sell": "ASK"}


class Asked(msgspec.Struct):
    """One part of a request."""

    ticket: str = ""
    type: str = ""
    codes: list[str] = []
    is_only_realtime: bool = False
    format: str = "DEFAULT"


class Upbit(Venue):
    """Upbit: the stream on `/websocket/v1`, pairs and trades below `/v1`."""

    type: ClassVar[str] = "upbit"
    path: ClassVar[str] = "/websocket/v1"
    quoted: ClassVar[tuple[str, ...]] = ("KRW",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDT/KRW", "USDC/KRW")

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash, its quote first."""
        return f"{pair.quote}-{pair.base}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe to what is asked for in place of all before, or answer a ping."""
        if message == b"PING":
            return [say({"status": "UP"})]
        try:
            parts = msgspec.json.decode(message, type=list[Asked])
        except msgspec.MsgspecError:
            return [_error("WRONG_FORMAT", "the request is no array of objects")]
        wanted = [(part, code.partition(".")[0]) for part in parts if part.type for code in part.codes]
        if reason := _objection(session.exchange, parts, wanted):
            return [_error(*reason)]
        session.subscriptions.clear()
        for part, code in wanted:
            session.subscribe(part.type, code)
        return [
            frame for part, code in wanted if not part.is_only_realtime for frame in self._past(session, part, code)
        ]

    def _past(self, session: Session, part: Asked, code: str) -> Iterator[Frame]:
        pair = session.exchange.find(code)
        if pair is not None and part.type == "trade":
            yield _binary(_trade(session.last(pair), code) | {"stream_type": "SNAPSHOT"})
        if pair is not None and part.type == "orderbook":
            yield _binary(_book(session.exchange.top(session.last(pair)), code) | {"stream_type": "SNAPSHOT"})

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the top of the book when it changes."""
        code = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trade", code):
            yield _binary(_trade(tick, code))
        if isinstance(tick, Quote) and session.has("orderbook", code):
            yield _binary(_book(tick, code))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """End the connection, as one with too many requests ends."""
        session.ended = (1008, "Too many requests")
        return ()

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/v1`."""
        match request.path, exchange.find(request.query.get("market", "")):
            case "/v1/market/all", _:
                names = [(self.symbol(pair), pair.base) for pair in exchange.listed]
                return data([{"market": name, "korean_name": base, "english_name": base} for name, base in names])
            case "/v1/trades/ticks", Pair() as pair:
                count = request.query.get("count", "")
                trades = exchange.recent(pair, min(int(count) if count.isdecimal() else 1, 500))
                return data([_row(trade, self.symbol(pair)) for trade in reversed(trades)])
            case "/v1/trades/ticks", None:
                return Response(404, _failed("404", "Code not found"))
        return Response(404, _failed("404", "Not Found"))

    def error_body(self, status: int) -> bytes:
        """Return a name and a message."""
        busy = status in {418, 429}
        return (
            _failed("too_many_requests", "Too many API requests.") if busy else _failed("server_error", "Unavailable")
        )


def _objection(exchange: Exchange, parts: list[Asked], wanted: list[tuple[Asked, str]]) -> tuple[str, str] | None:
    if not any(part.ticket for part in parts):
        return "NO_TICKET", "no ticket"
    if not wanted:
        return ("NO_CODES", "no codes") if any(part.type for part in parts) else ("NO_TYPE", "no type")
    wrong = [code for part, code in wanted if part.type not in _TYPES or exchange.refuses(code)]
    return ("INVALID_PARAM", f"not supported: {wrong[0]}") if wrong else None


def _binary(message: dict[str, Any]) -> Frame:
    return Frame(msgspec.json.encode(message), binary=True)


def _error(name: str, message: str) -> Frame:
    return say({"error": {"name": name, "message": message}})


def _failed(name: str, message: str) -> bytes:
    return msgspec.json.encode({"error": {"name": name, "message": message}})


def _trade(trade: Trade, code: str) -> dict[str, Any]:
    time = milliseconds(trade.ts_event)
    what = {"trade_price": trade.price, "trade_volume": trade.size, "ask_bid": _SIDE[trade.side or "buy"]}
    when = {"timestamp": time, "trade_timestamp": time, "sequential_id": int(trade.trade_id or 0)}
    return {"type": "trade", "code": code, **what, **when, "stream_type": "REALTIME"}


def _book(top: Quote, code: str) -> dict[str, Any]:
    unit = {"ask_price": top.ask, "bid_price": top.bid, "ask_size": top.ask_size, "bid_size": top.bid_size}
    total = {"total_ask_size": top.ask_size, "total_bid_size": top.bid_size, "orderbook_units": [unit], "level": 0}
    time = milliseconds(top.ts_event)
    return {"type": "orderbook", "code": code, "timestamp": time, **total, "stream_type": "REALTIME"}


def _row(trade: Trade, code: str) -> dict[str, Any]:
    what = {"trade_price": trade.price, "trade_volume": trade.size, "ask_bid": _SIDE[trade.side or "buy"]}
    time = milliseconds(trade.ts_event)
    return {"market": code, "timestamp": time, **what, "sequential_id": int(trade.trade_id or 0)}
