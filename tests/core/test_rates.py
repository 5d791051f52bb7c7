"""The conversion graph."""

from __future__ import annotations

import pytest

from chrono.core.rates import Conversion, Cycle, Leg, conversion, convert, direct, order, route
from chrono.core.types import SECOND, Estimate, Feed, Market, Missing, Pair, Price

RATES = {
    "USDT/USD": Pair("USDT", "USD"),
    "USDT/KRW": Pair("USDT", "KRW"),
    "USD/JPY": Pair("USD", "JPY"),
    "BTC/USD": Pair("BTC", "USD"),
}
MARKET = Market("v1", Pair("ETH", "USDT"), "v1")
ETH = Pair("ETH", "USD")


def rate(name: str, value: float, age: int = 0) -> Price:
    feed = Feed(name, Pair.parse(name), 8, ())
    return Price(feed, value, 1.0, (), {}, "median", {}, (), age)


def estimate(value: float = 3000.0, age: int = 0) -> Estimate:
    return Estimate(MARKET, MARKET.pair, value, 500.0, 3, age, "last")


def test_direct_rate_is_found_in_either_direction() -> None:
    """A rate turns its base into its quote, and back."""
    assert direct("USDT", "USD", RATES) == (Leg("USDT/USD"),)
    assert direct("JPY", "USD", RATES) == (Leg("USD/JPY", inverse=True),)
    assert direct("KRW", "USD", RATES) is None


def test_route_is_the_shortest_way() -> None:
    """Two legs where one will not do; none where nothing leads there."""
    assert route("KRW", "USD", RATES) == (Leg("USDT/KRW", inverse=True), Leg("USDT/USD"))
    assert route("KRW", "JPY", RATES) == (Leg("USDT/KRW", inverse=True), Leg("USDT/USD"), Leg("USD/JPY"))
    assert route("EUR", "USD", RATES) is None


def test_feeds_come_after_the_rates_they_need() -> None:
    """Topological order, in the order of the file where it is free."""
    assert order({"BTC/USD": ["USDT/USD"], "USDT/USD": [], "ETH/USD": ["BTC/USD"]}) == [
        "USDT/USD",
        "BTC/USD",
        "ETH/USD",
    ]


def test_rates_that_need_each_other_are_a_cycle() -> None:
    """The circle is named from where it closes."""
    with pytest.raises(Cycle) as caught:
        order({"X": ["A"], "A": ["B"], "B": ["A"]})
    assert caught.value.names == ("A", "B", "A")


def test_conversion_multiplies_along_and_divides_against_a_rate() -> None:
    """Value and weight are in the feed's quote afterwards, and the path is told."""
    legs = (Leg("USDT/KRW", inverse=True), Leg("USDT/USD"))
    by = conversion(legs, {"USDT/KRW": rate("USDT/KRW", 1400.0), "USDT/USD": rate("USDT/USD", 0.5)}, None)
    assert isinstance(by, Conversion)
    made = convert(estimate(1400.0), by, ETH)
    assert (made.value, made.weight, made.pair) == (0.5, 500.0 / 1400 * 0.5, ETH)
    assert made.path == ("1/(USDT/KRW)", "USDT/USD")


def test_converted_estimate_is_as_old_as_its_oldest_part() -> None:
    """A fresh print converted at an old rate is old."""
    by = conversion((Leg("USDT/USD"),), {"USDT/USD": rate("USDT/USD", 1.0, 9 * SECOND)}, 10 * SECOND)
    assert isinstance(by, Conversion)
    assert convert(estimate(age=SECOND), by, ETH).age == 9 * SECOND
    assert convert(estimate(age=10 * SECOND), by, ETH).age == 10 * SECOND


def test_missing_rate_drops_the_market_with_its_cause() -> None:
    """USDT is never taken for USD."""
    missing = Missing(Feed("USDT/USD", Pair("USDT", "USD"), 5, ()), {"code": "no_quorum"}, (), {})
    assert conversion((Leg("USDT/USD"),), {"USDT/USD": missing}, None) == {
        "code": "rate_missing",
        "rate": "USDT/USD",
        "cause": "no_quorum",
    }


def test_old_rate_drops_the_market() -> None:
    """A rate beyond the feed's own limit does not convert anything."""
    by = conversion((Leg("USDT/USD"),), {"USDT/USD": rate("USDT/USD", 1.0, 11 * SECOND)}, 10 * SECOND)
    assert by == {"code": "rate_stale", "rate": "USDT/USD", "age_s": 11.0, "limit_s": 10.0}
