"""PostgreSQL and TimescaleDB for chrono: what was published and why, for years, by binary COPY."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

from chrono import Sink, hookimpl
from chrono.store import Batch, Migrations, StoreSink

if TYPE_CHECKING:
    from chrono_timescale.server import Server

MIGRATIONS = Migrations("timescale", Path(__file__).parent / "migrations", "postgresql")
"""How large tables are divided by time, and what sums them up."""


class Timescale(StoreSink):
    """Every round, with all that its prices were made of, in PostgreSQL; on TimescaleDB compressed, and summed up."""

    type = "timescale"

    class Config(StoreSink.Config):
        """Where to write."""

        url: SecretStr = Field(min_length=1)
        """The address of the database, such as ${env:CHRONO_STORE} for postgresql://user:password@host/name."""

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        # what speaks to databases is imported where one is written to
        from chrono_timescale.server import database

        super().__init__(config, context)
        self._database = database(self.address)
        self._server: Server | None = None
        self._told = False

    @property
    def address(self) -> str:
        """The address, with its password."""
        return self.config.url.get_secret_value()

    async def prepare(self) -> None:
        """Connect, bring the tables to this version, and make the parts that come next."""
        from chrono_timescale.server import Server

        self._server = await Server.connected(self._database)
        line = await self._server.prepare(MIGRATIONS)
        if line and not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self.context.logger.info, line)

    async def write(self, batch: Batch) -> None:
        """Write a batch in one transaction."""
        if self._server is not None:
            await self._server.write(batch)

    async def release(self) -> None:
        """Close the connection."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()


@hookimpl
def chrono_sinks() -> Iterable[type[Sink]]:
    """Bring the sink."""
    return (Timescale,)


@hookimpl
def chrono_migrations() -> Iterable[Migrations]:
    """Bring what PostgreSQL has of its own."""
    return (MIGRATIONS,)
