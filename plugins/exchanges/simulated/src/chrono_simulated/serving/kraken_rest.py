"""The public part of Kraken's REST API: what lists, and what is polled.

Pages below https://docs.kraken.com/exchange/api-reference/spot-rest/market-data — asset pairs, ticker information,
recent trades, server time, system status — read 2026-11-22. REST keeps the old names: bitcoin is XBT, dogecoin XDG, and
the oldest coins begin with X, currencies with Z. An error is HTTP 200 with a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from chrono import Pair
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, iso, plain
from chrono_simulated.serving.http import Request, Response, data

_RENAMED = {"BTC": "XBT", "DOGE": "XDG"}
_OLD = {"BTC", "ETH", "LTC", "XRP", "DOGE", "XLM"}
_CURRENCIES = {"USD", "EUR", "GBP", "CAD", "JPY", "CHF", "AUD"}
_TRADES = 100


def answer(exchange: Exchange, request: Request) -> Response:
    """Answer below `/0/public/`."""
    match request.path.removeprefix("/0/public/"):
        case "AssetPairs":
            return _each(exchange, request.query, _about)
        case "Ticker":
            return _each(exchange, request.query, _ticker)
        case "Trades":
            return _trades(exchange, request.query)
        case "Time":
            return _result({"unixtime": exchange.now() // SECOND})
        case "SystemStatus":
            return _result({"status": "online", "timestamp": iso(exchange.now(), 0)})
    return Response(404, error("EGeneral:Unknown method"))


def error(*reasons: str) -> bytes:
    """Return the body of an error."""
    return msgspec.json.encode({"error": reasons})


def _result(value: Any) -> Response:
    return data({"error": [], "result": value})


def _each(exchange: Exchange, query: Mapping[str, str], tell: Callable[[Exchange, Pair], Any]) -> Response:
    pairs = _asked(exchange, query)
    if pairs is None:
        return Response(200, error("EQuery:Unknown asset pair"))
    return _result({_key(pair): tell(exchange, pair) for pair in pairs})


def _asked(exchange: Exchange, query: Mapping[str, str]) -> Sequence[Pair] | None:
    """Return the pairs asked for by any of their names, all where none is; None if one is not listed."""
    if not (wanted := [name for name in query.get("pair", "").split(",") if name]):
        return exchange.listed
    named = {name: pair for pair in exchange.listed for name in (_key(pair), _altname(pair), _wsname(pair), str(pair))}
    return [named[name] for name in wanted] if named.keys() >= set(wanted) else None


def _about(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    decimals = max(0, 5 - len(str(int(exchange.market.parameters.reference(pair.base)))) + 1)
    return {
        "altname": _altname(pair),
        "wsname": _wsname(pair),
        "aclass_base": "currency",
        "base": _code(pair.base),
        "aclass_quote": "currency",
        "quote": _code(pair.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": decimals,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": plain(10.0**-decimals, decimals),
        "status": "cancel_only" if exchange.is_halted(pair) else "online",
    }


def _ticker(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    last = exchange.last(pair)
    top = exchange.top(last)
    price, volume = plain(last.price), plain(exchange.day_volume(pair))
    return {
        "a": [plain(top.ask), "1", plain(top.ask_size, 3)],
        "b": [plain(top.bid), "1", plain(top.bid_size, 3)],
        "c": [price, plain(last.size)],
        "v": [volume, volume],
        "p": [price, price],
        "t": [1000, 1000],
        "l": [price, price],
        "h": [price, price],
        "o": price,
    }


def _trades(exchange: Exchange, query: Mapping[str, str]) -> Response:
    pairs = _asked(exchange, query) if query.get("pair") else None
    if not pairs:
        return Response(200, error("EQuery:Unknown asset pair"))
    trades = exchange.recent(pairs[0], _TRADES)
    rows = [
        [plain(t.price), plain(t.size), (t.ts_event or 0) / SECOND, (t.side or "buy")[0], "m", "", int(t.trade_id or 0)]
        for t in trades
    ]
    return _result({_key(pairs[0]): rows, "last": str(trades[-1].ts_event)})


def _key(pair: Pair) -> str:
    old = pair.base in _OLD and (pair.quote in _OLD or pair.quote in _CURRENCIES)
    return f"{_code(pair.base)}{_code(pair.quote)}" if old or str(pair) == "USDT/USD" else _altname(pair)


def _altname(pair: Pair) -> str:
    return _wsname(pair).replace("/", "")


def _wsname(pair: Pair) -> str:
    return f"{_RENAMED.get(pair.base, pair.base)}/{_RENAMED.get(pair.quote, pair.quote)}"


def _code(asset: str) -> str:
    name = _RENAMED.get(asset, asset)
    return f"X{name}" if asset in _OLD else f"Z{name}" if asset in _CURRENCIES else name
