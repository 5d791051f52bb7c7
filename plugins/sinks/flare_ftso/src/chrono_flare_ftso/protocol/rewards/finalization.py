"""Rewards for bringing a result on chain.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-finalization.ts`,
`reward-utils.ts`, `libs/fsp-rewards/src/DataManagerForRewarding.ts` (extractFinalizations), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.split import split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.text import to_hex


@dataclass(frozen=True, slots=True)
class Finalization:
    """A relay transaction that could have finalized the round: right policy, enough weight of valid signatures.

    Parameters
    ----------
    sender : bytes
        20 bytes; a selected voter sends from its signing address.
    timestamp : int
        Of its block, in unix seconds.
    successful : bool
        Whether it did: all but the first on chain are reverted.
    """

    sender: bytes
    timestamp: int
    successful: bool


def finalizations_in_time(finalizations: Iterable[Finalization], deadlines: Deadlines) -> tuple[Finalization, ...]:
    """Return each sender's first finalization from the reveal deadline to the end of the round after.

    Parameters
    ----------
    finalizations : iterable of Finalization
        Of one protocol and round, in the order of the chain.
    deadlines : Deadlines
        Of the round.
    """
    firsts: dict[bytes, Finalization] = {}
    for finalization in finalizations:
        if deadlines.reveal.stop <= finalization.timestamp <= deadlines.end:
            firsts.setdefault(finalization.sender, finalization)
    return tuple(firsts.values())


def first_successful(finalizations: Iterable[Finalization], deadlines: Deadlines) -> Finalization | None:
    """Return the finalization that took effect, None where none did in time.

    Only each sender's first try counts: one that was reverted hides a later one of the same sender.

    Parameters
    ----------
    finalizations : iterable of Finalization
        Of one protocol and round, in the order of the chain.
    deadlines : Deadlines
        Of the round.
    """
    return next((each for each in finalizations_in_time(finalizations, deadlines) if each.successful), None)


def finalization_rewards(
    offer: RoundOffer,
    voters: Sequence[Voter],
    finalizations: Iterable[Finalization],
    selected: Collection[bytes],
    eligible: Collection[bytes],
    *,
    deadlines: Deadlines,
    fip16: bool,
) -> tuple[PartialClaim, ...]:
    """Pay the finalization part of a round's offer.

    After the grace period all of it goes to the sender of the first successful finalization, whoever that is. Within,
    each selected voter has an equal share, and those of voters that did not finalize or did not earn for accuracy are
    burned.

    Parameters
    ----------
    offer : RoundOffer
        The finalization part of `split_offer`.
    voters : sequence of Voter
        All of the reward epoch.
    finalizations : iterable of Finalization
        Of the round and protocol, in the order of the chain, reverted ones too.
    selected : collection of bytes
        Signing addresses of the voters drawn for the round (`finalizers.select`).
    eligible : collection of bytes
        Signing addresses that earned for accuracy (`eligible_signers`).
    deadlines : Deadlines
        Of the round.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch.

    Returns
    -------
    tuple of PartialClaim
        In the order of finalization; they sum up to the offer's amount.

    Raises
    ------
    ProtocolError
        If a selected and eligible finalizer is no voter.
    """
    sent = finalizations_in_time(finalizations, deadlines)
    first = first_successful(sent, deadlines)
    if first is None:
        return (_direct(offer.claim_back, offer.amount, Detail.NO_FINALIZATION),)
    if first.timestamp not in deadlines.finalization_grace:
        return (_direct(first.sender, offer.amount, Detail.OUTSIDE_OF_GRACE_PERIOD),)
    grace = deadlines.finalization_grace
    in_grace = [each.sender for each in sent if each.sender in selected and each.timestamp in grace]
    if not in_grace or not eligible:
        return (_direct(offer.claim_back, offer.amount, Detail.NO_ELIGIBLE_FINALIZERS),)
    return _equal_shares(
        offer, voters, [each for each in in_grace if each in eligible], len(set(selected)), fip16=fip16
    )


def _equal_shares(
    offer: RoundOffer, voters: Sequence[Voter], finalizers: Sequence[bytes], parts: int, *, fip16: bool
) -> tuple[PartialClaim, ...]:
    by_signing = {voter.signing: voter for voter in voters}
    claims: list[PartialClaim] = []
    left = offer.amount
    for paid, address in enumerate(finalizers):
        voter = by_signing.get(address)
        if voter is None:
            raise ProtocolError(f"finalization: expected a voter's signing address, was {to_hex(address)}")
        share = left // (parts - paid)
        left -= share
        claims += split_by_signing_weight(
            share, voter, reward=Reward.FINALIZATION, claim_back=offer.claim_back, fip16=fip16
        )
    if left:
        claims.append(_direct(offer.claim_back, left, Detail.UNDISTRIBUTED))
    return tuple(claims)


def _direct(beneficiary: bytes, amount: int, detail: Detail) -> PartialClaim:
    return PartialClaim(beneficiary, amount, ClaimType.DIRECT, Reward.FINALIZATION, detail)
