"""The rewards of one voting round: of the anchor feeds, all parts together.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-calculation.ts`, read
2026-11-22.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.medians import Median
from chrono_flare_ftso.protocol.rewards.finalization import Finalization, finalization_rewards, first_successful
from chrono_flare_ftso.protocol.rewards.median import eligible_signers, median_rewards
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer, split_offer
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.penalties import penalties
from chrono_flare_ftso.protocol.rewards.signing import Deposit, deposits_in_time, double_signers, signing_rewards
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.text import to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """What happened for an anchor feed in a voting round.

    Parameters
    ----------
    deadlines : Deadlines
        Of the round.
    votes : sequence of int or None
        Votes on the feed, one a voter in policy order.
    median : Median
        Of the votes.
    offenders : tuple of bytes
        Submit addresses that committed and did not reveal.
    message : bytes
        32-byte hash of the message that was finalized; not read where none was.
    deposits : tuple of Deposit
        Signatures, in the order of the chain.
    finalizations : tuple of Finalization
        Relay transactions that could have finalized, in the order of the chain.
    selected : collection of bytes
        Signing addresses of the voters that were drawn to finalize.
    """

    deadlines: Deadlines
    votes: Sequence[int | None]
    median: Median
    offenders: Sequence[bytes] = ()
    message: bytes = bytes(32)
    deposits: Sequence[Deposit] = ()
    finalizations: Sequence[Finalization] = ()
    selected: Collection[bytes] = ()


def anchor_rewards(
    offer: RoundOffer, voters: Sequence[Voter], record: RoundRecord, *, fip16: bool
) -> tuple[PartialClaim, ...]:
    """Return all claims of an anchor feed's offer: accuracy, signing, finalization, then penalties.

    Parameters
    ----------
    offer : RoundOffer
        Of the round, whole.
    voters : sequence of Voter
        All of the reward epoch, in policy order.
    record : RoundRecord
        What happened.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch.

    Returns
    -------
    tuple of PartialClaim
        Those of 0 or more sum up to the offer's amount. Where it is to be burned there is only that claim, and nobody
        is punished; nor are double signers where nothing was finalized.

    Raises
    ------
    ProtocolError
        As the parts.
    """
    if offer.burned:
        return (PartialClaim(offer.claim_back, offer.amount, ClaimType.DIRECT, Reward.FULL_OFFER, Detail.WHOLE),)
    parts = split_offer(offer)
    accuracy = median_rewards(parts.median, voters, record.votes, record.median, fip16=fip16)
    eligible = eligible_signers(accuracy, voters, fip16=fip16)
    first = first_successful(record.finalizations, record.deadlines)
    finalized = None if first is None else (record.message, first.timestamp)
    signing = signing_rewards(
        parts.signing,
        voters,
        record.deposits,
        eligible,
        finalized=finalized,
        deadlines=record.deadlines,
        fip16=fip16,
    )
    finalization = finalization_rewards(
        parts.finalization,
        voters,
        record.finalizations,
        record.selected,
        eligible,
        deadlines=record.deadlines,
        fip16=fip16,
    )
    caught = double_signers(deposits_in_time(record.deposits, record.deadlines), record.deadlines) if first else ()
    punished = (
        *penalties(offer, voters, record.offenders, reward=Reward.REVEAL_OFFENDERS, fip16=fip16),
        *penalties(offer, voters, _submit_addresses(voters, caught), reward=Reward.DOUBLE_SIGNERS, fip16=fip16),
    )
    return (*accuracy.claims, *signing, *finalization, *punished)


def _submit_addresses(voters: Iterable[Voter], signers: Iterable[bytes]) -> list[bytes]:
    by_signing = {voter.signing: voter.submit for voter in voters}
    submits = []
    for signer in signers:
        if signer not in by_signing:
            raise ProtocolError(f"double signers: expected a voter's signing address, was {to_hex(signer)}")
        submits.append(by_signing[signer])
    return submits
