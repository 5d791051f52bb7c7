"""Backups: a copy of a SQLite database made while it is written to, or what `pg_dump` makes of one in PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from chrono.core.errors import ConfigError
from chrono.store import dumping
from chrono.store.claiming import synced
from chrono.store.database import Database
from chrono.store.models import Round

_PATIENCE = 30.0


def backup(database: Database, path: Path) -> int:
    """Write a backup to a file, which is replaced when the backup is whole and was looked at.

    The database may be written to meanwhile.

    Parameters
    ----------
    database : Database
    path : Path

    Returns
    -------
    int
        How many rounds are in it.

    Raises
    ------
    ConfigError
        If the database, the file or what is needed to write it is not as it should be.
    """
    rounds = database.run(lambda connection: connection.execute(_rounds).scalar_one())
    with _beside(path) as draft:
        if database.dialect == "sqlite":
            _copy(database, draft)
            rounds = looked_at(draft, str(path))
        else:
            dumping.dump(database, draft)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
        synced(path.absolute().parent)
    return rounds


def restore(database: Database, path: Path, *, force: bool = False) -> int:
    """Bring a database back to what a backup holds.

    Parameters
    ----------
    database : Database
        Of the kind that the backup was made of; its own server or file need not be the same.
    path : Path
        The backup.
    force : bool
        Whether to write over a store that is there.

    Returns
    -------
    int
        How many rounds the store has now.

    Raises
    ------
    ConfigError
        If the backup is none, or there is a store already; nothing is changed then.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: expected a backup, there is none; name one that chrono store backup made")
    kind = "sqlite" if _is_sqlite(path) else "postgresql"
    if kind != database.dialect:
        raise ConfigError(f"{path}: expected a backup of {database.dialect}, was of {kind}; name a store of that kind")
    if kind == "postgresql":
        dumping.load(database, path, force=force)
        return database.run(lambda connection: connection.execute(_rounds).scalar_one())
    target = database.path
    if target.exists() and not force:
        raise ConfigError(f"{target}: expected no file to write over, was there; name another, or say --force")
    rounds = looked_at(path, str(path))
    with _beside(target) as draft:
        _copy(Database(str(path)), draft)
        looked_at(draft, str(path))
        _retire(target)
        draft.replace(target)
        synced(target.absolute().parent)
    return rounds


_rounds = select(func.count()).select_from(Round)


def looked_at(path: Path, named: str) -> int:
    """Return how many rounds a SQLite database has, if it is whole and a store of this version.

    Raises
    ------
    ConfigError
        If it is not.
    """
    database = Database(str(path))
    try:
        found = database.run(
            lambda connection: connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar(), ready=False
        )
        if found == "ok":
            return database.run(lambda connection: connection.execute(_rounds).scalar_one())
    except ConfigError as error:
        raise ConfigError(*(each.replace(str(path), named) for each in error.problems)) from error
    raise ConfigError(
        f"{named}: expected a database without damage, was: {' '.join(str(found).split())}; restore an older backup"
    )


def _copy(database: Database, draft: Path) -> None:
    """Copy a database as it is at one instant; who writes to it is not held up."""
    address = f"{database.path.absolute().as_uri()}?mode=ro"
    with (
        database.explained(),
        closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as source,
        closing(sqlite3.connect(draft, isolation_level=None)) as copy,
    ):
        source.backup(copy)
        # one file, whoever reads it
        copy.execute("PRAGMA journal_mode = DELETE")


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise ConfigError(f"{path}: expected to read it, was refused: {error.strerror}") from error
    if head.startswith(b"SQLite format 3\0"):
        return True
    if head.startswith(b"PGDMP"):
        return False
    raise ConfigError(f"{path}: expected a backup that chrono store backup made, was something else; name another")


def _retire(target: Path) -> None:
    """Bring what a database keeps beside it into it, since that must not be taken for its successor's."""
    if not target.exists():
        return
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(target, timeout=_PATIENCE)) as last:
        last.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a file beside another, which is gone at the end if it was not moved."""
    draft = path.with_name(f"{path.name}.part")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: expected to write it, there is no folder {path.parent}; make it")
    try:
        draft.unlink(missing_ok=True)
        yield draft
    except OSError as error:
        raise ConfigError(f"{path}: expected to write it, was refused: {error.strerror or error}") from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
