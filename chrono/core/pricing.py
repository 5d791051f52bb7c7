"""From windows to a report: aggregate, screen, convert, screen, agree. One synchronous pure function.

The same observations, configuration and state give the same report, to the bit; not one await.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from chrono.core.cohort import Peers, middle_of
from chrono.core.component import Aggregator, Component, Consensus, Detector
from chrono.core.consensus import stale
from chrono.core.detectors import QUARANTINE
from chrono.core.errors import InsufficientData, NoQuorum
from chrono.core.rates import Conversion, Leg, compared, conversion, convert
from chrono.core.rhythm import FRESH, age_limit
from chrono.core.types import (
    PRICE_LIMIT,
    SECOND,
    Code,
    Estimate,
    Feed,
    Kind,
    Market,
    Missing,
    Price,
    Reason,
    Report,
    Round,
    Verdict,
)
from chrono.core.windows import Window

JUMP_MEMORY = 60 * SECOND
"""How old the last published value may be for `max_jump` to be measured against it; at least two rounds."""

Windows: TypeAlias = Callable[[Market, Kind, int, int], Window | None]
Failure: TypeAlias = tuple[Component, Exception]
T = TypeVar("T")
Work: TypeAlias = Callable[[Sequence[Estimate], Any], tuple[T, Any]]


class Forgotten(Exception):
    """A component failed for what it remembered, and works without: nothing that it says is lost."""


class Peg(msgspec.Struct, frozen=True):
    """What to do when a rate that should be 1 is not: `mode` is `convert`, `prefer_usd` or `halt`."""

    beyond: float = 0.01
    mode: str = "convert"


class Plan(msgspec.Struct, frozen=True):
    """How one feed is priced.

    `conversions` maps each of the feed's markets to its legs, if any, `alternatives` legs to another way to the same
    currency; `pegs` are the rates among them that should be 1, `pegged` says that the feed itself should be. `names`
    maps markets under another name of the asset to when that name is valid, from and until.
    """

    feed: Feed
    aggregator: Aggregator
    consensus: Consensus
    conversions: Mapping[Market, tuple[Leg, ...]]
    native: tuple[Detector, ...] = ()
    cohort: tuple[Detector, ...] = ()
    alternatives: Mapping[tuple[Leg, ...], tuple[Leg, ...]] = {}
    pegs: tuple[str, ...] = ()
    pegged: bool = False
    peg: Peg = Peg()
    names: Mapping[Market, tuple[int, int]] = {}


class Published(msgspec.Struct, frozen=True):
    """The last value published of a feed, and what each group said then."""

    as_of: int
    value: Annotated[float, msgspec.Meta(gt=0)]
    groups: Mapping[str, Annotated[float, msgspec.Meta(gt=0)]]


class PricingState(msgspec.Struct, frozen=True):
    """All that rounds remember, made of JSON's types; saved with recordings and across restarts."""

    version: int = 1
    published: Mapping[str, Published] = {}
    components: Mapping[str, Any] = {}


class Outcome(NamedTuple):
    """A round's report, what to remember, and the components that broke their contract."""

    report: Report
    state: PricingState
    failures: Sequence[Failure]


def price(plans: Sequence[Plan], windows: Windows, state: PricingState, when: Round) -> Outcome:
    """Price every feed of a round.

    Parameters
    ----------
    plans : sequence of Plan
        Each after the rates it converts with.
    windows : callable
        `(market, kind, span, as_of)` to that window, None where nothing was ever seen.
    state : PricingState
        What the round before returned.
    when : Round
        The instant to price.

    Returns
    -------
    Outcome
    """
    work = _Work(windows, state, when)
    for plan in plans:
        work.results[plan.feed.name] = work.answer(plan)
    results = sorted(work.results.values(), key=attrgetter("feed.place"))
    published = tuple(result for result in results if result.feed.published)
    rates = tuple(result for result in results if not result.feed.published)
    report = Report(when, published, rates, tuple(work.verdicts))
    return Outcome(report, PricingState(state.version, work.published, work.components), work.failures)


class _Work:
    """One round in the making."""

    def __init__(self, windows: Windows, state: PricingState, when: Round) -> None:
        self.windows = windows
        self.when = when
        self.results: dict[str, Price | Missing] = {}
        self.conversions: dict[tuple[Any, ...], Conversion | Reason] = {}
        self.depegs: dict[tuple[str, float], Reason | None] = {}
        self.published = dict(state.published)
        self.components = dict(state.components)
        self.verdicts: list[Verdict] = []
        self.failures: list[Failure] = []

    def answer(self, plan: Plan) -> Price | Missing:
        """Price one feed, or say why not."""
        dropped: dict[Market, Reason] = {}
        first = self.estimates(plan, dropped)
        estimates = self.screen(plan, plan.native, first, dropped)
        depegs = [found for rate in plan.pegs if (found := self.depeg(plan, rate))] if plan.pegs else []
        if depegs and plan.peg.mode == "halt":
            rejected = _without(first, estimates)
            depegged, said = tuple(depegs), tuple(estimates)
            return Missing(plan.feed, depegs[0], (), dropped, said, depegged, rejected, None, tuple(first))
        if depegs and plan.peg.mode == "prefer_usd":
            estimates = self.without(plan, estimates, depegs, dropped)
        converted = self.convert(plan, estimates, dropped)
        if plan.pegs:
            depegs.extend(_gap(converted, plan.peg.beyond))
        rejected = _without(first, converted)
        if plan.cohort:
            peers = self.screen(plan, plan.cohort, Peers(converted), dropped)
            rejected += _without(converted, peers)
            converted = peers
        return self.agree(plan, converted, dropped, tuple(depegs), (rejected, tuple(first)))

    def estimates(self, plan: Plan, dropped: dict[Market, Reason]) -> list[Estimate]:
        """Collapse time: one estimate per market that has something to say, and said it lately."""
        aggregator, windows, as_of = plan.aggregator, self.windows, self.when.as_of
        aggregate, kind, span, max_age = aggregator.aggregate, aggregator.reads, aggregator.span, plan.consensus.max_age
        found = []
        markets: Iterable[Market] = plan.feed.markets
        if plan.names:
            dropped.update({m: _RENAMED for m, (since, until) in plan.names.items() if not since <= as_of < until})
            markets = [market for market in markets if market not in dropped]
        for market in markets:
            window = windows(market, kind, span, as_of)
            if window is None:
                dropped[market] = _NO_DATA
                continue
            age = window.age
            # what is younger than any limit needs none worked out
            if age > FRESH if max_age is None else age > max_age:
                limit = age_limit(window.rhythm) if max_age is None else max_age
                if age > limit:
                    dropped[market] = stale(age, limit)
                    continue
            try:
                estimate = aggregate(window)
                valid = 0.0 < estimate.value < PRICE_LIMIT and 0.0 <= estimate.weight < inf
            except InsufficientData as error:
                dropped[market] = {"code": Code.INSUFFICIENT_DATA.value, "n": error.n, "wanted": error.wanted}
            except Exception as error:  # noqa: BLE001 - a stranger's bug costs its own estimate, not the round
                self.failures.append((aggregator, error))
                dropped[market] = _failed(aggregator)
            else:
                if valid:
                    found.append(estimate)
                else:
                    dropped[market] = _invalid(estimate.value)
        return found

    def depeg(self, plan: Plan, rate: str) -> Reason | None:
        """Return the notice of a rate that is off its peg of 1, None where it is not, or not known."""
        beyond = plan.peg.beyond
        if (rate, beyond) not in self.depegs:
            priced = self.results.get(rate)
            value = priced.value if isinstance(priced, Price) else 1.0
            self.depegs[rate, beyond] = _depeg(rate, value, beyond) if abs(value - 1.0) > beyond else None
        return self.depegs[rate, beyond]

    def without(
        self, plan: Plan, estimates: Sequence[Estimate], depegs: Sequence[Reason], dropped: dict[Market, Reason]
    ) -> Sequence[Estimate]:
        """Leave out what is quoted in something off its peg, where the others are a quorum."""
        off = {notice["rate"]: notice for notice in depegs}
        rejected = {e.market: off[leg.rate] for e in estimates for leg in plan.conversions[e.market] if leg.rate in off}
        sound = [e for e in estimates if e.market not in rejected]
        if len({e.market.group for e in sound}) < plan.consensus.wanted:
            return estimates
        dropped.update(rejected)
        return sound

    def convert(self, plan: Plan, estimates: Sequence[Estimate], dropped: dict[Market, Reason]) -> Sequence[Estimate]:
        """Bring estimates into the feed's quote with this round's rates."""
        converted = []
        pair, conversions = plan.feed.pair, plan.conversions
        before: tuple[Leg, ...] = ()
        by: Conversion | Reason | None = None
        for estimate in estimates:
            legs = conversions[estimate.market]
            if not legs:
                converted.append(estimate)
                continue
            if legs is not before or by is None:
                before, by = legs, self.conversion(plan, legs)
            if isinstance(by, Conversion):
                converted.append(convert(estimate, by, pair))
            else:
                dropped[estimate.market] = by
        return converted

    def conversion(self, plan: Plan, legs: tuple[Leg, ...]) -> Conversion | Reason:
        """Return what legs come to in this round; all markets that go the same way share it."""
        max_age, other = plan.consensus.max_age, plan.alternatives.get(legs, ())
        key = (legs, other, max_age)
        by = self.conversions.get(key)
        if by is None:
            by = conversion(legs, self.results, max_age)
            if other:
                by = compared(by, conversion(other, self.results, max_age))
            self.conversions[key] = by
        return by

    def screen(
        self, plan: Plan, detectors: Sequence[Detector], estimates: Sequence[Estimate], dropped: dict[Market, Reason]
    ) -> Sequence[Estimate]:
        """Drop what detectors reject; one that fails is passed over, and its memory stays as it was."""
        for detector in detectors:
            key = f"{plan.feed.name} {detector.context.name}"
            try:
                said, memory = self.remembering(detector, key, detector.screen, estimates)
                verdicts = tuple(said)
                rejected = _rejected(verdicts) if verdicts else {}
            except Exception as error:  # noqa: BLE001 - a stranger's bug must not cost the round
                self.failures.append((detector, error))
                continue
            if memory is not None:
                self.components[key] = memory
            else:
                self.components.pop(key, None)
            self.verdicts.extend(verdicts)
            if rejected:
                dropped.update(rejected)
                estimates = Peers([estimate for estimate in estimates if estimate.market not in rejected])
        return estimates

    def remembering(self, who: Component, key: str, work: Work[T], estimates: Sequence[Estimate]) -> tuple[T, Any]:
        """Have a component work with what it remembers; where it fails for that, as with a state of old, without."""
        memory = self.components.get(key)
        try:
            return work(estimates, memory)
        except Exception as error:
            if memory is None or isinstance(error, NoQuorum):
                raise
            afresh = work(estimates, None)
            self.failures.append((who, Forgotten(key, error)))
            return afresh

    def agree(
        self,
        plan: Plan,
        estimates: Sequence[Estimate],
        dropped: dict[Market, Reason],
        notices: tuple[Reason, ...],
        before: tuple[tuple[Estimate, ...], tuple[Estimate, ...]],
    ) -> Price | Missing:
        """Collapse venues, and guard what comes out; `before` are those rejected, and all as they were quoted."""
        rejected, quoted = before
        feed, consensus, key = plan.feed, plan.consensus, f"{plan.feed.name} {plan.consensus.context.name}"
        try:
            agreement, memory = self.remembering(consensus, key, consensus.agree_with, estimates)
            value, trust = float(agreement.value), float(agreement.confidence)
            valid = 0.0 < value < PRICE_LIMIT and 0.0 <= trust <= 1.0
            shares = agreement.shares
            used, age, rhythm = _counted(estimates, shares)
            dropped.update(agreement.dropped)
        except NoQuorum as error:
            dropped.update(error.dropped)
            left = tuple(e.market for e in estimates if e.market not in dropped)
            refusal = {"code": Code.NO_QUORUM.value, "used": error.used, "wanted": error.wanted, **error.numbers}
            return Missing(feed, refusal, left, dropped, tuple(estimates), notices, rejected, None, quoted)
        except Exception as error:  # noqa: BLE001 - a stranger's bug costs its feed, not the others
            self.failures.append((consensus, error))
            failed = _failed(consensus)
            dropped.update(dict.fromkeys((e.market for e in estimates), failed))
            return Missing(feed, failed, (), dropped, tuple(estimates), notices, rejected, None, quoted)
        if memory is not None:
            self.components[key] = memory
        disputed, coverage = _census(feed, used, dropped) if dropped else (0.0, 1.0)
        reason = self.refusal(plan, value, estimates, disputed) if valid else _invalid(value)
        if reason is not None:
            return Missing(feed, reason, used, dropped, tuple(estimates), notices, rejected, agreement, quoted)
        if plan.pegged and abs(value - 1.0) > plan.peg.beyond:
            notices = (*notices, _depeg(feed.name, value, plan.peg.beyond))
        said, confidence, method = tuple(estimates), trust * coverage, consensus.type
        parts = (said, age, rhythm, notices, rejected, agreement, quoted)
        result = Price(feed, value, confidence, used, dropped, method, shares, *parts)
        if feed.limits.max_jump is not None:
            self.published[feed.name] = Published(self.when.as_of, value, _by_group(estimates))
        return result

    def refusal(self, plan: Plan, value: float, estimates: Sequence[Estimate], disputed: float) -> Reason | None:
        """Return why a value must not be published, None if it may."""
        feed, limits = plan.feed, plan.feed.limits
        if limits.max_disputed is not None and disputed > limits.max_disputed + 1e-9:
            return {"code": Code.DISPUTED.value, "rejected": disputed, "limit": limits.max_disputed}
        low, high = limits.min_value, limits.max_value
        if (low is not None and value < low) or (high is not None and value > high):
            return {"code": Code.OUT_OF_BOUNDS.value, "value": value, "min": low, "max": high}
        if feed.published and value < 10.0**-feed.decimals and not feed.quantize(value):
            return {"code": Code.BELOW_PRECISION.value, "value": value, "decimals": feed.decimals}
        return None if limits.max_jump is None else self.jump(feed, value, estimates, limits.max_jump)

    def jump(self, feed: Feed, value: float, estimates: Sequence[Estimate], most: float) -> Reason | None:
        """Return why a value is too far from the one before, None if it is not, or if most venues moved with it."""
        last, when = self.published.get(feed.name), self.when
        memory = max(JUMP_MEMORY, 2 * (when.deadline - when.as_of))
        if last is None or when.as_of - last.as_of > memory:
            return None
        if abs(value / last.value - 1) <= most or _followed(value, last, estimates, most / 2):
            return None
        return {"code": Code.MAX_JUMP.value, "value": value, "previous": last.value, "limit": most}


_NO_DATA: Reason = {"code": Code.NO_DATA.value}
_RENAMED: Reason = {"code": Code.RENAMED.value}


def _invalid(value: float) -> Reason:
    return {"code": Code.INVALID_VALUE.value, "value": repr(value)}


def _failed(component: Component) -> Reason:
    return {"code": Code.COMPONENT_FAILED.value, "component": component.context.name}


def _rejected(verdicts: Iterable[Verdict]) -> dict[Market, Reason]:
    return {v.market: {"code": v.code, "detector": v.detector, **v.data} for v in verdicts if not v.keep}


def _without(before: Sequence[Estimate], after: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """Return those whose markets did not come through."""
    if len(before) == len(after):
        return ()
    left = {estimate.market for estimate in after}
    return tuple(estimate for estimate in before if estimate.market not in left)


def _counted(estimates: Sequence[Estimate], shares: Container[Market]) -> tuple[tuple[Market, ...], int, int]:
    """Return the markets that have a share, with the medians of their ages and of their rhythms as far as known."""
    used: list[Market] = []
    ages: list[int] = []
    rhythms: list[int] = []
    for estimate in estimates:
        if estimate.market in shares:
            used.append(estimate.market)
            ages.append(estimate.age)
            if estimate.rhythm:
                rhythms.append(estimate.rhythm)
    rhythm = int(middle_of(sorted(rhythms))) if rhythms else 0
    return tuple(used), int(middle_of(sorted(ages))), rhythm


def _depeg(rate: str, value: float, beyond: float) -> Reason:
    return {"code": Code.DEPEG.value, "rate": rate, "value": value, "limit": beyond}


def _gap(estimates: Sequence[Estimate], beyond: float) -> Sequence[Reason]:
    """Return the notice that what was converted and what was not are apart, all of one from all of the other."""
    values = [e.value for e in estimates]
    if not values or max(values) <= (1.0 + beyond) * min(values):
        return ()
    native, converted = [e.value for e in estimates if not e.path], [e.value for e in estimates if e.path]
    if len(native) < 2 or len(converted) < 2:
        return ()
    above, below = min(converted) / max(native) - 1.0, max(converted) / min(native) - 1.0
    gap = max(above, 0.0) + min(below, 0.0)
    return ({"code": Code.CONVERSION_GAP.value, "gap": gap, "limit": beyond},) if abs(gap) > beyond else ()


_ABSENT = frozenset({Code.NO_DATA.value, Code.RENAMED.value})
_SILENT = frozenset({*_ABSENT, Code.INSUFFICIENT_DATA.value, Code.STALE.value})
_UNDISPUTED = frozenset({*_SILENT, Code.DEPEG.value, QUARANTINE})
"""What is silent, was left out because the file says so, or agrees again and waits to be let back in."""


def _census(feed: Feed, used: Sequence[Market], dropped: Mapping[Market, Reason]) -> tuple[float, float]:
    """Return the share of the groups alive that were rejected, and of those that have data the share that was used."""
    groups = {market.group for market in used}
    lost = [(m.group, dropped[m]["code"]) for m in feed.markets if m in dropped and m.group not in groups]
    rejected = len({group for group, code in lost if code not in _UNDISPUTED})
    seen = len(groups) + len({group for group, code in lost if code not in _ABSENT})
    return rejected / (rejected + len(groups)), len(groups) / seen


def _by_group(estimates: Sequence[Estimate]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for estimate in estimates:
        groups.setdefault(estimate.market.group, []).append(estimate.value)
    return {group: middle_of(sorted(values)) for group, values in groups.items()}


def _followed(value: float, last: Published, estimates: Sequence[Estimate], least: float) -> bool:
    """Say whether more than half of the groups live in both rounds moved the same way by `least` or more."""
    up = value > last.value
    groups = {group: now for group, now in _by_group(estimates).items() if group in last.groups}
    moves = (now / last.groups[group] - 1 for group, now in groups.items())
    return 2 * sum((move if up else -move) >= least for move in moves) > len(groups) > 0
