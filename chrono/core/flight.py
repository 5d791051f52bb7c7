"""The flight recorder: the last minutes of raw frames of a running pipeline, written down when something went wrong.

While nothing is wrong, frames are kept in memory: a frame costs the pipeline one append, what was appended is packed in
another thread, and the oldest goes when it is too old or when it is too much. What is written is a recording, with what
the rounds remembered beside it, so that `chrono replay` and `chrono explain` read it.
"""

from __future__ import annotations

import contextlib
import gzip
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from chrono.core.errors import ConfigError
from chrono.core.pipeline import Pipeline, Retention
from chrono.core.prose import sentence
from chrono.core.recording import VERSION, Run, TickRecord, line
from chrono.core.rounds import Rounds
from chrono.core.types import SECOND, Code, Missing, Pair, Report, Tick
from chrono.core.units import Duration
from chrono.core.writing import write_account

PACKED_AT = 1 << 18
"""Bytes that are packed together: less packs worse, more keeps more of what is too old."""

_OVERHEAD = 160
_MARKS = 10
_encode = msgspec.json.Encoder()


class _Text(msgspec.Struct, gc=False):
    """A line of text frames, which are nearly all there are: made at once, written when it is packed."""

    v: int
    ts: int
    source: str
    conn: int
    kind: str
    data: str


class _Bytes(msgspec.Struct, gc=False):
    """The same of a frame that was not decoded."""

    ts: int
    source: str
    conn: int
    kind: str
    data: bytes

    def line(self) -> _Text | msgspec.Raw:
        try:
            return _Text(VERSION, self.ts, self.source, self.conn, self.kind, self.data.decode())
        except UnicodeDecodeError:
            return msgspec.Raw(line(self.source, self.kind, self.data, self.ts, self.conn, {})[:-1])


class Chunk:
    """Lines that are packed together.

    Attributes
    ----------
    first, last : int
        Nanoseconds of the oldest and the newest.
    size : int
        Bytes it takes up.
    """

    __slots__ = ("_lines", "_packed", "first", "last", "size")

    def __init__(self, lines: list[Any], first: int, last: int, size: int) -> None:
        self.first = first
        self.last = last
        self.size = size
        self._lines = lines
        self._packed = b""

    def pack(self) -> bytes:
        """Return its lines as a part of a compressed recording; the first time, pack them."""
        if not self._packed:
            lines = [each.line() if type(each) is _Bytes else each for each in self._lines]
            self._packed = gzip.compress(_encode.encode_lines(lines), compresslevel=1, mtime=0)
            self._lines = []
        return self._packed

    @property
    def packed(self) -> int:
        """The bytes it takes up once it is packed; 0 before."""
        return len(self._packed)


class Ring:
    """The newest lines of a run, within a length of time and a number of bytes; the oldest go first.

    Parameters
    ----------
    keep : int
        Nanoseconds.
    most : int
        Bytes, as they are in memory: packed, and what is still to be packed.

    Attributes
    ----------
    chunks : deque of Chunk
        Oldest first.
    unpacked : deque of Chunk
        Those that are still to be packed.
    whole : bool
        Whether nothing had to go so far.
    """

    def __init__(self, keep: int, most: int) -> None:
        self.chunks: deque[Chunk] = deque()
        self.unpacked: deque[Chunk] = deque()
        self.whole = True
        self.full = anyio.Event()
        self._keep = keep
        self._most = most
        self._size = 0
        self._lines: list[Any] = []
        self._first = self._last = 0
        self._weight = 0

    @property
    def size(self) -> int:
        """The bytes that all of it takes up."""
        return self._size + self._weight

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int = 0, **more: Any
    ) -> None:
        """Keep one line."""
        # one pass per frame of every venue: whatever it called would cost more than what it does
        if not self._lines:
            self._first = ts
        if more or data is None:
            data = line(source, kind, data, ts, conn, more)[:-1]
            self._lines.append(msgspec.Raw(data))
        elif isinstance(data, str):
            self._lines.append(_Text(VERSION, ts, source, conn, kind, data))
        else:
            self._lines.append(_Bytes(ts, source, conn, kind, data))
        self._weight += len(data) + _OVERHEAD
        self._last = ts
        if self._weight >= PACKED_AT:
            self.seal()

    def seal(self) -> None:
        """Begin another chunk, and let go what is too old or too much."""
        if self._lines:
            chunk = Chunk(self._lines, self._first, self._last, self._weight)
            self.chunks.append(chunk)
            self.unpacked.append(chunk)
            self._size += chunk.size
            self._lines, self._weight = [], 0
            self.full.set()
        self.trim(self._last)

    def trim(self, now: int) -> None:
        """Let go what is too old, or too much."""
        while self.chunks and (self.chunks[0].last < now - self._keep or self._size > self._most):
            gone = self.chunks.popleft()
            self._size -= gone.size
            if self.unpacked and self.unpacked[0] is gone:
                self.unpacked.popleft()
            self.whole = False

    async def pack(self) -> None:
        """Pack what is to be packed, in another thread, the oldest first."""
        self.full = anyio.Event()
        while self.unpacked:
            chunk = self.unpacked[0]
            await anyio.to_thread.run_sync(chunk.pack)
            # it may have been too old by the time
            if self.unpacked and self.unpacked[0] is chunk:
                self.unpacked.popleft()
                self._size += chunk.packed - chunk.size
                chunk.size = chunk.packed


class _Mark(msgspec.Struct, frozen=True):
    """Where rounds stood at some time, so that a replay can begin there."""

    as_of: int
    first: int
    state: Any


class _Dump(msgspec.Struct, frozen=True):
    """What is to be written."""

    path: Path
    chunks: Sequence[Chunk]
    run: Run
    feed: str


class Flight:
    """The flight recorder of one run.

    Parameters
    ----------
    pipeline : Pipeline
    retention : Retention
        What to keep, and where to write it.
    logger : structlog logger

    Raises
    ------
    ConfigError
        If the folder cannot be written to: better now than when it is needed.
    """

    def __init__(self, pipeline: Pipeline, retention: Retention, logger: Any) -> None:
        self.ring = Ring(retention.keep, retention.most)
        self.write = self.ring.write
        self._name = pipeline.name
        self._retention = retention
        self._every = pipeline.schedule.every
        self._warm = min(max(pipeline.horizons.values(), default=0), retention.keep // 2)
        self._logger = logger.bind(component="flight_recorder")
        self._rounds: Rounds | None = None
        self._marks: deque[_Mark] = deque(maxlen=2 * _MARKS)
        self._priced: set[str] = set()
        self._jumped: set[str] = set()
        self._quiet_until = 0
        self._dump: _Dump | None = None
        try:
            retention.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            told = f"expected a folder to write to, was refused: {error.strerror}; name another"
            raise ConfigError(f"flight_recorder.folder: {retention.folder}: {told}") from error

    def tick(self, source: str, tick: Tick, pair: Pair, ts: int) -> None:
        """Keep a tick of a source that brings its own connection."""
        self.write(source, "tick", ts=ts, tick=TickRecord.of(tick, pair))

    def priced(self, report: Report, now: int) -> None:
        """Look at a round: a feed that lost its price, or whose price jumped, is an alarm."""
        before, jumped = self._priced, self._jumped
        self._priced = set(report.prices)
        self._jumped = {name for name, each in report.missing.items() if each.reason["code"] == Code.MAX_JUMP}
        lost = [each for each in report.missing.values() if each.feed.name in (before | (self._jumped - jumped))]
        if lost:
            self.alarm(_lost(lost), now, lost[0].feed.name)
        if self._rounds is not None and now - self._marks[-1].as_of >= self._retention.keep // _MARKS:
            self.ring.seal()
            self.ring.trim(now)
            self._mark(self._rounds)

    def alarm(self, why: str, now: int, feed: str = "FEED") -> None:
        """Write down what is kept, unless that was done of late, or there is nothing yet."""
        if now >= self._quiet_until and self._dump is None and self.ring.size and self.dump(why, now, feed):
            self._quiet_until = now + self._retention.pause

    def dump(self, why: str, now: int, feed: str = "FEED") -> bool:
        """Have what is kept written down, whenever that was done last; return whether it will be."""
        self.ring.seal()
        if self._rounds is None or not self.ring.chunks or self._dump is not None:
            told = "an earlier dump is still being written" if self._dump is not None else "nothing was received yet"
            self._logger.warning(f"{why}: expected to write down what was received, could not: {told}")
            return False
        chunks = list(self.ring.chunks)
        path = self._retention.folder / f"{self._name}-{now}.jsonl.gz"
        self._dump = _Dump(path, chunks, self._run(self._rounds, chunks[0].first, why), feed)
        self.ring.full.set()
        return True

    @contextlib.asynccontextmanager
    async def running(self, rounds: Rounds) -> AsyncIterator[None]:
        """Pack and write while the body runs; what is to be written when it ends is written."""
        self._rounds = rounds
        self._mark(rounds)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._work)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            if rounds.error is not None:
                self.dump(f"{type(rounds.error).__name__}: {rounds.error}", rounds.next.as_of)
            if self._dump is not None:
                self._write(self._dump)

    async def _work(self) -> None:
        while True:
            await self.ring.full.wait()
            await self.ring.pack()
            if self._dump is not None:
                await anyio.to_thread.run_sync(self._write, self._dump)

    def _mark(self, rounds: Rounds) -> None:
        self._marks.append(_Mark(rounds.next.as_of, rounds.next.id, rounds.state))

    def _run(self, rounds: Rounds, oldest: int, why: str) -> Run:
        """Return the account of a dump: its rounds begin when windows are full, or where the run did."""
        last = rounds.next.id - 1
        known = [mark for mark in self._marks if mark.first <= last] or [self._marks[0]]
        if self.ring.whole:
            mark = known[0]
        else:
            mark = next((mark for mark in known if mark.as_of >= oldest + self._warm), known[-1])
        first = mark.first if self.ring.whole else min(max(mark.first, -(-oldest // self._every)), last)
        skipped = [id for id in rounds.skipped if id >= first]
        return Run(self._every, oldest, mark.state, first, last, skipped, why=why)

    def _write(self, dump: _Dump) -> None:
        """Write a recording and its account, and remove the oldest where there are too many."""
        self._save(dump)
        self._dump = None

    def _save(self, dump: _Dump) -> None:
        draft = dump.path.with_suffix(".draft")
        try:
            with draft.open("wb") as file:
                file.writelines(chunk.pack() for chunk in dump.chunks)
            write_account(dump.path, dump.run)
            draft.replace(dump.path)
            self._remove()
        except OSError as error:
            told = f"{dump.path}: expected to write down what was received, was refused: {error.strerror}"
            self._logger.warning(f"{dump.run.why}: {told}; make room, or name another folder")
            return
        length = Duration((dump.chunks[-1].last - dump.chunks[0].first) // SECOND * SECOND)
        told = f"the last {length} of what was received are in {dump.path}"
        way = f"chrono explain {dump.feed} --at round:{dump.run.last} --recording {dump.path} --pipeline FILE"
        self._logger.warning(f"{dump.run.why}: {told}; see `{way}`")

    def _remove(self) -> None:
        own = re.compile(re.escape(self._name) + r"-\d{19}\.jsonl\.gz")
        found = sorted(path for path in self._retention.folder.iterdir() if own.fullmatch(path.name))
        for path in found[: -self._retention.dumps]:
            path.unlink(missing_ok=True)
            path.with_name(path.name.removesuffix(".jsonl.gz") + ".run.json").unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def flying(flight: Flight | None, rounds: Rounds) -> AsyncIterator[None]:
    """Run a flight recorder, if there is one, beside these rounds."""
    async with contextlib.nullcontext() if flight is None else flight.running(rounds):
        yield


def _lost(missing: Sequence[Missing]) -> str:
    """Say which feeds have no price any more."""
    first, *others = missing
    more = f" (so have {', '.join(each.feed.name for each in others)})" if others else ""
    return f"{first.feed.name} lost its price{more}: {sentence(first.reason)}"
