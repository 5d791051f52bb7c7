"""Reward epochs on a made-up chain: the events that make one, in the blocks they belong to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_node import FakeChain, Sent, log_of

from chrono_flare_ftso.protocol.epochs import reward_epoch_start
from chrono_flare_ftso.protocol.events import (
    RandomAcquisitionStarted,
    RewardEpochStarted,
    SigningPolicyInitialized,
    VotePowerBlockSelected,
    VoterRegistered,
    VoterRegistrationInfo,
)
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.rewards.voters import Voter

SECOND = 1_000_000_000


class FakeClock:
    """A clock that stands, or runs as fast as whoever waits sleeps."""

    def __init__(self, second: int, *, runs: bool = True) -> None:
        self.time = second * SECOND
        self.runs = runs
        self.slept: list[float] = []

    def now(self) -> int:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.runs:
            self.time += int(seconds * SECOND)
        await asyncio.sleep(0.004)


@dataclass
class Plan:
    """What is to stand on a chain: logs and transactions by second, in the order they were added."""

    network: Network
    logs: dict[int, list[Any]] = field(default_factory=dict)
    sent: dict[int, list[list[Sent]]] = field(default_factory=dict)

    def log(self, second: int, contract: str, epoch: int, event: Any, *, old: bool | None = None) -> None:
        address = self.network.contract(contract, epoch)
        is_old = epoch < self.network.chain_bound_registration if old is None else old
        dated = isinstance(event, VoterRegistered | VoterRegistrationInfo)
        self.logs.setdefault(second, []).append((address, *log_of(event, old=dated and is_old)))

    def send(self, second: int, *block: Sent) -> None:
        """Add a block of transactions."""
        self.sent.setdefault(second, []).append(list(block))

    def epoch(
        self,
        number: int,
        start_round: int,
        voters: Sequence[Voter],
        offers: Iterable[InflationOffer | CommunityOffer],
        *,
        weights: Mapping[bytes, int] | None = None,
    ) -> None:
        """Add all events of a reward epoch, emitted in the one before."""
        began, ends = (reward_epoch_start(self.network, each) for each in (number - 1, number))
        start_before = (began - self.network.first_voting_round_start) // self.network.voting_round_seconds
        self.log(began + 3, "FlareSystemsManager", number, RewardEpochStarted(number - 1, start_before, began + 3))
        for at, offer in enumerate(offers):
            # inflation comes in the block of the start, communities later
            later = 600 * at if isinstance(offer, CommunityOffer) else 0
            self.log(began + 3 + later, "FtsoRewardOffersManager", number, offer)
        sought, chosen, closed = ends - 7200, ends - 7100, ends - 5000
        self.log(sought, "FlareSystemsManager", number, RandomAcquisitionStarted(number, sought))
        self.log(chosen, "FlareSystemsManager", number, VotePowerBlockSelected(number, 1, chosen))
        for at, voter in enumerate(voters):
            registered, info = registration(number, voter)
            self.log(chosen + 10 * at, "VoterRegistry", number, registered)
            self.log(chosen + 10 * at, "FlareSystemsCalculator", number, info)
        self.log(closed, "Relay", number, policy_of(number, start_round, voters, closed))

    def chain(self, first: int, last: int, every: int) -> FakeChain:
        """Return a chain from one second to another, with a block at least every so many seconds."""
        chain = FakeChain(self.network.chain_id)
        chain.mine(first)
        for second in sorted({*self.logs, *self.sent}):
            if not first <= second <= last:
                continue
            chain.until(second - 1, every)
            blocks = self.sent.get(second, [[]])
            for at, block in enumerate(blocks):
                chain.mine(second, block, self.logs.get(second, ()) if not at else ())
        chain.until(last, every)
        return chain


def registration(number: int, voter: Voter) -> tuple[VoterRegistered, VoterRegistrationInfo]:
    registered = VoterRegistered(
        voter=voter.identity,
        reward_epoch=number,
        signing_policy_address=voter.signing,
        submit_address=voter.submit,
        submit_signatures_address=bytes(20),
        public_key=(bytes(32), bytes(32)),
        registration_weight=1,
    )
    info = VoterRegistrationInfo(
        voter=voter.identity,
        reward_epoch=number,
        delegation_address=voter.delegation,
        delegation_fee_bips=voter.fee_bips,
        wnat_weight=voter.capped_weight,
        wnat_capped_weight=voter.capped_weight,
        node_ids=tuple(node.id for node in voter.nodes),
        node_weights=tuple(node.weight for node in voter.nodes),
    )
    return registered, info


def policy_of(number: int, start_round: int, voters: Sequence[Voter], timestamp: int) -> SigningPolicyInitialized:
    signers = tuple(voter.signing for voter in voters)
    policy = SigningPolicy(number, start_round, 1, 1, signers, tuple(voter.signing_weight for voter in voters))
    told = {name: getattr(policy, name) for name in SigningPolicy.__slots__}
    return SigningPolicyInitialized(**told, policy_bytes=policy.encode(), timestamp=timestamp)
