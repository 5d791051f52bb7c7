"""Crypto.com Exchange as it speaks over Exchange API v1: the market stream, and the public part of its REST API.

Page https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html — websocket root endpoints, websocket heartbeats,
subscriptions (ticker, trade), public/get-trades, public/get-tickers, public/get-instruments, response and reason codes
— read 2026-11-22. A request is answered under its number, with nothing else; a heartbeat is asked for every 30 seconds,
and who does not answer is left; prices and sizes are text, times milliseconds, the newest trade stands first.
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

_CHANNELS = ("trade", "ticker")
_MILLISECOND = 1_000_000
_TRADES = 150
_SECONDS_TO_ANSWER = 5


class Channels(msgspec.Struct, frozen=True):
    """What is asked for."""

    channels: tuple[str, ...] = ()


class Asked(msgspec.Struct):
    """A request on the stream."""

    method: str
    id: int = 0
    params: Channels = Channels()


class Cryptocom(Venue):
    """Crypto.com Exchange: the stream on `/exchange/v1/market`, prices and listings below `/exchange/v1/public`."""

    type: ClassVar[str] = "cryptocom"
    path: ClassVar[str] = "/exchange/v1/market"
    beat_every: ClassVar[float] = 30.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a line below."""
        return f"{pair.base}_{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or take the answer to a heartbeat."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_answer(0, "", 40001, "BAD_REQUEST")]
        if asked.method == "public/respond-heartbeat":
            session.options["", "beaten"] = None
            return ()
        if asked.method not in {"subscribe", "unsubscribe"}:
            return [_answer(asked.id, asked.method, 30001, "METHOD_NOT_FOUND")]
        parted = [tuple(channel.split(".", 1)) for channel in asked.params.channels]
        wrong = [".".join(each) for each in parted if each[0] not in _CHANNELS or session.exchange.refuses(each[-1])]
        if wrong:
            words = f"invalid channel {msgspec.json.encode({'channels': wrong}).decode()}"
            return [_answer(asked.id, asked.method, 10004, words)]
        return [_answer(asked.id, asked.method, 0), *self._change(session, asked.method, parted)]

    def _change(self, session: Session, method: str, parted: Iterable[tuple[str, ...]]) -> Iterator[Frame]:
        for channel, symbol in parted:
            if method == "unsubscribe":
                session.unsubscribe(channel, symbol)
                continue
            session.subscribe(channel, symbol)
            if (pair := session.exchange.find(symbol)) is not None:
                last = session.last(pair)
                # what was last is told again, as the venue does
                yield from self.say(session, last if channel == "trade" else session.exchange.top(last))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the top of the book when it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trade", symbol):
            yield _push("trade", symbol, _trade(tick, symbol))
        if isinstance(tick, Quote) and session.has("ticker", symbol):
            yield _push("ticker", symbol, _ticker(session.exchange, tick, symbol))

    def beat(self, session: Session) -> Iterator[Frame]:
        """Ask for a sign of life, and leave who gave none in five seconds."""
        now, asked = session.exchange.clock.now(), session.options.get(("", "beaten"))
        if asked is not None and now - asked > _SECONDS_TO_ANSWER * SECOND:
            session.ended = (1000, "no heartbeat")
        elif now - session.beaten >= self.beat_every * SECOND:
            session.beaten = session.options["", "beaten"] = now
            yield say({"id": session.exchange.now() // _MILLISECOND, "method": "public/heartbeat", "code": 0})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_answer(0, "subscribe", 42901, "RATE_LIMIT")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/exchange/v1/public`."""
        method = request.path.removeprefix("/exchange/v1/")
        match method, exchange.find(request.query.get("instrument_name", "")):
            case "public/get-instruments", _:
                return _told(method, [self._about(exchange, pair) for pair in exchange.listed])
            case "public/get-trades" | "public/get-tickers", None:
                return data(_failed(method, 40004, "Invalid instrument_name"), 400)
            case "public/get-trades", Pair() as pair:
                count = request.query.get("count", "")
                trades = exchange.recent(pair, min(int(count), _TRADES) if count.isdecimal() else 25)
                return _told(method, [_trade(trade, self.symbol(pair)) for trade in reversed(trades)])
            case "public/get-tickers", Pair() as pair:
                return _told(method, [_ticker(exchange, exchange.top(exchange.last(pair)), self.symbol(pair))])
        return data(_failed(method, 30001, "METHOD_NOT_FOUND"), 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"symbol": self.symbol(pair), "inst_type": "CCY_PAIR", "base_ccy": pair.base, "quote_ccy": pair.quote}
        return {**about, "tradable": not exchange.is_halted(pair), "price_tick_size": "0.00000001"}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        failed = (42901, "RATE_LIMIT") if status in {418, 429} else (50001, "INTERNAL_ERROR")
        return msgspec.json.encode(_failed("", *failed))


def _answer(number: int, method: str, code: int, message: str = "") -> Frame:
    return say({"id": number, "method": method, "code": code, **({"message": message} if message else {})})


def _push(channel: str, symbol: str, row: dict[str, Any]) -> Frame:
    about = {"instrument_name": symbol, "subscription": f"{channel}.{symbol}", "channel": channel}
    return say({"id": -1, "method": "subscribe", "code": 0, "result": {**about, "data": [row]}})


def _told(method: str, rows: list[Any]) -> Response:
    return data({"id": -1, "method": method, "code": 0, "result": {"data": rows}})


def _failed(method: str, code: int, message: str) -> dict[str, Any]:
    return {"id": -1, "method": method, "code": code, "message": message}


def _time(tick: Tick) -> int:
    return (tick.ts_event or 0) // _MILLISECOND


def _trade(trade: Trade, symbol: str) -> dict[str, Any]:
    about = {"d": trade.trade_id, "t": _time(trade), "tn": str(trade.ts_event), "i": symbol}
    return {**about, "p": text(trade.price), "q": text(trade.size), "s": trade.side.upper()}


def _ticker(exchange: Exchange, top: Quote, symbol: str) -> dict[str, Any]:
    sides = {"b": text(top.bid), "bs": text(top.bid_size), "k": text(top.ask), "ks": text(top.ask_size)}
    last, volume = text((top.bid + top.ask) / 2), text(exchange.day_volume(Pair.parse(top.symbol)))
    return {**sides, "i": symbol, "a": last, "h": last, "l": last, "c": "0.0", "v": volume, "t": _time(top)}
