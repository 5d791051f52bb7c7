"""The weighted median of Flare's FTSO, as its protocol computes it: on integers, with a floor.

What the protocol does with the votes of its data providers in each round, here done with venues. Read 2026-11-22 in
`ftso-median.ts` of flare-foundation/FTSO-Scaling (`calculateMedian`) and `feed_value_encoding` of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import floor

from pydantic import Field

from chrono import Consensus, VenueConsensus, hookimpl

WHOLE = 1_000_000_000
"""Into how many equal parts the whole of the shares is divided, to weigh them as integers."""


def encode(value: float, decimals: int) -> int:
    """Return a price as an integer of so many decimals, halves rounded towards positive infinity.

    Parameters
    ----------
    value : float
        Finite; in quote units per base unit.
    decimals : int
        From 0 to 22.

    Notes
    -----
    ``value * 10**decimals`` in double precision, as the protocol's reference code has it, then rounded. A double's own
    error comes first: 1.005 with two decimals is 100.49999999999999, hence 100.

    Examples
    --------
    >>> encode(67123.45, 2), encode(2.5, 0), encode(-2.5, 0), encode(1.005, 2)
    (6712345, 3, -2, 100)
    """
    scaled = value * 10.0**decimals
    below = floor(scaled)
    return below + 1 if scaled - below >= 0.5 else below


def weighted_median(values: Sequence[int | None], weights: Sequence[int]) -> int | None:
    """Return the protocol's weighted median of integer votes.

    Parameters
    ----------
    values : sequence of int or None, length n
        None is an empty vote, whose weight does not count.
    weights : sequence of int, length n
        Non-negative; where all of them are zero, each counts as one.

    Returns
    -------
    int or None
        None if every vote is empty.

    Raises
    ------
    ValueError
        If as many weights as values are not given.

    Notes
    -----
    With votes in ascending order, W the sum of their weights and ``m = W // 2 + W % 2``: the first vote whose cumulated
    weight reaches m; where it is exactly m and W is even, ``floor((v[i] + v[i+1]) / 2)`` with the vote after it,
    whatever that weighs. Equal votes stay in the order they came in.

    The protocol has no answer where all weights are zero: its reference code fails, or returns the mean of the two
    lowest votes.

    References
    ----------
    .. [1] Flare Foundation, *FTSO-Scaling*, `libs/ftso-core/src/ftso-calculation/ftso-median.ts`, read 2026-11-22.

    Examples
    --------
    >>> weighted_median([1, 2, 9], [1, 1, 2]), weighted_median([-1, 0], [1, 1]), weighted_median([None], [5])
    (5, -1, None)
    """
    votes = _votes(values, weights)
    if not any(weight for _, weight in votes):
        votes = [(value, 1) for value, _ in votes]
    total = sum(weight for _, weight in votes)
    half = total // 2 + total % 2
    below = 0
    for rank, (value, weight) in enumerate(votes):
        below += weight
        if below == half and total % 2 == 0:
            return (value + votes[rank + 1][0]) // 2
        if below >= half:
            return value
    return None


def quartiles(values: Sequence[int | None], weights: Sequence[int]) -> tuple[int, int] | None:
    """Return the protocol's first and third quartile of integer votes, which decide who is rewarded.

    Parameters
    ----------
    values : sequence of int or None, length n
        None is an empty vote, whose weight does not count.
    weights : sequence of int, length n
        Non-negative.

    Returns
    -------
    tuple of int, or None
        None if no vote weighs anything.

    Raises
    ------
    ValueError
        If as many weights as values are not given.

    Notes
    -----
    From either end, the first vote whose cumulated weight is above ``W // 4``.

    References
    ----------
    .. [1] Flare Foundation, *FTSO-Scaling*, `libs/ftso-core/src/ftso-calculation/ftso-median.ts`, read 2026-11-22.

    Examples
    --------
    >>> quartiles([1, 2, 3, 4], [1, 1, 1, 1])
    (2, 3)
    """
    votes = _votes(values, weights)
    first, third = _passing_a_quarter(votes), _passing_a_quarter(votes[::-1])
    return None if first is None or third is None else (first, third)


def _votes(values: Sequence[int | None], weights: Sequence[int]) -> list[tuple[int, int]]:
    """Return the votes that are not empty, in ascending order."""
    votes = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    return sorted(votes, key=lambda vote: vote[0])


def _passing_a_quarter(votes: Sequence[tuple[int, int]]) -> int | None:
    quarter = sum(weight for _, weight in votes) // 4
    below = 0
    for value, weight in votes:
        below += weight
        if below > quarter:
            return value
    return None


class Ftso(VenueConsensus):
    """The weighted median by the rule of Flare's FTSO: prices as integers of some decimals, weights as integers.

    Notes
    -----
    `weighted_median` of the encoded estimates, by turnover, no group's share above max(0.15, 1.2/n), each share in
    whole billionths; a venue below half a billionth has no vote. Breakdown point 0.5 of the shares. A price of less
    than half a unit of the last decimal becomes 0 and is refused as no price: give a feed of small prices more
    `decimals`.

    References
    ----------
    .. [1] Flare Foundation, *FTSO-Scaling*, `libs/ftso-core/src/ftso-calculation/ftso-median.ts`, read 2026-11-22.

    Examples
    --------
    Of an even number of equal weights the mean of the middle two, rounded down:

    >>> from chrono import Estimate, Market, Pair
    >>> pair = Pair("BTC", "USD")
    >>> said = {"coinbase": 67000.01, "kraken": 67000.02}
    >>> estimates = [Estimate(Market(v, pair, v), pair, price, 1.0, 1, 0, "last") for v, price in said.items()]
    >>> Ftso(Ftso.Config(decimals=2)).agree(estimates).value
    67000.01
    """

    type = "ftso"
    breakdown = 0.5

    class Config(VenueConsensus.Config):
        """How finely prices are told apart."""

        decimals: int = Field(default=8, ge=0, le=18)
        """Decimals that prices are rounded to before they are compared."""

    config: Config

    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return each group's turnover."""
        return turnover

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return the protocol's weighted median."""
        decimals = self.config.decimals
        heard = [
            (value, weight) for value, share in zip(values, shares, strict=True) if (weight := round(share * WHOLE))
        ]
        found = weighted_median([encode(value, decimals) for value, _ in heard], [weight for _, weight in heard])
        unit: int = 10**decimals
        return (found or 0) / unit


@hookimpl
def chrono_consensus() -> Iterable[type[Consensus]]:
    """Return the strategy."""
    return [Ftso]
