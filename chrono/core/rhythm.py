"""How old a market's last word may be: as its own rhythm has it.

A market that trades every second and is silent for a minute is dead; one that trades every other minute is not.
"""

from __future__ import annotations

from chrono.core.types import SECOND

BEAT = SECOND
"""Updates closer than this are one."""

PATIENCE = 4
"""Usual gaps a market may be silent: of gaps that come by chance, two in a hundred are longer."""

FRESH = 30 * SECOND
"""Nothing younger than this is stale, however fast the market usually is."""

OLDEST = 300 * SECOND
"""What is older than this is stale, however slow the market usually is."""

_MEMORY = 8


def learned(rhythm: int, gap: int) -> int:
    """Return a market's rhythm after one more gap between two updates.

    Parameters
    ----------
    rhythm : int
        Nanoseconds, the decayed mean of its gaps so far; 0 before the first.
    gap : int
        Nanoseconds. An outage counts as no more than what would have made it stale.

    Notes
    -----
    ``r + (min(g, limit(r)) - r) / 8``: an exponentially weighted mean over some eight gaps.

    Examples
    --------
    >>> learned(0, 80 * SECOND) // SECOND, learned(2 * SECOND, 3600 * SECOND) / SECOND
    (80, 5.5)
    """
    if not rhythm:
        return min(gap, OLDEST)
    return rhythm + (min(gap, age_limit(rhythm)) - rhythm) // _MEMORY


def age_limit(rhythm: int) -> int:
    """Return the nanoseconds after which a market of this rhythm is stale: four gaps, between 30 s and 5 min.

    Examples
    --------
    >>> age_limit(2 * SECOND) // SECOND, age_limit(60 * SECOND) // SECOND
    (30, 240)
    """
    limit = PATIENCE * rhythm
    return FRESH if limit < FRESH else min(OLDEST, limit)
