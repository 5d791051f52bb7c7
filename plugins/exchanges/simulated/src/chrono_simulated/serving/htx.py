"""HTX as it speaks over API v1: the public stream, gzipped, and the market data of its REST API.

Page https://www.htx.com/en-us/opend/newApiPages/ — WebSocket market data (introduction, trade detail, best bid/offer),
market data (get the most recent trades), reference data (get all supported trading symbols), error codes — read
2026-11-22. Numbers are numbers, times milliseconds; of several trades the newest stands first, on the stream and over
REST; what fails over REST is HTTP 200 with an `err-code`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.styles.gzipped import GzipVenue

_CHANNELS = ("trade.detail", "bbo")
_MILLISECOND = 1_000_000
_MOST = 2000


class Htx(GzipVenue):
    """HTX: the stream on `/ws`, prices below `/market` and the list of markets below `/v1`."""

    type: ClassVar[str] = "htx"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or take the answer to a ping."""
        try:
            asked = msgspec.json.decode(message, type=dict[str, Any])
        except msgspec.MsgspecError:
            return [self._error(session, None, "malformed request")]
        if "pong" in asked:
            session.options["", "asked"] = 0
            return ()
        topic = str(asked.get("sub") or asked.get("unsub") or "")
        _, symbol, channel = (*topic.split(".", 2), "", "", "")[:3]
        if channel not in _CHANNELS:
            return [self._error(session, asked.get("id"), f"invalid topic {topic}")]
        if session.exchange.refuses(symbol):
            return [self._error(session, asked.get("id"), f"invalid symbol {symbol}")]
        change, word = (session.subscribe, "subbed") if "sub" in asked else (session.unsubscribe, "unsubbed")
        change(channel, symbol)
        answer = say({"id": asked.get("id"), "status": "ok", word: topic, "ts": self._now(session)})
        pair = session.exchange.find(symbol)
        if word == "unsubbed" or pair is None:
            return [answer]
        last = session.last(pair)
        # what was last is told again, as the venue does
        return [answer, *self.say(session, last if channel == "trade.detail" else session.exchange.top(last))]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the top of the book when it changes."""
        symbol, at = self.symbol(Pair.parse(tick.symbol)), _time(tick)
        if isinstance(tick, Trade) and session.has("trade.detail", symbol):
            row = _row(tick, "tradeId")
            yield _push(session, symbol, "trade.detail", {"id": row["id"], "ts": at, "data": [row]})
        if isinstance(tick, Quote) and session.has("bbo", symbol):
            sides = {"bid": tick.bid, "bidSize": tick.bid_size, "ask": tick.ask, "askSize": tick.ask_size}
            yield _push(session, symbol, "bbo", {"seqId": at, **sides, "quoteTime": at, "symbol": symbol})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [self._error(session, None, "exceeded rate limit", "rate-too-many-requests")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/market` and `/v1`."""
        pair, now = exchange.find(request.query.get("symbol", "")), exchange.now() // _MILLISECOND
        match request.path, pair:
            case "/v1/common/timestamp", _:
                return data({"status": "ok", "data": now})
            case "/v1/common/symbols", _:
                return data({"status": "ok", "data": [self._about(exchange, each) for each in exchange.listed]})
            case "/market/history/trade" | "/market/detail/merged", None:
                return data(_failed("invalid-parameter", "invalid symbol"))
            case "/market/history/trade", Pair():
                trades = exchange.recent(pair, _count(request.query.get("size", "")))
                rows = [{"id": int(t.trade_id or 0), "ts": _time(t), "data": [_row(t, "trade-id")]} for t in trades]
                return data(_told(f"{self.symbol(pair)}.trade.detail", now, data=rows[::-1]))
            case "/market/detail/merged", Pair():
                top = exchange.top(exchange.last(pair))
                sides = {"bid": [top.bid, top.bid_size], "ask": [top.ask, top.ask_size]}
                about = {"id": now, "close": (top.bid + top.ask) / 2, "amount": exchange.day_volume(pair)}
                return data(_told(f"{self.symbol(pair)}.detail.merged", now, tick=about | sides))
        return data(_failed("bad-request", "not found"), 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"symbol": self.symbol(pair), "base-currency": pair.base.lower(), "quote-currency": pair.quote.lower()}
        return {**about, "state": "suspend" if exchange.is_halted(pair) else "online", "api-trading": "enabled"}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        busy = status in {418, 429}
        failed = ("rate-too-many-requests", "exceeded rate limit") if busy else ("system-maintenance", "unavailable")
        return msgspec.json.encode(_failed(*failed))


def _count(size: str) -> int:
    return min(int(size), _MOST) if size.isdecimal() else 1


def _time(tick: Tick) -> int:
    return (tick.ts_event or 0) // _MILLISECOND


def _row(trade: Trade, numbered: str) -> dict[str, Any]:
    about = {"id": int(trade.trade_id or 0) * 10**6, "ts": _time(trade), numbered: int(trade.trade_id or 0)}
    return {**about, "amount": trade.size, "price": trade.price, "direction": trade.side or "buy"}


def _push(session: Session, symbol: str, channel: str, tick: dict[str, Any]) -> Frame:
    return say({"ch": f"market.{symbol}.{channel}", "ts": session.exchange.now() // _MILLISECOND, "tick": tick})


def _told(what: str, now: int, **more: Any) -> dict[str, Any]:
    return {"ch": f"market.{what}", "status": "ok", "ts": now, **more}


def _failed(code: str, words: str) -> dict[str, Any]:
    return {"status": "error", "err-code": code, "err-msg": words, "data": None}
