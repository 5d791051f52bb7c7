"""Binance spot as it speaks on its WebSocket streams.

Page https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams (general information, limits, live
subscribing, trade, aggregate trade and book ticker streams), read 2026-11-22. A stream that does not exist is accepted
and silent; the venue pings every 20 seconds and leaves after a minute without a pong; the sixth message of a second,
and the 1025th stream, cost the connection. In which words is not on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving import binance_rest
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, plain, say
from chrono_simulated.serving.http import Request, Response
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

MESSAGES_A_SECOND = 5
STREAMS = 1024

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_MILLISECOND = 1_000_000


class Asked(msgspec.Struct):
    """A request on the stream."""

    method: str
    params: list[Any] = []
    id: int | str | None = None


class Binance(Venue):
    """Binance spot: combined streams on `/stream`, raw ones on `/ws`, listings and prices below `/api/v3/`."""

    type: ClassVar[str] = "binance"
    path: ClassVar[str] = "/stream"
    quoted: ClassVar[tuple[str, ...]] = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)
    ping_every = 20.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}"

    def refusal(self, exchange: Exchange, request: Request) -> Response | None:
        """Take combined streams and raw ones."""
        raw = request.path == "/ws" or request.path.startswith("/ws/")
        return None if raw else super().refusal(exchange, request)

    def greet(self, session: Session) -> Iterable[Frame]:
        """Subscribe to what the address names."""
        path, query = session.request.path, session.request.query
        named = query.get("streams", "") if path == "/stream" else path.removeprefix("/ws").strip("/")
        for stream in filter(None, named.split("/")):
            _subscribe(session, stream)
        return ()

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Carry out one of five methods."""
        if _is_too_much(session):
            session.ended = (1008, "Too many requests")
            return ()
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.ValidationError as error:
            return [_refuse(2, f"Invalid request: {error}")]
        except msgspec.DecodeError:
            return [_refuse(3, "Invalid JSON: expected value at line 1 column 1")]
        if asked.method not in _METHODS:
            known = ", ".join(f"`{method}`" for method in _METHODS)
            return [_refuse(2, f"Invalid request: unknown variant {asked.method}, expected one of {known}")]
        return self._carry_out(session, asked)

    def _carry_out(self, session: Session, asked: Asked) -> Iterable[Frame]:
        result: Any = None
        match asked.method:
            case "SUBSCRIBE":
                for stream in asked.params:
                    _subscribe(session, str(stream))
            case "UNSUBSCRIBE":
                for stream in asked.params:
                    session.unsubscribe(*_parts(str(stream)))
            case "LIST_SUBSCRIPTIONS":
                result = [f"{symbol.lower()}@{name}" for name, symbol in session.subscriptions]
            case "GET_PROPERTY":
                result = _is_combined(session)
            case "SET_PROPERTY":
                session.options["", "combined"] = asked.params[-1:] == [True]
        if len(session.subscriptions) > STREAMS:
            session.ended = (1008, "Too many streams")
        return [say({"result": result, "id": asked.id})]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade or a book ticker, inside a combined stream or bare."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        unit = _MILLISECOND if session.request.query.get("timeUnit", "").upper() != "MICROSECOND" else 1000
        if isinstance(tick, Trade):
            if session.has("trade", symbol):
                yield _event(session, symbol, "trade", _trade(tick, symbol, unit))
            if session.has("aggTrade", symbol):
                yield _event(session, symbol, "aggTrade", _aggregate(tick, symbol, unit))
        elif isinstance(tick, Quote) and session.has("bookTicker", symbol):
            yield _event(session, symbol, "bookTicker", _book(tick, symbol))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages, and end the connection."""
        session.ended = (1008, "Too many requests")
        return [_refuse(-1003, "Too many requests; please use the websocket for live updates to avoid bans.")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v3/`."""
        return binance_rest.answer(exchange, request)

    def error_body(self, status: int) -> bytes:
        """Return a code and a message."""
        if status in {418, 429}:
            words = "Way too many requests; IP banned until 1795343100000. Please use the websocket for live updates."
            return binance_rest.error(-1003, words)
        return binance_rest.error(0, "Service unavailable from a restricted location." if status == 451 else "Error.")


def _is_too_much(session: Session) -> bool:
    now = session.exchange.clock.now()
    times = [at for at in session.options.get(("", "messages"), ()) if now - at < SECOND]
    session.options["", "messages"] = (*times, now)
    return len(times) >= MESSAGES_A_SECOND


def _parts(stream: str) -> tuple[str, str]:
    symbol, _, name = stream.partition("@")
    return name, symbol.upper()


def _subscribe(session: Session, stream: str) -> None:
    name, symbol = _parts(stream)
    pair = session.exchange.find(symbol)
    # what is refused elsewhere is accepted here, and nothing comes
    if pair is None or not session.exchange.refuses(symbol):
        session.subscribe(name, symbol)


def _is_combined(session: Session) -> bool:
    return bool(session.options.get(("", "combined"), session.request.path == "/stream"))


def _refuse(code: int, message: str) -> Frame:
    return say({"code": code, "msg": message})


def _event(session: Session, symbol: str, name: str, event: dict[str, Any]) -> Frame:
    return say({"stream": f"{symbol.lower()}@{name}", "data": event} if _is_combined(session) else event)


def _trade(trade: Trade, symbol: str, unit: int) -> dict[str, Any]:
    time = (trade.ts_event or 0) // unit
    return {
        "e": "trade",
        "E": time,
        "s": symbol,
        "t": int(trade.trade_id or 0),
        "p": plain(trade.price),
        "q": plain(trade.size),
        "T": time,
        "m": trade.side == "sell",
        "M": True,
    }


def _aggregate(trade: Trade, symbol: str, unit: int) -> dict[str, Any]:
    time, number = (trade.ts_event or 0) // unit, int(trade.trade_id or 0)
    return {
        "e": "aggTrade",
        "E": time,
        "s": symbol,
        "a": number,
        "p": plain(trade.price),
        "q": plain(trade.size),
        "f": number,
        "l": number,
        "T": time,
        "m": trade.side == "sell",
        "M": True,
    }


def _book(quote: Quote, symbol: str) -> dict[str, Any]:
    return {
        "u": (quote.ts_event or 0) // _MILLISECOND,
        "s": symbol,
        "b": plain(quote.bid),
        "B": plain(quote.bid_size),
        "a": plain(quote.ask),
        "A": plain(quote.ask_size),
    }
