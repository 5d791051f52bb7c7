"""A pipeline, wired and ready to run: what the builder makes and the engine runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from chrono.core.board import Board
from chrono.core.clock import Clock, Schedule
from chrono.core.component import Component, Context, Sink, Source
from chrono.core.pricing import Plan
from chrono.core.recipes import Description, described
from chrono.core.registry import Registry
from chrono.core.types import Market


@dataclass(frozen=True)
class Retention:
    """What a flight recorder keeps: so many nanoseconds, in so many bytes at most.

    Attributes
    ----------
    folder : Path
        Where it is written to when something went wrong.
    pause : int
        Nanoseconds after an alarm in which others change nothing.
    dumps : int
        How many are kept there.
    """

    keep: int
    most: int
    folder: Path
    pause: int
    dumps: int


@dataclass(frozen=True)
class Pipeline:
    """Components and plans of one pipeline file.

    Attributes
    ----------
    plans : sequence of Plan
        Each after the rates it converts with.
    markets : mapping of str to sequence of Market
        What each source watches.
    horizons : mapping of Market to int
        Nanoseconds of the longest window asked of each market.
    state_path : Path or None
        Where what rounds remember is kept across restarts.
    flight_recorder : Retention or None
        What is kept of what was received, for when something goes wrong.
    """

    name: str
    schedule: Schedule
    plans: Sequence[Plan]
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    markets: Mapping[str, Sequence[Market]]
    horizons: Mapping[Market, int]
    registry: Registry
    state_path: Path | None = None
    flight_recorder: Retention | None = None

    def described(self) -> Description:
        """Say how each feed and each rate is priced, as plain data."""
        return described(self.name, self.schedule.every, self.plans)

    def board(self, clock: Clock) -> Board:
        """Make an empty board for the pipeline's markets."""
        return Board(self.horizons, clock)

    def components(self) -> Sequence[Component]:
        """Return every component once."""
        found: dict[int, Component] = {id(c): c for c in (*self.sources.values(), *self.sinks.values())}
        for plan in self.plans:
            for component in (plan.aggregator, plan.consensus, *plan.native, *plan.cohort):
                found[id(component)] = component
        return list(found.values())

    def hand_over(self, context: Context) -> None:
        """Give every component what the host offers, under its own name."""
        describe = cache(self.described)
        for component in self.components():
            name = component.context.name
            component.context = replace(
                context, name=name, logger=context.logger.bind(component=name), describe=describe
            )
