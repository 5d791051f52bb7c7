"""The sink on a real PostgreSQL: the contract, what is there already, and a server that is away."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import msgspec
import pytest

from chrono.core.component import Context
from chrono.core.errors import ConfigError, TransientError
from chrono.core.types import SECOND
from chrono.store import Batch, Entry, Opening, Refused
from chrono.testing import SinkContract
from chrono.testing.reports import FIRST, described, report
from chrono_timescale import MIGRATIONS, Timescale
from chrono_timescale.server import Server, database

pytestmark = pytest.mark.anyio

ROUNDS = "SELECT round, feed_id, value, reason FROM rounds JOIN prices USING (at) ORDER BY round, feed_id"


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def until(true: Callable[[], Any]) -> None:
    with anyio.fail_after(30):
        while not true():  # noqa: ASYNC110 - it is up to another thread
            await anyio.sleep(0.01)


class TestTimescale(SinkContract):
    """What every sink promises."""

    sink = Timescale

    @pytest.fixture(autouse=True)
    def _on_a_server(self, postgres):
        self.postgres = postgres
        self.secrets = (postgres.cluster.password,)

    def options(self) -> Mapping[str, Any]:
        return {"url": self.postgres.url, "spool": str(self.folder / "spool")}

    def make(self) -> Timescale:
        self.made = super().make()
        return self.made

    async def seen(self) -> Sequence[Any]:
        await until(lambda: not self.made.waiting)
        return self.postgres.sql(ROUNDS).splitlines()


def opened(started=FIRST * SECOND) -> Opening:
    description = described()
    markets = tuple(dict.fromkeys(market for recipe in description.recipes for market in recipe.feed.markets))
    return Opening(started, description, markets)


def entry(number=0, *, code="ok", n=3, ticks=0):
    at = (FIRST + number) * SECOND
    reason = {"code": code}
    estimates = [(0, market, 1.0, 1.0, n, 0, 0, None, None, None, None, None, reason) for market in range(2)]
    return Entry(
        (FIRST + number, at, at + SECOND),
        [(0, 100.0 + number, 0.9, None, None, 0, 0, None, None), (1, None, 0.0, None, None, 0, 0, reason, None)],
        estimates,
        [(0, 0, 1, "deviation", True, 2.5, "far", {"distance_bp": 12.0})],
        [(at, at, "north", None, "live", code, "")],
        [(0, at, at + k, at, 1, 10.0 + k, 2.0, "buy", "t", *(None,) * 4) for k in range(ticks)],
    )


def batch(*entries, spool="spool", position=None, opening=None):
    return Batch(spool, opening or opened(), position or len(entries), entries)


def counts(postgres):
    tables = "rounds", "prices", "estimates", "verdicts", "statuses", "ticks"
    return [int(postgres.sql(f"SELECT count(*) FROM {table}")) for table in tables]


@pytest.fixture
async def server(postgres):
    server = await Server.connected(database(postgres.url))
    await server.prepare(MIGRATIONS)
    try:
        yield server
    finally:
        await server.close()


async def test_writing_twice_changes_nothing(server, postgres):
    written = batch(entry(0, ticks=2), entry(1, ticks=2))
    await server.write(written)
    there = counts(postgres)
    assert there == [2, 4, 4, 2, 2, 4]
    await server.write(written)
    assert counts(postgres) == there
    assert postgres.sql("SELECT position FROM runs") == "2"


async def test_what_was_written_in_part_is_completed(server, postgres):
    await server.write(batch(entry(0)))
    await server.write(batch(entry(0), entry(1), entry(2)))
    assert counts(postgres)[:2] == [3, 6]
    assert postgres.sql("SELECT position FROM runs") == "3"


async def test_rows_of_another_machine_stay_as_they_are(server, postgres):
    await server.write(batch(entry(0, ticks=2)))
    again = msgspec.structs.replace(entry(0, ticks=3), prices=[(0, 7.0, 0.9, None, None, 0, 0, None, None)])
    await server.write(batch(again, entry(1), spool="other"))
    assert counts(postgres) == [2, 4, 4, 2, 2, 3]
    assert postgres.sql("SELECT value FROM prices WHERE value IS NOT NULL ORDER BY at") == "100\n101"


async def test_what_text_cannot_hold_costs_one_character(server, postgres):
    await server.write(batch(entry(0, code="a\0b\\u0000")))
    assert postgres.sql("SELECT reason->>'code' FROM estimates LIMIT 1") == "a\ufffdb\\u0000"
    assert postgres.sql("SELECT code FROM statuses").startswith("a\ufffdb")


async def test_what_a_column_cannot_hold_is_refused_by_itself(server, postgres):
    with pytest.raises(Refused, match=r"expected values that it can hold, was refused \(.*32"):
        await server.write(batch(entry(0, n=2**40)))
    assert counts(postgres) == [0] * 6
    await server.write(batch(entry(1)))
    assert counts(postgres)[0] == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_ends_is_away_and_its_password_is_not_told(server, postgres, how):
    await server.write(batch(entry(0)))
    getattr(postgres.cluster, how)()
    with pytest.raises(TransientError) as told:
        await server.write(batch(entry(0), entry(1)))
    await server.close()
    with pytest.raises(TransientError) as refused:
        await Server.connected(database(postgres.url))
    for each in (told, refused):
        assert str(each.value).startswith(
            f"postgresql://chrono:***@127.0.0.1:{postgres.cluster.port}/{postgres.name}: "
        )
        assert postgres.cluster.password not in repr(each.getrepr(showlocals=False))


async def test_rounds_of_an_outage_are_there_once_when_it_is_over(postgres, tmp_path):
    statuses = []
    context = Context("timescale", report=statuses.append, describe=described)
    sink = Timescale(Timescale.Config(url=postgres.url, spool=str(tmp_path / "spool")), context)
    async with sink:
        await sink.publish(report(0))
        await until(lambda: not sink.waiting)
        postgres.cluster.kill()
        for number in range(1, 6):
            await sink.publish(report(number))
        await until(lambda: [each for each in statuses if each.code == "database_away"])
        postgres.cluster.start()
        await until(lambda: not sink.waiting)
    assert postgres.sql("SELECT round FROM rounds ORDER BY round").splitlines() == [str(FIRST + n) for n in range(6)]
    assert postgres.cluster.password not in repr(statuses)


async def test_it_starts_while_the_server_is_away(postgres, tmp_path):
    postgres.cluster.stop()
    context = Context("timescale", describe=described)
    sink = Timescale(Timescale.Config(url=postgres.url, spool=str(tmp_path / "spool")), context)
    async with sink:
        await sink.publish(report(0))
        postgres.cluster.start()
        await until(lambda: not sink.waiting)
    assert postgres.sql("SELECT count(*) FROM rounds") == "1"


async def test_a_wrong_password_is_refused_at_once_and_not_told(postgres, tmp_path):
    wrong = postgres.cluster.password[::-1]
    url = postgres.url.replace(postgres.cluster.password, wrong)
    context = Context("timescale", describe=described)
    with pytest.raises(ConfigError, match="see to the user and the password") as refused:
        async with Timescale(Timescale.Config(url=url, spool=str(tmp_path / "spool")), context):
            pass
    assert wrong not in repr(refused.getrepr(showlocals=False))


@pytest.mark.parametrize(
    "url", ["chrono.db", "mysql://user:hunter2@host/name", "postgresql://user:hunter2@host:x/name"]
)
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(ConfigError) as refused:
        Timescale(Timescale.Config(url=url), Context("timescale"))
    assert "hunter2" not in str(refused.value)


async def test_the_password_is_in_no_representation(postgres):
    config = Timescale.Config(url=postgres.url)
    sink = Timescale(config, Context("timescale"))
    told = " ".join(map(repr, (config, sink, sink._database, config.model_dump(), config.model_dump_json())))
    assert postgres.cluster.password not in told
    assert sink.address == postgres.url


async def test_rows_of_a_time_whose_part_cannot_be_made_are_kept_with_the_others(server, postgres):
    await server.write(batch(entry(0)))
    name = postgres.sql("SELECT DISTINCT tableoid::regclass FROM prices")
    # rows of that time are in the way of a part for it
    postgres.sql(f"ALTER TABLE prices DETACH PARTITION {name}")
    postgres.sql(f"INSERT INTO prices SELECT * FROM {name}")
    postgres.sql(f"DROP TABLE {name}")
    server._parts.clear()
    await server.write(batch(entry(0), entry(1)))
    assert postgres.sql("SELECT DISTINCT tableoid::regclass FROM prices") == "prices_other"
    assert postgres.sql("SELECT count(*) FROM prices") == "4"


async def test_a_reader_in_the_way_of_a_new_part_is_waited_for_a_moment(server, postgres):
    for each in server._parts:
        if each.table == "prices":
            postgres.sql(f"DROP TABLE {each.name}")
    server._parts.clear()
    reader = await Server.connected(database(postgres.url))
    driver = await reader._driver()
    async with driver.transaction():
        await driver.execute("SELECT * FROM prices")
        await server.write(batch(entry(0)))
    await reader.close()
    assert postgres.sql("SELECT DISTINCT tableoid::regclass FROM prices") == "prices_other"


async def test_a_server_that_says_nothing_is_away(server, postgres):
    await server.write(batch(entry(0)))
    server._database.patience = 0.5
    pids = postgres.cluster.pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TransientError, match="expected to reach the database"), anyio.fail_after(20):
            await server.write(batch(entry(0), entry(1)))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
