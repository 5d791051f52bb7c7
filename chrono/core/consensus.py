"""How venues become one value: age first, then quorum, then who weighs what, then where the middle lies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from chrono.core.cohort import CERTAIN, capped, cohort, credence, middle, middle_of
from chrono.core.component import Consensus
from chrono.core.errors import NoQuorum
from chrono.core.rhythm import age_limit
from chrono.core.types import SECOND, Agreement, Code, Estimate, Market, Reason
from chrono.core.units import Duration, Share

TYPICAL_SPREAD = 20e-4
"""The dispersion among venues at which confidence is halved: 20 bp."""

LEAST_RELIABLE = 0.25
"""What learning may leave of a group's weight."""


def weight(members: Sequence[Estimate]) -> float:
    """Return what the members of a group weigh together, in whatever order they come."""
    return members[0].weight if len(members) == 1 else sum(sorted([member.weight for member in members]))


_Groups: TypeAlias = Mapping[str, Sequence[Estimate]]


def _split(share: float, members: Sequence[Estimate]) -> dict[Market, float]:
    """Return what each market of a group gets of its share: by turnover, by credence where a rate is in doubt."""
    doubtful = any(e.uncertainty > CERTAIN for e in members)
    weights = {e.market: credence(e.uncertainty) if doubtful else e.weight for e in members}
    total = fsum(weights.values())
    return {market: share * (w / total) if total > 0 else share / len(members) for market, w in weights.items()}


class VenueConsensus(Consensus):
    """Age first, then quorum, then who weighs what; a subclass says how values and shares become one value.

    Notes
    -----
    Confidence is ``(1 - 2**-n) / (1 + (s / 20 bp)**2) * (1 - a / 2) * r``: n groups; s the mean distance of the
    estimates from the value relative to it, a the mean of their ages relative to the age allowed (at most 1), r the
    mean confidence of the rates they were converted with, each by share. The engine multiplies by the share of the
    groups with data that were used.

    With `learn`, a group's weight is multiplied by ``min(1, max(1/4, D / d))``: d is the exponentially decayed mean of
    its distance from the value, at least `noise_floor`, D the median of all groups' d. `reliability` shows what was
    learned.
    """

    class Config(Consensus.Config):
        """When an estimate counts, how many groups must be left, and what each weighs."""

        min_venues: int = Field(default=2, ge=1)
        """Independent groups needed for an answer."""
        min_turnover: float = Field(default=0.0, ge=0)
        """Turnover needed for an answer, of all groups together, in the feed's quote per second."""
        max_age: Annotated[Duration, Field(gt=0)] | None = None
        """Estimates older than this are stale; default: four times the market's own rhythm, between 30 s and 5 min."""
        weights: Mapping[str, Annotated[float, Field(gt=0)]] = Field(default={})
        """What the weight of a venue is multiplied by, by the name of its group; 1 for those not named."""
        half_life: Annotated[Duration, Field(gt=0)] | None = None
        """Age at which a weight is halved, down to an eighth; weights do not depend on age when it is not given."""
        reject: float = Field(default=0.0, ge=0)
        """Groups further than so many scales from the median of all are dropped; 0 rejects none."""
        noise_floor: Share = Field(default=Share("3bp"), gt=0)
        """The smallest scale: what venues may differ by without any of them being wrong."""
        max_rejected: Share = Field(default=Share("40%"), ge=0, lt=0.5)
        """The share of the groups that may be rejected, the furthest first."""
        learn: Annotated[Duration, Field(gt=0)] | None = None
        """Half-life of what is learned about how far each venue usually is off; nothing is learned when not given."""

    config: Config

    @abstractmethod
    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return the weight of each group, given its turnover."""

    @abstractmethod
    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return one value; `shares` are non-negative with sum 1."""

    @property
    def max_age(self) -> int | None:
        """Nanoseconds after which an estimate no longer counts; None where that is up to its market's rhythm."""
        return self.config.max_age

    def limit(self, estimate: Estimate) -> int:
        """Return the nanoseconds that this estimate may be old."""
        fixed = self.max_age
        return age_limit(estimate.rhythm) if fixed is None else fixed

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        """Return what the estimates come to, nothing being known of the venues."""
        return self.agree_with(estimates, None)[0]

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        """Return what the estimates come to, and what was learned."""
        config = self.config
        dropped: dict[Market, Reason] = {}
        groups, limits = self._live(estimates, dropped)
        if config.reject and groups:
            self._reject(groups, dropped)
        if len(groups) < config.min_venues:
            raise NoQuorum(len(groups), config.min_venues, dropped)
        turnover = {group: m[0].weight if len(m) == 1 else weight(m) for group, m in groups.items()}
        if config.min_turnover and (traded := sum(sorted(turnover.values()))) < config.min_turnover:
            numbers = {"turnover": traded, "turnover_wanted": config.min_turnover}
            raise NoQuorum(len(groups), config.min_venues, dropped, **numbers)
        weights = self.weigh(turnover)
        doubtful = max([e.uncertainty for members in groups.values() for e in members]) > CERTAIN
        if doubtful or config.weights or config.half_life or config.learn:
            weights = self._adjusted(weights, groups, state)
        shares: dict[Market, float] = {}
        used: list[Estimate] = []
        votes = fsum([max([credence(e.uncertainty) for e in m]) for m in groups.values()]) if doubtful else None
        for group, share in capped(weights, votes).items():
            members = groups[group]
            if len(members) == 1:
                shares[members[0].market] = share
            else:
                shares.update(_split(share, members))
            used.extend(members)
        parts = list(shares.values())
        value = self.combine([e.value for e in used], parts)
        trust = self._confidence(value, used, shares, len(groups), limits)
        learned = self._learned(value, groups, state) if config.learn else None
        return Agreement(value, trust, shares, dropped), learned

    def _live(
        self, estimates: Sequence[Estimate], dropped: dict[Market, Reason]
    ) -> tuple[dict[str, list[Estimate]], dict[Market, int]]:
        """Return the groups whose estimates are fresh enough, and how old each may be."""
        fixed = self.max_age
        groups: dict[str, list[Estimate]] = {}
        limits: dict[Market, int] = {}
        for estimate in estimates:
            market = estimate.market
            limit = age_limit(estimate.rhythm) if fixed is None else fixed
            if estimate.age > limit:
                dropped[market] = stale(estimate.age, limit)
                continue
            limits[market] = limit
            if market.group in groups:
                groups[market.group].append(estimate)
            else:
                groups[market.group] = [estimate]
        return groups, limits

    def _reject(self, groups: dict[str, list[Estimate]], dropped: dict[Market, Reason]) -> None:
        """Drop the groups that are too far from all others."""
        config = self.config
        found = cohort([e for members in groups.values() for e in members], float(config.noise_floor))
        for group in found.outliers(config.reject, float(config.max_rejected)):
            for estimate in groups.pop(group):
                numbers = {"deviation": found.deviation(estimate.value), "limit": config.reject * found.scale}
                dropped[estimate.market] = {"code": Code.OUTLIER.value, **numbers}

    def _adjusted(self, weights: Mapping[str, float], groups: _Groups, state: Any) -> dict[str, float]:
        """Return weights by age, by doubt about rates, by what the user says, and by what was learned."""
        half_life, known = self.config.half_life, self.reliability(state) if self.config.learn else {}
        adjusted = {}
        for group, raw in weights.items():
            factor = self.config.weights.get(group, 1.0) * known.get(group, 1.0)
            factor *= max([credence(e.uncertainty) for e in groups[group]])
            if half_life is not None:
                # one fresh print never weighs more than eight old ones, and is capped after that
                factor *= max(2.0 ** (-min(e.age for e in groups[group]) / half_life), 0.125)
            adjusted[group] = raw * factor
        return adjusted

    def _confidence(
        self,
        value: float,
        used: Sequence[Estimate],
        shares: Mapping[Market, float],
        groups: int,
        limits: Mapping[Market, int],
    ) -> float:
        if value <= 0:
            return 0.0
        # exactly rounded sums do not depend on the order of the estimates
        distances, ages, trusts = [], [], []
        for e in used:
            share = shares[e.market]
            distances.append(share * abs(e.value / value - 1.0))
            ages.append(share * (e.age / limits[e.market]))
            trusts.append(share * e.trust)
        spread, age, trust = fsum(distances) / TYPICAL_SPREAD, fsum(ages), min(fsum(trusts), 1.0)
        return (1 - 2.0**-groups) / (1 + spread * spread) * (1 - min(max(age, 0.0), 1.0) / 2) * trust

    def reliability(self, state: Any) -> dict[str, float]:
        """Return what has been learned of each group, as a factor between 1/4 and 1 for its weight.

        Examples
        --------
        >>> learned = {"as_of": 0, "distance": {"a": 1e-3, "b": 1e-3, "c": 2e-3}}
        >>> WeightedMedian().reliability(learned)
        {'a': 1.0, 'b': 1.0, 'c': 0.5}
        """
        distance = state["distance"] if state else {}
        if not distance:
            return {}
        # what is within the noise is no news: a tenth of a basis point must not cost a stablecoin's venue its vote
        floored = {group: max(d, float(self.config.noise_floor)) for group, d in distance.items()}
        usual = middle_of(sorted(floored.values()))
        return {group: min(max(usual / d, LEAST_RELIABLE), 1.0) for group, d in floored.items()}

    def _learned(self, value: float, groups: _Groups, state: Any) -> dict[str, Any]:
        as_of = max(e.as_of for members in groups.values() for e in members)
        known = dict(state["distance"]) if state else {}
        passed = max(as_of - state["as_of"], 0) if state else 0
        kept = 2.0 ** (-passed / int(self.config.learn or 1))
        for group, members in groups.items():
            now = abs(middle_of(sorted([e.value for e in members])) / value - 1.0)
            known[group] = now if group not in known else kept * known[group] + (1 - kept) * now
        return {"as_of": as_of, "distance": known}


class Median(VenueConsensus):
    """The median of the venues: one group, one vote."""

    type = "median"
    breakdown = 0.5

    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return equal weights."""
        return dict.fromkeys(turnover, 1.0)

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return where the cumulated share passes a half."""
        return middle(values, shares)


class WeightedMedian(VenueConsensus):
    """The median of the venues by turnover, no group's share above max(0.15, 1.2/n)."""

    type = "weighted_median"
    breakdown = 0.5

    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return each group's turnover."""
        return turnover

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return where the cumulated share passes a half."""
        return middle(values, shares)


def stale(age: int, limit: int) -> Reason:
    """Return the reason of what is too old; nanoseconds in, seconds out."""
    return {"code": Code.STALE.value, "age_s": round(age / SECOND, 3), "limit_s": limit / SECOND}
