"""The only reader of the wall clock, and the arithmetic of rounds."""

from __future__ import annotations

import time
from typing import Protocol

import anyio

from chrono.core.types import SECOND, Round


class Clock(Protocol):
    """Unix time in nanoseconds, never going back."""

    def now(self) -> int:
        """Return the time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for a length of time."""
        ...

    async def sleep_until(self, instant: int) -> None:
        """Return once `now()` is past `instant`."""
        ...


class WallClock:
    """The machine's clock; a step back holds it still, so that what was received later never looks earlier."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last, time.time_ns())
        return self._last

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def sleep_until(self, instant: int) -> None:
        # others run although we are late
        await anyio.lowlevel.checkpoint()
        while (left := instant - self.now()) >= 0:  # noqa: ASYNC110 - nothing but time will pass
            await anyio.sleep(min(left / SECOND + 1e-6, 1.0))


class VirtualClock:
    """A clock that stands where it was put: replays and tests move it."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def set(self, instant: int) -> None:
        """Move forward to `instant`; an earlier one leaves the clock where it is."""
        self._now = max(self._now, instant)

    async def sleep(self, seconds: float) -> None:
        self._now += int(seconds * SECOND)
        await anyio.lowlevel.checkpoint()

    async def sleep_until(self, instant: int) -> None:
        self.set(instant + 1)
        await anyio.lowlevel.checkpoint()


class Schedule:
    """Rounds at whole multiples of `every` nanoseconds since the Unix epoch.

    Examples
    --------
    >>> Schedule(1_000).after(2_500)
    Round(id=3, as_of=3000, deadline=4000)
    """

    def __init__(self, every: int) -> None:
        self.every = int(every)

    def round(self, id: int) -> Round:
        """Return the round with this number."""
        return Round(id, id * self.every, (id + 1) * self.every)

    def after(self, instant: int) -> Round:
        """Return the first round at or after an instant."""
        return self.round(-(-instant // self.every))
