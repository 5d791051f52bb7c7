"""Names once, ids for ever; whoever inserts at the same time gets the same ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, delete, func, select

from chrono.store.batches import Batch
from chrono.store.models import Base, Description, Feed, Market, Pipeline, Run
from chrono.store.names import Names, recorded
from tests.store.made import MARKETS, START, description, opening


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Return a connection to an empty store."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        Base.metadata.create_all(connection)
        yield connection
    engine.dispose()


def counts(connection: Connection) -> list[int]:
    """Return how many rows the tables of names have."""
    tables = (Pipeline, Description, Feed, Market, Run)
    return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def batch(started: int = START, name: str = "made", spool: str = "spool") -> Batch:
    """Return a batch of nothing."""
    return Batch(spool, opening(started, name), 0, ())


def test_names_are_inserted_once(connection: Connection) -> None:
    """Asked for again they have the ids that they had."""
    first = Names.of(connection, batch())
    assert first == Names.of(connection, batch())
    assert counts(connection) == [1, 1, 2, 3, 1]
    assert first.position == 0


def test_ids_are_in_the_order_of_their_places(connection: Connection) -> None:
    """What an entry calls the n-th market is the n-th id."""
    names = Names.of(connection, batch())
    rows = {row.id: row for row in connection.execute(select(Market.__table__))}
    assert [rows[id].source for id in names.markets] == [market.source for market in MARKETS]
    feeds = {row.id: row for row in connection.execute(select(Feed.__table__))}
    assert [(feeds[id].name, feeds[id].base) for id in names.feeds] == [("BTC/USD", "BTC"), ("ETH/USD", "ETH")]


def test_another_run_is_another_row_and_nothing_else(connection: Connection) -> None:
    """The file stayed as it was, so it is described once."""
    first, second = Names.of(connection, batch()), Names.of(connection, batch(START + 5_000))
    assert counts(connection) == [1, 1, 2, 3, 2]
    assert first.run != second.run
    assert (first.pipeline, first.feeds, first.markets) == (second.pipeline, second.feeds, second.markets)


def test_run_is_known_again_where_instants_are_kept_in_microseconds(connection: Connection) -> None:
    """It began at a nanosecond that PostgreSQL has no room for."""
    assert Names.of(connection, batch(START + 5_001)).run == Names.of(connection, batch(START + 5_999)).run


def test_same_instant_in_another_spool_is_another_run(connection: Connection) -> None:
    """Two machines may begin at once."""
    assert Names.of(connection, batch()).run != Names.of(connection, batch(spool="other")).run


def test_another_pipeline_has_feeds_of_its_own_and_the_same_markets(connection: Connection) -> None:
    """A feed is a series of prices; a market is a market."""
    first, second = Names.of(connection, batch()), Names.of(connection, batch(START + 5_000, "other"))
    assert not {*first.feeds} & {*second.feeds}
    assert first.markets == second.markets
    assert counts(connection) == [2, 2, 4, 3, 2]


def test_position_is_what_was_advanced_to(connection: Connection) -> None:
    """Of this run alone."""
    Names.of(connection, batch()).advance(connection, 17)
    assert Names.of(connection, batch()).position == 17
    assert Names.of(connection, batch(START + 5_000)).position == 0


def test_names_of_a_run_that_are_known_are_not_looked_for_again(connection: Connection) -> None:
    """Only how far it is written is asked, by whomever it was."""
    known = Names.of(connection, batch())
    known.advance(connection, 17)
    connection.execute(delete(Market))
    again = Names.of(connection, batch(), known)
    assert again == known._replace(position=17)
    assert counts(connection)[3] == 0


def test_known_names_of_another_run_or_another_database_are_not_relied_on(connection: Connection) -> None:
    """What is not there is inserted."""
    known = Names.of(connection, batch())
    later = Names.of(connection, batch(START + 5_000), known)
    assert (later.run, later.started) == (known.run + 1, START + 5_000)
    connection.execute(delete(Run))
    connection.execute(delete(Feed))
    assert Names.of(connection, batch(), known).position == 0
    assert counts(connection) == [1, 1, 2, 3, 1]


def test_description_has_the_same_digest_whatever_the_order_of_its_options(connection: Connection) -> None:
    """It is written down as JSON from which it can be read again."""
    digest, recipes = recorded(description())
    assert len(digest) == 64
    assert digest == recorded(description())[0]
    assert digest != recorded(description(feeds=["BTC/USD"]))[0]
    assert recipes["recipes"][0]["feed"]["name"] == "BTC/USD"
