"""The trimmed mean of a window: contract, formula, properties."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from random import Random
from statistics import fmean, median
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import InsufficientData, Market, Pair, TradeWindow
from chrono.testing import AggregatorContract
from chrono_trimmed_mean import TrimmedMean

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


def naive(window: TradeWindow, trim: Fraction = Fraction(1, 5)) -> float:
    """Write every single print down, drop whole ones from both ends, and count the next ones in part."""
    rows = zip(window.price.tolist(), window.prints.tolist(), strict=True)
    ranked = sorted(Fraction(price) for price, prints in rows for _ in range(int(prints)))
    n = len(ranked)
    whole = floor(trim * n)
    part = trim * n - whole
    kept = ranked[whole : n - whole]
    if len(kept) == 1:
        return float(kept[0])
    return float((sum(kept) - part * (kept[0] + kept[-1])) / (n * (1 - 2 * trim)))


class TestTrimmedMean(AggregatorContract):
    """The conformance suite."""

    aggregator = TrimmedMean
    naive = staticmethod(naive)


class TestTrimmedMeanOfThirds(AggregatorContract):
    """The conformance suite, with a third cut from each end."""

    aggregator = TrimmedMean
    options = {"trim": "33%"}

    @staticmethod
    def naive(window: TradeWindow) -> float:
        return naive(window, Fraction(33, 100))


class TestPlainMean(AggregatorContract):
    """The conformance suite, with nothing cut: it withstands nothing, and says so."""

    aggregator = TrimmedMean
    options = {"trim": "0%"}

    @staticmethod
    def naive(window: TradeWindow) -> float:
        return fmean(window.price.tolist())


@given(st.lists(rows, min_size=1, max_size=30))
def test_it_is_the_formula(points: list[Row]) -> None:
    """The value is that of the formula written down plainly."""
    made = window(points)
    assert TrimmedMean().aggregate(made).value == pytest.approx(naive(made), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.integers(1, 40))
def test_it_is_the_formula_of_the_newest_prints(points: list[Row], count: int) -> None:
    """With a count, only the newest so many prints enter it."""
    cut = TrimmedMean(TrimmedMean.Config(count=count)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, count, 2)), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.floats(1e-6, 1e10))
def test_it_is_the_formula_of_the_newest_volume(points: list[Row], volume: float) -> None:
    """With a volume, only the newest prints that reach it enter."""
    cut = TrimmedMean(TrimmedMean.Config(volume=volume)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, volume, 1)), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.randoms())
def test_order_does_not_matter(points: list[Row], random: Random) -> None:
    """Shuffled prints of one moment give the same value."""
    tied = [(*row[:3], 0) for row in points]
    shuffled = random.sample(tied, len(tied))
    expected = TrimmedMean().aggregate(window(tied)).value
    assert TrimmedMean().aggregate(window(shuffled)).value == pytest.approx(expected, rel=1e-12)


@given(st.lists(prices, min_size=1, max_size=30))
def test_almost_half_cut_is_the_median(points: list[float]) -> None:
    """What is left lies in the middle."""
    made = TrimmedMean(TrimmedMean.Config(trim="49.999999%")).aggregate(window([(p, 1.0, 1, 0) for p in points]))
    assert made.value == pytest.approx(median(points), rel=1e-3, abs=1e-9 * max(points))


@given(st.lists(rows, min_size=1, max_size=30))
def test_sizes_do_not_matter(points: list[Row]) -> None:
    """Each print counts once."""
    plain = [(price, 1.0, prints, before) for price, _, prints, before in points]
    assert TrimmedMean().aggregate(window(points)).value == TrimmedMean().aggregate(window(plain)).value


def test_it_withstands_what_is_cut() -> None:
    """The declared breakdown point is the option's."""
    assert TrimmedMean().breakdown == 0.2
    assert TrimmedMean(TrimmedMean.Config(trim="35%")).breakdown == 0.35


def test_a_folded_row_is_cut_as_its_prints() -> None:
    """Of ten prints, eight of them in one row, two are cut from each end: the rogue one and a part of the row."""
    made = TrimmedMean().aggregate(window([(100.0, 1.0, 1, 3), (101.0, 1.0, 8, 2), (9000.0, 1.0, 1, 1)]))
    assert made.value == 101.0


def test_nothing_printed_is_no_price() -> None:
    """A window without a print is refused."""
    with pytest.raises(InsufficientData):
        TrimmedMean().aggregate(window([]))


@pytest.mark.parametrize("trim", ["50%", "60%"])
def test_nothing_left_is_refused(trim: str) -> None:
    """Half from each end would be everything."""
    with pytest.raises(ValueError, match=r"less than 0\.5"):
        TrimmedMean.Config.model_validate({"trim": trim})
