"""Coinbase Exchange as it speaks on its WebSocket feed.

Pages below https://docs.cdp.coinbase.com/exchange/websocket-feed/ — overview, channels (heartbeat, matches, ticker),
errors, rate-limits — read 2026-11-22. A connection has five seconds to subscribe; every request is answered with all
that is subscribed to; one product that is not listed voids the request it stands in; numbers are text; the `side` of a
match is the maker's, that of a ticker the taker's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from chrono import Pair, Tick, Trade
from chrono_simulated.serving import coinbase_rest
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, iso, say, text
from chrono_simulated.serving.http import Request, Response
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_CHANNELS = ("matches", "ticker", "ticker_batch", "heartbeat")
_MAKER = {"buy": "sell", "sell": "buy"}


class Channel(msgspec.Struct):
    """A channel with products of its own."""

    name: str
    product_ids: list[str] = []


class Asked(msgspec.Struct):
    """A request on the feed."""

    type: str
    channels: list[str | Channel] = []
    product_ids: list[str] = []

    def wanted(self) -> Iterator[tuple[str, str]]:
        """Yield each channel of each product."""
        for each in self.channels:
            channel = Channel(each) if isinstance(each, str) else each
            for product in channel.product_ids or self.product_ids:
                yield channel.name, product


class Coinbase(Venue):
    """Coinbase Exchange: the feed on `/`, listings and prices below `/products`."""

    type: ClassVar[str] = "coinbase"
    subscribe_within = 5.0
    stablecoins: ClassVar[tuple[str, ...]] = ("USDT/USD",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{pair.base}-{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe or unsubscribe, all that is asked for or nothing."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [_error("Malformed JSON")]
        if asked.type not in {"subscribe", "unsubscribe"}:
            return [_error(f"{asked.type} is not a valid type")]
        wanted = list(asked.wanted())
        if reason := _objection(session.exchange, asked, wanted):
            return [_error(f"Failed to {asked.type}", reason)]
        for channel, product in wanted:
            change = session.subscribe if asked.type == "subscribe" else session.unsubscribe
            change(channel, product)
        first = self._first(session, wanted) if asked.type == "subscribe" else ()
        return [*first, _subscriptions(session)]

    def _first(self, session: Session, wanted: Iterable[tuple[str, str]]) -> Iterator[Frame]:
        for channel, product in wanted:
            pair = session.exchange.find(product)
            if pair is not None and channel in {"matches", "ticker", "ticker_batch"}:
                trade = session.exchange.last(pair)
                yield _match(trade, product, "last_match") if channel == "matches" else _ticker(session, trade, product)

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade as a match and in the ticker; the book has no message of its own on these channels."""
        if not isinstance(tick, Trade):
            return
        product = self.symbol(Pair.parse(tick.symbol))
        if session.has("matches", product):
            yield _match(tick, product)
        if session.has("ticker", product) or session.has("ticker_batch", product):
            yield _ticker(session, tick, product)

    def beat(self, session: Session) -> Iterator[Frame]:
        """Beat each second for each product that is asked for."""
        now = session.exchange.clock.now()
        if now - session.beaten < self.beat_every * SECOND:
            return
        session.beaten = now
        for product in session.symbols("heartbeat"):
            pair = session.exchange.find(product)
            if pair is not None:
                number = int(session.exchange.last(pair).trade_id or 0)
                about = {"last_trade_id": number, "product_id": product, "sequence": number}
                yield say({"type": "heartbeat", **about, "time": iso(session.exchange.now())})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [_error("Failed to subscribe", "rate limit exceeded")]

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Answer below `/products`."""
        return coinbase_rest.answer(exchange, request)

    def error_body(self, status: int) -> bytes:
        """Return a message."""
        words = {418: "Public rate limit exceeded", 429: "Public rate limit exceeded", 403: "Forbidden"}
        return coinbase_rest.error(words.get(status, "Service unavailable"))


def _objection(exchange: Exchange, asked: Asked, wanted: list[tuple[str, str]]) -> str:
    for channel, product in wanted:
        if channel not in _CHANNELS:
            return f"{channel} is not a valid channel"
        if asked.type == "subscribe" and exchange.refuses(product):
            return f"{product} is not a valid product"
    return "" if wanted else "no channels provided"


def _error(message: str, reason: str = "") -> Frame:
    return say({"type": "error", "message": message, **({"reason": reason} if reason else {})})


def _subscriptions(session: Session) -> Frame:
    names = dict.fromkeys(name for name, _ in session.subscriptions)
    rows = [{"name": name, "product_ids": session.symbols(name), "account_ids": None} for name in names]
    return say({"type": "subscriptions", "channels": rows})


def _match(trade: Trade, product: str, type: str = "match") -> Frame:
    number = int(trade.trade_id or 0)
    return say(
        {
            "type": type,
            "trade_id": number,
            "maker_order_id": _order(2 * number),
            "taker_order_id": _order(2 * number + 1),
            "side": _MAKER[trade.side or "buy"],
            "size": text(trade.size),
            "price": text(trade.price),
            "product_id": product,
            "sequence": number,
            "time": iso(trade.ts_event or 0),
        }
    )


def _order(number: int) -> str:
    return f"{number >> 48:08x}-0000-4000-8000-{number & 0xFFFFFFFFFFFF:012x}"


def _ticker(session: Session, trade: Trade, product: str) -> Frame:
    exchange, number = session.exchange, int(trade.trade_id or 0)
    top, price, volume = exchange.top(trade), text(trade.price), exchange.day_volume(Pair.parse(trade.symbol))
    about: dict[str, Any] = {
        "type": "ticker",
        "sequence": number,
        "product_id": product,
        "price": price,
        "open_24h": price,
        "volume_24h": text(volume),
        "low_24h": price,
        "high_24h": price,
        "volume_30d": text(30 * volume),
        "best_bid": text(top.bid),
        "best_bid_size": text(trade.size),
        "best_ask": text(top.ask),
        "best_ask_size": text(trade.size),
        "side": trade.side,
        "time": iso(trade.ts_event or 0),
        "trade_id": number,
        "last_size": text(trade.size),
    }
    return say(about)
