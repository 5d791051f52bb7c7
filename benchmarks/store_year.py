"""A year in a database: how fast it answers, and what it takes up.

Rounds are made up and written by chrono's own sinks, a backlog's batch at a time, which is COPY on PostgreSQL and
executemany on SQLite. Each day is the same one again, later; the last days have ticks, too. Then questions are asked
with feeds and times at random, over one connection, as the functions behind the commands ask them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from measure import percentile, say
from sqlalchemy import Connection, text
from store_rounds import EVERY, Made, entries, made, moved

from chrono import Context
from chrono.core.explaining import explain
from chrono.core.types import SECOND
from chrono.store import Batch, Database, Entry, StoreSink
from chrono.store.history import at, history, latest, moment

STARTED = 18_888_889 * EVERY
"""At the beat of the rounds, in 2023."""
DAY = 86_400 * SECOND
ROUNDS = DAY // EVERY
"""Rounds of a day."""

DURABLE = {"fsync": "on", "full_page_writes": "on"}
"""As a server is set up that is more than a test's."""

SIZES = {
    "sqlite": """
        SELECT name, sum(pageno) * (SELECT page_size FROM pragma_page_size)
        FROM dbstat WHERE aggregate = TRUE GROUP BY name
    """,
    "postgresql": """
        SELECT root.relname, coalesce(
            (SELECT sum(pg_total_relation_size(part.relid)) FROM pg_partition_tree(root.oid) part),
            pg_total_relation_size(root.oid)
        )
        FROM pg_class root JOIN pg_namespace space ON space.oid = root.relnamespace
        WHERE space.nspname = 'public' AND root.relkind IN ('r', 'p') AND NOT root.relispartition
    """,
}


class Place(NamedTuple):
    """A database with nothing in it, what writes to it, and another that is empty, too."""

    database: Database
    sink: StoreSink
    other: Database


class Year(NamedTuple):
    """What is written: so many days, the last of them with so many ticks a second."""

    pipeline: Made
    days: int
    tick_days: int
    ticks: float
    batch: int

    @property
    def end(self) -> int:
        """The instant of the last round."""
        return self.pipeline.opening.started + self.days * DAY

    def written(self) -> Iterator[Entry]:
        """Yield the rounds of all days."""
        quiet = list(entries(self.pipeline, ROUNDS))
        for day in range(self.days):
            if day < self.days - self.tick_days:
                yield from (moved(entry, day * DAY, day * ROUNDS) for entry in quiet)
            else:
                heard = round(self.ticks * EVERY / SECOND)
                yield from entries(self.pipeline, ROUNDS, first=day * ROUNDS, ticks=heard, seed=day)

    def batches(self) -> Iterator[Batch]:
        """Yield the rounds of all days as a spool hands them over."""
        gathered: list[Entry] = []
        for position, entry in enumerate(self.written(), 1):
            gathered.append(entry)
            if len(gathered) == self.batch or position == self.days * ROUNDS:
                yield Batch("0" * 16, self.pipeline.opening, position, gathered)
                gathered = []


async def fill(sink: StoreSink, year: Year) -> Counter[str]:
    """Write a year; return how many rows each table has of it."""
    counted: Counter[str] = Counter()
    await sink.prepare()
    began = time.monotonic()
    for batch in year.batches():
        await sink.write(batch)
        for entry in batch.entries:
            counted["rounds"] += 1
            for table in ("prices", "estimates", "verdicts", "statuses", "ticks"):
                counted[table] += len(getattr(entry, table))
    await sink.release()
    took = time.monotonic() - began
    say("  written", f"{counted.total() / took:,.0f}", f"rows/s, {counted.total():,} rows in {took / 60:.1f} min")
    return counted


def asked(year: Year, random: Random) -> dict[str, Callable[[Connection], object]]:
    """Return the questions, by name; each asks for something else each time."""
    feeds = year.pipeline.feeds
    first = year.pipeline.opening.started + EVERY

    def some() -> str:
        return random.choice(feeds)

    def sometime(until: int = year.end) -> int:
        return random.randrange(first, until)

    def a_day(connection: Connection) -> int:
        since = sometime(max(year.end - DAY, first + 1))
        return len(list(history(connection, some(), since, since + DAY)))

    def a_tree(connection: Connection) -> object:
        feed = some()
        return explain(moment(connection, feed, str(sometime())), feed)

    return {
        "latest": lambda connection: latest(connection, some()),
        "at a time": lambda connection: at(connection, some(), sometime()),
        "a day of a feed": a_day,
        "explain": a_tree,
    }


def answered(connection: Connection, year: Year, times: int) -> None:
    """Ask everything so many times, in turn, and print how long the answers took."""
    questions = asked(year, Random(1))
    took: dict[str, list[float]] = {name: [] for name in questions}
    for turn in range(times + 1):
        for name, ask in questions.items():
            began = time.perf_counter()
            found = ask(connection)
            # what is asked first is compiled first
            if turn:
                took[name].append((time.perf_counter() - began) * 1e3)
            assert found, f"expected an answer to {name}"
    for name, found_in in took.items():
        p50, p99 = (percentile(found_in, share) for share in (0.5, 0.99))
        say(f"  {name}", f"{p50:.1f} ms", f"p50; p99 {p99:.1f} ms, most {max(found_in):.1f} ms")


def sizes(connection: Connection, counted: Counter[str]) -> None:
    """Print what the tables take up, with their indexes."""
    found = {name: int(size) for name, size in connection.execute(text(SIZES[connection.dialect.name]))}
    indexes = {"rounds": found.pop("ix_rounds_pipeline_id_round", 0)}
    for table, rows in counted.items():
        if rows:
            size = found[table] + indexes.get(table, 0)
            say(f"  {table}", f"{size / rows:.0f} B", f"a row; {rows:,} rows, {size / 1e6:,.0f} MB")


def measure(place: Place, year: Year, times: int) -> None:
    """Write a year, then ask."""
    database = place.database
    say(f"{database.dialect}", f"{year.days}", "days")
    counted = asyncio.run(fill(place.sink, year))
    if database.dialect == "postgresql":
        # as it does by itself before long
        database.run(lambda connection: connection.execute(text("ANALYZE")), write=True)
    # what wrote the year is still in memory, and no program that asks has that to look through
    gc.collect()
    gc.freeze()
    database.run(lambda connection: answered(connection, year, times))
    began = time.perf_counter()
    database.run(lambda connection: latest(connection, year.pipeline.feeds[-1]))
    say("  latest, with connecting and checking", f"{(time.perf_counter() - began) * 1e3:.0f} ms")
    database.run(lambda connection: sizes(connection, counted))


@contextmanager
def in_sqlite(folder: Path) -> Iterator[Place]:
    """Name two files."""
    from chrono.store.sqlite import Sqlite

    path = str(folder / "year.db")
    yield Place(Database(path), Sqlite(Sqlite.Config(path=path), Context("year")), Database(str(folder / "other.db")))


@contextmanager
def in_postgresql(folder: Path) -> Iterator[Place]:
    """Start a server with two databases."""
    from chrono.testing.postgres import Cluster
    from chrono_timescale import Timescale

    with Cluster(DURABLE) as cluster, cluster.fresh() as one, cluster.fresh() as other:
        sink = Timescale(Timescale.Config(url=one.url), Context("year"))
        yield Place(Database(one.url), sink, Database(other.url))


PLACES = {"sqlite": in_sqlite, "postgresql": in_postgresql}


def main() -> None:
    """Write, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--tick-days", type=int, default=7, help="how many of them, the last, have ticks")
    parser.add_argument("--ticks", type=float, default=20.0, help="ticks a second, of all markets together")
    parser.add_argument("--feeds", type=int, default=63)
    parser.add_argument("--markets", type=int, default=6, help="markets a feed")
    parser.add_argument("--batch", type=int, default=66, help="rounds a transaction")
    parser.add_argument("--times", type=int, default=500, help="how often each question is asked")
    parser.add_argument("--databases", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--folder", type=Path, default=None, help="where there is room")
    options = parser.parse_args()
    pipeline = made(options.feeds, options.markets, STARTED)
    year = Year(pipeline, options.days, min(options.tick_days, options.days), options.ticks, options.batch)
    for name in options.databases:
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        try:
            with PLACES[name](folder) as place:
                measure(place, year, options.times)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
