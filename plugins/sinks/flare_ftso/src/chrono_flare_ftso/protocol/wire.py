"""Big-endian bytes, read from the front: every mistake says which byte."""

from __future__ import annotations

from chrono_flare_ftso.protocol.errors import WireError


class Reader:
    """Reads fields off the front of bytes.

    Parameters
    ----------
    data : bytes
        What is read.
    subject : str
        What it is, for errors.
    start : int
        Where this reading starts.

    Examples
    --------
    >>> reader = Reader(bytes.fromhex("640000000a"), "head of a message")
    >>> reader.uint(1, "protocol id"), reader.uint(4, "voting round"), reader.left
    (100, 10, 0)
    """

    __slots__ = ("at", "data", "subject")

    def __init__(self, data: bytes, subject: str, start: int = 0) -> None:
        self.data = data
        self.subject = subject
        self.at = start

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.at

    def take(self, size: int, what: str) -> bytes:
        """Return the next `size` bytes; raise `WireError` where fewer are left."""
        if self.left < size:
            was = f"{self.left} bytes" if self.left else "the end"
            raise WireError(self.subject, self.at, f"{size} bytes of {what}", was)
        self.at += size
        return self.data[self.at - size : self.at]

    def uint(self, size: int, what: str) -> int:
        """Return the next `size` bytes as an unsigned number."""
        return int.from_bytes(self.take(size, what), "big")

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(self.left, "the rest")

    def end(self) -> None:
        """Raise `WireError` where anything is left."""
        if self.left:
            raise WireError(self.subject, self.at, "the end", f"{self.left} bytes more")

    def refuse(self, back: int, expected: str, was: object) -> WireError:
        """Return the error for a field that started `back` bytes ago."""
        return WireError(self.subject, self.at - back, expected, str(was))


def uint(value: int, size: int, what: str) -> bytes:
    """Return a number as `size` big-endian bytes.

    Raises
    ------
    WireError
        If it is negative or too large.

    Examples
    --------
    >>> uint(100, 2, "length").hex()
    '0064'
    """
    if not 0 <= value < 1 << 8 * size:
        raise WireError(what, 0, f"a number from 0 to 2^{8 * size} - 1", str(value))
    return value.to_bytes(size, "big")


def fixed(value: bytes, size: int, what: str) -> bytes:
    """Return `value`, which must have `size` bytes.

    Raises
    ------
    WireError
        If it is shorter or longer.
    """
    if len(value) != size:
        raise WireError(what, min(len(value), size), f"{size} bytes", f"{len(value)} bytes")
    return bytes(value)
