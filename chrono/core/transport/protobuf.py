"""Frames of protocol buffers, read by field: what few messages need, without generated code."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

_VARINT, _FIXED64, _BYTES = 0, 1, 2


def protobuf_fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Yield the fields of a message by their numbers, in the order of the wire.

    A varint is a whole number, eight bytes are a double, and what has a length is bytes: text, or a message again.

    Raises
    ------
    ValueError
        If the message ends in the middle, or holds another kind of field.

    References
    ----------
    .. [1] https://protobuf.dev/programming-guides/encoding/ (base 128 varints, message structure, length-delimited
       records), read 2026-11-22.

    Examples
    --------
    >>> list(protobuf_fields(bytes.fromhex("0a 07 74 65 73 74 69 6e 67 10 96 01")))
    [(1, b'testing'), (2, 150)]
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value, at = _field(data, at, key & 7)
        yield key >> 3, value


def protobuf_named(data: bytes, names: Mapping[int, Any]) -> dict[str, Any]:
    """Return the fields of a message that have a name, ready for `msgspec.convert`; the last where one comes twice.

    Parameters
    ----------
    data : bytes
        The message.
    names : mapping
        By their numbers: the name of a number or of a text; `(name, names)` of a message; `(name, [names])` of a
        message that may come several times.

    Raises
    ------
    ValueError
        If it is damaged, or a field is of another kind than its name says.

    Examples
    --------
    >>> names = {1: "channel", 2: ("body", [{1: "price"}])}
    >>> protobuf_named(bytes.fromhex("0a 01 61 12 03 0a 01 31 12 03 0a 01 32"), names)
    {'channel': 'a', 'body': [{'price': '1'}, {'price': '2'}]}
    """
    found: dict[str, Any] = {}
    for number, value in protobuf_fields(data):
        match names.get(number), value:
            case None, _:
                continue
            case str(name), _:
                found[name] = value.decode() if isinstance(value, bytes) else value
            case (name, [inner]), bytes():
                found.setdefault(name, []).append(protobuf_named(value, inner))
            case (name, inner), bytes():
                found[name] = protobuf_named(value, inner)
            case _:
                raise ValueError(f"expected a message in field {number}, was {value!r}")
    return found


def _field(data: bytes, at: int, kind: int) -> tuple[int | float | bytes, int]:
    if kind == _VARINT:
        return _varint(data, at)
    if kind not in {_FIXED64, _BYTES}:
        raise ValueError(f"expected a varint, a double or bytes, was wire type {kind}")
    size, at = (8, at) if kind == _FIXED64 else _varint(data, at)
    part = data[at : at + size]
    if len(part) < size:
        raise ValueError(f"expected {size} bytes, was {len(part)}")
    return struct.unpack("<d", part)[0] if kind == _FIXED64 else part, at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("expected the end of a varint within ten bytes")
