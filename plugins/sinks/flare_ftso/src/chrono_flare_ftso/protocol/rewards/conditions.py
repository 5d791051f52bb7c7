"""Minimal conditions: who may keep the rewards of a reward epoch, and the passes that forgive.

A voter that fails the condition of a protocol has a strike; each strike takes a pass, and without passes left all its
rewards of the epoch are burned. In reward epochs 282 to 287 a failed FDC condition was published without a strike
(flare-foundation/fsp-rewards 31f5156, minimal-conditions.json); to settle those, pass it as met.

Source: flare-foundation/FTSO-Scaling 9e1e988, `minimal-conditions.ts` and `minimal-conditions-constants.ts` in
`libs/fsp-rewards/src/reward-calculation/minimal-conditions/`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.rewards.shares import TOTAL_PPM, truncated
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.text import to_hex

HIT_BAND_PPM = 5_000
HITS_PPM = 800_000
UPDATES_PPM = 800_000
LOW_WEIGHT_PPM = 2_000
UPTIME_PPM = 800_000
FDC_ROUNDS_PPM = 600_000
MIN_SELF_BOND_GWEI = 1_000_000 * 10**9
PASS_SELF_BOND_GWEI = 3_000_000 * 10**9
PASS_STAKE_GWEI = 15_000_000 * 10**9
MAX_PASSES = 3


@dataclass(frozen=True, slots=True)
class NodeStake:
    """A validator node's reward epoch, as the staking data of the network says.

    Parameters
    ----------
    self_bond, stake : int
        GWei; stake is all stake of the node.
    uptime : bool
        Whether it was up long enough.
    """

    self_bond: int
    stake: int
    uptime: bool


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which minimal conditions a voter met in a reward epoch.

    Parameters
    ----------
    anchor, fast_updates, staking, fdc : bool
        Whether it was met; staking always is where the network has none.
    stake_for_pass : bool
        Whether its stake suffices to earn a pass.
    """

    anchor: bool
    fast_updates: bool
    staking: bool
    fdc: bool
    stake_for_pass: bool = True

    @property
    def strikes(self) -> int:
        """How many were not met."""
        return (self.anchor, self.fast_updates, self.staking, self.fdc).count(False)

    @property
    def earns_pass(self) -> bool:
        """Whether the voter earns a pass."""
        return not self.strikes and self.stake_for_pass


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a voter keeps its rewards, and the passes that it holds afterwards."""

    eligible: bool
    passes: int


def standing(held: int, conditions: Conditions) -> Standing:
    """Settle a voter's reward epoch.

    Parameters
    ----------
    held : int
        Passes after the epoch before, 0 for who was not there.
    conditions : Conditions
        Of this epoch.

    Examples
    --------
    >>> failed = Conditions(anchor=False, fast_updates=True, staking=True, fdc=False)
    >>> standing(2, failed), standing(1, failed)
    (Standing(eligible=True, passes=0), Standing(eligible=False, passes=0))
    """
    left = held - conditions.strikes
    return Standing(eligible=left >= 0, passes=min(max(left, 0) + conditions.earns_pass, MAX_PASSES))


def is_hit(vote: int | None, median: int | None) -> bool:
    """Return whether a vote is within median · 0.5 % of a feed's median, edges included.

    An empty vote is compared as 0, and hits where that is near enough. Nothing hits where there is no median; a
    negative one from -200 on has an empty band.

    Examples
    --------
    >>> [is_hit(vote, 1000) for vote in (994, 995, 1005, 1006, None)], is_hit(None, 0), is_hit(1, None)
    ([False, True, True, False, False], True, False)
    """
    if median is None:
        return False
    distance = truncated(median * HIT_BAND_PPM, TOTAL_PPM)
    return median - distance <= (vote or 0) <= median + distance


def anchor_met(hits: int, rounds: int, feeds: int) -> bool:
    """Return whether a voter hit often enough: 80 % of all rounds and feeds.

    Parameters
    ----------
    hits : int
        Votes that `is_hit` says yes to. The reference counts none of a round without fast updates data.
    rounds, feeds : int
        Voting rounds of the epoch, and its feeds.

    Examples
    --------
    >>> anchor_met(80, 10, 10), anchor_met(79, 10, 10)
    (True, False)
    """
    return hits * TOTAL_PPM >= rounds * feeds * HITS_PPM


def fast_updates_met(updates: int, all_updates: int, weight: int, total_weight: int) -> bool:
    """Return whether a voter sent enough updates: 80 % of its share by weight.

    Parameters
    ----------
    updates, all_updates : int
        Of the voter and of all, in the reward epoch.
    weight, total_weight : int
        Signing weight of the voter and of all. Less than 0.2 % need not send any.

    Raises
    ------
    ZeroDivisionError
        If nobody has weight: a mistake of the caller.

    Examples
    --------
    >>> [fast_updates_met(updates, 1000, 10, 100) for updates in (79, 80)], fast_updates_met(0, 1000, 1, 501)
    ([False, True], True)
    """
    if weight * TOTAL_PPM // total_weight < LOW_WEIGHT_PPM:
        return True
    return updates * TOTAL_PPM >= weight * UPDATES_PPM // total_weight * all_updates


def staking_met(nodes: Iterable[NodeStake]) -> tuple[bool, bool]:
    """Return whether a voter's nodes were up with enough self-bond, and whether their stake suffices for a pass.

    80 % of the stake must have been up, and 1 million FLR be self-bonded; for a pass 3 million, and 15 million in all.

    Parameters
    ----------
    nodes : iterable of NodeStake
        All of the voter's.

    Examples
    --------
    >>> staking_met([NodeStake(2 * 10**15, 20 * 10**15, uptime=True)]), staking_met([])
    ((True, False), (False, False))
    """
    known = list(nodes)
    stake = sum(node.stake for node in known)
    up = sum(node.stake for node in known if node.uptime)
    bond = sum(node.self_bond for node in known)
    met = up * TOTAL_PPM >= stake * UPTIME_PPM and bond >= MIN_SELF_BOND_GWEI
    return met, bond >= PASS_SELF_BOND_GWEI and stake >= PASS_STAKE_GWEI


def fdc_met(rewarded: int, all_rewarded: int) -> bool:
    """Return whether a voter was rewarded often enough by the FDC: in 60 % of the rounds that anyone was.

    Parameters
    ----------
    rewarded : int
        Rounds with a fee for signing or finalizing, and without a penalty.
    all_rewarded : int
        Rounds in which any voter had such a fee.

    Examples
    --------
    >>> fdc_met(6, 10), fdc_met(5, 10), fdc_met(0, 0)
    (True, False, True)
    """
    return rewarded * TOTAL_PPM >= all_rewarded * FDC_ROUNDS_PPM


def burn_ineligible(
    reward_epoch: int, claims: Sequence[RewardClaim], ineligible: Collection[Voter], burn_address: bytes
) -> tuple[RewardClaim, ...]:
    """Burn the claims of voters that failed, which makes the claims of the reward epoch final.

    Parameters
    ----------
    reward_epoch : int
        Whose claims they are.
    claims : sequence of RewardClaim
        Of `net_of_penalties`.
    ineligible : collection of Voter
        Their identity and delegation addresses and nodes lose all; their signing addresses keep what they earned as
        finalizers.
    burn_address : bytes
        20 bytes, of the network.

    Returns
    -------
    tuple of RewardClaim
        By beneficiary; the burn address always has one claim, be it of 0.

    Raises
    ------
    ProtocolError
        If a beneficiary that keeps its claims has two; the reference has no distribution then.
    """
    losing = {burn_address}.union(*({voter.identity, voter.delegation} for voter in ineligible))
    losing.update(node.id for voter in ineligible for node in voter.nodes)
    burned = sum(claim.amount for claim in claims if claim.beneficiary in losing)
    kept: dict[bytes, RewardClaim] = {}
    for claim in claims:
        if claim.beneficiary not in losing and kept.setdefault(claim.beneficiary, claim) is not claim:
            raise ProtocolError(f"claims: expected one of beneficiary {to_hex(claim.beneficiary)}, was two")
    final = [RewardClaim(reward_epoch, burn_address, burned, ClaimType.DIRECT), *kept.values()]
    return tuple(sorted(final, key=lambda claim: claim.beneficiary))
