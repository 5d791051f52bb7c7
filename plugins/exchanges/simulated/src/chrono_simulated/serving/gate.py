"""Gate as it speaks over API v4: the public stream, and the market data of its REST API.

Pages https://www.gate.com/docs/developers/apiv4/ws/en/ (requests, errors, ping, tickers, public trades, best bid and
ask) and https://www.gate.com/docs/developers/apiv4/en/ (list all currency pairs, tickers, market trades, server time,
errors), read 2026-11-22. A request is dated to the minute, answered whole, and repeated in its answer; one pair that is
not listed voids it. Prices and sizes are text, times of trades milliseconds with decimals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, plain, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_TRADES, _TOPS, _TICKERS = "spot.trades", "spot.book_ticker", "spot.tickers"
_MILLISECOND = 1_000_000
_FURTHEST = 60
_COUNT = 100


class Asked(msgspec.Struct):
    """A request on the stream."""

    time: int
    channel: str
    event: str = ""
    payload: list[str] = []


class Gate(Venue):
    """Gate: the stream on `/ws/v4/`, prices and listings below `/api/v4/spot`."""

    type: ClassVar[str] = "gate"
    path: ClassVar[str] = "/ws/v4/"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a low line."""
        return f"{pair.base}_{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        now = session.exchange.now()
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_told(now, "", "", error={"code": 1, "message": "Invalid request body format"}, result=None)]
        if asked.channel == "spot.ping":
            return [_told(now, "spot.pong", "", result=None)]
        answer: dict[str, Any] = {"payload": asked.payload, "result": {"status": "success"}}
        if wrong := _objection(session.exchange, asked):
            answer |= {"error": {"code": 2, "message": wrong}, "result": None}
        change = session.subscribe if asked.event == "subscribe" else session.unsubscribe
        for symbol in () if wrong else asked.payload:
            change(asked.channel, symbol)
        return [_told(now, asked.channel, asked.event, **answer)]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade on its channel, and the top of the book where it changes."""
        symbol, now = self.symbol(Pair.parse(tick.symbol)), session.exchange.now()
        if isinstance(tick, Trade) and session.has(_TRADES, symbol):
            yield _told(now, _TRADES, "update", result=_trade(tick, symbol))
        if isinstance(tick, Quote) and session.has(_TOPS, symbol):
            sides = {"b": text(tick.bid), "B": text(tick.bid_size), "a": text(tick.ask), "A": text(tick.ask_size)}
            at = (tick.ts_event or 0) // _MILLISECOND
            yield _told(now, _TOPS, "update", result={"t": at, "u": now // 1000, "s": symbol, **sides})
        if isinstance(tick, Quote) and session.has(_TICKERS, symbol):
            yield _told(now, _TICKERS, "update", result=_ticker(session.exchange, tick, symbol))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_told(session.exchange.now(), "", "", error={"code": 3, "message": "Too many requests"}, result=None)]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v4/spot`."""
        match request.path.removeprefix("/api/v4/spot/"), exchange.find(request.query.get("currency_pair", "")):
            case "time", _:
                return data({"server_time": exchange.now() // _MILLISECOND})
            case "currency_pairs", _:
                return data([self._about(exchange, pair) for pair in exchange.listed])
            case "trades" | "tickers", None:
                return data({"label": "INVALID_CURRENCY_PAIR", "message": "Invalid currency pair"}, 400)
            case "trades", Pair() as pair:
                limit = request.query.get("limit", "")
                trades = exchange.recent(pair, min(int(limit) if limit.isdecimal() else _COUNT, 1000))
                return data([_polled(trade, self.symbol(pair)) for trade in reversed(trades)])
            case "tickers", Pair() as pair:
                return data([_ticker(exchange, exchange.top(exchange.last(pair)), self.symbol(pair))])
        return data({"label": "NOT_FOUND", "message": "not found"}, 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"id": self.symbol(pair), "base": pair.base, "quote": pair.quote, "precision": 8}
        return {**about, "trade_status": "untradable" if exchange.is_halted(pair) else "tradable"}

    def error_body(self, status: int) -> bytes:
        """Return a label and words."""
        label = "TOO_MANY_REQUESTS" if status in {418, 429} else "SERVER_ERROR"
        return msgspec.json.encode({"label": label, "message": "Request rejected"})


def _objection(exchange: Exchange, asked: Asked) -> str:
    if abs(asked.time - exchange.now() // SECOND) > _FURTHEST:
        return "request expired"
    if asked.channel not in {_TRADES, _TOPS, _TICKERS} or asked.event not in {"subscribe", "unsubscribe"}:
        return f"unknown channel {asked.channel} or event {asked.event}"
    unlisted = [symbol for symbol in asked.payload if asked.event == "subscribe" and exchange.refuses(symbol)]
    return f"unknown currency pair {unlisted[0]}" if unlisted else ""


def _told(now: int, channel: str, event: str, **more: Any) -> Frame:
    return say({"time": now // SECOND, "time_ms": now // _MILLISECOND, "channel": channel, "event": event, **more})


def _trade(trade: Trade, symbol: str) -> dict[str, Any]:
    at = trade.ts_event or 0
    about = {"id": int(trade.trade_id or 0), "create_time": at // SECOND, "create_time_ms": _milliseconds(at)}
    sold = {"side": trade.side, "currency_pair": symbol, "amount": plain(trade.size, 10), "price": text(trade.price)}
    return {**about, **sold, "range": f"{trade.trade_id}-{trade.trade_id}"}


def _polled(trade: Trade, symbol: str) -> dict[str, Any]:
    row = _trade(trade, symbol)
    return {**row, "id": str(row["id"]), "create_time": str(row["create_time"])}


def _milliseconds(at: int) -> str:
    return f"{at // _MILLISECOND}.{at % _MILLISECOND:06d}"


def _ticker(exchange: Exchange, top: Quote, symbol: str) -> dict[str, Any]:
    last = text((top.bid + top.ask) / 2)
    sides = {"last": last, "lowest_ask": text(top.ask), "highest_bid": text(top.bid), "change_percentage": "0"}
    volume = exchange.day_volume(Pair.parse(top.symbol))
    day = {"base_volume": text(volume), "quote_volume": text(volume * top.bid), "high_24h": last, "low_24h": last}
    return {"currency_pair": symbol, **sides, **day}
