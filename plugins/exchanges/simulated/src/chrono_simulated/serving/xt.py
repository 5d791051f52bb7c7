"""XT.com as it speaks over API v4: the public stream, and the market data of its REST API.

Pages below https://doc.xt.com/docs/spot/ — Market (get symbol information, query the list of recent transactions),
WebSocket Public (limited depth, trade record) — read 2026-11-22. A request is answered under its `id` as a whole;
`ping` and `pong` are text; prices and sizes are text, times milliseconds; `b` says whether the buyer was the maker;
errors over REST are HTTP 200 with an `rc`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_LEVELS = ("5", "10", "20", "50")
_MILLISECOND = 1_000_000
_MOST, _USUAL = 1000, 200


class Asked(msgspec.Struct):
    """A request on the stream."""

    method: str
    params: tuple[str, ...] = ()
    id: str = ""


class Xt(Venue):
    """XT.com: the stream on `/public`, prices and listings below `/v4/public`."""

    type: ClassVar[str] = "xt"
    path: ClassVar[str] = "/public"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair in small letters with a line below."""
        return f"{pair.base}_{pair.quote}".lower()

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        if message == b"ping":
            return [Frame(b"pong")]
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_answer("", 400, "Bad request payload")]
        parted = [tuple(param.replace("@", ",").split(",")) for param in asked.params]
        if asked.method not in {"subscribe", "unsubscribe"} or not all(self._knows(session, each) for each in parted):
            return [_answer(asked.id, 1, "invalid params")]
        answer = _answer(asked.id, 0, "success")
        return [answer, *(frame for each in parted for frame in self._change(session, asked.method, each))]

    def _knows(self, session: Session, parted: tuple[str, ...]) -> bool:
        match parted:
            case ("trade", symbol) | ("depth", symbol, _):
                return not session.exchange.refuses(symbol) and parted[2:] in {(), *((level,) for level in _LEVELS)}
        return False

    def _change(self, session: Session, method: str, parted: tuple[str, ...]) -> Iterator[Frame]:
        topic, symbol, *levels = parted
        if method == "unsubscribe":
            session.unsubscribe(topic, symbol)
            return
        session.subscribe(topic, symbol, ",".join(parted[1:]))
        if levels and (pair := session.exchange.find(symbol)) is not None:
            yield from self.say(session, session.exchange.top(session.last(pair)))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the book when its top changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trade", symbol):
            yield _push(session, "trade", symbol, {"s": symbol, **_trade(tick)})
        if isinstance(tick, Quote) and session.has("depth", symbol):
            number = session.exchange.now() // 1000
            sides = {"a": [[text(tick.ask), text(tick.ask_size)]], "b": [[text(tick.bid), text(tick.bid_size)]]}
            yield _push(session, "depth", symbol, {"s": symbol, "fi": number, "i": number, **sides})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_answer("", 429, "too many requests")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/v4/public`."""
        match request.path.removeprefix("/v4/public/"), exchange.find(request.query.get("symbol", "")):
            case "time", _:
                return _told({"serverTime": exchange.now() // _MILLISECOND})
            case "symbol", _:
                rows = [self._about(exchange, pair) for pair in exchange.listed]
                return _told({"time": exchange.now() // _MILLISECOND, "version": "1", "symbols": rows})
            case "trade/recent", None:
                return data(_failed("SYMBOL_001"))
            case "trade/recent", Pair() as pair:
                limit = request.query.get("limit", "")
                trades = exchange.recent(pair, min(int(limit), _MOST) if limit.isdecimal() else _USUAL)
                return _told([{**_trade(trade), "v": text(trade.price * trade.size)} for trade in reversed(trades)])
        return data(_failed("404"), 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        halted = exchange.is_halted(pair)
        about = {"symbol": self.symbol(pair), "state": "OFFLINE" if halted else "ONLINE", "tradingEnabled": not halted}
        return {**about, "baseCurrency": pair.base.lower(), "quoteCurrency": pair.quote.lower()}

    def error_body(self, status: int) -> bytes:
        """Return a code and a word."""
        return msgspec.json.encode(_failed("429" if status in {418, 429} else "503"))


def _answer(number: str, code: int, words: str) -> Frame:
    return say({"id": number, "code": code, "msg": words})


def _push(session: Session, topic: str, symbol: str, row: dict[str, Any]) -> Frame:
    return say({"topic": topic, "event": f"{topic}@{session.options[topic, symbol]}", "data": row})


def _told(result: Any) -> Response:
    return data({"rc": 0, "mc": "SUCCESS", "ma": [], "result": result})


def _failed(word: str) -> dict[str, Any]:
    return {"rc": 1, "mc": word, "ma": [], "result": None}


def _trade(trade: Trade) -> dict[str, Any]:
    about = {"i": int(trade.trade_id or 0), "t": (trade.ts_event or 0) // _MILLISECOND}
    return {**about, "p": text(trade.price), "q": text(trade.size), "b": trade.side == "sell"}
