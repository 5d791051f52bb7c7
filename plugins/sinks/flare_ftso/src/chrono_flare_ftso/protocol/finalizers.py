"""Who may finalize a round first: voters drawn by weight, from the seed of the policy.

The search for the drawn voter is part of the rule, with its way to answer an exact hit among voters of weight 0.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/RandomVoterSelector.ts`;
flare-foundation/go-flare-common 5116580, `pkg/voters/voters.go`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from chrono_flare_ftso.protocol.abi import encode
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256

DEFAULT_THRESHOLD_BIPS = 500
MAX_THRESHOLD_BIPS = 5000
_BIPS = 10_000


def initial_seed(policy_seed: int, protocol: int, round: int) -> bytes:
    """Return the seed of the first draw.

    Parameters
    ----------
    policy_seed : int
        Of the signing policy, 256 bits.
    protocol : int
        Id of the protocol.
    round : int
        Voting round.

    Returns
    -------
    bytes
        32 bytes: keccak256 of ``abi.encode`` of the three, 256 bits each.

    Raises
    ------
    WireError
        If a number does not fit.

    Examples
    --------
    >>> initial_seed(1, 2, 3).hex()[:8]
    '6e0c6279'
    """
    return keccak256(encode("uint256,uint256,uint256", policy_seed, protocol, round))


def starts(weights: Sequence[int]) -> tuple[int, ...]:
    """Return the weight before each voter.

    Examples
    --------
    >>> starts([100, 0, 200])
    (0, 100, 100)
    """
    return tuple(accumulate(weights, initial=0))[:-1]


def voter_at(starts: Sequence[int], value: int) -> int:
    """Return the index of the voter to whom a weight belongs.

    Parameters
    ----------
    starts : sequence of int
        The weight before each voter (`starts`), at least one.
    value : int
        From 0 to the total weight.

    Returns
    -------
    int
        The last voter that starts at or below `value`; but where several start exactly there, the one that bisection
        meets first, which may have weight 0.

    Raises
    ------
    ValueError
        If there is no voter, or the value is negative.

    Examples
    --------
    >>> voter_at((0, 100, 100, 300), 100), voter_at((0, 100, 100, 300), 101)
    (1, 2)
    """
    if not starts or value < 0:
        raise ValueError(f"expected voters and a value from 0, was {len(starts)} voters and {value}")
    left, right = 0, len(starts) - 1
    if starts[right] <= value:
        return right
    while left < right:
        middle = (left + right) // 2
        if starts[middle] == value:
            return middle
        if starts[middle] < value:
            left = middle + 1
        else:
            right = middle
    return left - 1


def select(
    policy_seed: int,
    weights: Sequence[int],
    protocol: int,
    round: int,
    threshold_bips: int = DEFAULT_THRESHOLD_BIPS,
) -> tuple[int, ...]:
    """Return who may finalize first.

    Parameters
    ----------
    policy_seed : int
        Of the signing policy, 256 bits.
    weights : sequence of int
        Of its voters, in their order.
    protocol : int
        Id of the protocol.
    round : int
        Voting round.
    threshold_bips : int
        Share of the total weight that the selected must reach, in 1/10000.

    Returns
    -------
    tuple of int
        Indices of the voters in the order of their draw, each once. Voters of weight 0 may be among them. Empty where
        the share, rounded down, is 0; so without any weight too, where go-flare-common does not take the policy.

    Raises
    ------
    ProtocolError
        If a weight is negative, or the draws can never reach the share: an exact hit on a voter of weight 1 may always
        be answered with one of weight 0.
    WireError
        If a number does not fit 256 bits.
    ValueError
        If the share is not from 1 to 5000.

    Examples
    --------
    >>> select(1, [100, 200, 300, 400, 500], 1, 1, threshold_bips=3000)
    (3, 2)
    """
    if not 1 <= threshold_bips <= MAX_THRESHOLD_BIPS:
        raise ValueError(f"threshold_bips: expected 1 to {MAX_THRESHOLD_BIPS}, was {threshold_bips}")
    before, total = starts(weights), sum(weights)
    wanted = total * threshold_bips // _BIPS
    _check(weights, before, wanted)
    seed, reached = initial_seed(policy_seed, protocol, round), 0
    selected: dict[int, None] = {}
    while reached < wanted:
        index = voter_at(before, int.from_bytes(seed, "big") % total)
        if index not in selected:
            selected[index] = None
            reached += weights[index]
        seed = keccak256(seed)
    return tuple(selected)


def _check(weights: Sequence[int], before: Sequence[int], wanted: int) -> None:
    if min(weights, default=0) < 0:
        raise ProtocolError(f"voters: expected weights from 0, was {min(weights)}")
    # from weight 2 on some values are no exact hit, and these find their voter
    reachable = sum(
        weight
        for index, weight in enumerate(weights)
        if weight > 1 or (weight and voter_at(before, before[index]) == index)
    )
    if reachable < wanted:
        raise ProtocolError(f"voters: expected draws to reach a weight of {wanted}, was {reachable} at most")
