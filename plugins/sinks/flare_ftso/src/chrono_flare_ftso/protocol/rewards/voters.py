"""What a voter of a reward epoch weighs, and who takes its rewards.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/RewardEpoch.ts` (VoterWeights),
`libs/fsp-rewards/src/reward-calculation/reward-utils.ts`, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A validator node of a voter: 20-byte id and mirrored stake in wei."""

    id: bytes
    weight: int


@dataclass(frozen=True, slots=True)
class Voter:
    """A registered voter of a reward epoch.

    Parameters
    ----------
    identity : bytes
        20 bytes, takes the fee.
    submit : bytes
        20 bytes, sends commits and reveals.
    signing : bytes
        20 bytes, stands in the signing policy.
    delegation : bytes
        20 bytes, to which WNat is delegated.
    capped_weight : int
        Delegated WNat in wei, capped (wNatCappedWeight).
    signing_weight : int
        Normalised weight of the signing policy, uint16.
    fee_bips : int
        Share of the rewards that the voter keeps (delegationFeeBIPS).
    nodes : tuple of Node
        In the order of the registration.
    """

    identity: bytes
    submit: bytes
    signing: bytes
    delegation: bytes
    capped_weight: int
    signing_weight: int
    fee_bips: int
    nodes: tuple[Node, ...] = ()

    @property
    def stake(self) -> int:
        """Stake of all nodes, in wei."""
        return sum(node.weight for node in self.nodes)

    def median_weight(self, *, fip16: bool) -> int:
        """Return the weight in the median and in its rewards: capped WNat, from FIP-16 on the signing weight."""
        return self.signing_weight if fip16 else self.capped_weight
