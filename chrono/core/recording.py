"""The recording format: what was received, in the order received, as JSON Lines.

One object per line::

    {"v": 1, "ts": 1763806500123456789, "source": "kraken", "conn": 1, "kind": "ws", "data": "{…}"}

`kind` is `open`, `sent`, `ws`, `http`, `close`, or `tick`, which carries a normalised tick in place of a frame. Binary
frames carry `b64` in place of `data`. A file that ends in `.gz` is compressed.

Beside `NAME.jsonl.gz`, `NAME.run.json` says which rounds the recorded run priced and what it remembered when it began, so
that a replay prices the same rounds from the same state. A recording without one is priced at every round it spans.
"""

from __future__ import annotations

import base64
import gzip
import heapq
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import msgspec

from chrono.core.types import Pair, Quote, Side, Tick, Ticker, Trade

VERSION = 1

TickType: TypeAlias = Literal["trade", "quote", "ticker"]
RecordKind: TypeAlias = Literal["open", "sent", "ws", "http", "close", "tick"]


class TickRecord(msgspec.Struct, omit_defaults=True):
    """A tick as a recording carries it: with its pair, and the venue's symbol where that is known."""

    type: TickType
    pair: str | None = None
    symbol: str | None = None
    price: float | None = None
    size: float | None = None
    side: Side = ""
    trade_id: str = ""
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    last: float | None = None
    volume_24h: float | None = None
    ts_event: int | None = None

    @classmethod
    def of(cls, tick: Tick, pair: Pair | None) -> TickRecord:
        """Write a tick down."""
        values = msgspec.structs.asdict(tick)
        kind: TickType = "trade" if isinstance(tick, Trade) else "quote" if isinstance(tick, Quote) else "ticker"
        return cls(type=kind, pair=None if pair is None else str(pair), **values)

    def tick(self, symbol: str) -> Tick:
        """Read it back under the symbol of its market.

        Raises
        ------
        ValueError
            If a number is missing.
        """
        try:
            if self.type == "trade":
                return Trade(symbol, _there(self.price), _there(self.size), self.side, self.trade_id, self.ts_event)
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

    ts: int
    source: str
    kind: RecordKind
    v: int = VERSION
    conn: int = 0
    data: str | None = None
    b64: str | None = None
    tick: TickRecord | None = None
    url: str | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    reason: str | None = None

    @property
    def frame(self) -> bytes | str:
        """The frame as received."""
        return base64.b64decode(self.b64) if self.b64 is not None else self.data or ""


_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode

Complain: TypeAlias = Callable[[str], None]


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
    OSError
        If a file cannot be opened.
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
        inside = sorted(p for p in path.glob("*.jsonl*") if p.name.endswith((".jsonl", ".jsonl.gz"))) if path.is_dir() else [path]
        if not inside or not path.exists():
            raise FileNotFoundError(f"{path}: expected a recording or a directory of them (.jsonl, .jsonl.gz); there is none")
        found.extend(inside)
    return found


def _lines(path: Path, complain: Complain) -> Iterator[Record]:
    number = 0
    try:
        with path.open("rb") as raw:
            stream: BinaryIO = gzip.open(raw) if path.suffix == ".gz" else raw  # type: ignore[assignment]
            for number, line in enumerate(stream, 1):  # noqa: B007 - named in the message below
                if line.strip():
                    try:
                        record = _decode(line)
                    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                        complain(f"{path}:{number}: expected a line of a recording, was damaged: {error}; skipped")
                        continue
                    if record.v != VERSION:
                        complain(f"{path}:{number}: expected version {VERSION}, was {record.v}; skipped")
                        continue
                    yield record
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        complain(f"{path}:{number + 1}: expected more compressed data, was cut off or damaged: {error}; the rest is skipped")


class Run(msgspec.Struct):
    """What a recorded run did: `skipped` are rounds it had no time for, `stopped` is None if it was killed."""

    every: int
    started: int
    state: Any
    first: int
    last: int | None = None
    skipped: list[int] = []
    version: int = VERSION


class Writer:
    """Appends to a recording; every line is complete on disk once `flush` has been called.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    started : int
        Nanoseconds; names the files.
    """

    def __init__(self, folder: Path, started: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stem = str(started)
        self.path = folder / f"{stem}.jsonl.gz"
        self._run_path = folder / f"{stem}.run.json"
        self._stream = io.BufferedWriter(gzip.open(self.path, "wb", compresslevel=3), 1 << 16)

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int = 0, **more: Any
    ) -> None:
        """Append one line."""
        line: dict[str, Any] = {"v": VERSION, "ts": ts, "source": source, "conn": conn, "kind": kind}
        if isinstance(data, bytes):
            line["b64"] = base64.b64encode(data).decode()
        elif data is not None:
            line["data"] = data
        self._stream.write(_encode(line | more) + b"\n")

    def tick(self, source: str, tick: Tick, pair: Pair, ts: int) -> None:
        """Append a tick of a source that brings its own connection."""
        self.write(source, "tick", ts=ts, tick=TickRecord.of(tick, pair))

    def run(self, run: Run) -> None:
        """Say what the recorded run did, in place of what was said before."""
        draft = self._run_path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(_encode(run), indent=1))
        draft.replace(self._run_path)

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()


def runs(paths: Iterable[Path]) -> Sequence[Run | None]:
    """Return, for each recording that paths name, the run beside it; None where there is none."""
    found: list[Run | None] = []
    for path in files(paths):
        beside = path.with_name(path.name.partition(".jsonl")[0] + ".run.json")
        found.append(msgspec.json.decode(beside.read_bytes(), type=Run) if beside.exists() else None)
    return found
