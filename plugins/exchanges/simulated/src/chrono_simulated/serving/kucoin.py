"""KuCoin as it speaks over the classic API: a token first, then the public stream, and market data over REST.

Pages below https://www.kucoin.com/docs-new/ — websocket-api introduction, get public token, trade, ticker, all tickers,
get trade history, get all symbols, get server time, error codes — read 2026-11-22. The handshake is that of
`TokenVenue`. An answer bears the id of its request, one symbol that is not listed voids it; numbers are text; times are
nanoseconds in trades, milliseconds elsewhere; the oldest trade comes first; errors over REST are HTTP 200 with a code.
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
from chrono_simulated.serving.styles.token import TokenVenue

_TRADES, _TICKERS = "/market/match", "/market/ticker"
_MILLISECOND = 1_000_000
_COUNT = 100


class Asked(msgspec.Struct):
    """A request on the stream."""

    id: str | int
    type: str
    topic: str = ""
    response: bool = False


class Kucoin(TokenVenue):
    """KuCoin: tokens at `/api/v1/bullet-public`, the stream on `/endpoint`, prices and listings below `/api`."""

    type: ClassVar[str] = "kucoin"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_error("", 415, "command type is invalid")]
        if asked.type == "ping":
            session.beaten = session.exchange.clock.now()
            return [say({"id": asked.id, "type": "pong"})]
        if asked.type not in {"subscribe", "unsubscribe"}:
            return [_error(asked.id, 415, "command type is invalid")]
        name, _, listed = asked.topic.rpartition(":")
        symbols = listed.split(",")
        if name not in {_TRADES, _TICKERS} or any(session.exchange.refuses(symbol) for symbol in symbols):
            return [_error(asked.id, 404, f"topic {asked.topic} is not found")]
        for symbol in symbols:
            (session.subscribe if asked.type == "subscribe" else session.unsubscribe)(name, symbol)
        return [say({"id": asked.id, "type": "ack"})] if asked.response else []

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade on its topic, and the top of the book where it changes."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has(_TRADES, symbol):
            yield _push(_TRADES, symbol, "trade.l3match", {"symbol": symbol, "type": "match", **_trade(tick)})
        if isinstance(tick, Quote) and session.has(_TICKERS, symbol):
            yield _push(_TICKERS, symbol, "trade.ticker", _ticker(tick))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [_error("", 509, "exceed max permits per second")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Grant a token, or answer below `/api`."""
        match request.path, exchange.find(request.query.get("symbol", "")):
            case "/api/v1/timestamp", _:
                return _told(exchange.now() // _MILLISECOND)
            case "/api/v2/symbols", _:
                return _told([self._about(exchange, pair) for pair in exchange.listed])
            case "/api/v1/market/histories" | "/api/v1/market/orderbook/level1", None:
                return data({"code": "400100", "msg": "The symbol does not exist"})
            case "/api/v1/market/histories", Pair() as pair:
                return _told([_polled(trade) for trade in exchange.recent(pair, _COUNT)])
            case "/api/v1/market/orderbook/level1", Pair() as pair:
                return _told(_ticker(exchange.top(exchange.last(pair))))
        return super().answer(exchange, request)

    def _about(self, exchange: Exchange, pair: Pair) -> dict[str, Any]:
        symbol = self.symbol(pair)
        about = {"symbol": symbol, "name": symbol, "baseCurrency": pair.base, "quoteCurrency": pair.quote}
        return {**about, "priceIncrement": "0.00000001", "enableTrading": not exchange.is_halted(pair)}

    def error_body(self, status: int) -> bytes:
        """Return a code and words."""
        busy = status in {418, 429}
        code, words = ("429000", "Too Many Requests") if busy else ("503000", "Server is busy")
        return msgspec.json.encode({"code": code, "msg": words})


def _told(value: Any) -> Response:
    return data({"code": "200000", "data": value})


def _error(id: str | int, code: int, words: str) -> Frame:
    return say({"id": id, "type": "error", "code": code, "data": words})


def _push(name: str, symbol: str, subject: str, row: dict[str, Any]) -> Frame:
    return say({"type": "message", "topic": f"{name}:{symbol}", "subject": subject, "data": row})


def _trade(trade: Trade) -> dict[str, Any]:
    about = {"side": trade.side, "price": text(trade.price), "size": text(trade.size), "time": str(trade.ts_event)}
    return {**about, "sequence": trade.trade_id, "tradeId": trade.trade_id}


def _polled(trade: Trade) -> dict[str, Any]:
    told = _trade(trade)
    return {key: told[key] for key in ("sequence", "price", "size", "side")} | {"time": trade.ts_event}


def _ticker(top: Quote) -> dict[str, Any]:
    bid = {"bestBid": text(top.bid), "bestBidSize": text(top.bid_size)}
    ask = {"bestAsk": text(top.ask), "bestAskSize": text(top.ask_size)}
    at = (top.ts_event or 0) // _MILLISECOND
    return {**bid, **ask, "price": text((top.bid + top.ask) / 2), "size": "0", "sequence": str(at), "time": at}
