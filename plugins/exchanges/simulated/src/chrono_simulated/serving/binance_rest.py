"""The market data of Binance's REST API: what lists, and what is polled.

Page https://developers.binance.com/docs/binance-spot-api-docs/rest-api (general endpoints, market data endpoints,
limits, error codes), read 2026-11-22. An answer says in a header what weight was used; an error is a code and words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from chrono import Pair, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import plain
from chrono_simulated.serving.http import Request, Response

_MILLISECOND = 1_000_000
_TRADES = 500
_PRICES = {"minPrice": "0.00000001", "maxPrice": "1000000.00000000", "tickSize": "0.00000001"}
_LIMITS = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
)


def answer(exchange: Exchange, request: Request) -> Response:
    """Answer below `/api/v3/`."""
    what = request.path.removeprefix("/api/v3/")
    if what in _TOLD:
        return _TOLD[what](exchange, request.query)
    if what in _OF_EACH:
        return _each(exchange, request.query, _OF_EACH[what])
    return Response(404, error(-1, "Not found."))


def error(code: int, message: str) -> bytes:
    """Return the body of an error."""
    return msgspec.json.encode({"code": code, "msg": message})


def _told(value: Any, weight: int = 1) -> Response:
    return Response(200, msgspec.json.encode(value), headers={"x-mbx-used-weight-1m": str(weight)})


def _asked(exchange: Exchange, query: Mapping[str, str]) -> Sequence[Pair] | None:
    """Return the pairs asked for, all where none is; None if one is not listed."""
    named = [query["symbol"]] if "symbol" in query else []
    if "symbols" in query:
        try:
            named = msgspec.json.decode(query["symbols"], type=list[str])
        except msgspec.MsgspecError:
            return None
    found = [exchange.find(name) for name in named]
    return None if None in found else [pair for pair in found if pair] or exchange.listed


def _each(exchange: Exchange, query: Mapping[str, str], tell: Callable[[Exchange, Pair], Any]) -> Response:
    pairs = _asked(exchange, query)
    if pairs is None:
        return Response(400, error(-1121, "Invalid symbol."))
    rows = [tell(exchange, pair) for pair in pairs]
    return _told(rows[0] if "symbol" in query else rows, 2 if "symbol" in query else 4)


def _listings(exchange: Exchange, query: Mapping[str, str]) -> Response:
    pairs = _asked(exchange, query)
    if pairs is None:
        return Response(400, error(-1121, "Invalid symbol."))
    about = {"timezone": "UTC", "serverTime": exchange.now() // _MILLISECOND, "rateLimits": _LIMITS}
    return _told({**about, "exchangeFilters": [], "symbols": [_about(exchange, pair) for pair in pairs]}, 20)


def _about(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    return {
        "symbol": exchange.venue.symbol(pair),
        "status": "BREAK" if exchange.is_halted(pair) else "TRADING",
        "baseAsset": pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [{"filterType": "PRICE_FILTER", **_PRICES}],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _price(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    return {"symbol": exchange.venue.symbol(pair), "price": plain(exchange.last(pair).price)}


def _book(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    top = exchange.top(exchange.last(pair))
    return {
        "symbol": exchange.venue.symbol(pair),
        "bidPrice": plain(top.bid),
        "bidQty": plain(top.bid_size),
        "askPrice": plain(top.ask),
        "askQty": plain(top.ask_size),
    }


def _day(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    last, volume = exchange.last(pair), exchange.day_volume(pair)
    top = exchange.top(last)
    price, time, number = plain(last.price), (last.ts_event or 0) // _MILLISECOND, int(last.trade_id or 0)
    return {
        "symbol": exchange.venue.symbol(pair),
        "priceChange": plain(0.0),
        "priceChangePercent": "0.000",
        "weightedAvgPrice": price,
        "prevClosePrice": price,
        "lastPrice": price,
        "lastQty": plain(last.size),
        "bidPrice": plain(top.bid),
        "bidQty": plain(top.bid_size),
        "askPrice": plain(top.ask),
        "askQty": plain(top.ask_size),
        "openPrice": price,
        "highPrice": price,
        "lowPrice": price,
        "volume": plain(volume),
        "quoteVolume": plain(volume * last.price),
        "openTime": time - 86_400_000,
        "closeTime": time,
        "firstId": number - 1000,
        "lastId": number,
        "count": 1000,
    }


def _trades(exchange: Exchange, query: Mapping[str, str]) -> Response:
    pair = exchange.find(query.get("symbol", ""))
    if pair is None:
        return Response(400, error(-1121, "Invalid symbol."))
    wanted = int(limit) if (limit := query.get("limit", "")).isdecimal() else _TRADES
    return _told([_row(trade) for trade in exchange.recent(pair, min(max(wanted, 1), 1000))], 25)


def _row(trade: Trade) -> dict[str, Any]:
    return {
        "id": int(trade.trade_id or 0),
        "price": plain(trade.price),
        "qty": plain(trade.size),
        "quoteQty": plain(trade.price * trade.size),
        "time": (trade.ts_event or 0) // _MILLISECOND,
        "isBuyerMaker": trade.side == "sell",
        "isBestMatch": True,
    }


_TOLD: Mapping[str, Callable[[Exchange, Mapping[str, str]], Response]] = {
    "ping": lambda _exchange, _query: _told({}),
    "time": lambda exchange, _query: _told({"serverTime": exchange.now() // _MILLISECOND}),
    "exchangeInfo": _listings,
    "trades": _trades,
}
_OF_EACH = {"ticker/price": _price, "ticker/bookTicker": _book, "ticker/24hr": _day}
