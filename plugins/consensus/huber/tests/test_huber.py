"""Huber's M-estimate of venues: contract, formula, properties."""

from math import fsum
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chrono import Agreement, Estimate, Market, Pair
from chrono.testing import ConsensusContract
from chrono_huber import CONSISTENT, Huber, huber_location

PAIR = Pair("BTC", "USD")
FLOOR = 3e-4

prices = st.floats(1e-6, 1e9)
weights = st.just(0.0) | st.floats(1e-9, 1e12)
near = st.floats(90.0, 110.0)
rows = st.lists(st.tuples(near | prices, weights), min_size=2, max_size=12)
counts = st.lists(st.tuples(near | prices, st.integers(1, 50)), min_size=1, max_size=9)
kinks = st.floats(0.7, 10.0)


def agree(rows: list[tuple[float, float]], name: str = "v{:02}", k: float = 1.345) -> Agreement:
    """Return what venues of these prices and weights agree on."""
    markets = [Market(name.format(i), PAIR, name.format(i)) for i in range(len(rows))]
    said = zip(markets, rows, strict=True)
    strategy = Huber(Huber.Config(k=k))
    return strategy.agree([Estimate(m, PAIR, value, weight, 1, 0, "last") for m, (value, weight) in said])


def scale_of(values: list[float]) -> float:
    """Return the scale of equally weighted values."""
    centre = median(values)
    return max(FLOOR * centre, CONSISTENT * median([abs(value - centre) for value in values]))


def naive(rows: list[tuple[float, int]], k: float) -> float:
    """Take the scale of each value as often as it weighs; halve the whole range until the pulls balance."""
    scale, low, high = scale_of([value for value, count in rows for _ in range(count)]), min(rows)[0], max(rows)[0]
    for _ in range(100):
        t = (low + high) / 2
        balance = fsum(count * max(-k, min(k, (value - t) / scale)) for value, count in rows)
        low, high = (t, high) if balance > 0 else (low, t)
    return high


class TestHuber(ConsensusContract):
    """The conformance suite; below its breakdown it may leave the range of the honest by some of their scales."""

    consensus = Huber
    reach = 0.01


@given(counts, kinks)
def test_it_is_the_root_of_the_equation(rows: list[tuple[float, int]], k: float) -> None:
    """The value is where a plain search over the whole range finds the pulls to balance."""
    whole = sum(count for _, count in rows)
    found = huber_location([value for value, _ in rows], [count / whole for _, count in rows], k, FLOOR)
    scale = scale_of([value for value, count in rows for _ in range(count)])
    assert found == pytest.approx(naive(rows, k), rel=1e-12, abs=1e-10 * scale)


@given(rows, kinks, st.randoms(use_true_random=False))
def test_order_changes_nothing(rows: list[tuple[float, float]], k: float, random: Random) -> None:
    """Shuffled venues give the same value, to the bit."""
    assert agree(random.sample(rows, len(rows)), k=k).value == agree(rows, k=k).value


@given(rows)
def test_names_change_nothing(rows: list[tuple[float, float]]) -> None:
    """Renamed venues give the same value, to the bit."""
    assert agree(rows, "other-{}").value == agree(rows).value


@given(rows, st.floats(1e-6, 1e6))
def test_prices_in_another_unit_give_the_value_in_that_unit(rows: list[tuple[float, float]], factor: float) -> None:
    """The value follows the scale of the prices; what rounding adds to a root grows with their spread."""
    value, spread = agree(rows).value, max(rows)[0] - min(rows)[0]
    scaled = agree([(price * factor, weight) for price, weight in rows]).value
    assert scaled == pytest.approx(value * factor, rel=1e-12, abs=1e-12 * spread * factor)


@given(rows, kinks, st.randoms(use_true_random=False), st.sampled_from([0.0, 1e-3, 0.99, 1.01, 1e3, 1e6]))
def test_rogues_below_the_breakdown_do_not_carry_it_away(
    rows: list[tuple[float, float]], k: float, random: Random, factor: float
) -> None:
    """While they have less than half of the shares, the value is within k scales of the others of their range."""
    shares, wrong = list(agree(rows).shares.values()), 0.0
    said = list(rows)
    for i in random.sample(range(len(rows)), len(rows)):
        if wrong + shares[i] < Huber.breakdown - 1e-9:
            wrong, said[i] = wrong + shares[i], (rows[i][0] * factor, rows[i][1])
    honest = [value for (value, _), (was, _) in zip(said, rows, strict=True) if value == was]
    reach = k * max(FLOOR * max(honest), CONSISTENT * (max(honest) - min(honest))) * (1 + 1e-9)
    assert min(honest) - reach <= agree(said, k=k).value <= max(honest) + reach


@given(rows, kinks)
def test_it_is_always_a_price(rows: list[tuple[float, float]], k: float) -> None:
    """Never NaN, never outside of what was said."""
    made = agree(rows, k=k)
    assert min(rows)[0] <= made.value <= max(rows)[0]
    assert 0 <= made.confidence <= 1


def test_near_ones_are_averaged_and_far_ones_pull_by_k() -> None:
    """Where all are within k scales it is their mean; a far one moves it as much as any other far one."""
    values = [99.0, 99.5, 100.0, 100.5, 101.0]
    assert huber_location(values, [0.2] * 5) == pytest.approx(100.0, rel=1e-15)
    assert huber_location([99.0, 100.0, 101.0, 300.0], [0.3, 0.3, 0.3, 0.1]) == huber_location(
        [99.0, 100.0, 101.0, 1e9], [0.3, 0.3, 0.3, 0.1]
    )


def test_a_scale_below_the_noise_floor_is_the_noise_floor() -> None:
    """Three that agree exactly do not shut out a fourth 1 bp away."""
    near = 100.0 * (1 + 1e-4)
    assert huber_location([100.0, 100.0, 100.0, near], [0.25] * 4, floor=FLOOR) == pytest.approx(
        100 + 1e-2 / 4, rel=1e-12
    )
    assert huber_location([100.0, 100.0, 100.0, near], [0.25] * 4, floor=0.0) == 100.0


def test_k_is_large_enough_for_one_solution() -> None:
    """Below 1 / 1.4826 there would be several."""
    with pytest.raises(ValidationError):
        Huber.Config(k=0.6)


def test_without_a_share_there_is_nothing_to_say() -> None:
    """An empty list, or one of shares of zero, is refused."""
    for values in ([], [1.0]):
        with pytest.raises(ValueError, match="expected one value with a share at least"):
            huber_location(values, [0.0] * len(values))
