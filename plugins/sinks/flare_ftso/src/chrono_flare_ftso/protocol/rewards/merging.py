"""From the pieces of all rounds to one claim a beneficiary and type, penalties taken off.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/utils/RewardClaim.ts` (merge,
mergeWithBurnClaims), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim


class Piece(Protocol):
    """Anything that gives wei to a beneficiary: a `PartialClaim`, a `RewardClaim`."""

    @property
    def beneficiary(self) -> bytes:
        """20 bytes."""

    @property
    def amount(self) -> int:
        """Wei, negative for a penalty."""

    @property
    def type(self) -> ClaimType:
        """What the beneficiary is."""


def merge(reward_epoch: int, pieces: Iterable[Piece]) -> tuple[RewardClaim, ...]:
    """Sum up pieces by beneficiary, type and sign.

    Rewards and penalties stay apart, so that merging round by round comes to the same as merging once. The order is
    that in which beneficiaries, then their types, then signs first occur; 0 goes with the rewards.

    Parameters
    ----------
    reward_epoch : int
        Whose claims they become.
    pieces : iterable of Piece
        Of any number of rounds.

    Examples
    --------
    >>> a, b = (RewardClaim(7, bytes(20), amount, ClaimType.FEE) for amount in (5, -2))
    >>> [claim.amount for claim in merge(7, [a, b, a])]
    [10, -2]
    """
    sums: dict[bytes, dict[ClaimType, dict[bool, int]]] = {}
    for piece in pieces:
        signs = sums.setdefault(piece.beneficiary, {}).setdefault(piece.type, {})
        negative = piece.amount < 0
        signs[negative] = signs.get(negative, 0) + piece.amount
    return tuple(
        RewardClaim(reward_epoch, beneficiary, amount, kind)
        for beneficiary, types in sums.items()
        for kind, signs in types.items()
        for amount in signs.values()
    )


def net_of_penalties(reward_epoch: int, pieces: Iterable[Piece], burn_address: bytes) -> tuple[RewardClaim, ...]:
    """Merge pieces, take penalties off rewards, and burn what was taken.

    A penalty takes from the rewards of the same beneficiary and type, never more than they are; what is taken becomes
    a direct claim of the burn address, so that the sum of all rewards stays. Claims of 0 are left out.

    Parameters
    ----------
    reward_epoch : int
        Whose claims they are.
    pieces : iterable of Piece
        Of all rounds of the epoch, merged already or not.
    burn_address : bytes
        20 bytes, of the network.

    Returns
    -------
    tuple of RewardClaim
        All positive, one a beneficiary and type, in the order of first occurrence.

    Examples
    --------
    >>> a, b = (RewardClaim(7, bytes(20), amount, ClaimType.FEE) for amount in (5, -2))
    >>> [(claim.beneficiary[0], claim.type.name, claim.amount) for claim in net_of_penalties(7, [a, b], b"b" * 20)]
    [(98, 'DIRECT', 2), (0, 'FEE', 3)]
    """
    merged = merge(reward_epoch, pieces)
    losses = {(claim.beneficiary, claim.type): -claim.amount for claim in merged if claim.amount < 0}

    def netted() -> Iterator[RewardClaim]:
        for claim in merged:
            taken = min(losses.get((claim.beneficiary, claim.type), 0), claim.amount)
            if taken > 0:
                yield RewardClaim(reward_epoch, burn_address, taken, ClaimType.DIRECT)
            if claim.amount > max(taken, 0):
                yield RewardClaim(reward_epoch, claim.beneficiary, claim.amount - taken, claim.type)

    return merge(reward_epoch, netted())
