"""The public part of Coinbase Exchange's REST API: what lists, and what is polled.

Pages below https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/ — all known trading pairs, a
product, its ticker, trades and book — read 2026-11-22. Numbers are text; the `side` of a trade is the maker's.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chrono import Pair, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, iso, text
from chrono_simulated.serving.http import Request, Response, data

_TRADES = 100


def answer(exchange: Exchange, request: Request) -> Response:
    """Answer below `/products`, and the time."""
    match request.path.strip("/").split("/"):
        case ["time"]:
            return data({"iso": iso(exchange.now(), 3), "epoch": exchange.now() / SECOND})
        case ["products"]:
            return data([_about(exchange, pair) for pair in exchange.listed])
        case ["products", product, *rest] if (pair := exchange.find(product)) is not None:
            return _of_product(exchange, pair, "/".join(rest))
    return Response(404, error("NotFound"))


def error(message: str) -> bytes:
    """Return the body of an error."""
    return msgspec.json.encode({"message": message})


def _of_product(exchange: Exchange, pair: Pair, what: str) -> Response:
    match what:
        case "":
            return data(_about(exchange, pair))
        case "ticker":
            return data(_ticker(exchange, pair))
        case "trades":
            return data([_row(trade) for trade in reversed(exchange.recent(pair, _TRADES))])
        case "book":
            return data(_book(exchange, pair))
    return Response(404, error("NotFound"))


def _about(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    halted = exchange.is_halted(pair)
    return {
        "id": f"{pair.base}-{pair.quote}",
        "base_currency": pair.base,
        "quote_currency": pair.quote,
        "quote_increment": "0.00000001",
        "base_increment": "0.00000001",
        "display_name": f"{pair.base}-{pair.quote}",
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": halted,
        "status": "online",
        "status_message": "",
        "trading_disabled": halted,
        "fx_stablecoin": pair.base in {"USDT", "USDC", "DAI"},
        "max_slippage_percentage": "0.02000000",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
    }


def _ticker(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    last = exchange.last(pair)
    top = exchange.top(last)
    return {
        "ask": text(top.ask),
        "bid": text(top.bid),
        "volume": text(exchange.day_volume(pair)),
        "trade_id": int(last.trade_id or 0),
        "price": text(last.price),
        "size": text(last.size),
        "time": iso(last.ts_event or 0),
    }


def _book(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    top = exchange.top(exchange.last(pair))
    bids, asks = [[text(top.bid), text(top.bid_size), 1]], [[text(top.ask), text(top.ask_size), 1]]
    return {"bids": bids, "asks": asks, "sequence": exchange.now() // 1000, "time": iso(top.ts_event or 0)}


def _row(trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": int(trade.trade_id or 0),
        "side": "sell" if trade.side == "buy" else "buy",
        "size": text(trade.size),
        "price": text(trade.price),
        "time": iso(trade.ts_event or 0),
    }
