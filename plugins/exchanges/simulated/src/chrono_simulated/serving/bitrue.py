"""Bitrue as it speaks on its WebSocket of market data, and as much of its REST as lists and is polled.

Pages https://github.com/Bitrue-exchange/Spot-official-api-docs, README.md (exchange information, recent trades) and
websocket-api.zh-CN.md (frames, trades, depth), read 2026-11-22. All that the venue says is gzipped; it asks for a sign
of life; what ends a subscription is not answered, and no page says what answers a market that is not listed: here it is
a status.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, plain, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_MILLISECOND = 1_000_000
_CHANNELS = {"trade_ticker", "simple_depth_step0", "depth_step0"}


class Named(msgspec.Struct, frozen=True):
    """The channel that a request is about."""

    channel: str = ""
    cb_id: str = ""


class Asked(msgspec.Struct):
    """A request, or the answer to a question."""

    event: str = ""
    params: Named = Named()
    pong: int = 0


class Bitrue(Venue):
    """Bitrue: the stream on `/market/ws`, listings and trades below `/api/v1`."""

    type: ClassVar[str] = "bitrue"
    path: ClassVar[str] = "/market/ws"
    quoted: ClassVar[Sequence[str]] = ("USDT",)
    stablecoins: ClassVar[Sequence[str]] = ("USDC/USDT",)
    beat_every: ClassVar[float] = 5.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{pair.base}{pair.quote}".lower()

    def pack(self, frame: Frame) -> Frame:
        """Compress a message."""
        return Frame(gzip.compress(frame.payload), binary=True)

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe to one channel, ask for what it has, or end it."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return ()
        about, now = {"channel": asked.params.channel, "cb_id": asked.params.cb_id}, _millis(session.exchange.now())
        _, symbol, kind = (*asked.params.channel.split("_", 2), "", "")[:3]
        pair = session.exchange.find(symbol)
        if asked.event == "unsub":
            session.unsubscribe(kind, symbol)
        elif asked.event == "req" and kind == "trade_ticker" and pair is not None:
            rows = [_print(trade) for trade in reversed(session.exchange.recent(pair))]
            return [say({"event_rep": "rep", **about, "status": "ok", "ts": now, "data": rows})]
        elif asked.event == "sub":
            listed = kind in _CHANNELS and not session.exchange.refuses(symbol)
            if listed:
                session.subscribe(kind, symbol)
            return [say({**about, "event_rep": "subed", "status": "ok" if listed else "error", "ts": now})]
        return ()

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the book."""
        symbol, ts = self.symbol(Pair.parse(tick.symbol)), _millis(tick.ts_event)
        if isinstance(tick, Trade) and session.has("trade_ticker", symbol):
            yield _told(f"market_{symbol}_trade_ticker", ts, {"data": [_print(tick)], "ts": ts})
        if isinstance(tick, Quote):
            for kind in ("simple_depth_step0", "depth_step0"):
                if session.has(kind, symbol):
                    yield _told(f"market_{symbol}_{kind}", ts, _book(tick))

    def beat(self, session: Session) -> Iterator[Frame]:
        """Ask for a sign of life."""
        now = session.exchange.clock.now()
        if now - session.beaten >= self.beat_every * SECOND:
            session.beaten = now
            yield say({"ping": _millis(session.exchange.now())})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - it says nothing
        """Say nothing: no page tells what the venue would."""
        return ()

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v1`."""
        pair = exchange.find(request.query.get("symbol", "").lower())
        match request.path:
            case "/api/v1/exchangeInfo":
                limits = [{"rateLimitType": "REQUESTS_WEIGHT", "interval": "MINUTES", "limit": 1200}]
                rows = [_about(exchange, pair) for pair in exchange.listed]
                about = {"timezone": "CTT", "serverTime": _millis(exchange.now()), "rateLimits": limits}
                return data({**about, "symbols": rows})
            case "/api/v1/trades" if pair is not None:
                return data([_row(trade) for trade in reversed(exchange.recent(pair, 100))])
        return data({"code": -1121, "msg": "Invalid symbol."}, 400)

    def error_body(self, status: int) -> bytes:
        """Return a code and a message."""
        code = -1003 if status in {418, 429} else -1001
        return msgspec.json.encode({"code": code, "msg": "Service unavailable"})


def _told(channel: str, ts: int, tick: Any) -> Frame:
    return say({"event_rep": "", "channel": channel, "data": None, "tick": tick, "ts": ts, "status": "ok"})


def _millis(ts: int | None) -> int:
    return (ts or 0) // _MILLISECOND


def _print(trade: Trade) -> dict[str, Any]:
    about = {"id": int(trade.trade_id or 0), "price": trade.price, "amount": round(trade.price * trade.size, 8)}
    local = datetime.fromtimestamp((trade.ts_event or 0) // SECOND, UTC) + timedelta(hours=8)
    side, ts = (trade.side or "buy").upper(), _millis(trade.ts_event)
    return {**about, "side": side, "vol": trade.size, "ts": ts, "ds": local.strftime("%Y-%m-%d %H:%M:%S")}


def _book(top: Quote) -> dict[str, Any]:
    return {"buys": [[plain(top.bid), top.bid_size]], "asks": [[plain(top.ask), top.ask_size]]}


def _row(trade: Trade) -> dict[str, Any]:
    about = {"id": int(trade.trade_id or 0), "price": plain(trade.price), "qty": plain(trade.size)}
    return {**about, "time": _millis(trade.ts_event), "isBuyerMaker": trade.side == "sell", "isBestMatch": True}


def _about(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    status = "HALT" if exchange.is_halted(pair) else "TRADING"
    assets = {"baseAsset": pair.base.lower(), "quoteAsset": pair.quote.lower()}
    return {"symbol": f"{pair.base}{pair.quote}", "status": status, **assets, "orderTypes": ["MARKET", "LIMIT"]}
