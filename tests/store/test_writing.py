"""Writing batches: every row once, whatever is written again, by whomever."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, insert, select, text

from chrono.core.errors import DataError
from chrono.store.batches import Batch
from chrono.store.database import Database
from chrono.store.entries import Entry
from chrono.store.migrating import upgrade
from chrono.store.models import Base, Estimate, Market, Pipeline, Price, Round, Run, Status, Tick, Verdict
from chrono.store.writing import write
from tests.store.made import START, entry, opening

LARGE = (Round, Price, Estimate, Verdict, Status, Tick)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Return an empty store, of either kind."""
    there = request.param == "postgresql"
    made = Database(request.getfixturevalue("postgres").url if there else str(tmp_path / "store.db"))
    made.run(upgrade, write=True, create=True, ready=False)
    return made


def batch(first: int, last: int, *, started: int = START, spool: str = "spool", **more: Any) -> Batch:
    """Return entries of a run, from a number to another."""
    entries = [entry(number, **more) for number in range(first, last + 1)]
    return Batch(spool, opening(started), last, entries)


def put(database: Database, *batches: Batch) -> None:
    """Write batches, each in a transaction of its own."""
    for each in batches:
        database.run(lambda connection, each=each: write(connection, each), write=True)


def rows(database: Database, model: type[Base]) -> list[dict[str, Any]]:
    """Return what a table holds."""
    table = model.__table__
    found = database.run(
        lambda connection: connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
    )
    return [dict(row) for row in found]


def counts(database: Database) -> list[int]:
    """Return how many rows the large tables have."""
    return [len(rows(database, model)) for model in LARGE]


def test_entry_becomes_rows(database: Database) -> None:
    """Each value in its column, with the ids of its names."""
    put(database, batch(1, 1, ticks=1))
    at = START + 10**9
    (run,) = rows(database, Run)
    assert rows(database, Round) == [
        {
            "pipeline_id": 1,
            "at": at,
            "round": 1,
            "as_of": at,
            "deadline": at + 10**9,
            "run_id": run["id"],
            "feeds": 2,
            "estimates": 3,
        }
    ]
    first, second = rows(database, Price)
    assert (first["value"], first["agreed"], first["trust"], first["age"], first["reason"]) == (
        100.0,
        100.0,
        0.95,
        7,
        None,
    )
    assert (second["value"], second["reason"], second["notices"]) == (None, {"code": "no_data"}, [])
    estimates = rows(database, Estimate)
    names = {row["id"]: row["source"] for row in rows(database, Market)}
    assert [names[row["market_id"]] for row in sorted(estimates, key=lambda row: row["value"] or math.inf)] == [
        "north",
        "south",
        "east",
    ]
    (verdict,) = rows(database, Verdict)
    assert (names[verdict["market_id"]], verdict["keep"], verdict["data"]) == ("south", True, {"distance_bp": 12.0})
    (status,) = rows(database, Status)
    assert (status["component"], status["market"], status["state"]) == ("north", None, "live")
    (tick,) = rows(database, Tick)
    assert (tick["kind"], tick["price"], tick["side"], tick["bid"], tick["received"]) == (1, 100.0, "buy", None, at)
    assert run["position"] == 1


def test_writing_again_changes_nothing(database: Database) -> None:
    """After a crash between the database and the spool a batch comes a second time."""
    put(database, batch(1, 3, ticks=2))
    before = [rows(database, model) for model in LARGE]
    put(database, batch(1, 3, ticks=2), batch(2, 3, ticks=2), batch(1, 1, ticks=2))
    assert [rows(database, model) for model in LARGE] == before
    assert [row["position"] for row in rows(database, Run)] == [3]


def test_batch_that_is_half_written_goes_on_where_it_ended(database: Database) -> None:
    """The same entries in batches of another size."""
    put(database, batch(1, 2), batch(1, 5))
    assert [row["round"] for row in rows(database, Round)] == [1, 2, 3, 4, 5]
    assert [row["position"] for row in rows(database, Run)] == [5]


def test_round_that_another_wrote_stays_as_it_is(database: Database) -> None:
    """Two machines run one pipeline: whoever is first has told, and its round stays whole and alone."""
    put(database, batch(1, 2, value=100.0))
    other = batch(2, 3, value=200.0, started=START + 1000, spool="other")
    put(database, other._replace(position=2))
    values = {row["at"]: row["value"] for row in rows(database, Price) if row["value"] is not None}
    assert [values[START + number * 10**9] for number in (1, 2, 3)] == [100.0, 100.0, 200.0]
    assert counts(database)[:4] == [3, 6, 9, 3]
    assert len({row["run_id"] for row in rows(database, Round)}) == 2


def test_another_round_of_fewer_markets_adds_none_to_the_first(database: Database) -> None:
    """What a check counts is what its round says."""
    put(database, batch(1, 1))
    few = entry(1)
    wider = msgspec.structs.replace(few, estimates=[(1, *row[1:]) for row in few.estimates])
    put(database, Batch("other", opening(START + 1000), 1, [wider]))
    assert counts(database)[2] == 3


def test_entry_of_no_round_is_its_statuses_and_ticks(database: Database) -> None:
    """What was said after the last round, or in between."""
    alone = Entry(None, statuses=[(START, 5, "north", None, "failed", "code", "why")], ticks=entry(1, ticks=1).ticks)
    put(database, Batch("spool", opening(), 1, [alone]))
    assert counts(database) == [0, 0, 0, 0, 1, 1]


def test_nothing_of_a_batch_that_fails_is_there(database: Database) -> None:
    """A transaction is all or nothing: names, rows and the position."""
    bad = msgspec.structs.replace(entry(2), prices=[(0, 1.0, None, 1.0, 1.0, 0, 0, None, None)])
    with pytest.raises(
        DataError, match=f"^{re.escape(str(database))}: expected values that it can hold, was refused"
    ) as caught:
        put(database, Batch("spool", opening(), 2, [entry(1), bad]))
    assert len(str(caught.value).splitlines()) == 1
    assert counts(database) == [0] * 6
    assert rows(database, Pipeline) == []


def test_what_is_no_number_is_null(database: Database) -> None:
    """JSON knows no NaN; a column that must have a value is never given one that is none."""
    odd = msgspec.structs.replace(
        entry(1), verdicts=[(0, 0, 1, "odd", False, None, "odd", {"ratio": math.nan, 5: "five"})]
    )
    put(database, Batch("spool", opening(), 1, [odd]))
    (verdict,) = rows(database, Verdict)
    assert (verdict["score"], verdict["data"], verdict["keep"]) == (None, {"ratio": None, "5": "five"}, False)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """Return what connects to the store."""
    made = database.engine()
    yield made
    made.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_rows_are_the_same_by_the_driver_and_by_statements(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast way writes what the usual one would."""
    put(database, batch(1, 3, ticks=3))
    fast = [rows(database, model) for model in LARGE]

    def usual(connection: Connection, table: Any, values: Any) -> None:
        plain = [dict(zip(table.columns.keys(), row, strict=True)) for row in values]
        kinds = {column.key for column in table.columns if "JSON" in str(column.type)}
        for row in plain:
            row.update({key: row[key] and msgspec.json.decode(row[key]) for key in kinds})
        connection.execute(insert(table), plain)

    with engine.begin() as connection:
        for model in LARGE:
            connection.execute(text(f"DELETE FROM {model.__tablename__}"))
        connection.execute(text("UPDATE runs SET position = 0"))
    monkeypatch.setattr("chrono.store.writing._execute", usual)
    put(database, batch(1, 3, ticks=3))
    assert [rows(database, model) for model in LARGE] == fast
