"""Prices as votes: a whole number of 10^-decimals in 4 bytes, offset by 2^31; four zero bytes are no vote.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/data/FeedValueEncoder.ts`, read 2026-11-22.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np

from chrono_flare_ftso.protocol.errors import WireError

MAX_VOTE = 2**31 - 1
POWERS = {decimals: float(f"1e{decimals}") for decimals in range(-128, 128)} | {23: math.nextafter(1e23, math.inf)}
_EMPTY = -(2**31)
_SIGN = np.frombuffer(b"\x80\0\0\0", np.uint32)[0]
_SUBJECT = "vector of votes"


def encode_value(price: float | None, decimals: int) -> int | None:
    """Return the vote for a price: price · 10^decimals in doubles, halves rounded towards +infinity.

    Parameters
    ----------
    price : float or None
        Quote units per base unit; None is no price.
    decimals : int
        Decimals of the feed, -128 to 127.

    Returns
    -------
    int or None
        A number from -2^31 + 1 to 2^31 - 1. None is no vote: there is no price, it is not finite, or the vote would be
        out of range. The reference refuses the votes for all feeds of the round in the last two cases, and a commit is
        lost; here the other feeds keep theirs.

    Raises
    ------
    TypeError
        If the price or the decimals are no number, or a bool: a mistake of the caller.
    ValueError
        If the decimals are no int8: a mistake of the caller.

    Notes
    -----
    `POWERS` are the powers of ten as Node 24 has them, which the reference runs on (V8 13.6): the nearest doubles, but
    one unit more at 23. Node 20 (V8 11.3) has others at 35 exponents, among them -4 and -5 (measured 2026-11-22).

    Examples
    --------
    >>> encode_value(1.235, 2), encode_value(-2.5, 0), encode_value(0.49999999999999994, 0), encode_value(1e30, 2)
    (124, -2, 0, None)
    """
    if price is None:
        return None
    if type(price) is not float:
        price = _double(price)
    if type(decimals) is not int:
        raise TypeError(f"expected decimals that are an int, was {decimals!r}")
    try:
        scaled = price * POWERS[decimals]
    except KeyError:
        raise ValueError(f"expected decimals from -128 to 127, was {decimals}") from None
    return _rounded(scaled) if -MAX_VOTE - 0.5 <= scaled < MAX_VOTE + 0.5 else None


def pack(votes: Sequence[int | None]) -> bytes:
    """Return the vector of votes, without the empty ones at its end; one value stays even where all are empty.

    Parameters
    ----------
    votes : sequence of int or None
        One a feed, in canonical order, as `encode_value` returns them.

    Raises
    ------
    WireError
        If a vote is out of range.
    TypeError
        If a vote is neither an int nor None: a mistake of the caller.

    Examples
    --------
    >>> pack([123, None, -1, None]).hex(), pack([None, None]).hex()
    ('8000007b000000007fffffff', '00000000')
    """
    try:
        raw = struct.pack(f">{len(votes)}i", *votes)
    except struct.error:
        raw = _raw(votes)
    words = np.frombuffer(raw, np.uint32) ^ _SIGN
    if not words.all() and _EMPTY in votes:
        raise _refusal(votes)
    packed: bytes = words.tobytes()
    return packed[: max(-(-len(packed.rstrip(b"\0")) // 4), 1) * 4]


def unpack(data: bytes, feeds: int) -> tuple[int | None, ...]:
    """Return the votes of a vector, one a feed; those that are not in it are None.

    Parameters
    ----------
    data : bytes
        4 bytes a value; empty is fine.
    feeds : int
        How many feeds there are.

    Raises
    ------
    WireError
        If the last value is cut, or there are more values than feeds.

    Examples
    --------
    >>> unpack(bytes.fromhex("8000007b000000007fffffff"), 4)
    (123, None, -1, None)
    """
    size, cut = divmod(len(data), 4)
    if cut:
        raise WireError(_SUBJECT, 4 * size, "4 bytes of value", f"{cut} bytes")
    if size > feeds:
        raise WireError(_SUBJECT, 4 * feeds, f"the end after {feeds} values", f"{len(data) - 4 * feeds} bytes more")
    words = np.frombuffer(data, ">i4").astype(np.int32)
    votes: list[int | None] = (words ^ _EMPTY).tolist()
    for at in np.flatnonzero(words == 0).tolist():
        votes[at] = None
    return (*votes, *(None,) * (feeds - size))


def _double(price: object) -> float:
    """Return a number as the double that JSON would make of it."""
    if isinstance(price, bool) or not isinstance(price, int | float):
        raise TypeError(f"expected a price that is a float or None, was {price!r}")
    try:
        return float(price)
    except OverflowError:
        return math.inf


def _rounded(scaled: float) -> int:
    """Round halves towards +infinity; `floor(scaled + 0.5)` does not, where the sum is rounded itself."""
    below = math.floor(scaled)
    return below + 1 if scaled - below >= 0.5 else below


def _raw(votes: Sequence[int | None]) -> bytes:
    """Return votes as signed numbers, the smallest for those that are empty."""
    try:
        return struct.pack(f">{len(votes)}i", *[_EMPTY if vote is None else vote for vote in votes])
    except struct.error:
        raise _refusal(votes) from None


def _refusal(votes: Sequence[object]) -> WireError | TypeError:
    """Return the error for the first vote that does not fit."""
    at, vote = next((at, vote) for at, vote in enumerate(votes) if not _fits(vote))
    if isinstance(vote, SupportsIndex):
        return WireError(_SUBJECT, 4 * at, f"a vote from {-MAX_VOTE} to {MAX_VOTE}", str(vote))
    return TypeError(f"expected votes that are an int or None, was {vote!r}")


def _fits(vote: object) -> bool:
    return vote is None or (isinstance(vote, SupportsIndex) and abs(operator.index(vote)) <= MAX_VOTE)
