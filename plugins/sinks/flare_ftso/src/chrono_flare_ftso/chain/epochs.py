"""Reward epochs from their events: feeds from the offers, voters from their registrations and the signing policy.

What is read for reward epoch E, all of it emitted while E - 1 lasts: offers from RewardEpochStarted(E - 1) to
RandomAcquisitionStarted(E), registrations from VotePowerBlockSelected(E) to SigningPolicyInitialized(E), timestamps of
both ends included.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/RewardEpochManager.ts`, `IndexerClient.ts` and
`RewardEpoch.ts` beside it; flare-foundation/flare-system-client b63206b, `client/epoch/registry_utils.go` (two
deployments); read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from chrono_flare_ftso.chain.logs import Stamped
from chrono_flare_ftso.protocol import events
from chrono_flare_ftso.protocol.epochs import reward_epoch_start
from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError
from chrono_flare_ftso.protocol.events import Event, decode_event, topics_of
from chrono_flare_ftso.protocol.feeds import CommunityOffer, FeedDecimals, InflationOffer, canonical_order
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.rewards.voters import Node, Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch

E = TypeVar("E")

EMITTED = {
    "FlareSystemsManager": (events.RewardEpochStarted, events.RandomAcquisitionStarted, events.VotePowerBlockSelected),
    "Relay": (events.SigningPolicyInitialized,),
    "VoterRegistry": (events.VoterRegistered,),
    "FlareSystemsCalculator": (events.VoterRegistrationInfo,),
    "FtsoRewardOffersManager": (InflationOffer, CommunityOffer),
}
"""Which events are read of which contract."""

TOPICS = tuple(sorted({topic for kinds in EMITTED.values() for kind in kinds for topic in topics_of(kind)}))
"""Their first topics, both forms of those that exist in two."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An event, who emitted it, and when its block was, unix seconds."""

    address: bytes
    timestamp: int
    event: Event


class Contracts:
    """Where the events of a reward epoch are looked for: the address known for it, then the others.

    Parameters
    ----------
    network : Network
        Its deployments.
    present : mapping of str to bytes
        What the registry on the chain says; it knows of deployments that are newer than the table.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> contracts = Contracts(FLARE, {"VoterRegistry": bytes(20)})
    >>> [address.hex()[:4] for address in contracts.candidates("VoterRegistry", 416)]
    ['2580', 'a480', '0000']
    """

    def __init__(self, network: Network, present: Mapping[str, bytes]) -> None:
        self.network = network
        self.present = dict(present)

    def candidates(self, name: str, reward_epoch: int) -> tuple[bytes, ...]:
        """Return the addresses a contract may have in a reward epoch, the likeliest first."""
        deployed = self.network.contracts.get(name, ())
        known = [self.network.contract(name, reward_epoch)] if deployed else []
        others = [each.address for each in reversed(deployed)]
        now = [self.present[name]] if name in self.present else []
        return tuple(dict.fromkeys([*known, *now, *others] if not known else [*known, *others, *now]))

    def all(self) -> tuple[bytes, ...]:
        """Return every address that events may come from."""
        return tuple(sorted({address for name in EMITTED for address in self.candidates(name, 0)}))


def seen_of(logs: Iterable[Stamped]) -> list[Seen]:
    """Return the events of logs; a log that is none of them is passed over."""
    found = []
    for each in logs:
        try:
            event = decode_event(each.log.topics, each.log.data)
        except ProtocolError:
            continue
        found.append(Seen(each.log.address, each.timestamp, event))
    return found


def policies_of(seen: Sequence[Seen], contracts: Contracts) -> dict[int, events.SigningPolicyInitialized]:
    """Return the signing policies that were set, by reward epoch."""
    found: dict[int, events.SigningPolicyInitialized] = {}
    for number in sorted(
        {each.event.reward_epoch for each in seen if isinstance(each.event, events.SigningPolicyInitialized)}
    ):
        policy = _one(seen, events.SigningPolicyInitialized, number, contracts.candidates("Relay", number))
        if policy is not None:
            found[number] = policy
    return found


def reward_epoch_of(number: int, seen: Sequence[Seen], contracts: Contracts) -> RewardEpoch:
    """Return a reward epoch, given what happened on the chain before it.

    Parameters
    ----------
    number : int
        The reward epoch.
    seen : sequence of Seen
        All events from the start of the epoch before it to its signing policy, in the order of the chain.
    contracts : Contracts
        Who may have emitted them.

    Raises
    ------
    NoResult
        If an event is missing, registrations do not match each other or the policy, or an offer is for another epoch.
    ProtocolError
        If offers contradict each other.
    """
    managers = contracts.candidates("FlareSystemsManager", number)
    policy = policies_of(seen, contracts).get(number)
    if policy is None:
        raise _missing(number, f"SigningPolicyInitialized({number})")
    opened = _start(number - 1, seen, contracts)
    closed = _one(seen, events.RandomAcquisitionStarted, number, managers)
    selected = _one(seen, events.VotePowerBlockSelected, number, managers)
    if closed is None or selected is None:
        name = "RandomAcquisitionStarted" if closed is None else "VotePowerBlockSelected"
        raise _missing(number, f"{name}({number})")
    feeds = _feeds(number, _between(seen, opened, closed.timestamp), contracts)
    voters = _voters(policy, _between(seen, selected.timestamp, policy.timestamp), contracts)
    return RewardEpoch(number, policy.start_round, voters, feeds)


def _start(number: int, seen: Sequence[Seen], contracts: Contracts) -> int:
    """Return when a reward epoch started; the first one on a network has no event and counts as punctual."""
    if number == contracts.network.initial_reward_epoch:
        return reward_epoch_start(contracts.network, number)
    found = _one(seen, events.RewardEpochStarted, number, contracts.candidates("FlareSystemsManager", number))
    if found is None:
        raise _missing(number + 1, f"RewardEpochStarted({number})")
    return found.timestamp


def _feeds(number: int, seen: Sequence[Seen], contracts: Contracts) -> tuple[FeedDecimals, ...]:
    managers = contracts.candidates("FtsoRewardOffersManager", number)
    inflation = [each.event for each in seen if each.address in managers and isinstance(each.event, InflationOffer)]
    community = [each.event for each in seen if each.address in managers and isinstance(each.event, CommunityOffer)]
    for other in {*(each.reward_epoch for each in inflation), *(each.reward_epoch for each in community)} - {number}:
        raise NoResult(f"reward epoch {number}: expected its own offers, was one for {other}")
    return canonical_order(inflation, community)


def _voters(policy: events.SigningPolicyInitialized, seen: Sequence[Seen], contracts: Contracts) -> tuple[Voter, ...]:
    """Return the voters of a policy; of two deployments those count in which the whole policy registered."""
    number, refusals = policy.reward_epoch, []
    pairs = product(
        contracts.candidates("VoterRegistry", number), contracts.candidates("FlareSystemsCalculator", number)
    )
    for registry, calculator in pairs:
        registered = _of(seen, events.VoterRegistered, registry)
        infos = _of(seen, events.VoterRegistrationInfo, calculator)
        try:
            return _registered(policy, registered, infos)
        except NoResult as error:
            refusals.append(error)
    raise refusals[0] if refusals else _missing(number, "VoterRegistered")


def _registered(
    policy: events.SigningPolicyInitialized,
    registered: Sequence[events.VoterRegistered],
    infos: Sequence[events.VoterRegistrationInfo],
) -> tuple[Voter, ...]:
    number = policy.reward_epoch
    if sorted(each.voter for each in registered) != sorted(each.voter for each in infos):
        told = f"{len(registered)} VoterRegistered and {len(infos)} VoterRegistrationInfo of other voters"
        raise NoResult(f"reward epoch {number}: expected both events of each registration, was {told}")
    for other in {*(each.reward_epoch for each in registered), *(each.reward_epoch for each in infos)} - {number}:
        raise NoResult(f"reward epoch {number}: expected its own registrations, was one for {other}")
    info_of = {each.voter: each for each in infos}
    by_signing = {each.signing_policy_address: each for each in registered}
    lacking = [signing for signing in policy.voters if signing not in by_signing]
    if lacking:
        told = f"none of {len(lacking)} of {len(policy.voters)} voters, such as 0x{lacking[0].hex()}"
        raise NoResult(f"reward epoch {number}: expected a registration of each voter of the policy, was {told}")
    return tuple(
        _voter(by_signing[signing], info_of[by_signing[signing].voter], weight)
        for signing, weight in zip(policy.voters, policy.weights, strict=True)
    )


def _voter(registered: events.VoterRegistered, info: events.VoterRegistrationInfo, weight: int) -> Voter:
    return Voter(
        identity=registered.voter,
        submit=registered.submit_address,
        signing=registered.signing_policy_address,
        delegation=info.delegation_address,
        capped_weight=info.wnat_capped_weight,
        signing_weight=weight,
        fee_bips=info.delegation_fee_bips,
        nodes=tuple(Node(*each) for each in zip(info.node_ids, info.node_weights, strict=True)),
    )


def _one(seen: Iterable[Seen], kind: type[E], number: int, addresses: Sequence[bytes]) -> E | None:
    """Return the event of a reward epoch, from the first of addresses that emitted one."""
    found: dict[bytes, E] = {}
    for each in seen:
        if isinstance(each.event, kind) and getattr(each.event, "reward_epoch", None) == number:
            found.setdefault(each.address, each.event)
    return next((found[address] for address in addresses if address in found), None)


def _of(seen: Iterable[Seen], kind: type[E], address: bytes) -> list[E]:
    return [each.event for each in seen if each.address == address and isinstance(each.event, kind)]


def _between(seen: Iterable[Seen], first: int, last: int) -> list[Seen]:
    return [each for each in seen if first <= each.timestamp <= last]


def _missing(number: int, what: str) -> NoResult:
    return NoResult(f"reward epoch {number}: expected {what} on the chain, was none")
