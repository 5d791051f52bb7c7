"""The recording format: what was received, in the order received, as JSON Lines.

One object per line::

    {"v": 1, "ts": 1763806500123456789, "source": "kraken", "conn": 1, "kind": "ws", "data": "{…}"}

`kind` is `open`, `sent`, `ws`, `http`, `close`, or `tick`, which carries a normalised tick in place of a frame. Binary
frames carry `b64` in place of `data`. A file that ends in `.gz` is compressed.

Files that end in `.ticks.parquet`, as `chrono store export` writes them, are recordings of ticks, too.

Beside `NAME.jsonl.gz`, `NAME.run.json` says which rounds the recorded run priced and what it remembered when it began,
so that a replay prices the same rounds from the same state. A recording without one is priced at every round it spans.

What was written a second ago is complete on disk: a run that is killed leaves a recording that ends in the middle of
its last second, which can be read up to there.
"""

from __future__ import annotations

import gzip
import heapq
import itertools
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, Protocol, TypeAlias

import msgspec

from chrono.core.archive import SUFFIX, Heard, heard
from chrono.core.archive import found as archive
from chrono.core.reporting import plain
from chrono.core.types import SECOND, Pair, Quote, Round, Side, Tick, Ticker, Trade

VERSION = 1

_LONGEST_LINE = 1 << 24
_NAMED = 20
_LEAP = 7 * 86_400 * SECOND
_MICROSECOND = 1000
_GZIP = b"\x1f\x8b"
_PART = re.compile(r"(.+)-\d{6}\.jsonl(?:\.gz)?")

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
_encode = msgspec.json.Encoder(enc_hook=plain).encode

Complain: TypeAlias = Callable[[str], None]


def line(source: str, kind: str, data: bytes | str | None, ts: int, conn: int, more: Mapping[str, Any]) -> bytes:
    """Return one line of a recording."""
    fields: dict[str, Any] = {"v": VERSION, "ts": ts, "source": source, "conn": conn, "kind": kind}
    if data is not None:
        fields |= _told(data)
    return _encode({**fields, **more}) + b"\n"


def _told(data: bytes | str) -> dict[str, bytes | str]:
    """Return a frame under its key: what can be read as text is, which is shorter and can be searched."""
    if isinstance(data, str):
        return {"data": data}
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"b64": data}


def account(run: Run) -> bytes:
    """Return what stands beside a recording of a run."""
    return msgspec.json.format(_encode(run), indent=1)


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
        Recordings; of a directory, every `.jsonl` and `.jsonl.gz` in it, and every `.ticks.parquet` in or below it.
    complain : callable
        Told, in one line each, of lines that cannot be read; they are skipped.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a directory holds no recording.
    """
    # one file of a run at a time: a month of hours would be too many open ones
    found = files(paths)
    archived = [path for path in found if path.name.endswith(SUFFIX)]
    others = [path for path in found if not path.name.endswith(SUFFIX)]
    streams = [itertools.chain.from_iterable(_lines(part, complain) for part in parts) for parts in _whole(others)]
    if archived:
        streams.append(itertools.chain(map(_archived, heard(archived, complain))))
    return heapq.merge(*streams, key=lambda record: record.ts)


def _archived(row: Heard) -> Record:
    """Return a row of an archive as a line of a recording."""
    told = None if row.at // _MICROSECOND == row.received // _MICROSECOND else row.at
    tick = TickRecord("trade", row.pair, row.symbol, ts_event=told)
    match row.kind:
        case 1:
            tick.price, tick.size, tick.side, tick.trade_id = row.price, row.size, row.side, row.trade_id  # type: ignore[assignment]
        case 2:
            tick.type = "quote"
            tick.bid, tick.ask, tick.bid_size, tick.ask_size = row.bid, row.ask, row.bid_size, row.ask_size
        case _:
            tick.type, tick.last, tick.volume_24h = "ticker", row.price, row.size
    return Record(row.received, row.source, "tick", tick=tick)


def _whole(paths: Iterable[Path]) -> Iterable[Sequence[Path]]:
    """Put the files of one recording together, in the order of their numbers."""
    found: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(paths):
        match = _PART.fullmatch(path.name)
        found.setdefault(path.with_name(match[1]) if match else path, []).append(path)
    return [sorted(parts) for parts in found.values()]


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the recordings that paths name.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a directory holds no recording.
    """
    found: list[Path] = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(p for p in path.glob("*.jsonl*") if p.name.endswith((".jsonl", ".jsonl.gz")))
            inside += archive(path)
        if not inside or not path.exists():
            raise FileNotFoundError(
                f"{path}: expected a recording or a directory of them (.jsonl, .jsonl.gz, {SUFFIX}); there is none"
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


class Progress(Protocol):
    """Where the rounds of a run stand."""

    state: Any
    next: Round
    skipped: list[int]


class Run(msgspec.Struct):
    """What a recorded run did: `skipped` are rounds it had no time for, `last` is None if it was killed.

    Of a recording in several files, each has its own: `part` counts them from 0, `started` is the same for all. `why`
    says what a flight recorder wrote it for.
    """

    every: Annotated[int, msgspec.Meta(gt=0)]
    started: Nanoseconds
    state: Any
    first: Nanoseconds
    last: Nanoseconds | None = None
    skipped: list[int] = []
    part: int = 0
    why: str = ""
    version: int = VERSION

    @classmethod
    def begun(cls, rounds: Progress, every: int, started: int, part: int = 0) -> Run:
        """Return the account of a recording that begins where rounds stand now."""
        return cls(every, started, msgspec.to_builtins(rounds.state, enc_hook=plain), rounds.next.id, part=part)


def runs(paths: Iterable[Path], complain: Complain) -> Sequence[Run | None]:
    """Return, for each recording that paths name, the run beside it; None where there is none that can be read.

    Parameters
    ----------
    paths : iterable of Path
    complain : callable
        Told, in one line each, of those that cannot be read.
    """
    return [_run(beside(path), complain) for path in files(paths)]


def beside(recording: Path) -> Path:
    """Return where it is told what the recorded run did."""
    return recording.with_name(recording.name.partition(".jsonl")[0] + ".run.json")


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
