"""Solidity's ABI encoding, the part that the protocol hashes, signs, sends and reads in events.

Types are `uint8` … `uint256`, `int8` … `int256`, `bool`, `address`, `bytes1` … `bytes32`, `bytes`, `string`, arrays
`T[]` and `T[n]`, and tuples `(T,U)`. Addresses are 20 `bytes`. Encoding is `abi.encode`, never packed.

Source: Solidity documentation, *Contract ABI Specification*, "Formal Specification of the Encoding", read 2026-11-22.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.keccak import keccak256

WORD = 32


def encode(types: str, *values: Any) -> bytes:
    """Return the encoding of values, as ``abi.encode(values…)``.

    Parameters
    ----------
    types : str
        One type a value, separated by commas: ``"uint32,address,bytes"``.
    *values : int, bool, bytes, str or sequence
        One for each type.

    Raises
    ------
    WireError
        If a value does not fit its type; it names the type.
    ValueError
        If `types` is not a list of types: a mistake of the caller.

    Examples
    --------
    >>> encode("uint32,bool", 7, True).hex()[56:64], len(encode("bytes", b"abc"))
    ('00000007', 96)
    """
    return _tuple(types).encode(values)


def decode(types: str, data: bytes, what: str = "ABI data") -> tuple[Any, ...]:
    """Return the values that `data` encodes.

    Parameters
    ----------
    types : str
        As in `encode`.
    data : bytes
        Without a selector. What follows the last value is not read.
    what : str
        What is decoded, for errors.

    Returns
    -------
    tuple
        Numbers as int, addresses and bytes as bytes, arrays and tuples as tuple.

    Raises
    ------
    WireError
        If data ends early, an offset leads outside, or padding is not zero; it says which byte.

    Examples
    --------
    >>> decode("uint32,bytes", encode("uint32,bytes", 7, b"abc"))
    (7, b'abc')
    """
    values: tuple[Any, ...] = _tuple(types).decode(_Data(data, what), 0)
    return values


def selector(signature: str) -> bytes:
    """Return the 4 bytes that select a function.

    Examples
    --------
    >>> selector("submit1()").hex()
    '6c532fae'
    """
    return keccak256(signature.encode())[:4]


def topic(signature: str) -> bytes:
    """Return the 32 bytes that an event's logs start with.

    Examples
    --------
    >>> topic("RewardEpochStarted(uint24,uint32,uint64)").hex()[:8]
    '4abb62ab'
    """
    return keccak256(signature.encode())


class _Data:
    """Bytes that are decoded, and what they are."""

    __slots__ = ("bytes", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self.bytes = bytes(data)
        self.what = what

    def take(self, at: int, size: int, expected: str) -> bytes:
        if at + size > len(self.bytes):
            raise self.refuse(at, f"{size} bytes of {expected}", f"{max(len(self.bytes) - at, 0)}")
        return self.bytes[at : at + size]

    def number(self, at: int, expected: str) -> int:
        return int.from_bytes(self.take(at, WORD, expected), "big")

    def room(self, at: int, expected: str) -> int:
        """Return an offset or a length, which can never be more than there are bytes."""
        found = self.number(at, expected)
        if found > len(self.bytes):
            raise self.refuse(at, f"{expected} of at most {len(self.bytes)}", str(found))
        return found

    def refuse(self, at: int, expected: str, was: str) -> WireError:
        return WireError(self.what, at, expected, was)


class _Type(ABC):
    """One ABI type: `size` bytes in the head, which hold an offset where it is dynamic."""

    name: str
    size: int = WORD
    dynamic: bool = False

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """Return a value's bytes, without an offset to them."""

    @abstractmethod
    def decode(self, data: _Data, at: int) -> Any:
        """Return the value that stands at `at`."""

    def refuse(self, value: object) -> WireError:
        text = repr(value)
        return WireError(self.name, 0, f"a value of {self.name}", text if len(text) <= 80 else f"{text[:80]}…")


class _Integer(_Type):
    def __init__(self, name: str, bits: int, *, signed: bool) -> None:
        self.name = name
        self.low, self.high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value < self.high:
            raise self.refuse(value)
        return value.to_bytes(WORD, "big", signed=value < 0)

    def decode(self, data: _Data, at: int) -> int:
        value = data.number(at, self.name)
        if self.low and value >> 255:
            value -= 1 << 256
        if not self.low <= value < self.high:
            raise data.refuse(at, f"a value of {self.name}", str(value))
        return value


class _Bool(_Type):
    name = "bool"

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value.to_bytes(WORD, "big")

    def decode(self, data: _Data, at: int) -> bool:
        value = data.number(at, self.name)
        if value > 1:
            raise data.refuse(at, "0 or 1", str(value))
        return bool(value)


class _Fixed(_Type):
    """`address` at the right end of its word, `bytesN` at the left."""

    def __init__(self, name: str, width: int, *, right: bool = False) -> None:
        self.name = name
        self.width = width
        self.right = right

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes | bytearray) or len(value) != self.width:
            raise self.refuse(value)
        return bytes(value).rjust(WORD, b"\0") if self.right else bytes(value).ljust(WORD, b"\0")

    def decode(self, data: _Data, at: int) -> bytes:
        word = data.take(at, WORD, self.name)
        skip = WORD - self.width if self.right else 0
        value = word[skip : skip + self.width]
        if self.encode(value) != word:
            raise data.refuse(at, f"{self.name} padded with zeros", word.hex())
        return value


class _Bytes(_Type):
    name = "bytes"
    dynamic = True

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes | bytearray):
            raise self.refuse(value)
        return len(value).to_bytes(WORD, "big") + value + bytes(-len(value) % WORD)

    def decode(self, data: _Data, at: int) -> Any:
        return data.take(at + WORD, data.room(at, "a length"), self.name)


class _String(_Bytes):
    name = "string"

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise self.refuse(value)
        return super().encode(value.encode())

    def decode(self, data: _Data, at: int) -> str:
        raw: bytes = super().decode(data, at)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise data.refuse(at + WORD + error.start, "text in UTF-8", f"0x{raw[error.start]:02x}") from None


class _Tuple(_Type):
    def __init__(self, members: Sequence[_Type], name: str = "") -> None:
        self.name = name or f"({','.join(member.name for member in members)})"
        self.members = members
        self.head = sum(member.size for member in members)
        self.dynamic = any(member.dynamic for member in members)
        self.size = WORD if self.dynamic else self.head

    def encode(self, value: Any) -> bytes:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) != len(self.members):
            raise self.refuse(value)
        heads, tails, end = [], [], self.head
        for member, item in zip(self.members, value, strict=True):
            raw = member.encode(item)
            if member.dynamic:
                heads.append(end.to_bytes(WORD, "big"))
                tails.append(raw)
                end += len(raw)
            else:
                heads.append(raw)
        return b"".join(heads + tails)

    def decode(self, data: _Data, at: int) -> tuple[Any, ...]:
        values, head = [], at
        for member in self.members:
            start = at + data.room(head, "an offset") if member.dynamic else head
            values.append(member.decode(data, start))
            head += member.size
        return tuple(values)


class _Array(_Type):
    dynamic = True

    def __init__(self, member: _Type) -> None:
        self.name = f"{member.name}[]"
        self.member = member

    def encode(self, value: Any) -> bytes:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise self.refuse(value)
        return len(value).to_bytes(WORD, "big") + _Tuple([self.member] * len(value), self.name).encode(value)

    def decode(self, data: _Data, at: int) -> tuple[Any, ...]:
        length = data.room(at, "a length")
        data.take(at + WORD, length * self.member.size, f"{length} of {self.member.name}")
        return _Tuple([self.member] * length, self.name).decode(data, at + WORD)


@lru_cache(maxsize=256)
def _tuple(types: str) -> _Tuple:
    return _Tuple([_type(name) for name in _split(types)])


def _split(types: str) -> list[str]:
    """Return the types of a list, commas within brackets left alone."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(types):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append(types[start:at])
            start = at + 1
    parts.append(types[start:])
    return [part.strip() for part in parts] if types else []


def _type(name: str) -> _Type:
    if name.endswith("]"):
        member, _, length = name[:-1].rpartition("[")
        return _Tuple([_type(member)] * int(length), name) if length else _Array(_type(member))
    if name.startswith("(") and name.endswith(")"):
        return _tuple(name[1:-1])
    plain = {"address": _Fixed("address", 20, right=True), "bool": _Bool(), "bytes": _Bytes(), "string": _String()}
    if name in plain:
        return plain[name]
    kind = name.rstrip("0123456789")
    width = int(name[len(kind) :] or 0)
    if kind in {"uint", "int"} and width in range(8, 257, 8):
        return _Integer(name, width, signed=kind == "int")
    if kind == "bytes" and width in range(1, 33):
        return _Fixed(name, width)
    raise ValueError(f"{name!r}: expected an ABI type, such as uint256, address, bytes21 or (uint8,bytes32)[]")
