"""Keccak-256 as Ethereum has it: the padding of the competition, not of SHA-3 (FIPS 202)."""

from __future__ import annotations

from Crypto.Hash import keccak as _keccak


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte hash.

    Examples
    --------
    >>> keccak256(b"").hex()
    'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
    """
    return _keccak.new(digest_bits=256, data=data).digest()
