"""Writing a recording: into one file, or into a row of them, each of which can be read on its own."""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from chrono.core.errors import ConfigError
from chrono.core.recording import Complain, Progress, Run, TickRecord, account, beside, line
from chrono.core.types import SECOND, Market, Pair, Tick
from chrono.core.units import Duration, Size


class Keeper(Protocol):
    """Where a run puts what it receives: a recording, the flight recorder, or both."""

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int = 0, **more: Any
    ) -> None:
        """Take one line."""
        ...

    def tick(self, source: str, tick: Tick, pair: Pair, ts: int) -> None:
        """Take a tick of a source that brings its own connection."""
        ...


class _Joined:
    """Hands on to several."""

    def __init__(self, keepers: Sequence[Keeper]) -> None:
        self._keepers = keepers

    def write(self, *args: Any, **more: Any) -> None:
        for keeper in self._keepers:
            keeper.write(*args, **more)

    def tick(self, source: str, tick: Tick, pair: Pair, ts: int) -> None:
        for keeper in self._keepers:
            keeper.tick(source, tick, pair, ts)


def joined(keepers: Sequence[Keeper]) -> Keeper | None:
    """Return one that stands for all; None for none."""
    return _Joined(keepers) if len(keepers) > 1 else next(iter(keepers), None)


def noting(keeper: Keeper, source: str, markets: Sequence[Market]) -> Callable[[Tick, int], None]:
    """Return what keeps the ticks of a source that brings its own connection."""
    pairs = {market.symbol: market.pair for market in markets}

    def note(tick: Tick, received: int) -> None:
        if tick.symbol in pairs:
            keeper.tick(source, tick, pairs[tick.symbol], received)

    return note


class Rotation(msgspec.Struct, frozen=True):
    """When a recording goes on in another file: after so many bytes on disk, at whole multiples of a time, or either.

    Examples
    --------
    >>> Rotation.parse(["100MB", "1h"])
    Rotation(size=100MB, every=3600s)
    """

    size: Size | None = None
    every: Duration | None = None

    @classmethod
    def parse(cls, texts: list[str]) -> Rotation | None:
        """Read sizes and lengths of time, one of each at most; None for no text.

        Raises
        ------
        ValueError
            If a text is neither, if it is too small, or if there are two of a kind.
        """
        found: dict[str, Any] = {}
        for text in texts:
            name, value = _either(text)
            if name in found:
                raise ValueError(f"expected one size and one time at most, was {found[name]} and {value}")
            found[name] = value
        return cls(**found) if found else None

    def due(self, path: Path, opened: int, now: int) -> bool:
        """Return whether what was opened then is to be continued in another file."""
        if self.every is not None and now // self.every != opened // self.every:
            return True
        return self.size is not None and path.stat().st_size >= self.size


def _either(text: str) -> tuple[str, Size | Duration]:
    for name, kind, least in (("size", Size, Size("1kB")), ("every", Duration, Duration("1s"))):
        try:
            value = kind(text)
        except ValueError:
            continue
        if value < least:
            raise ValueError(f"expected {least} or more, was {text!r}")
        return name, value
    raise ValueError(f"expected a size like 100MB or a time like 1h, was {text!r}")


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
    rotation : Rotation, optional
        When to go on in another file; looked at once a second.

    Attributes
    ----------
    failed : bool
        Whether the recording ended before the run.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """

    def __init__(self, folder: Path, started: int, complain: Complain, rotation: Rotation | None = None) -> None:
        self.failed = False
        self._folder = folder
        self._started = self._flushed = started
        self._complain = complain
        self._rotation = rotation
        self._rounds: Progress | None = None
        self._part = 0
        self._due = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _File(self._path(), started)
        except OSError as error:
            reason = "a file" if isinstance(error, FileExistsError) else f"refused: {error.strerror}"
            raise ConfigError(f"{folder}: expected a folder to record into, was {reason}; name another") from error

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._file.path

    def _path(self) -> Path:
        number = "" if self._rotation is None else f"-{self._part:06}"
        return self._folder / f"{self._started}{number}.jsonl.gz"

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int = 0, **more: Any
    ) -> None:
        """Append one line."""
        if self.failed:
            return
        text = line(source, kind, data, ts, conn, more)
        with self._refusable():
            self._file.stream.write(text)
        self.flush(ts)

    def tick(self, source: str, tick: Tick, pair: Pair, ts: int) -> None:
        """Append a tick of a source that brings its own connection."""
        self.write(source, "tick", ts=ts, tick=TickRecord.of(tick, pair))

    def flush(self, now: int) -> None:
        """Bring to disk what was written, unless that was done within the last second; turn to another file in time."""
        if now - self._flushed >= SECOND and not self.failed:
            self._flushed = now
            with self._refusable():
                self._file.flush()
                self._due = self._rotation is not None and self._rotation.due(self.path, self._file.opened, now)
        # a round that is due belongs to the file that holds what it sees
        if self._due and (self._rounds is None or self._rounds.next.as_of >= now):
            self._due = False
            with self._refusable():
                self._turn(now)

    def follow(self, rounds: Progress, every: int) -> None:
        """Say, beside each file, which rounds were priced while it was written, and from what state."""
        self._rounds = rounds
        with self._refusable():
            self._file.tell(Run.begun(rounds, every, self._started))

    def note(self) -> None:
        """Write down which rounds were passed over, at once: a run that is killed can never say so."""
        if self._rounds is not None:
            with self._refusable():
                self._file.skipped(self._rounds.skipped)

    def close(self) -> None:
        """Finish the file, and what stands beside it."""
        with self._refusable():
            self._file.close()
        self.note()
        with self._refusable():
            # of what was not recorded to its end nobody can price the last rounds again
            if self._rounds is not None and not self.failed:
                self._file.end(self._rounds.next.id - 1)

    def _turn(self, now: int) -> None:
        """Go on in the next file."""
        self._part += 1
        file, run = self._file, self._file.run
        if self._rounds is not None and run is not None:
            run = Run.begun(self._rounds, run.every, self._started, part=self._part)
        self._file = _File(self._path(), now, run)
        file.close()
        if self._rounds is not None:
            file.end(self._rounds.next.id - 1)

    @contextlib.contextmanager
    def _refusable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TypeError, ValueError) as error:
            # a plugin may remember what JSON has no words for
            if not self.failed:
                self.failed = True
                refused = f"{self.path}: expected to record, was refused: {getattr(error, 'strerror', None) or error}"
                self._complain(f"{refused}; nothing more is recorded, the run goes on: make room and start it again")


class _File:
    """One file of a recording, and the account beside it, which is there before it is."""

    def __init__(self, path: Path, opened: int, run: Run | None = None) -> None:
        self.path = path
        self.opened = opened
        self.run: Run | None = None
        if run is not None:
            self.tell(run)
        self._zip = gzip.open(path, "xb", compresslevel=3)  # noqa: SIM115 - closed by `close`
        self.stream: IO[bytes] = io.BufferedWriter(self._zip, 1 << 16)

    def flush(self) -> None:
        """Bring to disk what was written."""
        self.stream.flush()
        self._zip.flush()

    def close(self) -> None:
        """Finish it."""
        self.stream.close()

    def tell(self, run: Run) -> None:
        """Say what the recorded run did, in place of what was said before."""
        self.run = run
        write_account(self.path, run)

    def skipped(self, rounds: Sequence[int]) -> None:
        """Say which rounds were passed over while it was written, if there is news."""
        if self.run is not None:
            known = [id for id in rounds if id >= self.run.first]
            if len(known) > len(self.run.skipped):
                self.tell(msgspec.structs.replace(self.run, skipped=known))

    def end(self, last: int) -> None:
        """Say which round was the last one."""
        if self.run is not None:
            self.tell(msgspec.structs.replace(self.run, last=last))


def write_account(recording: Path, run: Run) -> None:
    """Write what stands beside a recording, all of it or nothing, in place of what stood there."""
    path = beside(recording)
    draft = path.with_suffix(".draft")
    draft.write_bytes(account(run))
    draft.replace(path)
