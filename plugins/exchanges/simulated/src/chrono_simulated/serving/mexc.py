"""MEXC as it speaks over API v3: the stream in protocol buffers, and the market data of its REST API.

Pages below https://www.mexc.com/api-docs/spot-v3/ (websocket market streams, market data endpoints, error codes), and
the messages in https://github.com/mexcdevelop/websocket-proto, read 2026-11-22. Requests and answers are JSON; what
cannot be subscribed to is told in words with code 0 and costs no other; a connection takes thirty subscriptions; over
REST trades have no id and the newest comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, say, text
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.styles.protobuf import Field, write_fields
from chrono_simulated.serving.venue import Venue

_TOPIC = re.compile(r"(spot@public\.aggre\.(deals|bookTicker)\.v3\.api\.pb@(?:10|100)ms)@([A-Z0-9]+)")
_LIMIT = 30
_MILLISECOND = 1_000_000
_COUNT = 500


class Asked(msgspec.Struct):
    """A request on the stream."""

    method: str
    params: list[str] = []


class Mexc(Venue):
    """MEXC: the stream on `/ws`, prices and listings below `/api/v3`."""

    type: ClassVar[str] = "mexc"
    path: ClassVar[str] = "/ws"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)
    subscribe_within = 30.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_answer("invalid request")]
        match asked.method:
            case "PING":
                return [_answer("PONG")]
            case "SUBSCRIPTION":
                return [_answer(_subscribe(session, asked.params))]
            case "UNSUBSCRIPTION":
                for match in filter(None, map(_TOPIC.fullmatch, asked.params)):
                    session.unsubscribe(match[2], match[3])
                return [_answer(",".join(asked.params))]
        return [_answer("invalid method")]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade on its channel, and the top of the book where it changes."""
        symbol, now = self.symbol(Pair.parse(tick.symbol)), session.exchange.now() // _MILLISECOND
        if isinstance(tick, Trade) and session.has("deals", symbol):
            told = (text(tick.price), text(tick.size), 1 if tick.side == "buy" else 2, _time(tick), tick.trade_id)
            body = write_fields([(1, _message(told)), (2, session.options["deals", symbol].encode())])
            yield _push(session.options["deals", symbol], symbol, now, 314, body)
        if isinstance(tick, Quote) and session.has("bookTicker", symbol):
            top = (text(tick.bid), text(tick.bid_size), text(tick.ask), text(tick.ask_size))
            yield _push(session.options["bookTicker", symbol], symbol, _time(tick), 315, _message(top))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many requests."""
        return [_answer("Not Subscribed successfully! []. Reason： Too many requests!")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v3`."""
        match request.path.removeprefix("/api/v3/"), exchange.find(request.query.get("symbol", "")):
            case "time", _:
                return data({"serverTime": exchange.now() // _MILLISECOND})
            case "exchangeInfo", _:
                return data({"timezone": "CST", "symbols": [self._about(exchange, pair) for pair in exchange.listed]})
            case "trades" | "ticker/bookTicker", None:
                return data({"code": -1121, "msg": "Invalid symbol."}, 400)
            case "trades", Pair() as pair:
                limit = request.query.get("limit", "")
                trades = exchange.recent(pair, min(int(limit) if limit.isdecimal() else _COUNT, 1000))
                return data([_polled(trade) for trade in reversed(trades)])
            case "ticker/bookTicker", Pair() as pair:
                top = exchange.top(exchange.last(pair))
                sides = {"bidPrice": text(top.bid), "bidQty": text(top.bid_size)}
                sides |= {"askPrice": text(top.ask), "askQty": text(top.ask_size)}
                return data({"symbol": self.symbol(pair), **sides})
        return data({"code": 404, "msg": "not found"}, 404)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        about = {"symbol": self.symbol(pair), "baseAsset": pair.base, "quoteAsset": pair.quote}
        return {**about, "status": "2" if exchange.is_halted(pair) else "1", "isSpotTradingAllowed": True}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        return msgspec.json.encode({"code": status, "msg": "Too many requests" if status in {418, 429} else "Busy"})


def _subscribe(session: Session, topics: list[str]) -> str:
    accepted, refused = [], []
    for topic in topics:
        match = _TOPIC.fullmatch(topic)
        if match is None or session.exchange.refuses(match[3]) or len(session.subscriptions) >= _LIMIT:
            refused.append(topic)
        else:
            session.subscribe(match[2], match[3], match[1])
            accepted.append(topic)
    if not refused:
        return ",".join(accepted)
    told = f"Subscribed successful! [{','.join(accepted)}]. " if accepted else ""
    return f"{told}Not Subscribed successfully! [{','.join(refused)}].  Reason： Blocked! "


def _answer(words: str) -> Frame:
    return say({"id": 0, "code": 0, "msg": words})


def _push(channel: str, symbol: str, now: int, number: int, body: bytes) -> Frame:
    about: list[tuple[int, Field]] = [
        (1, f"{channel}@{symbol}".encode()),
        (3, symbol.encode()),
        (6, now),
        (number, body),
    ]
    return Frame(write_fields(about), binary=True)


def _message(values: Iterable[str | int]) -> bytes:
    return write_fields((at, value.encode() if isinstance(value, str) else value) for at, value in enumerate(values, 1))


def _time(tick: Tick) -> int:
    return (tick.ts_event or 0) // _MILLISECOND


def _polled(trade: Trade) -> dict[str, Any]:
    about = {"id": None, "price": text(trade.price), "qty": text(trade.size), "time": _time(trade)}
    return {**about, "isBuyerMaker": trade.side == "sell", "isBestMatch": True}
