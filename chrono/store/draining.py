"""From a spool into a database, in a thread and an event loop of its own: again and again while it is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeAlias

import anyio

from chrono.core.component import State
from chrono.core.errors import ChronoError, DataError, TransientError
from chrono.store.batches import Batch
from chrono.store.intake import Intake
from chrono.store.spool import Spool, SpoolFull

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 30.0

Tell: TypeAlias = Callable[[str, State, str, str], None]
"""Says of a part, the database or the spool, in which state it is, with a code and a message."""


class Target(Protocol):
    """Where batches go."""

    async def prepare(self) -> None:
        """Connect."""

    async def write(self, batch: Batch) -> None:
        """Write a batch in one transaction."""

    async def release(self) -> None:
        """Close what is open."""


class Drainer:
    """Writes what waits until it is told to finish.

    Parameters
    ----------
    target : Target
    spool : Spool
    intake : Intake
        What waits for the spool.
    tell : callable
        Told what changed, from the drainer's own thread.

    Attributes
    ----------
    first : Future
        Done when the target was prepared for the first time, or refused to be.
    begun : bool
        Whether rounds are taken; before, a refusal that no waiting mends is the end.
    """

    def __init__(self, target: Target, spool: Spool, intake: Intake, tell: Tell) -> None:
        self.first: Future[None] = Future()
        self.begun = False
        self._target = target
        self._spool = spool
        self._intake = intake
        self._tell = tell
        self._said: dict[str, tuple[State, str]] = {}
        self._prepared = False
        self._finishing = False
        self._strikes = 0
        self._bell = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Write until told to finish, and everything is written or the target is away."""
        self._loop = asyncio.get_running_loop()
        wait = _FIRST_WAIT
        try:
            while True:
                last = self._finishing
                well = await self._try()
                if last or not self._wanted():
                    return
                if well:
                    wait = _FIRST_WAIT
                    await self._bell.wait()
                else:
                    await self._pause(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
        finally:
            with anyio.CancelScope(shield=True):
                await self._release()

    def wake(self) -> None:
        """Say that there is something to write; from any thread."""
        if self._loop is not None:
            # the loop may have ended
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._bell.set)

    def finish(self) -> None:
        """Say that nothing more will come; from any thread."""
        self._finishing = True
        self.wake()

    def keep(self) -> None:
        """Bring to disk what waits to be; from any thread."""
        try:
            kept = self._intake.flush()
        except SpoolFull as error:
            self._say("spool", "degraded", "spool_full", f"{error}; {self._unkept()}")
        except OSError as error:
            refused = f"{self._spool.folder}: expected to bring rounds to disk, was refused: {error.strerror or error}"
            self._say("spool", "degraded", "spool_refused", f"{refused}; make room for it; {self._unkept()}")
        else:
            if kept:
                self._say("spool", "live")

    def _wanted(self) -> bool:
        """Say whether a target that refused to be prepared is tried again."""
        refusal = self.first.exception() if self.first.done() else None
        return self.begun or refusal is None or isinstance(refusal, TransientError)

    async def _pause(self, seconds: float) -> None:
        """Wait, and bring to disk what comes meanwhile."""
        with anyio.move_on_after(seconds):
            while not self._finishing:
                await self._bell.wait()
                self._bell.clear()
                self.keep()

    async def _try(self) -> bool:
        """Write what there is; say whether that worked."""
        self._bell.clear()
        self.keep()
        try:
            if not self._prepared:
                await self._target.prepare()
                self._prepared = True
                self._settle(None)
            await self._drain()
        except TransientError as error:
            # one that was reached and then took too long is given less at once
            self._strikes += self._prepared
            await self._failed(error, "waiting", "database_away", str(error))
        except ChronoError as error:
            await self._failed(error, "failed", "database_refused", str(error))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises besides, what waits goes on waiting
            told = f"{type(error).__name__}: {error}; this is a bug, tell its author"
            await self._failed(error, "failed", "component_failed", " ".join(told.split()))
        else:
            self._strikes = 0
            self._say("database", "live")
            return True
        return False

    async def _drain(self) -> None:
        """Write what is on disk, then what the disk did not take."""
        batch: Batch | None
        while True:
            for batch in self._spool.batches():
                await self._write(batch, self._strikes)
            batch = self._intake.batch()
            if batch is None:
                return
            await self._write(batch, self._strikes)
            self._intake.written(batch.position)

    async def _write(self, batch: Batch, strikes: int = 0) -> None:
        """Write a batch, halved as often as that failed before; where the database refuses it, write its halves."""
        if strikes and len(batch.entries) > 1:
            for half in batch.halves():
                await self._write(half, strikes - 1)
            return
        try:
            await self._target.write(batch)
        except DataError as error:
            if len(batch.entries) == 1:
                self._spool.set_aside(batch, str(error))
                return
            for half in batch.halves():
                await self._write(half)

    async def _failed(self, error: Exception, state: State, code: str, told: str) -> None:
        self._prepared = False
        await self._release()
        self._settle(error)
        if self._wanted():
            self._say("database", state, code, f"{told}; rounds wait in {self._spool.folder} until it takes them")

    async def _release(self) -> None:
        with contextlib.suppress(Exception):
            await self._target.release()

    def _settle(self, error: Exception | None) -> None:
        if not self.first.done():
            if error is None:
                self.first.set_result(None)
            else:
                self.first.set_exception(error)

    def _say(self, part: str, state: State, code: str = "", message: str = "") -> None:
        if self._said.get(part, ("live", "")) != (state, code):
            self._said[part] = state, code
            self._tell(part, state, code, message)

    def _unkept(self) -> str:
        return f"{self._intake.waiting} entries wait in memory, and are lost if the program ends before there is room"
