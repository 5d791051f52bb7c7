"""What a source makes of recorded frames, and how that differs from what was expected."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chrono.core.component import Context
from chrono.core.errors import ConfigError, FrameError
from chrono.core.recording import Record, TickRecord, files, read
from chrono.core.registry import Registry
from chrono.core.reporting import encode
from chrono.core.transport.codec import FrameSource, Session
from chrono.core.types import Pair, Quote, Ticker, Trade


class Decoding:
    """Decodes recordings with one source.

    Parameters
    ----------
    registry : Registry
    type : str
        The type of the source.
    source : str or None
        Whose frames to take; those of `type` and of `type/…` when None.
    pairs : sequence of str
        Pairs to recognise by their symbol, `BTC/USDT`; symbols that read as a pair need none.
    raw : bool
        Whether lines are bare frames.

    Raises
    ------
    ConfigError
        If the type is not that of a source that chrono connects.
    """

    def __init__(
        self, registry: Registry, type: str, *, source: str | None = None, pairs: Sequence[str] = (), raw: bool = False
    ) -> None:
        self.frames = self.ticks = self.damaged = 0
        self._type = type
        self._wanted = source
        self._raw = raw
        self._source = self._make(registry, type)
        try:
            self._pairs = {self._source.symbol(Pair.parse(text)): text for text in pairs}
        except ValueError as error:
            raise ConfigError(f"--pair: {error}") from error

    @staticmethod
    def _make(registry: Registry, type: str) -> FrameSource:
        try:
            cls = registry.component("source", type)
        except LookupError as error:
            known = ", ".join(getattr(error, "known", ()))
            raise ConfigError(f"{error}; installed are {known}; or: pip install chrono-{type}") from error
        if not issubclass(cls, FrameSource):
            raise ConfigError(f"expected a source that chrono connects, was {type!r}; its recordings hold ticks already")
        return cls(context=Context(type))

    def rows(self, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
        """Yield a row a tick in the form of a recorded tick, with `source`, `ts` and the venue's `symbol`."""
        sessions: dict[tuple[str, int], Session] = {}
        for record in self._records(paths):
            key = record.source, record.conn
            if record.kind == "open":
                sessions.pop(key, None)
            if record.kind not in {"ws", "http"}:
                continue
            self.frames += 1
            if key not in sessions:
                sessions[key] = self._source.session()
            try:
                items = self._source.read(record.frame, sessions[key])
            except FrameError as error:
                self.damaged += 1
                _complain(f"{record.source} at {record.ts}: {error}")
                continue
            for item in items:
                if isinstance(item, Trade | Quote | Ticker):
                    self.ticks += 1
                    yield {"ts": record.ts, "source": record.source, **self._tick(item)}

    def _records(self, paths: Sequence[Path]) -> Iterator[Record]:
        if self._raw:
            for path in files(paths):
                for line in path.read_bytes().splitlines():
                    if line.strip():
                        yield Record(0, self._wanted or self._type, "ws", data=line.decode("utf-8", "replace"))
            return
        strangers: set[str] = set()
        for record in read(paths, _complain):
            if self._is_wanted(record.source):
                yield record
            else:
                strangers.add(record.source)
        if strangers and not self.frames:
            _complain(f"no frame of {self._wanted or self._type}; there are of {', '.join(sorted(strangers))}: use --source")

    def _is_wanted(self, source: str) -> bool:
        if self._wanted is not None:
            return source == self._wanted
        return source == self._type or source.startswith(f"{self._type}/")

    def _tick(self, tick: Trade | Quote | Ticker) -> dict[str, Any]:
        pair = self._pairs.get(tick.symbol) or _as_pair(tick.symbol)
        row: dict[str, Any] = msgspec.to_builtins(TickRecord.of(tick, None))
        return {"type": row.pop("type"), "pair": pair, **row}

    def line(self, row: dict[str, Any]) -> str:
        """Return a row as one line of JSON."""
        return encode(row).decode()

    def text(self, row: dict[str, Any]) -> str:
        """Return a row for people."""
        named = {key: value for key, value in row.items() if key not in {"ts", "source", "type", "symbol", "pair"}}
        values = " ".join(f"{key}={value}" for key, value in named.items())
        return f"{row['ts']} {row['source']} {row['type']:<6} {row['pair'] or row['symbol']} {values}"

    @staticmethod
    def expected(path: Path) -> Expected:
        """Read the ticks to compare with.

        Raises
        ------
        ConfigError
            If the file cannot be read.
        """
        return Expected(path)


class Expected:
    """Ticks to compare with, in order; of each only the keys that it states."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left: deque[tuple[int, dict[str, Any]]] = deque()
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise ConfigError(f"{path}: expected a file of ticks, was unreadable: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = msgspec.json.decode(line, type=dict[str, Any])
                except msgspec.MsgspecError as error:
                    raise ConfigError(f"{path}:{number}: expected a tick as a JSON object, was {error}") from error
                self._left.append((number, row.get("tick", row)))

    def compare(self, number: int, row: dict[str, Any]) -> Iterator[str]:
        """Yield how the next tick differs from what was expected."""
        if not self._left:
            yield f"{self._path}: expected no tick {number}, was {encode(row).decode()}"
            return
        line, wanted = self._left.popleft()
        for key, value in wanted.items():
            if key in row or value not in {None, ""}:
                was = row.get(key)
                if was != value:
                    yield f"{self._path}:{line}: {key}: expected {value!r}, was {was!r}"

    def left(self) -> Iterator[str]:
        """Yield what was expected and did not come."""
        for line, wanted in self._left:
            yield f"{self._path}:{line}: expected {encode(wanted).decode()}, there was no further tick"


def _as_pair(symbol: str) -> str | None:
    try:
        return str(Pair.parse(symbol))
    except ValueError:
        return None


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
