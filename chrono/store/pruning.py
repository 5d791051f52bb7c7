"""Deleting what is too old to keep, an hour of it in each transaction; names stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, select

from chrono.core.types import SECOND
from chrono.store.database import Database
from chrono.store.models import Estimate, Feed, Market, Pipeline, Price, Round, Status, Tick, Verdict

_SPAN = 3600 * SECOND

_OWNED: Mapping[Any, tuple[Any, Any]] = {
    Estimate: (Estimate.feed_id, Feed.id),
    Verdict: (Verdict.feed_id, Feed.id),
    Price: (Price.feed_id, Feed.id),
    Status: (Status.pipeline_id, Pipeline.id),
    Tick: (Tick.market_id, Market.id),
    Round: (Round.pipeline_id, Pipeline.id),
}
"""Whose rows of a table are, by which it is searched."""


def prune(database: Database, before: int, progress: Callable[[int], None] = lambda _: None) -> Mapping[str, int]:
    """Delete all rounds, prices, estimates, verdicts, statuses and ticks from before an instant.

    Parameters
    ----------
    database : Database
    before : int
        Nanoseconds since the Unix epoch.
    progress : callable, optional
        Told, after each transaction, up to when all is gone.

    Returns
    -------
    mapping of str to int
        How many rows went, by table.
    """
    gone = {model.__tablename__: 0 for model in _OWNED}
    since: int | None = 0
    while since is not None:
        at = database.run(partial(_oldest, since=since, before=before))
        since = None if at is None else min(at // _SPAN * _SPAN + _SPAN, before)
        if at is not None and since is not None:
            for name, rows in database.run(partial(_delete, since=at, until=since), write=True).items():
                gone[name] += rows
            progress(since)
    return gone


def _oldest(connection: Connection, since: int, before: int) -> int | None:
    """Return the first instant of a span that there is anything of."""
    found = []
    for model, (owner, id) in _OWNED.items():
        for each in connection.execute(select(id)).scalars().all():
            asked = select(func.min(model.at)).where(owner == each, model.at >= since, model.at < before)
            found.append(connection.execute(asked).scalar())
    return min((each for each in found if each is not None), default=None)


def _delete(connection: Connection, since: int, until: int) -> Mapping[str, int]:
    gone = {}
    for model, (owner, id) in _OWNED.items():
        # by its owners first, which is how the table is sorted
        within = owner.in_(select(id)), model.at >= since, model.at < until
        gone[model.__tablename__] = connection.execute(delete(model).where(*within)).rowcount
    return gone
