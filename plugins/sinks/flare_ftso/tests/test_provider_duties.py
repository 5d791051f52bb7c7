"""What a voter does once in a reward epoch, on contracts that say by themselves what is due."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_provider_voting import KEYS, Own

from chrono import TransientError
from chrono_flare_ftso.chain.endpoint import Reverted
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.contracts import FUNCTIONS
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.protocol.registration import (
    NO_UPTIME_VOTE,
    bound_registration_hash,
    registration_hash,
    unbound_registration_hash,
    uptime_hash,
)
from chrono_flare_ftso.protocol.signatures import Signature, eip191, recover
from chrono_flare_ftso.provider.duties import Duties

pytestmark = pytest.mark.anyio

NETWORK = COSTON2
IDENTITY = bytes([5] * 20)
PRESENT = 6_000
POLICY = keccak256(b"the next policy")
OURS = Own(KEYS[0]).address
BY_SELECTOR = {each.selector: each for each in FUNCTIONS.values()}


@pytest.fixture
def anyio_backend():
    return "asyncio"


class World:
    """Contracts, and what is sent to them."""

    def __init__(self) -> None:
        self.present = PRESENT
        self.policy = POLICY
        self.reverts: dict[str, str] = {}
        self.sent: list[tuple[str, int, tuple]] = []
        self.told: list[tuple[str, str, str]] = []
        self.away = False
        self.without: set[str] = set()
        self.takes: bytes | None = None
        self.lost = False
        self.faster: dict[str, str] = {}
        self.duties = Duties(NETWORK, IDENTITY, self, Own(KEYS[0]), self, lambda *told: self.told.append(told))

    async def call(self, contract: str, data: bytes) -> bytes:
        if self.away:
            raise TransientError("no node answers")
        called = BY_SELECTOR[data[:4]]
        assert called.contract == contract
        if contract in self.without:
            raise LookupError(f"expected a contract {contract}, the registry knows of none")
        if called.name == "getCurrentRewardEpochId":
            return abi.encode("uint24", self.present)
        if called.name == "toSigningPolicyHash":
            return abi.encode("bytes32", self.policy if called.decode_call(data) == (self.present + 1,) else bytes(32))
        if why := self.reverts.get(called.name):
            raise Reverted(f"execution reverted: {why}")
        if (
            called.name == "registerVoter"
            and self.takes is not None
            and _signer(called.decode_call(data)[1], self.takes) != OURS
        ):
            raise Reverted("execution reverted: invalid signature")
        return b""

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
        called = BY_SELECTOR[data[:4]]
        assert (called.contract, called.name) == (contract, label)
        assert until == 100.0
        self.sent.append((label, round, called.decode_call(data)))
        if label in self.faster:
            self.reverts[label] = self.faster[label]
            return False
        return not self.lost

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.sent]

    async def look(self) -> None:
        await self.duties.look(100.0)


def _signer(signature: tuple, hashed: bytes) -> bytes:
    return recover(eip191(hashed), Signature(*signature))


@pytest.fixture
def world():
    return World()


async def test_what_is_due_is_done_with_the_signing_key_s_signature(world):
    await world.look()
    assert world.names == ["preRegisterVoter", "registerVoter", "signNewSigningPolicy", "signUptimeVote"]
    following, past = PRESENT + 1, PRESENT - 1
    registration = registration_hash(NETWORK, following, IDENTITY)
    wanted = {
        "preRegisterVoter": (following, (IDENTITY,), registration),
        "registerVoter": (following, (IDENTITY,), registration),
        "signNewSigningPolicy": (following, (following, POLICY), POLICY),
        "signUptimeVote": (past, (past, NO_UPTIME_VOTE), uptime_hash(past)),
    }
    for name, epoch, (*arguments, signature) in world.sent:
        assert (epoch, tuple(arguments)) == wanted[name][:2]
        assert recover(eip191(wanted[name][2]), Signature(*signature)) == Own(KEYS[0]).address


async def test_what_is_done_is_not_done_again_until_the_next_reward_epoch(world):
    await world.look()
    world.sent.clear()
    await world.look()
    assert not world.sent
    world.present += 1
    await world.look()
    assert [(name, epoch) for name, epoch, _ in world.sent] == [
        ("preRegisterVoter", PRESENT + 2),
        ("registerVoter", PRESENT + 2),
        ("signNewSigningPolicy", PRESENT + 2),
        ("signUptimeVote", PRESENT),
    ]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("registerVoter", "already registered"),
        ("preRegisterVoter", "voter already pre-registered"),
        ("signNewSigningPolicy", "new signing policy already signed"),
        ("signUptimeVote", "voter already signed"),
        ("registerVoter", "voter registration not enabled"),
        ("preRegisterVoter", "voter currently not registered"),
        ("signUptimeVote", "sign uptime vote not started yet"),
        ("registerVoter", "vote power block zero"),
        ("signNewSigningPolicy", "voter not registered"),
    ],
)
async def test_what_is_done_or_not_due_is_not_sent_and_nobody_is_troubled(world, name, why):
    world.reverts[name] = why
    await world.look()
    assert name not in world.names
    assert [told for told in world.told if told[0] == "degraded"] == []


async def test_what_was_too_early_is_done_when_it_is_due(world):
    world.reverts["registerVoter"] = "voter registration not enabled"
    await world.look()
    world.sent.clear()
    del world.reverts["registerVoter"]
    await world.look()
    assert world.names == ["registerVoter"]


async def test_policy_that_is_not_set_is_not_signed(world):
    world.policy = bytes(32)
    await world.look()
    assert "signNewSigningPolicy" not in world.names


async def test_what_an_operator_has_to_see_to_is_told_once_and_with_what_to_do(world):
    world.reverts["registerVoter"] = "voter weight zero"
    await world.look()
    await world.look()
    (told,) = [told for told in world.told if told[0] == "degraded"]
    assert told[1:] == (
        "registerVoter",
        f"reward epoch {PRESENT + 1}: registerVoter is due and not done: execution reverted: voter weight zero; "
        "delegate WNat to the delegation address, or stake to the identity's nodes",
    )


async def test_a_network_without_a_contract_asks_for_nothing_by_it(world):
    """Whoever has no pre-registration registers all the same."""
    world.without = {"VoterPreRegistry"}
    await world.look()
    await world.look()
    assert world.names == ["registerVoter", "signNewSigningPolicy", "signUptimeVote"]
    assert [told for told in world.told if told[0] == "degraded"] == []


@pytest.mark.parametrize("form", [bound_registration_hash, unbound_registration_hash])
async def test_a_registry_is_given_the_form_that_it_takes(world, form):
    following = PRESENT + 1
    chain = (NETWORK.chain_id,) if form is bound_registration_hash else ()
    world.takes = form(*chain, following, IDENTITY)
    await world.look()
    (sent,) = [arguments for name, _, arguments in world.sent if name == "registerVoter"]
    assert recover(eip191(world.takes), Signature(*sent[1])) == OURS


async def test_what_a_registry_takes_in_neither_form_is_told_as_it_says_it(world):
    world.takes = bytes(32)
    await world.look()
    (told,) = [told for told in world.told if told[0] == "degraded"]
    assert told[1] == "registerVoter"
    assert "execution reverted: invalid signature; see whether signing_policy is the key" in told[2]


async def test_what_was_not_on_the_chain_in_time_is_tried_again(world):
    world.lost = True
    await world.look()
    world.lost = False
    world.sent.clear()
    await world.look()
    assert world.names == ["preRegisterVoter", "registerVoter", "signNewSigningPolicy", "signUptimeVote"]


async def test_where_others_were_faster_by_a_block_nobody_is_troubled(world):
    world.faster["signUptimeVote"] = "uptime vote hash already signed"
    await world.look()
    await world.look()
    assert world.names.count("signUptimeVote") == 1
    assert [told for told in world.told if told[0] == "degraded"] == []
    world.lost = True
    world.present += 1
    world.reverts.clear()
    world.faster.clear()
    await world.look()
    assert {told[1] for told in world.told if told[0] == "degraded"} >= {"signUptimeVote"}


async def test_node_that_does_not_answer_costs_one_look(world):
    looks: list[float] = []

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        world.away = False
        if len(looks) == 2:
            raise KeyboardInterrupt

    world.away = True
    with pytest.raises(KeyboardInterrupt):
        await world.duties.run(lambda: 100.0 - 30 * 20.0, sleep)
    assert looks == [20.0, 20.0]
    assert len(world.sent) == 4
    assert "cannot be asked: no node answers" in world.told[0][2]


async def test_short_reward_epochs_are_looked_at_more_often(world):
    async def sleep(seconds: float) -> None:
        raise KeyboardInterrupt(seconds)

    world.duties.network = replace(NETWORK, voting_round_seconds=5, reward_epoch_rounds=12)
    world.duties.wallet = type("Wallet", (), {"send": staticmethod(_sent)})()
    with pytest.raises(KeyboardInterrupt) as caught:
        await world.duties.run(lambda: 0.0, sleep)
    assert caught.value.args == (1.0,)


async def _sent(contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
    return True
