"""How a chain becomes a devnet: contracts deployed, entities registered, reward epoch 1 prepared while 0 lasts.

All of it happens in the time of reward epoch 0, which nobody prices: the chain's clock is set as it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chrono_flare_ftso.devnet.anvil import Anvil
from chrono_flare_ftso.devnet.artifacts import Contract, contract
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.plan import COIN, DELAYED, PREPARED, REGISTERED, SOUGHT, Plan
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.policy import (
    THRESHOLD_PPM,
    SigningPolicy,
    hash_folded,
    normalised_threshold,
    normalised_weights,
)
from chrono_flare_ftso.protocol.registration import PPM, bound_registration_hash, registration_weight
from chrono_flare_ftso.protocol.signatures import Signature, eip191, sign
from chrono_flare_ftso.protocol.text import from_hex, to_hex

REGISTRY = from_hex("0xaD67FE66660Fb8dFE9d6b1b4240d8650e30F6019", 20)
SUBMISSION = from_hex("0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f", 20)
"""Both have these addresses on all networks."""

DAEMON = from_hex("0x1000000000000000000000000000000000000002", 20)
"""Who calls daemonize(), as on Flare."""

GOVERNANCE = keccak256(b"chrono devnet governance")[:20]

WNAT_CAP_PPM = 250_000
FEE_BIPS, FEE_OFFSET = 2_000, 2
FINALIZATION_WINDOW = 10
FEEDS_HISTORY = 1_000
RICH = 10**9 * COIN
PAID_EPOCHS = 10_000
BAND_PPM, PRIMARY_PPM, TURNOUT_BIPS, MODE = 2_500, 700_000, 5_000, 0

ROLES_OF = {
    "submit": "Submit",
    "submit_signatures": "SubmitSignatures",
    "signing_policy": "SigningPolicy",
    "delegation": "Delegation",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was deployed.

    Attributes
    ----------
    contracts : mapping of str to bytes
        Addresses by name, 20 bytes each.
    start : int
        When reward epoch 1 starts, unix seconds.
    origin : int
        When voting round 0 and reward epoch 0 did.
    """

    contracts: Mapping[str, bytes]
    start: int
    origin: int


def signed_by(key: bytes, hashed: bytes) -> tuple[int, bytes, bytes]:
    """Return a signature of a hash as contracts take it."""
    made: Signature = sign(eip191(hashed), key)
    return made.v, made.r, made.s


class Deploying:
    """The work of it.

    Parameters
    ----------
    anvil : Anvil
        Fresh, its clock at the origin, mining a block for each transaction.
    plan : Plan
    entities : sequence of Entity
    start : int
        When reward epoch 1 is to start.
    """

    def __init__(self, anvil: Anvil, plan: Plan, entities: Sequence[Entity], start: int) -> None:
        self._anvil = anvil
        self._plan = plan
        self._entities = entities
        self._start = start
        self._origin = start - plan.epoch_seconds
        self._contracts: dict[str, bytes] = {}

    async def run(self) -> Deployment:
        """Do it; afterwards the next block is the first of reward epoch 1.

        Raises
        ------
        PermanentError
            If a transaction is reverted.
        TransientError
            If the node does not answer.
        """
        accounts = [address for each in self._entities for address in each.addresses.values()]
        await self._anvil.fund([GOVERNANCE, DAEMON, *accounts], RICH)
        await self._anvil.fund([GOVERNANCE], RICH + PAID_EPOCHS * self._plan.inflation)
        await self._placed("FlareContractRegistry", REGISTRY, GOVERNANCE)
        await self._of_entities()
        await self._in_sequence(self._confirmed(), "an entity's addresses")
        await self._weigh()
        power_block = (await self._anvil.head())[0]
        await self._of_protocol(power_block)
        await self._offer()
        await self._prepare()
        return Deployment(self._contracts, self._start, self._origin)

    async def _of_entities(self) -> None:
        """Deploy what does not know of time."""
        await self._deployed("WNat")
        await self._deployed("EntityManager")
        await self._deployed("ClaimSetupManager")
        await self._deployed("WNatDelegationFee", FEE_OFFSET, FEE_BIPS)
        await self._deployed("FlareSystemsCalculator", WNAT_CAP_PPM)
        await self._register()

    async def _of_protocol(self, power_block: int) -> None:
        plan = self._plan
        policy = self._initial_policy()
        identities = [each.identity for each in self._entities]
        timing = (self._origin, plan.round_seconds, 0, plan.epoch_rounds)
        initial = (0, policy.threshold, policy.seed, power_block)
        await self._deployed("VoterRegistry", GOVERNANCE, 100, 0, identities, policy.weights)
        await self._deployed("FlareSystemsManager", DAEMON, self._settings(), timing, initial)
        await self._deployed("VoterPreRegistry")
        await self._placed("Submission", SUBMISSION, GOVERNANCE, False)  # noqa: FBT003 - an argument of the contract
        setter, raw = self._contracts["FlareSystemsManager"], policy.encode()
        await self._deployed("Relay", setter, relay_state(plan, self._origin), 0, hash_folded(raw))
        await self._deployed("RewardManager", plan.chain_id)
        pot = PAID_EPOCHS * plan.inflation
        await self._deployed("FtsoRewardOffersManager", GOVERNANCE, 5, COIN, value=pot)
        await self._deployed("FtsoFeedPublisher", FTSO_PROTOCOL, FEEDS_HISTORY)
        await self._register()

    def _initial_policy(self) -> SigningPolicy:
        """Return the policy of reward epoch 0, whose voters sign that of 1."""
        cap = sum(each.wnat for each in self._entities) * WNAT_CAP_PPM // PPM
        weights = normalised_weights([registration_weight(min(each.wnat, cap)) for each in self._entities])
        seed = int.from_bytes(keccak256(f"chrono devnet {self._plan.seed}".encode()), "big")
        voters = tuple(each.signing_policy for each in self._entities)
        return SigningPolicy(0, 0, normalised_threshold(weights), seed, voters, weights)

    def _settings(self) -> tuple[int, ...]:
        seconds = self._plan.round_seconds
        sought, registered = SOUGHT * seconds, REGISTERED * seconds
        return (sought, 0, PREPARED * seconds, DELAYED, registered, 0, seconds, 0, THRESHOLD_PPM, 1)

    # entities

    def _confirmed(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        to, functions = self._contracts["EntityManager"], contract("EntityManager").functions
        for each in self._entities:
            for role, name in ROLES_OF.items():
                address = each.addresses[role]
                yield each.identity, to, functions[f"propose{name}Address"].encode_call(address)
                yield address, to, functions[f"confirm{name}AddressRegistration"].encode_call(each.identity)

    async def _weigh(self) -> None:
        """Have each delegator wrap coins and delegate them."""
        to, functions = self._contracts["WNat"], contract("WNat").functions
        deposit = functions["deposit"].encode_call()
        for each in self._entities:
            await self._sent(each.delegator, to, deposit, f"the deposit of {each.name}", value=each.wnat)
        delegations = (
            (each.delegator, to, functions["delegate"].encode_call(each.delegation, 10_000)) for each in self._entities
        )
        await self._in_sequence(delegations, "a delegation")

    # reward epochs

    async def _offer(self) -> None:
        """Choose the feeds, and offer for reward epoch 1."""
        plan, to = self._plan, self._contracts["FtsoRewardOffersManager"]
        await self._sent(GOVERNANCE, to, inflation_call(plan), "the choice of feeds")
        switch = contract("FtsoRewardOffersManager").functions["triggerRewardEpochSwitchover"]
        await self._sent(GOVERNANCE, to, switch.encode_call(0), "the first offer")

    async def _prepare(self) -> None:
        seconds = self._plan.round_seconds
        await self._daemonize(self._start - PREPARED * seconds)
        # no round was voted on: the random of reward epoch 0 is used once more
        await self._daemonize(self._start - (PREPARED - SOUGHT) * seconds)
        await self._in_sequence(self._registered(), "a registration")
        await self._daemonize(self._start - (PREPARED - SOUGHT - REGISTERED) * seconds)
        await self._sign_policy()

    def _registered(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        call = contract("VoterRegistry").functions["registerVoter"]
        for each in self._entities:
            hashed = bound_registration_hash(self._plan.chain_id, 1, each.identity)
            signature = signed_by(each.keys["signing_policy"], hashed)
            yield each.signing_policy, self._contracts["VoterRegistry"], call.encode_call(each.identity, signature)

    async def _sign_policy(self) -> None:
        """Have the voters of reward epoch 0 sign the policy of 1, until that is enough."""
        hash_of = contract("Relay").functions["toSigningPolicyHash"]
        raw = await self._anvil.call(self._contracts["Relay"], hash_of.encode_call(1))
        (policy,) = hash_of.decode_result(raw)
        call, before, weight = (
            contract("FlareSystemsManager").functions["signNewSigningPolicy"],
            self._initial_policy(),
            0,
        )
        for each, added in zip(self._entities, before.weights, strict=True):
            signature = signed_by(each.keys["signing_policy"], policy)
            to, data = self._contracts["FlareSystemsManager"], call.encode_call(1, policy, signature)
            await self._sent(each.signing_policy, to, data, f"the signature of {each.name}")
            weight += added
            if weight > before.threshold:
                return

    async def _daemonize(self, second: int) -> None:
        await self._anvil.at(second)
        data = contract("FlareSystemsManager").functions["daemonize"].encode_call()
        await self._sent(DAEMON, self._contracts["FlareSystemsManager"], data, "daemonize()")

    # transactions

    def _contract(self, name: str) -> Contract:
        return contract(name)

    async def _deployed(self, name: str, *arguments: Any, value: int = 0) -> bytes:
        data = self._contract(name).deployed_with(*arguments)
        hash = await self._anvil.send(GOVERNANCE, None, data, value=value)
        receipt = await self._anvil.succeeded(hash, f"the deployment of {name}")
        address = self._contracts[name] = from_hex(receipt["contractAddress"], 20)
        return address

    async def _placed(self, name: str, at: bytes, *arguments: Any) -> None:
        """Deploy a contract, and put its code, which holds all that its constructor chose, at a known address."""
        code = await self._anvil.rpc("eth_getCode", to_hex(await self._deployed(name, *arguments)), "latest")
        await self._anvil.rpc("anvil_setCode", to_hex(at), code)
        self._contracts[name] = at

    async def _register(self) -> None:
        names = [name for name in self._contracts if name != "FlareContractRegistry"]
        call = contract("FlareContractRegistry").functions["setContractAddresses"]
        data = call.encode_call(names, [self._contracts[name] for name in names])
        await self._sent(GOVERNANCE, REGISTRY, data, "the registry's entries")

    async def _sent(self, sender: bytes, to: bytes, data: bytes, what: str, *, value: int = 0) -> None:
        await self._anvil.succeeded(await self._anvil.send(sender, to, data, value=value), what)

    async def _in_sequence(self, calls: Iterator[tuple[bytes, bytes, bytes]], what: str) -> None:
        for hash in await self._anvil.send_all(list(calls)):
            await self._anvil.succeeded(hash, what)


def relay_state(plan: Plan, origin: int) -> tuple[Any, ...]:
    """Return the state a Relay starts with, as its constructor takes it."""
    timing = (origin, plan.round_seconds, 0, plan.epoch_rounds)
    return (FTSO_PROTOCOL, *timing, 12_000, 0, False, 0, True, FINALIZATION_WINDOW)


def inflation_call(plan: Plan) -> bytes:
    """Return the calldata by which governance chooses feeds and what is offered for them, from the next offer on."""
    ids = b"".join(each.id for each in plan.feeds)
    decimals = b"".join(each.decimals.to_bytes(1, "big", signed=True) for each in plan.feeds)
    bands = BAND_PPM.to_bytes(3, "big") * len(plan.feeds)
    configuration = (ids, decimals, plan.inflation, TURNOUT_BIPS, PRIMARY_PPM, bands, MODE)
    return contract("FtsoRewardOffersManager").functions["setInflation"].encode_call(configuration)
