"""What is done about a silent market, step by step, and how seldom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from chrono.core.transport.ladder import Ladder, Steps
from chrono.core.transport.liveness import Bounds
from chrono.core.types import SECOND

BOUNDS = Bounds()
START = 1_795_342_500


class Upper:
    """Chance that always takes the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Venue:
    """A connection of some markets, each of which says a word every so often; steps are noted with their second."""

    def __init__(self, gaps: dict[str, float], *, late: float = 0.0, **options: Any) -> None:
        self.late = late
        self.ladder = Ladder(gaps, BOUNDS, Upper(), **options)
        self.gaps = gaps
        self.dead: set[str] = set()
        self.without: set[str] = set()
        self.steps: list[tuple[float, str, tuple[str, ...]]] = []
        self.time = 0.0
        self.ladder.opened()

    def run(self, seconds: float, *, connects: bool = True) -> list[str]:
        """Let time pass; return which steps were taken meanwhile."""
        before = len(self.steps)
        for _ in range(round(seconds / BOUNDS.step)):
            self.time += BOUNDS.step
            for symbol, gap in self.gaps.items():
                if symbol not in self.dead and self.time % gap < BOUNDS.step:
                    self.says(symbol, dated=self.time)
            self._note(
                self.ladder.look(BOUNDS.step, int((START + self.time) * SECOND), self.without), connects=connects
            )
        return [name for _, name, _ in self.steps[before:]]

    def says(self, symbol: str, *, dated: float) -> None:
        """Let a market say something of a time, by the venue's clock."""
        self.ladder.markets.seen[symbol] = int((START + self.time) * SECOND) + 1
        self.ladder.markets.dated[symbol] = int((START + dated - self.late) * SECOND)

    def _note(self, steps: Steps, *, connects: bool) -> None:
        taken: Iterable[str] = (name for name in steps.__struct_fields__ if getattr(steps, name))
        for name in taken:
            self.steps.append((self.time, name, tuple(getattr(steps, name))))
            if name in {"reconnect", "move"} and connects:
                self.ladder.closed()
                self.ladder.opened()

    def times(self, *names: str) -> list[float]:
        """Return when steps of these names were taken."""
        return [time for time, name, _ in self.steps if name in names]


def two(**options: Any) -> Venue:
    """Return a venue of two markets that has shown its rhythm: a word every half second."""
    venue = Venue({"BTC": 0.5, "ETH": 0.5}, **options)
    assert venue.run(20) == []
    return venue


def test_silent_market_is_taken_up_the_ladder_step_by_step() -> None:
    """Subscribed to again, then a new connection, then another address, then polled; and only that market."""
    venue = two(polls=True, several=True)
    venue.dead = {"ETH"}
    assert venue.run(40)[:4] == ["resubscribe", "reconnect", "poll", "move"]
    assert {symbols for _, _, symbols in venue.steps} == {("ETH",)}
    first = venue.times("resubscribe")[0] - 20.0
    assert 1.5 <= first <= 2.5
    assert venue.times("reconnect")[0] - 20.0 <= 5.0


def test_market_that_was_subscribed_to_again_in_time_costs_nothing_more() -> None:
    """It is told as back, and the connection stays."""
    venue = two(polls=True, several=True)
    venue.dead = {"ETH"}
    venue.run(3)
    venue.dead = set()
    venue.run(30)
    assert [name for _, name, _ in venue.steps] == ["resubscribe", "back"]


def test_polled_market_is_back_after_a_few_words() -> None:
    """One word is none: what it says must go on for a while, so that it does not flap."""
    venue = two(polls=True)
    venue.dead = {"ETH"}
    venue.run(10)
    assert "poll" in [name for _, name, _ in venue.steps]
    venue.dead = set()
    venue.run(0.6)
    assert not venue.times("back")
    venue.run(3)
    assert len(venue.times("back")) == 1


def test_answer_to_a_subscription_is_no_life() -> None:
    """Some venues send the last known state at once: it neither ends the ladder nor counts as rhythm."""
    venue = two()
    venue.dead = {"ETH"}
    while not venue.times("resubscribe"):
        venue.run(0.2)
    usual = venue.ladder.markets.pulses["ETH"].usual
    venue.says("ETH", dated=venue.time)
    venue.run(3.5)
    assert [name for _, name, _ in venue.steps] == ["resubscribe", "reconnect"]
    assert venue.ladder.markets.pulses["ETH"].usual == usual


def test_market_that_only_repeats_its_past_at_each_connection_is_silent() -> None:
    """A venue that hangs up and greets with the last trade of a dead market keeps nobody from noticing."""
    venue = Venue({"BTC": 0.5, "ETH": 10.0})
    assert venue.run(100) == []
    venue.dead = {"ETH"}
    for _ in range(20):
        venue.ladder.closed()
        venue.ladder.opened()
        venue.says("ETH", dated=90.0)
        venue.run(6)
    assert venue.times("resubscribe")[0] - 100.0 <= 40.0
    assert not venue.times("back")


def test_past_that_answers_each_subscription_brings_no_market_back() -> None:
    """Three times the same, or what was traded in between, is no stream."""
    venue = two()
    venue.dead = {"ETH"}
    while not venue.times("resubscribe"):
        venue.run(0.2)
    for dated in (19.5, 21.0, venue.time - 0.5):
        venue.says("ETH", dated=dated)
        venue.run(0.2)
        venue.ladder.closed()
        venue.ladder.opened()
    venue.run(6)
    assert venue.times("reconnect")
    assert not venue.times("back")


def test_market_of_a_venue_whose_clock_is_late_comes_back_all_the_same() -> None:
    """What it says is dated before the step, but each word after the one before."""
    venue = two(polls=True, late=30.0)
    venue.dead = {"ETH"}
    venue.run(2.6)
    venue.dead = set()
    venue.run(10)
    assert [name for _, name, _ in venue.steps] == ["resubscribe", "back"]


def test_one_word_from_the_future_makes_no_later_word_one_of_the_past() -> None:
    """A market is not silent for an hour because one frame was dated an hour ahead."""
    venue = two()
    venue.says("ETH", dated=3600.0)
    venue.run(0.2)
    venue.ladder.closed()
    venue.ladder.opened()
    assert venue.run(20) == []


def test_one_word_of_a_polled_market_brings_it_not_back() -> None:
    """A last word before it dies again is no life."""
    venue = two(polls=True)
    venue.dead = {"ETH"}
    venue.run(10)
    for _ in range(5):
        venue.dead = set()
        venue.run(0.6)
        venue.dead = {"ETH"}
        venue.run(30)
    assert not venue.times("back")
    assert len(venue.times("poll")) == 1


def test_dead_market_does_not_cost_the_others_their_connection_again_and_again() -> None:
    """One connection more for its sake; then it is subscribed to again less and less often, down to once an hour."""
    venue = two()
    venue.dead = {"ETH"}
    venue.run(4 * 3600)
    assert len(venue.times("reconnect", "move")) == 1
    again = venue.times("resubscribe")
    assert len(again) <= 12
    assert again[-1] - again[-2] == pytest.approx(3600.0, rel=0.1)
    assert len(venue.times("silent")) == 1


def test_quiet_night_is_no_storm_of_reconnections() -> None:
    """All markets at once become a hundred times slower."""
    venue = Venue({f"M{number}": 0.4 + number / 50 for number in range(10)}, polls=True, several=True)
    venue.run(60)
    venue.gaps = {symbol: 100 * gap for symbol, gap in venue.gaps.items()}
    venue.run(3600)
    assert len(venue.times("reconnect", "move")) <= 10
    before = len(venue.steps)
    venue.run(3600)
    assert len(venue.times("reconnect", "move")) <= 12
    assert len(venue.steps) - before < 20


def test_market_that_dies_again_and_again_is_not_subscribed_to_each_time() -> None:
    """Waits between two incidents of a market grow; it is told as silent meanwhile."""
    venue = two()
    for _ in range(60):
        venue.dead = {"ETH"}
        venue.run(3)
        venue.dead = set()
        venue.run(20)
    assert len(venue.times("resubscribe")) < 30


def test_market_that_never_said_a_word_is_worth_one_connection() -> None:
    """It may never have been listed."""
    venue = Venue({"BTC": 0.5, "ETH": 0.5})
    venue.dead = {"ETH"}
    assert venue.run(59) == []
    venue.run(3600)
    assert len(venue.times("reconnect")) == 1


def test_market_that_the_venue_refuses_is_left_alone() -> None:
    """Nothing is to be expected of it."""
    venue = two(polls=True)
    venue.dead = venue.without = {"ETH"}
    assert venue.run(60) == []


def test_markets_of_a_stream_that_is_down_are_polled() -> None:
    """Each that is silent at once, the others after five seconds; and back when the stream brings them."""
    venue = two(polls=True)
    venue.ladder.closed()
    venue.dead = {"BTC", "ETH"}
    venue.run(6)
    assert [name for _, name, _ in venue.steps] == ["poll"]
    assert set(venue.steps[0][2]) == {"BTC", "ETH"}
    venue.ladder.opened()
    venue.dead = set()
    venue.run(5)
    assert [name for _, name, _ in venue.steps] == ["poll", "back"]


def test_markets_are_polled_where_the_stream_never_came() -> None:
    """A venue whose stream cannot be reached from the start may still answer."""
    venue = Venue({"BTC": 0.5}, polls=True)
    venue.ladder.closed()
    venue.dead = {"BTC"}
    assert venue.run(4.5) == []
    assert venue.run(1) == ["poll"]


def test_short_interruption_polls_nothing() -> None:
    """A reconnection that takes a second is none of the poll's business."""
    venue = two(polls=True)
    venue.ladder.closed()
    venue.dead = {"BTC", "ETH"}
    venue.run(1.2)
    venue.ladder.opened()
    venue.dead = set()
    assert venue.run(10) == []


def test_refusal_of_a_second_subscription_says_nothing_of_the_market() -> None:
    """Some venues refuse what they already send."""
    venue = two()
    assert not venue.ladder.asked_again("ETH")
    venue.dead = {"ETH"}
    venue.run(3)
    assert venue.ladder.asked_again("ETH")
