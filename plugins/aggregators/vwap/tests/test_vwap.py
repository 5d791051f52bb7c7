"""The volume-weighted average price: contract, formula, properties."""

from collections.abc import Sequence
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import InsufficientData, Market, Pair, TradeWindow
from chrono.testing import AggregatorContract
from chrono_vwap import Vwap

SPAN = 60_000_000_000
AS_OF = 1_795_342_500_000_000_000
MARKET = Market("venue", Pair("BTC", "USD"))

prices = st.floats(1e-9, 1e9)
sizes = st.floats(1e-9, 1e9)
prints = st.lists(st.tuples(prices, sizes), min_size=1, max_size=30)


def window(points: Sequence[tuple[float, float]]) -> TradeWindow:
    """Return a window of prints a nanosecond apart."""
    ts = [AS_OF - len(points) + 1 + i for i in range(len(points))]
    return TradeWindow.of(MARKET, AS_OF, SPAN, [p for p, _ in points], [q for _, q in points], ts)


def naive(window: TradeWindow) -> float:
    """Return the formula in exact arithmetic."""
    points = [(Fraction(p), Fraction(q)) for p, q in zip(window.price.tolist(), window.size.tolist(), strict=True)]
    return float(sum(p * q for p, q in points) / sum(q for _, q in points))


class TestVwap(AggregatorContract):
    """The conformance suite."""

    aggregator = Vwap
    naive = staticmethod(naive)


@given(prints)
def test_it_is_the_formula(points: list[tuple[float, float]]) -> None:
    """The value is the exact quotient to the last few bits."""
    made = window(points)
    assert Vwap().aggregate(made).value == pytest.approx(naive(made), rel=1e-14)


def newest(points: Sequence[tuple[float, float]], volume: float) -> TradeWindow:
    """Return the window of the newest prints alone that reach a volume, taken one by one."""
    kept: list[tuple[float, float]] = []
    for point in points[::-1]:
        if sum(size for _, size in kept) >= volume:
            break
        kept.append(point)
    return window(kept[::-1])


@given(prints, st.integers(1, 40))
def test_it_is_the_formula_of_the_newest_prints(points: list[tuple[float, float]], count: int) -> None:
    """With a count, only the newest so many prints enter it."""
    cut = Vwap(Vwap.Config(count=count)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(window(points[-count:])), rel=1e-14)


@given(prints, st.floats(1e-6, 1e10))
def test_it_is_the_formula_of_the_newest_volume(points: list[tuple[float, float]], volume: float) -> None:
    """With a volume, only the newest prints that reach it enter."""
    cut = Vwap(Vwap.Config(volume=volume)).aggregate(window(points))
    assert cut.value == pytest.approx(naive(newest(points, volume)), rel=1e-14)


@given(prints, st.randoms())
def test_order_does_not_matter(points: list[tuple[float, float]], random: Random) -> None:
    """Shuffled prints give the same value, to the bit."""
    shuffled = random.sample(points, len(points))
    assert Vwap().aggregate(window(points)).value == Vwap().aggregate(window(shuffled)).value


@given(prints, prices)
def test_a_print_of_no_size_does_not_count(points: list[tuple[float, float]], price: float) -> None:
    """A size of zero weighs nothing."""
    with_it = Vwap().aggregate(window([*points, (price, 0.0)])).value
    assert with_it == pytest.approx(Vwap().aggregate(window(points)).value, rel=1e-12)


@given(prints)
def test_a_split_print_weighs_the_same(points: list[tuple[float, float]]) -> None:
    """Two halves of a print count as the whole."""
    halves = [(p, q / 2) for p, q in points for _ in range(2)]
    assert Vwap().aggregate(window(halves)).value == pytest.approx(Vwap().aggregate(window(points)).value, rel=1e-12)


@pytest.mark.parametrize("points", [[], [(100.0, 0.0)], [(100.0, 0.0), (101.0, 0.0)]])
def test_nothing_traded_is_no_price(points: list[tuple[float, float]]) -> None:
    """An empty window, or one of zero sizes, is refused."""
    with pytest.raises(InsufficientData):
        Vwap().aggregate(window(points))


def test_the_default_window_is_a_minute() -> None:
    """Without options a minute of trades is averaged."""
    assert Vwap().span == SPAN
