"""Between rounds and sinks: one bounded queue each, so that a round never waits for anybody."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence

import anyio

from chrono.core.clock import Clock
from chrono.core.component import Sink
from chrono.core.errors import PermanentError, RateLimited, ReaderLeft, TransientError
from chrono.core.missing import Policy
from chrono.core.prose import sentence
from chrono.core.statuses import Statuses
from chrono.core.transport.outage import pause
from chrono.core.types import SECOND, Missing, Report

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
_PATIENCE = 60 * SECOND


class Outlet:
    """Delivers reports to one sink in order, each as the sink's option `on_missing` has it.

    Attributes
    ----------
    dropped : int
        Reports that were pushed out by newer ones, or given up at their deadline.
    by_round : bool
        Whether it is given every round; False for a sink with a rhythm of its own.
    error : Exception or None
        Why the sink gets no more reports.
    """

    def __init__(self, sink: Sink, clock: Clock, statuses: Statuses, *, patient: bool = False) -> None:
        self.sink = sink
        self.dropped = 0
        self.by_round = True
        self.error: Exception | None = None
        self._patient = patient
        self._publishing = 0
        self._clock = clock
        self._statuses = statuses
        self._policy = Policy.of(sink.config)
        self._withheld = False
        # None stands between the reports of two runs
        self._send, self._receive = anyio.create_memory_object_stream[Report | None](max(sink.buffer, 1))

    def offer(self, report: Report) -> None:
        """Queue a report; a full queue loses its oldest, which is counted and said."""
        while True:
            try:
                self._send.send_nowait(report)
            except anyio.WouldBlock:
                self._receive.receive_nowait()
                self._lost("behind", f"it is {self.sink.buffer} reports behind; make it faster or raise `every`")
            except anyio.BrokenResourceError:
                self.dropped += 1
                return
            else:
                return

    async def wait_and_offer(self, report: Report) -> None:
        """Queue a report once there is room: for a virtual clock, where nothing may be lost."""
        try:
            await self._send.send(report)
        except anyio.BrokenResourceError:
            self.dropped += 1

    async def restart(self) -> None:
        """Begin another run after what is queued: nothing is held over from the one before."""
        with contextlib.suppress(anyio.BrokenResourceError):
            await self._send.send(None)

    def close(self) -> None:
        """Queue no more; what is queued is still delivered."""
        self._send.close()

    async def run(self) -> None:
        """Deliver until the queue is closed and empty, or the sink fails for good."""
        with self._receive:
            try:
                async for report in self._receive:
                    ready = self._ready(report)
                    if ready is not None:
                        self._publishing = 1
                        await self._publish(ready)
                        self._publishing = 0
            except ReaderLeft as error:
                self.error = error
                self.sink.context.status("stopped", "reader_left", str(error))
            except PermanentError as error:
                self.error = error
                self.sink.context.status("failed", "permanent", f"{error}; it gets no more reports")
            except Exception as error:  # noqa: BLE001 - a stranger's bug must not stop the rounds
                self.error = error
                self._statuses.failure(self.sink, error, "it gets no more reports")

    def _ready(self, report: Report | None) -> Report | None:
        """Return what the sink is to have of a report; None where that is nothing."""
        if self._policy is None:
            return report
        if report is None:
            self._policy.forget()
            return None
        lacking = self._policy.lacking(report)
        if lacking:
            self._withheld = True
            self.sink.context.status("degraded", "withheld", _withheld(lacking))
            return None
        return self._policy.apply(report)

    async def _publish(self, report: Report) -> None:
        """Publish one report, again and again until its deadline; a replay, whose deadlines are history, is patient."""
        wait = _FIRST_WAIT
        deadline = self._clock.now() + _PATIENCE if self._patient else report.round.deadline
        while True:
            try:
                await self.sink.publish(report)
            except TransientError as error:
                asked = pause(error.retry_after) if isinstance(error, RateLimited) else 0.0
                if self._clock.now() + int(max(wait, asked) * SECOND) > deadline:
                    self._lost("late", f"{error}; round {report.round.id} was given up at its deadline")
                    await self._clock.sleep(asked)
                    return
                self.sink.context.status("waiting", "transient", f"{error}; tried again")
                await self._clock.sleep(max(wait, asked))
                wait = min(2 * wait, _LONGEST_WAIT)
            else:
                # one that is always behind is not live again after each report
                if self._withheld or not self._receive.statistics().current_buffer_used:
                    self._withheld = False
                    self.sink.context.status("live")
                return

    def _lost(self, code: str, message: str, count: int = 1) -> None:
        self.dropped += count
        self.sink.context.status("degraded", code, message)

    def settle(self) -> None:
        """Count and say what was still to be published when time was up."""
        left = self._send.statistics().current_buffer_used + self._publishing
        if left and self.error is None:
            self._lost("unpublished", f"{left} reports were still to be published at the end and are lost", left)


def _withheld(lacking: Sequence[Missing]) -> str:
    """Say for want of which feeds a report is not handed over, and what to do."""
    first, *others = (missing.feed.name for missing in lacking)
    nor = f" (nor has {', '.join(others)})" if others else ""
    told = f"{first} has no value{nor}: {sentence(lacking[0].reason)}"
    way = f"see to its sources, or write {{{first}: skip}} or {{{first}: {{last: {{max_age: 30s}}}}}}"
    return f"{told}; nothing is handed over until it has one, as `on_missing: fail` says; {way}"


def bereft(outlets: Sequence[Outlet]) -> PermanentError | None:
    """Return why there is nobody left to publish to; None while there is somebody, or was never anybody."""
    if not outlets or any(outlet.error is None for outlet in outlets):
        return None
    left = next((outlet.error for outlet in outlets if isinstance(outlet.error, ReaderLeft)), None)
    return left or PermanentError("no sink is left to publish to; the messages above say why")


@contextlib.asynccontextmanager
async def delivering(
    sinks: Iterable[Sink], clock: Clock, statuses: Statuses, *, grace: float, patient: bool = False
) -> AsyncIterator[Sequence[Outlet]]:
    """Deliver to sinks while the body runs; afterwards they have `grace` seconds to finish what is queued."""
    outlets = [Outlet(sink, clock, statuses, patient=patient) for sink in sinks]
    async with anyio.create_task_group() as tasks:
        for outlet in outlets:
            tasks.start_soon(outlet.run)
        try:
            yield outlets
        finally:
            tasks.cancel_scope.deadline = anyio.current_time() + grace
            for outlet in outlets:
                outlet.close()
    for outlet in outlets:
        outlet.settle()
