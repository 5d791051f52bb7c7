"""All rows, in as many processes as asked for; the numbers are the same for any number of them.

Public names: Order, run.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace

from chrono.testing.scenarios.measure import Result, measured
from chrono.testing.scenarios.scenario import Scenario, Setting
from chrono.testing.scenarios.simulation import Course, play
from chrono.testing.scenarios.stage import Given, stage

BATCH = 8
"""Markets that a process plays before it is given others."""


@dataclass(frozen=True)
class Order:
    """What is to be played.

    Attributes
    ----------
    given : Given
        Whose pipeline.
    scenarios, settings : sequence
        The rows, each in all of these settings that it is made for.
    draws : int
        Readings of each at least; whole markets are played.
    seed, venues, jobs : int
    beside : bool
        Price the same draws by other rules, too.
    """

    given: Given
    scenarios: Sequence[Scenario]
    settings: Sequence[Setting]
    draws: int = 2_000
    seed: int = 1
    venues: int = 8
    beside: bool = False
    jobs: int = 1

    def rows(self) -> Sequence[tuple[Scenario, Setting]]:
        """Return each scenario with each of its settings."""
        return [(each, setting) for each in self.scenarios for setting in self.settings if setting in each.settings]

    def markets(self, scenario: Scenario) -> int:
        """Return how many markets give that many draws."""
        return math.ceil(self.draws / len(scenario.times.readings))


def run(order: Order) -> Iterator[Result]:
    """Yield each row's result in order, as soon as it is known.

    Raises
    ------
    ConfigError
        If the pipeline file is wrong, or cannot hold for the scenario's venues.
    """
    for scenario in order.scenarios:
        stage(order.given, scenario, order.venues)
    if order.jobs == 1:
        for scenario, setting in order.rows():
            yield _result(order, scenario, setting, _played(order, scenario, setting, 0, order.markets(scenario)))
        return
    # not forked: what runs beside the parent's threads must not be copied in the middle
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(order.jobs, context, _leave_interrupts)
    try:
        sent = [
            (scenario, setting, _sent(pool, replace(order, scenarios=()), scenario, setting))
            for scenario, setting in order.rows()
        ]
        for scenario, setting, parts in sent:
            yield _result(order, scenario, setting, [course for part in parts for course in part.result()])
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Let the parent alone be interrupted: it tells the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _sent(pool: ProcessPoolExecutor, order: Order, scenario: Scenario, setting: Setting) -> list[Future[list[Course]]]:
    end = order.markets(scenario)
    return [
        pool.submit(_played, order, scenario, setting, start, min(start + BATCH, end)) for start in range(0, end, BATCH)
    ]


def _played(order: Order, scenario: Scenario, setting: Setting, start: int, end: int) -> list[Course]:
    on = stage(order.given, scenario, order.venues)
    return [play(on, scenario, setting, order.seed, index, beside=order.beside) for index in range(start, end)]


def _result(order: Order, scenario: Scenario, setting: Setting, courses: Sequence[Course]) -> Result:
    return measured(scenario, setting, order.venues, courses, beside=order.beside)
