"""What the venues of one feed say together: where their middle lies, how far apart they are, who does not belong."""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, Sequence
from itertools import accumulate
from math import fsum

import msgspec

from chrono.core.types import Estimate

CONSISTENT = 1.4826
"""Times the median absolute deviation is the standard deviation, of normal values."""


CERTAIN = 3e-4
"""The uncertainty of a rate, relative, up to which it costs what it converts nothing of its vote: 3 bp."""

MAX_SHARE = 0.15
"""What one group may weigh among many; among n few it is `HEADROOM / n`."""

HEADROOM = 1.2

FARTHEST = 1e9
"""What no deviation exceeds: a number next to the smallest double is no reason for an infinite one."""

EXACT = 1e-12
"""How close to a half a cumulated share is one."""


class Cohort(msgspec.Struct, frozen=True, gc=False):
    """The groups of one feed in one round.

    Attributes
    ----------
    values : mapping of str to float
        What each group says, the median of its markets.
    centre : float
        Their median: one group, one vote.
    scale : float
        How far from the centre a group usually is, relative to it; never below the noise floor asked for.
    farthest : float
        How far from the centre the farthest estimate is, relative to it.
    """

    values: Mapping[str, float]
    centre: float
    scale: float
    farthest: float

    def deviation(self, value: float) -> float:
        """Return how far a value is from the centre, relative to it; a thousand million times at most."""
        return min(value / self.centre - 1.0, FARTHEST)

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


def credence(uncertainty: float) -> float:
    """Return how much an estimate's vote counts, given the uncertainty of the rates it was converted with.

    Notes
    -----
    ``min(1, (3 bp / u)**2)``, by inverse variance: what was converted with doubtful rates must not outvote what needed
    no conversion, however many markets share those rates.

    Examples
    --------
    >>> credence(1e-4), round(credence(6e-4), 2)
    (1.0, 0.25)
    """
    return 1.0 if uncertainty <= CERTAIN else (CERTAIN / uncertainty) ** 2


class Peers(tuple[Estimate, ...]):
    """The estimates of one feed in one round: what they say together is worked out once, however many ask."""

    _together: Cohort | None = None

    def together(self) -> Cohort:
        """Return their cohort, with no noise floor."""
        if self._together is None:
            self._together = _cohort(self)
        return self._together


def cohort(estimates: Sequence[Estimate], floor: float) -> Cohort:
    """Return the groups of some estimates, their centre and their scale.

    Parameters
    ----------
    estimates : sequence of Estimate
        One or more, in one quote.
    floor : float
        The noise floor, relative: small cohorts agree by chance, and would reject each other for nothing.

    Notes
    -----
    Centre: median of the groups. Scale: ``max(floor, 1.4826 * median |x / centre - 1|)``. Both medians are weighted by
    `credence` where rates are in doubt; a group counts as its most credible market.

    References
    ----------
    .. [1] F. R. Hampel, "The Influence Curve and its Role in Robust Estimation", *Journal of the American Statistical
       Association* 69, 1974, section 5.2.
    """
    found = estimates.together() if isinstance(estimates, Peers) else _cohort(estimates)
    return found if found.scale >= floor else Cohort(found.values, found.centre, floor, found.farthest)


def _cohort(estimates: Sequence[Estimate]) -> Cohort:
    groups: dict[str, float] = {}
    for estimate in estimates:
        groups[estimate.market.group] = estimate.value
        if estimate.uncertainty > CERTAIN:
            return _doubtful(estimates)
    if len(groups) < len(estimates):
        groups = {group: middle_of(sorted([m.value for m in members])) for group, members in _grouped(estimates)}
    centre = middle_of(sorted(groups.values()))
    apart = sorted([abs(value / centre - 1.0) for value in groups.values()])
    farthest = apart[-1] if len(groups) == len(estimates) else _farthest(estimates, centre)
    return Cohort(groups, centre, CONSISTENT * middle_of(apart), farthest)


def _grouped(estimates: Sequence[Estimate]) -> ItemsView[str, list[Estimate]]:
    members: dict[str, list[Estimate]] = {}
    for estimate in estimates:
        members.setdefault(estimate.market.group, []).append(estimate)
    return members.items()


def _farthest(estimates: Sequence[Estimate], centre: float) -> float:
    return max([abs(e.value / centre - 1.0) for e in estimates])


def _doubtful(estimates: Sequence[Estimate]) -> Cohort:
    """Return the cohort where some rates are in doubt."""
    groups: dict[str, float] = {}
    votes: dict[str, float] = {}
    for group, members in _grouped(estimates):
        weights = [credence(member.uncertainty) for member in members]
        groups[group] = middle([member.value for member in members], _shares(weights))
        votes[group] = max(weights)
    shares = list(capped(votes, fsum(votes.values())).values())
    centre = middle(list(groups.values()), shares)
    spread = CONSISTENT * middle([abs(value / centre - 1.0) for value in groups.values()], shares)
    return Cohort(groups, centre, spread, _farthest(estimates, centre))


def _shares(weights: Sequence[float]) -> list[float]:
    total = fsum(weights)
    return [weight / total for weight in weights] if total > 0 else [1.0 / len(weights)] * len(weights)


def middle_of(ranked: Sequence[float]) -> float:
    """Return the median of numbers in ascending order, the mean of the middle two where they are even in number."""
    n = len(ranked)
    half = n // 2
    return ranked[half] if n & 1 else (ranked[half - 1] + ranked[half]) / 2


def middle(values: Sequence[float], shares: Sequence[float]) -> float:
    """Return the weighted median: where the cumulated share passes a half, the midpoint where it is exactly a half.

    Parameters
    ----------
    values : sequence of float, length n > 0
    shares : sequence of float, length n
        Non-negative, with sum 1.

    Notes
    -----
    Breakdown point: half of the shares. "Exactly" means within 1e-12, so that n equal shares behave as a plain median.

    References
    ----------
    .. [1] F. Y. Edgeworth, "On a New Method of Reducing Observations", *Philosophical Magazine* 25, 1888.

    Examples
    --------
    >>> middle([1.0, 9.0, 2.0], [0.25, 0.5, 0.25])
    5.5
    """
    if shares.count(shares[0]) == len(shares):
        return middle_of(sorted(values))
    ranked = sorted(zip(values, shares, strict=True))
    below = 0.0
    for rank, (value, share) in enumerate(ranked):
        below += share
        if below > 0.5 + EXACT:
            return value
        if below >= 0.5 - EXACT:
            above = next((other for other, weight in ranked[rank + 1 :] if weight > 0), value)
            return (value + above) / 2
    return ranked[-1][0]


def capped(weights: Mapping[str, float], votes: float | None = None) -> dict[str, float]:
    """Return each group's final share, none above `max(0.15, 1.2 / n)`, by water-filling.

    Parameters
    ----------
    weights : mapping of str to float
        Non-negative weight of each of n groups; where all that is left weighs nothing, it shares equally.
    votes : float, optional
        What counts as n where some groups are in doubt: the sum of their credences, three at least, so that no group is
        ever left to decide alone.

    Examples
    --------
    >>> shares = capped({"a": 90.0, "b": 6.0, "c": 4.0})
    >>> {group: round(share, 2) for group, share in shares.items()}
    {'a': 0.4, 'b': 0.36, 'c': 0.24}
    """
    n = len(weights) if votes is None else min(max(votes, 3.0), len(weights))
    limit = max(MAX_SHARE, HEADROOM / n)
    ranked = sorted(weights.values())
    totals = list(accumulate(ranked))
    if ranked[0] == ranked[-1] > 0:
        return dict.fromkeys(weights, ranked[0] / totals[-1])
    free, left = len(ranked), 1.0
    while (total := totals[free - 1]) > 0 and left * (ranked[free - 1] / total) > limit + EXACT:
        free -= 1
        left = 1.0 - limit * (len(ranked) - free)
    lightest = ranked[free - 1]
    if total > 0:
        return {group: left * (w / total) if w <= lightest else limit for group, w in weights.items()}
    return {group: left / free if w <= lightest else limit for group, w in weights.items()}
