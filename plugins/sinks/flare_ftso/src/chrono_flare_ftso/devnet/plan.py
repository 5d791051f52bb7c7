"""What a devnet is to be: its timing, its feeds, who takes part and how well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chrono import ConfigError
from chrono_flare_ftso.devnet.behaviour import Behaviour
from chrono_flare_ftso.devnet.entities import Entity, entity, named
from chrono_flare_ftso.devnet.market import FEEDS, Feed

CHAIN_ID = 31_337
"""None of Flare's: what is signed here is worth nothing there."""

COIN = 10**18

MIN_ROUND, MAX_ROUND = 5, 255
"""Seconds; less has no second for each step, more does not fit the contract."""

PREPARED, SOUGHT, REGISTERED, DELAYED = 8, 2, 2, 3
"""Rounds before the end of a reward epoch in which the next one is prepared; that a random is sought, at most; of
registration, at least; and between a policy's setting and its start."""

MIN_EPOCH = 12
"""Rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a devnet is to be.

    Parameters
    ----------
    round_seconds, epoch_rounds : int
        How long a voting round and a reward epoch are.
    providers, free : int
        How many entities are simulated, and for how many a provider is run by somebody else; all are registered in
        the first reward epoch.
    behaviours : mapping of str to Behaviour
        How providers behave, by name (``p1`` …); those that are not named behave well.
    feeds : sequence of Feed
        What is voted on.
    inflation : int
        Wei offered for each reward epoch.
    seed : int
        What keys, prices and faults are made of.
    chain_id : int
    start : int, optional
        When reward epoch 1 starts, unix seconds; some seconds from now where it is not given.

    Raises
    ------
    ConfigError
        If a number is out of its bounds, or a behaviour is of nobody.
    """

    round_seconds: int = 10
    epoch_rounds: int = 20
    providers: int = 5
    free: int = 1
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    feeds: Sequence[Feed] = FEEDS
    inflation: int = 10_000 * COIN
    seed: int = 1
    chain_id: int = CHAIN_ID
    start: int | None = None

    def __post_init__(self) -> None:
        wrong = [
            f"{name}: expected {low} to {high}, was {was}"
            for name, was, low, high in (
                ("round-seconds", self.round_seconds, MIN_ROUND, MAX_ROUND),
                ("epoch-rounds", self.epoch_rounds, MIN_EPOCH, 65_535),
                ("providers", self.providers, 0, 90),
                ("free", self.free, 0, 10),
                ("chain-id", self.chain_id, 1, 2**53),
                ("feeds", len(self.feeds), 1, 200),
            )
            if not low <= was <= high
        ]
        if not self.providers + self.free:
            wrong.append("providers: expected at least one voter, was none")
        names = [name for name, _ in named(self.providers, self.free)]
        wrong += [
            f"{name}: expected one of {', '.join(names)}, there is none of that name"
            for name in self.behaviours
            if name not in names
        ]
        if wrong:
            raise ConfigError(*wrong)

    @property
    def epoch_seconds(self) -> int:
        """How long a reward epoch is."""
        return self.round_seconds * self.epoch_rounds

    def entities(self) -> tuple[Entity, ...]:
        """Return who takes part, the simulated ones first; each has a little less weight than the one before.

        Examples
        --------
        >>> [each.wnat // COIN for each in Plan(providers=2).entities()]
        [1000000, 950000, 900000]
        """
        return tuple(
            entity(name, seed=self.seed, wnat=(1_000_000 - 50_000 * (at % 15)) * COIN, simulated=simulated)
            for at, (name, simulated) in enumerate(named(self.providers, self.free))
        )

    def behaviour(self, name: str) -> Behaviour:
        """Return how a provider behaves."""
        return self.behaviours.get(name, Behaviour())
