"""Bitstamp as it speaks on its WebSocket of API v2, and as much of its REST as lists and is polled.

Pages https://www.bitstamp.net/websocket/v2/ and https://www.bitstamp.net/api/ (market info, transactions), read
2026-11-22. One channel of one market in each message; numbers are text; a heartbeat is answered with the same; over
REST times are seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Quote, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, plain, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_CHANNELS = ("live_trades", "order_book")
_VERBS = {"bts:subscribe": "subscription", "bts:unsubscribe": "unsubscription"}


class Named(msgspec.Struct, frozen=True):
    """The channel that a request is about."""

    channel: str = ""


class Asked(msgspec.Struct):
    """A request."""

    event: str
    data: Named = Named()


class Bitstamp(Venue):
    """Bitstamp: the stream on `/`, listings and trades below `/api/v2`."""

    type: ClassVar[str] = "bitstamp"
    stablecoins: ClassVar[tuple[str, ...]] = ("USDT/USD",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{pair.base}{pair.quote}".lower()

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe to one channel, end one, or answer a heartbeat."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_told("bts:error", "", {"code": None, "message": "Incorrect JSON format."})]
        if asked.event == "bts:heartbeat":
            return [_told("bts:heartbeat", "", {"status": "success"})]
        channel, _, symbol = asked.data.channel.rpartition("_")
        if asked.event not in _VERBS or channel not in _CHANNELS or session.exchange.refuses(symbol):
            what = "subscription string" if asked.event in _VERBS else "request"
            return [_told("bts:error", asked.data.channel, {"code": None, "message": f"Bad {what}."})]
        change = session.subscribe if asked.event == "bts:subscribe" else session.unsubscribe
        change(channel, symbol)
        return [_told(f"bts:{_VERBS[asked.event]}_succeeded", asked.data.channel, {})]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade, or the book."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("live_trades", symbol):
            yield _told("trade", f"live_trades_{symbol}", _print(tick))
        if isinstance(tick, Quote) and session.has("order_book", symbol):
            yield _told("data", f"order_book_{symbol}", _book(tick))

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Ask for another connection, as the venue does when this one has to end."""
        return [_told("bts:request_reconnect", "", "")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/api/v2`."""
        match request.path.strip("/").split("/"):
            case ["api", "v2", "markets"]:
                return data([_about(exchange, pair) for pair in exchange.listed])
            case ["api", "v2", "transactions", symbol] if (pair := exchange.find(symbol)) is not None:
                return data([_row(trade) for trade in reversed(exchange.recent(pair, 50))])
        return data({"status": "error", "reason": "Invalid currency pair", "code": "404.002"}, 404)

    def error_body(self, status: int) -> bytes:
        """Return a reason and a code."""
        code = "400.002" if status == 429 else f"{status}.001"
        return msgspec.json.encode({"status": "error", "reason": "Request rejected", "code": code})


def _told(event: str, channel: str, about: Any) -> Frame:
    return say({"event": event, "channel": channel, "data": about})


def _times(ts: int | None) -> dict[str, str]:
    return {"timestamp": str((ts or 0) // SECOND), "microtimestamp": str((ts or 0) // 1000)}


def _print(trade: Trade) -> dict[str, Any]:
    number = int(trade.trade_id or 0)
    return {
        "id": number,
        **_times(trade.ts_event),
        "amount": trade.size,
        "amount_str": plain(trade.size),
        "price": trade.price,
        "price_str": plain(trade.price),
        "type": int(trade.side == "sell"),
        "buy_order_id": 2 * number,
        "sell_order_id": 2 * number + 1,
    }


def _book(top: Quote) -> dict[str, Any]:
    bids, asks = [[plain(top.bid), plain(top.bid_size)]], [[plain(top.ask), plain(top.ask_size)]]
    return {**_times(top.ts_event), "bids": bids, "asks": asks}


def _row(trade: Trade) -> dict[str, str]:
    about = {"date": str((trade.ts_event or 0) // SECOND), "tid": trade.trade_id or "0"}
    return {**about, "amount": plain(trade.size), "type": str(int(trade.side == "sell")), "price": plain(trade.price)}


def _about(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    return {
        "name": f"{pair.base}/{pair.quote}",
        "market_symbol": f"{pair.base}{pair.quote}".lower(),
        "base_currency": pair.base,
        "base_decimals": 8,
        "counter_currency": pair.quote,
        "counter_decimals": 8,
        "minimum_order_value": "10",
        "trading": "Disabled" if exchange.is_halted(pair) else "Enabled",
        "description": f"{pair.base} / {pair.quote}",
        "market_type": "SPOT",
    }
