"""A round as it was: from the rows of a store to what a tree is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, and_, select

from chrono.core.moment import Moment, Seen
from chrono.core.pricing import Published
from chrono.core.rates import Leg
from chrono.core.recipes import Part, Recipe
from chrono.core.types import Agreement, Code, Estimate, Market, Missing, Pair, Price, Report, Round, Verdict
from chrono.store import models
from chrono.store.entries import JOINT

Rows: TypeAlias = Mapping[str, Sequence[Any]]


class Recalled(NamedTuple):
    """The round to be recalled: its number, instant and deadline in nanoseconds, and where its rows are."""

    id: int
    as_of: int
    deadline: int
    at: int
    pipeline_id: int


def recall(connection: Connection, which: Recalled, recipes: Mapping[str, Recipe], asked: int) -> Moment:
    """Return a round, and all that is kept of how feeds were priced in it.

    Parameters
    ----------
    connection : Connection
    which : Recalled
    recipes : mapping of str to Recipe
        Of the feeds that are wanted: one, and the rates behind it.
    asked : int
        Nanoseconds; the time that the round was looked for.

    Notes
    -----
    Windows are not kept. What a market said in its own quote is what it said in the feed's, divided by the rates of the
    same round: the same number but for its last digit.
    """
    rows = _Rows(connection, which, recipes)
    results = {name: _Result(rows, which, recipe) for name, recipe in recipes.items()}
    seen = {name: each.seen() for name, each in results.items()}
    prices = tuple(each.price() for each in results.values())
    report = Report(Round(which.id, which.as_of, which.deadline), prices)
    return Moment(asked, report, recipes, seen, {}, rows.published(recipes))


class _Rows:
    """All rows of some feeds in one round."""

    def __init__(self, connection: Connection, which: Recalled, recipes: Mapping[str, Recipe]) -> None:
        self._connection = connection
        self._which = which
        feeds = select(models.Feed.id, models.Feed.name).where(
            models.Feed.pipeline_id == which.pipeline_id, models.Feed.name.in_(list(recipes))
        )
        self._feeds: dict[int, str] = {row.id: row.name for row in connection.execute(feeds)}
        self.prices = {name: rows[0] for name, rows in self._of(models.Price).items()}
        self.estimates = self._of(models.Estimate)
        self.verdicts = self._of(models.Verdict)
        self.markets = self._markets()

    def published(self, recipes: Mapping[str, Recipe]) -> dict[str, Published]:
        """Return the value before this one of each feed that has a limit to its jumps."""
        found = {}
        for place, name in self._feeds.items():
            if recipes[name].feed.limits.max_jump is None:
                continue
            joined = and_(models.Round.pipeline_id == self._which.pipeline_id, models.Round.at == models.Price.at)
            before = (
                select(models.Round.as_of, models.Price.value)
                .join(models.Round, joined)
                .where(
                    models.Price.feed_id == place,
                    models.Price.at < self._which.at,
                    models.Price.value.is_not(None),
                )
                .order_by(models.Price.at.desc())
                .limit(1)
            )
            row = self._connection.execute(before).first()
            if row is not None:
                found[name] = Published(row.as_of, row.value, {})
        return found

    def _of(self, model: Any) -> dict[str, list[Any]]:
        table = model.__table__
        asked = select(table).where(table.c.feed_id.in_(list(self._feeds)), table.c.at == self._which.at)
        found: dict[str, list[Any]] = defaultdict(list)
        for row in self._connection.execute(asked.order_by(*table.primary_key.columns)):
            found[self._feeds[row.feed_id]].append(row)
        return found

    def _markets(self) -> dict[int, Market]:
        ids = {row.market_id for rows in (*self.estimates.values(), *self.verdicts.values()) for row in rows}
        table = models.Market.__table__
        asked = select(table).where(table.c.id.in_(sorted(ids)))
        return {
            row.id: Market(row.source, Pair(row.base, row.quote), row._mapping["group"], row.symbol)  # noqa: SLF001
            for row in self._connection.execute(asked)
        }


class _Result:
    """One feed in one round."""

    def __init__(self, rows: _Rows, which: Recalled, recipe: Recipe) -> None:
        name = recipe.feed.name
        self.recipe = recipe
        self.row = rows.prices.get(name)
        self._rates = rows.prices
        self._as_of = which.as_of
        self._said = {rows.markets[row.market_id]: row for row in rows.estimates.get(name, ())}
        self._verdicts = [(rows.markets[row.market_id], row) for row in rows.verdicts.get(name, ())]
        self._first = {part.name for part in recipe.native}

    @property
    def agreement(self) -> Agreement | None:
        """What the venues agreed on."""
        if self.row is None or self.row.agreed is None:
            return None
        shares = {market: row.share for market, row in self._said.items() if row.share is not None}
        return Agreement(self.row.agreed, self.row.trust or 0.0, shares)

    def price(self) -> Price | Missing:
        """Return what was published, or why nothing was."""
        feed, agreement = self.recipe.feed, self.agreement
        dropped = {market: row.reason for market, row in self._said.items() if row.reason is not None}
        kept = tuple(self._estimate(m, row) for m, row in self._said.items() if row.reason is None)
        out = tuple(self._estimate(m, row) for m, row in self._said.items() if row.reason and row.value is not None)
        reason = self._reason()
        notices = tuple(self.row.notices or ()) if self.row is not None else ()
        if agreement is not None:
            used = tuple(agreement.shares)
        else:
            # a peg that stops a feed stops it before anybody is asked
            used = () if reason and reason["code"] == Code.DEPEG else tuple(estimate.market for estimate in kept)
        if reason is not None or agreement is None or self.row is None:
            return Missing(feed, reason or {}, used, dropped, kept, notices, out, agreement)
        by = self.recipe.consensus.type
        parts = (kept, self.row.age, self.row.rhythm, notices, out, agreement)
        return Price(feed, self.row.value, self.row.confidence, used, dropped, by, agreement.shares, *parts)

    def seen(self) -> Seen:
        """Return what went on behind it."""
        found = Seen(agreement=self.agreement)
        parts = {part.name: part for part in (*self.recipe.native, *self.recipe.cohort)}
        for market, row in self._verdicts:
            part = parts.get(row.detector) or Part(row.detector, row.detector)
            verdict = Verdict(market, row.keep, row.score, row.code, row.data, row.detector)
            found.verdicts.append((part, verdict))
        for market, row in self._said.items():
            if row.value is None:
                continue
            estimate = self._estimate(market, row)
            found.estimates[market] = self._native(estimate, row)
            if estimate.pair == self.recipe.feed.pair and (row.reason or {}).get("detector") not in self._first:
                found.converted[market] = estimate
        return found

    def _reason(self) -> Mapping[str, Any] | None:
        if self.row is None:
            return {"code": Code.NO_DATA.value}
        reason: Mapping[str, Any] | None = self.row.reason
        return reason

    def _estimate(self, market: Market, row: Any) -> Estimate:
        """Return what a market said, in the feed's quote where it came that far."""
        path = tuple(row.path.split(JOINT)) if row.path else ()
        over = [self._rates[leg.rate] for leg in map(_leg, path) if leg.rate in self._rates]
        legs, _ = self.recipe.ways(market)
        return Estimate(
            market,
            self.recipe.feed.pair if path or not legs else market.pair,
            row.value,
            row.weight,
            row.n,
            max(row.age, *(rate.age for rate in over), 0),
            row.method or self.recipe.aggregator.type,
            path,
            self._as_of,
            max(row.rhythm, *(rate.rhythm for rate in over), 0),
            row.trust,
            row.uncertainty,
        )

    def _native(self, estimate: Estimate, row: Any) -> Estimate:
        """Return what a market said in its own quote."""
        if not estimate.path:
            return estimate
        factor = 1.0
        for leg in map(_leg, estimate.path):
            rate = self._rates[leg.rate].value
            factor = factor / rate if leg.inverse else factor * rate
        market, value, weight = estimate.market, estimate.value / factor, estimate.weight / factor
        return Estimate(
            market, market.pair, value, weight, row.n, row.age, estimate.method, (), self._as_of, row.rhythm
        )


def _leg(name: str) -> Leg:
    """Return the leg that is written so in a path."""
    return Leg(name[3:-1], inverse=True) if name.startswith("1/(") else Leg(name)
