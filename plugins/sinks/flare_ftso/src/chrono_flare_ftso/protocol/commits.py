"""Commit and reveal: the hash that submit1 carries, and the random and the values that submit2 shows afterwards.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/data/CommitData.ts` and `RevealData.ts`,
read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.values import unpack
from chrono_flare_ftso.protocol.wire import Reader, fixed


@dataclass(frozen=True, slots=True)
class Reveal:
    """What a provider reveals.

    Parameters
    ----------
    random : bytes
        32 bytes.
    votes : tuple of int or None
        One a feed, in canonical order.
    vector : bytes
        The bytes that the votes were read from. The commit is the hash of these: a sender may leave empty votes at
        the end or drop them, so votes that are packed again need not give the bytes that were sent.
    """

    random: bytes
    votes: tuple[int | None, ...]
    vector: bytes


def commit_hash(submit_address: bytes, round: int, random: bytes, vector: bytes) -> bytes:
    """Return the 32 bytes that bind a provider to its values: keccak256 of `(address, uint32, uint256, bytes)`.

    Parameters
    ----------
    submit_address : bytes
        20 bytes; the sender of both transactions.
    round : int
        The round that the values are for.
    random : bytes
        32 bytes of a secure source, new for each commit. They appear in no error.
    vector : bytes
        As `values.pack` returns it; any bytes can be committed to.

    Raises
    ------
    WireError
        If the address or the round does not fit its type, or the random has not 32 bytes.

    Examples
    --------
    >>> commit_hash(bytes(20), 1, bytes(32), bytes.fromhex("8000007b")).hex()[:16]
    'a05b4c22562259b5'
    """
    sized = fixed(random, 32, "random")
    return keccak256(abi.encode("address,uint32,bytes32,bytes", submit_address, round, sized, vector))


def decode_commit(payload: bytes) -> bytes:
    """Return the hash that a payload of submit1 is.

    Raises
    ------
    WireError
        If the payload has not exactly 32 bytes.
    """
    return fixed(payload, 32, "commit payload")


def encode_reveal(random: bytes, vector: bytes) -> bytes:
    """Return the payload of submit2.

    Raises
    ------
    WireError
        If the random has not 32 bytes.

    Examples
    --------
    >>> encode_reveal(bytes(32), bytes.fromhex("8000007b"))[-5:].hex()
    '008000007b'
    """
    return fixed(random, 32, "random") + vector


def decode_reveal(payload: bytes, feeds: int) -> Reveal:
    """Return what a payload of submit2 reveals.

    Parameters
    ----------
    payload : bytes
        The random and then a vector, which may be empty: a vote for nothing.
    feeds : int
        How many feeds the reward epoch of the round has.

    Raises
    ------
    WireError
        If there are fewer than 32 bytes, or the vector is cut within a value or has more values than feeds.

    Examples
    --------
    >>> decode_reveal(bytes(32) + bytes.fromhex("8000007b"), 2).votes
    (123, None)
    """
    reader = Reader(payload, "reveal payload")
    random = reader.take(32, "random")
    vector = reader.rest()
    return Reveal(random, unpack(vector, feeds), vector)
