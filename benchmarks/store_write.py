"""How fast rounds get into a database: chrono's sinks beside the fastest way that the driver has, and the usual one.

All contenders write the same rows into tables made by the same migrations, in turn, each into a database of its own,
a transaction a batch of the size that a spool hands over. The rows of the others are ready before the clock starts;
the sinks begin with what a spool holds, so naming things, and finding out what is written already, is in their time.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
from measure import interleaved, say
from sqlalchemy import Connection, insert
from sqlalchemy.ext.asyncio import create_async_engine
from store_rounds import EVERY, Made, entries, made, moved, rows
from store_year import DURABLE

from chrono import Context
from chrono.core.reporting import encode
from chrono.store import Batch, Database, Entry, Names, Round, StoreSink, moment, tables
from chrono.store.sqlite import Sqlite
from chrono.testing.postgres import Cluster
from chrono_timescale import Timescale

STARTED = 1_700_000_000 * 10**9
RUNS = 2
"""Contenders find this many batches in the database when they begin."""

Tables: TypeAlias = list[tuple[Any, list[tuple[Any, ...]]]]


class Rounds:
    """The same rounds again and again, each time later, for one contender."""

    def __init__(self, pipeline: Made, first: Sequence[Entry]) -> None:
        self.pipeline = pipeline
        self.first = first
        self.turns = 0

    def batch(self) -> Batch:
        """Return the next batch."""
        by = self.turns * len(self.first)
        self.turns += 1
        later = [moved(entry, by * EVERY, by) for entry in self.first]
        return Batch("0" * 16, self.pipeline.opening, by + len(later), later)


def as_rows(batch: Batch, names: Names, instant: Callable[[int], Any], json: Callable[[Any], Any]) -> Tables:
    """Return the rows of a batch by table, as the others are given them."""
    instants = [entry.round for entry in batch.entries if entry.round]
    found: Tables = [
        (
            Round,
            [
                (names.pipeline, instant(as_of), number, as_of, deadline, names.run, 0, 0)
                for number, as_of, deadline in instants
            ],
        )
    ]
    fresh = {as_of for _, as_of, _ in instants}
    return found + [(model, list(each)) for model, each in tables(names, batch.entries, fresh, instant, json)]


def as_objects(found: Tables) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Return rows as SQLAlchemy is usually given them, round by round."""
    return [
        (model, [dict(zip(_columns(model), row, strict=True)) for row in sorted(each, key=itemgetter(1))])
        for model, each in found
    ]


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_sqlite(folder: Path, pipeline: Made, first: Sequence[Entry]) -> dict[str, Callable[[], float]]:
    """Return what writes to SQLite, by name."""

    async def begun(name: str) -> tuple[Sqlite, Rounds]:
        sink = Sqlite(Sqlite.Config(path=str(folder / f"{name}.db")), Context(name))
        return sink, await _begun(sink, Rounds(pipeline, first))

    ours, mine = asyncio.run(begun("ours"))
    _, driven = asyncio.run(begun("driver"))
    _, told = asyncio.run(begun("dicts"))
    driver = sqlite3.connect(folder / "driver.db", isolation_level=None)
    driver.execute("PRAGMA synchronous = FULL")
    engine = Database(str(folder / "dicts.db")).engine()
    names = _names(Database(str(folder / "dicts.db")), pipeline)

    def by_driver() -> float:
        found = as_rows(driven.batch(), names, int, _text)
        return timed(lambda: _driven(driver, found))

    def by_dicts() -> float:
        found = as_objects(as_rows(told.batch(), names, int, lambda value: value))
        return timed(lambda: _told(engine, found))

    def by_us() -> float:
        batch = mine.batch()
        return timed(lambda: asyncio.run(ours.write(batch)))

    return {"sqlite3 executemany": by_driver, "SQLAlchemy insert of dicts": by_dicts, "chrono's sink": by_us}


@contextmanager
def in_postgresql(
    urls: Iterator[str], pipeline: Made, first: Sequence[Entry]
) -> Iterator[dict[str, Callable[[], float]]]:
    """Give what writes to PostgreSQL, by name."""
    runner = asyncio.Runner()

    async def begun(name: str) -> tuple[Timescale, Rounds, str]:
        url = next(urls)
        sink = Timescale(Timescale.Config(url=url), Context(name))
        return sink, await _begun(sink, Rounds(pipeline, first)), url

    ours, mine, _ = runner.run(begun("ours"))
    other, copied, bare = runner.run(begun("bare"))
    another, told, dicts = runner.run(begun("dicts"))
    names = _names(Database(dicts), pipeline)
    driver = runner.run(asyncpg.connect(bare))
    engine = create_async_engine(Database(dicts).url)

    def by_copy() -> float:
        found = as_rows(copied.batch(), names, moment, _text)
        return timed(lambda: runner.run(_copied(driver, found)))

    def by_dicts() -> float:
        # the models take nanoseconds
        found = as_objects(as_rows(told.batch(), names, int, lambda value: value))
        return timed(lambda: runner.run(_told_there(engine, found)))

    def by_us() -> float:
        batch = mine.batch()
        return timed(lambda: runner.run(ours.write(batch)))

    yield {"asyncpg COPY, bare": by_copy, "SQLAlchemy insert of dicts": by_dicts, "chrono's sink": by_us}
    for end in (driver.close, engine.dispose, ours.release, other.release, another.release):
        runner.run(_ended(end))
    runner.close()


def tell(where: str, many: int, costs: Mapping[str, float]) -> None:
    """Print the rows a second, and how often faster chrono is than each of the others."""
    for name, cost in costs.items():
        ratio = cost / costs["chrono's sink"]
        say(f"{where}: {name}", f"{many / cost:,.0f}", "rows/s" + ("" if ratio == 1 else f", chrono {ratio:.2f}x"))


async def _begun(sink: StoreSink, rounds: Rounds) -> Rounds:
    await sink.prepare()
    for _ in range(RUNS):
        await sink.write(rounds.batch())
    return rounds


async def _ended(end: Callable[[], Awaitable[None]]) -> None:
    await end()


def _names(database: Database, pipeline: Made) -> Names:
    return database.run(lambda connection: Names.of(connection, Batch("0" * 16, pipeline.opening, 0, ())), write=True)


def _columns(model: Any) -> list[str]:
    return [column.key for column in model.__table__.columns]


def _text(value: Any) -> str:
    return encode(value).decode()


def _driven(driver: sqlite3.Connection, found: Tables) -> None:
    driver.execute("BEGIN IMMEDIATE")
    for model, each in found:
        driver.executemany(f"INSERT INTO {model.__tablename__} VALUES ({', '.join('?' * len(each[0]))})", each)
    driver.execute("COMMIT")


def _told(engine: Any, found: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    with engine.begin() as connection:
        _inserted(connection, found)


async def _told_there(engine: Any, found: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(_inserted, found)


def _inserted(connection: Connection, found: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    for model, each in found:
        connection.execute(insert(model), each)


async def _copied(driver: asyncpg.Connection, found: Tables) -> None:
    async with driver.transaction():
        for model, each in found:
            await driver.copy_records_to_table(model.__tablename__, records=each, columns=_columns(model))


def main() -> None:
    """Write, and print how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=63)
    parser.add_argument("--markets", type=int, default=6, help="markets a feed")
    parser.add_argument("--batch", type=int, default=66, help="rounds a transaction; 66 are the 2 MB of a spool")
    parser.add_argument("--ticks", type=int, default=0, help="ticks a round")
    parser.add_argument("--rounds", type=int, default=15, help="how often each contender has its turn")
    options = parser.parse_args()
    pipeline = made(options.feeds, options.markets, STARTED)
    first = list(entries(pipeline, options.batch, ticks=options.ticks))
    many = sum(map(rows, first))
    say(f"{options.feeds} feeds x {options.markets} markets, {options.batch} rounds a batch", f"{many:,}", "rows")
    folder = Path(tempfile.mkdtemp())
    try:
        tell("SQLite", many, interleaved(options.rounds, in_sqlite(folder, pipeline, first)))
        with Cluster(DURABLE) as cluster, ExitStack() as databases:
            urls = (databases.enter_context(cluster.fresh()).url for _ in range(3))
            with in_postgresql(urls, pipeline, first) as contenders:
                tell("PostgreSQL", many, interleaved(options.rounds, contenders))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
