"""A lease by a row of PostgreSQL, for machines that have nothing else in common.

When it ends is said by the server's clock alone; when its holder stops, by what passed at the holder's since it asked.
No machine's time of day counts. Every step is one statement, which is done or not, whoever is stopped meanwhile.

Source: PostgreSQL 16, "INSERT, ON CONFLICT clause" and "Transaction isolation, read committed": who waited for another
looks at the row again as that one has left it; read 2026-11-23.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from chrono_flare_ftso.lease import Renewed, Terms, holder
from chrono_flare_ftso.shared.server import Server

# whoever asks again since the answer was lost need not wait for the end of its own
_TAKE = """
INSERT INTO flare_leases AS held (name, holder, who, token, expires) VALUES ($1, $2, $3, 1, clock_timestamp() + $4)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, who = excluded.who, token = held.token + 1, expires = clock_timestamp() + $4
WHERE held.expires <= clock_timestamp() OR held.holder = excluded.holder
RETURNING token
"""
_WHO = "SELECT who FROM flare_leases WHERE name = $1"
_OURS = "name = $1 AND holder = $2 AND token = $3"
_EXTEND = f"UPDATE flare_leases SET expires = clock_timestamp() + $4 WHERE {_OURS} RETURNING true"  # noqa: S608 - no input
_CHECK = f"SELECT expires > clock_timestamp() FROM flare_leases WHERE {_OURS}"  # noqa: S608 - no input
_GIVE_BACK = f"UPDATE flare_leases SET expires = '-infinity' WHERE {_OURS}"  # noqa: S608 - no input


class PostgresLease(Renewed):
    """A `Lease` of whoever has its row.

    Parameters
    ----------
    server : Server
        Where the row is.
    name : str
        What it is of: the network and the identity, such as ``flare 0x…``; also that of its commits.
    terms : Terms, optional
        How long it is.
    **options
        As `Renewed` has them.

    Attributes
    ----------
    server : Server
        Where the row is.
    """

    def __init__(self, server: Server, name: str, terms: Terms | None = None, **options: Any) -> None:
        super().__init__(name, terms, **options)
        self.server = server
        self._holder = secrets.token_hex(16)

    async def _take(self) -> int | str:
        async def taken(connection: Any) -> int | str:
            token = await connection.fetchval(_TAKE, self.name, self._holder, holder(), self._ttl)
            if token is not None:
                return int(token)
            return f"held by {await connection.fetchval(_WHO, self.name) or 'somebody'}; standing by"

        return await self.server.run(taken)

    async def _extend(self, token: int) -> None:
        if not await self._asked(_EXTEND, token, self._ttl):
            raise self._fenced("there is a newer grant, or its row is gone")

    async def _check(self, token: int) -> None:
        if not await self._asked(_CHECK, token):
            raise self._fenced("it ended, or there is a newer grant")

    async def _give_back(self, token: int) -> None:
        if token:
            await self._asked(_GIVE_BACK, token)

    async def _asked(self, statement: str, token: int, *values: object) -> Any:
        async def asked(connection: Any) -> Any:
            return await connection.fetchval(statement, self.name, self._holder, token, *values)

        return await self.server.run(asked)

    @property
    def _ttl(self) -> timedelta:
        return timedelta(seconds=self.terms.ttl)
