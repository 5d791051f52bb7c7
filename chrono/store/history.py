"""Questions to a store: the newest value of a feed, its value at a time, its history, what a price was made of."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, func, select

from chrono.core.errors import ConfigError
from chrono.core.moment import Moment, instant
from chrono.core.recipes import Description as Described
from chrono.core.recipes import behind
from chrono.core.reporting import iso
from chrono.store.models import MICROSECOND, Description, Feed, Pipeline, Price, Round, Run
from chrono.store.recalling import Recalled, recall

_EVER = 2**63 - 1
"""Nanoseconds after which there is nothing."""


class Series(NamedTuple):
    """A feed of a pipeline, and the ids of both."""

    feed: str
    pipeline: str
    feed_id: int
    pipeline_id: int


class Point(NamedTuple):
    """What was published of a feed in one round: a value, or a reason for there being none.

    `at` is the round's instant in nanoseconds, `age` nanoseconds.
    """

    feed: str
    at: int
    value: float | None
    confidence: float
    age: int
    reason: Mapping[str, Any] | None


class Snapshot(NamedTuple):
    """What was published in one round: its instant in nanoseconds, and the value of each feed that has one."""

    as_of: int
    values: Mapping[str, float]


def series(connection: Connection, feed: str, pipeline: str | None = None) -> Series:
    """Find a feed.

    Parameters
    ----------
    connection : Connection
    feed : str
        Its name, such as BTC/USD.
    pipeline : str, optional
        Whose, where several have one of that name.

    Raises
    ------
    ConfigError
        If there is none of that name, or more than one.
    """
    asked = select(Feed.name, Pipeline.name, Feed.id, Pipeline.id).join(Pipeline, Pipeline.id == Feed.pipeline_id)
    known = [Series(*row) for row in connection.execute(asked)]
    of = [each for each in known if pipeline is None or each.pipeline == pipeline]
    found = [each for each in of if each.feed == feed]
    if len(found) > 1:
        names = ", ".join(sorted(each.pipeline for each in found))
        raise ConfigError(f"expected {feed} of one pipeline, was of {names}; name its file with --pipeline")
    if not found:
        raise ConfigError(_unknown(feed, pipeline, sorted({each.feed for each in of})))
    return found[0]


def latest(connection: Connection, feed: str, pipeline: str | None = None) -> Point | None:
    """Return what was published of a feed last; None where nothing was yet."""
    return at(connection, feed, _EVER, pipeline)


def at(connection: Connection, feed: str, when: int, pipeline: str | None = None) -> Point | None:
    """Return what was published of a feed in the last round up to an instant in nanoseconds; None before the first."""
    points = _points(series(connection, feed, pipeline), until=when).order_by(Price.at.desc()).limit(1)
    return next((Point(feed, *row) for row in connection.execute(points)), None)


def history(connection: Connection, feed: str, since: int, until: int, pipeline: str | None = None) -> Iterator[Point]:
    """Yield what was published of a feed from one instant in nanoseconds to before another, oldest first."""
    points = _points(series(connection, feed, pipeline), since, until - 1).order_by(Price.at)
    return (Point(feed, *row) for row in connection.execute(points))


def snapshot(connection: Connection, since: int, until: int, pipeline: str | None = None) -> Snapshot | None:
    """Return all that was published in the last round from one instant to before another; None where there is none.

    Parameters
    ----------
    connection : Connection
    since, until : int
        Nanoseconds.
    pipeline : str, optional
        Whose, where there are several.

    Raises
    ------
    ConfigError
        If there is no pipeline of that name, or there are several and none is named.
    """
    place = _pipeline(connection, pipeline)
    # by `at` first, which the index knows; a database may keep microseconds only
    within = Round.at >= since - since % MICROSECOND, Round.at <= until, Round.as_of >= since, Round.as_of < until
    rounds = select(Round.at, Round.as_of).where(Round.pipeline_id == place, *within)
    row = connection.execute(rounds.order_by(Round.at.desc()).limit(1)).first()
    if row is None:
        return None
    joined = select(Feed.name, Price.value).join(Feed, Feed.id == Price.feed_id)
    prices = joined.where(Feed.pipeline_id == place, Price.at == row.at, Price.value.is_not(None))
    return Snapshot(row.as_of, {row.name: row.value for row in connection.execute(prices)})


def moment(connection: Connection, feed: str, asked: str | None = None, pipeline: str | None = None) -> Moment:
    """Return the last round by a time, and all that a feed's price in it was made of.

    Parameters
    ----------
    connection : Connection
    feed : str
        Its name; a rate that no one declared as a feed has one, too.
    asked : str, optional
        A time as `chrono.core.moment.instant` reads it; the newest round when not given.
    pipeline : str, optional
        Whose feed, where several have one of that name.

    Raises
    ------
    ConfigError
        If there is no such feed, or no round by then.
    """
    found = series(connection, feed, pipeline)
    when = _asked(connection, found, asked)
    row = _round(connection, found, when)
    described = msgspec.convert(_recipes(connection, row.run_id), Described)
    recipes = {recipe.feed.name: recipe for recipe in described.recipes}
    if feed not in recipes:
        raise ConfigError(f"{feed}: expected a feed of the round {row.round}, was none then; ask for another time")
    names = (feed, *behind(recipes, feed))
    needed = {name: recipes[name] for name in names}
    recalled = Recalled(row.round, row.as_of, row.deadline, row.at, found.pipeline_id)
    return recall(connection, recalled, needed, row.as_of if asked is None else when)


def _pipeline(connection: Connection, name: str | None) -> int:
    known = {row.name: row.id for row in connection.execute(select(Pipeline.name, Pipeline.id))}
    found = [place for each, place in known.items() if name in (None, each)]
    if len(found) == 1:
        return int(found[0])
    was = ", ".join(sorted(known)) or "none"
    wanted = "a pipeline that is named" if name is None else f"a pipeline {name}"
    raise ConfigError(f"expected {wanted}, was a store of {was}")


def _points(found: Series, since: int = 0, until: int = _EVER) -> Select[Any]:
    # the round's own instant, since a database may keep microseconds only
    joined = and_(Round.pipeline_id == found.pipeline_id, Round.at == Price.at)
    columns = Round.as_of, Price.value, Price.confidence, Price.age, Price.reason
    # of both, since PostgreSQL concludes nothing for one from a range of the other
    within = (bound for at in (Price.at, Round.at) for bound in (at >= since, at <= until))
    return select(*columns).join(Round, joined).where(Price.feed_id == found.feed_id, *within)


def _asked(connection: Connection, found: Series, asked: str | None) -> int:
    if asked is None:
        return _EVER
    every = select(Description.every).where(Description.pipeline_id == found.pipeline_id)
    newest = connection.execute(every.order_by(Description.id.desc()).limit(1)).scalar_one()
    try:
        return instant(asked, newest)
    except ValueError as error:
        raise ConfigError(f"--at: {error}") from error


def _round(connection: Connection, found: Series, when: int) -> Any:
    columns = Round.round, Round.as_of, Round.deadline, Round.at, Round.run_id
    # by `at` first, which the index knows; a database may keep microseconds only
    by_then = Round.pipeline_id == found.pipeline_id, Round.at <= when, Round.as_of <= when
    row = connection.execute(select(*columns).where(*by_then).order_by(Round.at.desc()).limit(1)).first()
    if row is not None:
        return row
    ends = select(func.min(Round.as_of), func.max(Round.as_of)).where(Round.pipeline_id == found.pipeline_id)
    first, last = connection.execute(ends).one()
    if first is None:
        raise ConfigError(f"expected a store of at least one round of {found.pipeline}, held none yet; wait for one")
    span = f"{iso(first)} to {iso(last)}"
    raise ConfigError(f"{iso(when)}: expected a time of the store, which has rounds of {found.pipeline} from {span}")


def _recipes(connection: Connection, run: int) -> Any:
    wanted = select(Description.recipes).join(Run, Run.description_id == Description.id).where(Run.id == run)
    return connection.execute(wanted).scalar_one()


def _unknown(feed: str, pipeline: str | None, known: Sequence[str]) -> str:
    if not known:
        of = "" if pipeline is None else f" of the pipeline {pipeline}"
        return f"expected a store with feeds{of}, held none; name another, or let a pipeline write to it"
    upper = {name.upper(): name for name in known}
    near = difflib.get_close_matches(feed.upper(), list(upper), n=1)
    hint = f"; did you mean {upper[near[0]]}" if near else ""
    return f"expected one of the feeds {', '.join(known)}, was {feed!r}{hint}"
