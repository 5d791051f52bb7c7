"""Large tables, divided and joined again on a real PostgreSQL, and every statement for TimescaleDB."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import structlog.testing

from chrono.store import Database, downgrade, upgrade
from chrono_timescale import MIGRATIONS
from chrono_timescale.partitions import TABLES, needed, part, parts

PINNED = Path(__file__).with_name("statements.json")
NOW = datetime.now(UTC)
VIEWS = [f"{name}_{suffix}" for suffix in ("1m", "1h", "1d") for name in ("prices", "trades")]


def up(postgres):
    database = Database(postgres.url)
    database.run(upgrade, write=True, ready=False)
    database.run(lambda connection: upgrade(connection, "head", MIGRATIONS), write=True)


def down(postgres):
    Database(postgres.url).run(lambda connection: downgrade(connection, "base", MIGRATIONS), write=True)


def shape(postgres):
    """Return columns, keys and indexes of the large tables, as a database tells them."""
    listed = ", ".join(f"'{table}'" for table in TABLES)
    columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes"
    return (
        postgres.sql(f"{columns} WHERE table_name IN ({listed}) ORDER BY table_name, ordinal_position"),
        postgres.sql(f"{indexes} WHERE tablename IN ({listed}) ORDER BY indexname"),
    )


def fill(postgres):
    """Write rows of today, of last month, and of a time that has no part of its own."""
    for at in ("now()", "now() - interval '31 days'", "'1970-01-01 00:00:00+00'::timestamptz"):
        postgres.sql(f"INSERT INTO rounds VALUES (1, {at}, 1, 1, 1, 1, 1, 1)")
        postgres.sql(f"INSERT INTO prices VALUES (1, {at}, 2.5, 1, NULL, NULL, 0, 0, '{{}}', NULL)")
        postgres.sql(f"INSERT INTO estimates (feed_id, at, market_id) VALUES (1, {at}, 1)")
        postgres.sql(f"INSERT INTO verdicts VALUES (1, {at}, 0, 1, 'd', true, NULL, 'c', '{{}}')")
        postgres.sql(f"INSERT INTO statuses VALUES (1, {at}, 1, 'c', NULL, 'live', '', '')")
        postgres.sql(f"INSERT INTO ticks VALUES (1, {at}, 1, 1, 1, 10, 2)")


def kept(postgres):
    return [postgres.sql(f"SELECT * FROM {table} ORDER BY at") for table in TABLES]


@pytest.mark.parametrize("filled", ["before", "between"])
def test_up_and_down_and_up_again_keep_all_rows(postgres, filled):
    Database(postgres.url).run(upgrade, write=True, ready=False)
    ordinary = shape(postgres)
    if filled == "before":
        fill(postgres)
    up(postgres)
    if filled == "between":
        fill(postgres)
    rows = kept(postgres)
    assert all(each.count("\n") == 2 for each in rows)
    down(postgres)
    assert shape(postgres) == ordinary
    assert kept(postgres) == rows
    up(postgres)
    assert kept(postgres) == rows
    assert postgres.sql("SELECT version_num FROM alembic_version_timescale") == "0001"


def test_tables_are_divided_by_time_with_brin_and_keys_that_have_it(postgres):
    up(postgres)
    fill(postgres)
    for table in TABLES:
        assert postgres.sql(f"SELECT pg_get_partkeydef('{table}'::regclass)") == "RANGE (at)"
        definitions = postgres.sql(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{table}'")
        assert f"CREATE INDEX ix_{table}_at ON ONLY public.{table} USING brin (at)" in definitions
        (key,) = [line for line in definitions.splitlines() if f"pk_{table}" in line]
        assert " at" in key.partition("(")[2]
        assert postgres.sql(f"SELECT tableoid::regclass FROM {table} ORDER BY at DESC LIMIT 1") == part(table, NOW).name
        assert postgres.sql(f"SELECT tableoid::regclass FROM {table} ORDER BY at LIMIT 1") == f"{table}_other"
        for ahead in needed(table, ()):
            assert postgres.sql(f"SELECT to_regclass('{ahead.name}')") == ahead.name


def test_values_and_trades_are_summed_up_by_views(postgres):
    up(postgres)
    assert [name for name in VIEWS if postgres.sql(f"SELECT to_regclass('{name}')") != name] == []
    for second, value in ((1, "3"), (2, "NULL"), (3, "9"), (59, "4"), (61, "5")):
        at = f"'2026-11-22 10:00:00+00'::timestamptz + interval '{second} s'"
        postgres.sql(f"INSERT INTO prices VALUES (1, {at}, {value}, 1, NULL, NULL, 0, 0)")
        postgres.sql(f"INSERT INTO ticks VALUES (1, {at}, {second}, 1, 1, {second}, {second})")
    postgres.sql("INSERT INTO ticks VALUES (1, '2026-11-22 10:00:00+00', 1, 1, 3, 77, 1)")
    columns = "to_char(bucket AT TIME ZONE 'UTC', 'HH24:MI'), open, high, low, close"
    read = f"SELECT {columns}, n FROM prices_1m ORDER BY bucket"
    assert postgres.sql(read).splitlines() == ["10:00|3|9|3|4|3", "10:01|5|5|5|5|1"]
    traded = f"SELECT {columns}, volume, turnover, round(vwap::numeric, 6), n FROM trades_1d"
    assert postgres.sql(traded) == "00:00|1|61|1|61|126|7216|57.269841|5"
    postgres.sql("INSERT INTO ticks VALUES (2, '2026-11-22 10:00:00+00', 1, 1, 1, 5, 0)")
    assert postgres.sql("SELECT vwap IS NULL, n FROM trades_1h WHERE market_id = 2") == "t|1"


@pytest.fixture
def logged():
    """Return what is logged, whatever a command that ran before in this process has configured."""
    before = structlog.get_config()
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as entries:
        yield entries
    structlog.configure(**before)


def test_what_is_missing_is_told_in_one_line(postgres, logged):
    up(postgres)
    (line,) = [entry["event"] for entry in logged if "timescaledb" in entry["event"]]
    assert "expected the extension timescaledb in the database, there is none; tables are divided by month" in line
    assert "\n" not in line


def test_parts_follow_one_another_without_a_gap():
    for table in ("prices", "ticks"):
        found = list(parts(table, NOW - timedelta(days=400), NOW + timedelta(days=9)))
        assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]
        assert found[0].start <= NOW - timedelta(days=400) < found[0].end
        assert found[-1].start <= NOW + timedelta(days=9)
    assert part("prices", datetime(2026, 12, 31, 23, 59, tzinfo=UTC)).end == datetime(2027, 1, 1, tzinfo=UTC)


def test_what_is_far_from_now_has_no_part_of_its_own():
    near = {each.name for each in needed("ticks", ())}
    far = [datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(days=4000)]
    assert {each.name for each in needed("ticks", far)} == near


class Recorder:
    """Stands for a database that has the extension, and writes down what it is told."""

    def __init__(self):
        self.statements = []

    def get_bind(self):
        return self

    def exec_driver_sql(self, statement):
        self.statements.append(statement)
        return self

    def scalar_one(self):
        return 1 if "pg_extension" in self.statements.pop() else "r"


def revision(monkeypatch):
    import importlib.util

    found = importlib.util.spec_from_file_location("large_tables", MIGRATIONS.folder / "0001_large_tables.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    recorder = Recorder()
    monkeypatch.setattr(module, "op", recorder)
    return module, recorder


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_every_statement_for_timescaledb_is_as_written_down(monkeypatch, direction):
    module, recorder = revision(monkeypatch)
    getattr(module, direction)()
    assert recorder.statements == json.loads(PINNED.read_text())[direction]


def test_every_column_of_a_key_is_in_what_is_compressed(monkeypatch):
    module, _ = revision(monkeypatch)
    for table, key in module.KEYS.items():
        assert set(key.split(", ")) <= set(", ".join(module.SEGMENTS[table]).split(", "))


@pytest.mark.timescale
class TestTimescaleDB:
    """Where the extension is found."""

    @pytest.fixture
    def extended(self, postgres):
        if not postgres.cluster.offers("timescaledb"):
            pytest.skip("expected the extension timescaledb, there is none; install it")
        postgres.sql("CREATE EXTENSION timescaledb")
        return postgres

    def test_hypertables_are_made_and_unmade_with_all_rows(self, extended):
        Database(extended.url).run(upgrade, write=True, ready=False)
        ordinary = shape(extended)
        fill(extended)
        rows = kept(extended)
        up(extended)
        hypertables = "SELECT hypertable_name FROM timescaledb_information.dimensions WHERE time_interval = '1 hour'"
        assert set(TABLES) <= set(extended.sql(hypertables).splitlines())
        jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = '{}'"
        for name in ("policy_compression", "policy_retention", "policy_refresh_continuous_aggregate"):
            assert extended.sql(jobs.format(name)) == "6"
        assert kept(extended) == rows
        down(extended)
        assert shape(extended) == ordinary
        assert kept(extended) == rows
        up(extended)
        assert kept(extended) == rows

    def test_aggregates_say_what_views_would(self, extended):
        up(extended)
        fill(extended)
        for name in VIEWS:
            extended.sql(f"CALL refresh_continuous_aggregate('{name}', NULL, NULL)")
        assert extended.sql("SELECT open, high, low, close, n FROM prices_1d WHERE bucket > '2000-01-01' LIMIT 1") == (
            "2.5|2.5|2.5|2.5|1"
        )
        assert extended.sql("SELECT vwap, volume FROM trades_1d WHERE bucket > '2000-01-01' LIMIT 1") == "10|2"

    def test_compressed_chunks_take_rows(self, extended):
        up(extended)
        fill(extended)
        extended.sql("SELECT compress_chunk(chunk) FROM show_chunks('prices') AS chunk")
        extended.sql("INSERT INTO prices SELECT * FROM prices ON CONFLICT DO NOTHING")
        assert extended.sql("SELECT count(*) FROM prices") == "3"
