"""Weighted median and quartiles of votes, one feed at a time or all feeds of a round at once.

Votes are whole numbers, weights whole numbers of any size; nothing is rounded but the mean of two middle votes.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/ftso-calculation/ftso-median.ts`, read 2026-11-22.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate, chain
from math import gcd
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chrono_flare_ftso.protocol.errors import NoResult, WireError

Words = NDArray[np.uint32]

_NO_VOTE = 2**31
_HALF_KEY = np.uint64(32)
_VOTER = np.uint64(2**32 - 1)
# feeds at a time: larger arrays are mapped anew at every call, and their page faults cost as much as the sums
_BLOCK = 512


class Median(NamedTuple):
    """The middle of a feed's votes.

    Parameters
    ----------
    value : int or None
        The weighted median; None where nobody voted, which a leaf says as 0.
    quartile1, quartile3 : int or None
        The votes at a quarter of the weight from below and from above; None where no weight voted.
    participating : int
        Weight of those who voted.
    """

    value: int | None
    quartile1: int | None
    quartile3: int | None
    participating: int


_EMPTY = Median(None, None, None, 0)
# what Median's own constructor does, in half the time
_made: Callable[[Iterable[int]], Median] = partial(tuple.__new__, Median)


class _Scale(NamedTuple):
    """Weights of any size in 64 bits.

    `small` are weights short of the true ones by less than 1, in units in which all together fit 62 bits, and a last
    one of 0; by less than `margin` a sum of them decides nothing (0: they are exact). `limbs` are the whole weights,
    shape (limbs, voters), the lowest first, each of so few `bits` that sums do not overflow.
    """

    small: NDArray[np.int64]
    margin: int
    limbs: NDArray[np.int64]
    bits: int


def weighted_median(votes: Sequence[int | None], weights: Sequence[int]) -> Median:
    """Return the weighted median and the quartiles of one feed.

    With votes ascending, equal ones in the order of the voters, and W the weight of those who voted: the median is the
    first vote at which the cumulated weight reaches W/2; where it is W/2 exactly, the mean of this and the next vote,
    rounded down, even where the next vote has no weight. The first quartile is the first vote at which the cumulated
    weight exceeds ⌊W/4⌋, the third one the same from above.

    Parameters
    ----------
    votes : sequence of int or None
        One per voter, in the order of the signing policy; None is no vote.
    weights : sequence of int
        One per voter, not negative.

    Raises
    ------
    NoResult
        If the only vote has no weight: the reference has no answer. Of several votes without any weight it takes the
        mean of the lowest two, and no quartiles.
    ValueError
        If there are more votes than weights or fewer, or a weight is negative: a mistake of the caller.

    Examples
    --------
    >>> weighted_median([5, 1, None, 9], [0, 2, 7, 2])
    Median(value=3, quartile1=1, quartile3=9, participating=4)
    """
    _check(weights)
    cast = [(vote, weight) for vote, weight in zip(votes, weights, strict=True) if vote is not None]
    if not cast:
        return _EMPTY
    cast.sort(key=itemgetter(0))
    values, voted = zip(*cast, strict=True)
    sums = list(accumulate(voted))
    total, quarter = sums[-1], sums[-1] // 4
    if not total:
        return Median(_weightless(values), None, None, 0)
    at = bisect_left(sums, total - total // 2)
    middle = (values[at] + values[at + 1]) // 2 if 2 * sums[at] == total else values[at]
    return Median(middle, values[bisect_right(sums, quarter)], values[bisect_left(sums, total - quarter)], total)


def vote_matrix(vectors: Sequence[bytes], feeds: int) -> Words:
    """Return voters' vectors as they are on the wire as one matrix, the form that `weighted_medians` takes.

    Parameters
    ----------
    vectors : sequence of bytes
        One per voter: 4 bytes a feed, those at the end left out; ``b""`` where there is no valid reveal.
    feeds : int
        How many feeds there are.

    Returns
    -------
    uint32, shape (voters, feeds)
        The vote + 2^31; 0 is no vote.

    Raises
    ------
    WireError
        If a vector has a part of a value, or more values than there are feeds.

    Examples
    --------
    >>> vote_matrix([bytes.fromhex("8000000780000001"), b""], 3) - 2**31
    array([[         7,          1, 2147483648],
           [2147483648, 2147483648, 2147483648]], dtype=uint32)
    """
    raw = b"".join(_filled(vector, feeds) for vector in vectors)
    return np.frombuffer(raw, ">u4").astype(np.uint32).reshape(len(vectors), feeds)


def weighted_medians(words: Words, weights: Sequence[int]) -> tuple[Median, ...]:
    """Return the weighted median and the quartiles of every feed, exactly as `weighted_median` has them.

    Parameters
    ----------
    words : uint32, shape (voters, feeds)
        The vote + 2^31; 0 is no vote. `vote_matrix` makes it of what is on the wire.
    weights : sequence of int
        One per voter, not negative, of any size.

    Returns
    -------
    tuple of Median
        One per feed.

    Raises
    ------
    NoResult
        If a feed's only vote has no weight; it names the feed's position.
    ValueError
        If the matrix is of another type or shape, or a weight is negative: a mistake of the caller.

    Examples
    --------
    >>> words = vote_matrix([bytes.fromhex("8000000780000001"), bytes.fromhex("80000009")], 3)
    >>> [median.value for median in weighted_medians(words, [10**26, 10**26])]
    [8, 1, None]
    """
    _check(weights)
    if words.dtype.newbyteorder("=") != np.uint32 or words.ndim != 2 or len(words) != len(weights):
        raise ValueError(f"expected uint32 in {len(weights)} rows, was {words.dtype} of shape {words.shape}")
    if not words.size:
        return tuple([_EMPTY] * words.shape[1])
    scale = _scaled(weights)
    blocks = (words[:, start : start + _BLOCK] for start in range(0, words.shape[1], _BLOCK))
    votes, unsure, participating = zip(*(_decided(block, scale) for block in blocks), strict=True)
    medians = list(map(_made, zip(*np.concatenate(votes, axis=1).tolist(), chain(*participating), strict=True)))
    for feed in np.flatnonzero(np.concatenate(unsure)).tolist():
        medians[feed] = _exact(words[:, feed], weights, feed)
    return tuple(medians)


def turnout_bips(participating: int, total: int) -> int:
    """Return the share of the weight that voted, in 1/10000, rounded down.

    Parameters
    ----------
    participating, total : int
        Weight of those who voted and of all voters of the signing policy.

    Raises
    ------
    NoResult
        If there is no weight at all: the reference divides by zero.

    Examples
    --------
    >>> turnout_bips(2 * 10**26, 3 * 10**26)
    6666
    """
    if not total:
        raise NoResult("turnout: expected voters with weight, was a total of 0")
    return participating * 10_000 // total


def _check(weights: Sequence[int]) -> None:
    if min(weights, default=0) < 0:
        raise ValueError(f"expected weights that are not negative, was {min(weights)}")


def _weightless(values: Sequence[int]) -> int:
    """Return the median of votes without any weight, as the reference's walk stops at the first one."""
    if len(values) < 2:
        raise NoResult("median: expected weight or a second vote, was one vote of weight 0")
    return (values[0] + values[1]) // 2


def _exact(column: Words, weights: Sequence[int], feed: int) -> Median:
    votes = [word - _NO_VOTE if word else None for word in column.tolist()]
    try:
        return weighted_median(votes, weights)
    except NoResult as error:
        raise NoResult(f"feed {feed}: {error}") from None


def _filled(vector: bytes, feeds: int) -> bytes:
    if len(vector) % 4:
        raise WireError("values", len(vector) // 4 * 4, "4 bytes a value", f"{len(vector) % 4}")
    if len(vector) > 4 * feeds:
        raise WireError("values", 4 * feeds, f"the end after {feeds} values", f"{len(vector) - 4 * feeds} bytes more")
    return vector.ljust(4 * feeds, b"\0")


def _scaled(weights: Sequence[int]) -> _Scale:
    """Return weights as numbers that numpy can add.

    Divided by their common divisor they are often small enough, as signing weights are.
    """
    divisor, bits = max(gcd(*weights), 1), 62 - len(weights).bit_length()
    shift = max((sum(weights) // divisor).bit_length() - 62, 0)
    shifts = range(0, max(weights).bit_length() + 1, bits)
    return _Scale(
        small=np.array([*(weight // divisor >> shift for weight in weights), 0]),
        margin=len(weights) + 1 if shift else 0,
        limbs=np.array([[weight >> low & (1 << bits) - 1 for weight in weights] for low in shifts]),
        bits=bits,
    )


def _decided(words: Words, scale: _Scale) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[int]]:
    """Return median and quartiles, shape (3, feeds), where they are unsure, and the weight of those who voted.

    Unsure are sums too near to a bound: both are made of scaled weights and differ from the true ones by less than the
    margin together. Feeds without weight are always unsure.
    """
    keys = _ranked(words)
    voters = _voters(keys, len(words))
    sums = scale.small[voters]
    np.cumsum(sums, axis=1, out=sums)
    total = sums[:, -1]
    bounds = np.stack((total - total // 2, total // 4 + 1, total - total // 4))
    feeds, last = np.arange(len(keys)), len(words) - 1
    at = np.stack([np.minimum(np.count_nonzero(sums < bound[:, None], axis=1), last) for bound in bounds])
    reached = sums[feeds, at]
    before = reached - scale.small[voters[feeds, at]]
    unsure = (reached < bounds + scale.margin) | (before >= bounds - scale.margin)
    votes = _votes(keys[feeds, at])
    tied = (reached[0] == bounds[0]) & (total % 2 == 0)
    votes[0] = np.where(tied, votes[0] + _votes(keys[feeds, np.minimum(at[0] + 1, last)]) >> 1, votes[0])
    return votes, unsure.any(axis=0), _participating(words, scale)


def _ranked(words: Words) -> NDArray[np.uint64]:
    """Return each feed's words ascending, in the upper half of a key that has the voter in the lower half.

    Where words are equal the voters keep their order: with weights of 0 among them it decides which vote is the next.
    """
    keys = words.T.astype(np.uint64, order="C")
    keys <<= _HALF_KEY
    keys |= np.arange(len(words), dtype=np.uint64)
    keys.sort(axis=1)
    return keys


def _voters(keys: NDArray[np.uint64], nobody: int) -> NDArray[np.int64]:
    """Return the voters of keys, `nobody` where they did not vote."""
    voters = keys & _VOTER
    np.putmask(voters, keys <= _VOTER, np.uint64(nobody))
    return voters.view(np.int64)


def _votes(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (keys >> _HALF_KEY).view(np.int64) - _NO_VOTE


def _participating(words: Words, scale: _Scale) -> list[int]:
    *lower, highest = (scale.limbs @ (words > 0)).tolist()
    total: list[int] = highest
    for parts in reversed(lower):
        total = [(high << scale.bits) + low for high, low in zip(total, parts, strict=True)]
    return total
