"""Rounds as a sink is given them to write: feeds that walk, six venues each, most of them quoted in USDT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import NamedTuple

from chrono.core.rates import Leg
from chrono.core.recipes import Description, Part, Recipe
from chrono.core.types import SECOND, Feed, Market, Pair
from chrono.store.entries import TRADE, Entry, EstimateRow, Opening, PriceRow, TickRow, VerdictRow

SOURCES = ("binance", "coinbase", "kraken", "okx", "bybit", "gate", "kucoin", "bitget", "htx", "mexc")
DOLLARS = 2
"""Markets of a feed that are quoted in USD itself."""

DROPPED = 0.02
"""The share of estimates that are dropped as outliers, each with a verdict."""

STATUSES = 0.02
"""Changes of a status, a round."""

EVERY = 90 * SECOND


class Made(NamedTuple):
    """A pipeline that never was.

    Attributes
    ----------
    opening : Opening
    places : sequence of sequence of int
        The markets of each feed, by their places in the opening.
    """

    opening: Opening
    places: Sequence[Sequence[int]]

    @property
    def feeds(self) -> Sequence[str]:
        """The names of its feeds."""
        return [recipe.feed.name for recipe in self.opening.description.recipes]


def made(feeds: int, markets: int, started: int, every: int = EVERY) -> Made:
    """Make up a pipeline; its first feed is the rate that most markets of the others are converted with."""
    recipes = [_recipe(place, markets) for place in range(feeds)]
    flat = tuple(market for recipe in recipes for market in recipe.feed.markets)
    places = {market: place for place, market in enumerate(flat)}
    opening = Opening(started, Description("benchmark", every, tuple(recipes)), flat)
    return Made(opening, [[places[market] for market in recipe.feed.markets] for recipe in recipes])


def entries(pipeline: Made, rounds: int, *, first: int = 0, ticks: int = 0, seed: int = 1) -> Iterator[Entry]:
    """Yield an entry a round, with so many ticks each.

    Parameters
    ----------
    pipeline : Made
    rounds : int
    first : int
        How many rounds of the pipeline come before.
    ticks : int
        Trades heard before each round, of all markets together.
    seed : int
    """
    random = Random(seed)
    every, start = pipeline.opening.description.every, pipeline.opening.started
    values = [1.0, *(10 ** random.uniform(-3, 5) for _ in pipeline.places[1:])]
    for number in range(first, first + rounds):
        as_of = start + (number + 1) * every
        values = [value * (1 + random.gauss(0, 1e-4)) for value in values]
        yield _entry(pipeline, random, values, as_of, ticks)


def moved(entry: Entry, by: int, rounds: int) -> Entry:
    """Return a round as if it had been nanoseconds later, and so many rounds."""
    assert entry.round is not None
    number, as_of, deadline = entry.round
    return Entry(
        (number + rounds, as_of + by, deadline + by),
        entry.prices,
        entry.estimates,
        entry.verdicts,
        [(at + by, place + by, *rest) for at, place, *rest in entry.statuses],
        [(market, at + by, place + by, heard + by, *rest) for market, at, place, heard, *rest in entry.ticks],
    )


def rows(entry: Entry) -> int:
    """Return how many rows an entry is in the database."""
    lists = entry.prices, entry.estimates, entry.verdicts, entry.statuses, entry.ticks
    return (entry.round is not None) + sum(map(len, lists))


def _recipe(place: int, markets: int) -> Recipe:
    base = f"C{place:02}" if place else "USDT"
    sources = [SOURCES[(place + n) % len(SOURCES)] for n in range(markets)]
    quotes = ["USD" if n < DOLLARS or not place else "USDT" for n in range(markets)]
    pairs = [Pair(base, quote) for quote in quotes]
    listed = tuple(
        Market(source, pair, source, f"{pair.base}{pair.quote}") for source, pair in zip(sources, pairs, strict=True)
    )
    return Recipe(
        Feed(f"{base}/USD", Pair(base, "USD"), 5, listed, place=place),
        Part("last", "last", reads="trades", span=0),
        Part("weighted_median", "weighted_median", {"min_venues": "3"}, wanted=3),
        cohort=(Part("mad", "mad", {"threshold": "5"}, stage="cohort"),),
        conversions={str(market): () if market.pair.quote == "USD" else (Leg("USDT/USD"),) for market in listed},
    )


def _entry(pipeline: Made, random: Random, values: Sequence[float], as_of: int, ticks: int) -> Entry:
    prices: list[PriceRow] = []
    estimates: list[EstimateRow] = []
    verdicts: list[VerdictRow] = []
    for feed, places in enumerate(pipeline.places):
        prices.append(_price(random, feed, values[feed]))
        dropped = {place for place in places[1:] if random.random() < DROPPED}
        share = 1 / (len(places) - len(dropped))
        for number, place in enumerate(places):
            path = "USDT/USD" if feed and number >= DOLLARS else None
            estimates.append(_estimate(random, feed, place, values[feed], path, None if place in dropped else share))
        for place in sorted(dropped):
            data = {"distance_bp": random.uniform(20, 90), "limit_bp": 18.5}
            verdicts.append((feed, len(verdicts), place, "mad", False, random.uniform(5, 20), "outlier", data))
    statuses = []
    if random.random() < STATUSES:
        at = as_of - random.randrange(EVERY)
        statuses.append((at, at, random.choice(SOURCES), None, "degraded", "slow", "no message for 4.2 s"))
    number = as_of // pipeline.opening.description.every
    heard = _ticks(pipeline, random, values, as_of, ticks)
    return Entry((number, as_of, as_of + 10 * SECOND), prices, estimates, verdicts, statuses, heard)


def _price(random: Random, feed: int, value: float) -> PriceRow:
    confidence, age = random.uniform(0.8, 1), random.randrange(3 * SECOND)
    return (feed, value, confidence, value, confidence, age, random.randrange(SECOND), None, None)


def _estimate(
    random: Random, feed: int, place: int, value: float, path: str | None, share: float | None
) -> EstimateRow:
    reason = None if share is not None else {"code": "outlier", "distance_bp": random.uniform(20, 90)}
    return (
        feed,
        place,
        value * random.gauss(1, 2e-4),
        random.uniform(0, 1e6),
        random.randrange(1, 200),
        random.randrange(5 * SECOND),
        random.randrange(SECOND),
        share,
        0.97 if path else 1.0,
        2e-5 if path else 0.0,
        path,
        None,
        reason,
    )


def _ticks(pipeline: Made, random: Random, values: Sequence[float], as_of: int, many: int) -> list[TickRow]:
    every, numbers = pipeline.opening.description.every, count()
    heard: list[TickRow] = []
    for received in sorted(as_of - random.randrange(every) for _ in range(many)):
        feed = random.randrange(len(values))
        place, price, size = random.choice(pipeline.places[feed]), values[feed], random.expovariate(1)
        side, trade = random.choice(("buy", "sell")), f"{received // 1000 + next(numbers)}"
        at = received - random.randrange(SECOND // 10)
        heard.append((place, at, received, received, TRADE, price, size, side, trade, None, None, None, None))
    return heard
