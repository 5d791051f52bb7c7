"""A pipeline tried out: what each market did, what each feed would cost, and nobody told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from chrono.core.clock import VirtualClock
from chrono.core.component import Emit, Sink, Source
from chrono.core.errors import PermanentError
from chrono.core.rehearsal import Findings, Heard, MarketFinding, Rehearsal
from chrono.core.rehearsal_text import lines, problems, rows
from chrono.core.types import SECOND, Market, Report, Trade
from chrono.core.units import Duration
from tests.core.conftest import Make

pytestmark = pytest.mark.anyio

START = 1_795_342_500 * SECOND
TEXT = "feeds: {BTC/USD: {decimals: 2}}\nquotes: [USD]\nconsensus: {median: {min_venues: 2}}\n"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


class Venue(Source):
    """Prints every so often, at a price, with times so much in the past."""

    type = "venue"

    class Config(Source.Config):
        """What it is like."""

        price: float = 100.0
        after: float = 0.0
        gap: float = 0.2
        lag: float = 0.05
        most: int = 10**9

    config: Any

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        self.context.status("live")
        began = self.context.clock.now()
        for number in range(self.config.most):
            due = began + int((self.config.after + number * self.config.gap) * SECOND)
            while self.context.clock.now() < due:
                await self.context.clock.sleep(0.01)
            for market in markets:
                emit(Trade(market.symbol, self.config.price, 1.0, "", "", due - int(self.config.lag * SECOND)))
        await anyio.sleep_forever()


class Fussy(Source):
    """Says of its market that the venue refuses it, or of itself that it waits or has failed."""

    type = "fussy"

    class Config(Source.Config):
        """What it says."""

        says: str = "rejected"

    config: Any

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        if self.config.says == "rejected":
            self.context.status("live")
            self.context.status("degraded", "rejected", "the venue refuses X: leave it out", market=markets[0])
        elif self.config.says == "waiting":
            self.context.status("waiting", "hung_up", "the venue hung up: trying again")
        elif self.config.says == "failed":
            raise PermanentError("no key; set one")
        await anyio.sleep_forever()


class Untouched(Sink):
    """Must not be started, far less be given anything."""

    type = "untouched"

    async def __aenter__(self) -> Any:
        raise AssertionError("a sink was started")

    async def publish(self, report: Report) -> None:
        raise AssertionError("a report was published")


async def rehearsed(make: Make, sources: str, lasts: str = "30s", text: str = TEXT) -> tuple[Findings, float]:
    """Return what was found, and the seconds it took."""
    pipeline = make(f"{text}sources: {sources}\nsinks: {{untouched: {{}}}}\n", source=[Venue, Fussy], sink=[Untouched])
    clock = VirtualClock(START)
    found = await Rehearsal(pipeline, Duration(lasts), clock).run()
    return found, (clock.now() - START) / SECOND


def of(found: Findings, source: str) -> MarketFinding:
    return next(each for each in found.markets if each.market.source == source)


async def test_what_is_well_ends_at_once(make: Make) -> None:
    """When every market ticked five times and every feed has a price."""
    found, took = await rehearsed(make, "{one: {type: venue}, two: {type: venue, price: 100.01}}")
    assert took < 5
    assert not found.missing
    assert [(each.code, each.problem) for each in found.markets] == [("", "")] * 2
    one = of(found, "one")
    assert one.ticks >= 5
    assert one.distance == pytest.approx(100 / 100.01 - 1)


def test_rhythm_and_lag_are_medians() -> None:
    """Of ticks that came one by one; a venue that states no time has no lag."""
    heard = Heard()
    for received in (0, 10, 10, 20, 31, 100):
        heard.note(None if received == 100 else received - received // 10, START + received)
    assert (heard.first, heard.last, heard.ticks) == (START, START + 100, 6)
    assert heard.gap == 10
    assert Heard().gap is Heard().lag is None


async def test_market_without_a_tick_is_waited_for_to_the_end(make: Make) -> None:
    """And named, with what to do; the feed has its price from the others."""
    found, took = await rehearsed(make, "{one: {type: venue}, two: {type: venue}, dead: {type: venue, most: 0}}")
    assert took >= 30
    assert not found.missing
    dead = of(found, "dead")
    assert (dead.ticks, dead.first, dead.age, dead.gap, dead.lag, dead.distance) == (0, *[None] * 5)
    assert dead.code == "no_data"
    assert dead.problem.endswith("; check that the venue lists and trades it, wait longer, or leave the market out")


@pytest.mark.parametrize("says", ["rejected", "failed"])
async def test_market_that_is_refused_is_not_waited_for(make: Make, says: str) -> None:
    """There is nothing to come; it is told all the same."""
    sources = f"{{one: {{type: venue}}, two: {{type: venue}}, not: {{type: fussy, says: {says}}}}}"
    found, took = await rehearsed(make, sources)
    assert took < 5
    assert of(found, "not").code in {"rejected", "permanent"}


async def test_first_tick_and_age_are_told(make: Make) -> None:
    """From the start, and to the end."""
    found, _ = await rehearsed(make, "{one: {type: venue}, late: {type: venue, after: 2, gap: 1, most: 4}}", "10s")
    late = of(found, "late")
    assert late.first is not None
    assert late.age is not None
    assert 2 <= late.first / SECOND < 2.8
    assert 4.2 <= late.age / SECOND < 5.2
    assert late.ticks == 4


@pytest.mark.parametrize(
    ("says", "code", "problem"),
    [
        ("rejected", "rejected", "the venue refuses X: leave it out"),
        ("waiting", "hung_up", "the venue hung up: trying again"),
        ("failed", "permanent", "no key; set one; it stays off until the pipeline is started again"),
        ("nothing", "starting", "it is not connected yet: wait longer, or see the messages above"),
    ],
)
async def test_what_a_source_says_is_told_of_its_markets(make: Make, says: str, code: str, problem: str) -> None:
    """Before what follows from it."""
    found, _ = await rehearsed(make, f"{{one: {{type: venue}}, two: {{type: fussy, says: {says}}}}}", "2s")
    assert (of(found, "two").code, of(found, "two").problem) == (code, problem)
    assert [missing.feed.name for missing in found.missing] == ["BTC/USD"]


async def test_venue_that_is_far_off_shows_how_far(make: Make) -> None:
    """By the others that were not left out, though it is left out itself."""
    venues = [100.0, 100.02, 99.98, 150.0]
    sources = ", ".join(f"v{number}: {{type: venue, price: {price}}}" for number, price in enumerate(venues))
    found, _ = await rehearsed(make, f"{{{sources}}}")
    assert [round((each.distance or 0) * 10_000) for each in found.markets] == [0, 3, -3, 5000]
    assert (of(found, "v3").code, of(found, "v0").code) == ("deviation", "")
    assert of(found, "v3").problem.startswith("49.99% from the other venues")


async def test_other_ticks_than_are_read_are_told(make: Make) -> None:
    """It is the aggregator that is wrong, not the venue."""
    text = TEXT + "aggregator: mid\n"
    found, _ = await rehearsed(make, "{one: {type: venue}, two: {type: venue}}", "3s", text)
    assert of(found, "one").ticks > 5
    assert of(found, "one").problem.endswith(
        "; the venue sends something else: choose another aggregator, or leave the market out"
    )


async def test_nothing_is_read_or_written(make: Make, tmp_path: Path) -> None:
    """No state, no recording of any kind."""
    text = TEXT + f"state: {tmp_path}/state.json\nflight_recorder: {{folder: {tmp_path}/flight}}\n"
    await rehearsed(make, "{one: {type: venue}, two: {type: venue}}", "30s", text)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_it_can_be_stopped(make: Make) -> None:
    """What was found by then is told."""
    pipeline = make(TEXT + "sources: {one: {type: venue, most: 1}, two: {type: venue, most: 1}}\n", source=[Venue])
    rehearsal = Rehearsal(replace(pipeline, sinks={}), Duration("1h"))
    found: list[Findings] = []

    async def run() -> None:
        found.append(await rehearsal.run())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await anyio.wait_all_tasks_blocked()
            rehearsal.stop.set()
    assert [each.ticks for each in found[0].markets] == [1, 1]


async def test_findings_are_rows_and_lines(make: Make) -> None:
    """A row for each market and each feed, rates too, with the same keys each time."""
    text = "feeds: {BTC/USD: {decimals: 2}}\nquotes: [USD, USDT]\nconsensus: {median: {min_venues: 2}}\n"
    found, _ = await rehearsed(make, "{one: {type: venue}, two: {type: fussy}}", "2s", text)
    told = [*rows(found)]
    assert [row["kind"] for row in told] == ["market"] * 6 + ["feed"] * 2
    assert len({tuple(row) for row in told}) == 2
    assert (told[0]["market"], told[0]["symbol"], told[0]["code"]) == ("one:BTC/USD", "BTC/USD", "")
    (feed, rate) = told[-2:]
    assert (feed["feed"], feed["value"], feed["published"]) == ("BTC/USD", None, True)
    assert feed["why"].startswith("independent venues left: 1, needed: 2")
    assert (rate["feed"], rate["published"]) == ("USDT/USD", False)
    table = [*lines(found)]
    assert " ".join(table[0].split()) == "source pair symbol first ticks age gap lag distance problem"
    assert len(table) == 1 + 6 + 1 + 2
    assert problems(found) == ["pipeline: expected a price of BTC/USD, there is none: " + feed["why"]]
