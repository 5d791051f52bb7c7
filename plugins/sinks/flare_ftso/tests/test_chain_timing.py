"""A devnet: its timing and its contracts come from its chain."""

from dataclasses import replace

import pytest
from fake_epochs import FakeClock
from fake_node import FakeChain, FakeNode

from chrono import PermanentError
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.timing import addresses_of, network_of
from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.networks import COSTON2, FLARE

pytestmark = pytest.mark.anyio

MANAGER, SUBMISSION = bytes([3]) * 20, bytes([4]) * 20
TIMING = {
    "firstVotingRoundStartTs()": 1_700_000_000,
    "votingEpochDurationSeconds()": 10,
    "firstRewardEpochStartTs()": 1_700_000_070,
    "rewardEpochDurationSeconds()": 240,
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def devnet(**changes: int) -> FakeChain:
    chain = FakeChain(31_337, contracts={"FlareSystemsManager": MANAGER, "Submission": SUBMISSION})
    chain.values = {abi.selector(name): value for name, value in {**TIMING, **changes}.items()}
    chain.mine(1_700_000_000)
    return chain


async def test_timing_and_contracts_of_a_devnet_are_read_from_it():
    async with FakeNode(devnet()) as fake, Node([fake.url], FakeClock(0)) as node:
        network = await network_of(node, replace(COSTON2, name="devnet", initial_reward_epoch=0))
    assert (network.name, network.chain_id, network.first_voting_round_start) == ("devnet", 31_337, 1_700_000_000)
    assert (network.voting_round_seconds, network.reveal_seconds) == (10, 5)
    assert (network.first_reward_epoch_round, network.reward_epoch_rounds) == (7, 24)
    assert network.contract("FlareSystemsManager", 0) == MANAGER
    assert network.contract("Submission", 9) == SUBMISSION
    assert network.contract("Relay", 9000) == COSTON2.contract("Relay", 9000)


async def test_rounds_of_ninety_seconds_are_revealed_in_forty_five():
    told = {"votingEpochDurationSeconds()": 90, "rewardEpochDurationSeconds()": 900}
    async with FakeNode(devnet(**told)) as fake, Node([fake.url], FakeClock(0)) as node:
        assert (await network_of(node, FLARE)).reveal_seconds == 45
        assert (await network_of(node, FLARE, reveal_seconds=30)).reveal_seconds == 30


async def test_a_chain_without_a_systems_manager_is_refused():
    chain = FakeChain(31_337)
    chain.mine(0)
    async with FakeNode(chain) as fake, Node([fake.url], FakeClock(0)) as node:
        assert await addresses_of(node, bytes(20)) == {}
        with pytest.raises(PermanentError, match="expected a FlareSystemsManager that tells its timing, was none"):
            await network_of(node, FLARE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("votingEpochDurationSeconds()", 0),
        ("rewardEpochDurationSeconds()", 0),
        ("rewardEpochDurationSeconds()", 245),
        ("firstRewardEpochStartTs()", 1_699_999_999),
    ],
)
async def test_a_timing_of_no_rounds_is_refused(name, value):
    async with FakeNode(devnet(**{name: value})) as fake, Node([fake.url], FakeClock(0)) as node:
        with pytest.raises(PermanentError, match="expected reward epochs of whole voting rounds, the first at round 0"):
            await network_of(node, FLARE)


async def test_a_watch_of_a_devnet_has_its_timing():
    async with FakeNode(devnet()) as fake:
        node = Node([fake.url], FakeClock(1_700_000_000))
        async with Watch(node, replace(COSTON2, initial_reward_epoch=0), timed=True) as watch:
            assert watch.network.voting_round_seconds == 10
