"""What the venues of one feed say together: where their middle lies, how far apart they are, who does not belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chrono.core.types import Estimate

CONSISTENT = 1.4826
"""Times the median absolute deviation is the standard deviation, of normal values."""


class Cohort(NamedTuple):
    """The groups of one feed in one round.

    Attributes
    ----------
    values : mapping of str to float
        What each group says, the median of its markets.
    centre : float
        Their median: one group, one vote.
    scale : float
        How far from the centre a group usually is, relative to it; never below the noise floor asked for.
    """

    values: Mapping[str, float]
    centre: float
    scale: float

    def deviation(self, value: float) -> float:
        """Return how far a value is from the centre, relative to it."""
        return value / self.centre - 1.0

    def outliers(self, limit: float, at_most: float) -> list[str]:
        """Return the groups further than `limit` scales from the centre, the furthest first.

        Parameters
        ----------
        limit : float
            In scales.
        at_most : float
            The share of the groups that may be named, rounded down; never half of them or more. Of groups equally far,
            either all are named or none, so that it does not depend on what they are called.
        """
        reach = limit * self.scale
        far = [(abs(value / self.centre - 1.0), group) for group, value in self.values.items()]
        found = sorted([each for each in far if each[0] > reach], reverse=True)
        most = min(int(len(far) * at_most + 1e-9), (len(far) - 1) // 2)
        while 0 < most < len(found) and found[most - 1][0] == found[most][0]:
            most -= 1
        return [group for _, group in found[:most]]


def cohort(estimates: Iterable[Estimate], floor: float) -> Cohort:
    """Return the groups of some estimates, their centre and their scale.

    Parameters
    ----------
    estimates : iterable of Estimate
        One or more, in one quote.
    floor : float
        The noise floor, relative: small cohorts agree by chance, and would reject each other for nothing.

    Notes
    -----
    Centre: median of the groups. Scale: ``max(floor, 1.4826 * median |x / centre - 1|)``.

    References
    ----------
    .. [1] F. R. Hampel, "The Influence Curve and its Role in Robust Estimation", *Journal of the American Statistical
       Association* 69, 1974, section 5.2.
    """
    groups: dict[str, float] = {}
    several: dict[str, list[float]] = {}
    for estimate in estimates:
        group = estimate.market.group
        if group in groups:
            several.setdefault(group, [groups[group]]).append(estimate.value)
        else:
            groups[group] = estimate.value
    for group, members in several.items():
        groups[group] = middle_of(sorted(members))
    centre = middle_of(sorted(groups.values()))
    spread = CONSISTENT * middle_of(sorted([abs(value / centre - 1.0) for value in groups.values()]))
    return Cohort(groups, centre, max(floor, spread))


def middle_of(ranked: list[float]) -> float:
    """Return the median of numbers in ascending order, the mean of the middle two where they are even in number."""
    n = len(ranked)
    half = n // 2
    return ranked[half] if n & 1 else (ranked[half - 1] + ranked[half]) / 2
