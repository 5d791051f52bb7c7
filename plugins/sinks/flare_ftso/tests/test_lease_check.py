"""What is said of a lease that machines share on a server: whether it answers, and without its password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from chrono.testing.postgres import Fresh, provided
from chrono_flare_ftso.provider.lease_check import check_lease

pytestmark = pytest.mark.anyio


class Where(NamedTuple):
    """Where a lease is kept."""

    file: str | None = None
    postgres: SecretStr | None = None


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def database() -> Iterator[Fresh]:
    """Return a database with nothing in it; skip where this machine has no PostgreSQL."""
    with provided() as cluster, cluster.fresh() as found:
        yield found


async def test_server_that_answers_is_told_with_how_many_leases_are_held(database):
    from chrono_flare_ftso.shared.postgres_lease import PostgresLease
    from chrono_flare_ftso.shared.server import Server

    where = Where(postgres=SecretStr(database.url))
    assert await check_lease(where) == ("lease", "ok", "the server answers, and 0 leases are held", "")
    lease = PostgresLease(Server(database.url), "flare 0x01")
    await lease.acquire()
    try:
        assert await check_lease(where) == ("lease", "ok", "the server answers, and 1 lease is held", "")
    finally:
        await lease.release()


async def test_server_that_is_away_is_a_failure_without_its_password():
    found = await check_lease(Where(postgres=SecretStr("postgresql://chrono:hunter2@127.0.0.1:1/flare")))
    assert (found.state, found.advice) == (
        "failure",
        "see to the server, and to its address under `lease.postgres`",
    )
    assert "hunter2" not in found.told
