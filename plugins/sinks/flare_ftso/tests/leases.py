"""Leases beside a test: a clock by hand, a lease of plain data, and what is the same of all kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chrono import TransientError
from chrono_flare_ftso.lease import Fenced, Renewed, Terms


class Hours:
    """Seconds that pass when a test says so; whoever sleeps wakes when they have passed."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    def elapsed(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.now + seconds, waking))
        await waking

    async def go(self, seconds: float) -> None:
        """Let seconds pass at once, as for a process that was stopped."""
        self.now += seconds
        for at, waking in self._sleeping:
            if at <= self.now and not waking.done():
                waking.set_result(None)
        await settled()

    async def pass_by(self, seconds: float, step: float = 0.5) -> None:
        """Let seconds pass one after the other."""
        for _ in range(int(seconds / step)):
            await self.go(step)


async def settled() -> None:
    """Let all that is ready run."""
    for _ in range(30):
        await asyncio.sleep(0)


class Row:
    """Where leases are kept: one row, by a clock of its own, which may be far off."""

    def __init__(self, hours: Hours, ahead: float = 0.0) -> None:
        self.hours = hours
        self.ahead = ahead
        self.holder: object = None
        self.token = 0
        self.expires = float("-inf")
        self.away = False
        self.asked = 0

    @property
    def now(self) -> float:
        return self.hours.now + self.ahead


class RowLease(Renewed):
    """A lease by a row."""

    def __init__(self, row: Row, terms: Terms, **options: object) -> None:
        super().__init__("row", terms, sleep=row.hours.sleep, elapsed=row.hours.elapsed, **options)  # type: ignore[arg-type]
        self.row = row
        self.before: Callable[[], Awaitable[None]] | None = None

    async def _reach(self) -> None:
        self.row.asked += 1
        if self.row.away:
            raise TransientError("the row is away")

    async def _take(self) -> int | str:
        await self._reach()
        row = self.row
        if row.expires > row.now and row.holder is not self:
            return "held by another; standing by"
        row.holder, row.token, row.expires = self, row.token + 1, row.now + self.terms.ttl
        if self.before is not None:
            await self.before()
        return row.token

    async def _extend(self, token: int) -> None:
        await self._reach()
        if (self.row.holder, self.row.token) != (self, token):
            raise Fenced("there is a newer grant")
        self.row.expires = self.row.now + self.terms.ttl
        if self.before is not None:
            await self.before()

    async def _check(self, token: int) -> None:
        await self._reach()
        if (self.row.holder, self.row.token) != (self, token) or self.row.expires <= self.row.now:
            raise Fenced("it ended, or there is a newer grant")

    async def _give_back(self, token: int) -> None:
        await self._reach()
        if (self.row.holder, self.row.token) == (self, token):
            self.row.expires = float("-inf")
