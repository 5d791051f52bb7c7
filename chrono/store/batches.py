"""What is written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chrono.store.entries import Entry, Opening


class Batch(NamedTuple):
    """Entries of one run, none left out between them.

    Attributes
    ----------
    spool : str
        The name of the spool that they came through.
    opening : Opening
        How their run began; what they refer to.
    position : int
        The number of the last of them, counted from 1 in their run.
    entries : sequence of Entry
        In their order.
    """

    spool: str
    opening: Opening
    position: int
    entries: Sequence[Entry]

    def after(self, position: int) -> Sequence[Entry]:
        """Return the entries that come after a number."""
        return self.entries[max(position - (self.position - len(self.entries)), 0) :]

    def halves(self) -> tuple[Batch, ...]:
        """Return it in two; a single entry as it is."""
        middle = len(self.entries) // 2
        if not middle:
            return (self,)
        position = self.position - len(self.entries) + middle
        return (
            self._replace(position=position, entries=self.entries[:middle]),
            self._replace(entries=self.entries[middle:]),
        )
