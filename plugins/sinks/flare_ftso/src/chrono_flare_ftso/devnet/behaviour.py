"""How well a simulated provider does: how far its prices are off, and what it does wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chrono import ConfigError

BASIS_POINT = 1e-4


class Fault(StrEnum):
    """What a provider does wrong in a round."""

    SILENT = "silent"
    """It does nothing at all."""

    NO_REVEAL = "no-reveal"
    """It commits, and does not reveal."""

    LATE_REVEAL = "late-reveal"
    """It reveals when that counts no longer."""

    WRONG_REVEAL = "wrong-reveal"
    """It reveals something other than it committed to."""

    NO_SIGNATURE = "no-signature"
    """It neither signs the result nor finalizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a simulated provider behaves.

    Parameters
    ----------
    bias_bp : float
        How far its prices are off, always, 1/10000.
    noise_bp : float
        Standard deviation of its prices around that, 1/10000.
    missing : frozenset of str
        Names of feeds that it has no value for.
    faults : mapping of Fault to float
        How often it commits each of them: from 0, never, to 1, in each round.

    Raises
    ------
    ConfigError
        If a share is not from 0 to 1, or the noise is negative.

    Examples
    --------
    >>> careless = Behaviour(faults={Fault.NO_REVEAL: 1.0})
    >>> careless.fault("p1", 7, seed=1), Behaviour().fault("p1", 7, seed=1)
    (<Fault.NO_REVEAL: 'no-reveal'>, None)
    """

    bias_bp: float = 0.0
    noise_bp: float = 2.0
    missing: frozenset[str] = frozenset()
    faults: Mapping[Fault, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for fault, share in self.faults.items():
            if not 0 <= share <= 1:
                raise ConfigError(f"{fault}: expected a share from 0 to 1, was {share:g}")
        if self.noise_bp < 0:
            raise ConfigError(f"noise: expected 0 basis points or more, was {self.noise_bp:g}")

    def fault(self, name: str, round: int, *, seed: int) -> Fault | None:
        """Return what a provider does wrong in a voting round, the first that falls upon it; None where nothing."""
        drawn = random.Random(f"{seed} {name} {round}")  # noqa: S311 - a toy that can be repeated
        return next((fault for fault, share in self.faults.items() if drawn.random() < share), None)

    def price(self, true: float, name: str, feed: str, round: int, *, seed: int) -> float | None:
        """Return what a provider takes the price of a feed for; None where it has none."""
        if feed in self.missing:
            return None
        drawn = random.Random(f"{seed} {name} {feed} {round}")  # noqa: S311 - a toy that can be repeated
        return true * (1 + BASIS_POINT * drawn.gauss(self.bias_bp, self.noise_bp))
