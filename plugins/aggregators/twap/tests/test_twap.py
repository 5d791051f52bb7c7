"""The time-weighted average price: contract, formula, properties."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import InsufficientData, Market, Pair, TradeWindow
from chrono.testing import AggregatorContract
from chrono_twap import Twap

SPAN = 1_000
AS_OF = 1_795_342_500_000_000_000
MARKET = Market("venue", Pair("BTC", "USD"))

prices = st.floats(1e-9, 1e9)
prints = st.lists(st.tuples(prices, st.integers(0, SPAN - 1)), min_size=1, max_size=30)


def window(points: Sequence[tuple[float, int]], prior: float | None = None, age: int = 0) -> TradeWindow:
    """Return a window of prices and how many nanoseconds before its end they were printed."""
    ordered = sorted(points, key=lambda point: -point[1])
    price, ts = [p for p, _ in ordered], [AS_OF - before for _, before in ordered]
    if prior is not None:
        price, ts = [prior, *price], [AS_OF - 5 * SPAN, *ts]
    columns = (price, [1.0] * len(price), [1.0] * len(price))
    return TradeWindow(MARKET, AS_OF, SPAN, columns, ts, start=int(prior is not None), age=age)


def newest(points: Sequence[tuple[float, int]], count: int, prior: float | None) -> TradeWindow:
    """Return the window of the newest points alone, which opens at the oldest of them."""
    ordered = sorted(points, key=lambda point: -point[1])
    if len(ordered) < count:
        return window(points, prior)
    kept = ordered[-count:]
    price, ts = [p for p, _ in kept], [AS_OF - before for _, before in kept]
    return TradeWindow.of(MARKET, AS_OF, max(AS_OF - ts[0], 1), price, [1.0] * count, ts)


def linear(**options: Any) -> Twap:
    """Return one that joins the prints by straight lines."""
    return Twap(Twap.Config(interpolation="linear", **options))


def naive(window: TradeWindow) -> float:
    """Look at every nanosecond of change, in exact arithmetic."""
    stood = window.prior.value if window.prior is not None else None
    since, total, time = window.as_of - window.span, Fraction(0), 0
    steps = [*zip(window.price.tolist(), window.ts.tolist(), strict=True), (None, window.as_of)]
    for price, at in steps:
        if stood is not None:
            total += Fraction(stood) * (at - since)
            time += at - since
        stood, since = (price if price is not None else stood), at
    assert stood is not None
    return float(total / time) if time else stood


def naive_line(window: TradeWindow) -> float:
    """Join the prints by straight lines and add up what lies under each piece of them, in exact arithmetic."""
    opens = window.as_of - window.span
    corners = dict(zip(window.ts.tolist(), map(Fraction, window.price.tolist()), strict=True))
    first = min(corners, default=window.as_of + 1)
    if window.prior is not None and first > opens:
        slope = (corners[first] - Fraction(window.prior.value)) / (first - window.prior.ts) if corners else 0
        corners[opens] = Fraction(window.prior.value) + slope * (opens - window.prior.ts)
    corners.setdefault(window.as_of, corners[max(corners)])
    times = sorted(corners)
    area = sum((corners[a] + corners[b]) * (b - a) / 2 for a, b in pairwise(times))
    return float(area / (times[-1] - times[0]) if len(times) > 1 else corners[times[0]])


class TestTwap(AggregatorContract):
    """The conformance suite."""

    aggregator = Twap
    naive = staticmethod(naive)


class TestLinearTwap(AggregatorContract):
    """The conformance suite, with straight lines between the prints."""

    aggregator = Twap
    options = {"interpolation": "linear"}
    naive = staticmethod(naive_line)


@given(prints, st.none() | prices)
def test_it_is_the_formula(points: list[tuple[float, int]], prior: float | None) -> None:
    """The value is that of the price looked at through all of the window."""
    made = window(points, prior)
    assert Twap().aggregate(made).value == pytest.approx(naive(made), rel=1e-12)
    assert linear().aggregate(made).value == pytest.approx(naive_line(made), rel=1e-9)


@given(prints, st.none() | prices, st.integers(1, 40))
def test_it_is_the_formula_of_the_newest_prints(
    points: list[tuple[float, int]], prior: float | None, count: int
) -> None:
    """With a count, the window opens at the oldest of the newest so many prints."""
    made, alone = window(points, prior), newest(points, count, prior)
    assert Twap(Twap.Config(count=count)).aggregate(made).value == pytest.approx(naive(alone), rel=1e-12)
    assert linear(count=count).aggregate(made).value == pytest.approx(naive_line(alone), rel=1e-9)


@given(prints, st.none() | prices, st.integers(1, 40))
def test_it_is_the_formula_of_the_newest_volume(
    points: list[tuple[float, int]], prior: float | None, prints_of_one: int
) -> None:
    """With a volume, the window opens at the print in which it is reached; all of them are of one unit here."""
    made, alone = window(points, prior), newest(points, prints_of_one, prior)
    volume = prints_of_one - 0.5
    assert Twap(Twap.Config(volume=volume)).aggregate(made).value == pytest.approx(naive(alone), rel=1e-12)
    assert linear(volume=volume).aggregate(made).value == pytest.approx(naive_line(alone), rel=1e-9)


@given(
    st.lists(st.tuples(prices, st.integers(0, 300).map(lambda n: 3 * n)), min_size=1, unique_by=itemgetter(1)), prices
)
def test_a_repeated_price_changes_nothing(points: list[tuple[float, int]], prior: float) -> None:
    """Printing the price that stands already leaves the mean as it was."""
    ordered = sorted(points, key=lambda point: -point[1])
    again = [(p, max(before - 1, 0)) for p, before in ordered]
    doubled = [point for pair in zip(ordered, again, strict=True) for point in pair]
    expected = Twap().aggregate(window(points, prior)).value
    assert Twap().aggregate(window(doubled, prior)).value == pytest.approx(expected, rel=1e-12)


def test_the_price_at_the_opening_counts_until_the_first_print() -> None:
    """Half the window at 100 and half at 110 is 105."""
    assert Twap().aggregate(window([(110.0, SPAN // 2)], prior=100.0)).value == 105.0


def test_a_line_lies_between_the_price_before_and_the_first_print() -> None:
    """From 100 four spans before the opening to 110 at the end it is 108 at the opening, and 109 on average."""
    assert linear().aggregate(window([(110.0, 0)], prior=100.0)).value == pytest.approx(109.0, rel=1e-15)


def test_a_line_is_flat_after_the_last_print() -> None:
    """From 100 to 110 in a tenth of the window, then 110: half of the way counts for that tenth."""
    assert linear().aggregate(window([(100.0, SPAN - 1), (110.0, SPAN - 101)])).value == pytest.approx(
        (105.0 * 100 + 110.0 * (SPAN - 101)) / (SPAN - 1), rel=1e-15
    )


def test_a_line_needs_no_print_in_the_window() -> None:
    """The price that stood before it is all there is: flat."""
    made = linear().aggregate(window([], prior=100.0, age=7_000))
    assert (made.value, made.n, made.age) == (100.0, 0, 7_000)


@pytest.mark.parametrize("made", [Twap(), linear()], ids=["previous", "linear"])
def test_of_prints_at_one_moment_the_last_counts(made: Twap) -> None:
    """What was printed and gone at the same nanosecond stood for no time."""
    burst = window([(100.0, 900), (500.0, 400), (1.0, 400), (104.0, 400)])
    assert made.aggregate(burst).value == made.aggregate(window([(100.0, 900), (104.0, 400)])).value


def test_another_interpolation_is_refused() -> None:
    """There are two."""
    with pytest.raises(ValueError, match="'previous' or 'linear'"):
        Twap.Config.model_validate({"interpolation": "cubic"})


def test_without_a_price_at_the_opening_the_first_print_begins() -> None:
    """Nothing is made up for the time before the first print."""
    assert Twap().aggregate(window([(110.0, SPAN // 2)])).value == 110.0


def test_a_burst_counts_no_longer_than_it_lasts() -> None:
    """A hundred prints within a nanosecond weigh a nanosecond, but for the one that stands."""
    burst = [(200.0, 500)] * 100 + [(100.0, 499)]
    assert Twap().aggregate(window([(100.0, 900), *burst])).value == pytest.approx(100.0 + 100.0 / 900)


def test_a_window_without_a_print_keeps_the_price_that_stood() -> None:
    """Nothing new: the prior, with n = 0 and the market's own age."""
    made = Twap().aggregate(window([], prior=100.0, age=7_000))
    assert (made.value, made.n, made.age) == (100.0, 0, 7_000)


def test_nothing_ever_printed_is_no_price() -> None:
    """Without a print and without a prior there is nothing to say."""
    with pytest.raises(InsufficientData):
        Twap().aggregate(window([]))


def test_prints_at_the_very_end_give_the_last_of_them() -> None:
    """Where no price has stood for any time, the newest is the price."""
    assert Twap().aggregate(window([(100.0, 0), (101.0, 0)])).value == 101.0


def test_the_default_window_is_ten_seconds() -> None:
    """Without options ten seconds are averaged."""
    assert Twap().span == 10_000_000_000
