"""The weighted median of a window: contract, formula, properties."""

from collections.abc import Sequence
from fractions import Fraction
from random import Random
from statistics import median
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import InsufficientData, Market, Pair, TradeWindow
from chrono.testing import AggregatorContract
from chrono_weighted_median import WeightedMedian

SPAN = 60_000_000_000
AS_OF = 1_795_342_500_000_000_000
MARKET = Market("venue", Pair("BTC", "USD"))
Row: TypeAlias = tuple[float, float, int, int]
"""Price, size, prints behind it, nanoseconds before the end of the window."""

prices = st.floats(1e-9, 1e9)
rows = st.tuples(prices, st.floats(1e-9, 1e9), st.integers(1, 5), st.integers(0, SPAN - 1))


def window(points: Sequence[Row]) -> TradeWindow:
    """Return a window of rows in the order of their times."""
    ordered = sorted(points, key=lambda row: -row[3])
    columns = tuple([float(row[i]) for row in ordered] for i in range(3))
    return TradeWindow(MARKET, AS_OF, SPAN, columns, [AS_OF - row[3] for row in ordered])


def newest(points: Sequence[Row], wanted: float, column: int) -> TradeWindow:
    """Return the window of the newest rows alone that reach what is wanted of a column, taken one by one."""
    kept: list[Row] = []
    for row in sorted(points, key=lambda row: -row[3])[::-1]:
        if sum(other[column] for other in kept) >= wanted:
            break
        kept.append(row)
    return window(kept[::-1])


def naive(window: TradeWindow) -> float:
    """Walk up the prices in exact arithmetic, and take a half for reached within 1e-12."""
    points = sorted((p, Fraction(q)) for p, q in zip(window.price.tolist(), window.size.tolist(), strict=True) if q)
    half, nearly = sum(q for _, q in points) / 2, 1 - Fraction(2, 10**12)
    below = Fraction(0)
    for rank, (price, size) in enumerate(points):
        below += size
        if below * nearly > half:
            return price
        if below >= half * nearly:
            above = points[min(rank + 1, len(points) - 1)][0]
            return (price + above) / 2
    raise AssertionError("expected half of the volume to be reached")


class TestWeightedMedian(AggregatorContract):
    """The conformance suite."""

    aggregator = WeightedMedian
    naive = staticmethod(naive)


@given(st.lists(rows, min_size=1, max_size=30))
def test_it_is_the_formula(points: list[Row]) -> None:
    """The value is that of the formula written down plainly."""
    made = window(points)
    assert WeightedMedian().aggregate(made).value == pytest.approx(naive(made), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.integers(1, 40))
def test_it_is_the_formula_of_the_newest_prints(points: list[Row], count: int) -> None:
    """With a count, only the newest so many prints enter it."""
    cut = WeightedMedian(WeightedMedian.Config(count=count)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, count, 2)), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.floats(1e-6, 1e10))
def test_it_is_the_formula_of_the_newest_volume(points: list[Row], volume: float) -> None:
    """With a volume, only the newest prints that reach it enter."""
    cut = WeightedMedian(WeightedMedian.Config(volume=volume)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, volume, 1)), rel=1e-9)


@given(st.lists(prices, min_size=1, max_size=30), st.floats(1e-9, 1e9))
def test_equal_sizes_behave_as_a_plain_median(points: list[float], size: float) -> None:
    """Whatever the size, the midpoint of the two in the middle where their number is even."""
    made = window([(price, size, 1, 0) for price in points])
    assert WeightedMedian().aggregate(made).value == median(points)


@given(st.lists(rows, min_size=1, max_size=30), st.randoms())
def test_order_does_not_matter(points: list[Row], random: Random) -> None:
    """Shuffled prints give the same value, to the bit."""
    tied = [(*row[:3], 0) for row in points]
    shuffled = random.sample(tied, len(tied))
    assert WeightedMedian().aggregate(window(shuffled)).value == WeightedMedian().aggregate(window(tied)).value


@given(st.lists(rows, min_size=1, max_size=30), st.floats(1e-3, 1e14))
def test_less_than_half_of_the_volume_cannot_carry_it(points: list[Row], rogue: float) -> None:
    """One print of just under half of all, at any price, leaves it within the others."""
    volume = sum(row[1] for row in points)
    made = WeightedMedian().aggregate(window([*points, (rogue, 0.999 * volume, 1, 0)])).value
    assert min(row[0] for row in points) <= made <= max(row[0] for row in points)


@given(st.lists(rows, min_size=1, max_size=30), prices)
def test_a_print_of_no_size_does_not_count(points: list[Row], price: float) -> None:
    """A size of zero weighs nothing."""
    with_it = WeightedMedian().aggregate(window([*points, (price, 0.0, 1, 0)])).value
    assert with_it == WeightedMedian().aggregate(window(points)).value


def test_an_exact_half_gives_the_midpoint() -> None:
    """Of half of the volume at 100 and half at 102 the middle is 101, prints of no size between them or not."""
    assert (
        WeightedMedian().aggregate(window([(100.0, 2.0, 1, 2), (101.9, 0.0, 1, 1), (102.0, 2.0, 1, 0)])).value == 101.0
    )


@pytest.mark.parametrize("points", [[], [(100.0, 0.0, 1, 0)], [(100.0, 0.0, 1, 1), (101.0, 0.0, 1, 0)]])
def test_nothing_traded_is_no_price(points: list[Row]) -> None:
    """An empty window, or one of zero sizes, is refused."""
    with pytest.raises(InsufficientData):
        WeightedMedian().aggregate(window(points))
