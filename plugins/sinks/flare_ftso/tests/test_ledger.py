"""A ledger of an older version becomes one of this version where it is, and keeps what it held."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from chrono import PermanentError
from chrono_flare_ftso import ledger as ledgers
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.ledger import VERSION, Ledger

SEALED = 3
"""The version from which on commits are sealed."""


def tables(path) -> set[str]:
    with Ledger(path) as ledger:
        return {name for (name,) in ledger.read("SELECT name FROM sqlite_master WHERE type = 'table'")}


def old(path, monkeypatch, version: int) -> None:
    """Make a ledger as an older chrono made it."""
    with monkeypatch.context() as patched:
        patched.setattr(ledgers, "VERSION", version)
        patched.setattr(ledgers, "_VERSIONS", ledgers._VERSIONS[:version])
        with Ledger(path) as ledger:
            if version < SEALED:
                ledger.write("INSERT INTO commits VALUES (?, ?, ?, ?, '')", 7, bytes(20), bytes(32), b"vector")
            else:
                Commits(ledger).make(7, bytes(20), b"vector", [])


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_ledger_of_any_version_is_brought_up_to_this_one_with_what_it_holds(tmp_path, monkeypatch, version):
    path, new = tmp_path / "flare.db", tmp_path / "new.db"
    old(path, monkeypatch, version)
    with Ledger(path) as ledger:
        assert ledger.read("PRAGMA user_version") == [(VERSION,)]
        commit = Commits(ledger).find(7, bytes(20))
        assert commit is not None
        assert commit.vector == b"vector"
    assert tables(path) == tables(new)


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "flare.db"
    old(path, monkeypatch, 1)
    before = path.read_bytes()
    monkeypatch.setattr(ledgers, "_VERSIONS", (*ledgers._VERSIONS, "CREATE TABLE more (a);\nCREATE NONSENSE"))
    monkeypatch.setattr(ledgers, "VERSION", VERSION + 1)
    with pytest.raises(PermanentError, match="expected to open or make a ledger"):
        Ledger(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchall() == [(1,)]
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "flare.db"
    with Ledger(path) as ledger:
        ledger.write(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(PermanentError, match=f"expected a ledger of version {VERSION}, was a newer chrono's"):
        Ledger(path)
