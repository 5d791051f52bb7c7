"""What every aggregator promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import pytest

from chrono.core.component import Aggregator, Context
from chrono.core.errors import InsufficientData
from chrono.core.types import SECOND, Estimate, Market, Pair
from chrono.core.windows import QuoteWindow, TickerWindow, TradeWindow, Window

__all__ = ["AggregatorContract"]

MARKET = Market("venue", Pair("BTC", "USD"), "venue", "BTCUSD")
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

    def make(self) -> Aggregator:
        """Return a fresh aggregator with the least the user must write."""
        return self.aggregator(self.aggregator.Config(**self.options), Context(self.aggregator.type))

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
        """Prices times two, the value times two; sizes times a thousand, the same value."""
        for points in self._samples():
            value = self._value(points)
            for factor in (2.0, 1e-6, 1e6):
                assert self._value(points.scaled(factor)) == pytest.approx(value * factor, rel=EXACT)
            assert self._value(points.scaled(sizes=1000.0)) == pytest.approx(value, rel=EXACT)

    def test_a03_it_stays_inside_the_range_of_the_window(self) -> None:
        """The value is between the lowest and the highest price that stood in the window."""
        for points in self._samples():
            low, high = points.range()
            value = self._value(points)
            assert low <= value <= high, f"expected {low} to {high}, was {value}"

    def test_a04_it_withstands_its_declared_breakdown(self) -> None:
        """Fewer bad points than the declared share, however far off, leave the value among the good ones."""
        share = self.aggregator.breakdown
        assert 0.0 <= share <= 0.5, f"expected a breakdown from 0 to 0.5, was {share}"
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in (5, 20, 21):
            bad = math.ceil(share * n) - 1
            for factor in (1e6, 1e-6):
                points = _Points.even(random, n)
                low, high = points.range()
                for index in random.sample(range(n), max(bad, 0)):
                    points.prices[index] *= factor
                value = self._value(points)
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

    def _value(self, points: _Points) -> float:
        made: Estimate = self.make().aggregate(points.window(self.aggregator))
        return made.value

    def _samples(self) -> Iterator[_Points]:
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in (1, 2, 3, 10, 50, 200):
            for prior in (False, True):
                yield _Points.walk(random, n, prior=prior)


class _Points:
    """Prices, sizes and times, and what window they make."""

    def __init__(
        self, prices: Sequence[float], sizes: Sequence[float], ts: Sequence[int], prior: float | None = None
    ) -> None:
        self.prices = list(prices)
        self.sizes = list(sizes)
        self.ts = list(ts)
        self.prior = prior

    @classmethod
    def walk(cls, random: Random, n: int, *, prior: bool) -> _Points:
        """Return a random walk at random times, some of them shared."""
        price, prices = random.choice((1e-6, 0.5, 67_000.0)), []
        for _ in range(n):
            price *= 1 + random.gauss(0, 0.002)
            prices.append(price)
        sizes = [random.paretovariate(1.2) for _ in range(n)]
        ts = sorted(AS_OF - random.randrange(SPAN) // 1000 * 1000 for _ in range(n))
        return cls(prices, sizes, ts, prices[0] * 1.001 if prior else None)

    @classmethod
    def even(cls, random: Random, n: int) -> _Points:
        """Return points of one size at even times, so that a share of points is a share of size and of time."""
        step = SPAN // n
        return cls(
            [100 + random.random() for _ in range(n)], [1.0] * n, [AS_OF - SPAN + (i + 1) * step for i in range(n)]
        )

    def scaled(self, prices: float = 1.0, sizes: float = 1.0) -> _Points:
        """Return the same points in other units."""
        prior = None if self.prior is None else self.prior * prices
        return _Points([p * prices for p in self.prices], [q * sizes for q in self.sizes], self.ts, prior)

    def range(self) -> tuple[float, float]:
        """Return the lowest and the highest price that stood in the window."""
        stood = self.prices + ([] if self.prior is None else [self.prior])
        return min(stood), max(stood)

    def window(self, aggregator: type[Aggregator]) -> Any:
        """Return the window that an aggregator reads; quotes and tickers are made around the same prices."""
        stood = [] if self.prior is None else [self.prior]
        prices, sizes = stood + self.prices, [0.0] * len(stood) + self.sizes
        ts = [AS_OF - SPAN - SECOND] * len(stood) + self.ts
        columns: Mapping[str, list[list[float]]] = {
            "trades": [prices, sizes, [1.0] * len(prices)],
            "quotes": [prices, prices, sizes, sizes],
            "tickers": [prices, sizes],
        }
        age = AS_OF - self.ts[-1] if self.ts else 5 * SECOND
        turnover = sum(p * q for p, q in zip(prices, sizes, strict=True)) * SECOND / SPAN
        kind = aggregator.reads
        return _WINDOWS[kind](MARKET, AS_OF, SPAN, columns[kind], ts, age=age, turnover=turnover, start=len(stood))


def _poor() -> Iterator[_Points]:
    """Yield windows that hold little: nothing but what stood before, nothing but zero sizes, all at the end."""
    yield _Points([], [], [], prior=100.0)
    yield _Points([100.0, 101.0], [0.0, 0.0], [AS_OF - SECOND, AS_OF - 1])
    yield _Points([100.0, 101.0], [1.0, 0.0], [AS_OF, AS_OF])
    yield _Points([1e-300, 1e14], [5e-324, 1e-300], [AS_OF - 2, AS_OF - 1])
