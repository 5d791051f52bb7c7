"""Transactions with a base fee and a tip (type 2), to bytes and back.

RLP is its own here: of all of it a transaction needs strings, and one list of them, which is less than the package
would bring along; and what is read back has to be refused where it is not the shortest form, as nodes refuse it.

Source: EIP-1559, "Specification"; EIP-2718 for the first byte; Ethereum Yellow Paper, appendix B (RLP); read
2026-11-23.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import Signature, recover
from chrono_flare_ftso.protocol.wire import Reader, fixed

TYPE = 2
_ADDRESS = 20
_SIGNED_FIELDS = 12

Item = bytes | list["Item"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that is not signed yet.

    Parameters
    ----------
    chain_id, nonce : int
        Which chain, and which of the sender's transactions it is.
    max_priority_fee, max_fee : int
        What goes to the block's maker, and what is paid in all, at most; wei per gas.
    gas : int
        Limit.
    to : bytes
        20 bytes; no contract is made here.
    data : bytes
        Calldata.
    value : int
        Wei.

    Examples
    --------
    >>> transaction = Transaction(14, 7, 10**9, 10**11, 21_000, bytes(20), b"")
    >>> transaction.preimage().hex()[:26], len(transaction.preimage())
    ('02e80e07843b9aca0085174876', 42)
    """

    chain_id: int
    nonce: int
    max_priority_fee: int
    max_fee: int
    gas: int
    to: bytes
    data: bytes
    value: int = 0

    def preimage(self) -> bytes:
        """Return the bytes whose keccak256 is signed.

        Raises
        ------
        WireError
            If the address has not 20 bytes, or a number is negative.
        """
        return bytes([TYPE]) + rlp(self._items())

    def signed(self, signature: Signature) -> bytes:
        """Return the bytes that are sent.

        Raises
        ------
        WireError
            If v is neither 27 nor 28, or a part of the signature has another size.
        """
        if signature.v not in {27, 28}:
            raise WireError("transaction", 0, "a signature with v of 27 or 28", str(signature.v))
        r, s = fixed(signature.r, 32, "r"), fixed(signature.s, 32, "s")
        parts: list[Item] = [_number(signature.v - 27), r.lstrip(b"\0"), s.lstrip(b"\0")]
        return bytes([TYPE]) + rlp([*self._items(), *parts])

    def cost(self) -> int:
        """Return what it costs at most, wei; the sender has to have that much.

        Examples
        --------
        >>> Transaction(14, 7, 10**9, 10**11, 21_000, bytes(20), b"").cost()
        2100000000000000
        """
        return self.gas * self.max_fee + self.value

    def _items(self) -> list[Item]:
        numbers = (self.chain_id, self.nonce, self.max_priority_fee, self.max_fee, self.gas)
        to = fixed(self.to, _ADDRESS, "address")
        return [*map(_number, numbers), to, _number(self.value), self.data, []]


@dataclass(frozen=True)
class Signed:
    r"""A transaction as it is sent.

    Parameters
    ----------
    raw : bytes
        Its bytes.
    transaction : Transaction
        What they say.
    signature : Signature
        What they are signed with.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.signatures import address_of, sign
    >>> transaction, key = Transaction(14, 7, 10**9, 10**11, 21_000, bytes(20), b""), bytes(31) + b"\x01"
    >>> raw = transaction.signed(sign(keccak256(transaction.preimage()), key))
    >>> signed = Signed.decode(raw)
    >>> signed.transaction == transaction, signed.sender == address_of(key)
    (True, True)
    """

    raw: bytes
    transaction: Transaction
    signature: Signature

    @cached_property
    def hash(self) -> bytes:
        """The 32 bytes that it is known by, before it is sent."""
        return keccak256(self.raw)

    @cached_property
    def sender(self) -> bytes:
        """The 20 bytes of the address whose key signed it."""
        return recover(keccak256(self.transaction.preimage()), self.signature)

    @classmethod
    def decode(cls, raw: bytes) -> Signed:
        """Return the transaction that bytes encode.

        Raises
        ------
        WireError
            If they are no signed transaction of type 2 to an address, without an access list, in their shortest form.
        """
        if raw[:1] != bytes([TYPE]):
            raise WireError("transaction", 0, f"type {TYPE}", f"0x{raw[:1].hex()}" if raw else "the end")
        found = unrlp(raw[1:])
        if not isinstance(found, list) or len(found) != _SIGNED_FIELDS:
            was = f"{len(found)}" if isinstance(found, list) else "bytes"
            raise WireError("transaction", 1, f"a list of {_SIGNED_FIELDS}", was)
        if found[8] != []:
            raise WireError("transaction", 1, "an empty access list", "another")
        texts = [_string(each) for each in (*found[:8], *found[9:])]
        chain_id, nonce, tip, fee, gas = map(_read, texts[:5])
        to, value, data, parity, r, s = texts[5], _read(texts[6]), texts[7], _read(texts[8]), texts[9], texts[10]
        if len(to) != _ADDRESS or parity > 1 or len(r) > 32 or len(s) > 32:
            raise WireError("transaction", 1, "an address, a parity of 0 or 1, and r and s of 32 bytes", "another")
        _read(r), _read(s)
        signature = Signature(27 + parity, r.rjust(32, b"\0"), s.rjust(32, b"\0"))
        return cls(bytes(raw), Transaction(chain_id, nonce, tip, fee, gas, to, data, value), signature)


def rlp(item: Item) -> bytes:
    r"""Return the RLP encoding of bytes, or of a list.

    Examples
    --------
    >>> rlp([b"cat", b"dog"]).hex(), rlp(b"").hex(), rlp(b"\x0f").hex()
    ('c88363617483646f67', '80', '0f')
    """
    if isinstance(item, list):
        body = b"".join(map(rlp, item))
        return _head(len(body), 0xC0) + body
    return bytes(item) if len(item) == 1 and item[0] < 0x80 else _head(len(item), 0x80) + item


def unrlp(data: bytes) -> Item:
    """Return what RLP encodes.

    Raises
    ------
    WireError
        If it is cut off, followed by more, or not in its shortest form.

    Examples
    --------
    >>> unrlp(bytes.fromhex("c88363617483646f67"))
    [b'cat', b'dog']
    """
    reader = Reader(data, "RLP")
    found = _item(reader)
    reader.end()
    return found


def _item(reader: Reader) -> Item:
    first = reader.uint(1, "a head")
    if first < 0x80:
        return bytes([first])
    base = 0xC0 if first >= 0xC0 else 0x80
    size = first - base
    if size > 55:
        wide = size - 55
        size = reader.uint(wide, "length")
        if size <= 55 or size < 1 << 8 * (wide - 1):
            raise reader.refuse(wide, "the shortest form", "a longer one")
    body = reader.take(size, "content")
    if base == 0x80:
        if size == 1 and body[0] < 0x80:
            raise reader.refuse(2, "the shortest form", "a longer one")
        return body
    inner, items = Reader(body, "RLP"), []
    while inner.left:
        items.append(_item(inner))
    return items


def _head(size: int, base: int) -> bytes:
    if size <= 55:
        return bytes([base + size])
    told = _number(size)
    return bytes([base + 55 + len(told)]) + told


def _number(value: int) -> bytes:
    """Return a number in as few bytes as it takes: none for 0."""
    if value < 0:
        raise WireError("transaction", 0, "a number from 0", str(value))
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _read(text: bytes) -> int:
    if text[:1] == b"\0":
        raise WireError("transaction", 1, "a number without leading zeros", "one with them")
    return int.from_bytes(text, "big")


def _string(item: Item) -> bytes:
    if isinstance(item, list):
        raise WireError("transaction", 1, "bytes", "a list")
    return item
