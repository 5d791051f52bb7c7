"""How a voter's reward by signing weight is split between its fee, its delegators and its stakers.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-signing-split.ts`,
`docs/migrations/FIP-16-signing-weight-unification.md`, read 2026-11-22.
"""

from __future__ import annotations

from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.shares import TOTAL_BIPS, declining_shares, truncated
from chrono_flare_ftso.protocol.rewards.voters import Voter

STAKING_FEE_CAP_BIPS = 2000
FIP16_STAKE_FACTOR = 5


def split_by_signing_weight(
    amount: int, voter: Voter, *, reward: Reward, claim_back: bytes, fip16: bool
) -> tuple[PartialClaim, ...]:
    """Split what a voter earned, or lost, by its signing weight.

    Parameters
    ----------
    amount : int
        Wei, negative for a penalty.
    voter : Voter
        Whose reward it is.
    reward : Reward
        What was rewarded, for the claims.
    claim_back : bytes
        20 bytes; takes all where the voter has neither delegation nor stake.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch: stake then counts five times against delegation.

    Returns
    -------
    tuple of PartialClaim
        The fee to the identity (left out where it is 0), the delegators' part, then one part a node in the order of
        registration, zeros included. They sum up to `amount`.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.rewards.voters import Node
    >>> voter = Voter(b"i" * 20, b"s" * 20, b"p" * 20, b"d" * 20, 100, 600, 0, (Node(b"n" * 20, 100),))
    >>> claims = split_by_signing_weight(600, voter, reward=Reward.SIGNING, claim_back=bytes(20), fip16=True)
    >>> [(claim.type.name, claim.amount) for claim in claims]
    [('WNAT', 100), ('MIRROR', 500)]
    """
    stake = voter.stake * (FIP16_STAKE_FACTOR if fip16 else 1)
    total = voter.capped_weight + stake
    if not total:
        return (PartialClaim(claim_back, amount, ClaimType.DIRECT, reward, Detail.NO_VOTER_WEIGHT),)
    staking = truncated(amount * stake, total)
    delegation = amount - staking
    delegation_fee = truncated(delegation * voter.fee_bips, TOTAL_BIPS)
    staking_fee = truncated(staking * min(STAKING_FEE_CAP_BIPS, voter.fee_bips), TOTAL_BIPS)
    fee = delegation_fee + staking_fee
    claims = [PartialClaim(voter.identity, fee, ClaimType.FEE, reward, Detail.FEES)] if fee else []
    rest = delegation - delegation_fee
    claims.append(PartialClaim(voter.delegation, rest, ClaimType.WNAT, reward, Detail.DELEGATION))
    shares = declining_shares(staking - staking_fee, [node.weight for node in voter.nodes])
    claims.extend(
        PartialClaim(node.id, share, ClaimType.MIRROR, reward, Detail.NODE)
        for node, share in zip(voter.nodes, shares, strict=True)
    )
    return tuple(claims)


def split_by_delegation(amount: int, voter: Voter, *, reward: Reward) -> tuple[PartialClaim, PartialClaim]:
    """Split what a voter earned by delegation alone, as before FIP-16: fee and delegators' part, zeros included.

    Parameters
    ----------
    amount : int
        Wei, not negative.
    voter : Voter
        Whose reward it is.
    reward : Reward
        What was rewarded, for the claims.

    Examples
    --------
    >>> voter = Voter(b"i" * 20, b"s" * 20, b"p" * 20, b"d" * 20, 100, 600, 1500)
    >>> [claim.amount for claim in split_by_delegation(1001, voter, reward=Reward.MEDIAN)]
    [150, 851]
    """
    fee = truncated(amount * voter.fee_bips, TOTAL_BIPS)
    return (
        PartialClaim(voter.identity, fee, ClaimType.FEE, reward, Detail.FEE),
        PartialClaim(voter.delegation, amount - fee, ClaimType.WNAT, reward, Detail.PARTICIPATION),
    )
