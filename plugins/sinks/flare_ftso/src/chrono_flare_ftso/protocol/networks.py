"""The four networks: where their contracts live in which reward epoch, and the parameters a provider goes by.

A contract registry on each chain has the present addresses. Those that were replaced are kept, because logs of earlier
reward epochs come from them.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/constants.ts` and `libs/fsp-rewards/src/constants.ts`
(timing, first reward epochs, burn addresses, FIP-16); flare-foundation/developer-hub daa3028,
`docs/network/0-overview.mdx` (endpoints); flare-foundation/flare-smart-contracts-v2 264dab7, `deployment/chain-config`
(parameters); flare-foundation/flare-system-client b63206b, `client/epoch/registry_utils.go` (messages of registration);
flare-foundation/go-flare-common 5116580, `pkg/policy/policy.go` (RLY-23); flare-foundation/go-flare 53f8b03,
`coreth/core/daemon.go` and `coreth/core/state_transition_params.go` (refunds); read 2026-11-22.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from chrono_flare_ftso.protocol.deployments import DEPLOYMENTS, Deployment
from chrono_flare_ftso.protocol.text import from_hex

VOTING_ROUND_SECONDS = 90
REVEAL_SECONDS = 45
FTSO_PROTOCOL = 100
FDC_PROTOCOL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What governance set on a chain.

    Attributes
    ----------
    policy_start_seconds : int
        How long before the expected end of a reward epoch the next one's random is sought.
    random_max_seconds, random_max_blocks : int
        How long a secure random is waited for, both at least.
    registration_min_seconds, registration_min_blocks : int
        How long voters may register, both at least.
    policy_delay_rounds : int
        Whole rounds between the one in which a signing policy is set and the first it serves.
    uptime_vote_min_seconds, uptime_vote_min_blocks : int
        How long after its end a reward epoch's uptime may be submitted, before it may be signed.
    policy_signing_seconds, policy_signing_blocks : int
        How long a voter may take to sign a new signing policy without a loss; either suffices.
    no_reward_blocks : int
        How much later still it may be until nothing is left of its rewards.
    min_voters, max_voters : int
        Voters of a signing policy.
    threshold_ppm : int
        What a signing policy's threshold is of its total weight, millionths.
    threshold_increase_bips : int
        What is asked of an old signing policy, as a share of its threshold, 1/10000.
    finalization_window_epochs : int
        How many reward epochs a message may be old when it is relayed.
    reward_expiry_seconds : int
        How long rewards can be claimed.
    max_nodes : int
        Validator nodes an entity may register.
    wnat_cap_ppm : int
        Most of all wrapped coins that count for one voter, millionths.
    default_fee_bips, fee_update_offset : int
        Fee of a voter who set none, 1/10000; reward epochs until another is in force.
    minimal_offer : int
        Smallest reward offer, native coins.
    default_decimals, decimals_update_offset : int
        Decimals of a feed for which none are set; reward epochs until others are in force.
    feeds_history : int
        Rounds that the feed publisher keeps.
    submission_window : int
        Blocks after its own in which a block-latency update is accepted.
    incentive_blocks : int
        Blocks that an incentive offer for block-latency updates lasts.
    """

    policy_start_seconds: int = 7200
    random_max_seconds: int
    random_max_blocks: int
    registration_min_seconds: int = 1800
    registration_min_blocks: int
    policy_delay_rounds: int = 3
    uptime_vote_min_seconds: int = 600
    uptime_vote_min_blocks: int
    policy_signing_seconds: int = 1200
    policy_signing_blocks: int
    no_reward_blocks: int
    min_voters: int
    max_voters: int = 100
    threshold_ppm: int = 500_000
    threshold_increase_bips: int = 12_000
    finalization_window_epochs: int
    reward_expiry_seconds: int
    max_nodes: int
    wnat_cap_ppm: int = 25_000
    default_fee_bips: int = 2000
    fee_update_offset: int
    minimal_offer: int
    default_decimals: int = 5
    decimals_update_offset: int = 2
    feeds_history: int = 1000
    submission_window: int = 10
    incentive_blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A chain that runs the protocol; `dataclasses.replace` makes another of it.

    Attributes
    ----------
    name, native : str
        What it and its coin are called.
    chain_id : int
        Its number; the reward manager has the same.
    rpc, websocket, data_availability : str
        Public endpoints.
    first_voting_round_start : int
        Unix seconds at which voting round 0 started.
    voting_round_seconds, reveal_seconds : int
        How long a voting round is, and how long of the next one it is revealed in.
    first_reward_epoch_round : int
        The voting round that reward epoch 0 is counted from.
    reward_epoch_rounds : int
        Voting rounds of a reward epoch, as expected.
    initial_reward_epoch : int
        The reward epoch before the first one that is priced; its start event is the expected one.
    contracts : mapping of str to tuple of Deployment
        Each contract's deployments, the oldest first.
    burn_address : bytes
        Who is paid what nobody earned.
    parameters : Parameters
        What governance set.
    nominal_gas_price : int
        Wei; who submits in time pays for 21000 gas at this price, and gets back the rest.
    refunded_gas_limit : int or None
        Largest gas limit that is refunded; None where there is no largest.
    chain_bound_registration : int
        First reward epoch whose registration is signed with the chain id in the message.
    fip16 : int or None
        First reward epoch in which votes weigh what signatures weigh and stake counts more (FIP-16); None: not so far.
    rly23 : int or None
        First reward epoch whose signing policy is hashed with the chain id (RLY-23); None: not so far.

    Examples
    --------
    >>> from dataclasses import replace
    >>> COSTON2.follows_fip16(6000), replace(COSTON2, fip16=6000).follows_fip16(6000)
    (False, True)
    """

    name: str
    chain_id: int
    native: str
    rpc: str
    websocket: str
    data_availability: str
    first_voting_round_start: int
    voting_round_seconds: int = VOTING_ROUND_SECONDS
    reveal_seconds: int = REVEAL_SECONDS
    first_reward_epoch_round: int = 0
    reward_epoch_rounds: int
    initial_reward_epoch: int
    contracts: Mapping[str, tuple[Deployment, ...]] = field(hash=False, repr=False)
    burn_address: bytes
    parameters: Parameters
    nominal_gas_price: int
    refunded_gas_limit: int | None
    chain_bound_registration: int
    fip16: int | None = None
    rly23: int | None = None

    def contract(self, name: str, reward_epoch: int) -> bytes:
        """Return the address a contract has in a reward epoch.

        Parameters
        ----------
        name : str
            As the contract registry has it, such as ``VoterRegistry``.
        reward_epoch : int
            Which epoch is prepared or served; the deployments of an upgrade overlap on the chain.

        Returns
        -------
        bytes
            20 bytes.

        Raises
        ------
        ValueError
            If there is no contract of that name, or the epoch is negative.

        Examples
        --------
        >>> [FLARE.contract("VoterRegistry", epoch).hex()[:4] for epoch in (416, 417)]
        ['2580', 'a480']
        """
        if reward_epoch < 0:
            raise ValueError(f"expected a reward epoch from 0 on, was {reward_epoch}")
        if name not in self.contracts:
            raise ValueError(_unknown(f"a contract of {self.name}", name, self.contracts))
        *_, last = (each for each in self.contracts[name] if each.first_reward_epoch <= reward_epoch)
        return last.address

    def follows_fip16(self, reward_epoch: int) -> bool:
        """Return whether a reward epoch is priced and rewarded as FIP-16 says."""
        return self.fip16 is not None and reward_epoch >= self.fip16

    def follows_rly23(self, reward_epoch: int) -> bool:
        """Return whether a reward epoch's signing policy is hashed as RLY-23 says."""
        return self.rly23 is not None and reward_epoch >= self.rly23


def network(name: str) -> Network:
    """Return a network by its name.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> network("songbird").chain_id
    19
    >>> network("songbrid")
    Traceback (most recent call last):
    ValueError: expected a network (coston, coston2, flare, songbird), was 'songbrid'; did you mean songbird
    """
    if name not in NETWORKS:
        raise ValueError(_unknown("a network", name, NETWORKS))
    return NETWORKS[name]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"expected {what} ({', '.join(known)}), was {name!r}" + (f"; did you mean {near[0]}" if near else "")


FLARE = Network(
    name="flare",
    chain_id=14,
    native="FLR",
    rpc="https://flare-api.flare.network/ext/C/rpc",
    websocket="wss://flare-api.flare.network/ext/C/ws",
    data_availability="https://flr-data-availability.flare.network/",
    first_voting_round_start=1_658_430_000,
    reward_epoch_rounds=3360,
    initial_reward_epoch=223,
    contracts=DEPLOYMENTS["flare"],
    burn_address=from_hex("0xD9e5B450773B17593abAfCF73aB96ad99d589751", 20),
    parameters=Parameters(
        random_max_seconds=28_800,
        random_max_blocks=14_400,
        registration_min_blocks=900,
        uptime_vote_min_blocks=300,
        policy_signing_blocks=600,
        no_reward_blocks=600,
        min_voters=10,
        finalization_window_epochs=10,
        reward_expiry_seconds=7_776_000,
        max_nodes=4,
        fee_update_offset=3,
        minimal_offer=100_000,
        incentive_blocks=17,
    ),
    nominal_gas_price=25 * 10**9,
    refunded_gas_limit=3_000_000,
    chain_bound_registration=417,
)
SONGBIRD = Network(
    name="songbird",
    chain_id=19,
    native="SGB",
    rpc="https://songbird-api.flare.network/ext/C/rpc",
    websocket="wss://songbird-api.flare.network/ext/C/ws",
    data_availability="https://sgb-data-availability.flare.network/",
    first_voting_round_start=1_658_429_955,
    reward_epoch_rounds=3360,
    initial_reward_epoch=183,
    contracts=DEPLOYMENTS["songbird"],
    burn_address=from_hex("0xAC3F85d29119836545670b2FCeFe35C829bE35ab", 20),
    parameters=Parameters(
        random_max_seconds=28_800,
        random_max_blocks=28_800,
        registration_min_blocks=1800,
        uptime_vote_min_blocks=600,
        policy_signing_blocks=1200,
        no_reward_blocks=1200,
        min_voters=10,
        finalization_window_epochs=10,
        reward_expiry_seconds=7_776_000,
        max_nodes=0,
        fee_update_offset=3,
        minimal_offer=200_000,
        incentive_blocks=30,
    ),
    nominal_gas_price=225 * 10**9,
    refunded_gas_limit=None,
    chain_bound_registration=417,
)
COSTON = Network(
    name="coston",
    chain_id=16,
    native="CFLR",
    rpc="https://coston-api.flare.network/ext/C/rpc",
    websocket="wss://coston-api.flare.network/ext/C/ws",
    data_availability="https://ctn-data-availability.flare.network/",
    first_voting_round_start=1_658_429_955,
    reward_epoch_rounds=240,
    initial_reward_epoch=2466,
    contracts=DEPLOYMENTS["coston"],
    burn_address=from_hex("0x000000000000000000000000000000000000dEaD", 20),
    parameters=Parameters(
        random_max_seconds=14_400,
        random_max_blocks=1920,
        registration_min_blocks=240,
        uptime_vote_min_blocks=80,
        policy_signing_blocks=160,
        no_reward_blocks=160,
        min_voters=3,
        finalization_window_epochs=30,
        reward_expiry_seconds=604_800,
        max_nodes=0,
        fee_update_offset=2,
        minimal_offer=1000,
        incentive_blocks=30,
    ),
    nominal_gas_price=225 * 10**9,
    refunded_gas_limit=None,
    chain_bound_registration=5451,
)
COSTON2 = Network(
    name="coston2",
    chain_id=114,
    native="C2FLR",
    rpc="https://coston2-api.flare.network/ext/C/rpc",
    websocket="wss://coston2-api.flare.network/ext/C/ws",
    data_availability="https://ctn2-data-availability.flare.network/",
    first_voting_round_start=1_658_430_000,
    reward_epoch_rounds=240,
    initial_reward_epoch=3110,
    contracts=DEPLOYMENTS["coston2"],
    burn_address=from_hex("0x000000000000000000000000000000000000dEaD", 20),
    parameters=Parameters(
        random_max_seconds=14_400,
        random_max_blocks=1440,
        registration_min_blocks=180,
        uptime_vote_min_blocks=60,
        policy_signing_blocks=120,
        no_reward_blocks=120,
        min_voters=3,
        finalization_window_epochs=30,
        reward_expiry_seconds=604_800,
        max_nodes=4,
        fee_update_offset=2,
        minimal_offer=1000,
        incentive_blocks=17,
    ),
    nominal_gas_price=25 * 10**9,
    refunded_gas_limit=3_000_000,
    chain_bound_registration=0,
)

NETWORKS: Mapping[str, Network] = MappingProxyType({each.name: each for each in (FLARE, SONGBIRD, COSTON, COSTON2)})
