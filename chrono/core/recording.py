"""The recording format: what was received, in the order received, as JSON Lines.

One object per line::

    {"v": 1, "ts": 1763806500123456789, "source": "kraken", "conn": 1, "kind": "ws", "data": "{…}"}

`kind` is `open`, `sent`, `ws`, `http`, `close`, or `tick`, which carries a normalised tick in place of a frame. Binary
frames carry `b64` in place of `data`. A file that ends in `.gz` is compressed.

Beside `NAME.jsonl.gz`, `NAME.run.json` says which rounds the recorded run priced and what it remembered when it began,
so that a replay prices the same rounds from the same state. A recording without one is priced at every round it spans.

What was written a second ago is complete on disk: a run that is killed leaves a recording that ends in the middle of
its last second, which can be read up to there.
"""

from __future__ import annotations

import contextlib
import gzip
import heapq
import io
import itertools
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, Any, BinaryIO, Literal, TypeAlias

import msgspec

from chrono.core.errors import ConfigError
from chrono.core.types import SECOND, Pair, Quote, Side, Tick, Ticker, Trade

VERSION = 1

_LONGEST_LINE = 1 << 24
_NAMED = 20
_LEAP = 7 * 86_400 * SECOND
_GZIP = b"\x1f\x8b"

Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

TickType: TypeAlias = Literal["trade", "quote", "ticker"]
RecordKind: TypeAlias = Literal["open", "sent", "ws", "http", "close", "tick"]


def type_of(tick: Tick) -> TickType:
    """Return what a recording calls a tick."""
    return "trade" if isinstance(tick, Trade) else "quote" if isinstance(tick, Quote) else "ticker"


class TickRecord(msgspec.Struct, omit_defaults=True):
    """A tick as a recording carries it: with its pair, and the venue's symbol where that is known."""

    type: TickType
    pair: str | None = None
    symbol: str | None = None
    price: float | None = None
    size: float | None = None
    side: Side | None = ""
    trade_id: str | int | None = ""
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    last: float | None = None
    volume_24h: float | None = None
    ts_event: Nanoseconds | None = None

    @classmethod
    def of(cls, tick: Tick, pair: Pair | None) -> TickRecord:
        """Write a tick down."""
        values = msgspec.structs.asdict(tick)
        return cls(type=type_of(tick), pair=None if pair is None else str(pair), **values)

    def tick(self, symbol: str) -> Tick:
        """Read it back under the symbol of its market.

        Raises
        ------
        ValueError
            If a number is missing.
        """
        try:
            if self.type == "trade":
                number = "" if self.trade_id is None else str(self.trade_id)
                return Trade(symbol, _there(self.price), _there(self.size), self.side or "", number, self.ts_event)
            if self.type == "quote":
                sizes = self.bid_size or 0.0, self.ask_size or 0.0
                return Quote(symbol, _there(self.bid), _there(self.ask), *sizes, self.ts_event)
            return Ticker(symbol, _there(self.last), self.volume_24h or 0.0, self.ts_event)
        except TypeError:
            wanted = {"trade": "price and size", "quote": "bid and ask", "ticker": "last"}[self.type]
            raise ValueError(f"expected a {self.type} with {wanted}") from None


def _there(value: float | None) -> float:
    if value is None:
        raise TypeError
    return value


class Record(msgspec.Struct):
    """One line of a recording."""

    ts: Nanoseconds
    source: str
    kind: RecordKind
    v: int = VERSION
    conn: int = 0
    data: str | None = None
    b64: bytes | None = None
    tick: TickRecord | None = None
    url: str | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    reason: str | None = None

    @property
    def holds_frame(self) -> bool:
        """Whether a source would have parsed it: a message, or an answer that was no refusal."""
        return self.kind == "ws" or (self.kind == "http" and 200 <= (self.status or 200) < 300)

    @property
    def frame(self) -> bytes | str:
        """The frame as received."""
        return self.b64 if self.b64 is not None else self.data or ""


_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode

Complain: TypeAlias = Callable[[str], None]


class Damage:
    """Names the first lines that cannot be read, and counts them all.

    Attributes
    ----------
    count : int
        Lines that were named or counted.
    """

    def __init__(self, say: Complain) -> None:
        self.count = 0
        self._say = say

    def __call__(self, problem: str) -> None:
        """Take one line's problem."""
        self.count += 1
        if self.count <= _NAMED:
            self._say(problem)
        elif self.count == _NAMED + 1:
            self._say("there are more like these, which are skipped and only counted")


def read(paths: Iterable[Path], complain: Complain) -> Iterator[Record]:
    """Yield the records of files and directories in the order of their times.

    Parameters
    ----------
    paths : iterable of Path
        Recordings; of a directory, every `.jsonl` and `.jsonl.gz` in it.
    complain : callable
        Told, in one line each, of lines that cannot be read; they are skipped.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a directory holds no recording.
    """
    return heapq.merge(*(_lines(path, complain) for path in files(paths)), key=lambda record: record.ts)


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the recordings that paths name.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a directory holds no recording.
    """
    found: list[Path] = []
    for path in paths:
        inside = (
            sorted(p for p in path.glob("*.jsonl*") if p.name.endswith((".jsonl", ".jsonl.gz")))
            if path.is_dir()
            else [path]
        )
        if not inside or not path.exists():
            raise FileNotFoundError(
                f"{path}: expected a recording or a directory of them (.jsonl, .jsonl.gz); there is none"
            )
        found.extend(inside)
    return found


def lines(path: Path, complain: Complain) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bytes of the lines of a file that are not empty, compressed or not."""
    number = 0
    try:
        with path.open("rb") as raw:
            stream: BinaryIO = gzip.open(raw) if raw.peek(2).startswith(_GZIP) else raw  # type: ignore[assignment]  # noqa: SIM115
            while line := stream.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    complain(f"{path}:{number}: expected a line below {_LONGEST_LINE >> 20} MiB, was longer; skipped")
                    _finish_line(stream)
                elif line.strip():
                    yield number, line
    except (EOFError, OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        complain(
            f"{path}:{number + 1}: expected more of a recording, was cut off or damaged: {reason}; the rest is skipped"
        )


def _finish_line(stream: BinaryIO) -> None:
    while len(stream.readline(_LONGEST_LINE)) == _LONGEST_LINE:
        pass


def _lines(path: Path, complain: Complain) -> Iterator[Record]:
    """Yield the records of one file, without those whose time is out of the question."""
    for number, record in _timely(_parsed(path, complain)):
        if record is None:
            complain(f"{path}:{number}: expected a time near those of the lines beside it, was weeks away; skipped")
        else:
            yield record


def _parsed(path: Path, complain: Complain) -> Iterator[tuple[int, Record]]:
    for number, line in lines(path, complain):
        try:
            record = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            complain(f"{path}:{number}: expected a line of a recording, was damaged: {error}; skipped")
            continue
        if record.v == VERSION:
            yield number, record
        else:
            complain(f"{path}:{number}: expected version {VERSION}, was {record.v}; skipped")


def _timely(records: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Record | None]]:
    """Yield None for a record whose time is over a week from two neighbours that agree with each other.

    A single damaged time would otherwise have a replay price the rounds of years.
    """
    after: deque[tuple[int, Record]] = deque(itertools.islice(records, 2))
    before: deque[int] = deque(maxlen=2)
    while after:
        after.extend(itertools.islice(records, 1))
        number, record = after.popleft()
        following = [other.ts for _, other in after]
        beside = [before[-1], following[0]] if before and following else [*before, *following]
        if len(beside) == 2 and _apart(*beside) <= _LEAP < min(_apart(record.ts, ts) for ts in beside):
            yield number, None
            continue
        before.append(record.ts)
        yield number, record


def _apart(one: int, other: int) -> int:
    return abs(one - other)


class Run(msgspec.Struct):
    """What a recorded run did: `skipped` are rounds it had no time for, `stopped` is None if it was killed."""

    every: Annotated[int, msgspec.Meta(gt=0)]
    started: Nanoseconds
    state: Any
    first: Nanoseconds
    last: Nanoseconds | None = None
    skipped: list[int] = []
    version: int = VERSION


class Writer:
    """Appends to a recording; a second later it is on disk.

    A disk that refuses ends the recording, never the run: `complain` is told once and what follows is not recorded.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    started : int
        Nanoseconds; names the files.
    complain : callable
        Told, in one line, why nothing more is recorded.

    Attributes
    ----------
    failed : bool
        Whether the recording ended before the run.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """

    def __init__(self, folder: Path, started: int, complain: Complain) -> None:
        stem = str(started)
        self.path = folder / f"{stem}.jsonl.gz"
        self.failed = False
        self._run_path = folder / f"{stem}.run.json"
        self._complain = complain
        self._flushed = started
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._zip = gzip.open(self.path, "xb", compresslevel=3)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            reason = "a file" if isinstance(error, FileExistsError) else f"refused: {error.strerror}"
            raise ConfigError(f"{folder}: expected a folder to record into, was {reason}; name another") from error
        self._stream: IO[bytes] = io.BufferedWriter(self._zip, 1 << 16)

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int = 0, **more: Any
    ) -> None:
        """Append one line."""
        if self.failed:
            return
        line: dict[str, Any] = {"v": VERSION, "ts": ts, "source": source, "conn": conn, "kind": kind}
        if isinstance(data, bytes):
            line["b64"] = data
        elif data is not None:
            line["data"] = data
        text = _encode(line | more) + b"\n"
        with self._refusable():
            self._stream.write(text)
        self.flush(ts)

    def tick(self, source: str, tick: Tick, pair: Pair, ts: int) -> None:
        """Append a tick of a source that brings its own connection."""
        self.write(source, "tick", ts=ts, tick=TickRecord.of(tick, pair))

    def flush(self, now: int) -> None:
        """Bring to disk what was written, unless that was done within the last second."""
        if now - self._flushed >= SECOND and not self.failed:
            self._flushed = now
            with self._refusable():
                self._stream.flush()
                self._zip.flush()

    def run(self, run: Run) -> None:
        """Say what the recorded run did, in place of what was said before."""
        draft = self._run_path.with_suffix(".draft")
        with self._refusable():
            draft.write_bytes(msgspec.json.format(_encode(run), indent=1))
            draft.replace(self._run_path)

    def close(self) -> None:
        """Finish the file."""
        with self._refusable():
            self._stream.close()

    @contextlib.contextmanager
    def _refusable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self.failed:
                self.failed = True
                refused = f"{self.path}: expected to record, was refused: {error.strerror}"
                self._complain(f"{refused}; nothing more is recorded, the run goes on: make room and start it again")


def runs(paths: Iterable[Path], complain: Complain) -> Sequence[Run | None]:
    """Return, for each recording that paths name, the run beside it; None where there is none that can be read.

    Parameters
    ----------
    paths : iterable of Path
    complain : callable
        Told, in one line each, of those that cannot be read.
    """
    return [_run(path.with_name(path.name.partition(".jsonl")[0] + ".run.json"), complain) for path in files(paths)]


def _run(path: Path, complain: Complain) -> Run | None:
    if not path.exists():
        return None
    try:
        run = msgspec.json.decode(path.read_bytes(), type=Run)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError) as error:
        reason = f", was damaged: {error}"
    else:
        if run.version == VERSION:
            return run
        reason = f" in version {VERSION}, was {run.version}"
    complain(f"{path}: expected what the recorded run did{reason}; every round that the recording spans is priced")
    return None
