"""Sinks that keep everything: each round goes to a spool on disk first, and from there to a database when it is there.

Rounds never wait for the database: it has a thread and an event loop of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import anyio.to_thread
from anyio.from_thread import start_blocking_portal
from pydantic import Field

from chrono.core.clock import WallClock
from chrono.core.component import Sink, State, Status
from chrono.core.errors import TransientError
from chrono.core.types import Market, Report, Tick
from chrono.core.units import Size
from chrono.store.batches import Batch
from chrono.store.draining import Drainer
from chrono.store.entries import Clerk
from chrono.store.intake import Intake
from chrono.store.spool import Spool

_START = 15.0
"""Seconds that a start waits for the database to say what it is."""

_END = 3.0
"""Seconds that an end waits for the database to have everything."""

_SOON = 1.0
"""Seconds after which statuses and ticks are brought to disk although no round was."""

_TICKS = 5_000
"""Ticks that are brought to disk at once, however soon."""


class StoreSink(Sink):
    """Keeps reports, statuses and, if asked, ticks, in a database; subclass it and implement `prepare` and `write`.

    These are called in an event loop of the sink's own, one at a time, and may block it. What they raise says what
    follows: after `TransientError` the same is tried again, and rounds wait in the spool; after `DataError` a batch is
    taken apart, and an entry that is refused by itself is set aside; a start fails for any other error, and later it is
    said and tried again.
    """

    class Config(Sink.Config):
        """Options of every sink that keeps everything."""

        spool: str | None = Field(default=None, min_length=1)
        """The folder in which rounds wait for the database; beside it when not given."""
        spool_limit: Size = Field(default=Size("1GB"), ge=1_000_000)
        """How much may wait there; what comes beyond it is lost, which is counted and said."""
        ticks: bool = False
        """Whether to keep every tick, too."""

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self._last = -1
        self._lost = 0
        self._troubles: dict[str, tuple[State, str, str]] = {}
        self._clerk: Clerk | None = None
        self._soon: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """The address of the database, as commands take it after `--store`."""

    @abstractmethod
    async def prepare(self) -> None:
        """Connect, and bring the tables to this version; called before the first batch, and again after a failure."""

    @abstractmethod
    async def write(self, batch: Batch) -> None:
        """Write a batch in one transaction; what of it is written already changes nothing."""

    async def release(self) -> None:
        """Close what `prepare` opened, if anything; called after a failure, and at the end."""

    def beside(self) -> Path:
        """Return the folder that spools lie in where none is named."""
        return Path(f"{self.context.name}.spool")

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._report, self.context = self.context.report, replace(self.context, report=self._reported)
        description = self.context.describe()
        clerk = Clerk(description, WallClock().now())
        named = self.config.spool
        folder = self.beside() / _file_name(description.pipeline) if named is None else Path(named)
        self._spool = Spool(folder, self.config.spool_limit, self._complain)
        self._intake = Intake(self._spool, clerk.opening)
        self._clerk = clerk
        self._drainer = Drainer(self, self._spool, self._intake, self._tell)
        self._portal = start_blocking_portal(name=self.context.name)
        self._draining = self._portal.__enter__().start_task_soon(self._drainer.run)
        try:
            await anyio.to_thread.run_sync(self._began)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._end)
            raise
        return self

    def _began(self) -> None:
        """Wait until the database said what it is, or that it is away, or for so long and no longer."""
        first = self._drainer.first
        with contextlib.suppress(TimeoutError, TransientError):
            first.result(_START)
        self._drainer.begun = True
        if first.done():
            # it may have been refused at the last moment
            with contextlib.suppress(TransientError):
                first.result()

    async def __aexit__(self, *exc: object) -> None:
        if self._clerk is None:
            return
        with anyio.CancelScope(shield=True):
            self._hand_over()
            left = await anyio.to_thread.run_sync(self._end)
        if left:
            self.context.status("degraded", "unwritten", left)

    @property
    def waiting(self) -> int:
        """Bytes on disk that the database does not have yet, and one for each entry that is not even on disk."""
        return 0 if self._clerk is None else self._spool.waiting + self._intake.waiting

    async def publish(self, report: Report) -> None:
        """Bring a report to disk, unless it is there already; the database has it later.

        Raises
        ------
        TransientError
            If neither the disk nor memory has room for it.
        """
        if report.round.as_of > self._last and self._clerk is not None:
            if self._intake.load >= 1:
                raise TransientError(f"{self._spool.folder}: expected room for a round, was none in memory either")
            entry = self._clerk.entry(report)
            if entry is not None:
                self._intake.add(entry)
            self._last = report.round.as_of
        if self._intake.waiting:
            await anyio.to_thread.run_sync(self._drainer.keep)
        self._drainer.wake()

    def told(self, status: Status) -> None:
        """Keep a status."""
        if self._clerk is not None and self._room():
            self._clerk.status(status)
            self._before_long()

    def listener(self) -> Callable[[Market, Tick, int], None] | None:
        """Return what keeps ticks, if they are to be kept."""
        return self._tick if self.config.ticks else None

    def _tick(self, market: Market, tick: Tick, received: int) -> None:
        clerk = self._clerk
        if clerk is None or not self._room():
            return
        clerk.tick(market, tick, received)
        if clerk.ticks >= _TICKS:
            self._hand_over()
        else:
            self._before_long()

    def _room(self) -> bool:
        """Say whether there is room for what is no round; half of it is for rounds alone."""
        if self._intake.load < 0.5:
            return True
        self._lost += 1
        self._before_long()
        return False

    def _before_long(self) -> None:
        if self._soon is None:
            self._soon = self._loop.call_later(_SOON, self._hand_over)

    def _hand_over(self) -> None:
        """Have what waits for the next round brought to disk without it."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        entry = None if self._clerk is None else self._clerk.entry()
        if entry is not None:
            self._intake.add(entry)
            self._drainer.wake()
        if self._lost:
            self.context.status("degraded", "lost", self._told_lost())

    def _told_lost(self) -> str:
        return f"{self._lost} statuses or ticks found no room and are lost"

    def _end(self) -> str:
        """Finish in time; say what is left."""
        self._drainer.keep()
        self._drainer.finish()
        try:
            self._draining.result(_END)
        except (TimeoutError, CancelledError):
            self._draining.cancel()
        self._portal.__exit__(None, None, None)
        left, lost = self._spool.waiting, self._intake.waiting
        self._clerk = None
        self._spool.close()
        told = []
        if left:
            told.append(f"{Size(left)} wait in {self._spool.folder} and are written when it runs again")
        if lost:
            told.append(f"{lost} entries could not be brought to disk and are lost")
        if self._lost:
            told.append(self._told_lost())
        return "; ".join(told)

    def _complain(self, problem: str) -> None:
        """Say what was damaged; from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.context.logger.warning, problem)

    def _tell(self, part: str, state: State, code: str, message: str) -> None:
        """Say how a part is doing; from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._heard, part, state, code, message)

    def _heard(self, part: str, state: State, code: str, message: str) -> None:
        if state == "live":
            if self._troubles.pop(part, None) and not self._troubles:
                self.context.status("live")
        else:
            self._troubles[part] = state, code, message
            self.context.status(state, code, message)

    def _reported(self, status: Status) -> None:
        """Pass on a status, but not that all is well while it is not."""
        if status.state != "live" or not self._troubles:
            self._report(status)


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) or "_"
