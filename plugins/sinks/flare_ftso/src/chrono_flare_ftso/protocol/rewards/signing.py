"""Rewards for signing the result that was finalized, and who signed two.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-signing.ts`,
`reward-double-signers.ts`, `libs/fsp-rewards/src/DataManagerForRewarding.ts`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.shares import declining_shares
from chrono_flare_ftso.protocol.rewards.split import split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.text import to_hex


@dataclass(frozen=True, slots=True)
class Deposit:
    """A signature of one round that a voter deposited.

    Parameters
    ----------
    sender : bytes
        20 bytes, the submitSignatures address that sent it.
    signer : bytes
        20 bytes, the voter's signing address.
    message : bytes or None
        The 32-byte hash that was signed. Where only the finalized hash is known, a signature that recovers to another
        address than the sender's signing address under it counts as one of another message: None. One that recovers to
        no address is no deposit.
    timestamp : int
        Of its block, in unix seconds.
    """

    sender: bytes
    signer: bytes
    message: bytes | None
    timestamp: int


def deposits_in_time(deposits: Iterable[Deposit], deadlines: Deadlines) -> tuple[Deposit, ...]:
    """Return each sender's first deposit of each message, from the reveal deadline to the end of the round after.

    Parameters
    ----------
    deposits : iterable of Deposit
        Of one protocol and round, in the order of the chain.
    deadlines : Deadlines
        Of the round.

    Returns
    -------
    tuple of Deposit
        Message by message in the order of their first deposits, each in the order of the chain.
    """
    by_message: dict[bytes | None, dict[bytes, Deposit]] = {}
    for deposit in deposits:
        if deadlines.reveal.stop <= deposit.timestamp <= deadlines.end:
            by_message.setdefault(deposit.message, {}).setdefault(deposit.sender, deposit)
    return tuple(deposit for senders in by_message.values() for deposit in senders.values())


def double_signers(deposits: Iterable[Deposit], deadlines: Deadlines) -> tuple[bytes, ...]:
    """Return the signing addresses that signed two messages of one round within the epoch after it.

    Parameters
    ----------
    deposits : iterable of Deposit
        Of one protocol and round, as `deposits_in_time` returns them.
    deadlines : Deadlines
        Of the round; all of the round after it counts, before the reveal deadline too.

    Returns
    -------
    tuple of bytes
        In the order in which they were caught.
    """
    first: dict[bytes, bytes | None] = {}
    caught: dict[bytes, None] = {}
    for deposit in deposits:
        within = deadlines.reveal.start <= deposit.timestamp <= deadlines.end
        if within and first.setdefault(deposit.signer, deposit.message) != deposit.message:
            caught[deposit.signer] = None
    return tuple(caught)


def signing_rewards(
    offer: RoundOffer,
    voters: Sequence[Voter],
    deposits: Iterable[Deposit],
    eligible: Collection[bytes],
    *,
    finalized: tuple[bytes, int] | None,
    deadlines: Deadlines,
    fip16: bool,
) -> tuple[PartialClaim, ...]:
    """Pay the signing part of a round's offer.

    Parameters
    ----------
    offer : RoundOffer
        The signing part of `split_offer`.
    voters : sequence of Voter
        All of the reward epoch, in policy order.
    deposits : iterable of Deposit
        Signatures of the round and protocol, in the order of the chain. Those before the reveal deadline or after the
        end of the epoch after the round do not count.
    eligible : collection of bytes
        Signing addresses that earned for accuracy (`eligible_signers`); the shares of others are burned.
    finalized : tuple of bytes and int, or None
        Hash of the finalized message and unix second of the first successful finalization, None where there was none
        in time: then all is burned.
    deadlines : Deadlines
        Of the round.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch.

    Returns
    -------
    tuple of PartialClaim
        In policy order; they sum up to the offer's amount.

    Raises
    ------
    ProtocolError
        If a signer is no voter, or two senders deposited one signer's signature.
    """
    if finalized is None:
        return (_claimed_back(offer, offer.amount, Detail.NO_TIMELY_FINALIZATION),)
    signers = _rewarded_signers(deposits_in_time(deposits, deadlines), finalized, deadlines)
    signed = _in_policy_order(voters, signers)
    shares = declining_shares(offer.amount, [voter.signing_weight for voter in signed])
    if not any(voter.signing_weight for voter in signed):
        return (_claimed_back(offer, offer.amount, Detail.NO_ELIGIBLE_SIGNERS),)
    claims: list[PartialClaim] = []
    for voter, share in zip(signed, shares, strict=True):
        if voter.signing in eligible:
            claims += split_by_signing_weight(
                share, voter, reward=Reward.SIGNING, claim_back=offer.claim_back, fip16=fip16
            )
        else:
            claims.append(_claimed_back(offer, share, Detail.NON_ELIGIBLE_SIGNER))
    return tuple(claims)


def _rewarded_signers(deposits: Sequence[Deposit], finalized: tuple[bytes, int], deadlines: Deadlines) -> list[bytes]:
    """Return who signed the finalized message in time, and no other: in grace, or before it was finalized."""
    message, finalized_at = finalized
    punished = double_signers(deposits, deadlines)
    return [
        deposit.signer
        for deposit in deposits
        if deposit.message == message
        and deposit.signer not in punished
        and (deposit.timestamp in deadlines.signature_grace or deposit.timestamp <= finalized_at)
    ]


def _in_policy_order(voters: Sequence[Voter], signers: list[bytes]) -> list[Voter]:
    signed = [voter for voter in voters if voter.signing in signers]
    if len(signed) != len(signers):
        raise ProtocolError(
            f"signatures: expected one a voter, was {len(signers)} of {len(signed)} voters: "
            f"{', '.join(sorted(map(to_hex, signers)))}"
        )
    return signed


def _claimed_back(offer: RoundOffer, amount: int, detail: Detail) -> PartialClaim:
    return PartialClaim(offer.claim_back, amount, ClaimType.DIRECT, Reward.SIGNING, detail)
