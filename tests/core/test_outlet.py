"""Between rounds and sinks."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
import structlog
from structlog.testing import capture_logs

from chrono.core.clock import VirtualClock
from chrono.core.component import Context, Sink
from chrono.core.errors import PermanentError, RateLimited, TransientError
from chrono.core.outlet import Outlet, delivering
from chrono.core.registry import Registry
from chrono.core.statuses import Statuses
from chrono.core.types import SECOND, Report, Round

pytestmark = pytest.mark.anyio


def report(number: int) -> Report:
    return Report(Round(number, number * SECOND, (number + 1) * SECOND), ())


class Scripted(Sink):
    """Does with each report what its script says."""

    type = "scripted"
    buffer = 3

    def __init__(self, statuses: Statuses, clock: VirtualClock, script: dict[int, list[Exception]]) -> None:
        super().__init__(context=Context("out", clock, statuses))
        self.script = script
        self.published: list[int] = []

    async def publish(self, report: Report) -> None:
        problems = self.script.get(report.round.id, [])
        if problems:
            raise problems.pop(0)
        self.published.append(report.round.id)


def scene(script: dict[int, list[Exception]] | None = None) -> tuple[Scripted, VirtualClock, Statuses]:
    clock = VirtualClock()
    statuses = Statuses(Registry(found=()), structlog.get_logger())
    return Scripted(statuses, clock, script or {}), clock, statuses


async def deliver(sink: Scripted, clock: VirtualClock, statuses: Statuses, *numbers: int, **more: Any) -> Outlet:
    async with delivering([sink], clock, statuses, grace=1.0, **more) as (outlet,):
        for number in numbers:
            outlet.offer(report(number))
    return outlet


async def test_full_queue_loses_its_oldest_and_says_so() -> None:
    """A sink that is behind gets the newest, in order; the loss is counted and a status."""
    sink, clock, statuses = scene()
    outlet = await deliver(sink, clock, statuses, *range(10))
    assert sink.published == [7, 8, 9]
    assert outlet.dropped == 7


async def test_queued_reports_are_delivered_before_the_end() -> None:
    """Closing does not lose what is queued."""
    sink, clock, statuses = scene()
    await deliver(sink, clock, statuses, 1, 2)
    assert sink.published == [1, 2]


async def test_transient_error_is_tried_again_until_the_deadline() -> None:
    """Two refusals within the deadline cost nothing; refusals past it cost that report."""
    sink, clock, statuses = scene({1: [TransientError("busy")] * 2, 2: [TransientError("busy")] * 99})
    outlet = await deliver(sink, clock, statuses, 1, 2, 3)
    assert sink.published == [1, 3]
    assert outlet.dropped == 1


async def test_pause_that_is_asked_for_is_kept() -> None:
    """A sink that is not to be called again before the deadline loses that report at once, and is not called."""
    refusals: list[Exception] = [RateLimited("slow down", 5.0), RateLimited("slow down", 5.0)]
    sink, clock, statuses = scene({1: refusals})
    outlet = await deliver(sink, clock, statuses, 1, 9)
    assert (sink.published, outlet.dropped, len(refusals)) == ([9], 1, 1)
    sink, clock, statuses = scene({9: [RateLimited("slow down", 5.0)]})
    await deliver(sink, clock, statuses, 9)
    assert (sink.published, clock.now()) == ([9], 5 * SECOND)


async def test_sink_that_is_always_behind_is_told_of_once() -> None:
    """It is live again when it has caught up, not after each report."""
    sink, clock, statuses = scene()
    with capture_logs() as logs:
        async with delivering([sink], clock, statuses, grace=1.0) as (outlet,):
            for number in range(10):
                for more in range(3):
                    outlet.offer(report(3 * number + more))
                await anyio.wait_all_tasks_blocked() if number == 9 else await anyio.lowlevel.checkpoint()
    assert outlet.dropped > 10
    assert [log["state"] for log in logs] == ["degraded", "live"]


async def test_sink_that_wants_no_queue_has_one_of_one() -> None:
    """A buffer of 0 means the newest report alone; it must not stop the rounds."""

    class Unbuffered(Scripted):
        buffer = 0

    _, clock, statuses = scene()
    sink = Unbuffered(statuses, clock, {})
    await deliver(sink, clock, statuses, 1, 2)
    assert sink.published == [2]


async def test_replay_is_patient() -> None:
    """Deadlines that are history do not drop a report."""
    sink, clock, statuses = scene({1: [TransientError("busy")] * 5})
    clock.set(100 * SECOND)
    await deliver(sink, clock, statuses, 1, patient=True)
    assert sink.published == [1]


async def test_permanent_error_ends_that_sink_alone() -> None:
    """Its status says why; offers go nowhere and nobody waits."""
    sink, clock, statuses = scene({1: [PermanentError("no table prices; run the migration")]})
    other, _, _ = scene()
    async with delivering([sink, other], clock, statuses, grace=1.0) as outlets:
        for number in (1, 2):
            for outlet in outlets:
                outlet.offer(report(number))
            await anyio.wait_all_tasks_blocked()
    assert (sink.published, other.published) == ([], [1, 2])
    assert "no table prices" in statuses.latest["out", ""].message


async def test_unexpected_exception_quarantines_with_one_traceback() -> None:
    """A stranger's bug is told once, with what to do."""
    sink, clock, statuses = scene({1: [RuntimeError("oops")]})
    with capture_logs() as logs:
        await deliver(sink, clock, statuses, 1, 2)
    assert statuses.latest["out", ""].state == "failed"
    assert [log["log_level"] for log in logs if "traceback" in log] == ["error"]


async def test_grace_bounds_a_sink_that_never_returns() -> None:
    """A sink that hangs is left behind after the grace; what it did not publish is counted and said."""

    class Hanging(Scripted):
        async def publish(self, report: Report) -> None:
            await anyio.sleep_forever()

    _, clock, statuses = scene()
    with anyio.fail_after(5):
        async with delivering([Hanging(statuses, clock, {})], clock, statuses, grace=0.05) as (outlet,):
            outlet.offer(report(1))
            outlet.offer(report(2))
    assert outlet.dropped == 2
    assert statuses.latest["out", ""].code == "unpublished"
