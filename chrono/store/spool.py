"""Where entries wait for the database: files of a folder, on disk before a round counts as taken.

A record that was damaged, or cut short by a crash, is told, passed over, and hides nothing behind it.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from chrono.core.errors import ConfigError, TransientError
from chrono.core.units import Size
from chrono.store.batches import Batch
from chrono.store.claiming import claimed, named, synced
from chrono.store.entries import Entry, Opening, encode, read
from chrono.store.frames import Damage, Record, framed, records

Complain: TypeAlias = Callable[[str], None]
Numbered: TypeAlias = tuple[int, bytes]

_SEGMENT = 8_000_000
"""Bytes after which another file is begun; each begins with the run's opening."""

_BATCH = 2_000_000
"""Bytes of entries that are written in one transaction."""

_SUFFIX = ".entries"
_SEGMENT_NAME = re.compile(rf"[0-9]{{20}}\{_SUFFIX}")

_OPENING = 0
"""The number of an opening."""


class SpoolFull(TransientError):
    """There is no room for another entry until some are written."""


class _Segment:
    """One file: `size` is what of it is on disk, `read` what of that was written to the database, or passed over."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.read = 0
        self.damaged = False

    def bytes(self) -> bytes:
        """Return what is on disk."""
        with self.path.open("rb") as file:
            return file.read(self.size)


class Spool:
    """A folder in which entries wait, which no other process uses.

    One thread at a time may append, and one may ask for batches.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    limit : int
        Bytes that may wait.
    complain : callable
        Told, in one line each, what of it was damaged.

    Attributes
    ----------
    name : str
        Made up once, and kept in the folder.

    Raises
    ------
    ConfigError
        If the folder cannot be written to, or is in use.
    """

    def __init__(self, folder: Path, limit: int, complain: Complain) -> None:
        self.folder = folder
        self._limit = limit
        self._segment_size = min(_SEGMENT, max(limit // 8, 1))
        self._complain = complain
        self._change = threading.Lock()
        self._openings: dict[int, Opening] = {}
        self._run = 0
        self._opening = b""
        self._file: int | None = None
        try:
            self._lock = claimed(folder)
            self.name = named(folder)
            paths = sorted(path for path in folder.iterdir() if _SEGMENT_NAME.fullmatch(path.name))
            self._segments = [_Segment(path, path.stat().st_size) for path in paths]
        except OSError as error:
            reason = "a file" if isinstance(error, FileExistsError) else f"refused: {error.strerror}"
            raise ConfigError(f"{folder}: expected a folder to keep a spool in, was {reason}; name another") from error

    @property
    def size(self) -> int:
        """Bytes that its files take."""
        return sum(segment.size for segment in tuple(self._segments))

    @property
    def waiting(self) -> int:
        """Bytes that are still to be written."""
        return sum(segment.size - segment.read for segment in tuple(self._segments))

    def begin(self, opening: Opening) -> None:
        """Say to which run the entries belong that are appended from now on."""
        self._leave()
        self._run = opening.started
        self._openings[self._run] = opening
        self._opening = framed(self._run, _OPENING, encode(opening))

    def append(self, entries: Sequence[Numbered]) -> None:
        """Bring entries to disk, all of them or none.

        Raises
        ------
        SpoolFull
            If more would wait than may.
        OSError
            If the disk refuses.
        """
        data = b"".join(framed(self._run, number, entry) for number, entry in entries)
        size = self.size
        if size and size + len(self._opening) + len(data) > self._limit:
            full = f"{self.folder}: expected room for rounds that wait, was at its limit of {Size(self._limit)}"
            raise SpoolFull(f"{full}; see to the database, or raise `spool_limit`")
        file = self._turn() if self._file is None else self._file
        self._write(file, data if self._segments[-1].size else self._opening + data)

    def batches(self) -> Iterator[Batch]:
        """Yield what waits, oldest first; a batch counts as written when the next one is asked for."""
        for segment in tuple(self._segments):
            try:
                yield from self._of(segment)
            except OSError as error:
                # what follows it is not to wait for it
                self._complain(f"{segment.path}: expected to read it, was refused: {error.strerror}; it is passed over")
                segment.read = segment.size
            with self._change:
                if segment.read >= segment.size and not self._grows(segment):
                    self._remove(segment)

    def set_aside(self, batch: Batch, why: str) -> None:
        """Keep what the database refuses in a file of its own, and say so."""
        run = batch.opening.started
        path = self.folder / f"{run:020}-{batch.position}.refused"
        entries = [framed(run, batch.position, encode(entry)) for entry in batch.entries]
        with contextlib.suppress(OSError):
            path.write_bytes(b"".join((framed(run, _OPENING, encode(batch.opening)), *entries)))
        self._complain(f"{why}; entry {batch.position} of run {run} is left out, and kept as {path}")

    def close(self) -> None:
        """Let another process have it; what was written is removed."""
        self._leave()
        for segment in [each for each in self._segments if each.read >= each.size]:
            with contextlib.suppress(OSError):
                self._remove(segment)
        os.close(self._lock)

    def _grows(self, segment: _Segment) -> bool:
        return self._file is not None and segment is self._segments[-1]

    def _turn(self) -> int:
        """Go on in another file."""
        last = int(self._segments[-1].path.stem) if self._segments else 0
        path = self.folder / f"{max(self._run, last + 1):020}{_SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        with self._change:
            self._file = file
            self._segments.append(_Segment(path, 0))
        synced(self.folder)
        return file

    def _write(self, file: int, data: bytes) -> None:
        segment = self._segments[-1]
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError:
            # nobody knows what of it is on disk: what follows goes into another file
            with contextlib.suppress(OSError):
                os.ftruncate(file, segment.size)
            self._leave()
            with self._change, contextlib.suppress(OSError):
                if not segment.size:
                    self._remove(segment)
            raise
        segment.size += len(data)
        if segment.size >= self._segment_size:
            self._leave()

    def _leave(self) -> None:
        """Write no more into the file that is written into."""
        with self._change:
            file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _remove(self, segment: _Segment) -> None:
        if segment.damaged:
            segment.path.rename(segment.path.with_suffix(".damaged"))
        else:
            segment.path.unlink(missing_ok=True)
        self._segments.remove(segment)

    def _of(self, segment: _Segment) -> Iterator[Batch]:
        """Yield what of a file is still to be written, as far as it reaches by now."""
        gathered: list[Record] = []
        weight = 0
        for found in records(segment.bytes(), segment.read):
            if gathered and (weight > _BATCH or not _follows(gathered[-1], found)):
                yield from self._batch(segment, gathered)
                gathered, weight = [], 0
            if isinstance(found, Damage):
                self._pass_over(segment, found)
            elif found.number == _OPENING:
                self._open(found)
                segment.read = found.end
            else:
                gathered.append(found)
                weight += len(found.data)
        if gathered:
            yield from self._batch(segment, gathered)

    def _batch(self, segment: _Segment, gathered: Sequence[Record]) -> Iterator[Batch]:
        """Yield whole records as a batch, after which they are read."""
        run, first, last = gathered[0].run, gathered[0].number, gathered[-1]
        opening = self._openings.get(run) or self._elsewhere(run)
        entries = [entry for record in gathered if isinstance(entry := read(record.data), Entry)]
        if opening is None:
            told = f"expected the beginning of run {run}, which its entries {first} to {last.number} need, was damaged"
            self._tell(segment, f"{told}; they are passed over")
        elif len(entries) < len(gathered):
            told = f"expected entries of this version in run {run}, was something else among {first} to {last.number}"
            self._tell(segment, f"{told}; they are passed over")
        else:
            yield Batch(self.name, opening, last.number, entries)
        segment.read = last.end

    def _open(self, record: Record) -> None:
        opening = read(record.data)
        if isinstance(opening, Opening):
            self._openings.setdefault(record.run, opening)

    def _elsewhere(self, run: int) -> Opening | None:
        """Return how a run began, from another of its files."""
        for segment in tuple(self._segments):
            with contextlib.suppress(OSError):
                for found in records(segment.bytes()):
                    if isinstance(found, Record) and (found.run, found.number) == (run, _OPENING):
                        self._open(found)
        return self._openings.get(run)

    def _pass_over(self, segment: _Segment, damage: Damage) -> None:
        many = f"{damage.end - damage.start} bytes from {damage.start} on"
        if damage.cut:
            # of a round that was never taken: there is nothing to look at later
            self._complain(f"{segment.path}: expected whole entries, was cut short by a crash; {many} are passed over")
        else:
            self._tell(segment, f"expected whole entries, was damaged; {many} are passed over")
        segment.read = damage.end

    def _tell(self, segment: _Segment, problem: str) -> None:
        segment.damaged = True
        self._complain(f"{segment.path}: {problem}; it is kept as {segment.path.with_suffix('.damaged').name}")


def _follows(before: Record, found: Record | Damage) -> bool:
    return isinstance(found, Record) and (found.run, found.number) == (before.run, before.number + 1)
