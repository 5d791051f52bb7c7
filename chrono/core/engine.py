"""Running a pipeline: tasks, rounds, queues, and the order in which they stop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import structlog

from chrono.core.board import Board, Inlet
from chrono.core.builtin import Push
from chrono.core.clock import Clock, WallClock
from chrono.core.component import Component, Context, Emit, Source, Status
from chrono.core.drops import Drops, totals
from chrono.core.errors import ConfigError, PermanentError, RateLimited, TransientError, first
from chrono.core.flight import Flight, flying
from chrono.core.listening import Listening
from chrono.core.listings import Listings
from chrono.core.outlet import Outlet, bereft, delivering
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Failure, PricingState
from chrono.core.reporting import encode
from chrono.core.rounds import Rounds
from chrono.core.skew import Skew
from chrono.core.statuses import Statuses
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.hours import Calendar
from chrono.core.transport.outage import pause
from chrono.core.types import SECOND, Report, Tick
from chrono.core.units import Duration
from chrono.core.writing import Keeper, Rotation, Writer, joined, noting

GRACE = 5.0
"""Seconds that sinks have to deliver what is queued when a pipeline stops."""

_RETRY = (1.0, 60.0)
_HEALTHY = 60 * SECOND
_STATE_EVERY = 60
_OFF = "it stays off until the pipeline is started again"


class Summary(msgspec.Struct, frozen=True):
    """What a run did: `refused` are ticks that the board did not take, `dropped` the reports that each sink missed."""

    rounds: int
    skipped: int
    priced: int
    ticks: int
    refused: int
    dropped: dict[str, int]


class Engine:
    """One run of one pipeline.

    Parameters
    ----------
    pipeline : Pipeline
    clock : Clock, optional
        The wall clock when not given.
    record : Path or None
        A folder to record raw frames into.
    rotation : Rotation or None
        When a recording goes on in another file.
    rounds : int or None
        Stop after this many.
    lasts : Duration or None
        Stop after this long.
    board : Board, optional
        One that somebody looks on, in place of the pipeline's own.
    logger : structlog logger, optional

    Attributes
    ----------
    unrecorded : bool
        Whether the recording ended before the run.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        clock: Clock | None = None,
        *,
        record: Path | None = None,
        rotation: Rotation | None = None,
        rounds: int | None = None,
        lasts: Duration | None = None,
        board: Board | None = None,
        logger: Any = None,
    ) -> None:
        self.pipeline = pipeline
        self.clock = clock or WallClock()
        self.logger = logger or structlog.get_logger()
        self.statuses = Statuses(pipeline.registry, self.logger)
        self.board = board or pipeline.board(self.clock)
        self.stop = anyio.Event()
        self.feeds_priced = 0
        self.unrecorded = False
        self._record = record
        self._rotation = rotation
        self._limit = rounds
        self._lasts = lasts
        self._bereft: PermanentError | None = None
        self._writer: Writer | None = None
        self._outlets: Sequence[Outlet] = ()
        self._drops = Drops()
        kept = pipeline.flight_recorder
        self._flight = None if kept is None else Flight(pipeline, kept, self.logger)
        self._skew = Skew()

    async def run(self) -> Summary:
        """Run until stopped, until the rounds asked for are priced, or until the core fails.

        Raises
        ------
        PermanentError
            If a component cannot start, or no sink is left to publish to.
        """
        started = self.clock.now()
        # before anything is recorded: a run that is refused leaves nothing to be replayed
        state = load_state(self.pipeline.state_path)
        writer = self._writer = self._writing(started)
        recorder = joined([each for each in (writer, self._flight) if each is not None])
        context = Context(self.pipeline.name, self.clock, self._report, recorder, self.logger)
        self.pipeline.hand_over(context)
        with contextlib.ExitStack() as files:
            if writer is not None:
                files.callback(writer.close)
            sinks = self.pipeline.sinks.values()
            async with opened((*sinks, *self.pipeline.sources.values()), self.statuses):
                Listening(sinks, self.statuses).to(self.board.inlets, self.pipeline.markets)
                # a sink may take seconds to open: the rounds of that time would have nothing to go by
                rounds = self._open_rounds(state, self.clock.now())
                if writer is not None:
                    writer.follow(rounds, self.pipeline.schedule.every)
                async with delivering(sinks, self.clock, self.statuses, grace=GRACE) as self._outlets:  # noqa: SIM117 - nested as they stop
                    async with flying(self._flight, rounds), self._feeding(recorder):
                        await self._price(rounds)
        self._save(rounds.state)
        if rounds.error is not None:
            raise rounds.error
        if self._bereft is not None:
            raise self._bereft
        return self._summary(rounds)

    def dump(self, why: str) -> None:
        """Have the flight recorder write down what it keeps."""
        if self._flight is not None:
            self._flight.dump(why, self.clock.now())
        else:
            self.logger.warning(f"{why}: expected a flight recorder, there is none; add `flight_recorder: {{}}`")

    def _report(self, status: Status) -> None:
        self.statuses(status)
        if self._flight is not None and status.state == "failed" and status.component in self.pipeline.sources:
            self._flight.alarm(f"{status.component} failed: {status.message}", self.clock.now())

    def _writing(self, started: int) -> Writer | None:
        return Writer(self._record, started, self._stop_recording, self._rotation) if self._record else None

    def _open_rounds(self, state: PricingState, started: int) -> Rounds:
        schedule = self.pipeline.schedule

        def deliver(report: Report, failures: Sequence[Failure]) -> None:
            if self._writer is not None:
                self._writer.note()
            self._deliver(report, failures)

        rounds = Rounds(self.pipeline.plans, self.board, schedule, state, deliver, schedule.after(started))
        if self._limit is not None:
            rounds.limit(self._limit)
        return rounds

    async def _price(self, rounds: Rounds) -> None:
        """Wait for each round by the clock; ticks may have priced it before."""
        async with anyio.create_task_group() as waiting:

            async def tick() -> None:
                saved = rounds.priced
                while not rounds.done:
                    await self.clock.sleep_until(rounds.next.as_of)
                    rounds.advance(self.clock.now())
                    if rounds.priced - saved >= _STATE_EVERY:
                        saved = rounds.priced
                        self._save(rounds.state)
                self.stop.set()

            async def expire(lasts: Duration) -> None:
                await self.clock.sleep(lasts.seconds)
                self.stop.set()

            waiting.start_soon(tick)
            for outlet in self._outlets:
                waiting.start_soon(self._answer, outlet, rounds)
            if self._lasts is not None:
                waiting.start_soon(expire, self._lasts)
            await self.stop.wait()
            waiting.cancel_scope.cancel()

    async def _answer(self, outlet: Outlet, rounds: Rounds) -> None:
        """Give a sink with a rhythm of its own a report of each of its instants."""

        def deliver(report: Report, failures: Sequence[Failure]) -> None:
            self._tell(failures)
            outlet.offer(report)

        try:
            instants = outlet.sink.trigger(self.clock)
            outlet.by_round = instants is None
            if instants is None:
                return
            async for as_of in instants:
                rounds.also(as_of, deliver)
                await self.clock.sleep_until(as_of)
                rounds.advance(self.clock.now())
        except Exception as error:  # noqa: BLE001 - a stranger's bug must not stop the rounds
            outlet.by_round = False
            self.statuses.failure(outlet.sink, error, "it asks for no more reports")

    def _tell(self, failures: Sequence[Failure]) -> None:
        for component, error in failures:
            self.statuses.failure(component, error, "what it should have said is left out")

    def _deliver(self, report: Report, failures: Sequence[Failure]) -> None:
        self._tell(failures)
        self.feeds_priced += len(report.prices)
        for outlet in self._outlets:
            if outlet.by_round:
                outlet.offer(report)
        self.statuses.priced(report)
        self._drops.tell(self.board.inlets, self.logger)
        self._skew.tell(self.board.inlets, self.statuses, self.clock.now())
        if self._writer is not None:
            self._writer.flush(self.clock.now())
        if self._flight is not None:
            self._flight.priced(report, self.clock.now())
        self._bereft = bereft(self._outlets)
        if self._bereft is not None:
            self.stop.set()

    def _stop_recording(self, problem: str) -> None:
        """Say that nothing more is recorded; a run that does nothing else ends."""
        self.unrecorded = True
        self.logger.warning(problem)
        if not self.pipeline.plans:
            self.stop.set()

    @contextlib.asynccontextmanager
    async def _feeding(self, keeper: Keeper | None) -> AsyncIterator[None]:
        """Run the sources that have a market; they are the first to stop."""
        async with anyio.create_task_group() as tasks:
            for name, inlet in self.board.inlets.items():
                source = self.pipeline.sources[name]
                tasks.start_soon(self._feed, source, inlet, keeper)
                tasks.start_soon(Listings(source, self.pipeline.markets[name], self.statuses.latest).run)
                tasks.start_soon(Calendar(source, self.pipeline.markets[name]).run)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()

    async def _feed(self, source: Source, inlet: Inlet, keeper: Keeper | None) -> None:
        """Run one source until it ends, fails for good, or breaks its contract."""
        name = source.context.name
        markets = self.pipeline.markets[name]
        if keeper is not None:
            inlet.on_tick = noting(keeper, name, markets)
        emit = inlet if source.connects else _stamping(inlet)
        backoff = Backoff(*_RETRY)
        while True:
            source.context.status("starting")
            began = self.clock.now()
            try:
                await source.run(markets, emit)
                if not isinstance(source, Push):
                    source.context.status("stopped", "ended", f"{name}: it says that it is done; {_OFF}")
                return
            except Exception as error:  # noqa: BLE001 - a stranger's bug must not stop the others
                if self.clock.now() - began > _HEALTHY:
                    backoff.reset()
                wait = self._again(source, first(error), backoff)
            if wait is None:
                return
            await self.clock.sleep(wait)

    def _again(self, source: Source, error: BaseException, backoff: Backoff) -> float | None:
        """Say why a source ended; return the seconds after which it is run again, None for never."""
        match error:
            case TransientError():
                asked = pause(error.retry_after) if isinstance(error, RateLimited) else 0.0
                wait = max(asked, backoff.next())
                source.context.status("waiting", "transient", f"{error}; tried again in {wait:.3g} s")
                return wait
            case PermanentError():
                source.context.status("failed", "permanent", f"{error}; {_OFF}")
            case _:
                self.statuses.failure(source, error, _OFF)
        return None

    def _save(self, state: PricingState) -> None:
        """Save what rounds remember; what cannot be saved costs that, never the run."""
        try:
            save_state(self.pipeline.state_path, state)
        except (OSError, TypeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            told = f"{self.pipeline.state_path}: expected to save what rounds remember, was refused: {reason}"
            self.logger.warning(f"{told}; the run goes on, and a restart begins from what was saved before")

    def _summary(self, rounds: Rounds) -> Summary:
        dropped = {outlet.sink.context.name: outlet.dropped for outlet in self._outlets if outlet.dropped}
        return Summary(rounds.priced, len(rounds.skipped), self.feeds_priced, *totals(self.board.inlets), dropped)


def _stamping(inlet: Inlet) -> Emit:
    """Return the way in for a source that brings its own connection: no tick is older, or newer, than its entry."""

    def emit(tick: Tick, received: int | None = None) -> None:  # noqa: ARG001 - what it says of its receipt is not used
        inlet(tick)

    return emit


@contextlib.asynccontextmanager
async def opened(components: Iterable[Component], statuses: Statuses) -> AsyncIterator[None]:
    """Open components in order and close them in reverse; what fails to close costs nothing else.

    Raises
    ------
    ConfigError
        If what the file says of one is wrong.
    PermanentError
        If one cannot be opened for another reason; it is named.
    """
    async with contextlib.AsyncExitStack() as stack:
        for component in components:
            try:
                await component.__aenter__()
            except OSError as error:
                told = error.strerror or str(error)
                raise PermanentError(
                    f"{component.context.name} could not start: {told}; see to it, or change its options"
                ) from error
            except ConfigError as error:
                name = component.context.name
                raise ConfigError(*(f"{name} could not start: {problem}" for problem in error.problems)) from error
            except (PermanentError, TransientError) as error:
                raise PermanentError(f"{component.context.name} could not start: {error}") from error
            except Exception as error:
                told = f"{type(error).__name__}: {error}; this is a bug in the plugin, tell its author"
                raise PermanentError(f"{component.context.name} could not start: {told}") from error
            stack.push_async_exit(partial(_close, component, statuses))
        yield


async def _close(component: Component, statuses: Statuses, *exc: Any) -> None:
    try:
        await component.__aexit__(*exc)
    except Exception as error:  # noqa: BLE001 - a stranger's bug must not cost the others their end
        statuses.failure(component, error, "what it held open may be lost")


def load_state(path: Path | None) -> PricingState:
    """Read what rounds remembered; a new state where there is none.

    Raises
    ------
    PermanentError
        If the file is damaged or of another version.
    """
    if path is None or not path.exists():
        return PricingState()
    try:
        return restore(msgspec.json.decode(path.read_bytes()))
    except (msgspec.MsgspecError, OSError, RecursionError, ValueError) as error:
        raise PermanentError(
            f"{path}: expected a saved state, was damaged: {error}; remove it to start anew"
        ) from error


def restore(saved: Any) -> PricingState:
    """Return a state from its JSON form.

    Raises
    ------
    ValueError
        If it is of another version.
    """
    state = msgspec.convert(saved, PricingState)
    if state.version != PricingState().version:
        raise ValueError(f"expected version {PricingState().version}, was {state.version}")
    return state


def save_state(path: Path | None, state: PricingState) -> None:
    """Write what rounds remember, all of it or nothing."""
    if path is not None:
        draft = path.with_name(path.name + ".draft")
        draft.write_bytes(encode(state))
        draft.replace(path)
