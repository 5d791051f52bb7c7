"""WhiteBIT as it speaks: the market streams, and the market data of its API v4.

Pages below https://docs.whitebit.com/ — websocket/overview, websocket/rate-limits, websocket/market-streams/ (service,
trades, book-ticker), api-reference/market-data/ (recent-trades, market-info, server-time) — read 2026-11-22. A
subscription replaces the one before it of the same kind, and one without markets is of all; one market that is not
listed voids the request; what is not JSON costs the connection. Times are seconds, over REST whole ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_CHANNELS = ("trades", "bookTicker")
_MICROSECOND = 1000
_TRADES = 100


class Asked(msgspec.Struct):
    """A request on the stream."""

    id: int
    method: str
    params: list[Any]


class WhiteBit(Venue):
    """WhiteBIT: the stream on `/ws`, listings and trades below `/api/v4/public`."""

    type: ClassVar[str] = "whitebit"
    path: ClassVar[str] = "/ws"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a line below."""
        return f"{pair.base}_{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, tell the time, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            session.ended = (1006, "")
            return ()
        channel, _, verb = asked.method.rpartition("_")
        match channel, verb:
            case "", "ping":
                return [_answer(asked.id, "pong")]
            case "", "time":
                return [_answer(asked.id, session.exchange.now() // SECOND)]
            case name, "subscribe" if name in _CHANNELS:
                return self._subscribe(session, asked, name)
            case name, "unsubscribe" if name in _CHANNELS:
                _forget(session, name)
                return [_answer(asked.id, {"status": "success"})]
        return [_error(asked.id, 4, "method not found")]

    def _subscribe(self, session: Session, asked: Asked, channel: str) -> Iterator[Frame]:
        symbols = [str(symbol) for symbol in asked.params] or [self.symbol(pair) for pair in session.exchange.listed]
        for symbol in symbols:
            if session.exchange.refuses(symbol):
                yield _error(asked.id, 9, f"market {symbol} does not exist")
                return
        _forget(session, channel)
        yield _answer(asked.id, {"status": "success"})
        for symbol in symbols:
            session.subscribe(channel, symbol)
            if channel == "bookTicker" and (pair := session.exchange.find(symbol)) is not None:
                yield from self.say(session, session.exchange.top(session.last(pair)))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade on its channel, and the top of the book when it changes."""
        symbol, time = self.symbol(Pair.parse(tick.symbol)), _seconds(tick.ts_event or 0)
        if isinstance(tick, Trade) and session.has("trades", symbol):
            row = {"id": int(tick.trade_id or 0), "time": time, "price": text(tick.price), "amount": text(tick.size)}
            yield say({"id": None, "method": "trades_update", "params": [symbol, [{**row, "type": tick.side}]]})
        if isinstance(tick, Quote) and session.has("bookTicker", symbol):
            now = session.exchange.now()
            sides = [text(number) for number in (tick.bid, tick.bid_size, tick.ask, tick.ask_size)]
            row_of = [time, _seconds(now), symbol, now // _MICROSECOND, *sides]
            yield say({"id": None, "method": "bookTicker_update", "params": [row_of]})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_error(0, 7, "too many requests")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v4/public`."""
        match request.path.removeprefix("/api/v4/public/").split("/"):
            case ["time"]:
                return data({"time": exchange.now() // SECOND})
            case ["markets"]:
                return data([self._about(exchange, pair) for pair in exchange.listed])
            case ["trades", symbol] if (pair := exchange.find(symbol)) is not None:
                return data([_past(trade) for trade in reversed(exchange.recent(pair, _TRADES))])
        return data({"code": 1, "message": "Market is not available"}, 422)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        names = {"name": self.symbol(pair), "stock": pair.base, "money": pair.quote}
        return {**names, "minAmount": "0.0001", "tradesEnabled": not exchange.is_halted(pair), "type": "spot"}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        return msgspec.json.encode({"code": 0, "message": f"error {status}"})


def _forget(session: Session, channel: str) -> None:
    for symbol in session.symbols(channel):
        session.unsubscribe(channel, symbol)


def _answer(number: int, result: Any) -> Frame:
    return say({"id": number, "result": result, "error": None})


def _error(number: int, code: int, words: str) -> Frame:
    return say({"id": number, "result": None, "error": {"code": code, "message": words}})


def _seconds(ts: int) -> msgspec.Raw:
    # a float would lose digits that the venue has
    return msgspec.Raw(f"{ts // SECOND}.{ts % SECOND // _MICROSECOND:06}".encode())


def _past(trade: Trade) -> dict[str, Any]:
    amounts = {"quote_volume": text(trade.size), "base_volume": text(trade.price * trade.size)}
    about = {"tradeID": int(trade.trade_id or 0), "price": text(trade.price), **amounts}
    return {**about, "trade_timestamp": (trade.ts_event or 0) // SECOND, "type": trade.side}
