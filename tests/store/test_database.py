"""A database by its address: work in a transaction, and one line for all that can be wrong with it."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from chrono.core.errors import ConfigError, TransientError
from chrono.store.database import Database
from chrono.store.migrating import upgrade
from chrono.store.writing import write
from chrono.testing.postgres import Fresh
from tests.store.test_writing import batch


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return a store with two rounds."""
    made = Database(str(tmp_path / "store.db"), patience=0.05)
    made.run(upgrade, write=True, create=True, ready=False)
    made.run(lambda connection: write(connection, batch(1, 2)), write=True)
    return made


def rounds(connection: Connection) -> int:
    """Count the rounds."""
    return int(connection.execute(text("SELECT count(*) FROM rounds")).scalar_one())


def remove(connection: Connection) -> None:
    """Remove the rounds."""
    connection.execute(text("DELETE FROM rounds"))


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_file_is_named_by_its_path_or_its_address(database: Database, form: str) -> None:
    """Both are the same."""
    same = Database(form.format(database.path))
    assert (same.path, same.dialect, str(same)) == (database.path, "sqlite", str(database.path))
    assert same.run(rounds) == 2


def test_path_of_a_file_may_hold_anything(tmp_path: Path) -> None:
    """Spaces, question marks and per cents belong to it."""
    folder = tmp_path / "a folder?mode=ro#100%"
    folder.mkdir()
    made = Database(str(folder / "my prices.db"))
    made.run(upgrade, write=True, create=True, ready=False)
    assert [path.name for path in folder.iterdir()] == ["my prices.db"]
    assert made.run(rounds) == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "expected a database, was empty"),
        ("sqlite://", "expected the file of a database, was none; write sqlite:///FILE"),
        ("sqlite:///:memory:", "expected the file of a database, was none"),
        ("mysql://root:hunter2@host/db", r"expected sqlite:///… or postgresql://…, was mysql://…; name one of these"),
        ("post gres://hunter2", "expected an address like sqlite:///chrono.db"),
        ("postgresql://u:hunter2@host/db?connect=hunter2", "in the address of a database, was connect; leave it out"),
    ],
)
def test_address_that_is_none_is_refused_without_its_secrets(url: str, told: str) -> None:
    """One line that says what an address is."""
    with pytest.raises(ConfigError, match=told) as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_password_is_never_shown(scheme: str) -> None:
    """Neither in text nor in a repr nor in what is said of it."""
    made = Database(f"{scheme}://ann:hunter2@localhost:5/prices?sslmode=disable", patience=0.5)
    assert str(made) == repr(made) == "postgresql://ann:***@localhost:5/prices"
    with pytest.raises(ConfigError, match=r"^postgresql://ann:\*\*\*@localhost:5/prices: expected to reach") as caught:
        made.run(rounds)
    assert isinstance(caught.value, TransientError)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of chrono itself."""
    monkeypatch.setattr("chrono.store.database.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install chrono-timescale"):
        Database("postgresql://localhost/prices")


def test_work_that_fails_changes_nothing(database: Database) -> None:
    """Its transaction is undone."""

    def fails(connection: Connection) -> None:
        remove(connection)
        raise LookupError("something else")

    with pytest.raises(LookupError, match="something else"):
        database.run(fails, write=True)
    assert database.run(rounds) == 2


def test_reading_cannot_change_anything(database: Database) -> None:
    """The file is opened for reading alone."""
    with pytest.raises(ConfigError, match=r"store\.db: expected to write, was read-only"):
        database.run(remove)
    assert database.run(rounds) == 2


def test_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A slip in a path is no new, empty database."""
    for write_too in (False, True):
        with pytest.raises(ConfigError, match=r"no\.db: expected a database, there is none; name one"):
            Database(str(tmp_path / "no.db")).run(rounds, write=write_too)
    with pytest.raises(ConfigError, match=r"db: expected a file that can be opened, was refused"):
        Database(str(tmp_path / "no" / "store.db")).run(rounds, create=True, write=True)
    assert list(tmp_path.iterdir()) == []


def test_folder_is_no_database(tmp_path: Path) -> None:
    """It is there, and cannot be opened."""
    with pytest.raises(ConfigError, match="expected a SQLite database, was a folder; name a file in it"):
        Database(str(tmp_path)).run(rounds)


def damaged_head(path: Path) -> None:
    """Write over the beginning."""
    with path.open("r+b") as file:
        file.write(b"no database at all, whatever its name says")


def damaged_pages(path: Path) -> None:
    """Write over what is behind the first page."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


def cut(path: Path) -> None:
    """Leave half of it."""
    os.truncate(path, path.stat().st_size // 2)


def newer(path: Path) -> None:
    """Be made by a later version."""
    execute(path, "UPDATE alembic_version SET version_num = '9999'")


def older(path: Path) -> None:
    """Have been made by an earlier version."""
    execute(path, "DELETE FROM alembic_version")


def strange(path: Path) -> None:
    """Belong to another program."""
    path.unlink()
    execute(path, "CREATE TABLE bookmarks (x)")


def execute(path: Path, statement: str) -> None:
    """Change a file as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("write_too", [False, True])
@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (damaged_head, "expected a SQLite database, was another file; name another"),
        (damaged_pages, r"expected a whole database, was damaged \(.*\); restore a backup, or name another"),
        (cut, r"expected a whole database, was damaged \(.*\); restore a backup, or name another"),
        (newer, "expected tables of revision [0-9]+ at most, was 9999; a newer chrono made them: upgrade chrono"),
        (older, "expected the tables of this version, there are none; run `chrono store upgrade` on it"),
        (strange, "expected the tables of this version, there are none; run `chrono store upgrade` on it"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_and_changes_nothing(
    database: Database, break_it: Any, told: str, *, write_too: bool
) -> None:
    """Where, what was expected, what it was, what to do."""
    break_it(database.path)
    before = database.path.read_bytes()
    with pytest.raises(ConfigError, match=rf"^{database.path}: {told}$") as caught:
        database.run(remove, write=write_too)
    assert "\n" not in str(caught.value)
    assert database.path.read_bytes() == before


def test_locked_file_may_be_free_later(database: Database) -> None:
    """Reading goes on; writing says who has to finish."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert database.run(rounds) == 2
        with pytest.raises(ConfigError, match="was locked by another program; try again when that is done") as caught:
            database.run(remove, write=True)
        assert isinstance(caught.value, TransientError)
    database.run(remove, write=True)


READ_ONLY = """
import os, sys
from chrono.cli.app import _explain
from chrono.store.database import Database
from tests.store.test_database import remove, rounds
Database(sys.argv[1]).run(rounds)
os.setegid(65534); os.seteuid(65534)
database = Database(sys.argv[1])
print(database.run(rounds))
try:
    database.run(remove, write=True)
except Exception as error:
    sys.exit(_explain(error))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_read_only_file_is_read_and_not_written(database: Database, root: Path) -> None:
    """By somebody whom it does not belong to; exit code 2."""
    for path in (database.path, *database.path.parents):
        if path.stat().st_uid == 0 and "pytest" in str(path):
            path.chmod(0o755 if path.is_dir() else 0o444)
    arguments = [sys.executable, "-c", READ_ONLY, str(database.path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stdout) == (2, "2\n"), done.stderr
    told = "expected to write, was read-only; allow to write to it and to its folder"
    assert done.stderr == f"{database.path}: {told}\n"
    assert database.run(rounds) == 2


def test_server_says_what_is_wrong_in_one_line(postgres: Fresh) -> None:
    """A password, a name, tables that are not there, a server that has gone: each without the password."""
    server = Database(postgres.url, patience=5)
    password = str(server.url.password)
    wrong = Database(postgres.url.replace(f":{password}@", ":no@"))
    nowhere = Database(postgres.url.replace(f"/{postgres.name}", "/no_such_database"))
    for database, told in (
        (wrong, "expected to be let in, was refused"),
        (nowhere, "expected the database, there is none; make it, or name another"),
        (server, "expected the tables of this version, there are none; run `chrono store upgrade` on it"),
    ):
        with pytest.raises(ConfigError, match=f"^{re.escape(str(database))}: {told}") as caught:
            database.run(rounds)
        assert not isinstance(caught.value, TransientError)
        assert password not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_server_is_asked_as_a_file_is(postgres: Fresh) -> None:
    """The same work, in a transaction."""
    server = Database(postgres.url)
    server.run(upgrade, write=True, ready=False)
    server.run(lambda connection: write(connection, batch(1, 2)), write=True)
    assert server.run(rounds) == 2

    def fails(connection: Connection) -> None:
        remove(connection)
        raise LookupError("something else")

    with pytest.raises(LookupError, match="something else"):
        server.run(fails, write=True)
    assert server.run(rounds) == 2
