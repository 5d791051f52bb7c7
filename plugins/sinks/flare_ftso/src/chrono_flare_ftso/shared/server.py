"""The PostgreSQL server that machines share: reached for a piece of work at a time, and never waited for without end.

A connection for each piece of work costs some milliseconds every few seconds, and needs nobody to notice that an old
one is dead. What changes anything is one statement, so that a process that is stopped half-way holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any, TypeVar

from chrono import ConfigError
from chrono.store import Away, Database

T = TypeVar("T")

_FAREWELL = 1.0
"""Seconds that a connection has to close in order."""

_LOCK = 0x666C617265
"""What those who make tables wait for each other by: `flare` in ASCII."""

_THERE = "SELECT to_regclass('flare_leases') IS NOT NULL AND to_regclass('flare_commits') IS NOT NULL"
_TABLES = """
CREATE TABLE IF NOT EXISTS flare_leases (
    name text PRIMARY KEY, holder text NOT NULL, who text NOT NULL, token bigint NOT NULL, expires timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS flare_commits (
    name text NOT NULL, round bigint NOT NULL, address bytea NOT NULL, hash bytea NOT NULL, sealed bytea NOT NULL,
    feeds text NOT NULL, token bigint NOT NULL, PRIMARY KEY (name, round, address)
)
"""

# what is answered is on the server's disk, even where it is set up to say so before
_SESSION = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""


class Server:
    """A PostgreSQL server by its address; its repr shows no password.

    Parameters
    ----------
    url : str
        `postgresql://USER:PASSWORD@HOST/NAME`.
    patience : float, optional
        Seconds after which a server that says nothing is away.

    Raises
    ------
    ConfigError
        If it is no such address, or what reads PostgreSQL is not installed.

    Examples
    --------
    >>> Server("postgresql://chrono:secret@db/flare")
    postgresql://chrono:***@db/flare
    """

    def __init__(self, url: str, patience: float = 3.0) -> None:
        if find_spec("asyncpg") is None or find_spec("greenlet") is None:
            told = "expected what reads PostgreSQL, is not installed"
            raise ConfigError(f"{told}; pip install 'chrono-flare-ftso[postgres]'")
        self._database = Database(url, patience=patience)
        if self._database.dialect != "postgresql":
            told = f"expected postgresql://…, was {self._database.dialect}"
            raise ConfigError(f"{told}; what machines share is on a server that all of them reach")
        self.patience = patience
        self._ready = False

    def __repr__(self) -> str:
        return str(self._database)

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do a piece of work over a connection of its own, and make the tables before where they are not there.

        Parameters
        ----------
        work : callable
            Given a connection of asyncpg.

        Raises
        ------
        Away
            If the server is away, or says nothing in time; whether it has done the work nobody knows then.
        ConfigError
            If it lets nobody in, or its tables are others.
        """
        with self._database.explained():
            try:
                async with asyncio.timeout(self.patience):
                    return await self._done(work)
            except TimeoutError:
                told = f"{self}: expected an answer within {self.patience:g} s, was none; see that it runs"
                raise Away(told) from None

    async def _done(self, work: Callable[[Any], Awaitable[T]]) -> T:
        import asyncpg

        url = self._database.url
        there = {"host": url.host, "port": url.port, "user": url.username, "database": url.database}
        connection = await asyncpg.connect(
            **there,
            password=url.password,
            ssl=url.query.get("ssl"),
            timeout=self.patience,
            command_timeout=self.patience,
            server_settings={"application_name": "chrono-flare-ftso", "idle_in_transaction_session_timeout": "2s"},
        )
        try:
            if not self._ready:
                await self._prepare(connection)
            await connection.execute(_SESSION)
            done = await work(connection)
        except BaseException:
            connection.terminate()
            raise
        await connection.close(timeout=_FAREWELL)
        return done

    async def _prepare(self, connection: Any) -> None:
        if not await connection.fetchval(_THERE):
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute(_TABLES)
        self._ready = True
