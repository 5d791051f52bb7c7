"""A PostgreSQL server that all tests here share, with a database of its own for each."""

from collections.abc import Iterator

import pytest

from chrono.testing.postgres import Cluster, Fresh, provided


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the server; whoever stops it need not start it again."""
    with provided() as cluster:
        yield cluster


@pytest.fixture
def postgres(cluster: Cluster) -> Iterator[Fresh]:
    """Return a database with nothing in it; skip where this machine has no PostgreSQL, fail if it should have."""
    with cluster.fresh() as database:
        yield database
