"""Commits in PostgreSQL, for machines that are one provider: each reads what any of them committed to.

A commit is written by the one who has the newest grant of the lease and by nobody else: the statement that writes it
holds the lease's row as it is, so a takeover comes before it, and it is refused, or after it, and finds it.

Source: PostgreSQL 16, "SELECT, the locking clause", and "Transaction isolation, read committed"; read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from chrono_flare_ftso.commits import RANDOM_BYTES, Commit
from chrono_flare_ftso.lease import Fenced
from chrono_flare_ftso.sealing import Seal
from chrono_flare_ftso.shared.postgres_lease import PostgresLease

T = TypeVar("T")

KNOWN = 64
"""Commits that are remembered: they never change, and are revealed while the server is away, too."""

_FENCE = "WITH fence AS (SELECT 1 FROM flare_leases WHERE name = $1 AND token = $2 FOR SHARE)"
_MAKE = f"""
{_FENCE} INSERT INTO flare_commits (name, token, round, address, hash, sealed, feeds)
SELECT $1, $2, $3, $4, $5, $6, $7 FROM fence ON CONFLICT DO NOTHING
"""  # noqa: S608 - no input
_PRUNE = f"""
{_FENCE}, gone AS (
    DELETE FROM flare_commits WHERE name = $1 AND round < $3 AND EXISTS (SELECT 1 FROM fence) RETURNING 1
) SELECT count(*) FROM gone
"""  # noqa: S608 - no input
_FIND = "SELECT hash, sealed FROM flare_commits WHERE name = $1 AND round = $2 AND address = $3"
_ROUNDS = "SELECT DISTINCT round FROM flare_commits WHERE name = $1 AND round >= $2 ORDER BY round"
_NEWEST = "SELECT round, address, hash, sealed FROM flare_commits WHERE name = $1 ORDER BY round DESC LIMIT 1"


class PostgresCommits:
    """The commits of all who share a lease; any thread that runs no event loop may use it.

    Parameters
    ----------
    lease : PostgresLease
        Without which nothing is written.
    seal : Seal
        What they are encrypted with: the same on all machines.

    Notes
    -----
    Every method waits for the server, and raises `TransientError` where that is away.
    """

    def __init__(self, lease: PostgresLease, seal: Seal) -> None:
        self._lease = lease
        self._seal = seal
        self._known: OrderedDict[tuple[int, bytes], Commit] = OrderedDict()

    def check(self) -> None:
        """Refuse a secret that is not the one that the commits were sealed with, before one is needed.

        Raises
        ------
        PermanentError
            If the newest commit does not open.
        """
        row = self._run(lambda connection: connection.fetchrow(_NEWEST, self._lease.name))
        if row is not None:
            self._opened(*row)

    def find(self, round: int, address: bytes) -> Commit | None:
        """Return what was committed to; None where nothing was.

        Raises
        ------
        PermanentError
            If it is not what was committed to.
        """
        known = self._known.get((round, address))
        if known is not None:
            return known
        row = self._run(lambda connection: connection.fetchrow(_FIND, self._lease.name, round, address))
        return self._opened(round, address, *row) if row is not None else None

    def make(self, round: int, address: bytes, vector: bytes, feeds: Sequence[bytes]) -> Commit:
        """Commit to a vector; see `commits.Commits.make`.

        Raises
        ------
        Fenced
            If there is none, and the lease is not ours.
        """
        lease = self._lease
        commit = Commit(round, address, secrets.token_bytes(RANDOM_BYTES), vector)
        told = ",".join(feed.hex() for feed in feeds)
        values = (lease.name, lease.token, round, address, commit.hash, commit.sealed(self._seal), told)

        async def made(connection: Any) -> Any:
            if lease.held:
                await connection.execute(_MAKE, *values)
            # what is there, whoever wrote it: only that may be told
            return await connection.fetchrow(_FIND, lease.name, round, address)

        row = self._run(made)
        if row is None:
            told = f"{lease.server}: lease {lease.name}: expected grant {values[1]} to be the newest and held, was not"
            raise Fenced(f"{told}; nothing is committed to in round {round}, this one stands by")
        return self._opened(round, address, *row)

    def rounds(self, since: int) -> list[int]:
        """Return the rounds from one on that were committed to, the first first."""
        rows = self._run(lambda connection: connection.fetch(_ROUNDS, self._lease.name, since))
        return [int(round) for (round,) in rows]

    def prune(self, before: int) -> int:
        """Forget the commits of rounds before one; return how many they were, none where the lease is not ours."""
        values = (self._lease.name, self._lease.token, before)
        if not self._lease.held:
            return 0
        return int(self._run(lambda connection: connection.fetchval(_PRUNE, *values)))

    def _opened(self, round: int, address: bytes, hash: bytes, sealed: bytes) -> Commit:
        commit = Commit.opened(self._seal, self._lease.server, round, address, hash, sealed)
        self._known[round, address] = commit
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return commit

    def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        return asyncio.run(self._lease.server.run(work))
