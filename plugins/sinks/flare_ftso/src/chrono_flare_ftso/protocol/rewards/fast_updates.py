"""Rewards of the block-latency feeds: whether the feed was near the anchor median.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-fast-updates.ts` and
`reward-calculation.ts` (missing events), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.rewards.offers import FastUpdateOffer
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.shares import TOTAL_PPM, truncated
from chrono_flare_ftso.protocol.rewards.split import split_by_delegation, split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.text import to_hex


class Scaled(NamedTuple):
    """A feed's value as an integer: value · 10^-decimals."""

    value: int
    decimals: int


def fast_update_rewards(
    offer: FastUpdateOffer,
    voters: Iterable[Voter],
    submitters: Sequence[bytes] | None,
    latest: Scaled | None,
    median: Scaled | None,
    *,
    burn_address: bytes,
    fip16: bool,
) -> tuple[PartialClaim, ...]:
    """Pay a round's block-latency offer.

    Parameters
    ----------
    offer : FastUpdateOffer
        Of the round.
    voters : iterable of Voter
        All of the reward epoch.
    submitters : sequence of bytes or None
        Signing address of each update that was submitted in the round, in the order of the chain; a voter stands there
        once an update. None where the round has no event of feed values.
    latest : Scaled or None
        The feed's value in the event of the round, which is that at its start; None where there is no event.
    median : Scaled or None
        The anchor median of the same round and feed (or of the feed it was renamed to), None where it is empty.
    burn_address : bytes
        20 bytes, of the network; takes all that is not paid.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch: stakers then share.

    Returns
    -------
    tuple of PartialClaim
        Update by update; they sum up to the offer's amount.

    Raises
    ------
    ProtocolError
        If a submitter is no voter.
    """
    burned_for = _why_burned(offer, submitters, latest, median)
    if burned_for is not None:
        return (PartialClaim(burn_address, offer.amount, ClaimType.DIRECT, *burned_for),)
    by_signing = {voter.signing: voter for voter in voters}
    share, over = divmod(offer.amount, len(submitters or ()))
    claims: list[PartialClaim] = []
    for at, address in enumerate(submitters or ()):
        voter = by_signing.get(address)
        if voter is None:
            raise ProtocolError(f"block-latency update {at}: expected a voter's signing address, was {to_hex(address)}")
        claims += _paid(share + (at < over), voter, burn_address, fip16=fip16)
    return tuple(claims)


def _why_burned(
    offer: FastUpdateOffer, submitters: Sequence[bytes] | None, latest: Scaled | None, median: Scaled | None
) -> tuple[Reward, Detail] | None:
    if submitters is None or latest is None:
        return Reward.FULL_OFFER, Detail.NO_FAST_UPDATE_FEEDS
    if offer.burned:
        return Reward.FULL_OFFER, Detail.WHOLE
    if not submitters:
        return Reward.FAST_UPDATES, Detail.NO_SUBMISSIONS
    if median is None:
        return Reward.FAST_UPDATES, Detail.NO_MEDIAN
    return None if within_band(latest, median, offer.reward_band_ppm) else (Reward.FAST_UPDATES, Detail.MISSED_BAND)


def _paid(amount: int, voter: Voter, burn_address: bytes, *, fip16: bool) -> tuple[PartialClaim, ...]:
    if fip16:
        return split_by_signing_weight(amount, voter, reward=Reward.FAST_UPDATES, claim_back=burn_address, fip16=True)
    return split_by_delegation(amount, voter, reward=Reward.FAST_UPDATES)


def within_band(latest: Scaled, median: Scaled, band_ppm: int) -> bool:
    """Return whether a value is at most median · band // 1000000 from the median, edges included.

    Both are brought to the larger number of decimals first. Around a negative median the band is empty.

    Parameters
    ----------
    latest, median : Scaled
        What is compared.
    band_ppm : int
        Half the width of the band, in millionths of the median.

    Examples
    --------
    >>> [within_band(Scaled(value, 3), Scaled(1000, 2), 5000) for value in (9949, 9950, 10050, 10051)]
    [False, True, True, False]
    """
    decimals = max(latest.decimals, median.decimals)
    value: int = latest.value * 10 ** (decimals - latest.decimals)
    middle: int = median.value * 10 ** (decimals - median.decimals)
    distance = truncated(middle * band_ppm, TOTAL_PPM)
    return middle - distance <= value <= middle + distance
