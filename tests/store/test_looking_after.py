"""Stats, verify, prune, export, backup and restore do on PostgreSQL what they do on SQLite, and explain reads both."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chrono.core.errors import ConfigError
from chrono.core.explaining import explain
from chrono.core.types import SECOND
from chrono.store import Batch, Database, Entry, upgrade, write
from chrono.store.backup import backup, restore
from chrono.store.exporting import export
from chrono.store.history import at, history, latest, moment, snapshot
from chrono.store.measuring import measure
from chrono.store.pruning import prune
from chrono.store.verifying import verify
from chrono.testing.postgres import Fresh

from .made import START, entry, opening

ROUNDS = 5
FIRST = START // SECOND


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "made.db")
    pytest.importorskip("asyncpg")
    fresh: Fresh = request.getfixturevalue("postgres")
    return fresh.url


def numbered(*numbers: int) -> list[Entry]:
    """Return entries of rounds whose numbers go with their instants."""
    found = []
    for number in numbers:
        made = entry(number, 100.0 + number, ticks=2)
        assert made.round is not None
        found.append(msgspec.structs.replace(made, round=(FIRST + number, *made.round[1:])))
    return found


@pytest.fixture
def store(url: str) -> Database:
    """Return a store of five rounds."""
    entries = numbered(*range(ROUNDS))
    database = Database(url)
    database.run(upgrade, write=True, create=True, ready=False)
    database.run(lambda connection: write(connection, Batch("s", opening(), ROUNDS, entries)), write=True)
    return database


def test_questions_are_answered(store: Database) -> None:
    """The newest value, the one at a time, a span of them, and what one was made of."""
    found = store.run(lambda connection: latest(connection, "BTC/USD"))
    assert found is not None
    assert (found.value, found.at, found.age) == (104.0, START + 4 * SECOND, 7)
    found = store.run(lambda connection: at(connection, "BTC/USD", START + 2 * SECOND + 5))
    assert found is not None
    assert found.value == 102.0
    assert store.run(lambda connection: at(connection, "BTC/USD", START - 1)) is None
    span = store.run(
        lambda connection: list(history(connection, "BTC/USD", START + SECOND, START + 3 * SECOND, "made"))
    )
    assert [point.value for point in span] == [101.0, 102.0]
    tree = explain(store.run(lambda connection: moment(connection, "BTC/USD")), "BTC/USD")
    assert (tree["value"], tree["round"]) == ("104.00", FIRST + 4)
    assert [market["used"] for market in tree["markets"]] == [True, True, False]
    assert tree["markets"][1]["verdicts"][0]["detector"] == "deviation"


def test_snapshot_is_of_the_last_round_of_a_span(store: Database) -> None:
    """All values of one round, from one instant to before another; a store of several pipelines wants a name."""

    def taken(since: int, until: int, name: str | None = None) -> tuple[int, dict[str, float]] | None:
        found = store.run(lambda connection: snapshot(connection, since, until, name))
        return None if found is None else (found.as_of, dict(found.values))

    assert taken(START, START + 3 * SECOND) == (START + 2 * SECOND, {"BTC/USD": 102.0})
    assert taken(START + 2 * SECOND, START + 2 * SECOND + 1) == (START + 2 * SECOND, {"BTC/USD": 102.0})
    assert taken(START + 2 * SECOND + 1, START + 3 * SECOND) is None
    assert taken(START - 9 * SECOND, START, "made") is None
    second = Batch("t", opening(name="other"), 1, numbered(0))
    store.run(lambda connection: write(connection, second), write=True)
    assert taken(START, START + 9 * SECOND, "other") == (START, {"BTC/USD": 100.0})
    assert taken(START, START + 9 * SECOND, "made") == (START + 4 * SECOND, {"BTC/USD": 104.0})
    with pytest.raises(ConfigError, match="expected a pipeline that is named, was a store of made, other"):
        taken(START, START + 9 * SECOND)
    with pytest.raises(ConfigError, match="expected a pipeline third, was a store of made, other"):
        taken(START, START + 9 * SECOND, "third")


def test_measured_and_verified(store: Database) -> None:
    """Rows and bytes; nothing missing, and what was deleted is."""
    told = {each.name: each for each in store.run(lambda connection: list(measure(connection)))}
    assert (told["rounds"].rows, told["prices"].rows, told["estimates"].rows, told["ticks"].rows) == (5, 10, 15, 10)
    assert (told["rounds"].first, told["rounds"].last) == (START, START + 4 * SECOND)
    assert (told["prices"].bytes or 0) > 0
    assert store.run(verify).problems == []
    delete = f"DELETE FROM rounds WHERE round = {FIRST + 2}"
    store.run(lambda connection: connection.exec_driver_sql(delete), write=True)
    assert {each.code for each in store.run(verify).problems} == {"gap", "no_round"}


def test_round_that_another_machine_wrote_is_no_gap(store: Database) -> None:
    """Two that run one pipeline fill each other's."""
    one, two = numbered(10, 12), numbered(11)
    store.run(lambda connection: write(connection, Batch("one", opening(START + SECOND), 2, one)), write=True)
    assert [each.code for each in store.run(verify).problems] == ["gap"]
    store.run(lambda connection: write(connection, Batch("two", opening(START + SECOND), 1, two)), write=True)
    assert store.run(verify).problems == []


def test_pruned(store: Database) -> None:
    """What is older goes, in the order of time, and what is left is whole."""
    said: list[int] = []
    gone = prune(store, START + 2 * SECOND, said.append)
    assert gone == {"estimates": 6, "prices": 4, "rounds": 2, "statuses": 2, "ticks": 4, "verdicts": 2}
    assert said[-1] == START + 2 * SECOND
    left = store.run(verify)
    assert (left.rounds, left.problems) == (3, [])


def test_exported(store: Database, tmp_path: Path) -> None:
    """Every row, sorted by time, its types told."""
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    from chrono.core.archive import ticks

    written = store.run(lambda connection: list(export(connection, tmp_path / "out", ticks=True)))
    assert {each.path.relative_to(tmp_path / "out").as_posix(): each.rows for each in written} == {
        "made/2026-11-22/BTC-USD.prices.parquet": 5,
        "made/2026-11-22/ETH-USD.prices.parquet": 5,
        "made/2026-11-22/BTC-USD.estimates.parquet": 15,
        "ticks/2026-11-22/north-BTC-USD.ticks.parquet": 10,
    }
    prices = pq.read_table(written[0].path).to_pydict()
    assert prices["value"] == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert prices["round"] == [FIRST + number for number in range(ROUNDS)]
    table = ticks([tmp_path / "out"], since=START + SECOND, markets=["north:BTC/USD"])
    assert table["price"].to_pylist() == [101.0, 101.0, 102.0, 102.0, 103.0, 103.0, 104.0, 104.0]
    with pytest.raises(ConfigError, match="expected files of ticks"):
        ticks([tmp_path / "nowhere"])


def test_backed_up_and_restored(store: Database, tmp_path: Path) -> None:
    """A store that is there is left alone unless forced; then it is as it was."""
    path = tmp_path / "backup"
    assert backup(store, path) == ROUNDS
    prune(store, START + 3 * SECOND)
    with pytest.raises(ConfigError, match="--force"):
        restore(store, path)
    assert store.run(verify).rounds == 2
    assert restore(store, path, force=True) == ROUNDS
    left = store.run(verify)
    assert (left.rounds, left.problems) == (ROUNDS, [])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ConfigError):
        restore(store, path, force=True)
    assert store.run(verify).rounds == ROUNDS
