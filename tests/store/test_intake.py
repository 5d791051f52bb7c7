"""What waits to be brought to disk: numbered, in order, and in memory while the disk refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chrono.store.intake import Intake
from chrono.store.spool import Spool
from tests.store.made import entry, opening
from tests.store.test_spool import rounds


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Return an empty spool."""
    made = Spool(tmp_path / "spool", 10**8, pytest.fail)
    yield made
    made.close()


class Disk:
    """Stands between an intake and a spool, and refuses while it is told to."""

    def __init__(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refuses = False
        self.meanwhile: Callable[[], Any] | None = None
        self._append = spool.append
        monkeypatch.setattr(spool, "append", self.append)

    def append(self, entries: Any) -> None:
        if self.meanwhile is not None:
            self.meanwhile()
        if self.refuses:
            raise OSError(28, "No space left on device")
        self._append(entries)


def test_entries_are_numbered_and_brought_to_disk_once(spool: Spool) -> None:
    """In the order in which they came, whatever is flushed when."""
    intake = Intake(spool, opening())
    assert not intake.flush()
    for number in (1, 2, 3):
        intake.add(entry(number))
        if number != 2:
            assert intake.flush()
    assert (intake.waiting, intake.load) == (0, 0)
    (batch,) = spool.batches()
    assert (rounds([batch]), batch.position) == ([1, 2, 3], 3)


def test_what_the_disk_refuses_waits_and_goes_to_disk_later(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, and the load says how much waits."""
    disk, intake = Disk(spool, monkeypatch), Intake(spool, opening(), most=10_000)
    disk.refuses = True
    for number in (1, 2):
        intake.add(entry(number))
        with pytest.raises(OSError, match="No space"):
            intake.flush()
    assert intake.waiting == 2
    assert 0 < intake.load < 1
    disk.refuses = False
    assert intake.flush()
    assert rounds(list(spool.batches())) == [1, 2]


def test_database_gets_what_no_disk_took(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk is first; an entry that is written is forgotten."""
    disk, intake = Disk(spool, monkeypatch), Intake(spool, opening())
    intake.add(entry(1))
    intake.flush()
    disk.refuses = True
    intake.add(entry(2))
    with pytest.raises(OSError, match="No space"):
        intake.flush()
    assert intake.batch() is None
    assert rounds(list(spool.batches())) == [1]
    batch = intake.batch()
    assert batch is not None
    assert (rounds([batch]), batch.position, batch.opening) == ([2], 2, opening())
    intake.written(batch.position)
    assert (intake.waiting, intake.batch()) == (0, None)


def test_who_adds_does_not_wait_for_the_disk(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a slow disk takes one entry, the next is taken into memory at once."""
    disk, intake = Disk(spool, monkeypatch), Intake(spool, opening())
    entered, leave = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        assert leave.wait(10)

    disk.meanwhile = slow
    intake.add(entry(1))
    flushing = threading.Thread(target=intake.flush)
    flushing.start()
    assert entered.wait(10)
    intake.add(entry(2))
    assert intake.waiting == 2
    leave.set()
    flushing.join(10)
    assert intake.waiting == 1
    intake.flush()
    assert rounds(list(spool.batches())) == [1, 2]
