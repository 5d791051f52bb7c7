"""The aggregators and strategies that need no plugin."""

from __future__ import annotations

import math
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono.core.aggregators import Last, Mid, WindowMedian
from chrono.core.consensus import Median, WeightedMedian, capped, middle
from chrono.core.component import Consensus
from chrono.core.errors import InsufficientData, NoQuorum
from chrono.core.types import SECOND, Estimate, Market, Pair
from chrono.core.units import Duration
from chrono.core.windows import QuoteWindow, TradeWindow

PAIR = Pair("BTC", "USD")
AS_OF = 1_000 * SECOND
MARKET = Market("v", PAIR, "v")

prices = st.floats(min_value=1e-6, max_value=1e9)
weights = st.just(0.0) | st.floats(min_value=1e-6, max_value=1e9)


def at(source: str, value: float, weight: float = 1.0, age: int = 0, group: str = "") -> Estimate:
    return Estimate(Market(source, PAIR, group or source), PAIR, value, weight, 1, age, "last")


def naive_capped(weights: dict[str, float]) -> dict[str, float]:
    """Raise a common level until the shares, none above the cap, make a whole: bisection on the level."""
    limit = max(0.15, 1.2 / len(weights))
    total = math.fsum(weights.values())
    if total == 0:
        return dict.fromkeys(weights, 1 / len(weights))
    low, high = 0.0, 1e18
    for _ in range(300):
        level = (low + high) / 2
        whole = math.fsum(min(limit, level * weight / total) for weight in weights.values())
        low, high = (level, high) if whole < 1 else (low, level)
    shares = {group: min(limit, high * weight / total) for group, weight in weights.items()}
    rest = max(1 - math.fsum(shares.values()), 0)
    idle = [group for group, weight in weights.items() if weight == 0]
    return {group: share + (rest / len(idle) if group in idle else 0) for group, share in shares.items()}


def test_last_is_the_newest_print() -> None:
    """Also where nothing was printed in the window itself."""
    window = TradeWindow.of(
        MARKET, AS_OF, 60 * SECOND, [1.0, 3.0, 2.0], [1.0, 1.0, 1.0], [AS_OF - 3, AS_OF - 2, AS_OF - 1]
    )
    assert Last().aggregate(window).value == 2.0


def test_mid_is_the_middle_of_the_newest_book() -> None:
    """Half way from bid to ask."""
    window = QuoteWindow.of(MARKET, AS_OF, 60 * SECOND, [1.0, 99.0], [2.0, 101.0], [AS_OF - 2, AS_OF - 1])
    assert Mid().aggregate(window).value == 100.0


def test_window_median_counts_every_print() -> None:
    """A folded row counts as often as it has prints."""
    raw = TradeWindow.of(MARKET, AS_OF, 60 * SECOND, [1.0, 9.0, 2.0], [1.0] * 3, [AS_OF - 3, AS_OF - 2, AS_OF - 1])
    folded = TradeWindow(MARKET, AS_OF, 60 * SECOND, ([1.0, 9.0, 2.0], [1.0] * 3, [1.0, 5.0, 1.0]), [AS_OF] * 3)
    assert WindowMedian().aggregate(raw).value == 2.0
    assert WindowMedian().aggregate(folded).value == 9.0


def test_window_median_wants_a_print() -> None:
    """An empty window has no median."""
    with pytest.raises(InsufficientData):
        WindowMedian().aggregate(TradeWindow.of(MARKET, AS_OF, SECOND, [], [], []))


@given(st.lists(prices, min_size=1, max_size=30))
def test_equal_shares_give_the_plain_median(values: list[float]) -> None:
    """With n equal shares the weighted median is the median, midpoint included."""
    assert middle(values, [1 / len(values)] * len(values)) == median(values)


@given(st.lists(st.tuples(prices, st.integers(1, 100)), min_size=1, max_size=12))
def test_weighted_median_agrees_with_repeating_each_value(rows: list[tuple[float, int]]) -> None:
    """The naive version repeats each value as often as it weighs."""
    total = sum(count for _, count in rows)
    expected = median([value for value, count in rows for _ in range(count)])
    assert middle([value for value, _ in rows], [count / total for _, count in rows]) == expected


def test_exactly_half_gives_the_midpoint() -> None:
    """Neither side outweighs the other."""
    assert middle([1.0, 2.0], [0.5, 0.5]) == 1.5
    assert middle([1.0, 2.0, 9.0], [0.5, 0.0, 0.5]) == 5.0


@given(st.dictionaries(st.text(min_size=1, max_size=3), weights, min_size=1, max_size=20))
def test_shares_are_capped_and_whole(found: dict[str, float]) -> None:
    """Water-filling agrees with the naive version; nobody is above the cap, and the whole is one."""
    shares = capped(found)
    naive = naive_capped(found)
    assert math.fsum(shares.values()) == pytest.approx(1)
    assert max(shares.values()) <= max(0.15, 1.2 / len(found)) + 1e-9
    for group, share in shares.items():
        assert share == pytest.approx(naive[group], abs=1e-6)


@pytest.mark.parametrize("make", [Median, WeightedMedian])
def test_old_estimates_are_dropped_with_their_age(make: type[Consensus]) -> None:
    """Age comes first."""
    agreement = make().agree([at("a", 1.0), at("b", 2.0), at("c", 900.0, age=31 * SECOND)])
    assert agreement.value == 1.5
    assert agreement.dropped == {at("c", 0).market: {"code": "stale", "age_s": 31.0, "limit_s": 30.0}}
    assert sum(agreement.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("make", [Median, WeightedMedian])
def test_quorum_counts_independent_groups(make: type[Consensus]) -> None:
    """Two connections to one venue are one venue."""
    with pytest.raises(NoQuorum) as caught:
        make().agree([at("kraken", 1.0), at("kraken/eu", 1.0, group="kraken")])
    assert (caught.value.used, caught.value.wanted) == (1, 2)


def test_median_gives_each_group_one_vote() -> None:
    """A venue with three markets does not outvote two others."""
    loud = [at(f"a{i}", 9.0, group="a") for i in range(3)]
    assert Median().agree([*loud, at("b", 1.0), at("c", 2.0)]).value == 2.0


def test_biggest_venue_does_not_carry_the_weighted_median_away() -> None:
    """A million times the turnover is still capped."""
    others = [at(source, 100.0 + rank) for rank, source in enumerate("bcdefgh")]
    assert 100 <= WeightedMedian().agree([at("a", 110_000.0, 1e6), *others]).value <= 106


def test_confidence_falls_with_dispersion_age_and_few_venues() -> None:
    """Three venues that agree now are worth more than two, than three that do not, than three of yesterday."""

    def confidence(*estimates: Estimate) -> float:
        return Median().agree(list(estimates)).confidence

    best = confidence(at("a", 100.0), at("b", 100.0), at("c", 100.0))
    assert best == 0.875
    assert confidence(at("a", 100.0), at("b", 100.0)) < best
    assert confidence(at("a", 100.0), at("b", 101.0), at("c", 99.0)) < best
    assert confidence(*(at(s, 100.0, age=15 * SECOND) for s in "abc")) == pytest.approx(0.75 * best)


@pytest.mark.parametrize("make", [Median, WeightedMedian])
@given(rows=st.lists(st.tuples(prices, weights), min_size=2, max_size=12), seed=st.randoms(use_true_random=False))
def test_order_changes_nothing(make: type[Consensus], rows: list[tuple[float, float]], seed: object) -> None:
    """To the bit: value, shares and confidence."""
    estimates = [at(f"v{i:02}", value, weight) for i, (value, weight) in enumerate(rows)]
    shuffled = list(estimates)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = make().agree(estimates), make().agree(shuffled)
    assert (first.value, first.confidence) == (second.value, second.confidence)
    assert dict(first.shares) == dict(second.shares)


def test_options_say_what_they_are() -> None:
    """Quorum and age are the user's to choose."""
    config = Median.Config(min_venues=1, max_age=Duration("5s"))
    consensus = Median(config)
    assert (consensus.wanted, consensus.max_age) == (1, 5 * SECOND)
    assert consensus.agree([at("a", 1.0)]).confidence == 0.5
