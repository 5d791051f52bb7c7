"""Gemini as it speaks on its stream API, and the public part of its REST API.

Pages below https://developer.gemini.com/ — websocket/message-format, websocket/streams (book ticker, trade stream),
trading/rest-api/market-data (list symbols, get symbol details, list trades), error-codes — read 2026-11-22. A request
comes back by its id with a status; one stream that does not exist voids the request it stands in; symbols of the stream
are in lower case, those of REST in upper case; times of the stream are nanoseconds.
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

_STREAMS = ("trade", "bookticker")
_TRADES = 50
_WORDS = {
    400: (-1013, "Invalid parameters"),
    404: (-1020, "Unsupported operation"),
    429: (-1003, "Rate limit exceeded"),
}


class Asked(msgspec.Struct):
    """A request on the stream."""

    id: str | int
    method: str
    params: list[str] = []


class Gemini(Venue):
    """Gemini: the stream on `/`, symbols and trades below `/v1`."""

    type: ClassVar[str] = "gemini"
    ping_every = 20.0
    stablecoins: ClassVar[tuple[str, ...]] = ("USDT/USD", "USDC/USD")

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word, in lower case."""
        return f"{pair.base}{pair.quote}".lower()

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe or unsubscribe, all that is asked for or nothing; or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_failed(None, 400)]
        method = asked.method.lower()
        if method not in {"subscribe", "unsubscribe", "ping"}:
            return [_failed(asked.id, 404)]
        streams = [(stream, *stream.lower().partition("@")[::2]) for stream in asked.params]
        for stream, symbol, name in streams:
            if method == "subscribe" and (name not in _STREAMS or session.exchange.refuses(symbol)):
                return [_failed(asked.id, 400, f"Invalid stream name: {stream}")]
        for _, symbol, name in streams:
            (session.subscribe if method == "subscribe" else session.unsubscribe)(name, symbol)
        return [say({"id": asked.id, "status": 200})]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the top of the book when it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trade", symbol):
            about = {"E": tick.ts_event, "s": symbol, "t": int(tick.trade_id or 0)}
            yield say({**about, "p": text(tick.price), "q": text(tick.size), "m": tick.side == "sell"})
        if isinstance(tick, Quote) and session.has("bookticker", symbol):
            bid, ask = {"b": text(tick.bid), "B": text(tick.bid_size)}, {"a": text(tick.ask), "A": text(tick.ask_size)}
            yield say({"u": (tick.ts_event or 0) // 1000, "E": tick.ts_event, "s": symbol, **bid, **ask})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_failed(None, 429)]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/v1`."""
        match request.path.strip("/").split("/"):
            case ["v1", "symbols"]:
                return data([self.symbol(pair) for pair in exchange.listed])
            case ["v1", "symbols", "details", "all"]:
                return data([_about(exchange, pair) for pair in exchange.listed])
            case ["v1", "trades", symbol] if (pair := exchange.find(symbol.lower())) is not None:
                limit = request.query.get("limit_trades", "")
                trades = exchange.recent(pair, min(int(limit) if limit.isdecimal() else _TRADES, 500))
                return data([_row(trade) for trade in reversed(trades)])
            case ["v1", "trades", symbol]:
                return Response(400, _error("Bad Request", f"Supplied value '{symbol}' is not a valid symbol."))
        return Response(404, _error("EndpointNotFound", "API entry point not found"))

    def error_body(self, status: int) -> bytes:
        """Return a reason and a message."""
        busy = status in {418, 429}
        return _error("RateLimited", "Too Many Requests") if busy else _error("System", "Temporarily unavailable")


def _failed(id: str | int | None, status: int, words: str = "") -> Frame:
    code, usual = _WORDS[status]
    return say({"id": id, "status": 400 if status == 404 else status, "error": {"code": code, "msg": words or usual}})


def _error(reason: str, message: str) -> bytes:
    return msgspec.json.encode({"result": "error", "reason": reason, "message": message})


def _about(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    about = {"symbol": f"{pair.base}{pair.quote}", "base_currency": pair.base, "quote_currency": pair.quote}
    steps = {"tick_size": 1e-8, "quote_increment": 0.01, "min_order_size": "0.00001"}
    kind = {"product_type": "spot", "contract_type": "vanilla", "contract_price_currency": pair.quote}
    return {**about, **steps, **kind, "status": "closed" if exchange.is_halted(pair) else "open"}


def _row(trade: Trade) -> dict[str, Any]:
    time = milliseconds(trade.ts_event)
    about = {"timestamp": time // 1000, "timestampms": time, "tid": int(trade.trade_id or 0), "exchange": "gemini"}
    return {**about, "price": text(trade.price), "amount": text(trade.size), "type": trade.side}
