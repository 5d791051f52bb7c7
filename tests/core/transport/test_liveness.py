"""A market is silent by its own rhythm."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from chrono.core.transport.liveness import Bounds, Liveness, Pulse
from chrono.core.types import SECOND

START = 1_795_342_500 * SECOND


class Watched:
    """One market, looked at five times a second."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.markets = Liveness(["BTC"], bounds or Bounds())
        self.step = (bounds or Bounds()).step
        self.now = 0.0

    @property
    def pulse(self) -> Pulse:
        return self.markets.pulses["BTC"]

    def live(self, times: Iterable[float]) -> list[float]:
        """Let it speak at these seconds; return when it was silent at a look."""
        silent = []
        for time in times:
            while self.now + self.step < time:
                self._look()
                if self.pulse.silent:
                    silent.append(self.now)
            self.markets.seen["BTC"] = START + int(time * SECOND)
        return silent

    def dies(self) -> float:
        """Say nothing more; return how long until it is silent, from its last word."""
        last = (self.markets.seen["BTC"] - START) / SECOND
        while not self.pulse.silent:
            self._look()
        return self.now - last

    def _look(self) -> None:
        self.now += self.step
        self.markets.look(self.step, START + int(self.now * SECOND))


def regular(gap: float, count: int = 40) -> Iterator[float]:
    """Yield times a fixed gap apart."""
    return (gap * number for number in range(1, count))


@pytest.mark.parametrize("gap", [0.02, 0.2, 0.5, 0.9, 1.0, 3.0, 20.0, 90.0])
def test_dead_market_is_noticed_within_three_of_its_gaps(gap: float) -> None:
    """Not before two seconds, and not after three usual gaps and one look."""
    market = Watched()
    silences = market.live(regular(gap, 40 + int(10 / gap)))
    assert all(time < 5 * gap for time in silences), "expected it to be known by its fifth word"
    assert 2.0 <= market.dies() <= max(3 * gap, 2.0) + market.step


def test_five_minutes_are_silence_for_every_market() -> None:
    """However seldom it usually speaks."""
    market = Watched()
    market.live(regular(200.0))
    assert 300.0 <= market.dies() <= 301.0


@pytest.mark.parametrize("bounds", [Bounds(), Bounds(unknown=7.0)])
def test_market_of_unknown_rhythm_has_a_limit_of_its_own(bounds: Bounds) -> None:
    """Few words are no rhythm."""
    market = Watched(bounds)
    market.live([1.0, 2.0])
    assert bounds.unknown <= market.dies() <= bounds.unknown + 2 * market.step


@pytest.mark.parametrize("mean", [1.0, 10.0, 40.0])
def test_market_that_speaks_by_chance_is_seldom_taken_for_dead(mean: float) -> None:
    """Of exponential gaps, five in a hundred are longer than three times their mean; one in a hundred is silence."""
    chance = random.Random(7)
    market, time, alarms, gaps = Watched(), 0.0, 0, 1500
    for _ in range(gaps):
        time += chance.expovariate(1 / mean)
        alarms += bool(market.live([time]))
    assert alarms / gaps < 0.012


def test_market_that_slows_down_is_believed_after_a_few_gaps() -> None:
    """A night after a day: the new rhythm is learned, two silences at a time."""
    market = Watched()
    market.live(regular(0.5))
    start = market.now
    silences = market.live(start + 30.0 * number for number in range(1, 30))
    assert silences
    assert max(silences) < start + 12 * 30.0


def test_a_rhythm_that_quickens_is_learned() -> None:
    """After a while the long gaps of the past are forgotten."""
    market = Watched()
    market.live(regular(30.0, 20))
    start = market.now
    market.live(start + 0.5 * number for number in range(1, 60))
    assert market.dies() < 2.5


def test_reconnection_is_no_gap() -> None:
    """What the market did not say while nobody listened says nothing of its rhythm."""
    market = Watched()
    market.live(regular(1.0))
    before = market.pulse.usual
    market.markets.interrupt(START + int(market.now * SECOND))
    market.live([market.now + 100.0])
    assert market.pulse.usual == before


def test_word_without_a_time_of_its_own_is_always_new() -> None:
    """Some tickers have none, and what a stranger's parser passes on may be no time at all."""
    pulse = Pulse(Bounds())
    pulse.prompt(START)
    assert not pulse.repeats(START, None)
    pulse.prompt(START)
    assert not pulse.repeats(START, "yesterday")  # type: ignore[arg-type]
    pulse.prompt(START)
    assert pulse.repeats(START + 2, START - 1)
    assert not pulse.repeats(START + 3, START - 1)


def test_clock_that_jumps_makes_nobody_silent() -> None:
    """The time of a tick is compared with nothing but itself: an hour forward or back is no silence."""
    market = Watched()
    market.live(regular(0.5))
    for jump in (3600, -3600):
        market.markets.look(0.2, START + jump * SECOND)
        market.markets.seen["BTC"] = START + jump * SECOND + 1
        market.markets.look(0.2, START + jump * SECOND)
        assert not market.pulse.silent
        assert market.pulse.quiet <= 0.4


def test_machine_that_was_asleep_wakes_to_no_silence() -> None:
    """A look that comes an hour late counts as a second: what came meanwhile is still to be read."""
    market = Watched()
    market.live(regular(1.0))
    market.markets.look(3600.0, START + 4000 * SECOND)
    assert not market.pulse.silent
