"""How venues become one value: age first, then quorum, then who weighs what, then where the middle lies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import median

from pydantic import Field

from chrono.core.component import Consensus
from chrono.core.errors import NoQuorum
from chrono.core.types import SECOND, Agreement, Code, Estimate, Market, Reason
from chrono.core.units import Duration

MAX_SHARE = 0.15
"""What one group may weigh among many; among n few it is `HEADROOM / n`."""

HEADROOM = 1.2

TYPICAL_SPREAD = 20e-4
"""The dispersion among venues at which confidence is halved: 20 bp."""

_EXACT = 1e-12


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
    ranked = sorted(zip(values, shares, strict=True))
    below = 0.0
    for rank, (value, share) in enumerate(ranked):
        below += share
        if below > 0.5 + _EXACT:
            return value
        if below >= 0.5 - _EXACT:
            above = next((other for other, weight in ranked[rank + 1 :] if weight > 0), value)
            return (value + above) / 2
    return ranked[-1][0]


def capped(weights: Mapping[str, float]) -> dict[str, float]:
    """Return each group's final share, none above `max(0.15, 1.2 / n)`, by water-filling.

    Parameters
    ----------
    weights : mapping of str to float
        Non-negative weight of each of n groups; where all that is left weighs nothing, it shares equally.

    Examples
    --------
    >>> shares = capped({"a": 90.0, "b": 6.0, "c": 4.0})
    >>> {group: round(share, 2) for group, share in shares.items()}
    {'a': 0.4, 'b': 0.36, 'c': 0.24}
    """
    limit = max(MAX_SHARE, HEADROOM / len(weights))
    ranked = sorted(weights.values())
    totals = list(accumulate(ranked))
    free, left = len(ranked), 1.0
    while (total := totals[free - 1]) > 0 and left * (ranked[free - 1] / total) > limit + _EXACT:
        free -= 1
        left = 1.0 - limit * (len(ranked) - free)
    lightest = ranked[free - 1]
    if total > 0:
        return {group: left * (w / total) if w <= lightest else limit for group, w in weights.items()}
    return {group: left / free if w <= lightest else limit for group, w in weights.items()}


def weight(members: Sequence[Estimate]) -> float:
    """Return what the members of a group weigh together, in whatever order they come."""
    return members[0].weight if len(members) == 1 else sum(sorted([member.weight for member in members]))


class _Median(Consensus):
    """What both medians share: age first, then quorum, then who weighs what."""

    breakdown = 0.5

    class Config(Consensus.Config):
        """When an estimate counts and how many groups must be left."""

        min_venues: int = Field(default=2, ge=1)
        """Independent groups needed for an answer."""
        max_age: Duration = Field(default=Duration("30s"), gt=0)
        """Estimates older than this are dropped as stale."""

    config: Config

    @abstractmethod
    def weights(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return the weight of each group, given its turnover."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        """Return the weighted median of the estimates that are fresh enough."""
        limit = int(self.config.max_age)
        groups: dict[str, list[Estimate]] = {}
        dropped: dict[Market, Reason] = {}
        for estimate in estimates:
            if estimate.age > limit:
                dropped[estimate.market] = stale(estimate.age, limit)
            else:
                groups.setdefault(estimate.market.group, []).append(estimate)
        if len(groups) < self.config.min_venues:
            raise NoQuorum(len(groups), self.config.min_venues, dropped)
        shares: dict[Market, float] = {}
        used: list[Estimate] = []
        turnover = {group: m[0].weight if len(m) == 1 else weight(m) for group, m in groups.items()}
        for group, share in capped(self.weights(turnover)).items():
            members, total = groups[group], turnover[group]
            for e in members:
                shares[e.market] = share * e.weight / total if total > 0 else share / len(members)
                used.append(e)
        value = middle([e.value for e in used], list(shares.values()))
        return Agreement(value, self.confidence(value, used, len(groups), limit), shares, dropped)

    def confidence(self, value: float, used: Sequence[Estimate], groups: int, limit: int) -> float:
        """Return how much to trust a value, 0 to 1.

        Notes
        -----
        `(1 - 2**-n) / (1 + (s / 20 bp)**2) * (1 - a / 2A)`: n groups, s their median distance from the value
        relative to it, a their median age, A the greatest age allowed. The engine multiplies by the share of the groups
        with data that were used.
        """
        spread = median([abs(e.value / value - 1) for e in used]) / TYPICAL_SPREAD
        age = median([e.age for e in used]) / limit
        return (1 - 2.0**-groups) / (1 + spread * spread) * (1 - min(max(age, 0.0), 1.0) / 2)


class Median(_Median):
    """The median of the venues: one group, one vote."""

    type = "median"

    def weights(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return equal weights."""
        return dict.fromkeys(turnover, 1.0)


class WeightedMedian(_Median):
    """The median of the venues by turnover, no group's share above max(0.15, 1.2/n)."""

    type = "weighted_median"

    def weights(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return each group's turnover."""
        return turnover


def stale(age: int, limit: int) -> Reason:
    """Return the reason of what is too old; nanoseconds in, seconds out."""
    return {"code": Code.STALE.value, "age_s": round(age / SECOND, 3), "limit_s": limit / SECOND}
