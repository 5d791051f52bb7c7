"""Bitfinex as it speaks on its public WebSocket of API v2, and as much of its REST as lists and is polled.

Pages below https://docs.bitfinex.com/ — docs/ws-general, docs/ws-public, reference/ws-public-trades,
reference/ws-public-ticker, reference/rest-public-trades, reference/rest-public-conf — read 2026-11-22. Channels have
numbers, which are all that rows bear; a trade is told twice; each channel begins with what it has; 25 are the most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_CHANNELS = ("trades", "ticker")
_MOST = 25
_TIMESTAMPS, _SEQUENCES = 32768, 65536
_NAMES = {"USDT": "UST", "USDC": "UDC"}
_MILLISECOND = 1_000_000


class Asked(msgspec.Struct, rename={"number": "chanId"}):
    """A request."""

    event: str
    channel: str = ""
    symbol: str = ""
    number: int = 0
    flags: int = 0
    cid: int = 0


class Bitfinex(Venue):
    """Bitfinex: the stream on `/ws/2`, listings and trades below `/v2`."""

    type: ClassVar[str] = "bitfinex"
    path: ClassVar[str] = "/ws/2"
    stablecoins: ClassVar[tuple[str, ...]] = ("USDT/USD", "USDC/USD")
    beat_every: ClassVar[float] = 15.0

    def symbol(self, pair: Pair) -> str:
        """Write two names of three letters together, others with a colon."""
        return f"t{_written(pair)}"

    def greet(self, session: Session) -> Iterable[Frame]:
        """State the version, and whether the platform operates."""
        about = {"version": 2, "serverId": f"{session.number:08x}-0000-4000-8000-000000000000"}
        return [say({"event": "info", **about, "platform": {"status": 1}})]

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe to one channel, end one, set flags, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_error("request: invalid", 10000)]
        match asked.event:
            case "conf":
                session.options["", "flags"] = asked.flags
                return [say({"event": "conf", "status": "OK", "flags": asked.flags})]
            case "ping":
                return [say({"event": "pong", "ts": session.exchange.now() // _MILLISECOND, "cid": asked.cid})]
            case "subscribe":
                return list(self._subscribe(session, asked))
            case "unsubscribe":
                return [self._unsubscribe(session, asked.number)]
        return [_error("event: unknown", 10000)]

    def _subscribe(self, session: Session, asked: Asked) -> Iterator[Frame]:
        key = asked.channel, asked.symbol
        about = {"channel": asked.channel, "symbol": asked.symbol}
        if asked.channel not in _CHANNELS:
            yield _error("channel: unknown", 10302, **about)
        elif session.exchange.refuses(asked.symbol):
            yield _error("symbol: invalid", 10300, **about)
        elif session.has(*key):
            yield _error("subscribe: dup", 10301, **about)
        elif len(session.subscriptions) >= _MOST:
            yield _error("subscribe: limit", 10305, **about)
        else:
            number = 17470 + 1000 * session.number + len(session.options)
            session.subscribe(*key, number)
            yield say({"event": "subscribed", **about, "chanId": number, "pair": asked.symbol[1:]})
            if (pair := session.exchange.find(asked.symbol)) is not None:
                yield _row(session, number, _first(session.exchange, asked.channel, pair))

    def _unsubscribe(self, session: Session, number: int) -> Frame:
        for key in list(session.subscriptions):
            if session.options.get(key) == number:
                session.unsubscribe(*key)
                return say({"event": "unsubscribed", "status": "OK", "chanId": number})
        return _error("unsubscribe: invalid", 10400, chanId=number)

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade as executed and as stored, and the top of the book in the ticker."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trades", symbol):
            for word in ("te", "tu"):
                yield _row(session, session.options["trades", symbol], word, _print(tick))
        if isinstance(tick, Quote) and session.has("ticker", symbol):
            yield _row(session, session.options["ticker", symbol], _ticker(session.exchange, tick))

    def beat(self, session: Session) -> Iterator[Frame]:
        """Beat for each channel."""
        now = session.exchange.clock.now()
        if now - session.beaten >= self.beat_every * SECOND:
            session.beaten = now
            for key in session.subscriptions:
                yield _row(session, session.options[key], "hb")

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [_error("ratelimit: error", 11010)]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/v2`."""
        match request.path.strip("/").split("/"):
            case ["v2", "conf", "pub:list:pair:exchange"]:
                return data([[_written(pair) for pair in exchange.listed if not exchange.is_halted(pair)]])
            case ["v2", "trades", symbol, "hist"] if (pair := exchange.find(symbol)) is not None:
                return data(_past(exchange, pair, int(request.query.get("limit", 125))))
        return data(["error", 10020, "symbol: invalid"], 500)

    def error_body(self, status: int) -> bytes:
        """Return a code and a word."""
        return b'["error",11010,"ratelimit: error"]' if status == 429 else b'["error",20060,"maintenance"]'


def _written(pair: Pair) -> str:
    base, quote = (_NAMES.get(asset, asset) for asset in (pair.base, pair.quote))
    return f"{base}{quote}" if len(base) == len(quote) == 3 else f"{base}:{quote}"


def _error(reason: str, code: int, **about: Any) -> Frame:
    return say({**about, "event": "error", "msg": reason, "code": code})


def _row(session: Session, *parts: Any) -> Frame:
    flags = session.options.get(("", "flags"), 0)
    count = session.options["", "count"] = session.options.get(("", "count"), 0) + 1
    sequence = [count] if flags & _SEQUENCES else []
    time = [session.exchange.now() // _MILLISECOND] if flags & _TIMESTAMPS else []
    return say([*parts, *sequence, *time])


def _first(exchange: Exchange, channel: str, pair: Pair) -> list[Any]:
    return _past(exchange, pair, 30) if channel == "trades" else _ticker(exchange, exchange.top(exchange.last(pair)))


def _past(exchange: Exchange, pair: Pair, count: int) -> list[Any]:
    return [_print(trade) for trade in reversed(exchange.recent(pair, count))]


def _print(trade: Trade) -> list[Any]:
    amount = -trade.size if trade.side == "sell" else trade.size
    return [int(trade.trade_id or 0), (trade.ts_event or 0) // _MILLISECOND, amount, trade.price]


def _ticker(exchange: Exchange, top: Quote) -> list[Any]:
    volume = exchange.day_volume(Pair.parse(top.symbol))
    return [top.bid, top.bid_size, top.ask, top.ask_size, -1.5, -0.0001, top.bid, volume, top.ask, top.bid]
