"""The trimmed mean of venues: contract, formula, properties."""

from math import fsum
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chrono import Agreement, Estimate, Market, Pair, Share
from chrono.testing import ConsensusContract
from chrono_trimmed_mean_consensus import TrimmedMean, trimmed_mean

PAIR = Pair("BTC", "USD")

prices = st.floats(1e-6, 1e9)
weights = st.just(0.0) | st.floats(1e-9, 1e12)
rows = st.lists(st.tuples(prices, weights), min_size=2, max_size=12)
counts = st.lists(st.tuples(prices, st.integers(1, 5)), min_size=1, max_size=6)
percents = st.integers(0, 49)


def agree(rows: list[tuple[float, float]], name: str = "v{:02}", trim: int = 25) -> Agreement:
    """Return what venues of these prices and weights agree on."""
    markets = [Market(name.format(i), PAIR, name.format(i)) for i in range(len(rows))]
    said = zip(markets, rows, strict=True)
    strategy = TrimmedMean(TrimmedMean.Config(trim=Share(f"{trim}%")))
    return strategy.agree([Estimate(m, PAIR, value, weight, 1, 0, "last") for m, (value, weight) in said])


def naive(rows: list[tuple[float, int]], percent: int) -> float:
    """Write each value down a hundred times for each unit of its weight, strike out so many per cent at each end."""
    written = [value for value, count in sorted(rows) for _ in range(100 * count)]
    cut = percent * len(written) // 100
    left = written[cut : len(written) - cut]
    return fsum(left) / len(left)


class TestTrimmedMean(ConsensusContract):
    """The conformance suite."""

    consensus = TrimmedMean


class TestTrimmedMeanOfLittle(ConsensusContract):
    """The conformance suite where a tenth is cut."""

    consensus = TrimmedMean
    options = {"trim": Share("10%"), "min_venues": 3}


@given(counts, percents)
def test_it_is_the_formula(rows: list[tuple[float, int]], percent: int) -> None:
    """The value is the mean of what is left of a list of equal weights."""
    whole = sum(count for _, count in rows)
    found = trimmed_mean([value for value, _ in rows], [count / whole for _, count in rows], percent / 100)
    assert found == pytest.approx(naive(rows, percent), rel=1e-9)


@given(rows, percents, st.randoms(use_true_random=False))
def test_order_changes_nothing(rows: list[tuple[float, float]], percent: int, random: Random) -> None:
    """Shuffled venues give the same value, to the bit."""
    assert agree(random.sample(rows, len(rows)), trim=percent).value == agree(rows, trim=percent).value


@given(rows)
def test_names_change_nothing(rows: list[tuple[float, float]]) -> None:
    """Renamed venues give the same value, to the bit."""
    assert agree(rows, "other-{}").value == agree(rows).value


@given(rows, st.floats(1e-6, 1e6))
def test_prices_in_another_unit_give_the_value_in_that_unit(rows: list[tuple[float, float]], factor: float) -> None:
    """The value follows the scale of the prices."""
    scaled = agree([(value * factor, weight) for value, weight in rows]).value
    assert scaled == pytest.approx(agree(rows).value * factor, rel=1e-12)


@given(rows, percents, st.randoms(use_true_random=False), st.sampled_from([0.0, 1e-3, 0.99, 1.01, 1e3, 1e6]))
def test_rogues_below_the_breakdown_do_not_carry_it_away(
    rows: list[tuple[float, float]], percent: int, random: Random, factor: float
) -> None:
    """While they have no more of the shares than is cut at an end, the value lies among the others."""
    shares, wrong = list(agree(rows).shares.values()), 0.0
    said = list(rows)
    for i in random.sample(range(len(rows)), len(rows)):
        if wrong + shares[i] < percent / 100:
            wrong, said[i] = wrong + shares[i], (rows[i][0] * factor, rows[i][1])
    honest = [value for (value, _), (was, _) in zip(said, rows, strict=True) if value == was]
    assert min(honest) <= agree(said, trim=percent).value <= max(honest)


@given(rows, percents)
def test_it_is_always_a_price(rows: list[tuple[float, float]], percent: int) -> None:
    """Never NaN, never outside of what was said."""
    made = agree(rows, trim=percent)
    assert min(rows)[0] <= made.value <= max(rows)[0]
    assert 0 <= made.confidence <= 1


def test_two_of_eight_equal_venues_do_not_count_whatever_they_say() -> None:
    """A quarter of the shares at one end is cut whole, to the bit."""
    honest = [(100.0 + i, 1.0) for i in range(6)]
    assert agree([*honest, (0.0, 1.0), (1.0, 1.0)]).value == agree([*honest, (99.0, 1.0), (98.0, 1.0)]).value == 101.5


def test_its_breakdown_is_what_it_cuts() -> None:
    """What is declared follows the option."""
    assert TrimmedMean().breakdown == 0.25
    assert TrimmedMean(TrimmedMean.Config(trim=Share("10%"))).breakdown == 0.1


def test_something_must_be_left() -> None:
    """Half at each end is refused, and so is a mean of nothing."""
    with pytest.raises(ValidationError):
        TrimmedMean.Config(trim=Share("50%"))
    for values in ([], [1.0]):
        with pytest.raises(ValueError, match=r"expected something to be left between cuts of 0\.25"):
            trimmed_mean(values, [0.0] * len(values))
