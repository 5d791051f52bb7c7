"""What all venues of a scenario print, in the order in which it is received.

Public names: Heard, prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from msgspec import structs

from chrono.core.types import SECOND, Quote, Tick, Ticker, Trade
from chrono.testing.market import SimulatedMarket
from chrono.testing.scenarios.cast import Player
from chrono.testing.scenarios.scenario import Prints, Scenario
from chrono.testing.truth import hashed

MILLISECOND = 1_000_000
DAY = 86_400
LATENCY = (10, 30)
"""Milliseconds from a venue to us, its own for each venue."""

GAPS: dict[Prints, tuple[int, int]] = {"slow": (120, 240), "dormant": (240, 600)}
"""Seconds between two trades of one venue."""

THIN_AGE = (60, 110)
"""Seconds, the age of an honest last trade in a thin market when it is read."""

BOOK = 40
"""Seconds of quotes before the first round."""


class Heard(NamedTuple):
    """A tick of a source, and when it was received."""

    received: int
    source: str
    tick: Tick


def prints(market: SimulatedMarket, scenario: Scenario, players: Sequence[Player], rng: Random) -> list[Heard]:
    """Return everything that venues print, by time of receipt."""
    heard = []
    for player in players:
        if player.silent:
            continue
        delay = latency(player.name)
        for tick in _said(player, _ticks(market, scenario, player, rng, market.origin)):
            ts = tick.ts_event or 0
            named = structs.replace(tick, symbol=str(player.former)) if player.former and ts < market.origin else tick
            heard.append(Heard(ts + delay, player.name, named))
    heard.sort(key=lambda each: each.received)
    return heard


def _said(player: Player, ticks: Iterable[Tick]) -> Iterator[Tick]:
    """Yield a venue's ticks, with each trade what else the pipeline reads of it: a book around it, or a ticker."""
    half = player.venue.spread / 2
    for tick in ticks:
        yield tick
        if not isinstance(tick, Trade):
            continue
        symbol, price, size, ts = tick.symbol, tick.price, tick.size, tick.ts_event
        if player.reads == "quotes":
            yield Quote(symbol, price * (1 - half), price * (1 + half), size, size, ts)
        elif player.reads == "tickers":
            yield Ticker(symbol, price, size * player.venue.rate * DAY, ts)


def latency(name: str) -> int:
    """Return a venue's delay in nanoseconds."""
    low, high = LATENCY
    return (low + hashed(name) % (high - low + 1)) * MILLISECOND


def _ticks(market: SimulatedMarket, scenario: Scenario, player: Player, rng: Random, onset: int) -> Iterator[Tick]:
    venue, pair, end = player.venue, player.pair, onset + scenario.times.end * SECOND
    for fault in venue.faults:
        if fault.mutes and fault.lasts is None:
            end = min(end, onset + fault.after)
    start = onset - (scenario.times.warm + scenario.times.fill) * SECOND
    if player.kind != "v" or scenario.world.prints == "steady":
        begin = start if scenario.world.prints == "steady" else onset - (scenario.times.warm + 2 * BOOK) * SECOND
        yield from market.prints(venue, pair, begin, end)
        return
    for ts in _instants(scenario, player, rng, start, onset):
        trade = market.print_at(venue, pair, ts)
        if trade is not None and ts < end:
            yield trade
    if venue.quotes:
        yield from market.quotes(venue, pair, onset - (scenario.times.warm + BOOK) * SECOND, end)


def _instants(scenario: Scenario, player: Player, rng: Random, start: int, onset: int) -> Iterator[int]:
    """Yield when a venue trades that does so seldom."""
    end = onset + scenario.times.end * SECOND
    if scenario.world.prints == "thin":
        step = scenario.times.step * SECOND
        for reading in range(onset - (onset - start) // step * step, end + 1, step):
            rogue = player.guilty and reading > onset
            age = 1.0 if rogue else rng.uniform(*THIN_AGE)
            yield reading - round(age * 1e3) * MILLISECOND
        return
    low, high = GAPS[scenario.world.prints]
    at = start + round(rng.uniform(0, low) * 1e3) * MILLISECOND
    while at < end:
        yield at
        at += round(rng.uniform(low, high) * 1e3) * MILLISECOND
