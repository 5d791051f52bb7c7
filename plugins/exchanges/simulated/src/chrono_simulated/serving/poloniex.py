"""Poloniex as it speaks since August 2022: the public stream, and the market data of its REST API.

Pages below https://api-docs.poloniex.com/spot/ — websocket (overview), api (overview) — and, for what rows hold, a
session that was recorded on 2022-08-21 and github.com/ccxt/ccxt (pro/poloniex.ts), read 2026-11-22. Each channel of a
request is answered by itself; `ping` is a message, and so is `pong`; numbers are text, times milliseconds.
In which words a symbol is refused is not on the page.
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

_CHANNELS = ("trades", "book")
_MILLISECOND = 1_000_000
_TRADES = 100


class Asked(msgspec.Struct):
    """A request on the stream."""

    event: str
    channel: list[str] = []
    symbols: list[str] = []


class Poloniex(Venue):
    """Poloniex: the stream on `/ws/public`, listings and trades below `/markets`."""

    type: ClassVar[str] = "poloniex"
    path: ClassVar[str] = "/ws/public"
    quoted = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a line below."""
        return f"{pair.base}_{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_error("Bad request")]
        match asked.event:
            case "ping":
                return [say({"event": "pong"})]
            case "subscribe":
                return [frame for name in asked.channel for frame in self._subscribe(session, name, asked.symbols)]
            case "unsubscribe":
                return [_ended(session, name, asked.symbols) for name in asked.channel]
        return [_error(f"Invalid event value {asked.event}")]

    def _subscribe(self, session: Session, channel: str, symbols: list[str]) -> Iterator[Frame]:
        refused = [symbol for symbol in symbols if session.exchange.refuses(symbol)]
        if channel not in _CHANNELS or refused or not symbols:
            named = f"symbol {refused[0]} does not exist" if refused else f'Invalid channel value ["{channel}"]'
            yield _error(named)
            return
        yield say({"event": "subscribe", "channel": channel, "symbols": symbols})
        for symbol in symbols:
            session.subscribe(channel, symbol)
            if channel == "book" and (pair := session.exchange.find(symbol)) is not None:
                yield from self.say(session, session.exchange.top(session.last(pair)))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade on its channel, and the top of the book when it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        now = session.exchange.now() // _MILLISECOND
        if isinstance(tick, Trade) and session.has("trades", symbol):
            side = tick.side or "buy"
            yield say({"channel": "trades", "data": [{"symbol": symbol, **_trade(tick), "takerSide": side, "ts": now}]})
        if isinstance(tick, Quote) and session.has("book", symbol):
            sides = {"asks": [[text(tick.ask), text(tick.ask_size)]], "bids": [[text(tick.bid), text(tick.bid_size)]]}
            row = {
                "symbol": symbol,
                "createTime": _time(tick),
                **sides,
                "id": session.exchange.now() // 1000,
                "ts": now,
            }
            yield say({"channel": "book", "data": [row]})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [_error("Too many requests")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/markets`, and the time."""
        match request.path.strip("/").split("/"):
            case ["timestamp"]:
                return data({"serverTime": exchange.now() // _MILLISECOND})
            case ["markets"]:
                return data([self._about(exchange, pair) for pair in exchange.listed])
            case ["markets", symbol, "trades"] if (pair := exchange.find(symbol)) is not None:
                limit = request.query.get("limit", "")
                trades = exchange.recent(pair, min(int(limit) if limit.isdecimal() else _TRADES, 1000))
                return data([{**_trade(trade), "takerSide": str(trade.side).upper()} for trade in reversed(trades)])
        return data({"code": 24104, "message": "Invalid symbol"}, 400)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        names = {"baseCurrencyName": pair.base, "quoteCurrencyName": pair.quote, "displayName": str(pair)}
        return {"symbol": self.symbol(pair), **names, "state": "PAUSE" if exchange.is_halted(pair) else "NORMAL"}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        words = "Too many requests" if status in {418, 429} else "System error"
        return msgspec.json.encode({"code": status, "message": words})


def _error(words: str) -> Frame:
    return say({"event": "error", "message": words})


def _ended(session: Session, channel: str, symbols: list[str]) -> Frame:
    for symbol in symbols:
        session.unsubscribe(channel, symbol)
    return say({"event": "unsubscribe", "channel": channel, "symbols": symbols})


def _time(tick: Tick) -> int:
    return (tick.ts_event or 0) // _MILLISECOND


def _trade(trade: Trade) -> dict[str, Any]:
    amounts = {"amount": text(trade.price * trade.size), "quantity": text(trade.size)}
    return {"id": trade.trade_id, "price": text(trade.price), **amounts, "createTime": _time(trade), "ts": _time(trade)}
