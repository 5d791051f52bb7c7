"""What is named once: pipelines, how they price, feeds, markets and runs get their ids, and are inserted where new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase

from chrono.core.recipes import Description as Described
from chrono.core.types import Market as AMarket
from chrono.store.batches import Batch
from chrono.store.models import MICROSECOND, Description, Feed, Market, Pipeline, Run


class Names(NamedTuple):
    """The ids of what a batch names.

    Attributes
    ----------
    pipeline, run : int
    position : int
        The number of the newest entry of the run that is written.
    feeds, markets : sequence of int
        By their places in the opening.
    spool, started : str and int
        What tells the run from others.
    """

    pipeline: int
    run: int
    position: int
    feeds: Sequence[int]
    markets: Sequence[int]
    spool: str
    started: int

    @classmethod
    def of(cls, connection: Connection, batch: Batch, known: Names | None = None) -> Names:
        """Find the ids of what a batch names, and insert what is new.

        Parameters
        ----------
        connection : Connection
        batch : Batch
        known : Names, optional
            Those of an earlier batch; where that was of the same run, only how far it is written is asked.
        """
        opening = batch.opening
        if known is not None and (known.spool, known.started) == (batch.spool, opening.started):
            asked = select(Run.position).where(Run.id == known.run, Run.spool == batch.spool).with_for_update()
            position = connection.execute(asked).scalar_one_or_none()
            if position is not None:
                return known._replace(position=position)
        described = opening.description
        pipeline = _ids(connection, Pipeline, [{"name": described.pipeline}])[0]
        names = [recipe.feed.name for recipe in described.recipes]
        pairs = [recipe.feed.pair for recipe in described.recipes]
        feeds = _ids(
            connection,
            Feed,
            [{"pipeline_id": pipeline, "name": name} for name in names],
            [{"base": pair.base, "quote": pair.quote} for pair in pairs],
        )
        markets = _ids(connection, Market, [_columns(market) for market in opening.markets])
        digest, recipes = recorded(described)
        description = _ids(
            connection,
            Description,
            [{"pipeline_id": pipeline, "digest": digest}],
            [{"every": described.every, "recipes": recipes}],
        )[0]
        run = _ids(
            connection,
            Run,
            [{"spool": batch.spool, "started": opening.started // MICROSECOND * MICROSECOND}],
            [{"pipeline_id": pipeline, "description_id": description, "position": 0}],
        )[0]
        position = connection.execute(select(Run.position).where(Run.id == run).with_for_update()).scalar_one()
        return cls(pipeline, run, position, feeds, markets, batch.spool, opening.started)

    def advance(self, connection: Connection, position: int) -> None:
        """Say that all entries of the run up to a number are written."""
        connection.execute(update(Run).where(Run.id == self.run).values(position=position))


def recorded(description: Described) -> tuple[str, Mapping[str, Any]]:
    """Return a description's digest and what is written down of it."""
    text = msgspec.json.encode(description, order="deterministic")
    return hashlib.sha256(text).hexdigest(), msgspec.json.decode(text)


def inserting(connection: Connection, model: type[DeclarativeBase]) -> Any:
    """Return an insert that leaves rows alone that are there already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(model).on_conflict_do_nothing()


def _columns(market: AMarket) -> dict[str, str]:
    return {
        "source": market.source,
        "base": market.pair.base,
        "quote": market.pair.quote,
        "group": market.group,
        "symbol": market.symbol,
    }


def _ids(
    connection: Connection,
    model: type[DeclarativeBase],
    keys: Sequence[Mapping[str, Any]],
    more: Sequence[Mapping[str, Any]] = (),
) -> list[int]:
    """Return the ids of rows by what they are known by, after those that are new were inserted with `more`."""
    if not keys:
        return []
    wanted = [tuple(key.values()) for key in keys]
    known = _known(connection, model, keys)
    # in one order everywhere, or two that insert at once could wait for each other
    new = {each: place for place, each in enumerate(wanted) if each not in known}
    if new:
        rows = [{**keys[new[each]], **(more[new[each]] if more else {})} for each in sorted(new)]
        connection.execute(inserting(connection, model), rows)
        known = _known(connection, model, keys)
    return [known[each] for each in wanted]


def _known(
    connection: Connection, model: type[DeclarativeBase], keys: Sequence[Mapping[str, Any]]
) -> dict[tuple[Any, ...], int]:
    columns = [getattr(model, name) for name in keys[0]]
    first = next(iter(keys[0]))
    # few values of the first column lead to all of them
    among = columns[0].in_(sorted({key[first] for key in keys}))
    found = connection.execute(select(model.__table__.c.id, *columns).where(among))
    return {tuple(row[1:]): row[0] for row in found}
