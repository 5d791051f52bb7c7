"""A clock that turns by itself: whoever waits for a second has it as soon as nobody does anything before it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count

_TURNS = 30
"""Turns of the event loop after which all that can be done now is done; what is awaited is in its own thread."""


class Turning:
    """Seconds that pass when all wait; `moved` is told of each that has.

    Examples
    --------
    >>> clock = Turning(100.0)
    >>> asyncio.run(clock.run(clock.sleep(50)))
    >>> clock.now()
    150.0
    """

    def __init__(self, now: float, moved: Callable[[float], object] = lambda _: None) -> None:
        self._now = now
        self._moved = moved
        self._busy = 0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = count()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._now + seconds, next(self._count), woken))
        await woken

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let no time pass meanwhile."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    async def run(self, work: Awaitable[object], until: Callable[[], bool] = lambda: False) -> None:
        """Turn until some work is done, or something is true."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done() and not until():
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if self._busy:
                    await asyncio.sleep(0.0005)
                    continue
                while self._waiting and self._waiting[0][2].done():
                    heapq.heappop(self._waiting)
                if self._waiting and not task.done():
                    second, _, woken = heapq.heappop(self._waiting)
                    self._now = max(self._now, second)
                    self._moved(self._now)
                    woken.set_result(None)
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
