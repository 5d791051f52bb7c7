"""The top of a book weighted by its sizes: contract, formula, properties."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chrono import InsufficientData, Market, Pair, QuoteWindow
from chrono.testing import AggregatorContract
from chrono_micro import Micro

SPAN = 60_000_000_000
AS_OF = 1_795_342_500_000_000_000
MARKET = Market("venue", Pair("BTC", "USD"))
Top: TypeAlias = tuple[float, float, float, float]
"""Bid, ask, and the size of each."""

sizes = st.just(0.0) | st.floats(1e-9, 1e9)
tops = st.tuples(st.floats(1e-9, 1e9), st.floats(1, 1.5), sizes, sizes).map(lambda t: (t[0], t[0] * t[1], *t[2:]))


def window(points: Sequence[Top], before: int = 0, age: int = 0) -> QuoteWindow:
    """Return a window of tops of book a nanosecond apart, of which some lie before it."""
    columns = tuple([top[i] for top in points] for i in range(4))
    ts = [AS_OF - len(points) + 1 + i for i in range(len(points))]
    return QuoteWindow(MARKET, AS_OF, SPAN, columns, ts, start=before, age=age)


def naive(window: QuoteWindow) -> float:
    """Return the formula in exact arithmetic, of the newest row."""
    bid, ask, bid_size, ask_size = (
        Fraction(float(x[-1])) for x in (window.bid, window.ask, window.bid_size, window.ask_size)
    )
    if not bid_size + ask_size:
        return float((bid + ask) / 2)
    return float((bid * ask_size + ask * bid_size) / (bid_size + ask_size))


class TestMicro(AggregatorContract):
    """The conformance suite."""

    aggregator = Micro
    naive = staticmethod(naive)


@given(st.lists(tops, min_size=1, max_size=10))
def test_it_is_the_formula(points: list[Top]) -> None:
    """The value is that of the newest top of book."""
    made = window(points)
    assert Micro().aggregate(made).value == pytest.approx(naive(made), rel=1e-12)


@given(st.lists(tops, min_size=1, max_size=10), st.integers(1, 12))
def test_it_is_the_formula_of_the_newest_quotes(points: list[Top], count: int) -> None:
    """With a count it is the same: the newest of the newest is the newest."""
    made = Micro(Micro.Config(count=count)).aggregate(window(points))
    assert made.value == pytest.approx(naive(window(points[-count:])), rel=1e-12)


@given(tops)
def test_it_lies_between_bid_and_ask(top: Top) -> None:
    """No sizes carry it out of the spread."""
    assert top[0] <= Micro().aggregate(window([top])).value <= top[1]


@given(tops)
def test_it_is_a_mirror(top: Top) -> None:
    """With sizes changed over, it lies as far from the ask as it lay from the bid."""
    bid, ask, bid_size, ask_size = top
    here, there = (Micro().aggregate(window([(bid, ask, *both)])).value for both in ((bid_size, ask_size), top[:1:-1]))
    assert here - bid == pytest.approx(ask - there, abs=1e-12 * ask)


def test_without_sizes_it_is_the_middle() -> None:
    """Zero on both sides says nothing of where the price goes."""
    assert Micro().aggregate(window([(99.0, 101.0, 0.0, 0.0)])).value == 100.0


def test_a_quote_stands_until_the_next() -> None:
    """Nothing new: the quote from before the window, with n = 0 and the market's own age."""
    made = Micro().aggregate(window([(100.0, 104.0, 3.0, 1.0)], before=1, age=7_000))
    assert (made.value, made.n, made.age) == (103.0, 0, 7_000)


def test_nothing_ever_quoted_is_no_price() -> None:
    """Without a quote there is nothing to say."""
    with pytest.raises(InsufficientData):
        Micro().aggregate(window([]))


def test_a_volume_of_quotes_is_refused() -> None:
    """Where a pipeline file asks for it, since quotes have none."""
    with pytest.raises(ValidationError, match="was an aggregator of quotes"):
        Micro.Config.model_validate({"volume": 5}, context=Micro)
