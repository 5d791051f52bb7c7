"""A PostgreSQL server that fails: everything that was published is in it once, and no round waits for it."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chrono.testing.postgres import Cluster, Fresh, provided
from tests.store.outages import PATIENCE, Proxy, Scene, frozen, full, small_disk, until
from tests.store.test_faults import BLOCKED, KILLS, on_time

pytest.importorskip("chrono_timescale", reason="expected the plugin chrono-timescale, it is not installed")

CUTS = 6
DISK = 300_000_000
"""Bytes: what a server begins with is a third of it."""

pytestmark = pytest.mark.timeout(4 * PATIENCE)


def scene(folder: Path, url: str, through: int | None = None) -> Scene:
    """Return a pipeline that stores into a database, by another port if one is given."""
    address = url if through is None else url.replace(f":{url.rpartition(':')[2].partition('/')[0]}/", f":{through}/")
    return Scene(folder, {"type": "timescale", "url": address, "spool": str(folder / "spool")}, url)


@pytest.fixture
def proxy(postgres: Fresh) -> Iterator[Proxy]:
    """Return what stands between a pipeline and the server."""
    proxy = Proxy(postgres.cluster.port)
    yield proxy
    proxy.close()


def test_what_was_printed_is_stored(tmp_path: Path, postgres: Fresh) -> None:
    run = scene(tmp_path, postgres.url)
    with run.running(rounds=10):
        pass
    assert run.check() == 0


@pytest.mark.parametrize("end", [Cluster.stop, Cluster.kill], ids=["stopped", "killed"])
def test_a_server_that_ends_and_is_started_again(tmp_path: Path, postgres: Fresh, end: object) -> None:
    run = scene(tmp_path, postgres.url)
    with run.running() as program:
        run.wait(program)
        end(postgres.cluster)  # type: ignore[operator]
        on_time(program, BLOCKED)
        run.wait_to_hear("database_away")
        postgres.cluster.start()
        run.wait(program)
    assert run.check() == 0
    assert postgres.cluster.password not in run.said


def test_a_server_that_is_there_after_the_pipeline(tmp_path: Path, postgres: Fresh) -> None:
    run = scene(tmp_path, postgres.url)
    postgres.cluster.stop()
    with run.running() as program:
        on_time(program, BLOCKED)
        postgres.cluster.start()
        run.wait(program)
    assert run.check() == 0


def test_no_round_waits_for_a_server_that_says_nothing(tmp_path: Path, postgres: Fresh) -> None:
    run = scene(tmp_path, postgres.url)
    with run.running() as program:
        run.wait(program)
        with frozen(postgres.cluster.pids):
            on_time(program, BLOCKED)
        run.wait(program)
    assert run.check() == 0


def test_connections_that_are_cut_while_a_batch_goes_over_them(tmp_path: Path, postgres: Fresh, proxy: Proxy) -> None:
    run, chance = scene(tmp_path, postgres.url, proxy.port), random.Random(1)
    with run.running() as program:
        for turn in range(CUTS):
            proxy.cut_after(chance.randrange(1, 4000))
            until(lambda turn=turn: proxy.cuts > turn, "a connection to be cut")
            run.wait(program)
    assert run.check() == 0


def test_killed_again_and_again_while_it_writes_to_a_server(tmp_path: Path, postgres: Fresh) -> None:
    run, chance = scene(tmp_path, postgres.url), random.Random(1)
    for turn in range(KILLS):
        with run.running() as program:
            if turn % 2:
                # so that there is much to be written at once
                with frozen(postgres.cluster.pids):
                    program.wait(chance.randrange(3, 8))
            time.sleep(chance.uniform(0, 0.3))
            program.kill()
    with run.running() as program:
        run.wait(program)
    assert run.check() <= KILLS


@pytest.fixture
def room() -> Iterator[Path]:
    """Return a folder that whoever a server runs as may enter."""
    with tempfile.TemporaryDirectory(prefix="chrono-room-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_server_whose_disk_is_full(tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with small_disk(room / "disk", DISK) as disk:
            monkeypatch.setenv("TMPDIR", str(disk))
            monkeypatch.setattr("tempfile.tempdir", None)
            with provided() as cluster, cluster.fresh() as database:
                run = scene(tmp_path, database.url)
                with run.running() as program:
                    run.wait(program)
                    with full(disk):
                        # a server that is full may give up: whoever makes room starts it again
                        on_time(program, BLOCKED)
                    cluster.start()
                    run.wait(program)
                assert run.check() == 0
    except PermissionError as error:
        pytest.skip(str(error))
