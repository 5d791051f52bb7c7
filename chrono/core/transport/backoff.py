"""How long to wait before the next attempt: exponential, bounded, with full jitter."""

from __future__ import annotations

import random
from typing import Protocol


class Chance(Protocol):
    """Where jitter comes from; `random.Random` is one."""

    def uniform(self, a: float, b: float) -> float:
        """Return a number between a and b."""
        ...


class Backoff:
    """Waits of `uniform(0, min(cap, base * 2**n))` seconds for the n-th attempt in a row.

    Parameters
    ----------
    base, cap : float
        Seconds; the upper end of the first wait, and of every wait.
    chance : Chance, optional
        Where the jitter comes from; one of its own unless given.

    Raises
    ------
    ValueError
        If `base` is not positive or above `cap`.

    References
    ----------
    .. [1] Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, "Full Jitter".

    Examples
    --------
    >>> backoff = Backoff(base=1.0, cap=30.0, chance=random.Random(1))
    >>> [round(backoff.next(), 2) for _ in range(3)]
    [0.13, 1.69, 3.06]
    """

    def __init__(self, base: float = 1.0, cap: float = 30.0, chance: Chance | None = None) -> None:
        if not 0 < base <= cap:
            raise ValueError(f"expected 0 < base <= cap in seconds, was base {base} and cap {cap}")
        self._base = self._ceiling = base
        self._cap = cap
        self._chance = chance or random.Random()  # noqa: S311 - jitter is no secret

    def next(self) -> float:
        """Return the next wait in seconds, and double its upper end for the one after."""
        ceiling = self._ceiling
        self._ceiling = min(self._cap, ceiling * 2)
        return self._chance.uniform(0.0, ceiling)

    def reset(self) -> None:
        """Start again at the base."""
        self._ceiling = self._base
