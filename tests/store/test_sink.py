"""Sinks that keep everything: nothing is lost, no round waits, and what is wrong is said."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from chrono.core.component import Context, Status
from chrono.core.errors import ConfigError, DataError, PermanentError, TransientError
from chrono.core.types import Quote, Trade
from chrono.store import sink as sinks
from chrono.store.batches import Batch
from chrono.store.sink import StoreSink
from chrono.testing.reports import VENUE, described, report
from tests.store.test_spool import full_at
from tests.store.test_sqlite import Log, said, settled, until

pytestmark = pytest.mark.anyio


blocks = time.sleep


class Shelf:
    """What several runs of a sink wrote."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.released = 0
        self.error: Exception | None = None
        self.unprepared: Exception | None = None
        self.stuck = 0.0
        self.refuses: set[int] = set()
        self.most = 1000

    @property
    def entries(self) -> list[Any]:
        return [entry for batch in self.batches for entry in batch.entries]

    @property
    def rounds(self) -> list[int]:
        return [entry.round[1] for entry in self.entries if entry.round]


class Kept(StoreSink):
    """Keeps batches on a shelf, unless something is wrong with it."""

    type = "kept"
    shelf: Shelf
    address = "a shelf"

    async def prepare(self) -> None:
        if self.shelf.unprepared is not None:
            raise self.shelf.unprepared

    async def write(self, batch: Batch) -> None:
        # a driver that blocks its thread
        blocks(self.shelf.stuck)
        if self.shelf.error is not None:
            raise self.shelf.error
        if len(batch.entries) > self.shelf.most:
            raise TransientError("it took too long")
        if any(entry.round and entry.round[1] in self.shelf.refuses for entry in batch.entries):
            raise DataError("it was refused")
        self.shelf.batches.append(batch)

    async def release(self) -> None:
        self.shelf.released += 1


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def made(tmp_path: Path, shelf: Shelf) -> Any:
    """Return what makes a sink over the same spool and shelf."""

    def make(**options: Any) -> Any:
        statuses: list[Status] = []
        context = Context("kept", report=statuses.append, logger=Log(), describe=described)
        sink = Kept(Kept.Config(**{"spool": str(tmp_path / "spool"), **options}), context)
        sink.shelf = shelf
        vars(sink)["statuses"] = statuses
        return sink

    return make


def at(*numbers: int) -> list[int]:
    """Return the instants of rounds."""
    return [report(number).round.as_of for number in numbers]


async def test_rounds_are_written_in_order_and_once(made: Any, shelf: Shelf) -> None:
    """The same round twice is one."""
    async with made() as sink:
        for number in (0, 0, 1, 2, 1):
            await sink.publish(report(number))
    assert shelf.rounds == at(0, 1, 2)
    assert [batch.position for batch in shelf.batches][-1] == 3
    assert shelf.released == 1


@pytest.mark.parametrize(
    ("error", "said_of_it"),
    [
        (TransientError("it is away"), ("waiting", "database_away")),
        (PermanentError("it is broken"), ("failed", "database_refused")),
        (ValueError("a bug"), ("failed", "component_failed")),
    ],
)
async def test_rounds_wait_whatever_happens_to_the_database(
    made: Any, shelf: Shelf, error: Exception, said_of_it: Any
) -> None:
    """It is said once, tried again, and written in order when it works."""
    async with made() as sink:
        await sink.publish(report(0))
        await settled(sink)
        shelf.error = error
        for number in (1, 2, 3):
            await sink.publish(report(number))
        await until(lambda: shelf.released >= 2)
        await until(lambda: sink.statuses)
        assert said(sink) == [said_of_it]
        assert str(error) in sink.statuses[0].message
        assert "rounds wait in" in sink.statuses[0].message
        shelf.error = None
        await settled(sink)
        await until(lambda: len(sink.statuses) == 2)
    assert said(sink) == [said_of_it, ("live", "")]
    assert shelf.rounds == at(0, 1, 2, 3)


async def test_database_that_is_away_at_the_start_gets_everything_later(made: Any, shelf: Shelf) -> None:
    """Even in another run; what is left at the end is said."""
    shelf.unprepared = TransientError("it is away")
    async with made() as sink:
        await sink.publish(report(0))
    assert said(sink) == [("waiting", "database_away"), ("degraded", "unwritten")]
    shelf.unprepared = None
    async with made() as sink:
        await sink.publish(report(1))
    assert shelf.rounds == at(0, 1)
    assert said(sink) == []


@pytest.mark.parametrize(
    "error", [ConfigError("it is another one's"), PermanentError("it is broken"), ValueError("bug")]
)
async def test_start_is_refused_where_waiting_is_no_use(made: Any, shelf: Shelf, error: Exception) -> None:
    """The error is the sink's own; nothing is said twice, and another can open the spool."""
    shelf.unprepared = error
    sink = made()
    with pytest.raises(type(error), match=str(error)):
        await sink.__aenter__()
    assert said(sink) == []
    shelf.unprepared = None
    async with made():
        pass


async def test_no_round_waits_for_a_database_that_hangs(made: Any, shelf: Shelf) -> None:
    """It blocks its own thread: publishing takes what the disk takes, and the loop goes on."""
    async with made() as sink:
        await sink.publish(report(0))
        await settled(sink)
        shelf.stuck = 1.5
        await sink.publish(report(1))
        await anyio.sleep(0.05)
        longest = 0.0
        for number in range(2, 7):
            began = time.perf_counter()
            await sink.publish(report(number))
            longest = max(longest, time.perf_counter() - began)
        assert longest < 1.0
        assert shelf.rounds == at(0)
        shelf.stuck = 0.0
        await settled(sink)
    assert shelf.rounds == at(*range(7))


async def test_entry_that_the_database_refuses_costs_itself_alone(made: Any, shelf: Shelf, tmp_path: Path) -> None:
    """It is set aside and told; those before and behind it are written."""
    shelf.unprepared = TransientError("later")
    shelf.refuses = set(at(3))
    async with made() as sink:
        for number in range(6):
            await sink.publish(report(number))
        shelf.unprepared = None
        await settled(sink)
        await until(lambda: sink.context.logger.warnings)
        (told,) = sink.context.logger.warnings
    assert shelf.rounds == at(0, 1, 2, 4, 5)
    assert told.startswith("it was refused; entry 4 of run ")
    assert len(list((tmp_path / "spool").glob("*.refused"))) == 1


async def test_database_that_is_slow_is_given_less_at_once(
    made: Any, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the batch that takes too long would come again for ever, whole."""
    monkeypatch.setattr("chrono.store.draining._FIRST_WAIT", 0.01)
    shelf.unprepared, shelf.most = TransientError("it is away"), 2
    async with made() as sink:
        for number in range(9):
            await sink.publish(report(number))
        shelf.unprepared = None
        await settled(sink)
    # what was written before the part that was too much comes again, and a database knows it by its position
    assert list(dict.fromkeys(shelf.rounds)) == at(*range(9))
    assert max(len(batch.entries) for batch in shelf.batches) <= 2


async def test_full_disk_is_said_and_costs_no_round(made: Any, shelf: Shelf) -> None:
    """Rounds wait in memory, and a database that is there has them from there."""
    async with made() as sink:
        await sink.publish(report(0))
        await settled(sink)
        with full_at(0):
            for number in (1, 2):
                await sink.publish(report(number))
            await until(lambda: sink.statuses)
            assert said(sink) == [("degraded", "spool_refused")]
            assert (
                "expected to bring rounds to disk, was refused: File too large; make room" in sink.statuses[0].message
            )
            await settled(sink)
            assert shelf.rounds == at(0, 1, 2)
        await sink.publish(report(3))
        await until(lambda: len(sink.statuses) == 2)
    assert said(sink) == [("degraded", "spool_refused"), ("live", "")]
    assert shelf.rounds == at(0, 1, 2, 3)


async def test_full_disk_and_no_database_is_waited_out_in_memory(made: Any, shelf: Shelf) -> None:
    """Until there is room; what could be brought nowhere by the end is counted as lost."""
    shelf.unprepared = TransientError("it is away")
    async with made() as sink:
        with full_at(0):
            await sink.publish(report(0))
        await sink.publish(report(1))
        assert sink._intake.waiting == 0
        with full_at(0):
            await sink.publish(report(2))
            await sink.__aexit__(None, None, None)
        assert "1 entries could not be brought to disk and are lost" in sink.statuses[-1].message
        shelf.unprepared = None
        async with made():
            pass
    assert shelf.rounds == at(0, 1)


async def test_no_room_at_all_is_the_reports_own_fault(made: Any, shelf: Shelf, monkeypatch: Any) -> None:
    """Where neither disk nor memory has room, publishing fails, to be tried again until the deadline."""
    shelf.unprepared = TransientError("it is away")
    async with made() as sink:
        monkeypatch.setattr(sink._intake, "_most", 1)
        with full_at(0):
            await sink.publish(report(0))
            with pytest.raises(TransientError, match="expected room for a round, was none in memory either"):
                await sink.publish(report(1))
        await sink.publish(report(0))
        await sink.publish(report(1))
        shelf.unprepared = None
        await settled(sink)
    assert shelf.rounds == at(0, 1)


async def test_limit_of_the_spool_is_said(made: Any, shelf: Shelf, monkeypatch: Any) -> None:
    """With what to do; once the database is back there is room."""
    shelf.unprepared = TransientError("it is away")
    async with made(spool_limit="1MB") as sink:
        monkeypatch.setattr(sink._spool, "_limit", 5_000)
        number = 0
        while ("degraded", "spool_full") not in said(sink):
            await sink.publish(report(number))
            await anyio.lowlevel.checkpoint()
            number += 1
        full = next(status for status in sink.statuses if status.code == "spool_full")
        assert "see to the database, or raise `spool_limit`" in full.message
        shelf.unprepared = None
        await settled(sink)
    assert shelf.rounds == at(*range(number))


async def test_statuses_are_kept_with_the_next_round(made: Any, shelf: Shelf) -> None:
    """Of whichever component."""
    async with made() as sink:
        sink.told(Status("north", "failed", "gone", "it went", VENUE, 5))
        await sink.publish(report(0))
    ((_, *row),) = shelf.entries[0].statuses
    assert row == [shelf.entries[0].statuses[0][1], "north", "venue:BTC/USD", "failed", "gone", "it went"]


async def test_statuses_are_kept_though_no_round_comes(made: Any, shelf: Shelf, monkeypatch: Any) -> None:
    """Soon after, or at the end."""
    monkeypatch.setattr(sinks, "_SOON", 0.01)
    async with made() as sink:
        sink.told(Status("north", "live", at=5))
        await until(lambda: shelf.entries)
        monkeypatch.setattr(sinks, "_SOON", 1000.0)
        sink.told(Status("south", "live", at=6))
    assert [entry.statuses[0][2] for entry in shelf.entries] == ["north", "south"]
    assert [entry.round for entry in shelf.entries] == [None, None]
    sink.told(Status("late", "live", at=7))


async def test_ticks_are_kept_if_they_are_asked_for(made: Any, shelf: Shelf, monkeypatch: Any) -> None:
    """With the next round, or as soon as there are many."""
    assert made().listener() is None
    monkeypatch.setattr(sinks, "_TICKS", 3)
    async with made(ticks=True) as sink:
        hear = sink.listener()
        hear(VENUE, Trade("BTCUSD", 100.0, 2.0, "buy", "t1", 7), 9)
        hear(VENUE, Quote("BTCUSD", 99.0, 101.0), 9)
        hear(VENUE, Trade("BTCUSD", 101.0, 2.0), 11)
        hear(VENUE, Trade("BTCUSD", 102.0, 2.0), 12)
        await sink.publish(report(0))
    first, second = shelf.entries
    assert [(row[1], row[2], row[3], row[4]) for row in first.ticks] == [(7, 9, 9, 1), (9, 10, 9, 2), (11, 11, 11, 1)]
    assert [row[5] for row in second.ticks] == [102.0]
    assert (first.round, second.round[1]) == (None, *at(0))


async def test_statuses_and_ticks_that_find_no_room_are_counted(made: Any, shelf: Shelf, monkeypatch: Any) -> None:
    """Rounds come first where memory is short."""
    shelf.unprepared = TransientError("it is away")
    monkeypatch.setattr(sinks, "_SOON", 0.01)
    async with made(ticks=True) as sink:
        hear = sink.listener()
        with full_at(0):
            await sink.publish(report(0))
            monkeypatch.setattr(sink._intake, "_most", sink._intake._weight + 10)
            for number in range(5):
                hear(VENUE, Trade("BTCUSD", 100.0, 2.0), number)
            sink.told(Status("north", "live", at=5))
            await sink.publish(report(1))
        await until(lambda: ("degraded", "lost") in said(sink))
        lost = next(status for status in sink.statuses if status.code == "lost")
        assert lost.message == "6 statuses or ticks found no room and are lost"
        shelf.unprepared = None
    assert shelf.rounds == at(0, 1)


async def test_closing_takes_no_longer_than_there_is_time(made: Any, shelf: Shelf, monkeypatch: Any) -> None:
    """A database that takes its time leaves the rest to the next run."""
    monkeypatch.setattr(sinks, "_END", 0.2)
    async with made() as sink:
        await sink.publish(report(0))
        await settled(sink)
        shelf.stuck = 0.6
        for number in range(1, 20):
            await sink.publish(report(number))
        began = time.perf_counter()
    assert time.perf_counter() - began < 3
    shelf.stuck = 0.0
    async with made():
        pass
    # what was being written when time was up is written again: the database knows its number
    assert sorted({*shelf.rounds}) == at(*range(20))


async def test_sink_that_was_cancelled_still_closes(made: Any, shelf: Shelf) -> None:
    """A second signal cuts the run short, not what it took."""
    with anyio.CancelScope() as scope:
        async with made() as sink:
            await sink.publish(report(0))
            scope.cancel()
            await asyncio.sleep(1)
    assert shelf.rounds == at(0)


async def test_database_that_takes_its_time_to_refuse_is_told_all_the_same(
    made: Any, shelf: Shelf, monkeypatch: Any
) -> None:
    """The start waits no longer; rounds are taken, and the refusal is said, and tried again."""
    monkeypatch.setattr(sinks, "_START", 0.05)

    async def slow(self: Any) -> None:
        await anyio.sleep(0.3)
        if shelf.unprepared is not None:
            raise shelf.unprepared

    monkeypatch.setattr(Kept, "prepare", slow)
    shelf.unprepared = ConfigError("not yours")
    async with made() as sink:
        await sink.publish(report(0))
        await until(lambda: ("failed", "database_refused") in said(sink))
        shelf.unprepared = None
        await settled(sink)
    assert shelf.rounds == at(0)
