"""What is written in one transaction."""

from __future__ import annotations

import pytest

from chrono.store.batches import Batch
from tests.store.made import entry, opening

ENTRIES = [entry(number) for number in range(5)]
BATCH = Batch("spool", opening(), 9, ENTRIES)
"""Entries 5 to 9 of a run."""


@pytest.mark.parametrize(("position", "left"), [(0, 5), (4, 5), (5, 4), (8, 1), (9, 0), (20, 0)])
def test_entries_after_a_position_are_those_that_are_not_written(position: int, left: int) -> None:
    """The last ones of it."""
    assert BATCH.after(position) == ENTRIES[5 - left :]


def test_halves_are_the_whole_in_their_order() -> None:
    """Down to single entries, each with its own number."""
    first, second = BATCH.halves()
    assert [*first.entries, *second.entries] == ENTRIES
    assert (first.position, second.position) == (6, 9)
    (single,) = Batch("spool", opening(), 9, ENTRIES[:1]).halves()
    assert single.position == 9
