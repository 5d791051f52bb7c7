"""The protocol's weighted median: contract, recorded answers of its reference code, properties."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import Agreement, Estimate, Market, Pair
from chrono.testing import ConsensusContract
from chrono_ftso_median import Ftso, encode, quartiles, weighted_median

PAIR = Pair("BTC", "USD")
RECORDED = Path(__file__).parents[5] / "shared" / "data" / "fsp"
UNIT = 1e-8

prices = st.floats(1e-3, 1e7)
weights = st.just(0.0) | st.floats(1e-9, 1e12)
rows = st.lists(st.tuples(prices, weights), min_size=2, max_size=12)
votes = st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), min_size=1, max_size=12)


def agree(rows: list[tuple[float, float]], name: str = "v{:02}") -> Agreement:
    """Return what venues of these prices and weights agree on."""
    markets = [Market(name.format(i), PAIR, name.format(i)) for i in range(len(rows))]
    said = zip(markets, rows, strict=True)
    return Ftso().agree([Estimate(m, PAIR, value, weight, 1, 0, "last") for m, (value, weight) in said])


def recorded(name: str) -> Any:
    """Return what the protocol's reference code answered; skip where it is not at hand."""
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"expected recorded answers of the protocol's reference code in {name}, there are none here")
    return json.loads(path.read_text())


class TestFtso(ConsensusContract):
    """The conformance suite; values have eight decimals."""

    consensus = Ftso
    step = UNIT


def test_it_agrees_with_the_reference_code() -> None:
    """Every recorded median and pair of quartiles, of odd, even, tied, empty, weightless and negative votes."""
    found = recorded("weighted_median.json")
    cases = [*found["ts_computed"], *found["ts_tests"], *found["py_tests"]]
    assert len(cases) >= 200
    for case in cases:
        values, weights = case["values"], [int(weight) for weight in case["weights"]]
        if "error" in case:
            # the reference code fails where nobody weighs anything
            assert not any(weights)
            assert weighted_median(values, weights) is not None
            continue
        assert weighted_median(values, weights) == case["median"], case
        assert quartiles(values, weights) == ((case["q1"], case["q3"]) if case["q1"] is not None else None), case


def test_encoding_agrees_with_the_reference_code() -> None:
    """Every recorded rounding of a double, those out of the range of the wire aside."""
    cases = [case for case in recorded("feed_value_encoding.json")["single"] if "int" in case]
    spoken = [case for case in cases if isinstance(case["value"], int | float) and case["decimals"] >= 0]
    assert len(spoken) >= 50
    for case in spoken:
        assert encode(float(case["value"]), case["decimals"]) == case["int"]["value"], case


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([1, 5, 9], [2, 0, 2], 3),
        ([1, 2], [1, 1], 1),
        ([-3, -4], [1, 1], -4),
        ([1, 2], [1, 2], 2),
        ([1, 2, 3], [1, 1, 2], 2),
        ([7, None], [1, 9], 7),
        ([7], [0], 7),
        ([7, 9], [0, 0], 8),
        ([1, 5, 9], [0, 0, 0], 5),
        ([], [], None),
    ],
)
def test_edges_of_the_rule(values: list[int | None], weights: list[int], expected: int | None) -> None:
    """Halves are rounded down, the next vote counts whatever it weighs, and where none weighs anything all do."""
    assert weighted_median(values, weights) == expected


@given(votes)
def test_it_agrees_with_repeating_each_vote(votes: list[tuple[int, int]]) -> None:
    """The naive version writes each vote down as often as it weighs and takes the middle, or half way down to it."""
    written = sorted(value for value, weight in votes for _ in range(weight))
    n = len(written)
    expected = written[n // 2] if n % 2 else (written[n // 2 - 1] + written[n // 2]) // 2
    values, weights = [value for value, _ in votes], [weight for _, weight in votes]
    assert weighted_median(values, weights) == expected
    assert quartiles(values, weights) == (written[n // 4], written[n - 1 - n // 4])


@given(rows, st.randoms(use_true_random=False))
def test_order_changes_nothing(rows: list[tuple[float, float]], random: Random) -> None:
    """Shuffled venues give the same value, to the bit."""
    assert agree(random.sample(rows, len(rows))).value == agree(rows).value


@given(rows)
def test_names_change_nothing(rows: list[tuple[float, float]]) -> None:
    """Renamed venues give the same value, to the bit."""
    assert agree(rows, "other-{}").value == agree(rows).value


@given(rows, st.floats(1e-2, 1e2))
def test_prices_in_another_unit_give_the_value_in_that_unit(rows: list[tuple[float, float]], factor: float) -> None:
    """The value follows the scale of the prices, to the last decimal."""
    scaled = agree([(value * factor, weight) for value, weight in rows]).value
    assert scaled == pytest.approx(agree(rows).value * factor, rel=1e-12, abs=2 * UNIT * max(1.0, factor))


@given(rows, st.randoms(use_true_random=False), st.sampled_from([0.0, 1e-3, 0.99, 1.01, 1e3]))
def test_rogues_below_the_breakdown_do_not_carry_it_away(
    rows: list[tuple[float, float]], random: Random, factor: float
) -> None:
    """While they have less than half of the shares, the value lies among the others, to the last decimal."""
    shares, wrong = list(agree(rows).shares.values()), 0.0
    said = list(rows)
    for i in random.sample(range(len(rows)), len(rows)):
        if wrong + shares[i] < Ftso.breakdown - 1e-7:
            wrong, said[i] = wrong + shares[i], (rows[i][0] * factor, rows[i][1])
    honest = [value for (value, _), (was, _) in zip(said, rows, strict=True) if value == was]
    assert min(honest) - UNIT <= agree(said).value <= max(honest) + UNIT


@given(st.lists(st.tuples(st.floats(1e-14, 1e14), weights), min_size=2, max_size=12))
def test_it_never_fails(rows: list[tuple[float, float]]) -> None:
    """Whatever is said, there is a number of that order; one too small to be told from zero has no confidence."""
    made = agree(rows)
    low, high = min(rows)[0] * (1 - 1e-15), max(rows)[0] * (1 + 1e-15)
    assert low - UNIT <= made.value <= high + UNIT
    assert 0 <= made.confidence <= 1
    assert made.value > 0 or made.confidence == 0


def test_the_mean_of_two_is_rounded_down() -> None:
    """Where the weights on either side are equal, as on the chain."""
    strategy = Ftso(Ftso.Config(decimals=0))
    markets = [Market(name, PAIR, name) for name in "ab"]
    two = [Estimate(m, PAIR, value, 1.0, 1, 0, "last") for m, value in zip(markets, (1.0, 2.0), strict=True)]
    assert strategy.agree(two).value == 1.0


def test_a_venue_without_weight_has_no_vote() -> None:
    """Neither as the middle one, nor as the next."""
    honest = [(100.0, 1.0), (102.0, 1.0)] * 4
    assert agree([*honest, (101.5, 0.0)]).value == agree(honest).value == 101.0
