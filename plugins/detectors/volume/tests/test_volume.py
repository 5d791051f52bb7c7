"""The volume: contract, what is usual, who is compared with whom, properties."""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from chrono import Duration, Estimate, Market, Pair, Verdict
from chrono.testing import DetectorContract
from chrono_volume import Volume

SECOND = 1_000_000_000
AS_OF = 1_795_342_500 * SECOND
PAIR = Pair("BTC", "USD")
NAMES = tuple(f"v{i}" for i in range(8))

turnovers = st.just(0.0) | st.floats(1e-9, 1e12)
rounds_of_turnovers = st.lists(st.lists(turnovers, min_size=4, max_size=4), min_size=1, max_size=12)


class TestVolume(DetectorContract):
    """The conformance suite, with `reject`."""

    detector = Volume
    options = {"action": "reject"}

    def faulty(self) -> Any:
        """Let one market turn over a thousand times as much for a minute and a half."""
        rounds = self.quiet(90, 10 * SECOND)
        market = rounds[0][4].market
        return self.changed(rounds, market, range(60, 69), lambda e: replace(e, weight=e.weight * 1000)), market


class TestFlaggedVolume(TestVolume):
    """The conformance suite, with the default: nobody is ever rejected."""

    options = {}

    def test_d10_it_rejects_the_fault_and_releases_it(self) -> None:
        """The fault is flagged while it lasts, and nothing else is."""
        rounds, market = self.faulty()
        said = self._run(rounds)[0]
        assert {v.market for verdicts in said for v in verdicts} == {market}
        assert all(v.keep and v.score > 1 for verdicts in said for v in verdicts)
        assert [k for k, verdicts in enumerate(said) if verdicts] == list(range(60, 69))


def estimate(name: str, turnover: float, second: float, group: str = "") -> Estimate:
    """Return what a market turns over at a second."""
    as_of = AS_OF + int(second * SECOND)
    return Estimate(Market(name, PAIR, group or name), PAIR, 100.0, turnover, 1, 0, "last", as_of=as_of)


class Course:
    """A detector and what it remembers."""

    def __init__(self, **options: Any) -> None:
        self.detector = Volume(Volume.Config(**options))
        self.state: Any = None
        self.verdicts: Sequence[Verdict] = ()

    def at(self, second: float, turnover: Mapping[str, float]) -> set[str]:
        """Return on whom there is a verdict."""
        return self.screen([estimate(name, value, second) for name, value in turnover.items()])

    def screen(self, estimates: Sequence[Estimate]) -> set[str]:
        """Return on whom there is a verdict."""
        self.verdicts, self.state = self.detector.screen(estimates, self.state)
        return {v.market.source for v in self.verdicts}

    def calm(self, seconds: int, first: int = 0, **others: float) -> int:
        """Let nothing happen for a while, in rounds of ten seconds, and return when it ends."""
        for s in range(first, first + seconds, 10):
            assert self.at(s, all_at(10.0, **others)) == set()
        return first + seconds

    def usual(self, name: str) -> float:
        """Return what a market usually turns over."""
        return float(self.state["usual"][f"{name}:BTC/USD"]["mean"])


def all_at(turnover: float, **others: float) -> dict[str, float]:
    """Return eight markets with a turnover, but for some."""
    return {**dict.fromkeys(NAMES, turnover), **others}


def test_wash_volume_is_flagged_by_default_while_it_lasts() -> None:
    """A thousand times the usual on one venue is said, and costs nobody anything."""
    course = Course()
    now = course.calm(600)
    assert course.at(now, all_at(10.0, v5=10_000.0)) == {"v5"}
    (verdict,) = course.verdicts
    assert (verdict.keep, verdict.code, verdict.detector, verdict.score) == (True, "volume", "volume", 20.0)
    assert verdict.data == {"ratio": 1000.0, "limit": 50.0}
    course.calm(100, now + 10)


def test_wash_volume_is_rejected_where_that_is_asked_for() -> None:
    """With `action: reject` the market is out while it lasts."""
    course = Course(action="reject")
    now = course.calm(600)
    course.at(now, all_at(10.0, v5=10_000.0))
    assert [v.keep for v in course.verdicts] == [False]
    course.calm(100, now + 10)


def test_news_that_moves_all_markets_is_not_flagged() -> None:
    """Where most others turn over ten times as much, a hundred times is no longer alone."""
    for others, found in ((99.0, {"v5"}), (101.0, set())):
        course = Course()
        now = course.calm(600)
        assert course.at(now, all_at(others, v5=1000.0)) == found


def test_nothing_is_said_before_the_warm_up() -> None:
    """Five minutes of its own turnover are learned before a market is judged."""
    for learned, found in ((300, set()), (310, {"v5"})):
        course = Course()
        now = course.calm(learned)
        assert course.at(now, all_at(10.0, v5=10_000.0)) == found


def test_rejected_wash_volume_teaches_nothing() -> None:
    """After hours of it the market is still out, and what is usual is what it was."""
    course = Course(action="reject")
    now = course.calm(600)
    for s in range(now, now + 20_000, 10):
        assert course.at(s, all_at(10.0, v5=10_000.0)) == {"v5"}
    assert course.usual("v5") == pytest.approx(10.0)


def test_flagged_wash_volume_teaches_slowly() -> None:
    """A half-life of it does not more than double what is usual."""
    course = Course()
    now = course.calm(600)
    for s in range(now, now + 1800, 10):
        assert course.at(s, all_at(10.0, v5=10_000.0)) == {"v5"}
    assert 19.9 < course.usual("v5") <= 20.0


def test_market_whose_turnover_grew_for_good_is_one_day_usual() -> None:
    """A flag does not stay for ever: what lasts for hours is learned."""
    course = Course()
    now = course.calm(7200)
    found = [course.at(s, all_at(10.0, v5=1000.0)) for s in range(now, now + 4 * 3600, 10)]
    assert found[0] == {"v5"}
    assert found[-1] == set()


def test_usual_is_the_decayed_mean() -> None:
    """Below the ceiling, what is usual is the mean of all rounds, each half as heavy after every half-life."""
    random = Random(1)
    course = Course(half_life="5m")
    seen = []
    for k in range(200):
        seen.append(random.uniform(5.0, 20.0))
        course.at(10 * k, all_at(10.0, v5=seen[-1]))
    # the first round has none before it that it could have lasted from
    weights = [0.5 ** (10 * (199 - k) / 300) for k in range(1, 200)]
    wanted = math.fsum(w * x for w, x in zip(weights, seen[1:], strict=True)) / math.fsum(weights)
    assert course.usual("v5") == pytest.approx(wanted, rel=1e-12)


def test_market_that_trades_seldom_is_measured_by_when_it_trades() -> None:
    """Rounds without turnover do not make the next trade look large."""
    course = Course()
    for s in range(0, 20_000, 10):
        assert course.at(s, all_at(10.0, v5=10.0 if s % 600 < 60 else 0.0)) == set()
    assert course.usual("v5") == pytest.approx(10.0)


def test_market_with_none_to_compare_with_is_not_judged() -> None:
    """One venue alone, in however many markets, may have news."""
    course = Course()

    def markets(second: int, turnover: float) -> list[Estimate]:
        return [estimate("a", turnover, second, "one"), estimate("b", 10.0, second, "one")]

    for s in range(0, 600, 10):
        course.screen(markets(s, 10.0))
    assert course.screen(markets(600, 10_000.0)) == set()


def test_long_pause_does_not_let_one_round_decide_what_is_usual() -> None:
    """A round counts for a minute at most, however long ago the one before was."""
    course = Course()
    now = course.calm(3600)
    course.at(now + 3600, all_at(40.0))
    assert course.usual("v5") < 12.0


def test_market_that_was_gone_for_six_half_lives_is_learned_anew() -> None:
    """What is remembered of it is forgotten."""
    course = Course(half_life="1m")
    now = course.calm(600)
    rest = dict.fromkeys(NAMES[1:], 10.0)
    course.at(now + 300, rest)
    assert "v0:BTC/USD" in course.state["usual"]
    course.at(now + 400, rest)
    assert "v0:BTC/USD" not in course.state["usual"]


def test_defaults_are_fifty_times_a_half_hour_and_a_flag() -> None:
    """Without options."""
    config = Volume.Config()
    assert (config.factor, config.half_life, config.warm_up) == (50.0, Duration("30m"), Duration("5m"))
    assert config.action == "flag"


@pytest.mark.parametrize("options", [{"factor": 9}, {"action": "drop"}, {"warm_up": "0s"}])
def test_what_cannot_be_meant_is_refused(options: dict[str, Any]) -> None:
    """A factor below ten, an action that is none, no warm-up."""
    with pytest.raises(ValidationError):
        Volume.Config(**options)


def run(rounds: Sequence[Sequence[Estimate]]) -> list[Sequence[Verdict]]:
    """Return what is said of each round."""
    detector, state, said = Volume(Volume.Config(warm_up="1ms", factor=10)), None, []
    for estimates in rounds:
        verdicts, state = detector.screen(estimates, state)
        state = msgspec.json.decode(msgspec.json.encode(state))
        said.append(verdicts)
    return said


def made(rounds: Sequence[Sequence[float]], names: Sequence[str] = NAMES, scale: float = 1.0) -> list[list[Estimate]]:
    """Return rounds of some turnovers."""
    return [
        [estimate(n, v * scale, s) for n, v in zip(names, turnover, strict=False)] for s, turnover in enumerate(rounds)
    ]


@given(rounds_of_turnovers)
def test_no_verdict_has_anything_but_numbers(rounds: list[list[float]]) -> None:
    """Scores and data are finite, and each market is judged once at most."""
    for verdicts in run(made(rounds)):
        assert len({v.market for v in verdicts}) == len(verdicts)
        assert all(math.isfinite(number) for v in verdicts for number in (v.score, *v.data.values()))


@given(rounds_of_turnovers, st.randoms())
def test_order_does_not_matter(rounds: list[list[float]], random: Random) -> None:
    """Shuffled markets get the same verdicts, to the bit."""
    plain = made(rounds)
    shuffled = [random.sample(estimates, len(estimates)) for estimates in plain]
    for one, other in zip(run(plain), run(shuffled), strict=True):
        assert sorted(one, key=lambda v: v.market) == sorted(other, key=lambda v: v.market)


@given(rounds_of_turnovers, st.permutations(NAMES[:4]))
def test_names_do_not_matter(rounds: list[list[float]], names: list[str]) -> None:
    """Markets with their names exchanged get the same verdicts, to the bit."""
    new = dict(zip(NAMES, names, strict=False))
    for one, other in zip(run(made(rounds)), run(made(rounds, names)), strict=True):
        assert [(new[v.market.source], v.keep, v.score) for v in one] == [
            (v.market.source, v.keep, v.score) for v in other
        ]


@given(rounds_of_turnovers, st.integers(-30, 20))
def test_scale_does_not_matter(rounds: list[list[float]], power: int) -> None:
    """Turnovers in another unit get the same verdicts, to the bit."""
    for one, other in zip(run(made(rounds)), run(made(rounds, scale=2.0**power)), strict=True):
        assert one == other
