"""What is said between a provider and the process that holds its keys: frames of a length and MessagePack.

The provider starts with `Start`, once, and is answered `Opened` or `Refused`; from then on it sends `Sign`, and each
is answered by `Signed` or `Refused` with its number. There is nothing else to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from pydantic import SecretStr

from chrono_flare_ftso.keys.keystore import LocalKey

LARGEST = 1 << 20
"""Bytes of a frame; what a node takes as a transaction is an eighth of it."""

_HEAD = 4


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Which keys to open, and what they sign.

    Parameters
    ----------
    keys : dict of str to LocalKey
        By role.
    chain_id : int
        Of the transactions.
    contracts : list of bytes
        To whom they may go.
    """

    keys: dict[str, LocalKey]
    chain_id: int
    contracts: list[bytes]


class Sign(msgspec.Struct, frozen=True, tag="sign"):
    """A request for a signature of keccak256(preimage)."""

    id: int
    role: str
    preimage: bytes


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """All keys are open: the address of each role."""

    addresses: dict[str, bytes]


class Signed(msgspec.Struct, frozen=True, tag="signed"):
    """65 bytes: v, r, s."""

    id: int
    signature: bytes


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there is no signature, or, with the number 0, why the keys are not open."""

    problems: list[str]
    id: int = 0


class BrokenFrame(Exception):
    """What came is no frame of this protocol; its words would tell what it holds, so it has none."""


def packed(message: msgspec.Struct) -> bytes:
    """Return the frame of a message.

    Examples
    --------
    >>> packed(Refused(["no"])).hex()[:8]
    '0000001f'
    """
    body = msgspec.msgpack.encode(message, enc_hook=_shown)
    return len(body).to_bytes(_HEAD, "big") + body


def unpacked(body: bytes, kind: Any) -> Any:
    """Return the message of a frame's content; `kind` is a message or a union of some.

    Raises
    ------
    BrokenFrame
        If it is none of these.
    """
    try:
        return msgspec.msgpack.decode(body, type=kind, dec_hook=_hidden)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BrokenFrame from None


class Frames:
    r"""Cuts what comes over a stream into frames.

    Examples
    --------
    >>> frames = Frames()
    >>> [*frames.feed(bytes.fromhex("00000002ab"))], [*frames.feed(bytes.fromhex("cd00"))]
    ([], [b'\xab\xcd'])
    """

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the frames that are whole with these bytes.

        Raises
        ------
        BrokenFrame
            If one is longer than `LARGEST`.
        """
        self._left += data
        while len(self._left) >= _HEAD:
            size = int.from_bytes(self._left[:_HEAD], "big")
            if size > LARGEST:
                raise BrokenFrame
            if len(self._left) < _HEAD + size:
                return
            body = bytes(self._left[_HEAD : _HEAD + size])
            del self._left[: _HEAD + size]
            yield body


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise NotImplementedError


def _hidden(kind: type, value: Any) -> Any:
    if kind is SecretStr:
        return SecretStr(value)
    raise NotImplementedError
