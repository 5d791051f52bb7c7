"""A PostgreSQL server of a test's own starts, ends and comes back with what was committed."""

import time
from pathlib import Path

import pytest

from chrono.testing import postgres
from chrono.testing.postgres import Cluster, Unavailable, provided


@pytest.fixture(scope="module")
def cluster():
    with provided() as cluster:
        yield cluster


def test_a_fresh_database_has_nothing_in_it_and_is_gone_afterwards(cluster):
    with cluster.fresh() as database:
        assert database.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == "0"
        assert database.url == cluster.url(database.name)
        assert database.name in cluster.sql("SELECT datname FROM pg_database")
    assert database.name not in cluster.sql("SELECT datname FROM pg_database")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_committed_is_there_however_the_server_ended(cluster, how):
    with cluster.fresh() as database:
        database.sql("CREATE TABLE kept AS SELECT 7 AS number")
        pids = cluster.pids
        port = cluster.port
        getattr(cluster, how)()
        _gone(pids)
        assert not cluster.pids
        with pytest.raises(RuntimeError, match="expected psql to do as it was told"):
            database.sql("SELECT 1")
        cluster.start()
        assert cluster.port == port
        assert database.sql("SELECT number FROM kept") == "7"


def test_starting_what_runs_and_stopping_what_does_not_changes_nothing(cluster):
    cluster.start()
    pids = cluster.pids[:1]
    cluster.start()
    assert cluster.pids[:1] == pids
    cluster.stop()
    cluster.stop()
    cluster.kill()
    assert not cluster.pids
    with cluster.fresh():
        assert cluster.pids


def test_nothing_is_left_of_it():
    with provided() as cluster:
        folder, pids = cluster.data.parent, cluster.pids
        assert folder.exists()
    assert not folder.exists()
    _gone(pids)


def test_it_is_not_let_in_without_its_password(cluster, monkeypatch):
    monkeypatch.setattr(cluster, "password", "wrong")
    with pytest.raises(RuntimeError, match="password authentication failed"):
        cluster.sql("SELECT 1")


@pytest.fixture
def without(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)


def test_a_machine_without_it_says_so(without, tmp_path):
    with pytest.raises(Unavailable, match="expected PostgreSQL on the path or in .*, there is none; install it"):
        Cluster()


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_it_tests_are_skipped_but_fail_where_they_must_run(without, monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="there is none"), provided():
        pass


def _gone(pids):
    ends = time.monotonic() + 5
    while any(map(_runs, pids)):
        assert time.monotonic() < ends
        time.sleep(0.01)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
