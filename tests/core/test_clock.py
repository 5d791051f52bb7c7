"""The clock never goes back, and rounds are arithmetic on it."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono.core import clock as clock_module
from chrono.core.clock import Schedule, VirtualClock, WallClock


def test_step_back_of_the_machines_clock_holds_ours_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was received later never looks earlier."""
    times = iter([100, 50, 101])
    monkeypatch.setattr(clock_module.time, "time_ns", lambda: next(times))
    clock = WallClock()
    assert [clock.now(), clock.now(), clock.now()] == [100, 100, 101]


@pytest.mark.anyio
async def test_sleep_until_returns_after_the_instant() -> None:
    """Not at it."""
    clock = WallClock()
    instant = clock.now() + 5_000_000
    with anyio.fail_after(2):
        await clock.sleep_until(instant)
    assert clock.now() > instant


@pytest.mark.anyio
async def test_instant_that_has_passed_still_lets_others_run() -> None:
    """Rounds that take longer than they may would otherwise leave no time to receive, publish or stop."""
    clock = WallClock()
    ran = anyio.Event()

    async def other() -> None:
        ran.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(3):
            await clock.sleep_until(0)
        assert ran.is_set()


@pytest.mark.anyio
async def test_virtual_clock_stands_where_it_was_put() -> None:
    """It moves forward alone."""
    clock = VirtualClock(10)
    clock.set(5)
    assert clock.now() == 10
    await clock.sleep_until(20)
    assert clock.now() == 21


@given(st.integers(1, 10**12), st.integers(0, 2 * 10**18))
def test_next_round_is_the_first_at_or_after(every: int, instant: int) -> None:
    """`id = as_of // every`, and the deadline is the next round's instant."""
    found = Schedule(every).after(instant)
    assert found.as_of - every < instant <= found.as_of
    assert (found.id, found.deadline) == (found.as_of // every, found.as_of + every)
