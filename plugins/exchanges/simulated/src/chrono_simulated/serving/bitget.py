"""Bitget as it speaks over API v3: the public stream of the unified account, and the market data of its REST API.

Pages below https://www.bitget.com/api-doc/uta/ — websocket/intro, websocket/public (New-Trades-Channel,
Tickers-Channel, Order-Book-Channel), public (Instruments, Fills, Tickers) — read 2026-11-22. Each topic of each symbol
is answered by itself, one that is not listed costs no other; a subscription to trades begins with those of the past, a
`snapshot`, the newest first; `ping` is text, and so is `pong`; numbers are text, times milliseconds.
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

_TOPICS = ("publicTrade", "books1", "ticker")
_PAST, _TRADES = 50, 100


class Topic(msgspec.Struct, rename={"market": "instType"}):
    """A topic of one symbol."""

    market: str
    topic: str
    symbol: str = ""


class Asked(msgspec.Struct):
    """A request on the stream."""

    op: str
    args: list[Topic]


class Bitget(Venue):
    """Bitget's spot market: the stream on `/v3/ws/public`, prices and listings below `/api/v3/market`."""

    type: ClassVar[str] = "bitget"
    path: ClassVar[str] = "/v3/ws/public"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair without anything between."""
        return f"{pair.base}{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        if message == b"ping":
            return [Frame(b"pong")]
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [say({"event": "error", "code": 30002, "msg": "Illegal request"})]
        change = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe}.get(asked.op)
        if change is None:
            return [say({"event": "error", "code": 30003, "msg": "Invalid op"})]
        return [frame for topic in asked.args for frame in change(session, topic)]

    def _subscribe(self, session: Session, asked: Topic) -> Iterator[Frame]:
        exchange, spot = session.exchange, asked.market == "spot" and asked.topic in _TOPICS
        if not spot or exchange.refuses(asked.symbol):
            words = f"{msgspec.json.encode(asked).decode()} doesn't exist"
            yield say({"event": "error", "code": 30001, "msg": words, "connId": f"{session.number:08x}"})
            return
        session.subscribe(asked.topic, asked.symbol)
        yield say({"event": "subscribe", "arg": asked, "connId": f"{session.number:08x}"})
        pair = exchange.find(asked.symbol)
        if pair is not None and asked.topic == "publicTrade":
            past = [_trade(trade) for trade in reversed(exchange.recent(pair, _PAST))]
            yield _push(exchange, "publicTrade", asked.symbol, past, "snapshot")
        elif pair is not None:
            yield from self.say(session, exchange.top(session.last(pair)))

    def _unsubscribe(self, session: Session, asked: Topic) -> Iterator[Frame]:
        session.unsubscribe(asked.topic, asked.symbol)
        yield say({"event": "unsubscribe", "arg": asked, "connId": f"{session.number:08x}"})

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, and the top of the book when it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("publicTrade", symbol):
            yield _push(session.exchange, "publicTrade", symbol, [_trade(tick)], "update")
        if isinstance(tick, Quote) and session.has("books1", symbol):
            sides = {"a": [[text(tick.ask), text(tick.ask_size)]], "b": [[text(tick.bid), text(tick.bid_size)]]}
            row = {**sides, "seq": session.exchange.now() // 1000, "pseq": 0, "ts": str(milliseconds(tick.ts_event))}
            yield _push(session.exchange, "books1", symbol, [row], "snapshot")
        if isinstance(tick, Quote) and session.has("ticker", symbol):
            yield _push(session.exchange, "ticker", symbol, [_ticker(tick)], "snapshot")

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [say({"event": "error", "code": 30006, "msg": "request too many"})]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v3/market`."""
        match request.path.removeprefix("/api/v3/market/"), exchange.find(request.query.get("symbol", "")):
            case "instruments", _:
                return _told(exchange, [self._about(exchange, pair) for pair in exchange.listed])
            case "fills" | "tickers", None:
                return data(_failed("40034", "Parameter symbol does not exist"), 400)
            case "fills", Pair() as pair:
                return _told(exchange, [_polled(trade) for trade in reversed(exchange.recent(pair, _TRADES))])
            case "tickers", Pair() as pair:
                about = {"category": "SPOT", "symbol": self.symbol(pair)}
                return _told(exchange, [about | _ticker(exchange.top(exchange.last(pair)))])
        return data(_failed("40404", "Request URL NOT FOUND"), 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"symbol": self.symbol(pair), "category": "SPOT", "baseCoin": pair.base, "quoteCoin": pair.quote}
        return {**about, "status": "offline" if exchange.is_halted(pair) else "online"}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        busy = status in {418, 429}
        return msgspec.json.encode(_failed("429", "Too Many Requests") if busy else _failed("40725", "service error"))


def _push(exchange: Exchange, topic: str, symbol: str, rows: list[Any], action: str) -> Frame:
    about = {"action": action, "arg": Topic("spot", topic, symbol), "data": rows}
    return say({**about, "ts": milliseconds(exchange.now())})


def _told(exchange: Exchange, rows: list[Any]) -> Response:
    return data({"code": "00000", "msg": "success", "requestTime": milliseconds(exchange.now()), "data": rows})


def _failed(code: str, words: str) -> dict[str, Any]:
    return {"code": code, "msg": words, "data": None}


def _trade(trade: Trade) -> dict[str, Any]:
    about = {"i": trade.trade_id, "p": text(trade.price), "v": text(trade.size), "S": trade.side}
    return {**about, "T": str(milliseconds(trade.ts_event)), "L": trade.trade_id, "isRPI": "no"}


def _polled(trade: Trade) -> dict[str, Any]:
    about = {"execId": trade.trade_id, "price": text(trade.price), "size": text(trade.size), "side": trade.side}
    return {**about, "execLinkId": trade.trade_id, "ts": str(milliseconds(trade.ts_event)), "isRPI": "no"}


def _ticker(top: Quote) -> dict[str, Any]:
    sides = {"bid1Price": text(top.bid), "bid1Size": text(top.bid_size), "ask1Price": text(top.ask)}
    return {**sides, "ask1Size": text(top.ask_size), "lastPrice": text(top.bid)}
