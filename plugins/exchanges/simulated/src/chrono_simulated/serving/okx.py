"""OKX as it speaks over API v5: the public stream, and the market data of its REST API.

Page https://www.okx.com/docs-v5/en/ — overview (WebSocket), order book trading (trades channel, tickers channel, order
book channel, get trades), public data (get instruments, get system time), error codes — read 2026-11-22. Each channel
of each symbol is answered by itself, one that is not listed costs no other; `ping` is text, and so is `pong`; a
connection has thirty seconds to subscribe; everything is text, times are milliseconds, errors over REST are HTTP 200
with a code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, milliseconds, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_CHANNELS = ("trades", "tickers", "bbo-tbt")
_TRADES = 100


class Channel(msgspec.Struct, rename={"symbol": "instId"}):
    """A channel of one symbol."""

    channel: str
    symbol: str = ""


class Asked(msgspec.Struct):
    """A request on the stream."""

    op: str
    args: list[Channel]


class Okx(Venue):
    """OKX: the stream on `/ws/v5/public`, prices and listings below `/api/v5`."""

    type: ClassVar[str] = "okx"
    path: ClassVar[str] = "/ws/v5/public"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)
    subscribe_within = 30.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{pair.base}-{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        if message == b"ping":
            return [Frame(b"pong")]
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_error(session, "60012", f"Invalid request: {message.decode(errors='replace')}")]
        change = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe}.get(asked.op)
        if change is None:
            return [_error(session, "60012", f"Invalid request: {asked.op}")]
        return [frame for channel in asked.args for frame in change(session, channel)]

    def _subscribe(self, session: Session, asked: Channel) -> Iterator[Frame]:
        if asked.channel not in _CHANNELS or session.exchange.refuses(asked.symbol):
            words = f"Wrong URL or channel:{asked.channel},instId:{asked.symbol} doesn't exist."
            yield _error(session, "60018", words)
            return
        session.subscribe(asked.channel, asked.symbol)
        yield say({"event": "subscribe", "arg": asked, "connId": _connection(session)})
        pair = session.exchange.find(asked.symbol)
        if pair is not None and asked.channel != "trades":
            yield from self.say(session, session.exchange.top(session.last(pair)))

    def _unsubscribe(self, session: Session, asked: Channel) -> Iterator[Frame]:
        session.unsubscribe(asked.channel, asked.symbol)
        yield say({"event": "unsubscribe", "arg": asked, "connId": _connection(session)})

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade on its channel, and the top of the book when it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trades", symbol):
            yield _push("trades", symbol, {**_trade(tick, symbol), "count": "1", "seqId": int(tick.trade_id or 0)})
        if isinstance(tick, Quote) and session.has("tickers", symbol):
            yield _push("tickers", symbol, _ticker(session.exchange, tick, symbol))
        if isinstance(tick, Quote) and session.has("bbo-tbt", symbol):
            now = {"ts": str(milliseconds(tick.ts_event)), "seqId": session.exchange.now() // 1000}
            asks, bids = (
                [text(tick.ask), text(tick.ask_size), "0", "1"],
                [text(tick.bid), text(tick.bid_size), "0", "1"],
            )
            yield _push("bbo-tbt", symbol, {"asks": [asks], "bids": [bids], **now})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_error(session, "60014", "Requests too frequent")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v5`."""
        match request.path.removeprefix("/api/v5/"), exchange.find(request.query.get("instId", "")):
            case "public/time", _:
                return _told({"ts": str(milliseconds(exchange.now()))})
            case "public/instruments", _:
                return _told(*(self._about(exchange, pair) for pair in exchange.listed))
            case "market/trades" | "market/ticker", None:
                return data(_failed("51001", "Instrument ID doesn't exist."))
            case "market/trades", Pair() as pair:
                trades = exchange.recent(pair, min(_count(request.query), 500))
                return _told(*(_trade(trade, self.symbol(pair)) for trade in reversed(trades)))
            case "market/ticker", Pair() as pair:
                return _told(_ticker(exchange, exchange.top(exchange.last(pair)), self.symbol(pair)))
        return data(_failed("404", "Not Found"), 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"instId": self.symbol(pair), "baseCcy": pair.base, "quoteCcy": pair.quote, "tickSz": "0.00000001"}
        return {"instType": "SPOT", **about, "state": "suspend" if exchange.is_halted(pair) else "live"}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        busy = status in {418, 429}
        return msgspec.json.encode(_failed(*(("50011", "Too Many Requests") if busy else ("50001", "Unavailable"))))


def _count(query: Mapping[str, str]) -> int:
    return int(query["limit"]) if query.get("limit", "").isdecimal() else _TRADES


def _told(*rows: Any) -> Response:
    return data({"code": "0", "msg": "", "data": rows})


def _failed(code: str, words: str) -> dict[str, Any]:
    return {"code": code, "msg": words, "data": []}


def _connection(session: Session) -> str:
    return f"{session.number:08x}"


def _error(session: Session, code: str, words: str) -> Frame:
    return say({"event": "error", "msg": words, "code": code, "connId": _connection(session)})


def _push(channel: str, symbol: str, row: dict[str, Any]) -> Frame:
    return say({"arg": Channel(channel, symbol), "data": [row]})


def _trade(trade: Trade, symbol: str) -> dict[str, Any]:
    about = {"instId": symbol, "tradeId": trade.trade_id, "px": text(trade.price), "sz": text(trade.size)}
    return {**about, "side": trade.side, "source": "0", "ts": str(milliseconds(trade.ts_event))}


def _ticker(exchange: Exchange, top: Quote, symbol: str) -> dict[str, Any]:
    last = text((top.bid + top.ask) / 2)
    about = {"instType": "SPOT", "instId": symbol, "last": last, "lastSz": "0", "ts": str(milliseconds(top.ts_event))}
    sides = {"askPx": text(top.ask), "askSz": text(top.ask_size), "bidPx": text(top.bid), "bidSz": text(top.bid_size)}
    day = dict.fromkeys(("open24h", "high24h", "low24h", "sodUtc0", "sodUtc8"), last)
    return {**about, **sides, **day, "vol24h": text(exchange.day_volume(Pair.parse(top.symbol)))}
