"""The pieces of a round's reward, before they are merged.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/utils/RewardClaim.ts` (IPartialRewardClaim),
`libs/fsp-rewards/src/reward-calculation/RewardTypePrefix.ts`, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chrono_flare_ftso.protocol.claims import ClaimType


class Reward(StrEnum):
    """What was rewarded or punished; the values are those of the reference's rewardTypeTag."""

    MEDIAN = "Median"
    SIGNING = "Signing"
    FINALIZATION = "Finalization"
    DOUBLE_SIGNERS = "Double signers"
    REVEAL_OFFENDERS = "Reveal offenders"
    FAST_UPDATES = "Fast updates accuracy"
    FULL_OFFER = "Full offer claim back"


class Detail(StrEnum):
    """Why a beneficiary gets it; the values are those of the reference's rewardDetailTag."""

    WHOLE = ""
    FEE = "FEE"
    PARTICIPATION = "PARTICIPATION"
    FEES = "FEES_FOR_DELEGATION_AND_STAKING"
    DELEGATION = "DELEGATION_COMMUNITY_REWARD"
    NODE = "NODE_COMMUNITY_REWARD"
    NO_VOTER_WEIGHT = "NO_VOTER_WEIGHT"
    LOW_TURNOUT = "LOW_TURNOUT_CLAIM_BACK"
    NO_NORMALIZED_WEIGHT = "NO_NORMALIZED_WEIGHT"
    NO_TIMELY_FINALIZATION = "NO_TIMELY_FINALIZATION"
    NO_ELIGIBLE_SIGNERS = "NO_WEIGHT_OF_ELIGIBLE_SIGNERS"
    NON_ELIGIBLE_SIGNER = "CLAIM_BACK_DUE_TO_NON_ELIGIBLE_SIGNER"
    NO_FINALIZATION = "NO_FINALIZATION"
    OUTSIDE_OF_GRACE_PERIOD = "OUTSIDE_OF_GRACE_PERIOD"
    NO_ELIGIBLE_FINALIZERS = "FINALIZED_BUT_NO_ELIGIBLE_VOTERS"
    UNDISTRIBUTED = "CLAIM_BACK_FOR_UNDISTRIBUTED_REWARDS"
    NO_SUBMISSIONS = "NO_SUBMISSIONS"
    NO_MEDIAN = "NO_MEDIAN_PRICE"
    MISSED_BAND = "MISSING_BAND"
    NO_FAST_UPDATE_FEEDS = "MISSING_FAST_UPDATE_FEEDS"


@dataclass(frozen=True, slots=True)
class PartialClaim:
    """A piece of one round's reward.

    Parameters
    ----------
    beneficiary : bytes
        20 bytes: an address or a node id.
    amount : int
        Wei; negative for a penalty, and 0 occurs.
    type : ClaimType
        What the beneficiary is.
    reward : Reward
        What was rewarded or punished.
    detail : Detail
        Why this beneficiary.
    """

    beneficiary: bytes
    amount: int
    type: ClaimType
    reward: Reward
    detail: Detail
