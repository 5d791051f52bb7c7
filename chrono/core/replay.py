"""The same pipeline on a virtual clock, fed from recordings: the same reports, bit for bit."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio.lowlevel
import msgspec
import structlog

from chrono.core.board import Inlet
from chrono.core.clock import Schedule, VirtualClock, WallClock
from chrono.core.component import Context
from chrono.core.drops import Drops, totals
from chrono.core.engine import Summary, opened, restore
from chrono.core.errors import ConfigError, FrameError
from chrono.core.listening import Listening
from chrono.core.outlet import Outlet, bereft, delivering
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Failure, PricingState, price
from chrono.core.recording import Complain, Damage, Record, Run, beside, files, read, runs
from chrono.core.rounds import Pricer, Rounds
from chrono.core.statuses import Statuses
from chrono.core.transport.codec import FrameSource, Session
from chrono.core.types import SECOND, Quote, Report, Ticker, Trade


class Feeder:
    """Puts recorded frames and ticks onto the board as the live run did.

    Attributes
    ----------
    damaged : int
        Frames and ticks that could not be read.
    """

    def __init__(self, pipeline: Pipeline, complain: Callable[[str], None]) -> None:
        self.damaged = 0
        self._sources = pipeline.sources
        self._inlets: Mapping[str, Inlet] = {}
        self._complain = complain
        self._symbols = {
            (source, str(market.pair)): market.symbol
            for source, markets in pipeline.markets.items()
            for market in markets
        }
        self._sessions: dict[tuple[str, int], Session] = {}
        self._strangers: set[str] = set()

    def begin(self, inlets: Mapping[str, Inlet]) -> None:
        """Start afresh with an empty board."""
        self._inlets = inlets
        self._sessions.clear()

    def feed(self, record: Record) -> None:
        """Take one record."""
        inlet = self._inlets.get(record.source)
        if inlet is None:
            self._stranger(record.source)
        elif record.kind == "tick":
            self._tick(record, inlet)
        elif record.holds_frame:
            self._frame(record, inlet)
        elif record.kind in {"open", "close"}:
            self._sessions.pop((record.source, record.conn), None)

    def _stranger(self, source: str) -> None:
        if source not in self._strangers:
            self._strangers.add(source)
            known = ", ".join(self._inlets)
            self._complain(
                f"the recording has frames of source {source!r}, the pipeline names {known}; they are skipped"
            )

    def _tick(self, record: Record, inlet: Inlet) -> None:
        symbol = None
        if record.tick is not None:
            symbol = self._symbols.get((record.source, record.tick.pair or ""), record.tick.symbol)
        try:
            if record.tick is None or symbol is None:
                raise ValueError("expected a tick with its pair")
            inlet(record.tick.tick(symbol), record.ts)
        except ValueError as error:
            self._spoilt(record, str(error))

    def _frame(self, record: Record, inlet: Inlet) -> None:
        source = self._sources[record.source]
        if not isinstance(source, FrameSource):
            self._spoilt(record, f"expected ticks of a source of type {source.type}, was a frame")
            return
        key = record.source, record.conn
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = source.reader(record.kind).session()
        try:
            items = source.reader(record.kind).read(record.frame, session)
        except FrameError as error:
            self._spoilt(record, str(error))
            return
        for item in items:
            if isinstance(item, Trade | Quote | Ticker):
                inlet(item, record.ts)

    def _spoilt(self, record: Record, reason: str) -> None:
        self.damaged += 1
        if self.damaged == 1:
            self._complain(f"{record.source} at {record.ts}: {reason}; skipped, and others like it are only counted")


_AT_ONCE = 16


class Replay:
    """One replay of recordings through a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
    paths : sequence of Path
        Recordings or directories of them.
    speed : float or None
        Times real time; as fast as it goes when None.
    pricer : callable, optional
        What prices a round: `price`, or one that looks on while it works.

    Attributes
    ----------
    frames, damaged : int
        Records taken, and those of them that could not be read.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        paths: Sequence[Path],
        *,
        speed: float | None = None,
        pricer: Pricer = price,
        logger: Any = None,
    ) -> None:
        self.pipeline = pipeline
        self.clock = VirtualClock()
        self.stop = anyio.Event()
        self.frames = 0
        self.damaged = 0
        self._paths = paths
        self._pace = _Pace(speed)
        self._pricer = pricer
        self._logger = logger or structlog.get_logger()
        self._statuses = Statuses(pipeline.registry, self._logger)
        self._feeder = Feeder(pipeline, self._logger.warning)
        self._damage = Damage(self._logger.warning)
        self._drops = Drops()
        self._reports: list[Report] = []
        self._error: Exception | None = None
        self._counts = Counter(rounds=0, skipped=0, priced=0, ticks=0, refused=0)

    async def run(self) -> Summary:
        """Replay everything, or until stopped.

        Raises
        ------
        ConfigError
            If no line of the recordings can be read.
        PermanentError
            If a sink cannot start, or none is left to publish to.
        """
        self.pipeline.hand_over(Context(self.pipeline.name, self.clock, self._statuses, None, self._logger))
        spans = _spans(self._paths, self.pipeline.schedule, self._logger.warning)
        sinks = self.pipeline.sinks.values()
        async with opened(sinks, self._statuses):
            listening = Listening(sinks, self._statuses)
            async with delivering(sinks, WallClock(), self._statuses, grace=math.inf, patient=True) as outlets:
                for span in spans:
                    await self._replay(span, outlets, listening)
        self.damaged = self._damage.count + self._feeder.damaged
        if self._error is not None:
            raise self._error
        if not self.frames and not self.stop.is_set():
            raise ConfigError(
                f"{', '.join(map(str, self._paths))}: expected a recording, held no line that could be read"
            )
        if (left := bereft(outlets)) is not None:
            raise left
        return Summary(**self._counts, dropped={})

    async def _replay(self, span: _Span, outlets: Sequence[Outlet], listening: Listening) -> None:
        """Replay one run, or all recordings where they do not say, on a board of its own."""
        schedule, board = self.pipeline.schedule, self.pipeline.board(self.clock)
        records = read(span.paths, self._damage)
        first = next(records, None)
        if first is None or self.stop.is_set():
            return
        start = schedule.after(first.ts) if span.first is None else schedule.round(span.first)
        rounds = Rounds(self.pipeline.plans, board, schedule, span.state, self._deliver, start, self._pricer)
        self._feeder.begin(board.inlets)
        listening.to(board.inlets, self.pipeline.markets)
        for outlet in outlets:
            await outlet.restart()
        for record in itertools.chain((first,), records):
            await self._take(record, rounds, span, outlets)
            if self.stop.is_set() or rounds.done:
                break
        else:
            if not span.killed:
                await self._price(rounds, span.until or rounds.next.as_of + 1, span, outlets)
        if rounds.error is not None:
            self._error = rounds.error
            self.stop.set()
        self._drops.tell(board.inlets, self._logger)
        ticks, refused = totals(board.inlets)
        self._counts.update(rounds=rounds.priced, skipped=len(span.skipped), ticks=ticks, refused=refused)

    async def _take(self, record: Record, rounds: Rounds, span: _Span, outlets: Sequence[Outlet]) -> None:
        """Price what ended before a record, then put it on the board."""
        self.clock.set(record.ts)
        record.ts = self.clock.now()
        if record.ts > rounds.next.as_of:
            await self._price(rounds, min(record.ts, span.until or record.ts), span, outlets)
        await self._pace.keep(record.ts, self.stop)
        self.frames += 1
        # the board would price all rounds up to here: those of a stopped replay, or that the run never reached
        if not self.stop.is_set() and (span.until is None or record.ts <= span.until):
            self._feeder.feed(record)

    async def _price(self, rounds: Rounds, until: int, span: _Span, outlets: Sequence[Outlet]) -> None:
        """Price the rounds up to an instant, a few at a time: a long gap must not fill memory or be deaf to signals."""
        while rounds.next.as_of < until and not rounds.done and not self.stop.is_set():
            rounds.replay(min(until, rounds.next.as_of + _AT_ONCE * self.pipeline.schedule.every), span.skipped)
            await self._flush(outlets)
            await anyio.lowlevel.checkpoint()

    def _deliver(self, report: Report, failures: Sequence[Failure]) -> None:
        for component, error in failures:
            self._statuses.failure(component, error, "what it should have said is left out")
        self._counts["priced"] += len(report.prices)
        self._reports.append(report)

    async def _flush(self, outlets: Sequence[Outlet]) -> None:
        for report in self._reports:
            for outlet in outlets:
                await outlet.wait_and_offer(report)
            self._statuses.priced(report)
        self._reports.clear()
        if bereft(outlets) is not None:
            self.stop.set()


class _Span:
    """Recordings that are replayed as one, and which rounds the run priced that they are of, if they say.

    Attributes
    ----------
    first : int or None
        The run's first round.
    until : int or None
        Nanoseconds before which its last round lies.
    skipped : set of int
        Rounds that it had no time for.
    killed : bool
        Whether it had no end: what it received after its last record is not known, nor what it priced of that.
    """

    def __init__(self, paths: Sequence[Path], run: Run | None, schedule: Schedule) -> None:
        self.paths = paths
        self.state = PricingState() if run is None else _state(run, beside(paths[0]))
        self.first = None if run is None else run.first
        self.until = None if run is None or run.last is None else schedule.round(run.last + 1).as_of
        self.skipped = set() if run is None else set(run.skipped)
        self.killed = run is not None and run.last is None


def _spans(paths: Sequence[Path], schedule: Schedule, complain: Complain) -> Sequence[_Span]:
    """Return what is replayed one after the other: each run from an empty board and what it remembered when it began.

    Runs at the same time are taken as one, which priced all rounds from the first to the last; recordings that do not
    say what was priced, or at another rhythm, as one at every round that they span.
    """
    recordings = files(paths)
    found = [(run, path) for run, path in zip(runs(recordings, complain), recordings, strict=True) if run is not None]
    if len(found) < len(recordings) or any(run.every != schedule.every for run, _ in found):
        return [_Span(paths, None, schedule)]
    known = _whole(sorted(found, key=lambda each: (each[0].first, each[0].started, each[0].part)))
    told = [run for run, _ in known]
    if all(before.last is None or before.last < after.first for before, after in itertools.pairwise(told)):
        return [_Span(parts, run, schedule) for run, parts in known]
    whole = msgspec.structs.replace(told[0], last=told[-1].last, skipped=[id for run in told for id in run.skipped])
    return [_Span(recordings, whole, schedule)]


def _whole(found: Iterable[tuple[Run, Path]]) -> Sequence[tuple[Run, list[Path]]]:
    """Put the files of a run together, as far as none between them is missing."""
    known: list[tuple[Run, list[Path]]] = []
    ends: dict[tuple[Path, int], int] = {}
    for run, path in found:
        at = ends.get((path.parent, run.started))
        if run.part and at is not None and known[at][0].part == run.part - 1:
            before, parts = known[at]
            joined = {"last": run.last, "skipped": [*before.skipped, *run.skipped], "part": run.part}
            known[at] = msgspec.structs.replace(before, **joined), [*parts, path]
        else:
            ends[path.parent, run.started] = len(known)
            known.append((run, [path]))
    return known


def _state(run: Run, path: Path) -> PricingState:
    """Return what rounds remembered when a run began; another state would give other prices."""
    try:
        return restore(run.state)
    except (msgspec.MsgspecError, ValueError) as error:
        told = f"expected a recorded state of this version of chrono, was not: {error}"
        raise ConfigError(f"{told}; remove {path} to price every round from none") from error


class _Pace:
    """Keeps a replay to a multiple of real time."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._clock = WallClock()
        self._began: tuple[int, int] | None = None

    async def keep(self, ts: int, stop: anyio.Event) -> None:
        """Wait until it is time for a record of this time, or to stop."""
        if self._speed is None:
            return
        if self._began is None:
            self._began = ts, self._clock.now()
        recorded, real = self._began
        ahead = (ts - recorded) / self._speed - (self._clock.now() - real)
        if ahead > SECOND // 100:
            with anyio.move_on_after(ahead / SECOND):
                await stop.wait()
