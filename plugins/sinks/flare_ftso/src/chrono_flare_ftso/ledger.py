"""What was promised, in one file of SQLite: it outlives the process, and is on the disk before it is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock
from typing import Any, Self

from chrono import PermanentError

_APPLICATION = 0x46545350
_ANSWERS_AND_COMMITS = """
CREATE TABLE answers (round INTEGER PRIMARY KEY, as_of INTEGER NOT NULL, prices TEXT NOT NULL) STRICT;
CREATE INDEX answers_by_time ON answers (as_of);
CREATE TABLE shadows (round INTEGER PRIMARY KEY, asked INTEGER NOT NULL, prices TEXT, problem TEXT) STRICT;
CREATE TABLE commits (
    round INTEGER NOT NULL, address BLOB NOT NULL, random BLOB NOT NULL, vector BLOB NOT NULL, feeds TEXT NOT NULL,
    PRIMARY KEY (round, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE medians (
    round INTEGER NOT NULL, feed TEXT NOT NULL, median REAL NOT NULL, first_quartile REAL, third_quartile REAL,
    PRIMARY KEY (round, feed)
) STRICT, WITHOUT ROWID;
CREATE TABLE chain_logs (
    chain INTEGER NOT NULL, contracts BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, hash BLOB NOT NULL,
    logs TEXT NOT NULL, PRIMARY KEY (chain, contracts, first)
) STRICT, WITHOUT ROWID;
"""
_TRANSACTIONS = """
CREATE TABLE transactions (
    hash BLOB PRIMARY KEY, chain INTEGER NOT NULL, sender BLOB NOT NULL, nonce INTEGER NOT NULL, label TEXT NOT NULL,
    round INTEGER NOT NULL, raw BLOB NOT NULL, state TEXT NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL,
    block INTEGER, block_hash BLOB, gas_used INTEGER, gas_price INTEGER
) STRICT;
CREATE INDEX transactions_by_nonce ON transactions (chain, sender, nonce);
CREATE INDEX transactions_by_label ON transactions (chain, sender, round, label);
CREATE INDEX transactions_by_block ON transactions (chain, sender, block);
CREATE INDEX transactions_unfinished ON transactions (chain, sender) WHERE state IN ('intended', 'sent');
"""
# what an older chrono wrote is still read, by another name: one that runs meanwhile fails, rather than reads wrong
_SEALED = """
ALTER TABLE commits RENAME TO plain_commits;
CREATE TABLE commits (
    round INTEGER NOT NULL, address BLOB NOT NULL, hash BLOB NOT NULL, sealed BLOB NOT NULL, feeds TEXT NOT NULL,
    token INTEGER NOT NULL, PRIMARY KEY (round, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 0), token INTEGER NOT NULL) STRICT;
INSERT INTO fence VALUES (0, 0)
"""
_ROUNDS = """
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, written INTEGER NOT NULL, shadow INTEGER NOT NULL,
    commit_state TEXT NOT NULL, reveal_state TEXT NOT NULL, signature_state TEXT NOT NULL, offence INTEGER NOT NULL,
    mismatch INTEGER NOT NULL, grace_missed INTEGER NOT NULL, finalised TEXT NOT NULL, relay BLOB, relay_block INTEGER,
    reason TEXT NOT NULL, coin_usd REAL, share REAL, earned REAL
) STRICT;
CREATE TABLE sends (
    round INTEGER NOT NULL, label TEXT NOT NULL, hash BLOB NOT NULL, state TEXT NOT NULL, block INTEGER, cost REAL,
    refunded INTEGER NOT NULL
) STRICT;
CREATE INDEX sends_by_round ON sends (round);
CREATE TABLE votes (
    round INTEGER NOT NULL, feed TEXT NOT NULL, decimals INTEGER NOT NULL, vote INTEGER, median INTEGER,
    quartile1 INTEGER, quartile3 INTEGER, in_primary INTEGER, in_secondary INTEGER, hit INTEGER NOT NULL
) STRICT;
CREATE INDEX votes_by_round ON votes (round);
"""
_VERSIONS = (_ANSWERS_AND_COMMITS, _TRANSACTIONS, _SEALED, _ROUNDS)
"""What each version adds to the one before it; what was released is not changed, a new version is appended."""

VERSION = len(_VERSIONS)
"""Of the tables; an older file is brought up to it when it is opened, a newer one is refused."""


class Ledger:
    """A file of answers, commits and what became of them; any thread may use it.

    Parameters
    ----------
    path : Path
        The file; made, readable by its owner alone, when it is not there.

    Raises
    ------
    PermanentError
        If it cannot be opened, is no such file, or is of a newer version.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "flare.db") as ledger:
    ...     changed = ledger.write("INSERT INTO answers VALUES (?, ?, ?)", 7, 1_795_342_500_000_000_000, "{}")
    ...     ledger.read("SELECT round, prices FROM answers")
    [(7, '{}')]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._refused(error) from error
        try:
            self._open()
        except sqlite3.Error as error:
            self._connection.close()
            raise self._refused(error) from error

    def _open(self) -> None:
        # FULL: a commit is on the disk when it is answered, even where the power fails
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN IMMEDIATE")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (application != _APPLICATION or version > VERSION):
            self._connection.execute("ROLLBACK")
            self._connection.close()
            what = "another program's" if application != _APPLICATION else f"a newer chrono's (version {version})"
            told = f"{self.path}: expected a ledger of version {VERSION}, was {what}"
            raise PermanentError(f"{told}; name another file, or upgrade chrono-flare-ftso")
        if version < VERSION:
            for script in _VERSIONS[version:]:
                for statement in script.split(";\n"):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._connection.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: Any) -> int:
        """Change rows and return how many; they are on the disk when this returns."""
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _refused(self, error: Exception) -> PermanentError:
        reason = getattr(error, "strerror", None) or error
        told = f"{self.path}: expected to open or make a ledger, was refused: {reason}"
        return PermanentError(f"{told}; name another file, or see to its rights and room")
