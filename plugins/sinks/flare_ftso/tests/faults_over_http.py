"""The market faults of `chrono scenario`, read over HTTP; beside them, what the example provider would have said.

A market is played to a real board as `chrono scenario run` plays it, and each reading is a request to the sink
`flare_feed_values`: the value that is judged is the one that a client was answered. Usable by tests and by benchmarks;
needs no pytest.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import anyio.from_thread
import httpx
import msgspec

from chrono.core.clock import VirtualClock
from chrono.core.component import Context
from chrono.core.types import Missing, Price
from chrono.testing.scenarios.catalogue import named
from chrono.testing.scenarios.measure import Result, measured
from chrono.testing.scenarios.rules import RULES
from chrono.testing.scenarios.scenario import Scenario, Setting
from chrono.testing.scenarios.simulation import Course, _Play
from chrono.testing.scenarios.stage import Given, Stage, stage
from chrono_flare_ftso.feed_values import FeedValues

FAULTS = ("A", "B", "C", "D", "E", "F", "G", "H", "I")
"""The nine whose names the issue has; G is a ramp and a step."""


def scenarios() -> list[Scenario]:
    """Return them, in order."""
    return [each for fault in FAULTS for each in named(fault)]


class Client:
    """A sink that serves, the pipeline behind it played by hand, and who asks it."""

    def __init__(self, sink: FeedValues, clock: VirtualClock) -> None:
        self._sink = sink
        self._clock = clock
        self._instants: Any = None
        self._client: httpx.AsyncClient

    async def __aenter__(self) -> Client:
        await self._sink.__aenter__()
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._sink.server.port}", verify=False)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()
        if self._instants is not None:
            await self._instants.aclose()
        await self._sink.__aexit__(*exc)

    async def ask(self, report: Any, feed: str) -> float | None:
        """Ask for a feed in the round of a report, as of its instant; return the value, None where it has none."""
        self._clock.set(report.round.as_of)
        if self._instants is None:
            self._instants = self._sink.trigger(self._clock)
        asked = {"feeds": [{"category": 1, "name": feed}]}
        response = asyncio.create_task(self._client.post(f"/feed-values/{report.round.id}", json=asked))
        as_of = await anext(self._instants)
        assert as_of == report.round.as_of
        await self._sink.publish(report)
        told = (await response).json()
        assert told["votingRoundId"] == report.round.id
        (row,) = told["data"]
        assert row["feed"] == asked["feeds"][0]
        value: float | None = row.get("value")
        return value


class _Asked(_Play):
    """A market whose readings are answers over HTTP."""

    def __init__(self, portal: Any, client: Client, *given: Any) -> None:
        super().__init__(*given, beside=True)
        self._portal = portal
        self._client = client

    def _read(self, report: Any, second: int, when: Any, board: Any, state: Any) -> None:
        feed = self.scenario.world.feed
        value = self._portal.call(self._client.ask, report, feed)
        results = tuple(_as_told(each, value) if each.feed.name == feed else each for each in report.results)
        super()._read(msgspec.structs.replace(report, results=results), second, when, board, state)


def _as_told(result: Price | Missing, value: float | None) -> Price | Missing:
    """Return a result with the value that was answered; what has none must not have been answered with one."""
    assert (value is None) == isinstance(result, Missing), f"expected a value exactly where there is one, was {value}"
    return result if value is None else msgspec.structs.replace(result, value=value)


@contextmanager
def _serving(on: Stage, folder: Path) -> Iterator[tuple[Any, Client]]:
    clock = VirtualClock()
    context = Context("flare_feed_values", clock, describe=on.pipeline.described)
    sink = FeedValues(FeedValues.Config(port=0, ledger=str(folder / "flare.db")), context)
    with anyio.from_thread.start_blocking_portal() as portal:
        client = portal.call(Client, sink, clock)
        with portal.wrap_async_context_manager(client):
            yield portal, client


class Outcome(NamedTuple):
    """What came over HTTP, and the median error in basis points of the example provider where it has a value."""

    result: Result
    example_bp: float
    example_share: float


def played(scenario: Scenario, setting: Setting, folder: Path, markets: int, seed: int = 1) -> Outcome:
    """Play a fault in so many markets and return what came over HTTP.

    Parameters
    ----------
    scenario : Scenario
    setting : {"static", "walking"}
    folder : Path
        For ledgers, one for each market.
    markets : int
        Forty readings or so each.
    seed : int
        Of the run; the same as of `chrono scenario run`, the same draws.
    """
    on, courses = stage(Given(), scenario, 8), list[Course]()
    for index in range(markets):
        home = folder / f"{scenario.name}-{setting}-{index}"
        home.mkdir(parents=True)
        with _serving(on, home) as (portal, client):
            courses.append(_Asked(portal, client, on, scenario, setting, seed, index).course())
    place = list(RULES).index("ftso_reference")
    theirs = [reading.beside[place] for course in courses for reading in course.readings]
    known = [error for error in theirs if not math.isnan(error)]
    result = measured(scenario, setting, 8, courses, beside=True)
    return Outcome(result, median(known) if known else math.nan, len(known) / len(theirs))


def line(outcome: Outcome) -> str:
    """Return an outcome as one line: errors in basis points, the example provider's last."""
    result = outcome.result

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    return (
        f"{result.scenario:<8} {result.setting:<8} {result.draws:>6} {number(result.yardstick_bp):>6}"
        f" {number(result.error_bp):>8} {number(result.ratio):>6} {result.no_value:>9.0%}"
        f" {outcome.example_bp:>10.2f} {1 - outcome.example_share:>9.0%}"
        f"  {'yes' if result.holds else 'NO: ' + result.why}"
    )


HEAD = (
    f"{'row':<8} {'setting':<8} {'draws':>6} {'Y bp':>6} {'error bp':>8} {'ratio':>6} {'no value':>9}"
    f" {'example bp':>10} {'no value':>9}  holds"
)
"""Above such lines."""
