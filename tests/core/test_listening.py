"""Sinks that hear of statuses and ticks: as they come, in a run and in a replay, and never at its expense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from chrono.core.clock import VirtualClock
from chrono.core.component import Emit, Sink, Source, Status
from chrono.core.engine import Engine
from chrono.core.types import SECOND, Market, Report, Tick, Trade
from tests.core.conftest import Kept, Make

pytestmark = pytest.mark.anyio

START = 1_795_342_500 * SECOND
TEXT = """
feeds: {BTC/USD: {}}
quotes: [USD]
consensus: {median: {min_venues: 1}}
sources: {talks: {}, v2: {type: push}}
"""


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """Return what is logged."""
    with capture_logs() as lines:
        yield lines


class Talks(Source):
    """Says two things, one of which is nonsense, and how it is."""

    type = "talks"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        for price in (100.0, -1.0, 101.0):
            emit(Trade(markets[0].symbol, price, 2.0))
        self.context.status("degraded", "tired", "it is tired", markets[0])
        await anyio.sleep_forever()


class Ears(Sink):
    """Hears everything."""

    type = "ears"

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self.statuses: list[Status] = []
        self.ticks: list[tuple[Market, Tick, int]] = []

    def told(self, status: Status) -> None:
        self.statuses.append(status)

    def listener(self) -> Callable[[Market, Tick, int], None]:
        return lambda *heard: self.ticks.append(heard)

    async def publish(self, report: Report) -> None:
        await anyio.lowlevel.checkpoint()


class Deaf(Ears):
    """Breaks when it is told of anything."""

    type = "deaf"
    told_of = 0

    def told(self, status: Status) -> None:
        raise RuntimeError("too loud")

    def listener(self) -> Callable[[Market, Tick, int], None]:
        def hear(*heard: Any) -> None:
            self.told_of += 1
            raise RuntimeError("too loud")

        return hear


async def run(make: Make, *names: str) -> Any:
    """Run a pipeline for three rounds with sinks, and return these."""
    text = f"{TEXT}sinks: {{{', '.join(f'{name}: {{}}' for name in names)}}}\n"
    pipeline = make(text, source=[Talks], sink=[Ears, Deaf])
    await Engine(pipeline, VirtualClock(START), rounds=3).run()
    return pipeline.sinks


async def test_sink_hears_of_every_tick_that_the_board_takes(make: Make) -> None:
    """With its market and when it came; what the board refuses is not heard."""
    sinks = await run(make, "ears")
    heard = sinks["ears"].ticks
    assert [(str(market), tick.price) for market, tick, _ in heard] == [
        ("talks:BTC/USD", 100.0),
        ("talks:BTC/USD", 101.0),
    ]
    assert all(received >= START for *_, received in heard)


async def test_sink_hears_of_statuses_as_they_change(make: Make) -> None:
    """Of sources, markets and sinks, each once."""
    sinks = await run(make, "ears")
    said = [(status.component, status.state, status.code) for status in sinks["ears"].statuses]
    assert ("talks", "starting", "") in said
    assert ("talks", "degraded", "tired") in said
    assert ("ears", "live", "") in said
    assert len(said) == len(set(said))
    (tired,) = (status for status in sinks["ears"].statuses if status.code == "tired")
    assert (str(tired.market), tired.at >= START) == ("talks:BTC/USD", True)


async def test_two_sinks_hear_the_same(make: Make) -> None:
    """Nobody's listening is at another's expense."""
    sinks = await run(make, "ears", "kept")
    assert len(sinks["ears"].ticks) == 2
    assert len(sinks["kept"].reports) == 3


async def test_sink_that_breaks_hears_no_more_and_costs_nothing(make: Make, logs: list[Any]) -> None:
    """It is said once; the others hear on, ticks are taken, and rounds are published to all."""
    sinks = await run(make, "deaf", "ears", "kept")
    assert sinks["deaf"].told_of == 1
    assert len(sinks["ears"].ticks) == 2
    assert len(sinks["kept"].reports) == 3
    assert sinks["kept"].reports[-1].prices["BTC/USD"].value == 101.0
    failures = [line for line in logs if line["log_level"] == "error" and line.get("component") == "deaf"]
    assert len(failures) == 1
    assert "it hears no more of statuses or ticks" in failures[0]["event"]


async def test_who_does_not_ask_is_told_nothing(make: Make) -> None:
    """The board calls nobody."""
    pipeline = make(f"{TEXT}sinks: {{kept: {{}}}}\n", source=[Talks])
    engine = Engine(pipeline, VirtualClock(START), rounds=1)
    await engine.run()
    assert [inlet.listener for inlet in engine.board.inlets.values()] == [None, None]
    assert engine.statuses.listeners == []
    assert Kept().listener() is None
    assert Kept().told(Status("talks", "live")) is None


async def test_replay_tells_the_same_ticks(make: Make, tmp_path: Path) -> None:
    """What was recorded is heard again, at the times at which it was."""
    from chrono.core.replay import Replay

    pipeline = make(f"{TEXT}sinks: {{ears: {{}}}}\n", source=[Talks], sink=[Ears])
    await Engine(pipeline, VirtualClock(START), record=tmp_path, rounds=3).run()
    live: Any = pipeline.sinks["ears"]
    again = make(f"{TEXT}sinks: {{ears: {{}}}}\n", source=[Talks], sink=[Ears])
    await Replay(again, [tmp_path]).run()
    replayed: Any = again.sinks["ears"]
    assert [(str(market), tick.price, at) for market, tick, at in replayed.ticks] == [
        (str(market), tick.price, at) for market, tick, at in live.ticks
    ]
