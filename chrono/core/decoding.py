"""What a source makes of recorded frames, and how that differs from what was expected."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from chrono.core.component import Context
from chrono.core.errors import ConfigError, FrameError
from chrono.core.recording import Complain, Damage, Record, files, lines, read, type_of
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
    complain : callable
        Told, in one line each, of what cannot be read.
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
        self,
        registry: Registry,
        type: str,
        complain: Complain,
        *,
        source: str | None = None,
        pairs: Sequence[str] = (),
        raw: bool = False,
    ) -> None:
        self.frames = self.ticks = 0
        self._complain = complain
        self._damage = Damage(complain)
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
            raise ConfigError(
                f"expected a source that chrono connects, was {type!r}; its recordings hold ticks already"
            )
        try:
            return cls(context=Context(type))
        except ValidationError as error:
            missing = ", ".join(str(part) for problem in error.errors() for part in problem["loc"])
            raise ConfigError(f"{type}: expected options that decoding cannot give: {missing}") from error

    @property
    def damaged(self) -> int:
        """Lines and frames that could not be read."""
        return self._damage.count

    def rows(self, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
        """Yield a row a tick in the form of a recorded tick, with `source`, `ts` and the venue's `symbol`."""
        sessions: dict[tuple[str, int], Session] = {}
        for where, record in self._records(paths):
            key = record.source, record.conn
            if record.kind == "open":
                sessions.pop(key, None)
            if record.holds_frame:
                self.frames += 1
                session = sessions.get(key) or sessions.setdefault(key, self._source.reader(record.kind).session())
                for tick in self._ticks(record, session, where):
                    self.ticks += 1
                    yield {"ts": record.ts, "source": record.source, **self._tick(tick)}

    def _ticks(self, record: Record, session: Session, where: str) -> Iterator[Trade | Quote | Ticker]:
        try:
            items = self._source.reader(record.kind).read(record.frame, session)
        except FrameError as error:
            self._damage(f"{where}: {error}")
            return
        yield from (item for item in items if isinstance(item, Trade | Quote | Ticker))

    def _records(self, paths: Sequence[Path]) -> Iterator[tuple[str, Record]]:
        """Yield records and where they are."""
        if self._raw:
            name = self._wanted or self._type
            for path in files(paths):
                for number, line in lines(path, self._damage):
                    yield f"{path}:{number}", Record(0, name, "ws", b64=line.rstrip(b"\r\n"))
            return
        others: set[str] = set()
        for record in read(paths, self._damage):
            if self._is_wanted(record.source):
                yield f"{record.source} at {record.ts}", record
            else:
                others.add(record.source)
        if not self.frames:
            there = (
                f"there are of {', '.join(sorted(others))}: use --source" if others else "there is none of any source"
            )
            self._complain(f"expected frames of {self._wanted or self._type}, {there}")

    def _is_wanted(self, source: str) -> bool:
        if self._wanted is not None:
            return source == self._wanted
        return source == self._type or source.startswith(f"{self._type}/")

    def _tick(self, tick: Trade | Quote | Ticker) -> dict[str, Any]:
        pair = self._pairs.get(tick.symbol) or _as_pair(tick.symbol)
        return {"type": type_of(tick), "pair": pair, **msgspec.structs.asdict(tick)}

    def line(self, row: dict[str, Any]) -> str:
        """Return a row as one line of JSON."""
        return encode(row).decode()

    def text(self, row: dict[str, Any]) -> str:
        """Return a row for people."""
        named = {key: value for key, value in row.items() if key not in {"ts", "source", "type", "symbol", "pair"}}
        values = " ".join(f"{key}={value}" for key, value in named.items())
        return f"{row['ts']} {row['source']} {row['type']:<6} {row['pair'] or row['symbol']} {values}"


class Expected:
    """Ticks to compare with, in order; of each only the keys that it states.

    Raises
    ------
    ConfigError
        If the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left: deque[tuple[int, dict[str, Any]]] = deque()
        problems: list[str] = []
        for number, line in lines(path, problems.append):
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
                self._left.append((number, msgspec.convert(row.get("tick", row), dict[str, Any])))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ConfigError(f"{path}:{number}: expected a tick as a JSON object, was damaged: {error}") from error
        if problems:
            raise ConfigError(*problems)

    @property
    def pairs(self) -> Sequence[str]:
        """The pairs that are expected, each once: their symbols can be recognised."""
        stated = (_as_pair(str(row.get("pair"))) for _, row in self._left)
        return list(dict.fromkeys(pair for pair in stated if pair is not None))

    def compare(self, number: int, row: dict[str, Any]) -> Iterator[str]:
        """Yield how the next tick differs from what was expected."""
        if not self._left:
            yield f"{self._path}: expected no tick {number}, was {encode(row).decode()}"
            return
        line, wanted = self._left.popleft()
        for key, value in wanted.items():
            if key in row or value not in (None, ""):
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
