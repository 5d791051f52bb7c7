"""Rounds are priced exactly once, from a board that holds nothing received later."""

from __future__ import annotations

import pytest

from chrono.core.board import Board
from chrono.core.clock import Schedule, VirtualClock
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import PricingState
from chrono.core.rounds import Rounds
from chrono.core.types import SECOND, Report, Trade
from tests.core.conftest import Make

TEXT = "sources: {v1: {type: push}}\nfeeds: {BTC/USD: {}}\nquotes: [USD]\nconsensus: {median: {min_venues: 1}}\n"
START = 1_795_342_500


class Runner:
    """Rounds over a board, with the reports they made."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.reports: list[Report] = []
        self.board: Board = pipeline.board(VirtualClock())
        schedule = Schedule(SECOND)
        self.rounds = Rounds(
            pipeline.plans,
            self.board,
            schedule,
            PricingState(),
            lambda report, failures: self.reports.append(report),
            schedule.round(START),
        )

    def trade(self, value: float, at: float) -> None:
        instant = START * SECOND + int(at * SECOND)
        self.board.inlets["v1"](Trade("BTC/USD", value, 1.0, ts_event=instant), instant)

    @property
    def values(self) -> list[float | None]:
        return [r.prices["BTC/USD"].value if r.prices else None for r in self.reports]

    @property
    def ids(self) -> list[int]:
        return [report.round.id - START for report in self.reports]


@pytest.fixture
def runner(make: Make) -> Runner:
    return Runner(make(TEXT))


def test_late_timer_does_not_let_a_later_tick_in(runner: Runner) -> None:
    """The tick that comes after the round's instant has the round priced before it is seen."""
    runner.trade(1.0, -0.5)
    runner.trade(2.0, 0.1)
    runner.rounds.advance(START * SECOND + SECOND // 5)
    assert runner.values == [1.0]


def test_tick_at_the_instant_itself_still_counts(runner: Runner) -> None:
    """A round reads what was received by its `as_of`, that nanosecond included."""
    runner.trade(1.0, 0)
    runner.rounds.advance(START * SECOND + 1)
    assert runner.values == [1.0]


def test_timer_at_the_instant_waits_for_its_end(runner: Runner) -> None:
    """Nothing is priced before the instant has passed."""
    runner.rounds.advance(START * SECOND)
    assert runner.reports == []


def test_each_round_is_priced_once(runner: Runner) -> None:
    """Whoever comes first prices it: the timer or a tick."""
    for tenth in range(40):
        runner.trade(float(tenth + 1), tenth / 10)
        runner.rounds.advance(START * SECOND + tenth * SECOND // 10)
    assert runner.ids == [0, 1, 2, 3]


def test_round_after_its_deadline_is_passed_over_and_counted(runner: Runner) -> None:
    """After a pause of a minute there is one round to price, not sixty."""
    runner.rounds.advance((START + 60) * SECOND + SECOND // 2)
    assert runner.ids == [60]
    assert runner.rounds.skipped == list(range(START, START + 60))


def test_replay_prices_every_round_but_the_skipped(runner: Runner) -> None:
    """On a virtual clock no deadline passes."""
    runner.rounds.replay((START + 5) * SECOND + 1, {START + 2})
    assert runner.ids == [0, 1, 3, 4, 5]


def test_limit_ends_the_rounds(runner: Runner) -> None:
    """After the rounds that were asked for, nothing more is priced, whatever arrives."""
    runner.rounds.limit(2)
    for second in range(10):
        runner.trade(1.0, second + 0.5)
    assert (runner.ids, runner.rounds.done) == ([0, 1], True)


def test_fault_of_the_core_is_kept_for_the_engine(runner: Runner) -> None:
    """A tick that meets a bug of ours does not take the blame: the engine raises it."""
    runner.rounds._plans = [None]  # type: ignore[list-item]
    runner.trade(1.0, 0.5)
    assert isinstance(runner.rounds.error, AttributeError)
    assert runner.rounds.done


def test_instant_between_rounds_is_priced_for_who_asks_alone(runner: Runner) -> None:
    """From what was received by it, though it is looked at later; the rounds remember nothing of it."""
    found: list[Report] = []
    runner.trade(1.0, 0.1)
    runner.rounds.also(START * SECOND + SECOND // 2, lambda report, failures: found.append(report))
    runner.trade(2.0, 0.4)
    runner.trade(3.0, 0.6)
    assert [report.prices["BTC/USD"].value for report in found] == [2.0]
    assert found[0].round.as_of == START * SECOND + SECOND // 2
    state = runner.rounds.state
    runner.rounds.advance((START + 1) * SECOND + 1)
    assert (runner.ids, runner.values) == ([0, 1], [None, 3.0])
    assert state == PricingState()


def test_instants_are_priced_in_their_order(runner: Runner) -> None:
    """Between the rounds they fall between."""
    found: list[int] = []
    for half in (5, 1, 3):
        instant = START * SECOND + half * SECOND // 2
        runner.rounds.also(instant, lambda report, failures: found.append(report.round.as_of))
    for quarter in range(14):
        runner.rounds.advance(START * SECOND + quarter * SECOND // 4)
    assert found == [START * SECOND + half * SECOND // 2 for half in (1, 3, 5)]
    assert runner.ids == [0, 1, 2, 3]
