"""Migrations: up to what the models say, down to nothing, and refused where they do not belong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from chrono.core.component import Migrations
from chrono.core.errors import ConfigError
from chrono.store import migrating
from chrono.store.database import Database
from chrono.store.migrating import current, downgrade, pending, upgrade
from chrono.store.models import Base, Price
from chrono.store.writing import write
from chrono.testing.postgres import Fresh
from tests.store.test_writing import batch, rows

FIRST = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "a1", None
def upgrade():
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))
def downgrade():
    op.drop_table("notes")
"""
SECOND = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "a2", "a1"
def upgrade():
    op.add_column("notes", sa.Column("text", sa.Text()))
    {more}
def downgrade():
    op.drop_column("notes", "text")
"""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return a database that is not there yet."""
    return Database(str(tmp_path / "store.db"))


@pytest.fixture
def server(postgres: Fresh) -> Database:
    """Return a database of a server, with nothing in it."""
    return Database(postgres.url)


def do(database: Database, work: Any, *arguments: Any) -> Any:
    """Do a piece of work in a transaction."""
    return database.run(lambda connection: work(connection, *arguments), write=True, create=True, ready=False)


def tables(database: Database) -> set[str]:
    """Return the names of the tables that are there."""
    return set(do(database, lambda connection: inspect(connection).get_table_names()))


def schema(connection: Connection) -> dict[str, str]:
    """Return the statements that make the tables, their spaces aside."""
    found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {name: re.sub(r"\s+", " ", sql) for name, sql in found if not name.startswith("alembic")}


def test_upgraded_database_is_what_the_models_say(database: Database) -> None:
    """To the letter: types, keys, order of the columns, and how SQLite keeps rows."""
    do(database, upgrade)
    assert do(database, _differences) == []
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        Base.metadata.create_all(connection)
        wanted = schema(connection)
    engine.dispose()
    assert do(database, schema) == wanted


def test_server_is_brought_to_the_same_tables_and_back(server: Database) -> None:
    """Up, down, and up again; nothing of the store is left in between."""
    for _ in range(2):
        do(server, upgrade)
        assert do(server, _differences) == []
        do(server, write, batch(1, 2))
        do(server, downgrade, "base")
        assert tables(server) == {"alembic_version"}


def test_tables_of_others_on_a_server_are_no_obstacle_but_our_names_are(server: Database) -> None:
    """A server is shared; two tables of one name cannot be."""
    do(server, lambda connection: connection.execute(text("CREATE TABLE bookmarks (x int)")))
    do(server, upgrade)
    do(server, downgrade, "base")
    do(server, lambda connection: connection.execute(text("CREATE TABLE prices (x int)")))
    with pytest.raises(ConfigError, match=r"was a database with others \(prices\); name another"):
        do(server, upgrade)
    assert tables(server) == {"alembic_version", "bookmarks", "prices"}


def test_newer_server_is_refused(server: Database) -> None:
    """As a newer file is."""
    do(server, upgrade)
    do(server, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(ConfigError, match="was 9999; a newer chrono made them: upgrade chrono") as caught:
        do(server, upgrade)
    assert str(caught.value).startswith(f"{server}: ")


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": "alembic_version"})
    # before 1.18 alembic takes a key that SQLite numbers by itself for a default that was changed
    found = compare_metadata(context, Base.metadata)
    return [change for change in found if not (isinstance(change, list) and change[0][0] == "modify_default")]


def test_downgrade_leaves_nothing_and_can_be_undone(database: Database) -> None:
    """Down to the beginning and up again, whatever is in it."""
    do(database, upgrade)
    do(database, write, batch(1, 2))
    do(database, downgrade, "base")
    assert tables(database) == {"alembic_version"}
    assert do(database, current) is None
    do(database, upgrade)
    assert do(database, pending) == []
    assert set(Base.metadata.tables) < tables(database)


def test_upgrade_of_what_is_up_to_date_keeps_what_is_in_it(database: Database) -> None:
    """Each start of a pipeline does it."""
    do(database, upgrade)
    do(database, write, batch(1, 2))
    do(database, upgrade)
    assert len(rows(database, Price)) == 4


def test_pending_are_those_above_where_it_is(database: Database) -> None:
    """All of them for an empty database, none for one that is up to date."""
    assert do(database, pending)[0] == "0001"
    do(database, upgrade)
    assert do(database, pending) == []


def test_newer_database_is_refused_and_stays_as_it_is(database: Database) -> None:
    """One line, with who made it and what to do."""
    do(database, upgrade)
    do(database, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    before = database.path.read_bytes()
    told = "expected tables of revision [0-9]{4} at most, was 9999; a newer chrono made them: upgrade chrono"
    for work, arguments in ((upgrade, ()), (downgrade, ("base",)), (pending, ())):
        with pytest.raises(ConfigError, match=f"{database.path}: {told}"):
            do(database, work, *arguments)
    assert database.path.read_bytes() == before


def test_database_of_somebody_else_is_refused(database: Database) -> None:
    """No table is made among those of another program."""
    do(database, lambda connection: connection.execute(text("CREATE TABLE bookmarks (x)")))
    with pytest.raises(ConfigError, match=r"was a database with others \(bookmarks\); name another"):
        do(database, upgrade)
    assert tables(database) == {"bookmarks"}


@pytest.fixture
def notes(tmp_path: Path) -> Migrations:
    """Return the migrations of a plugin."""
    folder = tmp_path / "with spaces 100%" / "versions"
    folder.mkdir(parents=True)
    (folder / "a1_notes.py").write_text(FIRST)
    (folder / "a2_text.py").write_text(SECOND.format(more=""))
    return Migrations("notes", folder)


def test_plugin_has_tables_and_revisions_of_its_own(database: Database, notes: Migrations) -> None:
    """Its migrations and the store's know nothing of each other."""
    do(database, upgrade)
    assert do(database, pending, notes) == ["a1", "a2"]
    do(database, upgrade, "head", notes)
    assert (do(database, current), do(database, current, notes)) == (do(database, current), "a2")
    assert {"notes", "alembic_version_notes"} < tables(database)
    do(database, downgrade, "a1", notes)
    assert do(database, pending, notes) == ["a2"]
    do(database, downgrade, "base", notes)
    assert "notes" not in tables(database)
    assert do(database, pending) == []


def test_newer_tables_of_a_plugin_name_the_plugin(database: Database, notes: Migrations) -> None:
    """It is that which is to be upgraded."""
    do(database, upgrade, "head", notes)
    (notes.folder / "a2_text.py").unlink()
    with pytest.raises(ConfigError, match="revision a1 at most, was a2; a newer chrono-notes made them: upgrade"):
        do(database, pending, notes)


def test_migration_that_fails_changes_nothing(database: Database, notes: Migrations) -> None:
    """What came before it in the same upgrade is undone, too."""
    (notes.folder / "a2_text.py").write_text(SECOND.format(more="op.drop_table('no_such_table')"))
    with pytest.raises(ConfigError, match="no such table: no_such_table"):
        do(database, upgrade, "head", notes)
    assert tables(database) == set()


def test_migrations_lie_in_the_wheel_or_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are both, as in a wheel that was built here, the wheel's own count."""
    assert (migrating.folder() / "versions" / "0001_store.py").exists()
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "env.py").touch()
    monkeypatch.setattr(migrating, "_FOLDERS", (tmp_path / "migrations", migrating.folder()))
    assert migrating.folder() == tmp_path / "migrations"
