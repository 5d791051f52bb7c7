"""The aggregators and strategies that need no plugin."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from chrono.core.aggregators import Last, Mid, WindowMedian
from chrono.core.cohort import capped, middle
from chrono.core.component import Consensus
from chrono.core.consensus import Median, WeightedMedian
from chrono.core.errors import InsufficientData, NoQuorum
from chrono.core.types import SECOND, Agreement, Estimate, Market, Pair
from chrono.core.units import Duration, Share
from chrono.core.windows import QuoteWindow, TradeWindow
from chrono.testing import ConsensusContract

PAIR = Pair("BTC", "USD")
AS_OF = 1_000 * SECOND
MARKET = Market("v", PAIR, "v")

prices = st.floats(min_value=1e-6, max_value=1e9)
weights = st.just(0.0) | st.floats(min_value=1e-6, max_value=1e9)
rows = st.lists(st.tuples(prices, weights), min_size=2, max_size=12)

BOTH = pytest.mark.parametrize("make", [Median, WeightedMedian])


def at(source: str, value: float, weight: float = 1.0, age: int = 0, group: str = "") -> Estimate:
    return Estimate(Market(source, PAIR, group or source), PAIR, value, weight, 1, age, "last")


def venues(rows: list[tuple[float, float]], name: str = "v{:02}") -> list[Estimate]:
    """Return a venue for each price and weight."""
    return [at(name.format(i), value, weight) for i, (value, weight) in enumerate(rows)]


def shares(made: Agreement) -> dict[str, float]:
    """Return the shares by group."""
    return {market.group: share for market, share in made.shares.items()}


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


def naive_weighted_median(rows: list[tuple[float, int]]) -> float:
    """Cap shares one by one and walk up to a half, in exact arithmetic."""
    limit, capped = max(Fraction(15, 100), Fraction(12, 10 * len(rows))), set[int]()
    shares = dict[int, Fraction]()
    while True:
        free = [i for i in range(len(rows)) if i not in capped]
        left, total = 1 - limit * len(capped), sum(rows[i][1] for i in free)
        shares = {i: limit if i in capped else left * rows[i][1] / total for i in range(len(rows))}
        if not (over := {i for i in free if shares[i] > limit}):
            break
        capped |= {max(over, key=lambda i: rows[i][1])}
    ranked = sorted((Fraction(value), shares[i]) for i, (value, _) in enumerate(rows))
    below = Fraction(0)
    for rank, (value, share) in enumerate(ranked):
        below += share
        if below >= Fraction(1, 2):
            return float(value if below > Fraction(1, 2) else (value + ranked[rank + 1][0]) / 2)
    raise AssertionError("expected half of the shares somewhere")


class TestMedian(ConsensusContract):
    """The conformance suite."""

    consensus = Median


class TestWeightedMedian(ConsensusContract):
    """The conformance suite."""

    consensus = WeightedMedian


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


@BOTH
def test_old_estimates_are_dropped_with_their_age(make: type[Consensus]) -> None:
    """Age comes first."""
    agreement = make().agree([at("a", 1.0), at("b", 2.0), at("c", 900.0, age=31 * SECOND)])
    assert agreement.value == 1.5
    assert agreement.dropped == {at("c", 0).market: {"code": "stale", "age_s": 31.0, "limit_s": 30.0}}
    assert sum(agreement.shares.values()) == pytest.approx(1)


@BOTH
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


@BOTH
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


@given(st.lists(st.tuples(prices, st.integers(1, 100)), min_size=2, max_size=9))
def test_weighted_median_agrees_with_its_naive_version(rows: list[tuple[float, int]]) -> None:
    """Caps and middle together, against exact arithmetic."""
    made = WeightedMedian().agree(venues([(value, float(count)) for value, count in rows]))
    assert made.value == pytest.approx(naive_weighted_median(rows), rel=1e-15)


@BOTH
@given(rows=rows, factor=st.floats(1e-6, 1e6))
def test_value_follows_the_unit_of_prices_and_not_the_names(
    make: type[Consensus], rows: list[tuple[float, float]], factor: float
) -> None:
    """Prices times a factor give the value times it; other names give the same value, to the bit."""
    value = make().agree(venues(rows)).value
    assert make().agree(venues([(v * factor, w) for v, w in rows])).value == pytest.approx(value * factor, rel=1e-12)
    assert make().agree(venues(rows, "other-{}")).value == value


@BOTH
@given(
    rows=rows,
    random=st.randoms(use_true_random=False),
    factor=st.sampled_from([0.0, 1e-3, 0.99, 1.01, 1e3, 1e6]),
)
def test_less_than_half_of_the_shares_does_not_carry_it_away(
    make: type[Consensus], rows: list[tuple[float, float]], random: Random, factor: float
) -> None:
    """The value stays among those who are not rogues, and is never anything but a number."""
    honest = venues(rows)
    share, rogues, wrong = make().agree(honest).shares, list[Estimate](), 0.0
    for e in random.sample(honest, len(honest)):
        if wrong + share[e.market] < 0.5 - 1e-9:
            wrong += share[e.market]
            rogues.append(replace(e, value=e.value * factor))
            honest.remove(e)
    made = make().agree([*rogues, *honest])
    assert min(e.value for e in honest) <= made.value <= max(e.value for e in honest)
    assert 0 <= made.confidence <= 1


@pytest.mark.parametrize(("rhythm", "limit"), [(0, 30), (1, 30), (20, 80), (60, 240), (7200, 300)])
def test_without_max_age_the_rhythm_of_the_market_says_what_is_stale(rhythm: int, limit: int) -> None:
    """Four usual gaps, between half a minute and five."""
    slow = replace(at("c", 1.0, age=limit * SECOND), rhythm=rhythm * SECOND)
    late = replace(slow, age=limit * SECOND + 1)
    assert Median().limit(slow) == limit * SECOND
    assert not Median().agree([at("a", 1.0), at("b", 2.0), slow]).dropped
    assert Median().agree([at("a", 1.0), at("b", 2.0), late]).dropped[late.market]["limit_s"] == limit
    assert Median(Median.Config(max_age=Duration("10m"))).limit(late) == 600 * SECOND


def test_weights_multiply_what_a_venue_weighs() -> None:
    """By the name of its group; who is not named keeps its weight."""
    nine = [at(f"v{i}/eu", 100.0, group=f"v{i}") for i in range(9)]
    for make in (Median, WeightedMedian):
        found = shares(make(make.Config(weights={"v0": 0.5, "v2/eu": 0.1})).agree(nine))
        assert found["v0"] == pytest.approx(0.5 * found["v3"])
        assert found["v2"] == found["v3"]


def test_half_life_halves_a_weight_down_to_an_eighth() -> None:
    """By the age of the freshest market of a group."""
    ages = (0, 2, 4, 6, 8, 25)
    several = [at(f"v{i}", 100.0, age=age * SECOND) for i, age in enumerate(ages)]
    fresh = [*(at(f"w{i}", 100.0) for i in range(9)), at("v5/eu", 100.0, weight=0.0, age=2 * SECOND, group="v5")]
    made = WeightedMedian(WeightedMedian.Config(half_life=Duration("2s"))).agree([*several, *fresh])
    found = [made.shares[e.market] / made.shares[several[0].market] for e in several]
    assert found == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8, 1 / 8, 1 / 2])


@BOTH
@given(
    old=st.lists(st.tuples(prices, weights, st.integers(0, 30 * SECOND)), min_size=2, max_size=12),
    rogue=st.tuples(prices, weights),
    half_life=st.integers(1, 60 * SECOND),
)
def test_one_fresh_print_never_outvotes_a_majority(
    make: type[Consensus], old: list[tuple[float, float, int]], rogue: tuple[float, float], half_life: int
) -> None:
    """However old the others are, and however much it trades."""
    others = [at(f"v{i}", *row) for i, row in enumerate(old)]
    made = make(make.Config(half_life=Duration(half_life))).agree([*others, at("rogue", *rogue)])
    assert min(old)[0] <= made.value <= max(old)[0]


def test_too_little_turnover_is_no_quorum() -> None:
    """Of those that are fresh, all groups together; the numbers are said."""
    consensus = Median(Median.Config(min_turnover=3.0))
    two = [at("a", 1.0, 2.0), at("b", 1.0, 1.0)]
    assert consensus.agree(two).value == 1.0
    with pytest.raises(NoQuorum) as caught:
        consensus.agree([two[0], at("b", 1.0, 0.5), at("c", 1.0, 99.0, age=31 * SECOND)])
    assert caught.value.numbers == {"turnover": 2.5, "turnover_wanted": 3.0}
    assert [reason["code"] for reason in caught.value.dropped.values()] == ["stale"]


def rejected(*values: float, **options: Any) -> dict[str, float]:
    """Return which of some venues are rejected, and how far from the middle they are said to be."""
    made = Median(Median.Config(**options)).agree([at(f"v{i}", value) for i, value in enumerate(values)])
    assert {reason["code"] for reason in made.dropped.values()} <= {"outlier"}
    return {market.group: reason["deviation"] for market, reason in made.dropped.items()}


def test_reject_drops_what_is_far_from_all_others() -> None:
    """By so many scales, which are never below the noise floor; by default nobody is rejected."""
    near, far = 100.08, 100.1
    assert rejected(100.0, 100.0, 100.0, 100.0, far) == {}
    assert rejected(100.0, 100.0, 100.0, 100.0, near, reject=3.0) == {}
    assert rejected(100.0, 100.0, 100.0, 100.0, far, reject=3.0) == {"v4": pytest.approx(1e-3)}
    assert rejected(100.0, 100.0, 100.0, 100.0, far, reject=3.0, noise_floor=Share("5bp")) == {}


def test_no_more_are_rejected_than_allowed() -> None:
    """The furthest go first; half or more cannot be asked for; of two equally far both go or none."""
    ten = [100.0] * 7 + [103.0, 104.0, 105.0]
    assert set(rejected(*ten, reject=3.0)) == {"v7", "v8", "v9"}
    assert set(rejected(*ten, reject=3.0, max_rejected=Share("20%"))) == {"v8", "v9"}
    assert rejected(*ten, reject=3.0, max_rejected=Share("0%")) == {}
    assert rejected(100.0, 100.0, 100.0, 50.0, 150.0, reject=3.0, max_rejected=Share("20%")) == {}
    assert set(rejected(100.0, 100.0, 100.0, 50.0, 150.0, reject=3.0)) == {"v3", "v4"}
    with pytest.raises(ValidationError):
        Median.Config(max_rejected=Share("50%"))


def test_who_is_rejected_makes_no_quorum() -> None:
    """Rejection comes before the quorum is counted, and is said in the refusal."""
    with pytest.raises(NoQuorum) as caught:
        Median(Median.Config(reject=3.0, min_venues=3)).agree([at("a", 1.0), at("b", 1.0), at("c", 2.0)])
    assert (caught.value.used, [r["code"] for r in caught.value.dropped.values()]) == (2, ["outlier"])


def learning(half_life: str = "60s") -> WeightedMedian:
    """Return a strategy that learns."""
    return WeightedMedian(WeightedMedian.Config(learn=Duration(half_life)))


def told(values: list[float], as_of: int) -> list[Estimate]:
    """Return what venues of one weight say at an instant."""
    return [replace(at(f"v{i}", value), as_of=as_of) for i, value in enumerate(values)]


@given(
    st.lists(
        st.tuples(st.lists(prices, min_size=8, max_size=8), st.integers(-SECOND, 600 * SECOND)), min_size=1, max_size=6
    )
)
def test_what_is_learned_is_bounded_and_survives_json(rounds: list[tuple[list[float], int]]) -> None:
    """Whatever was said and whenever, a factor is between a quarter and one; what was read back is what was written."""
    consensus, state, as_of = learning(), None, AS_OF
    for values, passed in rounds:
        as_of += passed
        kept = json.dumps(state)
        made, after = consensus.agree_with(told(values, as_of), state)
        assert json.dumps(state) == kept
        state = json.loads(json.dumps(after, allow_nan=False))
        assert state == after
        found = consensus.reliability(state)
        assert set(found) == {f"v{i}" for i in range(8)}
        assert 0.25 <= min(found.values()) <= max(found.values()) == 1.0
        assert math.isfinite(made.value)


def test_a_venue_that_is_often_off_weighs_less_and_is_forgiven() -> None:
    """Its distance is halved with every half-life in which it is right."""
    consensus, steady = learning(), [100.01, 99.99, 100.02, 99.98, 100.01, 99.99, 100.0, 100.0]
    _, state = consensus.agree_with(told([*steady, 101.0], AS_OF), None)
    assert consensus.reliability(state)["v8"] == 0.25
    assert state["distance"]["v8"] == pytest.approx(0.01)
    made, state = consensus.agree_with(told([*steady, 100.0], AS_OF + 60 * SECOND), state)
    found = shares(made)
    assert found["v8"] == pytest.approx(found["v0"] / 4)
    assert state["distance"]["v8"] == pytest.approx(0.005)
    _, state = consensus.agree_with(told([*steady, 100.0], AS_OF + 1800 * SECOND), state)
    assert consensus.reliability(state)["v8"] == 1.0


def test_nothing_is_learned_unless_it_is_asked_for() -> None:
    """Nor does what was learned before count then."""
    state = {"as_of": 0, "distance": {"v0": 1.0, "v1": 1e-6, "v2": 1e-6}}
    consensus = WeightedMedian(WeightedMedian.Config(weights={"v1": 0.5}))
    made, after = consensus.agree_with(told([1.0] * 9, AS_OF), state)
    assert after is None
    assert made == consensus.agree(told([1.0] * 9, AS_OF))


def test_a_clock_that_goes_back_teaches_nothing() -> None:
    """What is known stays as it was."""
    _, state = learning().agree_with(told([100.0, 100.0, 101.0], AS_OF), None)
    _, after = learning().agree_with(told([100.0, 102.0, 100.0], AS_OF - 90 * SECOND), state)
    assert after["distance"] == state["distance"]


def test_next_to_no_turnover_is_shared_like_any_other() -> None:
    """Weights at the smallest double do not vanish, which would leave the price to the highest bidder."""
    for make in (Median, WeightedMedian):
        made = make().agree(venues([(100.0, 5e-324), (101.0, 5e-324), (900.0, 5e-324)]))
        assert made.value == 101.0
        assert sum(made.shares.values()) == pytest.approx(1)
        two = [at("a/1", 900.0, 5e-324, group="a"), at("a/2", 900.0, 5e-324, group="a")]
        assert make().agree([*two, at("b", 1.0), at("c", 2.0)]).shares[two[0].market] > 0.1


def test_a_value_that_is_no_price_has_no_confidence() -> None:
    """A strategy that rounds to zero is refused by the pipeline; it does not break."""

    class Nothing(Median):
        def combine(self, values: Any, shares: Any) -> float:
            return 0.0

    made = Nothing().agree([at("a", 1.0), at("b", 1.0)])
    assert (made.value, made.confidence) == (0.0, 0.0)
