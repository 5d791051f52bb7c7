"""Division and shares of an amount, to the wei.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-signing-split.ts` and
`reward-median.ts`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence

TOTAL_BIPS = 10_000
TOTAL_PPM = 1_000_000


def truncated(numerator: int, denominator: int) -> int:
    """Return the quotient rounded towards zero, as JavaScript's BigInt and Solidity divide.

    Parameters
    ----------
    numerator : int
        Negative where it is a penalty; Python's ``//`` would then give one more wei away.
    denominator : int
        Positive.

    Raises
    ------
    ZeroDivisionError
        If the denominator is 0: a mistake of the caller.

    Examples
    --------
    >>> truncated(-7, 2), -7 // 2
    (-3, -4)
    """
    return -(-numerator // denominator) if numerator < 0 else numerator // denominator


def declining_shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weight so that nothing is left.

    Each share is weight · left // weight left, so the last positive weight takes what rounding left over.

    Parameters
    ----------
    amount : int
        Wei, negative for a penalty.
    weights : sequence of int
        Not negative; one of weight 0 gets 0.

    Returns
    -------
    list of int
        One share a weight. They sum up to `amount` unless all weights are 0.

    Examples
    --------
    >>> declining_shares(10, [1, 1, 1, 0])
    [3, 3, 4, 0]
    """
    left, shares = sum(weights), []
    for weight in weights:
        share = truncated(weight * amount, left) if weight else 0
        amount -= share
        left -= weight
        shares.append(share)
    return shares
