"""The exponentially weighted moving average: contract, formula, properties."""

from collections.abc import Sequence
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import Duration, InsufficientData, Market, Pair, TradeWindow
from chrono.testing import AggregatorContract
from chrono_ewma import Ewma

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


def naive(window: TradeWindow, half_life: int = 10_000_000_000) -> float:
    """Weigh every single print by its own age."""
    total = weights = 0.0
    for price, prints, ts in zip(window.price.tolist(), window.prints.tolist(), window.ts.tolist(), strict=True):
        for _ in range(int(prints)):
            weight = 2.0 ** (-(window.as_of - ts) / half_life)
            total, weights = total + weight * price, weights + weight
    return total / weights


class TestEwma(AggregatorContract):
    """The conformance suite."""

    aggregator = Ewma
    naive = staticmethod(naive)


class TestQuickEwma(AggregatorContract):
    """The conformance suite, with a half-life of a hundredth of the window."""

    aggregator = Ewma
    options = {"half_life": "100ms"}

    @staticmethod
    def naive(window: TradeWindow) -> float:
        return naive(window, 100_000_000)


@given(st.lists(rows, min_size=1, max_size=30))
def test_it_is_the_formula(points: list[Row]) -> None:
    """The value is that of the formula written down plainly."""
    made = window(points)
    assert Ewma().aggregate(made).value == pytest.approx(naive(made), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.integers(1, 40))
def test_it_is_the_formula_of_the_newest_prints(points: list[Row], count: int) -> None:
    """With a count, only the newest so many prints enter it."""
    cut = Ewma(Ewma.Config(count=count)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, count, 2)), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.floats(1e-6, 1e10))
def test_it_is_the_formula_of_the_newest_volume(points: list[Row], volume: float) -> None:
    """With a volume, only the newest prints that reach it enter."""
    cut = Ewma(Ewma.Config(volume=volume)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, volume, 1)), rel=1e-9)


@given(st.lists(rows, min_size=1, max_size=30), st.randoms())
def test_prints_of_one_moment_have_no_order(points: list[Row], random: Random) -> None:
    """Shuffled before they are put in the order of their seconds, they come to the same."""
    coarse = [(price, size, prints, before // 10**10 * 10**10) for price, size, prints, before in points]
    shuffled = random.sample(coarse, len(coarse))
    assert Ewma().aggregate(window(shuffled)).value == pytest.approx(Ewma().aggregate(window(coarse)).value, rel=1e-12)


@given(st.lists(rows, min_size=1, max_size=20), prices)
def test_a_newer_print_draws_it_towards_itself(points: list[Row], price: float) -> None:
    """One print more at the end never moves the mean away from it."""
    before, after = (
        Ewma().aggregate(window(points)).value,
        Ewma().aggregate(window([*points, (price, 1.0, 1, 0)])).value,
    )
    assert min(before, price) * (1 - 1e-12) <= after <= max(before, price) * (1 + 1e-12)


def test_after_a_half_life_a_print_counts_for_half() -> None:
    """Two thirds of the way from the older price to the newer."""
    half = int(Ewma().config.half_life)
    assert Ewma().aggregate(window([(100.0, 9.0, 1, half), (103.0, 1.0, 1, 0)])).value == pytest.approx(
        102.0, rel=1e-15
    )


def test_old_prints_do_not_vanish() -> None:
    """Thousands of half-lives after the last print its price is still the price, and what is older than it is gone."""
    quick = Ewma(Ewma.Config(half_life=Duration("1ms")))
    made = quick.aggregate(window([(100.0, 1.0, 1, SPAN - 1), (101.0, 1.0, 1, SPAN // 2)]))
    assert made.value == 101.0


def test_a_longer_half_life_tends_to_the_plain_mean() -> None:
    """Where nothing is forgotten, prints weigh alike."""
    patient = Ewma(Ewma.Config(half_life=Duration("100d")))
    made = patient.aggregate(window([(100.0, 1.0, 1, 30), (101.0, 9.0, 1, 20), (105.0, 1.0, 1, 10)]))
    assert made.value == pytest.approx(102.0, rel=1e-12)


def test_nothing_printed_is_no_price() -> None:
    """A window without a print is refused."""
    with pytest.raises(InsufficientData):
        Ewma().aggregate(window([]))


def test_a_half_life_of_nothing_is_refused() -> None:
    """It must be some time."""
    with pytest.raises(ValueError, match="greater than 0"):
        Ewma.Config.model_validate({"half_life": "0s"})
