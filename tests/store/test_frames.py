"""Records in a file: what is whole is found, whatever became of the rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chrono.store.frames import Damage, Record, framed, records

SEVERAL = [b"one", b"", b"three" * 100, b"\xf3chr in the middle of it"]
FILE = b"".join(framed(7, number, data) for number, data in enumerate(SEVERAL, 1))


def found(data: bytes) -> dict[int, bytes]:
    """Return what is read of a file, by number."""
    return {each.number: each.data for each in records(data) if isinstance(each, Record)}


def test_what_was_written_is_read() -> None:
    """Bytes, numbers and the run, in their order; each says where it ends."""
    read = list(records(FILE))
    assert [each.data for each in read if isinstance(each, Record)] == SEVERAL
    assert [(each.run, each.number) for each in read if isinstance(each, Record)] == [(7, n) for n in (1, 2, 3, 4)]
    assert read[-1].end == len(FILE)


def test_reading_goes_on_from_where_it_ended() -> None:
    """The end of one is where the next begins."""
    first = next(iter(records(FILE)))
    assert [each.number for each in records(FILE, first.end) if isinstance(each, Record)] == [2, 3, 4]


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_byte_that_changed_costs_one_record_at_most(place: int, change: int) -> None:
    """Whatever byte it is: the length, the mark, the checksum or the data."""
    spoilt = bytearray(FILE)
    spoilt[place] ^= change
    left = found(bytes(spoilt))
    assert len(left) >= len(SEVERAL) - 1
    assert all(left[number] == SEVERAL[number - 1] for number in left)
    assert any(isinstance(each, Damage) for each in records(bytes(spoilt)))


@given(st.integers(0, len(FILE)))
def test_a_file_that_ends_early_keeps_what_is_whole(end: int) -> None:
    """What is missing at the end is told as cut, which is no damage within."""
    read = list(records(FILE[:end]))
    whole = [each for each in read if isinstance(each, Record)]
    assert [each.data for each in whole] == SEVERAL[: len(whole)]
    assert [each.cut for each in read if isinstance(each, Damage)] in ([], [True])


@given(st.integers(0, len(FILE)), st.integers(0, len(FILE)))
def test_bytes_that_are_gone_hide_nothing_behind_them(start: int, many: int) -> None:
    """A hole in the file costs the records that it touches."""
    left = found(FILE[:start] + FILE[start + many :])
    assert all(left[number] == SEVERAL[number - 1] for number in left)
    ends = [each.end for each in records(FILE)]
    begins = [0, *ends[:-1]]
    untouched = [n for n, (b, e) in enumerate(zip(begins, ends, strict=True), 1) if e <= start or b >= start + many]
    assert set(untouched) <= set(left)


def test_bytes_of_something_else_are_told_once() -> None:
    """All of them, as what they are: damage."""
    assert list(records(b"x" * 1000)) == [Damage(0, 1000, cut=False)]
    assert list(records(b"")) == []
