"""Rewards for accuracy: who came close to the median of the round's feed.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-median.ts` and
`reward-calculation.ts` (who may earn more), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.errors import NoResult
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.medians import Median
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.shares import TOTAL_BIPS, TOTAL_PPM, declining_shares
from chrono_flare_ftso.protocol.rewards.split import split_by_delegation, split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Voter


@dataclass(frozen=True, slots=True)
class Bands:
    """Which of an offer's bands a vote hits: between the quartiles, and near the median."""

    quartile: bool
    percent: bool


@dataclass(frozen=True, slots=True)
class MedianRewards:
    """What the median part of an offer pays.

    Parameters
    ----------
    claims : tuple of PartialClaim
        In policy order; they sum up to the offer's amount.
    rewarded : tuple of bytes
        Signing addresses of the voters that earned more than nothing, in policy order.
    """

    claims: tuple[PartialClaim, ...]
    rewarded: tuple[bytes, ...]


def median_rewards(
    offer: RoundOffer, voters: Sequence[Voter], votes: Sequence[int | None], median: Median, *, fip16: bool
) -> MedianRewards:
    """Pay the median part of a round's offer.

    Parameters
    ----------
    offer : RoundOffer
        The median part of `split_offer`.
    voters : sequence of Voter, length n
        All of the reward epoch, in policy order.
    votes : sequence of int or None, length n
        Their votes on the offer's feed; None where there is no valid reveal or no value.
    median : Median
        Of those votes, by the voters' weights.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch: voters then weigh by signing weight, and stakers share.

    Raises
    ------
    NoResult
        If there is a median without quartiles, as where no vote has weight.
    ValueError
        If there are more or fewer votes than voters: a mistake of the caller.
    """
    weights = [voter.median_weight(fip16=fip16) for voter in voters]
    turnout_missed = median.participating * TOTAL_BIPS < sum(weights) * offer.min_turnout_bips
    if turnout_missed or median.value is None:
        return _claimed_back(offer, Detail.LOW_TURNOUT)
    hits = vote_bands(offer, voters, votes, median)
    earning = _earning_weights(offer.primary_share_ppm, weights, hits)
    if not sum(earning):
        return _claimed_back(offer, Detail.NO_NORMALIZED_WEIGHT)
    earned = [
        (voter, share)
        for voter, weight, share in zip(voters, earning, declining_shares(offer.amount, earning), strict=True)
        if weight
    ]
    return MedianRewards(
        claims=tuple(claim for voter, share in earned for claim in _paid(offer, voter, share, fip16=fip16)),
        rewarded=tuple(dict.fromkeys(voter.signing for voter, share in earned if share)),
    )


def _claimed_back(offer: RoundOffer, detail: Detail) -> MedianRewards:
    back = PartialClaim(offer.claim_back, offer.amount, ClaimType.DIRECT, Reward.MEDIAN, detail)
    return MedianRewards((back,), ())


def _earning_weights(primary_ppm: int, weights: Sequence[int], hits: Sequence[Bands | None]) -> list[int]:
    """Return what each vote counts: both bands pay the same however many share them."""
    voted = [(weight, band or Bands(quartile=False, percent=False)) for weight, band in zip(weights, hits, strict=True)]
    in_quartiles = sum(weight for weight, band in voted if band.quartile)
    in_percent = sum(weight for weight, band in voted if band.percent)
    if not in_percent:
        return [weight * band.quartile for weight, band in voted]
    primary, secondary = primary_ppm * in_percent, (TOTAL_PPM - primary_ppm) * in_quartiles
    return [weight * (band.quartile * primary + band.percent * secondary) for weight, band in voted]


def _paid(offer: RoundOffer, voter: Voter, share: int, *, fip16: bool) -> tuple[PartialClaim, ...]:
    if fip16:
        return split_by_signing_weight(share, voter, reward=Reward.MEDIAN, claim_back=offer.claim_back, fip16=True)
    return tuple(claim for claim in split_by_delegation(share, voter, reward=Reward.MEDIAN) if claim.amount)


def vote_bands(
    offer: RoundOffer, voters: Sequence[Voter], votes: Sequence[int | None], median: Median
) -> tuple[Bands | None, ...]:
    """Return which bands each vote hits, None where there is no vote.

    The quartile band is open, and a vote on its edge is in or out by `edge_coin`. The percent band is open too:
    |vote - median| < |median| · width // 1000000, so that a width of 0 holds nobody.

    Parameters
    ----------
    offer : RoundOffer
        For its feed, round and band width.
    voters : sequence of Voter, length n
        In policy order.
    votes : sequence of int or None, length n
        Their votes.
    median : Median
        Of those votes.

    Raises
    ------
    NoResult
        If there is no median or it has no quartiles.
    ValueError
        If there are more or fewer votes than voters: a mistake of the caller.
    """
    middle, low, high = median.value, median.quartile1, median.quartile3
    if middle is None or low is None or high is None:
        raise NoResult(f"round {offer.round}: expected a median with quartiles, was {median}")
    distance = abs(middle) * offer.secondary_band_ppm // TOTAL_PPM

    def bands(voter: Voter, vote: int) -> Bands:
        edge = vote in (low, high) and edge_coin(offer.feed, offer.round, voter.submit)
        return Bands(quartile=low < vote < high or edge, percent=abs(vote - middle) < distance)

    return tuple(None if vote is None else bands(voter, vote) for voter, vote in zip(voters, votes, strict=True))


def edge_coin(feed: bytes, voting_round: int, submit: bytes) -> bool:
    """Return whether a vote on the edge of the quartile band counts as within: keccak256 of the ABI encoding is odd.

    Parameters
    ----------
    feed : bytes
        Feed id; encoded as ``bytes``, with its length.
    voting_round : int
        uint256.
    submit : bytes
        20 bytes, the voter's submit address.

    Examples
    --------
    >>> [edge_coin(bytes(21), number, bytes(20)) for number in range(4)]
    [True, False, False, False]
    """
    return bool(keccak256(abi.encode("bytes,uint256,address", feed, voting_round, submit))[-1] & 1)


def eligible_signers(rewards: MedianRewards, voters: Sequence[Voter], *, fip16: bool) -> frozenset[bytes]:
    """Return the signing addresses that may earn signing and finalization rewards of the same offer.

    From FIP-16 on these are all who earned for accuracy. Before, those whose delegators did: a voter that keeps all of
    its reward as fee is not among them.

    Parameters
    ----------
    rewards : MedianRewards
        Of the round's offer.
    voters : sequence of Voter
        All of the reward epoch; of two with one delegation address the last one counts.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch.
    """
    if fip16:
        return frozenset(rewards.rewarded)
    signing = {voter.delegation: voter.signing for voter in voters}
    return frozenset(
        signing[claim.beneficiary] for claim in rewards.claims if claim.type is ClaimType.WNAT and claim.amount > 0
    )
