"""Kraken spot as it speaks WebSocket API v2.

Pages below https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ — status, trade, ticker, heartbeat, ping —
read 2026-11-22. Each symbol of a request is answered on its own; a heartbeat comes each second without another update,
once anything is subscribed to. How a second subscription and too many messages are answered is not on those pages: the
words are those that clients quote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving import kraken_rest
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, iso, say
from chrono_simulated.serving.http import Request, Response
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_CHANNELS = {"trade", "ticker"}
_SNAPSHOT = 50


class Params(msgspec.Struct):
    """What is asked for."""

    channel: str = ""
    symbol: list[str] = []
    snapshot: bool = True
    event_trigger: str = "trades"


class Asked(msgspec.Struct):
    """A request on the stream."""

    method: str
    params: Params = msgspec.field(default_factory=Params)
    req_id: int | None = None


class Kraken(Venue):
    """Kraken spot: WebSocket API v2 on `/v2`, listings and prices below `/0/public/`."""

    type: ClassVar[str] = "kraken"
    path: ClassVar[str] = "/v2"

    def symbol(self, pair: Pair) -> str:
        """Write a pair as it is."""
        return str(pair)

    def greet(self, session: Session) -> Iterable[Frame]:
        """Tell the status of the system."""
        about = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": session.opened}
        return [say({"channel": "status", "type": "update", "data": [about]})]

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_answer(session, Asked("error"), success=False, error="Malformed request")]
        if asked.method == "ping":
            return [_answer(session, Asked("pong", req_id=asked.req_id))]
        if asked.method not in {"subscribe", "unsubscribe"}:
            return [_answer(session, asked, success=False, error="Unsupported method")]
        if asked.params.channel not in _CHANNELS:
            return [_answer(session, asked, success=False, error="Unsupported channel")]
        change = _subscribe if asked.method == "subscribe" else _unsubscribe
        return [frame for symbol in asked.params.symbol for frame in change(session, asked, symbol)]

    def say(self, session: Session, tick: Tick) -> Iterable[Frame]:
        """Tell a trade on its channel, and the ticker at what triggers it."""
        trigger = session.options.get(("ticker", tick.symbol))
        if isinstance(tick, Trade):
            if session.has("trade", tick.symbol):
                yield _update("trade", _trade(tick))
            if trigger == "trades":
                yield _update("ticker", _ticker(session, session.exchange.top(tick)))
        elif isinstance(tick, Quote) and trigger == "bbo":
            yield _update("ticker", _ticker(session, tick))

    def beat(self, session: Session) -> Iterable[Frame]:
        """Beat a second after the last update."""
        now = session.exchange.clock.now()
        if session.subscriptions and now - max(session.said, session.beaten) >= self.beat_every * SECOND:
            session.beaten = now
            yield say({"channel": "heartbeat"})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [say({"Error": "Exceeded msg rate"})]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/0/public/`."""
        return kraken_rest.answer(exchange, request)

    def error_body(self, status: int) -> bytes:
        """Return a list of errors, as REST has it."""
        return kraken_rest.error("EAPI:Rate limit exceeded" if status in {418, 429} else "EService:Unavailable")


def _subscribe(session: Session, asked: Asked, symbol: str) -> Iterator[Frame]:
    channel = asked.params.channel
    if session.exchange.refuses(symbol):
        yield _answer(session, asked, success=False, error=f"Currency pair not supported {symbol}", symbol=symbol)
        return
    if session.has(channel, symbol):
        yield _answer(session, asked, success=False, error="Already subscribed", symbol=symbol)
        return
    session.subscribe(channel, symbol, asked.params.event_trigger)
    told = {"event_trigger": asked.params.event_trigger} if channel == "ticker" else {}
    result = {"channel": channel, **told, "snapshot": asked.params.snapshot, "symbol": symbol}
    yield _answer(session, asked, result=result, success=True)
    if asked.params.snapshot:
        yield from _snapshot(session, channel, symbol)


def _unsubscribe(session: Session, asked: Asked, symbol: str) -> Iterator[Frame]:
    if session.unsubscribe(asked.params.channel, symbol):
        yield _answer(session, asked, result={"channel": asked.params.channel, "symbol": symbol}, success=True)
    else:
        yield _answer(session, asked, success=False, error="Subscription Not Found", symbol=symbol)


def _snapshot(session: Session, channel: str, symbol: str) -> Iterator[Frame]:
    exchange, pair = session.exchange, session.exchange.find(symbol)
    if pair is not None:
        trades = channel == "trade"
        rows = [_trade(trade) for trade in exchange.recent(pair, _SNAPSHOT)] if trades else [_last(session, pair)]
        yield say({"channel": channel, "type": "snapshot", "data": rows})


def _last(session: Session, pair: Pair) -> dict[str, Any]:
    return _ticker(session, session.exchange.top(session.last(pair)))


def _update(channel: str, row: dict[str, Any]) -> Frame:
    return say({"channel": channel, "type": "update", "data": [row]})


def _answer(session: Session, asked: Asked, **more: Any) -> Frame:
    now = iso(session.exchange.now())
    number = {} if asked.req_id is None else {"req_id": asked.req_id}
    return say({"method": asked.method, **more, "time_in": now, "time_out": now, **number})


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "side": trade.side,
        "price": trade.price,
        "qty": trade.size,
        "ord_type": "market",
        "trade_id": int(trade.trade_id or 0),
        "timestamp": iso(trade.ts_event or 0),
    }


def _ticker(session: Session, top: Quote) -> dict[str, Any]:
    pair = Pair.parse(top.symbol)
    last = session.last(pair).price
    return {
        "symbol": top.symbol,
        "bid": top.bid,
        "bid_qty": top.bid_size,
        "ask": top.ask,
        "ask_qty": top.ask_size,
        "last": last,
        "volume": session.exchange.day_volume(pair),
        "vwap": last,
        "low": last,
        "high": last,
        "change": 0.0,
        "change_pct": 0.0,
        "timestamp": iso(top.ts_event or 0),
    }
