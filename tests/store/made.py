"""Runs made up for the store's tests: a description, its opening, and entries of rounds."""

from __future__ import annotations

from collections.abc import Sequence

from chrono.core.rates import Leg
from chrono.core.recipes import Description, Part, Recipe
from chrono.core.types import SECOND, Feed, Market, Pair
from chrono.store.entries import TRADE, Entry, Opening

START = 1_795_342_500 * SECOND
"""The instant of the first round."""

MARKETS = tuple(Market(name, Pair("BTC", "USD"), name, f"{name}-btc") for name in ("north", "south", "east"))


def description(name: str = "made", feeds: Sequence[str] = ("BTC/USD", "ETH/USD")) -> Description:
    """Return a pipeline of feeds over the same three markets."""
    ways: dict[str, tuple[Leg, ...]] = {str(market): () for market in MARKETS}
    parts = Part("last", "last", {"window": "10s"}, "trades"), Part("median", "median", wanted=2)
    made = [Feed(feed, Pair.parse(feed), 2, MARKETS, place=place) for place, feed in enumerate(feeds)]
    return Description(name, SECOND, tuple(Recipe(feed, *parts, conversions=ways) for feed in made))


def opening(started: int = START, name: str = "made") -> Opening:
    """Return how a run begins."""
    return Opening(started, description(name), MARKETS)


def entry(number: int, value: float = 100.0, *, ticks: int = 0) -> Entry:
    """Return the entry of the n-th round: a price of the first feed, none of the second, three estimates, a verdict."""
    at = START + number * SECOND
    estimates = [(0, market, value + market, 1.5, 3, 10, 0, 0.5, 1.0, 0.0, None, None, None) for market in range(2)]
    silent = (0, 2, *(None,) * 10, {"code": "no_data"})
    return Entry(
        (number, at, at + SECOND),
        [(0, value, 0.9, value, 0.95, 7, 0, None, None), (1, None, 0.0, None, None, 0, 0, {"code": "no_data"}, [])],
        [*estimates, silent],
        [(0, 0, 1, "deviation", True, 2.5, "far", {"distance_bp": 12.0})],
        [(at, at, "north", None, "live", "", "")],
        [(0, at + tick, at + tick, at + tick, TRADE, value, 1.0, "buy", "t", *(None,) * 4) for tick in range(ticks)],
    )
