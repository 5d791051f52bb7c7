"""Messages as they go over the wire: frames of RFC 6455, section 5.2, which a server sends unmasked."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

SECOND = 1_000_000_000

_FINAL = 0x80
_TEXT, _BINARY = 0x1, 0x2


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A message to send."""

    payload: bytes
    binary: bool = False

    def encode(self) -> bytes:
        r"""Return the bytes to send: the payload with its opcode and length before it.

        Examples
        --------
        >>> Frame(b"{}").encode()
        b'\x81\x02{}'
        """
        size = len(self.payload)
        first = _FINAL | (_BINARY if self.binary else _TEXT)
        if size < 126:
            return bytes((first, size)) + self.payload
        if size < 65536:
            return bytes((first, 126, size >> 8, size & 255)) + self.payload
        return bytes((first, 127)) + size.to_bytes(8) + self.payload


def say(value: Any) -> Frame:
    """Return a message in JSON."""
    return Frame(msgspec.json.encode(value))


def iso(ts: int, decimals: int = 6) -> str:
    """Return nanoseconds since the Unix epoch as RFC 3339.

    Examples
    --------
    >>> iso(1_795_342_500_123_456_789)
    '2026-11-22T10:15:00.123456Z'
    """
    return f"{_second(ts // SECOND)}.{ts % SECOND:09d}"[: 20 + decimals].removesuffix(".") + "Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def plain(value: float, decimals: int = 8) -> str:
    """Return a number as venues write it in text.

    Examples
    --------
    >>> plain(0.000012), plain(67123.1)
    ('0.00001200', '67123.10000000')
    """
    return f"{value:.{decimals}f}"


def text(value: float) -> str:
    """Write a number without zeros at its end.

    Examples
    --------
    >>> text(67123.10), text(0.000012), text(400.0)
    ('67123.1', '0.000012', '400')
    """
    return plain(value, 10).rstrip("0").rstrip(".")


def milliseconds(ts: int | None) -> int:
    """Return nanoseconds since the Unix epoch as milliseconds, 0 for none.

    Examples
    --------
    >>> milliseconds(1_795_342_500_123_456_789)
    1795342500123
    """
    return (ts or 0) // 1_000_000
