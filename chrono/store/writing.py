"""Writing batches, on any database: names become ids, entries rows, and nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection

from chrono.store.batches import Batch
from chrono.store.entries import Entry
from chrono.store.models import Estimate, Price, Round, Status, Tick, Verdict
from chrono.store.names import Names, inserting

Rows: TypeAlias = list[tuple[Any, ...]]

_OWNER = itemgetter(0)
_KEY = itemgetter(0, 1)
"""What the large tables are ordered by: a feed or a market, and the time."""

_DATED = frozenset({Status, Tick})
"""Tables whose rows have times of their own, not their round's."""


def write(connection: Connection, batch: Batch, known: Names | None = None) -> Names:
    """Write a batch in the transaction that is under way; entries that are written already are left out.

    A round that somebody else wrote stays as it is. What is returned makes the next batch of the same run faster.
    """
    names = Names.of(connection, batch, known)
    entries = batch.after(names.position)
    if not entries:
        return names
    fresh = begin(connection, names, entries)
    if connection.dialect.name == "sqlite":
        for model, rows in tables(names, entries, fresh, int, _text):
            _execute(connection, model.__table__, rows)
    else:
        for model, rows in tables(names, entries, fresh, int, _objects):
            columns = [column.key for column in model.__table__.columns]
            connection.execute(inserting(connection, model), [dict(zip(columns, row, strict=True)) for row in rows])
    names.advance(connection, batch.position)
    return names


def begin(connection: Connection, names: Names, entries: Sequence[Entry]) -> Container[int]:
    """Write down the rounds of entries, and return the instants of those that nobody had written."""
    rows = [
        {
            "pipeline_id": names.pipeline,
            "at": entry.round[1],
            "round": entry.round[0],
            "as_of": entry.round[1],
            "deadline": entry.round[2],
            "run_id": names.run,
            "feeds": len(entry.prices),
            "estimates": len(entry.estimates),
        }
        for entry in entries
        if entry.round is not None
    ]
    if not rows:
        return ()
    return set(connection.execute(inserting(connection, Round).returning(Round.as_of), rows).scalars())


def tables(
    names: Names,
    entries: Sequence[Entry],
    fresh: Container[int],
    instant: Callable[[int], Any],
    json: Callable[[Any], Any],
) -> Iterator[tuple[Any, Rows]]:
    """Yield the models that entries have rows for, each with its rows, whose values are in the order of its columns.

    Parameters
    ----------
    names : Names
    entries : sequence of Entry
    fresh : container of int
        The instants of the rounds that are to be written; statuses and ticks are, whatever their round.
    instant, json : callable
        What makes of nanoseconds, and of an object that is not None, what the database is given.
    """
    rounds = [(instant(entry.round[1]), entry) for entry in entries if entry.round and entry.round[1] in fresh]
    found: Mapping[type, Iterable[tuple[Any, ...]]] = {
        Price: _prices(names, rounds, json),
        Estimate: _estimates(names, rounds, json),
        Verdict: _verdicts(names, rounds, json),
        Status: ((names.pipeline, instant(at), *rest) for entry in entries for at, *rest in entry.statuses),
        Tick: ((names.markets[market], instant(at), *rest) for entry in entries for market, at, *rest in entry.ticks),
    }
    for model, rows in found.items():
        # rows that lie together in their table are written faster together; those of rounds come in the order of time
        listed = sorted(rows, key=_KEY if model in _DATED else _OWNER)
        if listed:
            yield model, listed


def _prices(names: Names, rounds: Iterable[tuple[Any, Entry]], json: Callable[[Any], Any]) -> Iterator[tuple[Any, ...]]:
    feeds = names.feeds
    for at, entry in rounds:
        for row in entry.prices:
            reason, notices = row[7:]
            if reason is not None:
                reason = json(reason)
            if notices is not None:
                notices = json(notices)
            yield feeds[row[0]], at, *row[1:7], reason, notices


def _estimates(names: Names, rounds: Iterable[tuple[Any, Entry]], json: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
    """Return most of the rows there are; column by column they take half the time of slices."""
    feeds, markets = names.feeds, names.markets
    return [
        (feeds[feed], at, markets[market], a, b, c, d, e, f, g, h, i, j, None if reason is None else json(reason))
        for at, entry in rounds
        for feed, market, a, b, c, d, e, f, g, h, i, j, reason in entry.estimates
    ]


def _verdicts(
    names: Names, rounds: Iterable[tuple[Any, Entry]], json: Callable[[Any], Any]
) -> Iterator[tuple[Any, ...]]:
    feeds, markets = names.feeds, names.markets
    for at, entry in rounds:
        for row in entry.verdicts:
            yield feeds[row[0]], at, row[1], markets[row[2]], *row[3:7], json(row[7])


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _objects(value: Any) -> Any:
    """Return what JSON makes of a value: it knows no NaN."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _execute(connection: Connection, table: Any, rows: Rows) -> None:
    """Insert rows by the driver itself, which costs half of what statements do."""
    names = [column.name for column in table.columns]
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING'  # noqa: S608 - our own names
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(statement, rows)
    finally:
        cursor.close()
