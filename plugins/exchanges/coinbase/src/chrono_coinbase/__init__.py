"""Coinbase Exchange, WebSocket feed: every public trade, and the top of the book whenever one is made.

Pages below https://docs.cdp.coinbase.com/exchange/websocket-feed/ — overview, channels (heartbeat, matches, ticker),
errors, rate-limits — read 2026-11-22. Numbers are text, times RFC 3339 in UTC, and the `side` of a match is the
maker's: where a resting order to sell was hit, the taker bought::

    {"type": "match", "trade_id": 10, "sequence": 50, "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
        "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1", "time": "2014-11-07T08:19:27.028459Z",
        "product_id": "BTC-USD", "size": "5.23512", "price": "400.23", "side": "sell"}
    {"type": "ticker", "sequence": 37475248783, "product_id": "ETH-USD", "price": "1285.22", "best_bid": "1285.04",
        "best_bid_size": "0.46688654", "best_ask": "1285.27", "best_ask_size": "1.56637040", "side": "buy",
        "time": "2022-10-19T23:28:22.061769Z", "trade_id": 370843401, "last_size": "11.4396987", …}
    {"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "BTC-USD", "time": "2014-11-07T08:19:28…Z"}
    {"type": "subscriptions", "channels": [{"name": "matches", "product_ids": ["BTC-USD", "ETH-USD"]}]}
    {"type": "error", "message": "Failed to subscribe", "reason": "XX-USD is not a valid product"}

The first message of a subscription to matches is `last_match`, a trade of the past, so it yields nothing. Types that
are not known are to be ignored ("Protocol"). One product that is not listed voids the whole message it stands in
(github.com/coinbase/coinbase-pro-node/issues/174), so each has a message of its own. A client may send a hundred
messages a second from one address (rate-limits); in which words an error says that they were more is not on the page,
so it is known by "rate limit" or "too many".

Over REST, pages below https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/ —
get-product-trades, get-all-known-trading-pairs — and https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits (ten
requests a second from an address), read 2026-11-22. As in the stream, `side` is the maker's; newest first; no trade
names its product::

    [{"trade_id": 74, "side": "sell", "size": "0.01000000", "price": "10.00000000",
        "time": "2014-11-07T22:19:28.578544Z"}]
    [{"id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "status": "online", "trading_disabled": false,
        "cancel_only": false, "post_only": false, "limit_only": false, "auction_mode": false, …}]
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from chrono import Ack, Duration, Listing, Pair, Quote, RateLimit, Rejected, Signal, Source, Tick, Trade, hookimpl
from chrono.venue import Amount, Budget, Number, PolledTrades, Serial, Text, WebSocketSource, ns_from_iso, trade_rows

_CHANNELS = ["matches", "ticker", "heartbeat"]
_PRODUCT = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")
_TOO_MANY = re.compile(r"rate.?limit|too many", re.IGNORECASE)
_OWN_BOOK = {"USDT", "EURC"}
_TAKER: dict[str, Literal["buy", "sell"]] = {"buy": "sell", "sell": "buy"}


class Match(msgspec.Struct, gc=False, tag_field="type", tag="match"):
    """One trade; its side is that of the order which rested on the book."""

    product_id: Text
    side: Literal["buy", "sell"]
    price: Number
    size: Amount
    trade_id: Serial
    time: str


class Top(msgspec.Struct, gc=False, tag_field="type", tag="ticker"):
    """One ticker; a side of the book that is empty is 0, and frames before 2022 have no sizes."""

    product_id: Text
    best_bid: Amount
    best_ask: Amount
    time: str
    best_bid_size: Amount = 0.0
    best_ask_size: Amount = 0.0


class Channel(msgspec.Struct, gc=False):
    """What is subscribed to on one channel."""

    name: str
    product_ids: list[str] = []


class Subscriptions(msgspec.Struct, gc=False, tag_field="type", tag="subscriptions"):
    """All that the connection is subscribed to by now."""

    channels: list[Channel]


class Refusal(msgspec.Struct, gc=False, tag_field="type", tag="error"):
    """Why a request was not granted."""

    message: Text
    reason: str = ""


class Quiet(msgspec.Struct, gc=False, tag_field="type", tag="heartbeat"):
    """A second without news."""


class Other(msgspec.Struct, gc=False):
    """A message of another type, to be ignored."""

    type: Text


class Product(msgspec.Struct):
    """One market, and whether anything trades there."""

    id: str
    base_currency: str
    quote_currency: str
    status: str
    trading_disabled: bool = False
    cancel_only: bool = False
    post_only: bool = False

    @property
    def state(self) -> Literal["trading", "halted", "delisted"]:
        """What the venue says of it, in our words."""
        if self.status == "online" and not (self.trading_disabled or self.cancel_only or self.post_only):
            return "trading"
        return "delisted" if self.status == "delisted" else "halted"


Message: TypeAlias = Match | Top | Subscriptions | Refusal | Quiet

_message = msgspec.json.Decoder(Message, strict=False).decode
_other = msgspec.json.Decoder(Other).decode
_KNOWN = {"match", "ticker", "subscriptions", "error", "heartbeat"}


class CoinbaseTrades(PolledTrades):
    """The last trades of each product, asked for one after the other."""

    type = "coinbase"
    url = "https://api.exchange.coinbase.com"
    path = "/products/{symbol}/trades?limit=100"
    rows = trade_rows(price="price", size="size", time="time", unit="iso", side="side", sides=_TAKER, id="trade_id")

    class Config(PolledTrades.Config):
        """Options every polled source has."""

        every: Duration = Duration("2s")
        """How often to ask, ten products a second at most."""


class Coinbase(WebSocketSource):
    """Every public trade of Coinbase Exchange, and the best bid and ask at each."""

    type = "coinbase"
    url = "wss://ws-feed.exchange.coinbase.com"
    rest = CoinbaseTrades
    markets_url = "https://api.exchange.coinbase.com/products"
    budget = Budget(10, per=1.0)
    connections = Budget(8, per=1.0)
    # one message a symbol, of the hundred a second that the venue takes from an address
    symbols_per_connection = 80

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash; what is quoted in USDC is the book in US dollars under another name."""
        if pair.quote == "USDC" and pair.base not in _OWN_BOOK:
            raise ValueError(f"dollars and USDC share one book there, use {pair.base}/USD")
        return f"{pair.base}-{pair.quote}".upper()

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for trades, tickers and a sign of life a second, one product at a time, or end all of it at once."""
        for products in [[symbol] for symbol in symbols] if verb == "subscribe" else [list(symbols)]:
            yield {"type": verb, "product_ids": products, "channels": _CHANNELS}

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return all products."""
        rows = msgspec.json.decode(answer, type=list[Product])
        return [Listing(row.id, Pair(row.base_currency, row.quote_currency), row.state) for row in rows]

    def decode(self, data: bytes) -> Message | Other:
        """Read the types that matter as documented, and of any other no more than that it is one."""
        found: Message | Other
        try:
            found = _message(data)
        except msgspec.ValidationError:
            found = _other(data)
            if found.type in _KNOWN:
                raise
        return found

    def parse(self, frame: Message | Other) -> Iterable[Tick | Signal]:
        """Read matches and tickers; what else is no answer to us says nothing of interest."""
        match frame:
            case Match():
                return (_trade(frame),)
            case Top():
                return _quote(frame)
            case Subscriptions(channels):
                named = [name for channel in channels if channel.name == "matches" for name in channel.product_ids]
                return (Ack(tuple(named)),) if named else ()
            case Refusal():
                return (_refused(frame.reason or frame.message),)
            case _:
                return ()


def _trade(row: Match) -> Trade:
    time = ns_from_iso(row.time)
    if time <= 0:
        raise ValueError(f"expected the time of a trade, was {row.time!r}")
    return Trade(row.product_id, row.price, row.size, _TAKER[row.side], str(row.trade_id), time)


def _quote(row: Top) -> Iterable[Quote]:
    time = ns_from_iso(row.time)
    # an empty side, or the year 1 of a market that never traded: neither a price nor damage
    if not (row.best_bid and row.best_ask and time > 0):
        return ()
    return (Quote(row.product_id, row.best_bid, row.best_ask, row.best_bid_size, row.best_ask_size, time),)


def _refused(reason: str) -> Rejected | RateLimit:
    if _TOO_MANY.search(reason):
        return RateLimit(5.0, reason, address=True)
    named = _PRODUCT.search(reason)
    return Rejected(named[0] if named else "", reason)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Coinbase]
