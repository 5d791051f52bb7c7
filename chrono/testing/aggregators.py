"""What every aggregator promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from random import Random
from typing import Any, ClassVar

import pytest

from chrono.core.component import Aggregator, Context
from chrono.core.errors import InsufficientData
from chrono.core.types import SECOND, Estimate, Market, Pair
from chrono.core.units import Duration
from chrono.core.windows import QuoteWindow, TickerWindow, TradeWindow, Window

__all__ = ["AggregatorContract"]

MARKET = Market("venue", Pair("BTC", "USD"), "venue", "BTCUSD")
OTHER = Market("elsewhere/eu", Pair("ETH", "KRW"), "elsewhere", "KRW-ETH")
AS_OF = 1_795_342_500 * SECOND
SPAN = 10 * SECOND
EXACT = 1e-9
"""Relative difference at which two results of different arithmetic count as one."""

_WINDOWS: Mapping[str, type[Window]] = {"trades": TradeWindow, "quotes": QuoteWindow, "tickers": TickerWindow}


class AggregatorContract:
    """Subclass this in a plugin's tests, set `aggregator`, and every check runs.

    Attributes
    ----------
    aggregator : type of Aggregator
        The class to check.
    options : mapping
        What the user must write for it at least.
    naive : callable, optional
        The formula written down without thought for speed, from a window to a value, as a `staticmethod`.
    seed : int
        Of the random windows.

    Examples
    --------
    ::

        class TestVwap(AggregatorContract):
            aggregator = Vwap
            naive = staticmethod(naive_vwap)
    """

    aggregator: ClassVar[type[Aggregator]]
    options: ClassVar[Mapping[str, Any]] = {}
    naive: ClassVar[Any] = None
    seed: ClassVar[int] = 1

    def make(self, **options: Any) -> Aggregator:
        """Return a fresh aggregator with the least the user must write, and what a check asks for."""
        config = self.aggregator.Config(**{**self.options, **options})
        return self.aggregator(config, Context(self.aggregator.type))

    def test_a01_it_is_deterministic_and_writes_nothing(self) -> None:
        """The same window gives the same estimate, to the bit, and is left as it was."""
        for points in self._samples():
            first, again = points.window(self.aggregator), points.window(self.aggregator)
            kept = [list(column) for column in first._columns]  # noqa: SLF001 - what must not be written to
            aggregator = self.make()
            value = aggregator.aggregate(first)
            for made in (aggregator.aggregate(first), aggregator.aggregate(again), self.make().aggregate(again)):
                assert made == value, f"expected {value} again, was {made}"
            assert kept == first._columns, "expected the window to be left as it was"  # noqa: SLF001 - as above

    def test_a02_it_follows_the_scale_of_prices_and_not_that_of_sizes(self) -> None:
        """Prices times two, the value times two; sizes a thousandfold or a thousandth, the same value."""
        for points in self._samples():
            value = self._value(points)
            for factor in (2.0, 1e-6, 1e6):
                assert self._value(points.scaled(factor)) == pytest.approx(value * factor, rel=EXACT)
            for factor in (1000.0, 1e-3):
                assert self._value(points.scaled(sizes=factor)) == pytest.approx(value, rel=EXACT)

    def test_a03_it_stays_inside_the_range_of_the_window(self) -> None:
        """The value is between the lowest and the highest price that stood in the window."""
        for points in self._samples():
            low, high = points.range(self.aggregator)
            value = self._value(points)
            assert low <= value <= high, f"expected {low} to {high}, was {value}"

    def test_a04_it_withstands_its_declared_breakdown(self) -> None:
        """Fewer bad points than the declared share, at zero or a thousandfold, leave it among the good ones."""
        share = self.make().breakdown
        assert 0.0 <= share <= 0.5, f"expected a breakdown from 0 to 0.5, was {share}"
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in (5, 20, 21, 101):
            bad = max(math.ceil(share * n) - 1, 0)
            for where in (random.sample(range(n), bad), range(bad), range(n - bad, n)):
                for factor in (0.0, 1000.0):
                    points = _Points.even(random, n)
                    spoilt = [p * factor if i in where else p for i, p in enumerate(points.prices)]
                    good = [p for i, p in enumerate(points.prices) if i not in where]
                    low, high = replace(points, prices=good).range(self.aggregator)
                    value = self._value(replace(points, prices=spoilt))
                    assert low <= value <= high, f"expected {bad} of {n} bad points to be withstood, was {value}"

    def test_a05_it_refuses_rather_than_guess(self) -> None:
        """An empty window raises `InsufficientData`, and no window gives anything but a finite price."""
        with pytest.raises((InsufficientData, IndexError)):
            self.make().aggregate(_Points([], [], []).window(self.aggregator))
        for points in (*self._samples(), *_poor()):
            try:
                value = self._value(points)
            except InsufficientData:
                continue
            assert math.isfinite(value), f"expected a price or InsufficientData, was {value}"
            assert value > 0, f"expected a price or InsufficientData, was {value}"

    def test_a06_it_agrees_with_the_naive_version(self) -> None:
        """On random windows the value is that of the formula written down plainly."""
        naive = type(self).naive
        if naive is None:
            pytest.skip("no naive version is given")
        for points in self._samples():
            assert self._value(points) == pytest.approx(naive(points.window(self.aggregator)), rel=EXACT)

    def test_a07_one_point_and_ties_give_that_price(self) -> None:
        """One point is the price; so are many at one price, or at one moment."""
        for n in (1, 2, 7):
            assert self._value(_Points([67123.1] * n, [0.3] * n, [AS_OF - SECOND] * n)) == 67123.1
            assert self._value(_Points([0.1] * n, [0.7] * n, [AS_OF - i for i in range(n, 0, -1)])) == 0.1

    def test_a08_the_estimate_names_its_market_and_method(self) -> None:
        """Market, pair, method, weight and age are those of the window and of the aggregator."""
        for points in self._samples():
            window = points.window(self.aggregator)
            made = self.make().aggregate(window)
            wanted = (MARKET, MARKET.pair, self.aggregator.type, window.turnover, window.age)
            assert (made.market, made.pair, made.method, made.weight, made.age) == wanted

    def test_a09_it_reads_the_kind_of_window_it_declares(self) -> None:
        """`reads` is a kind of window, and a window of that kind has all that it looks at."""
        kind = self.aggregator.reads
        assert kind in _WINDOWS, f"expected `reads` to be one of {', '.join(_WINDOWS)}, was {kind}"
        for points in self._samples():
            try:
                self._value(points)
            except AttributeError as error:
                pytest.fail(f"expected an aggregator of {kind} to read what they have: {error}")

    def test_a10_prints_of_one_moment_come_in_any_order(self) -> None:
        """Of what is dated alike the last may count for more, since it stands; the others have no order."""
        random = Random(self.seed)  # noqa: S311 - no secret
        bursts = [_Points.bursts(random, n, apart) for n in (1, 2, 5, 20) for apart in (3e-4, 0.02)]
        for points in (*self._samples(), *bursts):
            value = self._value(points)
            for _ in range(3):
                assert self._value(points.shuffled(random)) == pytest.approx(value, rel=EXACT)

    def test_a11_it_knows_no_clock_but_the_window_s(self) -> None:
        """Moved in time, the same value; stretched in time with the options that are durations, the same value."""
        slow = self._slower(3)
        for points in self._samples():
            value = self._value(points)
            for shift in (1, -7 * 3600 * SECOND, (400 * 24 + 11) * 3600 * SECOND + 123_456_789):
                moved = self._value(points.moved(shift))
                assert moved == value, f"expected {value} at another time of day, was {moved}"
            stretched = slow.aggregate(points.stretched(3).window(self.aggregator)).value
            assert stretched == pytest.approx(value, rel=EXACT)

    def test_a12_names_of_markets_do_not_matter(self) -> None:
        """Under another name of venue and pair the value is the same, and the estimate bears that name."""
        for points in self._samples():
            made = self.make().aggregate(replace(points, market=OTHER).window(self.aggregator))
            assert made.value == self._value(points), f"expected the same value under any name, was {made.value}"
            assert (made.market, made.pair) == (OTHER, OTHER.pair)

    def test_a13_it_prices_what_count_and_volume_leave(self) -> None:
        """Cut to the newest points it says what it says of a window of them alone; weight and age are the whole's."""
        for points in self._samples():
            whole, plain, n = points.window(self.aggregator), self.make(count=None), len(points.prices)
            for kept in sorted({1, min(2, n), (n + 1) // 2, n}):
                wanted = plain.aggregate(points.newest(kept).window(self.aggregator))
                for options in self._cuts(points, kept):
                    made = self.make(**{"count": None, **options}).aggregate(whole)
                    said = (made.value, made.n, made.age, made.weight)
                    alone = (wanted.value, wanted.n, whole.age, whole.turnover)
                    assert said == alone, f"expected {alone} of the newest {kept}, was {said}"

    def _value(self, points: _Points) -> float:
        made: Estimate = self.make().aggregate(points.window(self.aggregator))
        return made.value

    def _samples(self) -> Iterator[_Points]:
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in (1, 2, 3, 10, 50, 200):
            for prior in (False, True):
                yield _Points.walk(random, n, prior=prior)

    def _slower(self, factor: int) -> Aggregator:
        """Return one whose options that are lengths of time are so many times as long."""
        config = self.make().config
        found = {name: getattr(config, name) for name in type(config).model_fields}
        longer = {name: Duration(value * factor) for name, value in found.items() if isinstance(value, Duration)}
        return self.aggregator(config.model_copy(update=longer), Context(self.aggregator.type))

    def _cuts(self, points: _Points, kept: int) -> Iterator[Mapping[str, Any]]:
        """Yield the options that leave so many of the newest points."""
        yield {"count": kept}
        volume = 0.0
        for size in reversed(points.sizes[-kept:]):
            before, volume = volume, volume + size
        if self.aggregator.reads == "trades" and volume > before:
            yield {"volume": volume}


@dataclass(frozen=True)
class _Points:
    """Prices, sizes and times, and what window they make.

    Of quotes the prices are middles, with bid and ask `spread` below and above; `asked` are the sizes of the asks.
    """

    prices: list[float]
    sizes: list[float]
    ts: list[int]
    prior: float | None = None
    prior_at: int = AS_OF - SPAN - SECOND
    as_of: int = AS_OF
    span: int = SPAN
    market: Market = MARKET
    spread: float = 0.0
    asked: list[float] = field(default_factory=list)

    @classmethod
    def walk(cls, random: Random, n: int, *, prior: bool) -> _Points:
        """Return a random walk at random times, some of them shared."""
        price, prices = random.choice((1e-6, 0.5, 67_000.0)), []
        for _ in range(n):
            price *= 1 + random.gauss(0, 0.002)
            prices.append(price)
        moment = SPAN // 100
        ts = sorted(AS_OF - random.randrange(SPAN) // moment * moment for _ in range(n))
        bids, asks = ([random.paretovariate(1.2) for _ in range(n)] for _ in range(2))
        stood = prices[0] * 1.001 if prior else None
        return cls(prices, bids, ts, stood, spread=random.choice((0.0, 1e-5, 1e-2)), asked=asks)

    @classmethod
    def even(cls, random: Random, n: int) -> _Points:
        """Return points of one size at even times, so that a share of points is a share of size and of time."""
        step = SPAN // n
        ts = [AS_OF - SPAN + (i + 1) * step for i in range(n)]
        return cls([100 + random.random() for _ in range(n)], [1.0] * n, ts)

    @classmethod
    def bursts(cls, random: Random, n: int, apart: float) -> _Points:
        """Return n moments of five points each, which lie so far apart."""
        ts = [AS_OF - SPAN // 25 * (n - i // 5) for i in range(5 * n)]
        prices = [100 * (1 + random.gauss(0, apart)) for _ in ts]
        return cls(prices, [random.paretovariate(1.2) for _ in ts], ts, asked=[random.random() for _ in ts])

    def scaled(self, prices: float = 1.0, sizes: float = 1.0) -> _Points:
        """Return the same points in other units."""
        bids, asks = ([q * sizes for q in side] for side in (self.sizes, self.asked))
        prior = None if self.prior is None else self.prior * prices
        return replace(self, prices=[p * prices for p in self.prices], sizes=bids, asked=asks, prior=prior)

    def moved(self, shift: int) -> _Points:
        """Return the same points at another time."""
        ts = [at + shift for at in self.ts]
        return replace(self, ts=ts, as_of=self.as_of + shift, prior_at=self.prior_at + shift)

    def stretched(self, factor: int) -> _Points:
        """Return the same points so many times as long before the round."""
        ts = [self.as_of - factor * (self.as_of - at) for at in self.ts]
        prior_at = self.as_of - factor * (self.as_of - self.prior_at)
        return replace(self, ts=ts, prior_at=prior_at, span=self.span * factor)

    def shuffled(self, random: Random) -> _Points:
        """Return the same points, those of one moment in another order but for the last of them."""
        order: list[int] = []
        for _, tied in groupby(enumerate(self.ts), key=itemgetter(1)):
            *others, last = [row for row, _ in tied]
            order += [*random.sample(others, len(others)), last]
        columns = ([side[row] for row in order] if side else [] for side in (self.prices, self.sizes, self.asked))
        prices, bids, asks = columns
        return replace(self, prices=prices, sizes=bids, asked=asks)

    def newest(self, count: int) -> _Points:
        """Return the newest points in a window of their own, which opens at the oldest of them."""
        gone = len(self.prices) - count
        kept = {"prices": self.prices[gone:], "sizes": self.sizes[gone:], "asked": self.asked[gone:]}
        stood = {"prior": self.prices[gone - 1], "prior_at": self.ts[gone - 1]} if gone else {}
        return replace(self, ts=self.ts[gone:], span=self.as_of - self.ts[gone], **kept, **stood)  # type: ignore[arg-type]

    def range(self, aggregator: type[Aggregator]) -> tuple[float, float]:
        """Return the lowest and the highest price that stood in the window."""
        stood = self.prices + ([] if self.prior is None else [self.prior])
        bids, asks = self._sides(stood) if aggregator.reads == "quotes" else (stood, stood)
        return min(bids), max(asks)

    def window(self, aggregator: type[Aggregator]) -> Any:
        """Return the window that an aggregator reads; quotes and tickers are made around the same prices."""
        stood = [] if self.prior is None else [self.prior]
        prices, sizes = stood + self.prices, [0.0] * len(stood) + self.sizes
        asked = [0.0] * len(stood) + (self.asked or self.sizes)
        columns: Mapping[str, list[list[float]]] = {
            "trades": [prices, sizes, [1.0] * len(prices)],
            "quotes": [*self._sides(prices), sizes, asked],
            "tickers": [prices, sizes],
        }
        ts = [self.prior_at] * len(stood) + self.ts
        age = self.as_of - self.ts[-1] if self.ts else 5 * SECOND
        turnover = sum(p * q for p, q in zip(prices, sizes, strict=True)) * SECOND / SPAN
        made = _WINDOWS[aggregator.reads]
        rows = columns[aggregator.reads]
        return made(self.market, self.as_of, self.span, rows, ts, age=age, turnover=turnover, start=len(stood))

    def _sides(self, prices: list[float]) -> tuple[list[float], list[float]]:
        return [p * (1 - self.spread) for p in prices], [p * (1 + self.spread) for p in prices]


def _poor() -> Iterator[_Points]:
    """Yield windows that hold little, or too much: only what stood before, zero sizes, all at the end, extremes."""
    yield _Points([], [], [], prior=100.0)
    yield _Points([100.0, 101.0], [0.0, 0.0], [AS_OF - SECOND, AS_OF - 1])
    yield _Points([100.0, 101.0], [1.0, 0.0], [AS_OF, AS_OF])
    yield _Points([1e-300, 1e14], [5e-324, 1e-300], [AS_OF - 2, AS_OF - 1])
    yield _Points([9e14, 9e14], [9e14, 9e14], [AS_OF - SPAN + 1, AS_OF], spread=1e-3, asked=[5e-324, 0.0])
