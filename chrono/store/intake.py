"""What waits to be brought to disk, in its order; while the disk refuses, in memory."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice

from chrono.store.batches import Batch
from chrono.store.entries import Entry, Opening, encode, read
from chrono.store.spool import Numbered, Spool

_MOST = 64_000_000
"""Bytes of entries that wait in memory while the disk refuses them."""

_BATCH = 100
"""Entries that are written in one transaction from memory."""


class Intake:
    """Numbers the entries of a run, and brings them to a spool."""

    def __init__(self, spool: Spool, opening: Opening, most: int = _MOST) -> None:
        spool.begin(opening)
        self._spool = spool
        self._opening = opening
        self._most = most
        self._number = 0
        self._waiting: deque[Numbered] = deque()
        self._weight = 0
        self._refused = False
        self._change = threading.Lock()
        self._disk = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many entries are not on disk yet."""
        return len(self._waiting)

    @property
    def load(self) -> float:
        """How much of what may wait in memory does, 1 for all."""
        return self._weight / self._most

    def add(self, entry: Entry) -> None:
        """Take the next entry of the run; it is not on disk yet."""
        data = encode(entry)
        with self._change:
            self._number += 1
            self._weight += len(data)
            self._waiting.append((self._number, data))

    def flush(self) -> bool:
        """Bring to disk what waits; say whether anything did.

        Raises
        ------
        OSError
            If the disk refuses.
        SpoolFull
            If the spool is at its limit.
        """
        with self._disk:
            with self._change:
                taken = tuple(self._waiting)
            if taken:
                self._refused = True
                self._spool.append(taken)
                self._refused = False
                self.written(taken[-1][0])
            return bool(taken)

    def batch(self) -> Batch | None:
        """Return the oldest of what the disk refused, for a database that has all else; None where there is none."""
        with self._disk, self._change:
            # what is on disk comes first
            held = self._refused and not self._spool.waiting
            taken = tuple(islice(self._waiting, _BATCH)) if held else ()
        if not taken:
            return None
        entries = [entry for _, data in taken if isinstance(entry := read(data), Entry)]
        return Batch(self._spool.name, self._opening, taken[-1][0], entries)

    def written(self, position: int) -> None:
        """Forget the entries up to a number: they are kept elsewhere."""
        with self._change:
            while self._waiting and self._waiting[0][0] <= position:
                self._weight -= len(self._waiting.popleft()[1])
