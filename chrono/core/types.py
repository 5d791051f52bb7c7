"""The values everything else speaks in: pairs, ticks, windows, estimates, reports.

Times are integer Unix nanoseconds, prices are float64. No I/O, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

SECOND = 1_000_000_000
"""Nanoseconds in a second."""

PRICE_LIMIT = 1e15
"""Prices and sizes at or above this are refused; a double holds 15 significant digits."""

_WIDE = Context(prec=64, rounding=ROUND_HALF_EVEN)

_TICKER = r"[A-Z0-9][A-Za-z0-9._$-]*"
_PAIR = re.compile(rf"({_TICKER})/({_TICKER})")

Side: TypeAlias = Literal["buy", "sell", ""]
Kind: TypeAlias = Literal["trades", "quotes", "tickers"]
Reason: TypeAlias = Mapping[str, Any]
"""`{"code": …}` and the numbers behind it."""


class Code(StrEnum):
    """Why a market was dropped or a feed has no value; detectors add their own words."""

    NO_DATA = "no_data"
    INSUFFICIENT_DATA = "insufficient_data"
    STALE = "stale"
    RENAMED = "renamed"
    INVALID_VALUE = "invalid_value"
    RATE_MISSING = "rate_missing"
    RATE_STALE = "rate_stale"
    RATE_PATHS_DIFFER = "rate_paths_differ"
    OUTLIER = "outlier"
    NO_QUORUM = "no_quorum"
    DISPUTED = "disputed"
    DEPEG = "depeg"
    CONVERSION_GAP = "conversion_gap"
    MAX_JUMP = "max_jump"
    OUT_OF_BOUNDS = "out_of_bounds"
    BELOW_PRECISION = "below_precision"
    HELD = "held"
    COMPONENT_FAILED = "component_failed"


class Pair(msgspec.Struct, frozen=True, gc=False, order=True, cache_hash=True):
    """What is priced: one unit of `base` in units of `quote`, written `BTC/USD`.

    Examples
    --------
    >>> Pair.parse("BTC/USD").quote
    'USD'
    """

    base: str
    quote: str

    @classmethod
    def parse(cls, text: str) -> Pair:
        """Read `BASE/QUOTE`.

        Raises
        ------
        ValueError
            If the text is anything but two tickers joined by one slash.
        """
        match = _PAIR.fullmatch(text)
        if match is None:
            raise ValueError(f"expected a pair like BTC/USD, was {text!r}")
        if match[1] == match[2]:
            raise ValueError(f"expected two different assets, was {text!r}")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


class Market(msgspec.Struct, frozen=True, gc=False, order=True, cache_hash=True):
    """One pair at one source, written `kraken:BTC/USD`.

    `source` is the id in the pipeline file, `group` the venue behind it (two connections to one venue share a group),
    `symbol` what the venue calls the pair.
    """

    source: str
    pair: Pair
    group: str = ""
    symbol: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.pair.base}/{self.pair.quote}"


class Trade(msgspec.Struct, frozen=True, gc=False, tag="trade"):
    """One print; `side` is the taker's, `ts_event` the venue's time (None where it states none)."""

    symbol: str
    price: float
    size: float
    side: Side = ""
    trade_id: str = ""
    ts_event: int | None = None


class Quote(msgspec.Struct, frozen=True, gc=False, tag="quote"):
    """Top of book; sizes in base units, `ts_event` None where the venue states none."""

    symbol: str
    bid: float
    ask: float
    bid_size: float = 0.0
    ask_size: float = 0.0
    ts_event: int | None = None


class Ticker(msgspec.Struct, frozen=True, gc=False, tag="ticker"):
    """Last price and 24 h volume in base units, for venues that offer no better."""

    symbol: str
    last: float
    volume_24h: float = 0.0
    ts_event: int | None = None


Tick: TypeAlias = Trade | Quote | Ticker


class Ack(msgspec.Struct, frozen=True, gc=False):
    """The venue accepted a subscription: of these symbols, or of the whole request."""

    symbols: tuple[str, ...] = ()


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The venue refused a subscription: of this symbol, or of the whole request when empty."""

    symbol: str
    reason: str


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The venue wants this message back (a pong, an answer to a challenge)."""

    message: Any


class Reconnect(msgspec.Struct, frozen=True, gc=False):
    """The venue asks for, or the plugin needs, a new connection."""

    reason: str


class RateLimit(msgspec.Struct, frozen=True, gc=False):
    """The venue asks in-band for a pause of `retry_after` seconds: of this connection, or of all from our `address`."""

    retry_after: float
    reason: str = ""
    address: bool = False


Signal: TypeAlias = Ack | Rejected | Reply | Reconnect | RateLimit


class Listing(msgspec.Struct, frozen=True, gc=False):
    """What a venue says of one of its markets; `pair` in our names, None for what is no pair."""

    symbol: str
    pair: Pair | None = None
    state: Literal["trading", "halted", "delisted"] = "trading"


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """One market's price at the instant `as_of`.

    `value` in quote units per base unit of `pair`, `weight` in those quote units per second, `age` in nanoseconds,
    `path` the rates it was converted with, `USDT/USD` or, divided by, `1/(USD/JPY)`. `rhythm` is how many nanoseconds
    usually pass between two updates of the market (0 where that is not known); `trust` is the confidence of the rates
    it was converted with, `uncertainty` how far those rates' venues were apart, relative; 1 and 0 where there are none.
    """

    market: Market
    pair: Pair
    value: float
    weight: float
    n: int
    age: int
    method: str
    path: tuple[str, ...] = ()
    as_of: int = 0
    rhythm: int = 0
    trust: float = 1.0
    uncertainty: float = 0.0


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What a detector thinks of one market; `score` 0 is ordinary, `keep` False drops it with `code` and `data`."""

    market: Market
    keep: bool
    score: float
    code: str = ""
    data: Mapping[str, float] = {}
    detector: str = ""


class Agreement(msgspec.Struct, frozen=True, gc=False):
    """What a consensus concluded.

    `confidence` is 0 to 1, `shares` sum to 1 over the markets that were used, `dropped` says why the others were not.
    """

    value: float
    confidence: float
    shares: Mapping[Market, float]
    dropped: Mapping[Market, Reason] = {}


class Limits(msgspec.Struct, frozen=True):
    """The publish guard of a feed; a refusal is a reason, not a crash.

    `max_jump` is relative to the last published value; `max_disputed` is the share of the venues alive whose estimates
    may be rejected.
    """

    max_jump: float | None = None
    min_value: float | None = None
    max_value: float | None = None
    max_disputed: float | None = None


class Feed(msgspec.Struct, frozen=True):
    """What is published; `place` is its rank in the pipeline file, `published` False for a leg that no one declared."""

    name: str
    pair: Pair
    decimals: int
    markets: tuple[Market, ...]
    category: str = "crypto"
    limits: Limits = Limits()
    published: bool = True
    place: int = 0

    def quantize(self, value: float) -> Decimal:
        """Round half to even to exactly the feed's decimals, for sinks that print text."""
        return Decimal(repr(value)).quantize(Decimal(1).scaleb(-self.decimals), context=_WIDE)


class Round(msgspec.Struct, frozen=True, gc=False):
    """When we look. `deadline` is the last useful moment to publish."""

    id: int
    as_of: int
    deadline: int


class Price(msgspec.Struct, frozen=True):
    """A feed's value and what made it.

    `value` is unrounded, `age` and `rhythm` are medians over the markets used, in nanoseconds; `notices` say what an
    operator should know although there is a value, such as a stablecoin off its peg. `estimates` are what the venues'
    agreement was made of, `rejected` those that were dropped on the way there, as they were then: before conversion in
    their own quote. `quoted` are all that there were, in their markets' own quotes.
    """

    feed: Feed
    value: float
    confidence: float
    used: tuple[Market, ...]
    dropped: Mapping[Market, Reason]
    method: str
    shares: Mapping[Market, float]
    estimates: tuple[Estimate, ...]
    age: int
    rhythm: int = 0
    notices: tuple[Reason, ...] = ()
    rejected: tuple[Estimate, ...] = ()
    agreement: Agreement | None = None
    quoted: tuple[Estimate, ...] = ()


class Missing(msgspec.Struct, frozen=True):
    """Why a feed has no value this round, with who was dropped and why.

    `agreement` is what the venues agreed on where that was refused; the others are as a price's.
    """

    feed: Feed
    reason: Reason
    used: tuple[Market, ...]
    dropped: Mapping[Market, Reason]
    estimates: tuple[Estimate, ...] = ()
    notices: tuple[Reason, ...] = ()
    rejected: tuple[Estimate, ...] = ()
    agreement: Agreement | None = None
    quoted: tuple[Estimate, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """What a sink gets: each published feed's price, or why it has none, in the order of the pipeline file.

    `rates` are the conversion legs that no one declared as feeds, `verdicts` all that the detectors said.
    """

    round: Round
    results: tuple[Price | Missing, ...]
    rates: tuple[Price | Missing, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def prices(self) -> dict[str, Price]:
        """The feeds that have a value, by name."""
        return {result.feed.name: result for result in self.results if isinstance(result, Price)}

    @property
    def missing(self) -> dict[str, Missing]:
        """The feeds that have none, by name."""
        return {result.feed.name: result for result in self.results if isinstance(result, Missing)}
