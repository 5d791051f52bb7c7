"""Looks on while one round of a replay is priced: what every component behind a feed was given, and what it said.

The components themselves are watched, in the replay itself, so that what is told is what happened.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chrono.core.component import Component, Detector
from chrono.core.errors import ConfigError
from chrono.core.moment import Moment, Seen
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Outcome, Plan, PricingState, Windows, price
from chrono.core.recipes import Part, Recipe, behind
from chrono.core.registry import Registry
from chrono.core.replay import Replay
from chrono.core.reporting import iso
from chrono.core.types import Agreement, Estimate, Kind, Market, Round, Verdict
from chrono.core.windows import Window

C = TypeVar("C", bound=Component)


class Witness:
    """Replays recordings up to a round, publishing nothing, and keeps what one feed was made of.

    Parameters
    ----------
    pipeline : Pipeline
    paths : sequence of Path
        Recordings or directories of them.
    feed : str
        The feed to look at.
    asked : int
        Nanoseconds; the last round at or before it is kept.

    Attributes
    ----------
    replay : Replay
        To be run before `moment` is asked for.

    Raises
    ------
    ConfigError
        If the pipeline has no such feed.
    """

    def __init__(self, pipeline: Pipeline, paths: Sequence[Path], feed: str, asked: int, *, logger: Any = None) -> None:
        self._asked = asked
        self._wanted = asked // pipeline.schedule.every
        self._now: dict[str, Seen] = {}
        self._moment: Moment | None = None
        self._first: Round | None = None
        self._last: Round | None = None
        needed = _known(pipeline, feed)
        self._recipes = {name: Recipe.of(plan) for name, plan in needed.items()}
        self._plans = {name: self._watched(plan) for name, plan in needed.items()}
        plans = [self._plans.get(plan.feed.name, plan) for plan in pipeline.plans]
        # nobody is to be told of what is long past
        alone = replace(pipeline, plans=plans, sinks={}, registry=Registry(found=()), state_path=None)
        self.replay = Replay(alone, paths, pricer=self._price, logger=logger)

    def moment(self) -> Moment:
        """Return the round that was looked for.

        Raises
        ------
        ConfigError
            If the time lies outside what was recorded.
        """
        if self._first is None or self._last is None:
            raise ConfigError(
                f"{iso(self._asked)}: expected a recording of at least one round, held none; name another"
            )
        if self._moment is None or self._last.id < self._wanted:
            span = f"{iso(self._first.as_of)} to {iso(self._last.as_of)} (round {self._first.id} to {self._last.id})"
            raise ConfigError(f"{iso(self._asked)}: expected a time of the recording, which has rounds from {span}")
        return self._moment

    def _price(self, plans: Sequence[Plan], windows: Windows, state: PricingState, when: Round) -> Outcome:
        self._now = {name: Seen() for name in self._plans}
        found: dict[tuple[Market, str, int], Window | None] = {}

        def watched(market: Market, kind: Kind, span: int, as_of: int) -> Window | None:
            window = found[market, kind, span] = windows(market, kind, span, as_of)
            return window

        outcome = price(plans, watched, state, when)
        self._first = self._first or when
        self._last = when
        if when.id <= self._wanted:
            self._moment = Moment(self._asked, outcome.report, self._recipes, self._now, found, state.published)
        if when.id >= self._wanted and self._moment is not None:
            self.replay.stop.set()
        return outcome

    def _watched(self, plan: Plan) -> Plan:
        name = plan.feed.name
        return msgspec.structs.replace(
            plan,
            aggregator=_twin(plan.aggregator, "aggregate", lambda aggregate: self._aggregate(name, aggregate)),
            native=tuple(_twin(d, "screen", self._screen(name, d)) for d in plan.native),
            cohort=tuple(_twin(d, "screen", self._screen(name, d, of_cohort=True)) for d in plan.cohort),
            consensus=_twin(plan.consensus, "agree_with", lambda agree: self._agree(name, agree)),
        )

    def _aggregate(self, name: str, aggregate: Callable[[Any], Estimate]) -> Callable[[Any], Estimate]:
        def watched(window: Any) -> Estimate:
            estimate = aggregate(window)
            if isinstance(estimate, Estimate):
                self._now[name].estimates[window.market] = estimate
            return estimate

        return watched

    def _screen(self, name: str, detector: Detector, *, of_cohort: bool = False) -> Callable[[Any], Any]:
        part = Part.of(detector)

        def watching(screen: Callable[[Sequence[Estimate], Any], Any]) -> Callable[[Sequence[Estimate], Any], Any]:
            def watched(estimates: Sequence[Estimate], state: Any) -> Any:
                if of_cohort:
                    self._reached(name, estimates)
                said, memory = screen(estimates, state)
                verdicts = tuple(said)
                self._now[name].verdicts += [(part, each) for each in verdicts if isinstance(each, Verdict)]
                return verdicts, memory

            return watched

        return watching

    def _agree(self, name: str, agree: Callable[..., Any]) -> Callable[[Sequence[Estimate], Any], Any]:
        def watched(estimates: Sequence[Estimate], state: Any) -> Any:
            self._reached(name, estimates)
            agreement, memory = agree(estimates, state)
            if isinstance(agreement, Agreement):
                self._now[name].agreement = agreement
            return agreement, memory

        return watched

    def _reached(self, name: str, estimates: Sequence[Estimate]) -> None:
        converted = self._now[name].converted
        for estimate in estimates:
            converted.setdefault(estimate.market, estimate)


def _twin(component: C, method: str, watching: Callable[[Callable[..., Any]], Callable[..., Any]]) -> C:
    """Return a copy of a component, one method of which is looked at; the host gives it its context as to any other."""
    twin = copy.copy(component)
    own = getattr(twin, method)
    if getattr(own, "__self__", None) is component:
        # a method that the instance chose for itself
        own = own.__func__.__get__(twin)
    vars(twin)[method] = watching(own)
    return twin


def _known(pipeline: Pipeline, feed: str) -> dict[str, Plan]:
    """Return the plans of a feed and of the rates behind it."""
    plans = {plan.feed.name: plan for plan in pipeline.plans}
    if feed not in plans:
        raise ConfigError(_unknown(feed, plans))
    recipes = {name: Recipe.of(plan) for name, plan in plans.items()}
    return {name: plans[name] for name in (feed, *behind(recipes, feed))}


def _unknown(feed: str, plans: Mapping[str, Plan]) -> str:
    upper = {name.upper(): name for name in plans}
    near = difflib.get_close_matches(feed.upper(), list(upper), n=1)
    hint = f"; did you mean {upper[near[0]]}" if near else ""
    known = ", ".join(sorted(name for name, plan in plans.items() if plan.feed.published))
    return f"expected one of the feeds {known}, was {feed!r}{hint}"
