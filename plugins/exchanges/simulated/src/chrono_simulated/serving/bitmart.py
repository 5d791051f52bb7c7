"""BitMart as it speaks over its WebSocket API, and the public part of its REST API.

Page https://developer-pro.bitmart.com/en/spot/ — WebSocket subscription (format, stay connected and limit, data
compression, ticker channel, trade channel), get ticker of a trading pair (V3), get recent trades (V3), get trading pair
details (V1), error codes — read 2026-11-22. Each topic is answered by itself, a refusal without saying which; `ping` is
text, and so is `pong`; market data is raw deflate in binary frames; trades have no number; errors have codes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, milliseconds, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_TABLES = ("spot/trade", "spot/ticker")
_TOPICS, _IN_ONE = 115, 20


class Asked(msgspec.Struct):
    """A request on the stream."""

    op: str
    args: list[str]


class Bitmart(Venue):
    """BitMart: the stream on `/api`, prices below `/spot/quotation/v3`, listings at `/spot/v1/symbols/details`."""

    type: ClassVar[str] = "bitmart"
    path: ClassVar[str] = "/api"
    quoted: ClassVar[tuple[str, ...]] = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair with an underscore."""
        return f"{pair.base}_{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        if message == b"ping":
            return [Frame(b"pong")]
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_error("", 90001, "Invalid message format")]
        if asked.op not in {"subscribe", "unsubscribe"}:
            return [_error(asked.op, 90002, "Invalid op param")]
        if len(asked.args) > _IN_ONE:
            return [_error(asked.op, 90005, "Topic quantity in single subscription exceeds limit")]
        return [frame for topic in asked.args for frame in self._change(session, asked.op, topic)]

    def _change(self, session: Session, verb: str, topic: str) -> Iterator[Frame]:
        table, _, symbol = topic.partition(":")
        if verb == "unsubscribe":
            session.unsubscribe(table, symbol)
        elif table not in _TABLES or session.exchange.refuses(symbol):
            yield _error(verb, 90004, "Invalid channel param")
            return
        elif len(session.subscriptions) >= _TOPICS:
            yield _error(verb, 90006, "Subscribed total topic quantity exceeds limit")
            return
        else:
            session.subscribe(table, symbol)
        yield say({"event": verb, "topic": topic})
        pair = session.exchange.find(symbol)
        if verb == "subscribe" and table == "spot/ticker" and pair is not None:
            yield from self.say(session, session.exchange.top(session.last(pair)))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the ticker when the top of the book changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        about = {"symbol": symbol, "ms_t": milliseconds(tick.ts_event), "s_t": milliseconds(tick.ts_event) // 1000}
        if isinstance(tick, Trade) and session.has("spot/trade", symbol):
            yield _push("spot/trade", about | {"price": text(tick.price), "size": text(tick.size), "side": tick.side})
        if isinstance(tick, Quote) and session.has("spot/ticker", symbol):
            yield _push("spot/ticker", about | {"last_price": text(tick.bid), **_top(tick)})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [_error("subscribe", 90007, "Subscribed message frequency exceeds limit, please try later")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/spot`."""
        match request.path, exchange.find(request.query.get("symbol", "")):
            case "/spot/v1/symbols/details", _:
                return _told({"symbols": [self._about(exchange, pair) for pair in exchange.listed]})
            case "/spot/quotation/v3/ticker" | "/spot/quotation/v3/trades", None:
                return data(_failed(50000, "Bad Request [symbol not found]"), 400)
            case "/spot/quotation/v3/ticker", Pair() as pair:
                top = exchange.top(exchange.last(pair))
                about = {"symbol": self.symbol(pair), "last": text(top.bid), "ts": str(milliseconds(top.ts_event))}
                return _told(about | _top(top))
            case "/spot/quotation/v3/trades", Pair() as pair:
                return _told([_row(trade, self.symbol(pair)) for trade in reversed(exchange.recent(pair, 50))])
        return data(_failed(30000, "Not found"), 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"symbol": self.symbol(pair), "base_currency": pair.base, "quote_currency": pair.quote}
        return {**about, "trade_status": "pre-trade" if exchange.is_halted(pair) else "trading"}

    def error_body(self, status: int) -> bytes:
        """Return a code and a message."""
        busy = status in {418, 429}
        return msgspec.json.encode(_failed(*((30013, "Request too many requests") if busy else (30014, "Unavailable"))))


def _push(table: str, row: dict[str, Any]) -> Frame:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return Frame(packer.compress(msgspec.json.encode({"table": table, "data": [row]})) + packer.flush(), binary=True)


def _error(verb: str, code: int, words: str) -> Frame:
    return say({"event": verb, "errorCode": str(code), "errorMessage": words})


def _told(found: Any) -> Response:
    return data({"code": 1000, "trace": "0", "message": "success", "data": found})


def _failed(code: int, words: str) -> dict[str, Any]:
    return {"code": code, "trace": "0", "message": words, "data": {}}


def _top(top: Quote) -> dict[str, str]:
    sizes = {"bid_sz": text(top.bid_size), "ask_sz": text(top.ask_size)}
    return {"bid_px": text(top.bid), "ask_px": text(top.ask), **sizes}


def _row(trade: Trade, symbol: str) -> list[str]:
    return [symbol, str(milliseconds(trade.ts_event)), text(trade.price), text(trade.size), trade.side]
