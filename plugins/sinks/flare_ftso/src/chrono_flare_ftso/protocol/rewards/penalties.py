"""What reveal offenders and double signers lose.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-penalties.ts`,
`libs/fsp-rewards/src/constants.ts` (penalty factor), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer
from chrono_flare_ftso.protocol.rewards.partial import PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.shares import truncated
from chrono_flare_ftso.protocol.rewards.split import split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.text import to_hex

PENALTY_FACTOR = 30


def penalties(
    offer: RoundOffer,
    voters: Sequence[Voter],
    offenders: Iterable[bytes],
    *,
    reward: Reward,
    fip16: bool,
    factor: int = PENALTY_FACTOR,
) -> tuple[PartialClaim, ...]:
    """Return the negative claims of a round's offenders.

    Each loses its share of the whole offer by median weight, `factor` times over, split as a reward by signing weight.

    Parameters
    ----------
    offer : RoundOffer
        The round's offer, not yet split.
    voters : sequence of Voter
        All of the reward epoch.
    offenders : iterable of bytes
        Submit addresses; one that occurs twice pays once.
    reward : Reward
        `REVEAL_OFFENDERS` or `DOUBLE_SIGNERS`.
    fip16 : bool
        Whether FIP-16 is active in the reward epoch.
    factor : int
        How many shares of the offer are lost.

    Returns
    -------
    tuple of PartialClaim
        Amounts of 0 or less, offender by offender. A voter of weight 0 loses nothing.

    Raises
    ------
    ProtocolError
        If an offender is no voter.
    """
    by_submit = {voter.submit: voter for voter in voters}
    total = sum(voter.median_weight(fip16=fip16) for voter in by_submit.values())
    claims: list[PartialClaim] = []
    for address in dict.fromkeys(offenders):
        voter = by_submit.get(address)
        if voter is None:
            raise ProtocolError(f"penalties: expected an offender's submit address, was {to_hex(address)}")
        weight = voter.median_weight(fip16=fip16)
        loss = truncated(-weight * offer.amount * factor, total) if weight else 0
        claims += split_by_signing_weight(loss, voter, reward=reward, claim_back=offer.claim_back, fip16=fip16)
    return tuple(claims)
