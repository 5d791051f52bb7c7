"""A store that fails: everything that was published is in it once, and no round waits for it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.store.outages import PATIENCE, Program, Scene, full, locked, small_disk, until

BLOCKED = 3.0
"""Seconds that a database is away."""

KILLS = 5

EVERY = 0.1
"""Seconds between rounds."""

pytestmark = pytest.mark.timeout(4 * PATIENCE)


@pytest.fixture
def sqlite(tmp_path: Path) -> Scene:
    """Return a pipeline that stores into a file."""
    return Scene(tmp_path, {"type": "sqlite", "path": "chrono.db"}, str(tmp_path / "chrono.db"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is a disk of 2 MB."""
    try:
        with small_disk(tmp_path / "disk", 2_000_000) as folder:
            yield folder
    except PermissionError as error:
        pytest.skip(str(error))


def on_time(program: Program, seconds: float) -> None:
    """Let it run, and fail unless rounds went on meanwhile as they do."""
    since = len(program.rounds)
    time.sleep(seconds)
    seen = list(program.rounds.items())[since:]
    assert len(seen) > 0.4 * seconds / EVERY
    # a busy machine is late now and then; a round that waits for a store is as late as that is away
    assert max(each.late for _, each in seen) < 0.8 * seconds


def test_what_was_printed_is_stored(sqlite: Scene) -> None:
    with sqlite.running(rounds=10):
        pass
    assert sqlite.check() == 0


def test_no_round_waits_for_a_file_that_another_program_writes_to(sqlite: Scene) -> None:
    with sqlite.running() as program:
        with locked(sqlite.database.path):
            on_time(program, BLOCKED)
            sqlite.wait_to_hear("database_away")
            assert not sqlite.arrived(program)
        sqlite.wait(program)
    assert sqlite.check() == 0


def test_what_waits_at_the_end_is_stored_by_the_next_run(sqlite: Scene) -> None:
    with sqlite.running():
        pass
    with ExitStack() as stack:
        with sqlite.running() as program:
            stack.enter_context(locked(sqlite.database.path))
            program.wait(5)
        stack.close()
        assert not sqlite.arrived(program)
    assert "wait in chrono.db.spool" in sqlite.said
    with sqlite.running() as second:
        sqlite.wait(second)
    assert sqlite.check() == 0


def test_killed_again_and_again_while_it_writes_to_a_file(sqlite: Scene) -> None:
    chance = random.Random(1)
    for turn in range(KILLS):
        with sqlite.running() as program:
            with ExitStack() as stack:
                if turn % 2 and sqlite.database.path.exists():
                    # so that there is much to be written at once
                    stack.enter_context(locked(sqlite.database.path))
                    program.wait(chance.randrange(3, 8))
            time.sleep(chance.uniform(0, 0.3))
            program.kill()
    with sqlite.running() as program:
        sqlite.wait(program)
    assert sqlite.check() <= KILLS


@pytest.mark.parametrize(
    ("where", "codes"),
    [
        ("spool", ["spool_refused"]),
        ("database", ["database_away"]),
        # what is not in the spool is not tried to be written
        ("both", ["spool_refused"]),
    ],
)
def test_a_full_disk(tmp_path: Path, disk: Path, where: str, codes: Sequence[str]) -> None:
    database = (tmp_path if where == "spool" else disk) / "chrono.db"
    spool = (tmp_path if where == "database" else disk) / "spool"
    scene = Scene(tmp_path, {"type": "sqlite", "path": str(database), "spool": str(spool)}, str(database))
    with scene.running() as program:
        scene.wait(program)
        with full(disk):
            on_time(program, BLOCKED)
            for code in codes:
                scene.wait_to_hear(code)
        scene.wait(program)
    assert scene.check() == 0


def test_a_file_that_is_removed_is_made_again(sqlite: Scene) -> None:
    with sqlite.running() as program:
        sqlite.wait(program)
        for path in sqlite.file.parent.glob("chrono.db*"):
            if path.is_file():
                path.unlink()
        # what was written just before is gone with the file, though it may be printed after
        program.wait(2)
        before = set(program.rounds)
        program.wait(4)
        until(lambda: sqlite.database.path.exists(), "the file")
    assert set(sqlite.stored()) >= set(program.rounds) - before
