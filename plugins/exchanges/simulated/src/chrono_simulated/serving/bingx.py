"""BingX as it speaks over its spot WebSocket API, and the market data of its REST API.

Pages https://bingx-api.github.io/docs/#/en-us/spot/socket/ (connection limits, data compression, heartbeats,
subscriptions), …/spot/socket/market.html (transaction by transaction, spot best order book) and …/spot/market-api.html
(spot trading symbols, recent trades list), read 2026-11-22. Everything is gzipped; a ping comes each five seconds and
wants its pong; each topic is asked for and answered by itself, by the request's id; errors over REST are codes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, iso, milliseconds, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_TOPICS = ("trade", "bookTicker")
_MOST = 200


class Asked(msgspec.Struct, rename={"verb": "reqType", "topic": "dataType"}):
    """A request on the stream, or the answer to a ping."""

    id: str = ""
    verb: str = "sub"
    topic: str = ""
    pong: str = ""


class Bingx(Venue):
    """BingX: the stream on `/market`, symbols and trades below `/openApi/spot/v1`."""

    type: ClassVar[str] = "bingx"
    path: ClassVar[str] = "/market"
    quoted: ClassVar[tuple[str, ...]] = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)
    beat_every = 5.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{pair.base}-{pair.quote}"

    def pack(self, frame: Frame) -> Frame:
        """Compress a message."""
        return Frame(gzip.compress(frame.payload, 1), binary=True)

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or take a pong."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_answer(session, "", 100400, "illegal argument")]
        if asked.pong:
            return ()
        symbol, _, topic = asked.topic.partition("@")
        if asked.verb == "unsub":
            session.unsubscribe(topic, symbol)
            return [_answer(session, asked.id)]
        if asked.verb != "sub" or topic not in _TOPICS or session.exchange.refuses(symbol):
            return [_answer(session, asked.id, 100400, f"not supported: {asked.topic}")]
        if len(session.subscriptions) >= _MOST:
            return [_answer(session, asked.id, 100416, "too many topics")]
        session.subscribe(topic, symbol)
        return [_answer(session, asked.id)]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the top of the book when it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        about = {"s": symbol, "E": milliseconds(tick.ts_event)}
        if isinstance(tick, Trade) and session.has("trade", symbol):
            what = {"t": tick.trade_id, "p": text(tick.price), "q": text(tick.size), "m": tick.side == "sell"}
            yield _push("trade", about | what | {"T": milliseconds(tick.ts_event)})
        if isinstance(tick, Quote) and session.has("bookTicker", symbol):
            sizes = {"B": text(tick.bid_size), "A": text(tick.ask_size)}
            yield _push("bookTicker", about | sizes | {"b": text(tick.bid), "a": text(tick.ask)})

    def beat(self, session: Session) -> Iterator[Frame]:
        """Ask whether somebody is there."""
        now = session.exchange.clock.now()
        if now - session.beaten >= self.beat_every * SECOND:
            session.beaten = now
            time = iso(session.exchange.now(), 3).replace("Z", "+0000")
            yield say({"ping": f"{now:032x}", "time": time})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_answer(session, "", 100410, "rate limited")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/openApi/spot/v1`."""
        match request.path.removeprefix("/openApi/spot/v1/"), exchange.find(request.query.get("symbol", "")):
            case "common/symbols", _:
                return data({"code": 0, "msg": "", "data": {"symbols": [*self._listed(exchange)]}})
            case "market/trades", Pair() as pair:
                limit = request.query.get("limit", "")
                trades = exchange.recent(pair, min(int(limit) if limit.isdecimal() else 100, 500))
                told = {"code": 0, "timestamp": milliseconds(exchange.now())}
                return data(told | {"data": [_row(trade) for trade in reversed(trades)]})
            case "market/trades", None:
                return data({"code": 100400, "msg": "symbol not supported", "data": None})
        return data({"code": 100404, "msg": "not found"}, 404)

    def _listed(self, exchange: Exchange) -> Iterator[dict[str, Any]]:
        for pair in exchange.listed:
            steps = {"minNotional": 5, "tickSize": 1e-8, "stepSize": 1e-8}
            yield {"symbol": self.symbol(pair), "status": 25 if exchange.is_halted(pair) else 1, **steps}

    def error_body(self, status: int) -> bytes:
        """Return a code and a message."""
        code, words = (100410, "rate limited") if status in {418, 429} else (100503, "server busy")
        return msgspec.json.encode({"code": code, "msg": words})


def _answer(session: Session, id: str, code: int = 0, words: str = "SUCCESS") -> Frame:
    time = milliseconds(session.exchange.now())
    return say({"id": id, "code": code, "msg": words, "dataType": "", "data": None, "timestamp": time})


def _push(topic: str, row: dict[str, Any]) -> Frame:
    return say({"code": 0, "data": {"e": topic, **row}, "dataType": f"{row['s']}@{topic}", "success": True})


def _row(trade: Trade) -> dict[str, Any]:
    about = {"id": int(trade.trade_id or 0), "price": trade.price, "qty": trade.size}
    return {**about, "time": milliseconds(trade.ts_event), "buyerMaker": trade.side == "sell"}
