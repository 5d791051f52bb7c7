"""The Hodges–Lehmann estimate: contract, formula, properties."""

from fractions import Fraction
from itertools import combinations_with_replacement
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import Agreement, Estimate, Market, Pair
from chrono.testing import ConsensusContract
from chrono_hodges_lehmann import HodgesLehmann, pairwise_median

PAIR = Pair("BTC", "USD")

prices = st.floats(1e-6, 1e9)
weights = st.just(0.0) | st.floats(1e-9, 1e12)
rows = st.lists(st.tuples(prices, weights), min_size=2, max_size=12)
counts = st.lists(st.tuples(prices, st.integers(1, 50)), min_size=1, max_size=9)


def agree(rows: list[tuple[float, float]], name: str = "v{:02}") -> Agreement:
    """Return what venues of these prices and weights agree on."""
    markets = [Market(name.format(i), PAIR, name.format(i)) for i in range(len(rows))]
    said = zip(markets, rows, strict=True)
    return HodgesLehmann().agree([Estimate(m, PAIR, value, weight, 1, 0, "last") for m, (value, weight) in said])


def naive(rows: list[tuple[float, int]]) -> float:
    """List the mean of every pair as exactly as it is, and walk up to half of what they weigh."""
    means = sorted(
        ((Fraction(x) + Fraction(y)) / 2, v * w * (1 if i == j else 2))
        for (i, (x, v)), (j, (y, w)) in combinations_with_replacement(enumerate(rows), 2)
    )
    half, below = Fraction(sum(mass for _, mass in means), 2), 0
    for rank, (mean, mass) in enumerate(means):
        below += mass
        if below >= half:
            return float(mean if below > half else (mean + means[rank + 1][0]) / 2)
    raise AssertionError("expected half of the weight somewhere")


class TestHodgesLehmann(ConsensusContract):
    """The conformance suite."""

    consensus = HodgesLehmann


@given(counts)
def test_it_is_the_formula(rows: list[tuple[float, int]]) -> None:
    """The value is that of all pairs in exact arithmetic."""
    whole = sum(count for _, count in rows)
    found = pairwise_median([value for value, _ in rows], [count / whole for _, count in rows])
    assert found == pytest.approx(naive(rows), rel=1e-15)


@given(rows, st.randoms(use_true_random=False))
def test_order_changes_nothing(rows: list[tuple[float, float]], random: Random) -> None:
    """Shuffled venues give the same value, to the bit."""
    assert agree(random.sample(rows, len(rows))).value == agree(rows).value


@given(rows)
def test_names_change_nothing(rows: list[tuple[float, float]]) -> None:
    """Renamed venues give the same value, to the bit."""
    assert agree(rows, "other-{}").value == agree(rows).value


@given(rows, st.floats(1e-6, 1e6))
def test_prices_in_another_unit_give_the_value_in_that_unit(rows: list[tuple[float, float]], factor: float) -> None:
    """The value follows the scale of the prices."""
    scaled = agree([(value * factor, weight) for value, weight in rows]).value
    assert scaled == pytest.approx(agree(rows).value * factor, rel=1e-12)


@given(rows, st.randoms(use_true_random=False), st.sampled_from([0.0, 1e-3, 0.99, 1.01, 1e3, 1e6]))
def test_rogues_below_the_breakdown_do_not_carry_it_away(
    rows: list[tuple[float, float]], random: Random, factor: float
) -> None:
    """While they have less than 29 % of the shares, the value lies among the others."""
    shares, wrong = list(agree(rows).shares.values()), 0.0
    said = list(rows)
    for i in random.sample(range(len(rows)), len(rows)):
        if wrong + shares[i] < HodgesLehmann.breakdown - 1e-9:
            wrong, said[i] = wrong + shares[i], (rows[i][0] * factor, rows[i][1])
    honest = [value for (value, _), (was, _) in zip(said, rows, strict=True) if value == was]
    assert min(honest) <= agree(said).value <= max(honest)


@given(rows)
def test_it_is_always_a_price(rows: list[tuple[float, float]]) -> None:
    """Never NaN, never outside of what was said."""
    made = agree(rows)
    assert min(rows)[0] <= made.value <= max(rows)[0]
    assert 0 <= made.confidence <= 1


def test_exactly_half_gives_the_midpoint() -> None:
    """Of 1, 2, 3 and 10 the means up to 2.5 weigh 8 sixteenths, and the next is 3."""
    assert pairwise_median([1.0, 2.0, 3.0, 10.0], [0.25] * 4) == naive([(v, 1) for v in (1.0, 2.0, 3.0, 10.0)]) == 2.75


def test_just_above_the_breakdown_it_can_be_carried_away() -> None:
    """Of 100 equal shares 29 do not carry it, 30 do: (1 - 0.29)**2 is above a half, (1 - 0.3)**2 is below."""
    for wrong, carried in ((29, False), (30, True)):
        values = [100.0] * (100 - wrong) + [1e9] * wrong
        assert (pairwise_median(values, [0.01] * 100) > 100.0) == carried


def test_without_a_share_there_is_nothing_to_say() -> None:
    """An empty list, or one of shares of zero, is refused."""
    for values in ([], [1.0]):
        with pytest.raises(ValueError, match="expected one value with a share at least"):
            pairwise_median(values, [0.0] * len(values))
