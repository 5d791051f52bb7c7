"""A clock that is off is told."""

from __future__ import annotations

import structlog

from chrono.core.board import Board
from chrono.core.clock import VirtualClock
from chrono.core.component import Status
from chrono.core.registry import Registry
from chrono.core.skew import Skew
from chrono.core.statuses import Statuses
from chrono.core.types import SECOND, Market, Pair, Trade

START = 1_795_342_500 * SECOND


class Pipeline:
    """Sources whose clocks are off by so many seconds."""

    def __init__(self, **offsets: float) -> None:
        self.offsets = offsets
        markets = {name: Market(name, Pair("BTC", "USD"), name, "BTC") for name in offsets}
        self.board = Board(dict.fromkeys(markets.values(), 60 * SECOND), VirtualClock(START))
        self.statuses = Statuses(Registry(found=()), structlog.get_logger())
        self.skew = Skew()
        self.now = START
        for name in offsets:
            self.statuses(Status(name, "live"))

    def trade(self, count: int) -> None:
        """Let each source print once a second, and price a round after each."""
        for _ in range(count):
            self.now += SECOND
            for name, ahead in self.offsets.items():
                ts = self.now + int(ahead * SECOND)
                self.board.inlets[name](Trade("BTC", 100.0, 1.0, ts_event=ts), self.now)
            self.skew.tell(self.board.inlets, self.statuses, self.now)

    def codes(self) -> dict[str, str]:
        return {name: self.statuses.code(name) for name in self.offsets}


def test_venue_whose_clock_is_off_is_told() -> None:
    """By five seconds either way; not by the latency of half a second."""
    pipeline = Pipeline(ahead=5.0, behind=-5.0, late=-0.5, right=0.0, other=0.0)
    pipeline.trade(20)
    assert pipeline.codes() == {"ahead": "clock_offset", "behind": "clock_offset", "late": "", "right": "", "other": ""}
    assert "5.0s ahead of" in pipeline.statuses.latest["ahead", ""].message
    assert "5.0s behind" in pipeline.statuses.latest["behind", ""].message


def test_few_ticks_are_no_alarm() -> None:
    """A late print or two say nothing of a clock."""
    pipeline = Pipeline(behind=-5.0)
    pipeline.trade(5)
    assert pipeline.codes() == {"behind": ""}


def test_where_most_are_off_it_is_our_clock() -> None:
    """The message says so."""
    pipeline = Pipeline(one=-4.0, two=-4.1, three=-3.9)
    pipeline.trade(20)
    assert "this machine's clock (NTP)" in pipeline.statuses.latest["one", ""].message


def test_clock_that_is_right_again_is_told() -> None:
    """The source is live; a source with other troubles keeps those."""
    pipeline = Pipeline(one=-5.0, two=-5.0, three=0.0)
    pipeline.trade(20)
    pipeline.statuses(Status("two", "waiting", "hung_up", "closed"))
    pipeline.offsets.update(one=0.0, two=0.0)
    pipeline.trade(700)
    assert pipeline.codes() == {"one": "", "two": "hung_up", "three": ""}
    assert pipeline.statuses.state("one") == "live"


def test_source_that_is_down_is_not_called_live_for_its_clock() -> None:
    """What it has is graver."""
    pipeline = Pipeline(one=-5.0)
    pipeline.statuses(Status("one", "waiting", "silence", "nothing came"))
    pipeline.trade(20)
    assert pipeline.codes() == {"one": "silence"}
