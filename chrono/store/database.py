"""A database by its address: reached for a piece of work at a time, and what is wrong with it in one line."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from chrono.core.errors import ChronoError, ConfigError
from chrono.store.failures import Away, postgresql_failure, sqlite_failure
from chrono.store.migrating import current, pending

T = TypeVar("T")

_PATIENCE = 5.0
"""Seconds that a command waits for its turn."""


_CACHE = 32_000
"""Kilobytes of a SQLite file that are kept in memory: as much as a large batch touches."""

_OPTIONS = {"host": "host", "port": "port", "ssl": "ssl", "sslmode": "ssl"}
"""What may follow the question mark of an address, and what the driver calls it."""


class Database:
    """A database by its address.

    Parameters
    ----------
    url : str
        `sqlite:///FILE` or a path alone, or `postgresql://USER:PASSWORD@HOST/NAME`.
    patience : float
        Seconds to wait for a server, or for somebody else who is writing where only one may.

    Raises
    ------
    ConfigError
        If the address is none.
    """

    def __init__(self, url: str, *, patience: float = _PATIENCE) -> None:
        self.url = _parsed(url)
        self.patience = patience
        self._failure = sqlite_failure if self.dialect == "sqlite" else postgresql_failure

    @property
    def dialect(self) -> str:
        """Either `sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(self.url.database or "")

    def __str__(self) -> str:
        """Say which database it is, without its password."""
        if self.dialect == "sqlite":
            return str(self.path)
        return self.url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)

    __repr__ = __str__

    def run(
        self, work: Callable[[Connection], T], *, write: bool = False, create: bool = False, ready: bool = True
    ) -> T:
        """Do a piece of work in one transaction.

        Parameters
        ----------
        work : callable
            Given a connection, in a transaction that is committed when it returns.
        write : bool
            Whether it changes anything.
        create : bool
            Whether to make a SQLite file that is not there.
        ready : bool
            Whether to refuse a database whose tables are not those of this version.

        Raises
        ------
        ConfigError
            If the database cannot be reached, or is not what it should be.
        """

        def worked(connection: Connection) -> T:
            if ready:
                check(connection)
            return work(connection)

        with self.explained():
            if self.dialect == "sqlite":
                return self._run_here(worked, write=write, create=create)
            return asyncio.run(self._run_there(worked, write=write))

    def engine(self, *, write: bool = True, create: bool = False) -> Engine:
        """Return what connects to a SQLite file; writing has one transaction at a time.

        Raises
        ------
        ConfigError
            If it can be none.
        """
        if self.path.is_dir():
            raise ConfigError("expected a SQLite database, was a folder; name a file in it")
        return sqlite_engine(self.path, self.patience, write=write, create=create)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what a driver raises into one line.

        Raises
        ------
        Away
            If the same may succeed later.
        Refused
            If it is the values that are at fault.
        ConfigError
            If it is the database, or its address.
        """
        try:
            yield
        except Away:
            raise
        except ConfigError as error:
            raise type(error)(*(_headed(str(self), problem) for problem in error.problems)) from error
        except ChronoError:
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError, OverflowError) as error:
            raise self._failure(str(self), error) from None
        except Exception as error:
            # the driver of PostgreSQL need not be installed, so its errors are known by where they are from
            if type(error).__module__.partition(".")[0] != "asyncpg":
                raise
            raise self._failure(str(self), error) from None

    def _run_here(self, work: Callable[[Connection], T], *, write: bool, create: bool) -> T:
        if not create and not self.path.exists():
            raise ConfigError("expected a database, there is none; name one that a pipeline writes to")
        engine = self.engine(write=write, create=create)
        try:
            with engine.connect() as connection:
                with connection.begin():
                    done = work(connection)
                if create:
                    write_ahead(connection)
                return done
        finally:
            engine.dispose()

    async def _run_there(self, work: Callable[[Connection], T], *, write: bool) -> T:
        from sqlalchemy.ext.asyncio import create_async_engine

        patience = {"timeout": self.patience}
        # what is read in several questions is of one moment
        isolation = "READ COMMITTED" if write else "REPEATABLE READ"
        engine = create_async_engine(
            self.url, poolclass=NullPool, hide_parameters=True, connect_args=patience, isolation_level=isolation
        )
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()


def check(connection: Connection) -> None:
    """Refuse a database whose tables are not those of this version.

    Raises
    ------
    ConfigError
        If it has none, older or newer ones.
    """
    if not pending(connection):
        return
    at = current(connection)
    was = "there are none" if at is None else f"was revision {at}"
    raise ConfigError(f"expected the tables of this version, {was}; run `chrono store upgrade` on it")


def write_ahead(connection: Connection) -> None:
    """Let others read a SQLite database while it is written to; not before it is known to be a store."""
    driver = connection.connection.driver_connection
    if driver is not None:
        driver.execute("PRAGMA journal_mode = WAL").close()


def sqlite_engine(path: Path, patience: float, *, write: bool, create: bool) -> Engine:
    """Return what connects to a SQLite file.

    What is written is on disk when a transaction ends, before a spool forgets it.
    """
    mode = "rwc" if create else "rw" if write else "ro"
    address = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    # the driver's own transactions begin too late, and not before a table is made
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _parsed(text: str) -> URL:
    if "://" not in text:
        if not text:
            raise ConfigError("expected a database, was empty; name a file, or postgresql://…")
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "expected an address like sqlite:///chrono.db or postgresql://user:password@host/name, was none"
        ) from None
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ConfigError("expected the file of a database, was none; write sqlite:///FILE")
        return URL.create("sqlite", database=url.database)
    if url.drivername not in {"postgresql", "postgres", "postgresql+asyncpg"}:
        raise ConfigError(f"expected sqlite:///… or postgresql://…, was {url.drivername}://…; name one of these")
    if find_spec("asyncpg") is None or find_spec("greenlet") is None:
        raise ConfigError("expected what reads PostgreSQL, is not installed; pip install chrono-timescale")
    query = {_OPTIONS.get(name, ""): value for name, value in url.query.items()}
    if "" in query:
        unknown = ", ".join(name for name in url.query if name not in _OPTIONS)
        raise ConfigError(f"expected {', '.join(_OPTIONS)} in the address of a database, was {unknown}; leave it out")
    return url.set(drivername="postgresql+asyncpg", query=query)


def _headed(where: str, problem: str) -> str:
    return problem if problem.startswith(where) else f"{where}: {problem}"
