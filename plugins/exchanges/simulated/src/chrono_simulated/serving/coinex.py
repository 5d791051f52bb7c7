"""CoinEx as it speaks on its WebSocket of API v2, and as much of its REST as lists and is polled.

Pages below https://docs.coinex.com/api/v2/ — spot/market/ws/market-deals, spot/market/ws/market-bbo,
spot/market/http/list-market, spot/market/http/list-market-deals, common/ws, error — read 2026-11-22. All that the venue
says is compressed; an answer bears the number of its request and no more; one market that is not listed voids the
request it stands in; a subscription to deals begins with those of the past.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import Frame, plain, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_MILLISECOND = 1_000_000


class Markets(msgspec.Struct, frozen=True):
    """What a request is about."""

    market_list: tuple[str, ...] = ()


class Asked(msgspec.Struct):
    """A request."""

    method: str
    id: int
    params: Markets = Markets()


class Coinex(Venue):
    """CoinEx: the stream on `/v2/spot`, listings and trades below it over HTTP."""

    type: ClassVar[str] = "coinex"
    path: ClassVar[str] = "/v2/spot"
    quoted: ClassVar[Sequence[str]] = ("USDT",)
    stablecoins: ClassVar[Sequence[str]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}"

    def pack(self, frame: Frame) -> Frame:
        """Compress a message."""
        return Frame(gzip.compress(frame.payload), binary=True)

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe to markets, end them, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_answer(None, 20001, "invalid argument")]
        name, _, verb = asked.method.partition(".")
        if asked.method == "server.ping":
            return [_answer(asked.id, 0, "OK", data={"result": "pong"})]
        if name not in {"deals", "bbo"} or verb not in {"subscribe", "unsubscribe"}:
            return [_answer(asked.id, 20002, "method not found")]
        if any(session.exchange.refuses(symbol) for symbol in asked.params.market_list):
            return [_answer(asked.id, 20001, "invalid argument")]
        for symbol in asked.params.market_list:
            (session.subscribe if verb == "subscribe" else session.unsubscribe)(name, symbol)
        past = self._past(session.exchange, asked) if asked.method == "deals.subscribe" else ()
        return [_answer(asked.id, 0, "OK"), *past]

    def _past(self, exchange: Exchange, asked: Asked) -> Iterator[Frame]:
        for symbol in asked.params.market_list:
            if (pair := exchange.find(symbol)) is not None:
                yield _deals(symbol, exchange.recent(pair, 10))

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the top of the book."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("deals", symbol):
            yield _deals(symbol, [tick])
        if isinstance(tick, Quote) and session.has("bbo", symbol):
            yield _told("bbo.update", _top(symbol, tick))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [_answer(None, 4213, "Rate limit triggered. Please adjust your strategy and reduce the request rate.")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/v2/spot`; what failed is HTTP 200 with a code."""
        pair = exchange.find(request.query.get("market", ""))
        match request.path:
            case "/v2/spot/market":
                return data({"code": 0, "data": [_about(pair) for pair in exchange.listed], "message": "OK"})
            case "/v2/spot/deals" if pair is not None:
                rows = [_deal(trade) for trade in reversed(exchange.recent(pair, 100))]
                return data({"code": 0, "data": rows, "message": "OK"})
            case "/v2/spot/deals":
                return data({"code": 3639, "data": {}, "message": "Invalid Parameter"})
        return data({"code": 404, "data": {}, "message": "Not Found"}, 404)

    def error_body(self, status: int) -> bytes:
        """Return a code and a message."""
        code = 4213 if status == 429 else 4001
        return msgspec.json.encode({"code": code, "data": {}, "message": "Service unavailable"})


def _answer(number: int | None, code: int, message: str, **more: Any) -> Frame:
    return say({"id": number, "code": code, **more, "message": message})


def _told(method: str, about: Any) -> Frame:
    return say({"method": method, "data": about, "id": None})


def _deals(symbol: str, trades: Sequence[Trade]) -> Frame:
    return _told("deals.update", {"market": symbol, "deal_list": [_deal(trade) for trade in reversed(trades)]})


def _deal(trade: Trade) -> dict[str, Any]:
    about = {"deal_id": int(trade.trade_id or 0), "created_at": (trade.ts_event or 0) // _MILLISECOND}
    return {**about, "side": trade.side, "price": plain(trade.price), "amount": plain(trade.size)}


def _top(symbol: str, top: Quote) -> dict[str, Any]:
    bid = {"best_bid_price": plain(top.bid), "best_bid_size": plain(top.bid_size)}
    ask = {"best_ask_price": plain(top.ask), "best_ask_size": plain(top.ask_size)}
    return {"market": symbol, "updated_at": (top.ts_event or 0) // _MILLISECOND, **bid, **ask}


def _about(pair: Pair) -> dict[str, Any]:
    return {
        "market": f"{pair.base}{pair.quote}",
        "taker_fee_rate": "0.002",
        "maker_fee_rate": "0.002",
        "min_amount": "0.0005",
        "base_ccy": pair.base,
        "quote_ccy": pair.quote,
        "base_ccy_precision": 8,
        "quote_ccy_precision": 8,
        "is_amm_available": False,
        "is_margin_available": False,
        "is_pre_trading_available": False,
        "is_api_trading_available": True,
    }
