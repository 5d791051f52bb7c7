"""Who takes part in a scenario: the feed's venues, those of its rates, and whom the fault befalls.

Public names: Player, company, cast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from chrono.core.types import Kind as Reads
from chrono.core.types import Pair
from chrono.testing.market import SimulatedVenue, standard_venues
from chrono.testing.scenarios.scenario import Befalls, Kind, Scenario

RATE_VENUES = 5
RATE = 0.4
"""Trades a second of every venue: its last print is some seconds old."""

SELDOM = 0.1
"""Trades a second of rate venues where the feed's own print every few minutes."""

BOOK_RATE = 0.2
"""Quotes a second of a live book."""

USDT, EUR = Pair("USDT", "USD"), Pair("EUR", "USD")


@dataclass(frozen=True, slots=True)
class Player:
    """A venue with the one pair it prints.

    `former` is what it calls the pair before the onset, `guilty` says that it does what goes wrong, `silent` that it
    never says a word. `reads` is what the pipeline wants of it besides trades.
    """

    venue: SimulatedVenue
    pair: Pair
    kind: Kind
    former: Pair | None = None
    reads: Reads = "trades"
    guilty: bool = False
    silent: bool = False

    @property
    def name(self) -> str:
        """The source's name in the pipeline."""
        return self.venue.name


def company(scenario: Scenario, n: int) -> Sequence[Player]:
    """Return all who take part, before anything goes wrong: the biggest venue first, then those of the rates."""
    feed = [_player(scenario, rank, venue) for rank, venue in enumerate(standard_venues(n, rate=RATE))]
    if scenario.world.euro:
        feed[-1] = replace(feed[-1], pair=Pair(scenario.world.pair.base, "EUR"))
    rate = RATE if scenario.world.prints == "steady" else SELDOM
    rates = [Player(SimulatedVenue(f"r{i + 1}", rate), USDT, "r") for i in range(RATE_VENUES)]
    euros = (
        [Player(SimulatedVenue(f"e{i + 1}", rate), EUR, "e") for i in range(RATE_VENUES)] if scenario.world.euro else []
    )
    return [*feed, *rates, *euros]


def _player(scenario: Scenario, rank: int, venue: SimulatedVenue) -> Player:
    quote = venue.lists[0]
    return Player(
        venue=_printing(scenario, venue),
        pair=Pair(scenario.world.pair.base, quote),
        kind="v",
        former=Pair(scenario.world.former, quote) if scenario.world.former else None,
        silent=scenario.world.lone and rank > 0,
    )


def _printing(scenario: Scenario, venue: SimulatedVenue) -> SimulatedVenue:
    live = scenario.world.prints == "dormant"
    return replace(venue, lists=(), quotes=BOOK_RATE if live else 0.0, spread=20e-4 if live else venue.spread)


def cast(scenario: Scenario, players: Sequence[Player], rng: Random) -> Sequence[Player]:
    """Return the players with their faults, those befallen drawn by `rng`."""
    found = {player.name: player for player in players}
    for each in scenario.befalls:
        for player in _befallen(each, [player for player in players if player.kind == each.of], rng):
            venue = replace(player.venue, faults=each.faults, rate=each.rate or player.venue.rate)
            found[player.name] = replace(player, venue=venue, guilty=not each.honest)
    return list(found.values())


def _befallen(each: Befalls, players: Sequence[Player], rng: Random) -> Sequence[Player]:
    count = each.count(len(players))
    if each.who == "last":
        return players[-count:]
    first = players[:1] if each.who == "biggest" else []
    others = players[1:] if each.who in {"biggest", "small"} else players
    return [*first, *rng.sample(others, count - len(first))]
