"""The jump: contract, the three ways back, crashes, properties."""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chrono import Duration, Estimate, Market, Pair, Verdict
from chrono.testing import DetectorContract
from chrono_jump import Jump

SECOND = 1_000_000_000
AS_OF = 1_795_342_500 * SECOND
PAIR = Pair("BTC", "USD")
NAMES = tuple(f"v{i}" for i in range(8))

values = st.floats(1e-6, 1e12)
rounds_of_values = st.lists(st.lists(values, min_size=4, max_size=4), min_size=1, max_size=12)


class TestJump(DetectorContract):
    """The conformance suite."""

    detector = Jump

    def faulty(self) -> Any:
        """Let one market be at a fifth of its price for three seconds."""
        rounds = self.quiet(60)
        market = rounds[0][2].market
        return self.changed(rounds, market, range(20, 23), lambda e: replace(e, value=e.value / 5)), market


def estimate(name: str, value: float, second: float, age: float = 0.0, group: str = "") -> Estimate:
    """Return what a market says at a second."""
    as_of = AS_OF + int(second * SECOND)
    return Estimate(Market(name, PAIR, group or name), PAIR, value, 1.0, 1, int(age * SECOND), "last", as_of=as_of)


class Course:
    """A detector, what it remembers, and who is out after each second."""

    def __init__(self, **options: Any) -> None:
        self.detector = Jump(Jump.Config(**options))
        self.state: Any = None
        self.verdicts: Sequence[Verdict] = ()

    def at(self, second: float, prices: Mapping[str, float], age: float = 0.0) -> set[str]:
        """Return who is out."""
        return self.screen([estimate(name, value, second, age) for name, value in prices.items()])

    def screen(self, estimates: Sequence[Estimate]) -> set[str]:
        """Return who is out."""
        self.verdicts, self.state = self.detector.screen(estimates, self.state)
        return {v.market.source for v in self.verdicts if not v.keep}


def all_at(price: float, **others: float) -> dict[str, float]:
    """Return eight markets at a price, but for some."""
    return {**dict.fromkeys(NAMES, price), **others}


def test_flash_crash_of_one_venue_rejects_that_one_while_it_lasts() -> None:
    """Minus 80 % for three seconds is out for three seconds."""
    course = Course()
    out = [course.at(s, all_at(100.0, v3=20.0 if 10 <= s < 13 else 100.0)) for s in range(30)]
    assert out == [{"v3"} if 10 <= s < 13 else set() for s in range(30)]


def test_rejection_says_how_far_from_what() -> None:
    """The verdict names the move, the limit and the value before, and its score is their ratio."""
    course = Course()
    course.at(0, all_at(100.0))
    course.at(1, all_at(100.0, v3=75.0))
    (verdict,) = course.verdicts
    assert (verdict.code, verdict.detector, verdict.score) == ("jump", "jump", 2.5)
    assert verdict.data == {"move": -0.25, "limit": 0.1, "previous": 100.0}


@pytest.mark.parametrize("price", [85.0, 20.0, 115.0, 500.0])
def test_crash_of_all_markets_in_one_round_rejects_nobody(price: float) -> None:
    """However far all markets move together, nobody is out; verdicts say what was confirmed."""
    course = Course()
    course.at(0, all_at(100.0))
    assert course.at(1, all_at(price)) == set()
    assert len(course.verdicts) == 8
    assert all(v.keep and v.score > 1 for v in course.verdicts)


def test_crash_over_two_minutes_rejects_nobody() -> None:
    """Minus 12 % in two minutes, each market printing every five seconds, is no jump."""
    course = Course()
    for s in range(180):
        price = {name: 100.0 * (1 - 0.12 * min(max(s - (s + i) % 5, 0) / 120, 1)) for i, name in enumerate(NAMES)}
        assert course.at(s, price) == set()


def test_sudden_crash_that_markets_print_one_after_the_other_keeps_the_last_ones() -> None:
    """Those who fall after most have fallen are confirmed by what those did before."""
    course = Course()
    out = [course.at(s, all_at(100.0, **dict.fromkeys(NAMES[: max(s - 10, 0)], 85.0))) for s in range(25)]
    assert out[11:15] == [{"v0"}, {"v0", "v1"}, {"v0", "v1", "v2"}, {"v0", "v1", "v2", "v3"}]
    assert out[15:] == [set()] * 10


def test_two_rogues_do_not_confirm_each_other() -> None:
    """Two of eight that jump together are both out."""
    course = Course()
    course.at(0, all_at(100.0))
    assert course.at(1, all_at(100.0, v0=20.0, v1=20.0)) == {"v0", "v1"}


def test_markets_of_one_venue_do_not_confirm_each_other() -> None:
    """Three markets of one venue that jump together count as one, among two others."""

    def markets(second: int, price: float) -> list[Estimate]:
        rogue = [estimate(f"r{i}", price, second, group="rogue") for i in range(3)]
        return [*rogue, estimate("a", 100.0, second), estimate("b", 100.0, second)]

    course = Course()
    course.screen(markets(0, 100.0))
    assert course.screen(markets(1, 20.0)) == {"r0", "r1", "r2"}


def test_small_move_of_the_others_does_not_confirm_a_large_one() -> None:
    """Half as far is enough, less is not, nor is the other direction."""
    for others, out in ((79.0, set()), (81.0, {"v0"}), (121.0, {"v0"})):
        course = Course(max_move="30%")
        course.at(0, all_at(100.0))
        assert course.at(1, all_at(others, v0=60.0)) == out


def test_market_that_moved_alone_and_stays_there_is_believed_after_the_time_of_confirmation() -> None:
    """Thirty seconds of fresh prints at one level, and it is in."""
    course = Course()
    out = [course.at(s, all_at(100.0, v0=100.0 if s < 10 else 80.0 + s % 3)) for s in range(60)]
    assert out == [{"v0"} if 10 <= s < 40 else set() for s in range(60)]


def test_one_print_repeated_is_not_confirmed_by_time() -> None:
    """A single print that ages is one observation, however often it is looked at."""
    course = Course()
    course.at(0, all_at(100.0))
    for s in range(1, 300):
        aged = [estimate(n, 50.0 if n == "v0" else 100.0, s, s - 1 if n == "v0" else 0.0) for n in NAMES]
        assert course.screen(aged) == {"v0"}


def test_burst_of_prints_is_not_confirmed_by_silence() -> None:
    """Three prints within a second and then silence are a burst; the last must come `confirm` after the first."""
    course = Course()
    course.at(0, all_at(100.0))
    for k in range(1, 200):
        s = k / 2
        age = max(s - 2.0, 0.0)
        aged = [estimate(n, 50.0 if n == "v0" else 100.0, s, age if n == "v0" else 0.0) for n in NAMES]
        assert course.screen(aged) == {"v0"}


def test_market_that_leaves_its_new_level_begins_anew() -> None:
    """What is not within `max_move` of itself for `confirm` is not believed."""
    course = Course()
    course.at(0, all_at(100.0))
    for s in range(1, 200):
        assert course.at(s, all_at(100.0, v0=50.0 if s // 20 % 2 else 70.0)) == {"v0"}


def test_move_from_a_value_older_than_within_is_no_jump() -> None:
    """A market that said nothing new for longer than `within` has nothing to be measured by."""
    for silent, out in ((60.0, {"v0"}), (61.0, set())):
        course = Course()
        course.at(0, all_at(100.0))
        course.screen([estimate(n, 100.0, silent - 1, silent - 1 if n == "v0" else 0.0) for n in NAMES])
        assert course.at(silent, all_at(100.0, v0=80.0)) == out


def test_market_out_when_it_fell_silent_is_still_out_when_it_speaks() -> None:
    """The time of the accepted value counts when the market jumps, not while it is out."""
    course = Course()
    course.at(0, all_at(100.0))
    course.at(1, all_at(100.0, v0=50.0))
    rest = dict.fromkeys(NAMES[1:], 100.0)
    for s in range(2, 600):
        course.at(s, rest)
    assert course.at(600, all_at(100.0, v0=50.0)) == {"v0"}
    assert course.at(601, all_at(100.0)) == set()


def test_market_out_is_back_when_the_others_have_come_to_it() -> None:
    """One that ran ahead of a real crash is back as soon as most have followed."""
    course = Course()
    course.at(0, all_at(100.0))
    assert course.at(1, all_at(100.0, v0=85.0)) == {"v0"}
    assert course.at(20, all_at(86.0, v0=85.0)) == set()


def test_market_alone_must_stay_at_its_new_level() -> None:
    """With nobody to ask, a jump is believed after `confirm`."""
    course = Course(confirm="5s")
    course.at(0, {"v0": 100.0})
    assert [course.at(s, {"v0": 80.0}) for s in range(1, 10)] == [{"v0"}] * 5 + [set()] * 4


def test_half_the_limit_is_mentioned_and_less_is_not() -> None:
    """A verdict that keeps begins at half the limit."""
    course = Course()
    course.at(0, all_at(100.0))
    course.at(1, all_at(100.0, v0=104.0, v1=106.0))
    (verdict,) = course.verdicts
    assert (verdict.market.source, verdict.keep) == ("v1", True)
    assert verdict.score == pytest.approx(0.6)


def test_rounds_ten_times_a_second_remember_no_more() -> None:
    """What is kept of each market is bounded by time, not by the number of rounds."""
    course = Course()
    sizes = []
    for k in range(1500):
        course.at(k / 10, all_at(100.0 + k % 2))
        sizes.append(max(len(record["notes"]) for record in course.state.values()))
    assert max(sizes) <= 15


def test_defaults_are_ten_percent_a_minute_and_half_of_one() -> None:
    """Without options."""
    config = Jump.Config()
    assert (config.max_move, config.within, config.confirm) == (0.1, Duration("60s"), Duration("30s"))


def run(rounds: Sequence[Sequence[Estimate]]) -> list[Sequence[Verdict]]:
    """Return what is said of each round."""
    detector, state, said = Jump(Jump.Config(confirm="3s")), None, []
    for estimates in rounds:
        verdicts, state = detector.screen(estimates, state)
        state = msgspec.json.decode(msgspec.json.encode(state))
        said.append(verdicts)
    return said


def made(rounds: Sequence[Sequence[float]], names: Sequence[str] = NAMES, scale: float = 1.0) -> list[list[Estimate]]:
    """Return rounds of some values."""
    return [[estimate(n, v * scale, s) for n, v in zip(names, prices, strict=False)] for s, prices in enumerate(rounds)]


@given(rounds_of_values)
def test_no_verdict_has_anything_but_numbers(rounds: list[list[float]]) -> None:
    """Scores and data are finite, and each market is judged once at most."""
    for verdicts in run(made(rounds)):
        assert len({v.market for v in verdicts}) == len(verdicts)
        assert all(math.isfinite(number) for v in verdicts for number in (v.score, *v.data.values()))


@given(rounds_of_values, st.randoms())
def test_order_does_not_matter(rounds: list[list[float]], random: Random) -> None:
    """Shuffled markets get the same verdicts, to the bit."""
    plain = made(rounds)
    shuffled = [random.sample(estimates, len(estimates)) for estimates in plain]
    for one, other in zip(run(plain), run(shuffled), strict=True):
        assert sorted(one, key=lambda v: v.market) == sorted(other, key=lambda v: v.market)


@given(rounds_of_values, st.permutations(NAMES[:4]))
def test_names_do_not_matter(rounds: list[list[float]], names: list[str]) -> None:
    """Markets with their names exchanged get the same verdicts, to the bit."""
    new = dict(zip(NAMES, names, strict=False))
    for one, other in zip(run(made(rounds)), run(made(rounds, names)), strict=True):
        assert [(new[v.market.source], v.keep, v.score) for v in one] == [
            (v.market.source, v.keep, v.score) for v in other
        ]


@given(rounds_of_values, st.integers(-30, 20))
def test_scale_does_not_matter(rounds: list[list[float]], power: int) -> None:
    """Prices in another unit get the same verdicts, to the bit."""
    for one, other in zip(run(made(rounds)), run(made(rounds, scale=2.0**power)), strict=True):
        assert [(v.market, v.keep, v.score) for v in one] == [(v.market, v.keep, v.score) for v in other]
