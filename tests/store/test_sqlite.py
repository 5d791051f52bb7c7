"""The sink that keeps everything in a file: the contract, and a file that is moved, damaged or locked."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection

from chrono.core.component import Context, Status
from chrono.core.errors import ConfigError
from chrono.store import writing
from chrono.store.batches import Batch
from chrono.store.names import Names
from chrono.store.sink import StoreSink
from chrono.store.sqlite import Sqlite
from chrono.testing import SinkContract
from chrono.testing.reports import described, report

pytestmark = pytest.mark.anyio


async def until(true: Callable[[], Any]) -> None:
    """Return when something is so."""
    with anyio.fail_after(20):
        while not true():  # noqa: ASYNC110 - it is up to another thread
            await anyio.sleep(0.005)


async def settled(sink: StoreSink) -> None:
    """Return when the database has everything."""
    await until(lambda: not sink.waiting)


class TestSqlite(SinkContract):
    """What every sink promises."""

    sink = Sqlite

    def options(self) -> Mapping[str, Any]:
        return {"path": str(self.folder / "prices.db")}

    def make(self) -> Sqlite:
        self.made = super().make()
        assert isinstance(self.made, Sqlite)
        return self.made

    async def seen(self) -> Sequence[Any]:
        await settled(self.made)
        return values(self.folder / "prices.db")


def values(path: Path) -> list[tuple[Any, ...]]:
    """Return what is published of each feed in each round."""
    order = "SELECT round, feed_id, value, reason FROM rounds JOIN prices USING (at) ORDER BY round, feed_id"
    return query(path, order)


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask a file as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def files(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {each.name for each in folder.iterdir()}


class Log:
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def sink(path: Path, **options: Any) -> Sqlite:
    """Return a sink whose statuses are kept in its context's list."""
    statuses: list[Status] = []
    context = Context("store", report=statuses.append, logger=Log(), describe=described)
    made = Sqlite(Sqlite.Config(path=str(path), **options), context)
    vars(made)["statuses"] = statuses
    return made


def said(made: Any) -> list[tuple[str, str]]:
    """Return the states and codes that a sink said."""
    return [(status.state, status.code) for status in made.statuses]


async def test_others_read_while_it_is_written_to(tmp_path: Path) -> None:
    """The journal is written ahead, and what is committed is on disk."""
    path = tmp_path / "prices.db"
    async with sink(path) as made:
        await made.publish(report(0))
        await settled(made)
        assert query(path, "PRAGMA journal_mode") == [("wal",)]
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            before = reader.execute("SELECT count(*) FROM rounds").fetchone()
            await made.publish(report(1))
            await settled(made)
            assert reader.execute("SELECT count(*) FROM rounds").fetchone() == before
    assert [row[0] for row in query(path, "SELECT count(*) FROM rounds")] == [2]
    assert files(tmp_path) == {"prices.db", "prices.db.spool"}


async def test_locked_file_is_waited_for_and_no_round_is_lost(tmp_path: Path) -> None:
    """Another program holds it: publishing goes on, the status says what to do, and later says that all is well."""
    path = tmp_path / "prices.db"
    made: Any = sink(path)
    async with made:
        await made.publish(report(0))
        await settled(made)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(1, 4):
                await made.publish(report(number))
            await until(lambda: made.statuses)
            status = made.statuses[-1]
            assert (status.state, status.code) == ("waiting", "database_away")
            assert "was locked by another program; try again when that is done; rounds wait in" in status.message
            # what an outlet says after each report
            made.context.status("live")
            assert said(made) == [("waiting", "database_away")]
            other.execute("ROLLBACK")
        await settled(made)
        await anyio.sleep(0.05)
    assert said(made) == [("waiting", "database_away"), ("live", "")]
    assert [row[0] for row in query(path, "SELECT count(*) FROM rounds")] == [4]


async def test_database_that_is_locked_at_the_start_is_no_reason_not_to_run(tmp_path: Path) -> None:
    """Rounds are taken, and are there when the next run finds it free."""
    path = tmp_path / "prices.db"
    async with sink(path) as made:
        await made.publish(report(0))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked: Any = sink(path)
        async with locked:
            await locked.publish(report(1))
    assert said(locked) == [("waiting", "database_away"), ("degraded", "unwritten")]
    assert "prices.db.spool/reports and are written when it runs again" in locked.statuses[-1].message
    async with sink(path) as made:
        await made.publish(report(2))
    assert [row[0] for row in query(path, "SELECT as_of FROM rounds ORDER BY at")] == [
        report(number).round.as_of for number in range(3)
    ]
    assert query(path, "SELECT position FROM runs ORDER BY started") == [(1,), (1,), (1,)]


async def test_file_that_is_removed_or_replaced_is_noticed(tmp_path: Path) -> None:
    """What follows is written to what has its name by then, not to what nobody will ever see again."""
    path = tmp_path / "prices.db"
    async with sink(path) as made:
        await made.publish(report(0))
        await settled(made)
        for name in files(tmp_path) & {"prices.db", "prices.db-wal", "prices.db-shm"}:
            (tmp_path / name).unlink()
        await made.publish(report(1))
        await settled(made)
    assert [row[0] for row in query(path, "SELECT as_of FROM rounds")] == [report(1).round.as_of]


async def test_batch_of_a_file_that_is_removed_meanwhile_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the file and the end of the transaction."""
    path = tmp_path / "prices.db"
    once = iter((True,))

    def write(connection: Connection, batch: Batch, known: Names | None) -> Names:
        names = real(connection, batch, known)
        if next(once, False):
            path.unlink()
        return names

    real = writing.write
    monkeypatch.setattr(writing, "write", write)
    async with sink(path) as made:
        await made.publish(report(0))
        await settled(made)
    assert [row[0] for row in query(path, "SELECT as_of FROM rounds")] == [report(0).round.as_of]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"this is no database, and never was one" * 100, "expected a SQLite database, was another file"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "expected a SQLite database, was another file"),
    ],
)
async def test_file_that_is_no_database_is_refused_at_the_start(tmp_path: Path, content: bytes, told: str) -> None:
    """One line, and the file stays as it is."""
    path = tmp_path / "prices.db"
    path.write_bytes(content)
    made: Any = sink(path)
    with pytest.raises(ConfigError, match=f"{path}: {told}"):
        await made.__aenter__()
    assert path.read_bytes() == content
    assert made.statuses == []


async def test_newer_database_is_refused_at_the_start(tmp_path: Path) -> None:
    """It is not touched; the spool can be opened by the one that can write to it."""
    path = tmp_path / "prices.db"
    async with sink(path) as made:
        await made.publish(report(0))
    query(path, "UPDATE alembic_version SET version_num = '9999'")
    query(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(ConfigError, match="was 9999; a newer chrono made them: upgrade chrono"):
            await sink(path).__aenter__()
    assert path.read_bytes() == before


async def test_database_that_breaks_while_it_is_written_to_costs_no_round(tmp_path: Path) -> None:
    """It is said; once a backup is in its place the rounds that waited are in it."""
    path = tmp_path / "prices.db"
    made: Any = sink(path)
    async with made:
        await made.publish(report(0))
        await settled(made)
        query(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        backup = path.read_bytes()
        path.unlink()
        path.write_bytes(b"no database" * 1000)
        await made.publish(report(1))
        await until(lambda: ("failed", "database_refused") in said(made))
        assert made.waiting
        path.unlink()
        path.write_bytes(backup)
        await settled(made)
    assert [row[0] for row in query(path, "SELECT count(*) FROM rounds")] == [2]


async def test_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    """A slip in a path makes no folder."""
    with pytest.raises(ConfigError, match=r"prices\.db: expected a folder .*no to keep it in, there is none; make it"):
        await sink(tmp_path / "no" / "prices.db").__aenter__()
    assert files(tmp_path) == set()


async def test_spool_lies_where_it_is_told(tmp_path: Path) -> None:
    """Else beside the database, a folder for each pipeline."""
    async with sink(tmp_path / "a.db", spool=str(tmp_path / "elsewhere")) as made:
        await made.publish(report(0))
    async with sink(tmp_path / "b.db") as made:
        await made.publish(report(0))
    assert (tmp_path / "elsewhere" / "name").exists()
    assert (tmp_path / "b.db.spool" / "reports" / "name").exists()


async def test_two_sinks_with_one_spool_are_refused(tmp_path: Path) -> None:
    """The second says what to do; two spools may well go into one database."""
    path = tmp_path / "prices.db"
    async with sink(path) as first:
        with pytest.raises(ConfigError, match="was in use; stop the other one, or name another `spool`"):
            await sink(path).__aenter__()
        async with sink(path, spool=str(tmp_path / "other")) as second:
            for number in range(3):
                await (first, second)[number % 2].publish(report(number))
            await settled(first)
            await settled(second)
    assert [row[0] for row in query(path, "SELECT count(*) FROM rounds")] == [3]


PIPELINE = """
every: 100ms
feeds: {BTC/USD: {decimals: 2}}
quotes: [USD]
sources: {north: {type: push}, south: {type: push}}
"""


def started(path: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a pipeline that stores into a file, as a user does."""
    file = path.with_suffix(".yaml")
    file.write_text(f"{PIPELINE}sinks: {{sqlite: {json.dumps({'path': str(path), **options})}}}\n")
    code = "import sys; from chrono.cli.app import run; sys.exit(run(sys.argv[1:]))"
    arguments = [sys.executable, "-c", code, "pipeline", "run", str(file), "--rounds", "2"]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_pipeline_stores_what_it_publishes(tmp_path: Path) -> None:
    """With its recipes, so that it can be explained, and what its components said."""
    path = tmp_path / "prices.db"
    done = started(path)
    # there is nobody to push
    assert done.returncode == 1, done.stderr
    assert query(path, "SELECT count(*), count(value) FROM prices") == [(2, 0)]
    ((recipes,),) = query(path, "SELECT recipes FROM descriptions")
    assert [recipe["feed"]["name"] for recipe in json.loads(recipes)["recipes"]] == ["BTC/USD"]
    assert {component for (component,) in query(path, "SELECT component FROM statuses")} >= {"north", "south", "sqlite"}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "was 9999; a newer chrono made them: upgrade chrono"),
        ("", "expected a SQLite database, was another file; name another"),
    ],
)
def test_pipeline_says_in_one_line_that_its_database_is_not_to_be_written_to(
    tmp_path: Path, spoil: str, told: str
) -> None:
    """Exit code 2, and the file stays as it is."""
    path = tmp_path / "prices.db"
    started(path)
    if spoil:
        query(path, spoil)
        query(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        path.write_bytes(b"no database " * 1000)
    before = path.read_bytes()
    done = started(path)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"sqlite could not start: {path}: expected ")
    assert done.stderr.endswith(f"{told}\n")
    assert len(done.stderr.splitlines()) == 1
    assert path.read_bytes() == before
