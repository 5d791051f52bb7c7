"""What is looked at before a provider sends anything: what is wrong is one line, with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from chrono import TransientError
from chrono_flare_ftso.answers import Feeds
from chrono_flare_ftso.chain.accounts import Account
from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.chain.fees import COIN
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.contracts import FUNCTIONS
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_id
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.protocol.rounds import RewardEpoch
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.provider.checks import (
    NEEDED,
    check_balances,
    check_clock,
    check_contracts,
    check_feeds,
    check_nodes,
    check_registration,
    check_roles,
    told_of,
)

pytestmark = pytest.mark.anyio

NOW = 1_795_000_000
ROLES = ("submit", "submit_signatures", "signing_policy")
ADDRESSES = {"identity": bytes([1] * 20), **{role: bytes([at + 2] * 20) for at, role in enumerate(ROLES)}}
BY_SELECTOR = {each.selector: each for each in FUNCTIONS.values()}


@pytest.fixture
def anyio_backend():
    return "asyncio"


class World:
    """A node and contracts that answer as they are told."""

    def __init__(self) -> None:
        self.chain = 114
        self.head = NOW - 2
        self.away = False
        self.balances = dict.fromkeys(ADDRESSES.values(), 100 * COIN)
        self.confirmed = [ADDRESSES[role] for role in ROLES]
        self.delegation = bytes([9] * 20)
        self.registered = {6000: True, 6001: False}
        self.open = False

    async def chain_id(self) -> int:
        if self.away:
            raise TransientError("node.example: no answer in time")
        return self.chain

    async def block(self, number: int | str) -> Block:
        return Block(7, bytes(32), bytes(32), self.head)

    async def account(self, address: bytes) -> Account:
        return Account(self.chain, 7, 25, 0, 0, self.balances[address])

    def address(self, name: str) -> bytes:
        return COSTON2.contract(name, 6000)

    async def call(self, contract: str, data: bytes) -> bytes:
        called = BY_SELECTOR[data[:4]]
        match called.name:
            case "getVoterAddresses":
                return abi.encode("(address,address,address)", tuple(self.confirmed))
            case "getDelegationAddressOf":
                return abi.encode("address", self.delegation)
            case "getCurrentRewardEpochId":
                return abi.encode("uint24", 6000)
            case "isVoterRegistered":
                return abi.encode("bool", self.registered[called.decode_call(data)[1]])
            case "isVoterRegistrationEnabled":
                return abi.encode("bool", self.open)
        raise AssertionError(called.name)


async def all_of(checks: Any) -> list[Any]:
    return [check async for check in checks]


@pytest.fixture
def world():
    return World()


async def test_everything_that_is_right_is_told_and_nothing_is_advised(world):
    found = [
        *await all_of(check_nodes({"node.example": world}, COSTON2, NOW * 10**9)),
        check_contracts(world, COSTON2, NEEDED),
        *await all_of(check_roles(world, ADDRESSES)),
        *await all_of(check_balances(world, ADDRESSES, 5 * COIN)),
        *await all_of(check_registration(world, ADDRESSES["identity"])),
    ]
    assert {check.state for check in found} == {"ok"}
    assert not any(check.advice for check in found)
    assert told_of(found)[-1] == "0 failures, 0 warnings"


async def test_node_of_another_chain_or_without_an_answer_is_a_failure_and_the_others_are_looked_at(world):
    other, silent, behind = World(), World(), World()
    other.chain, silent.away, behind.head = 14, True, NOW - 60
    nodes = {"a": other, "b": silent, "c": world, "d": behind}
    found = {check.name: check for check in await all_of(check_nodes(nodes, COSTON2, NOW * 10**9))}
    assert {name: check.state for name, check in found.items()} == {
        "node a": "failure",
        "node b": "failure",
        "node c": "ok",
        "node d": "warning",
        "clock": "ok",
    }
    assert found["node a"].told == "expected chain 114 (coston2), was 14"
    assert found["node d"].told == "block 7, 58 s behind the newest"


@pytest.mark.parametrize(
    ("age", "state"),
    [(0.2, "ok"), (29.0, "ok"), (31.0, "failure"), (-0.9, "ok"), (-1.5, "warning"), (-3.0, "failure")],
)
def test_clock_is_judged_by_the_newest_block(age, state):
    check = check_clock(age)
    assert check.state == state
    assert bool(check.advice) is (state != "ok")


def test_wrong_registry_is_told_by_what_it_lacks(world):
    check = check_contracts(world, COSTON2, ["Submission", "Relay"])
    assert check.state == "failure"
    assert "knows nothing of FlareSystemsManager, VoterRegistry, EntityManager, RewardManager" in check.told


async def test_role_that_is_not_confirmed_is_told_with_the_commands_that_do_it(world):
    world.confirmed[0] = ADDRESSES["identity"]
    world.confirmed[2] = bytes([8] * 20)
    world.delegation = ADDRESSES["identity"]
    found = {check.name: check for check in await all_of(check_roles(world, ADDRESSES))}
    assert {name for name, check in found.items() if check.state == "failure"} == {
        "submit",
        "signing_policy",
        "delegation",
    }
    ours, identity = (checksummed(ADDRESSES[role]) for role in ("submit", "identity"))
    assert found["submit"].told == f"expected {ours} to be confirmed for {identity}, was none"
    assert found["signing_policy"].told.endswith(f"was {checksummed(bytes([8] * 20))}")
    assert found["submit"].advice == "chrono flare entity propose FILE submit, then confirm FILE submit"


async def test_voter_without_an_address_is_told_what_to_add(world):
    (check,) = await all_of(check_roles(world, {role: ADDRESSES[role] for role in ROLES}))
    assert (check.state, check.advice) == ("failure", "add identity: {address: 0x…}")


async def test_empty_account_is_a_failure_and_a_low_one_a_warning(world):
    world.balances[ADDRESSES["submit"]] = 0
    world.balances[ADDRESSES["signing_policy"]] = COIN
    found = await all_of(check_balances(world, ADDRESSES, 5 * COIN))
    assert [check.state for check in found] == ["failure", "ok", "warning"]
    assert found[0].told.startswith(checksummed(ADDRESSES["submit"]))
    assert found[0].advice.startswith("send it 10")


@pytest.mark.parametrize(
    ("registered", "open_now", "states"),
    [
        ({6000: False, 6001: False}, False, ["failure", "ok"]),
        ({6000: False, 6001: True}, False, ["warning", "ok"]),
        ({6000: True, 6001: False}, True, ["ok", "failure"]),
        ({6000: True, 6001: True}, True, ["ok", "ok"]),
    ],
)
async def test_registration_is_looked_at_for_this_reward_epoch_and_the_next(world, registered, open_now, states):
    world.registered, world.open = registered, open_now
    found = await all_of(check_registration(world, ADDRESSES["identity"]))
    assert [check.state for check in found] == states


def test_feeds_that_are_not_priced_are_named():
    names = ("BTC/USD", "ETH/USD", "FLR/USD")
    epoch = RewardEpoch(6000, 0, (), tuple(FeedDecimals(feed_id(1, name), 2) for name in names))
    assert check_feeds(epoch, Feeds(dict.fromkeys(names, "crypto"))).state == "ok"
    check = check_feeds(epoch, Feeds(dict.fromkeys(names[:2], "crypto")))
    assert (check.state, check.told) == ("warning", "2 of 3 feeds of reward epoch 6000 are priced")
    assert check.advice == "add FLR/USD to the pipeline"
    assert check_feeds(epoch, Feeds({"BTC/USD": "crypto", "ETH/USD": "fx"})).state == "failure"
