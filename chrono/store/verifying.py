"""Looking for what is missing in a store, or is there twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from chrono.core.reporting import iso
from chrono.core.types import SECOND
from chrono.store.models import Description, Estimate, Feed, Pipeline, Price, Round, Run, Verdict

_SPAN = 3600 * SECOND
"""Looked at at once."""

_NAMED = 20
"""Problems of a kind that are named; more are counted."""


class Problem(NamedTuple):
    """Something that is not as it should be.

    Attributes
    ----------
    pipeline : str
    code : str
        `gap`, `off_beat`, `duplicate`, `counts` or `no_round`.
    message : str
        Where, what was expected, and what it was.
    """

    pipeline: str
    code: str
    message: str


class Verified(NamedTuple):
    """What was looked at, and what was found.

    Attributes
    ----------
    pipelines, runs, rounds : int
    problems : sequence of Problem
        Those that are named: the first of each kind and pipeline.
    more : int
        Problems that are not named.
    """

    pipelines: int
    runs: int
    rounds: int
    problems: Sequence[Problem]
    more: int


def verify(connection: Connection) -> Verified:
    """Look at every round: whether one is missing within a run, and whether the rows that belong to it are there.

    A round that a run had no time for is missing, too.
    """
    pipelines = connection.execute(select(Pipeline.id, Pipeline.name).order_by(Pipeline.name)).all()
    problems: list[Problem] = []
    counted: dict[tuple[str, str], int] = {}
    for id, name in pipelines:
        for code, message in _problems(connection, id):
            counted[name, code] = counted.get((name, code), 0) + 1
            if counted[name, code] <= _NAMED:
                problems.append(Problem(name, code, message))
    runs, rounds = (_count(connection, model) for model in (Run, Round))
    return Verified(len(pipelines), runs, rounds, problems, sum(counted.values()) - len(problems))


def _count(connection: Connection, model: Any) -> int:
    return connection.execute(select(func.count()).select_from(model)).scalar_one()


def _problems(connection: Connection, pipeline: int) -> Iterator[tuple[str, str]]:
    yield from _gaps(connection, pipeline)
    yield from _off_beat(connection, pipeline)
    yield from _duplicates(connection, pipeline)
    yield from _rows(connection, pipeline)


def _gaps(connection: Connection, pipeline: int) -> Iterator[tuple[str, str]]:
    own = func.lag(Round.round).over(partition_by=Round.run_id, order_by=Round.at).label("own")
    # another machine may have written what is not in this run
    before = func.lag(Round.round).over(order_by=Round.at).label("before")
    pairs = select(Round.round, Round.as_of, own, before).where(Round.pipeline_id == pipeline).subquery()
    apart = pairs.c.round - pairs.c.own > 1, pairs.c.round - pairs.c.before > 1
    for row in connection.execute(select(pairs).where(*apart).order_by(pairs.c.as_of)):
        wanted, many = row.before + 1, row.round - row.before - 1
        missing = f"round {wanted} is missing" if many == 1 else f"{many} are missing"
        yield "gap", f"{iso(row.as_of)}: expected round {wanted} after {row.before}, was {row.round}; {missing}"


def _off_beat(connection: Connection, pipeline: int) -> Iterator[tuple[str, str]]:
    asked = (
        select(Round.round, Round.as_of, Description.every)
        .join(Run, Run.id == Round.run_id)
        .join(Description, Description.id == Run.description_id)
        .where(Round.pipeline_id == pipeline, Round.as_of != Round.round * Description.every)
    )
    for row in connection.execute(asked.order_by(Round.at)):
        wanted = iso(row.round * row.every) if 0 <= row.round * row.every < 2**63 else "another time"
        yield "off_beat", f"round {row.round}: expected it at {wanted}, was at {iso(row.as_of)}"


def _duplicates(connection: Connection, pipeline: int) -> Iterator[tuple[str, str]]:
    # of one rhythm: a pipeline whose `every` was changed counts anew
    times = func.count().label("times")
    asked = (
        select(Round.round, Description.every, times)
        .join(Run, Run.id == Round.run_id)
        .join(Description, Description.id == Run.description_id)
        .where(Round.pipeline_id == pipeline)
        .group_by(Round.round, Description.every)
        .having(times > 1)
    )
    for row in connection.execute(asked.order_by(Round.round)):
        yield "duplicate", f"round {row.round}: expected it once, was there {row.times} times"


def _rows(connection: Connection, pipeline: int) -> Iterator[tuple[str, str]]:
    """Compare what rounds say belongs to them with what is there, a span at a time."""
    feeds = list(connection.execute(select(Feed.id).where(Feed.pipeline_id == pipeline)).scalars())
    at = _next(connection, pipeline, feeds, 0)
    while at is not None:
        end = at // _SPAN * _SPAN + _SPAN
        found = _Span.of(connection, pipeline, feeds, at, end)
        yield from found.problems()
        # where nothing was for an hour, what comes next may be years away
        at = end if found.rounds else _next(connection, pipeline, feeds, end)


def _next(connection: Connection, pipeline: int, feeds: Sequence[int], at: int) -> int | None:
    """Return the first instant from one on that there is anything of."""
    asked = [select(func.min(Round.at)).where(Round.pipeline_id == pipeline, Round.at >= at)]
    for model in (Price, Estimate, Verdict):
        asked += [select(func.min(model.at)).where(model.feed_id == feed, model.at >= at) for feed in feeds]
    found = [connection.execute(each).scalar() for each in asked]
    return min((each for each in found if each is not None), default=None)


class _Span(NamedTuple):
    """The rounds of a span, and how many rows of other tables there are at each instant."""

    rounds: Mapping[int, Any]
    counts: Mapping[str, Mapping[int, int]]

    @classmethod
    def of(cls, connection: Connection, pipeline: int, feeds: Sequence[int], since: int, until: int) -> _Span:
        """Look at a span."""
        columns = Round.at, Round.round, Round.feeds, Round.estimates
        within = Round.pipeline_id == pipeline, Round.at >= since, Round.at < until
        rounds = {row.at: row for row in connection.execute(select(*columns).where(*within))}
        models = {"prices": Price, "estimates": Estimate, "verdicts": Verdict}
        counts = {name: _per_round(connection, model, feeds, since, until) for name, model in models.items()}
        return cls(rounds, counts)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is missing, or belongs to nothing."""
        for at, row in sorted(self.rounds.items()):
            for name, told in (("prices", row.feeds), ("estimates", row.estimates)):
                there = self.counts[name].get(at, 0)
                if there != told:
                    yield "counts", f"round {row.round}: expected {told} {name}, was {there}"
        for name, counts in self.counts.items():
            for at in sorted(counts.keys() - self.rounds.keys()):
                yield "no_round", f"{iso(at)}: expected a round, was none; {counts[at]} {name} have this time"


def _per_round(connection: Connection, model: Any, feeds: Sequence[int], since: int, until: int) -> Mapping[int, int]:
    asked = select(model.at, func.count()).where(model.feed_id.in_(feeds), model.at >= since, model.at < until)
    return {row[0]: row[1] for row in connection.execute(asked.group_by(model.at))}
