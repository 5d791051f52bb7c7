"""Records in a file, each of which is found again whatever became of those around it.

A record is a mark, its length, a checksum, the run it belongs to, its number there, and bytes. What is damaged is
passed over up to the next mark at which a whole record stands.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_MARK = b"\xf3chr"
_HEAD = struct.Struct("<4sIIqq")
_SUMMED = 12
"""Where in a head that begins which the checksum is of, beside the length."""


class Record(NamedTuple):
    """What was written, and where it ends."""

    run: int
    number: int
    data: bytes
    end: int


class Damage(NamedTuple):
    """Bytes that are no record; `cut` where the file ends before they do."""

    start: int
    end: int
    cut: bool


def framed(run: int, number: int, data: bytes) -> bytes:
    """Return a record as it is written.

    Examples
    --------
    >>> [(record.number, record.data) for record in records(framed(1, 2, b"three"))]
    [(2, b'three')]
    """
    head = _HEAD.pack(_MARK, len(data), 0, run, number)
    return head[:8] + struct.pack("<I", _checksum(head, data)) + head[_SUMMED:] + data


def records(data: bytes, start: int = 0) -> Iterator[Record | Damage]:
    """Yield the records of a file from a place on, and what is damaged between them."""
    while start < len(data):
        found = _record(data, start)
        if found is None:
            later = _next(data, start + 1)
            yield Damage(start, later, later == len(data) and _cut(data, start))
            start = later
        else:
            yield found
            start = found.end


def _record(data: bytes, start: int) -> Record | None:
    if len(data) - start < _HEAD.size:
        return None
    mark, length, checksum, run, number = _HEAD.unpack_from(data, start)
    begin, end = start + _HEAD.size, start + _HEAD.size + length
    if mark != _MARK or end > len(data):
        return None
    inner = data[begin:end]
    return Record(run, number, inner, end) if _checksum(data[start:begin], inner) == checksum else None


def _next(data: bytes, start: int) -> int:
    while (start := data.find(_MARK, start)) >= 0:
        if _record(data, start) is not None:
            return start
        start += 1
    return len(data)


def _cut(data: bytes, start: int) -> bool:
    """Return whether a file ends within the record that begins there."""
    left = len(data) - start
    if left < _HEAD.size:
        return _MARK.startswith(data[start : start + len(_MARK)])
    mark, length, *_ = _HEAD.unpack_from(data, start)
    return bool(mark == _MARK) and length > left - _HEAD.size


def _checksum(head: bytes, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(head[_SUMMED:], zlib.crc32(head[:8])))
