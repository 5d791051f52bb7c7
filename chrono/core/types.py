"""The values everything else speaks in: pairs, ticks, windows, estimates, reports.

Times are integer Unix nanoseconds, prices are float64. No I/O, no clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

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
    INVALID_VALUE = "invalid_value"
    RATE_MISSING = "rate_missing"
    RATE_STALE = "rate_stale"
    NO_QUORUM = "no_quorum"
    MAX_JUMP = "max_jump"
    OUT_OF_BOUNDS = "out_of_bounds"
    BELOW_PRECISION = "below_precision"
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
    """The venue asks in-band for a pause of `retry_after` seconds."""

    retry_after: float
    reason: str = ""


Signal: TypeAlias = Ack | Rejected | Reply | Reconnect | RateLimit


class Prior(NamedTuple):
    """The last value before a window opens: what stood at its start."""

    value: float
    ts: int


class Window(msgspec.Struct, eq=False, dict=True):
    """The observations of one market over the `span` nanoseconds that end at `as_of`.

    Attributes
    ----------
    market : Market
    as_of, span : int
        Nanoseconds.
    age : int
        Nanoseconds from the last observation to `as_of`, by its receipt or its corrected event time, the older one.
    turnover : float
        Quote units traded per second over the span.
    covers : float
        Share of `span` for which the market was observed at all, 0 to 1.
    prior : Prior or None
        The last observation before the window opens.
    start, stop : int
        The rows that lie in the window; the one before them is `prior`.
    ts : int64, shape (n,)
        Event times corrected by the source's clock offset, oldest first, never after `as_of`; read-only.

    Notes
    -----
    Arrays are made when they are first asked for, from lists that the board may append to meanwhile: most aggregators
    want few of them, and `last` wants none.
    """

    kind: ClassVar[Kind]

    market: Market
    as_of: int
    span: int
    _columns: Sequence[Sequence[float]]
    _ts: Sequence[int]
    offset: int = 0
    age: int = 0
    turnover: float = 0.0
    covers: float = 1.0
    start: int = 0
    stop: int | None = None

    def __len__(self) -> int:
        stop = self.stop
        return (len(self._ts) if stop is None else stop) - self.start

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.market}, as_of={self.as_of}, span={self.span}, n={len(self)})"

    @cached_property
    def ts(self) -> NDArray[np.int64]:
        return _frozen(np.minimum(np.array(self._ts[self.start : self.stop], np.int64) + self.offset, self.as_of))

    @cached_property
    def prior(self) -> Prior | None:
        row = self.start - 1
        return None if row < 0 else Prior(self._standing(row), self._ts[row] + self.offset)

    def _standing(self, row: int) -> float:
        return self._columns[0][row]

    @property
    def _newest(self) -> float:
        # of an empty window the last row is the one before it
        return self._standing(-1 if self.stop is None else self.stop - 1)

    def _column(self, index: int) -> NDArray[np.float64]:
        return _frozen(np.array(self._columns[index][self.start : self.stop], np.float64))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


class TradeWindow(Window, eq=False, dict=True):
    """Trades; `price` and `size` are float64 of shape (n,), read-only, oldest first.

    A flood is folded into buckets of 100 ms: such a row is the bucket's VWAP, its whole size and its number of prints.

    Examples
    --------
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 101.0], "size": [1.0, 3.0], "ts": [1_500, 1_900]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=1_000, **prints)
    >>> window.last, len(window)
    (101.0, 2)
    """

    kind = "trades"

    @classmethod
    def of(
        cls, market: Market, as_of: int, span: int, price: Sequence[float], size: Sequence[float], ts: Sequence[int]
    ) -> TradeWindow:
        """Make a window of raw prints, for tests and notebooks; `ts` in nanoseconds, oldest first."""
        turnover = math.fsum(p * q for p, q in zip(price, size, strict=True)) * SECOND / span
        age = as_of - ts[-1] if ts else 0
        return cls(market, as_of, span, (price, size, [1.0] * len(ts)), ts, age=age, turnover=turnover)

    @property
    def last(self) -> float:
        """The newest price, from before the window where nothing was printed in it; IndexError if there is none."""
        return self._columns[0][-1 if self.stop is None else self.stop - 1]

    @cached_property
    def price(self) -> NDArray[np.float64]:
        return self._column(0)

    @cached_property
    def size(self) -> NDArray[np.float64]:
        return self._column(1)

    @cached_property
    def prints(self) -> NDArray[np.float64]:
        """Trades behind each row: 1, or more where a flood was folded."""
        return self._column(2)


class QuoteWindow(Window, eq=False, dict=True):
    """Tops of book; `bid`, `ask`, `bid_size`, `ask_size` are float64 of shape (n,), read-only, oldest first."""

    kind = "quotes"

    @classmethod
    def of(
        cls, market: Market, as_of: int, span: int, bid: Sequence[float], ask: Sequence[float], ts: Sequence[int]
    ) -> QuoteWindow:
        """Make a window with unit sizes, for tests and notebooks; `ts` in nanoseconds, oldest first."""
        ones = [1.0] * len(ts)
        return cls(market, as_of, span, (bid, ask, ones, ones), ts, age=as_of - ts[-1] if ts else 0)

    @property
    def mid(self) -> float:
        """The newest mid price, from before the window where nothing arrived in it; IndexError if there is none."""
        return self._newest

    def _standing(self, row: int) -> float:
        return (self._columns[0][row] + self._columns[1][row]) / 2

    @cached_property
    def bid(self) -> NDArray[np.float64]:
        return self._column(0)

    @cached_property
    def ask(self) -> NDArray[np.float64]:
        return self._column(1)

    @cached_property
    def bid_size(self) -> NDArray[np.float64]:
        return self._column(2)

    @cached_property
    def ask_size(self) -> NDArray[np.float64]:
        return self._column(3)


class TickerWindow(Window, eq=False, dict=True):
    """Tickers; `last_price` and `volume_24h` are float64 of shape (n,), read-only, oldest first."""

    kind = "tickers"

    @property
    def last(self) -> float:
        """The newest price, from before the window where nothing arrived in it; IndexError if there is none."""
        return self._newest

    @cached_property
    def last_price(self) -> NDArray[np.float64]:
        return self._column(0)

    @cached_property
    def volume_24h(self) -> NDArray[np.float64]:
        return self._column(1)


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """One market's price.

    `value` in quote units per base unit of `pair`, `weight` in those quote units per second, `age` in nanoseconds,
    `path` the rates it was converted with, `USDT/USD` or, divided by, `1/USD/JPY`.
    """

    market: Market
    pair: Pair
    value: float
    weight: float
    n: int
    age: int
    method: str
    path: tuple[str, ...] = ()


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
    """The publish guard of a feed; a refusal is a reason, not a crash."""

    max_jump: float | None = None
    min_value: float | None = None
    max_value: float | None = None


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
    """A feed's value and what made it; `value` is unrounded."""

    feed: Feed
    value: float
    confidence: float
    used: tuple[Market, ...]
    dropped: Mapping[Market, Reason]
    method: str
    shares: Mapping[Market, float]
    estimates: tuple[Estimate, ...]
    age: int


class Missing(msgspec.Struct, frozen=True):
    """Why a feed has no value this round, with who was dropped and why."""

    feed: Feed
    reason: Reason
    used: tuple[Market, ...]
    dropped: Mapping[Market, Reason]
    estimates: tuple[Estimate, ...] = ()


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
