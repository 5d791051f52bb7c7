"""One connection to PostgreSQL: tables brought to this version, and batches written by COPY."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeAlias, TypeVar

import asyncpg
import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from chrono import ConfigError
from chrono.store import Batch, Database, Migrations, Names, Refused, begin, moment, pending, tables, upgrade
from chrono_timescale.partitions import PLAIN, TABLES, Part, needed

_PATIENCE = 30.0
"""Seconds after which a server that says nothing is away."""

_FAREWELL = 2.0
"""Seconds that a connection has to close in order."""

_DAY = 86_400 * 10**9

_LOCK = 0x6368726F6E6F
"""What those who change tables wait for each other by: `chrono` in ASCII."""

_SESSION = """
SET idle_in_transaction_session_timeout = '60s';
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3
"""
"""Or a connection that was cut without a word would keep what it has locked for hours."""

_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""How JSON writes the same; not after a backslash that is itself escaped."""

_AT_FAULT = (asyncpg.UniqueViolationError, asyncpg.DataError, ValueError, TypeError, OverflowError)
"""What is raised of the rows, not of the way there."""

T = TypeVar("T")

Rows: TypeAlias = Sequence[tuple[Any, ...]]
Table: TypeAlias = tuple[Any, Rows]
Way: TypeAlias = Callable[[Any, str, Sequence[str], Rows], Awaitable[None]]


def database(address: str) -> Database:
    """Return the database at an address.

    Raises
    ------
    ConfigError
        If it is no address of PostgreSQL.
    """
    found = Database(address, patience=_PATIENCE)
    if found.dialect != "postgresql":
        raise ConfigError(f"expected postgresql://…, was {found.dialect}; use the sink `sqlite` for files")
    return found


class Server:
    """One connection.

    Parameters
    ----------
    database : Database
    engine : AsyncEngine
    connection : AsyncConnection
        Of that engine; closed with it.
    """

    def __init__(self, database: Database, engine: AsyncEngine, connection: AsyncConnection) -> None:
        self._database = database
        self._engine = engine
        self._connection = connection
        self._parts: set[Part] | None = None
        self._names: Names | None = None

    @classmethod
    async def connected(cls, database: Database) -> Self:
        """Connect.

        Raises
        ------
        Away
            If it cannot be reached now.
        ConfigError
            If it lets nobody in.
        """
        engine = create_async_engine(
            database.url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": database.patience}
        )
        with database.explained():
            async with asyncio.timeout(database.patience):
                server = cls(database, engine, await engine.connect())
            try:
                async with asyncio.timeout(database.patience):
                    await (await server._driver()).execute(_SESSION)
            except BaseException:
                await server.close()
                raise
        return server

    async def prepare(self, migrations: Migrations) -> str:
        """Bring the tables to this version, and make the parts that come next; return what to say of the server."""
        with self._database.explained():
            async with self._connection.begin():
                await self._connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                await self._connection.run_sync(upgrade)
                migrated = bool(await self._connection.run_sync(pending, migrations))
                await self._connection.run_sync(upgrade, "head", migrations)
                kind = "SELECT relkind::text FROM pg_class WHERE oid = 'prices'::regclass"
                divided = (await self._connection.execute(text(kind))).scalar_one() == "p"
            if not divided:
                return ""
            self._parts = set()
            await self._divide([])
        return "" if migrated else f"{self._database}: {PLAIN}"

    async def write(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Raises
        ------
        Away
            If the server is away, or says nothing.
        Refused
            If the values are at fault.
        ConfigError
            If the server or its tables are.
        """
        with self._database.explained():
            async with asyncio.timeout(self._database.patience):
                await self._divide(batch.entries)
                try:
                    await self._write(batch, _copied)
                except _AT_FAULT:
                    # some of it is there already, or has what no text can hold
                    await self._write_carefully(batch)

    async def _write_carefully(self, batch: Batch) -> None:
        try:
            await self._write(batch, _merged)
        except (ValueError, TypeError, OverflowError) as error:
            # the driver itself refuses what a column cannot hold
            said = " ".join(str(error).split())
            raise Refused(f"expected values that it can hold, was refused ({said})") from None

    async def close(self) -> None:
        """Close the connection, in order if that is soon."""
        with contextlib.suppress(Exception):
            driver = await self._driver()
            try:
                async with asyncio.timeout(_FAREWELL):
                    await self._connection.close()
            except BaseException:
                driver.terminate()
                raise
        await self._engine.dispose()

    async def _driver(self) -> Any:
        return (await self._connection.get_raw_connection()).driver_connection

    async def _write(self, batch: Batch, way: Way) -> None:
        connection = self._connection
        async with connection.begin():
            names = await connection.run_sync(Names.of, batch, self._names)
            entries = batch.after(names.position)
            if not entries:
                return
            rounds = {entry.round[1] for entry in entries if entry.round is not None}
            found = tables(names, entries, rounds, moment, _text)
            fresh, each = await _meanwhile(connection.run_sync(begin, names, entries), found)
            if fresh != rounds:
                # somebody else wrote some of them
                found = tables(names, entries, fresh, moment, _text)
                each = next(found, None)
            driver = await self._driver()
            while each is not None:
                model, rows = each
                columns = [column.name for column in model.__table__.columns]
                _, each = await _meanwhile(way(driver, model.__tablename__, columns, rows), found)
            await connection.run_sync(names.advance, batch.position)
        self._names = names

    async def _divide(self, entries: Iterable[Any]) -> None:
        """Make the parts that rows of these entries go to, and those that come next; where tables are divided."""
        if self._parts is None:
            return
        rounds = {entry.round[1] // _DAY for entry in entries if entry.round is not None}
        told = {at // _DAY for entry in entries for at, *_ in entry.statuses}
        heard = {tick[1] // _DAY for entry in entries for tick in entry.ticks}
        days = dict.fromkeys(TABLES, rounds) | {"statuses": told, "ticks": heard}
        for table in TABLES:
            for part in needed(table, [moment(day * _DAY) for day in days[table]]):
                if part not in self._parts and await self._make(part):
                    self._parts.add(part)

    async def _make(self, part: Part) -> bool:
        """Make a part, if nobody keeps its table from being changed; rows go to the one for all others until then."""
        connection = self._connection
        try:
            async with connection.begin():
                await connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                await connection.exec_driver_sql(part.made())
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", "")
            # where rows of that time are in the one for all others already, they stay there
            if state not in {"23514", "55P03"}:
                raise
            return state == "23514"
        return True


async def _meanwhile(work: Awaitable[T], found: Iterator[Table]) -> tuple[T, Table | None]:
    """Return what the server makes of some work, and the next table, whose rows are made while it does."""
    following = asyncio.create_task(asyncio.to_thread(next, found, None))
    try:
        done = await work
    finally:
        table = await following
    return done, table


async def _copied(driver: Any, table: str, columns: Sequence[str], rows: Rows) -> None:
    await driver.copy_records_to_table(table, records=rows, columns=columns)


async def _merged(driver: Any, table: str, columns: Sequence[str], rows: Rows) -> None:
    """Write the rows that are not there yet, and of their text what PostgreSQL can hold."""
    named = ", ".join(f'"{column}"' for column in columns)
    await driver.execute(f"CREATE TEMPORARY TABLE fresh_{table} (LIKE {table}) ON COMMIT DROP")
    clean = [tuple(_clean(value) for value in row) for row in rows]
    await driver.copy_records_to_table(f"fresh_{table}", records=clean, columns=columns)
    await driver.execute(
        f"INSERT INTO {table} ({named}) SELECT {named} FROM fresh_{table} ON CONFLICT DO NOTHING"  # noqa: S608 - our own names
    )


def _clean(value: Any) -> Any:
    """Return a value without the one character that PostgreSQL's text cannot hold."""
    if type(value) is not str:
        return value
    return _ESCAPED.sub("\\1\N{REPLACEMENT CHARACTER}", value.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
