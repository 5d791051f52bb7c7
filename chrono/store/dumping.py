"""A PostgreSQL database into a file and back, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from chrono.core.errors import ConfigError
from chrono.store.database import Database
from chrono.store.models import Base

_DEBIAN = Path("/usr/lib/postgresql")

_OPTIONS = {"ssl": "PGSSLMODE", "sslmode": "PGSSLMODE"}


def dump(database: Database, path: Path) -> None:
    """Write a whole database to a file, compressed, and look whether it can be read.

    Raises
    ------
    ConfigError
        If `pg_dump` is missing, or refuses.
    """
    _run(database, "pg_dump", "--format=custom", "--no-password", f"--file={path}")
    _run(database, "pg_restore", "--list", str(path), connect=False)


def load(database: Database, path: Path, *, force: bool) -> None:
    """Bring a database to what a file holds, or leave it as it is.

    Raises
    ------
    ConfigError
        If there is a store already and `force` is false, or `pg_restore` is missing, or refuses.
    """
    contents = _run(database, "pg_restore", "--list", str(path), connect=False)
    if " rounds " not in contents:
        raise ConfigError(f"{path}: expected a backup of a store, was one of something else; name another")
    there = database.run(_ours, ready=False)
    if there and not force:
        raise ConfigError(f"{database}: expected a database without a store, had one; name another, or say --force")
    options = ["--no-owner", "--exit-on-error", "--no-password"]
    if "EXTENSION - timescaledb" in contents:
        if there:
            raise ConfigError(f"{database}: expected an empty database for TimescaleDB, was one with tables; make one")
        _with_extension(database, [*options, str(path)])
        return
    over = ["--clean", "--if-exists"] if there else []
    _run(database, "pg_restore", *options, "--single-transaction", *over, str(path))


def _with_extension(database: Database, options: Sequence[str]) -> None:
    """Restore as TimescaleDB wants it: its own work stands still meanwhile."""

    def before(connection: Connection) -> None:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
        connection.execute(text("SELECT timescaledb_pre_restore()"))

    def after(connection: Connection) -> None:
        connection.execute(text("SELECT timescaledb_post_restore()"))

    database.run(before, ready=False)
    try:
        _run(database, "pg_restore", *options)
    finally:
        database.run(after, ready=False)


def _ours(connection: Connection) -> bool:
    return bool({*inspect(connection).get_table_names()} & {*Base.metadata.tables})


def _run(database: Database, program: str, *options: str, connect: bool = True) -> str:
    """Run one of PostgreSQL's programs; return what it printed."""
    url = database.url
    environment = {"PGPASSWORD": url.password or "", "LC_MESSAGES": "C"} if connect else {"LC_MESSAGES": "C"}
    if connect and url.password is None:
        del environment["PGPASSWORD"]
    environment |= {_OPTIONS[name]: str(value) for name, value in url.query.items() if name in _OPTIONS}
    told = {"host": url.host, "port": url.port, "username": url.username, "dbname": url.database}
    where = [f"--{name}={value}" for name, value in told.items() if value is not None] if connect else []
    done = subprocess.run(  # noqa: S603 - nothing of it passes through a shell
        [_found(program), *where, *options],
        env=dict(os.environ) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line.lower()), done.stderr.strip())
        raise ConfigError(f"{database}: expected {program} to succeed, was refused: {_plain(said)}; see to that")
    return done.stdout


def _plain(said: str) -> str:
    return " ".join(re.sub(r"^pg_\w+: (error: )?", "", said).split())


def _found(program: str) -> str:
    """Return the program, the newest where there are several.

    Raises
    ------
    ConfigError
        If there is none.
    """
    named = shutil.which(program)
    if named is None or named == f"/usr/bin/{program}":
        # Debian's own picks a version by the clusters of this machine, which is not where the database need be
        versions = [path for path in _DEBIAN.glob(f"*/bin/{program}") if path.parts[-3].isdecimal()]
        named = str(max(versions, key=lambda path: int(path.parts[-3]))) if versions else named
    if named is None:
        raise ConfigError(f"expected {program} of PostgreSQL, there is none; apt install postgresql-client")
    return named
