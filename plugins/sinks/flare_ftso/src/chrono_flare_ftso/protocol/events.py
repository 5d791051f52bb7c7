"""Logs of the events that a provider reads, decoded.

Two events exist in two forms: the registries that were replaced emit the old one, their successors the new one, and a
node serves both for as long as it keeps history. Each form decodes to the same type.

Timestamps are unix seconds; `voter` is an identity address; `threshold_reached` says whether this signature sufficed.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/userInterfaces` (IFlareSystemsManager, IRelay,
IVoterRegistry, IFlareSystemsCalculator, IFtsoRewardOffersManager, IFastUpdater); the old forms: npm package
@flarenetwork/flare-periphery-contract-artifacts 0.1.50 (IVoterRegistry) and flare-foundation/go-flare-common 5116580,
`pkg/contracts/calculator/calculator.abi`; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.signatures import Signature
from chrono_flare_ftso.protocol.text import to_hex
from chrono_flare_ftso.protocol.wire import fixed


@dataclass(frozen=True, slots=True)
class RandomAcquisitionStarted:
    """The random of a reward epoch is sought: its offers are closed, addresses of its entities are fixed."""

    reward_epoch: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class VotePowerBlockSelected:
    """The block whose weights count in a reward epoch is fixed: its registration is open."""

    reward_epoch: int
    vote_power_block: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class SigningPolicyInitialized:
    """The signing policy of a reward epoch is set: registration is closed.

    Attributes
    ----------
    reward_epoch, start_round, threshold, seed : int
        As in the policy.
    voters : tuple of bytes
        Signing-policy addresses.
    weights : tuple of int
        Their normalised weights.
    policy_bytes : bytes
        The encoded policy, the same once more; it is what is hashed.
    """

    reward_epoch: int
    start_round: int
    threshold: int
    seed: int
    voters: tuple[bytes, ...]
    weights: tuple[int, ...]
    policy_bytes: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class SigningPolicySigned:
    """A voter of the reward epoch before signed the signing policy of `reward_epoch`."""

    reward_epoch: int
    signing_policy_address: bytes
    voter: bytes
    timestamp: int
    threshold_reached: bool


@dataclass(frozen=True, slots=True)
class RewardEpochStarted:
    """A reward epoch started, with voting round `start_round`."""

    reward_epoch: int
    start_round: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class SignUptimeVoteEnabled:
    """The uptime of a reward epoch, one that is over, may be signed."""

    reward_epoch: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class UptimeVoteSigned:
    """A voter signed the uptime of a reward epoch that is over."""

    reward_epoch: int
    signing_policy_address: bytes
    voter: bytes
    uptime_vote_hash: bytes
    timestamp: int
    threshold_reached: bool


@dataclass(frozen=True, slots=True)
class RewardsSigned:
    """A voter signed the rewards of a reward epoch.

    Attributes
    ----------
    reward_epoch : int
        The epoch that is over.
    signing_policy_address : bytes
        Who signed.
    rewards_hash : bytes
        The root of the claims.
    weight_based_claims : tuple of (int, int)
        Reward managers and how many claims of each go by weight.
    """

    reward_epoch: int
    signing_policy_address: bytes
    voter: bytes
    rewards_hash: bytes
    weight_based_claims: tuple[tuple[int, int], ...]
    timestamp: int
    threshold_reached: bool


@dataclass(frozen=True, slots=True)
class ProtocolMessageRelayed:
    """A voting round was finalized.

    Attributes
    ----------
    protocol, round : int
        Which protocol's result of which voting round.
    secure : bool
        Whether its random is secure.
    root : bytes
        The Merkle root of its results.
    """

    protocol: int
    round: int
    secure: bool
    root: bytes


@dataclass(frozen=True, slots=True)
class VoterRegistered:
    """A voter registered for a reward epoch.

    Attributes
    ----------
    reward_epoch : int
        The epoch that is prepared.
    signing_policy_address, submit_address, submit_signatures_address : bytes
        What it signs and submits from.
    public_key : tuple of (bytes, bytes)
        Both coordinates of its sortition key, zeros where it has none.
    registration_weight : int
        Before normalisation.
    signature : Signature or None
        What the voter registered with; the old form has none.
    """

    voter: bytes
    reward_epoch: int
    signing_policy_address: bytes
    submit_address: bytes
    submit_signatures_address: bytes
    public_key: tuple[bytes, bytes]
    registration_weight: int
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class VoterRegistrationInfo:
    """What the weight of a registered voter is made of.

    Attributes
    ----------
    reward_epoch : int
        The epoch that is prepared.
    delegation_address : bytes
        Whom coins are delegated to.
    delegation_fee_bips : int
        What it keeps of rewards, 1/10000.
    wnat_weight, wnat_capped_weight : int
        Wei delegated, and as far as they count.
    node_ids : tuple of bytes
        Its validator nodes, 20 bytes each.
    node_weights : tuple of int
        What is staked on each.
    """

    voter: bytes
    reward_epoch: int
    delegation_address: bytes
    delegation_fee_bips: int
    wnat_weight: int
    wnat_capped_weight: int
    node_ids: tuple[bytes, ...]
    node_weights: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FastUpdateFeeds:
    """The block-latency feeds as a voting round started.

    Attributes
    ----------
    round : int
        The voting round that started.
    values, decimals : tuple of int
        By block-latency index.
    """

    round: int
    values: tuple[int, ...]
    decimals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FastUpdateFeedsSubmitted:
    """A block-latency update was accepted; `round` is the voting round it fell into."""

    round: int
    signing_policy_address: bytes


Event: TypeAlias = (
    RandomAcquisitionStarted
    | VotePowerBlockSelected
    | SigningPolicyInitialized
    | SigningPolicySigned
    | RewardEpochStarted
    | SignUptimeVoteEnabled
    | UptimeVoteSigned
    | RewardsSigned
    | ProtocolMessageRelayed
    | VoterRegistered
    | VoterRegistrationInfo
    | InflationOffer
    | CommunityOffer
    | FastUpdateFeeds
    | FastUpdateFeedsSubmitted
)


def decode_event(topics: Sequence[bytes], data: bytes) -> Event:
    """Return the event that a log tells of.

    Parameters
    ----------
    topics : sequence of bytes
        32 bytes each; the first says which event it is.
    data : bytes
        What is not in the topics.

    Returns
    -------
    Event
        One of the types of this module, or an offer of `feeds`.

    Raises
    ------
    WireError
        If it is none of these events, or topics or data do not encode it; it says which byte.

    Examples
    --------
    >>> topics = [topics_of(RewardEpochStarted)[0], (392).to_bytes(32, "big")]
    >>> decode_event(topics, abi.encode("uint32,uint64", 1_317_120, 1_776_970_805))
    RewardEpochStarted(reward_epoch=392, start_round=1317120, timestamp=1776970805)
    """
    form = _BY_TOPIC.get(bytes(topics[0])) if topics else None
    if form is None:
        was = to_hex(topics[0]) if topics else "none"
        raise WireError("event log", 0, "the topic of an event that a provider reads", was)
    indexed = b"".join(fixed(topic, abi.WORD, "topic") for topic in topics[1:])
    event: Event = form.decode(indexed, data)
    return event


def topics_of(event: type) -> tuple[bytes, ...]:
    """Return the first topics an event's logs can have, the newest form's first.

    Parameters
    ----------
    event : type
        One of those that `decode_event` returns.

    Raises
    ------
    ValueError
        If no log decodes to it.

    Examples
    --------
    >>> [topic.hex()[:8] for topic in topics_of(VoterRegistrationInfo)]
    ['c49a5cab', '0ab8c10e']
    """
    found = tuple(form.topic for form in _FORMS if form.event is event)
    if not found:
        raise ValueError(f"expected a type of event, was {event!r}")
    return found


class _Form:
    """One form of an event's logs: what is indexed comes first, and the event is built of all values in order."""

    __slots__ = ("build", "data", "event", "indexed", "name", "topic")

    def __init__(
        self, event: type, indexed: str, data: str, name: str = "", build: Callable[..., Any] | None = None
    ) -> None:
        self.event = event
        self.name = name or event.__name__
        self.indexed = indexed
        self.data = data
        self.build = build or event
        self.topic = abi.topic(f"{self.name}({indexed}{',' if data else ''}{data})")

    def decode(self, topics: bytes, data: bytes) -> Any:
        what = f"indexed values of {self.name}"
        indexed = abi.decode(self.indexed, topics, what)
        end = len(indexed) * abi.WORD
        if len(topics) > end:
            raise WireError(what, end, "the end", f"{len(topics) - end} bytes more")
        return self.build(*indexed, *abi.decode(self.data, data, f"data of {self.name}"))


def _registered(*values: Any) -> VoterRegistered:
    return replace(VoterRegistered(*values), signature=Signature(*values[-1]))


def _registered_before(
    voter: bytes, epoch: int, signing: bytes, submit: bytes, signatures: bytes, x: bytes, y: bytes, weight: int
) -> VoterRegistered:
    return VoterRegistered(voter, epoch, signing, submit, signatures, (x, y), weight)


_SIGNED = "uint24,address,address"
_POLICY = "uint32,uint16,uint256,address[],uint16[],bytes,uint64"
_REGISTERED = "address,address,(bytes32,bytes32),uint256,(uint8,bytes32,bytes32)"
_REGISTERED_BEFORE = "address,address,bytes32,bytes32,uint256"
_INFO = "address,uint16,uint256,uint256,bytes20[],uint256[]"
_INFLATION = "bytes,bytes,uint256,uint16,uint24,bytes,uint16"
_COMMUNITY = "bytes21,int8,uint256,uint16,uint24,uint24,address"

_FORMS = (
    _Form(RandomAcquisitionStarted, "uint24", "uint64"),
    _Form(VotePowerBlockSelected, "uint24", "uint64,uint64"),
    _Form(SigningPolicyInitialized, "uint24", _POLICY),
    _Form(SigningPolicySigned, _SIGNED, "uint64,bool"),
    _Form(RewardEpochStarted, "uint24", "uint32,uint64"),
    _Form(SignUptimeVoteEnabled, "uint24", "uint64"),
    _Form(UptimeVoteSigned, _SIGNED, "bytes32,uint64,bool"),
    _Form(RewardsSigned, _SIGNED, "bytes32,(uint256,uint256)[],uint64,bool"),
    _Form(ProtocolMessageRelayed, "uint8,uint32", "bool,bytes32"),
    _Form(VoterRegistered, "address,uint32,address", _REGISTERED, build=_registered),
    _Form(VoterRegistered, "address,uint24,address", _REGISTERED_BEFORE, build=_registered_before),
    _Form(VoterRegistrationInfo, "address,uint32", _INFO),
    _Form(VoterRegistrationInfo, "address,uint24", _INFO),
    _Form(InflationOffer, "uint24", _INFLATION, "InflationRewardsOffered", InflationOffer.unpacked),
    _Form(CommunityOffer, "uint24", _COMMUNITY, "RewardsOffered"),
    _Form(FastUpdateFeeds, "uint256", "uint256[],int8[]"),
    _Form(FastUpdateFeedsSubmitted, "uint32,address", ""),
)
_BY_TOPIC: Mapping[bytes, _Form] = MappingProxyType({form.topic: form for form in _FORMS})
