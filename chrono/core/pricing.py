"""From windows to a report: aggregate, screen, convert, screen, agree. One synchronous pure function.

The same observations, configuration and state give the same report, to the bit; not one await.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from statistics import median
from typing import Any, NamedTuple, TypeAlias

import msgspec

from chrono.core.component import Aggregator, Component, Consensus, Detector
from chrono.core.errors import InsufficientData, NoQuorum
from chrono.core.rates import Conversion, Leg, conversion, convert
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


class Plan(msgspec.Struct, frozen=True):
    """How one feed is priced. `conversions` maps each of the feed's markets to its legs, if any."""

    feed: Feed
    aggregator: Aggregator
    consensus: Consensus
    conversions: Mapping[Market, tuple[Leg, ...]]
    native: tuple[Detector, ...] = ()
    cohort: tuple[Detector, ...] = ()


class Published(msgspec.Struct, frozen=True):
    """The last value published of a feed, and what each group said then."""

    as_of: int
    value: float
    groups: Mapping[str, float]


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
    results = sorted(work.results.values(), key=lambda result: result.feed.place)
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
        self.conversions: dict[tuple[tuple[Leg, ...], int | None], Conversion | Reason] = {}
        self.published = dict(state.published)
        self.components = dict(state.components)
        self.verdicts: list[Verdict] = []
        self.failures: list[Failure] = []

    def answer(self, plan: Plan) -> Price | Missing:
        """Price one feed, or say why not."""
        dropped: dict[Market, Reason] = {}
        estimates = self.screen(plan, plan.native, self.estimates(plan, dropped), dropped)
        converted = self.screen(plan, plan.cohort, self.convert(plan, estimates, dropped), dropped)
        return self.agree(plan, converted, dropped)

    def estimates(self, plan: Plan, dropped: dict[Market, Reason]) -> list[Estimate]:
        """Collapse time: one estimate per market that has something to say."""
        aggregator, windows, as_of = plan.aggregator, self.windows, self.when.as_of
        aggregate, kind, span = aggregator.aggregate, aggregator.reads, aggregator.span
        found = []
        for market in plan.feed.markets:
            window = windows(market, kind, span, as_of)
            if window is None:
                dropped[market] = _NO_DATA
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

    def convert(self, plan: Plan, estimates: Sequence[Estimate], dropped: dict[Market, Reason]) -> Sequence[Estimate]:
        """Bring estimates into the feed's quote with this round's rates."""
        converted = []
        pair, max_age, conversions, known = plan.feed.pair, plan.consensus.max_age, plan.conversions, self.conversions
        before: tuple[Leg, ...] = ()
        by: Conversion | Reason | None = None
        for estimate in estimates:
            legs = conversions[estimate.market]
            if not legs:
                converted.append(estimate)
                continue
            if legs is not before or by is None:
                # all markets that go the same way share what that comes to in this round
                before, by = legs, known.get((legs, max_age))
                if by is None:
                    by = known[legs, max_age] = conversion(legs, self.results, max_age)
            if isinstance(by, Conversion):
                converted.append(convert(estimate, by, pair))
            else:
                dropped[estimate.market] = by
        return converted

    def screen(
        self, plan: Plan, detectors: Sequence[Detector], estimates: Sequence[Estimate], dropped: dict[Market, Reason]
    ) -> Sequence[Estimate]:
        """Drop what detectors reject; one that fails is passed over, and its memory stays as it was."""
        for detector in detectors:
            key = f"{plan.feed.name} {detector.context.name}"
            try:
                said, memory = detector.screen(estimates, self.components.get(key))
                verdicts = tuple(said)
                rejected = {
                    verdict.market: {"code": verdict.code, "detector": verdict.detector, **verdict.data}
                    for verdict in verdicts
                    if not verdict.keep
                }
            except Exception as error:  # noqa: BLE001 - a stranger's bug must not cost the round
                self.failures.append((detector, error))
                continue
            self.components[key] = memory
            self.verdicts.extend(verdicts)
            dropped.update(rejected)
            estimates = [estimate for estimate in estimates if estimate.market not in rejected]
        return estimates

    def agree(self, plan: Plan, estimates: Sequence[Estimate], dropped: dict[Market, Reason]) -> Price | Missing:
        """Collapse venues, and guard what comes out."""
        feed, consensus, key = plan.feed, plan.consensus, f"{plan.feed.name} {plan.consensus.context.name}"
        try:
            agreement, memory = consensus.agree_with(estimates, self.components.get(key))
            value, trust = float(agreement.value), float(agreement.confidence)
            valid = 0.0 < value < PRICE_LIMIT and 0.0 <= trust <= 1.0
            counted = [e for e in estimates if e.market in agreement.shares]
            age = int(median([e.age for e in counted]))
            dropped.update(agreement.dropped)
        except NoQuorum as error:
            dropped.update(error.dropped)
            left = tuple(e.market for e in estimates if e.market not in dropped)
            refusal = {"code": Code.NO_QUORUM.value, "used": error.used, "wanted": error.wanted}
            return Missing(feed, refusal, left, dropped, tuple(estimates))
        except Exception as error:  # noqa: BLE001 - a stranger's bug costs its feed, not the others
            self.failures.append((consensus, error))
            failed = _failed(consensus)
            dropped.update(dict.fromkeys((e.market for e in estimates), failed))
            return Missing(feed, failed, (), dropped, tuple(estimates))
        if memory is not None:
            self.components[key] = memory
        used = tuple([e.market for e in counted])
        reason = self.refusal(plan, value, estimates) if valid else _invalid(value)
        if reason is not None:
            return Missing(feed, reason, used, dropped, tuple(estimates))
        confidence = trust * _coverage(feed, used, dropped)
        shares, said = agreement.shares, tuple(estimates)
        result = Price(feed, value, confidence, used, dropped, consensus.type, shares, said, age)
        if feed.limits.max_jump is not None:
            self.published[feed.name] = Published(self.when.as_of, value, _by_group(estimates))
        return result

    def refusal(self, plan: Plan, value: float, estimates: Sequence[Estimate]) -> Reason | None:
        """Return why a value must not be published, None if it may."""
        feed, limits = plan.feed, plan.feed.limits
        low, high = limits.min_value, limits.max_value
        if (low is not None and value < low) or (high is not None and value > high):
            return {"code": Code.OUT_OF_BOUNDS.value, "value": value, "min": low, "max": high}
        if feed.published and value < 10.0**-feed.decimals and not feed.quantize(value):
            return {"code": Code.BELOW_PRECISION.value, "value": value, "decimals": feed.decimals}
        last, when = self.published.get(feed.name), self.when
        memory = max(JUMP_MEMORY, 2 * (when.deadline - when.as_of))
        if limits.max_jump is None or last is None or when.as_of - last.as_of > memory:
            return None
        if abs(value / last.value - 1) <= limits.max_jump or _followed(value, last, estimates, limits.max_jump / 2):
            return None
        return {"code": Code.MAX_JUMP.value, "value": value, "previous": last.value, "limit": limits.max_jump}


_NO_DATA: Reason = {"code": Code.NO_DATA.value}


def _invalid(value: float) -> Reason:
    return {"code": Code.INVALID_VALUE.value, "value": repr(value)}


def _failed(component: Component) -> Reason:
    return {"code": Code.COMPONENT_FAILED.value, "component": component.context.name}


def _coverage(feed: Feed, used: Sequence[Market], dropped: Mapping[Market, Reason]) -> float:
    """Return the share of the groups that have data which made it into the value."""
    if used and not dropped:
        return 1.0
    groups = {market.group for market in used}
    seen = groups | {m.group for m in feed.markets if m in dropped and dropped[m] is not _NO_DATA}
    return len(groups) / len(seen) if seen else 0.0


def _by_group(estimates: Sequence[Estimate]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for estimate in estimates:
        groups.setdefault(estimate.market.group, []).append(estimate.value)
    return {group: float(median(values)) for group, values in groups.items()}


def _followed(value: float, last: Published, estimates: Sequence[Estimate], least: float) -> bool:
    """Say whether more than half of the groups live in both rounds moved the same way by `least` or more."""
    up = value > last.value
    groups = {group: now for group, now in _by_group(estimates).items() if group in last.groups}
    moves = (now / last.groups[group] - 1 for group, now in groups.items())
    return 2 * sum((move if up else -move) >= least for move in moves) > len(groups) > 0
