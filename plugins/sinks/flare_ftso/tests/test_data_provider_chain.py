"""The data provider on a chain that it follows by itself: a node over HTTP, and nothing in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from fake_epochs import Plan
from fake_node import FakeChain, FakeNode, Sent
from recorded_chain import RecordedChain
from test_chain_watch import EPOCH, IDS, START, offer, voters
from voting import Provider, strict

from chrono_flare_ftso.data_provider import DataProvider
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.commits import commit_hash
from chrono_flare_ftso.protocol.epochs import first_round, reveal_deadline, reward_epoch_start, round_start
from chrono_flare_ftso.protocol.feeds import FeedDecimals
from chrono_flare_ftso.protocol.merkle import verify
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.networks import COSTON2, Network
from chrono_flare_ftso.protocol.results import feed_leaf
from chrono_flare_ftso.protocol.rounds import RewardEpoch

pytestmark = pytest.mark.anyio

ROUND = START + 30
VOTERS = voters(3)
SUBMISSION = COSTON2.contract("Submission", EPOCH)


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Followed(Provider):
    """A data provider that follows the chain of its configuration."""

    chain = DataProvider.chain  # type: ignore[assignment]

    def __init__(self, ledger: object, on: Network, **options: object) -> None:
        epoch = RewardEpoch(EPOCH, ROUND, VOTERS, tuple(FeedDecimals(each, 5) for each in IDS))
        super().__init__(ledger, RecordedChain(on, epochs=[epoch], head=0), **options)


def chain_of(network: Network) -> FakeChain:
    """Return a chain of two reward epochs, up to the middle of the round."""
    plan = Plan(network)
    for number in (EPOCH - 1, EPOCH):
        plan.epoch(number, first_round(network, number), VOTERS, [offer(number)])
    return plan.chain(reward_epoch_start(network, EPOCH - 2) - 100, round_start(network, ROUND) + 5, 45)


async def voted(provider: Followed, chain: FakeChain) -> None:
    """Have all commit and reveal what they are given, in blocks, until it is too late for more."""
    start, submitters = round_start(provider.recorded.network, ROUND), [each.submit for each in VOTERS]
    commits = [await provider.submit1(each, ROUND) for each in submitters]
    chain.mine(start + 50, [Sent(*each) for each in _calls(Call.SUBMIT1, submitters, commits)])
    ends = round_start(provider.recorded.network, ROUND + 1)
    provider.go(ends + 2)
    reveals = [await provider.submit2(each, ROUND) for each in submitters]
    for submitter, commit, reveal in zip(submitters, commits, reveals, strict=True):
        assert commit_hash(submitter, ROUND, reveal[7:39], reveal[39:]) == commit[7:]
    chain.mine(ends + 12, [Sent(*each) for each in _calls(Call.SUBMIT2, submitters, reveals)])
    closed = reveal_deadline(provider.recorded.network, ROUND + 1)
    for second in (closed + 1, closed + 5):
        chain.mine(second)
    provider.go(closed + 6)


def _calls(call: Call, submitters: list[bytes], messages: list[bytes]):
    return [
        (submitter, SUBMISSION, call.value + message) for submitter, message in zip(submitters, messages, strict=True)
    ]


async def signed(provider: Followed) -> bytes:
    """Return what is to be signed of the round, once there is something."""
    async with asyncio.timeout(10):
        while True:
            told = await provider.client.get(f"/submitSignatures/{ROUND}/0x{'00' * 20}")
            if told.status_code == 200 and told.json()["status"] == "OK":
                return strict(told, 38)
            await asyncio.sleep(0.05)


async def checked(provider: Followed, chain: FakeChain) -> None:
    """Vote, and look at everything that is told of the round."""
    await voted(provider, chain)
    message = await signed(provider)
    told = await provider.get(f"/data/{ROUND}")
    assert told["merkleRoot"] == "0x" + message[-32:].hex()
    feeds = {each["id"]: each for each in told["tree"][1:]}
    assert {each["value"] for each in feeds.values()} == {round(38573.26 * 100), round(0.02042 * 10**7)}
    assert {each["turnoutBIPS"] for each in feeds.values()} == {10_000}
    for name, feed in feeds.items():
        proved = (await provider.get(f"/specific-feed/{name}/{ROUND}"))["feedWithProof"]
        leaf = feed_leaf(ROUND, bytes.fromhex(name[2:]), feed["value"], feed["turnoutBIPS"], feed["decimals"])
        root = bytes.fromhex(told["merkleRoot"][2:])
        assert verify(leaf, [bytes.fromhex(each[2:]) for each in proved["proof"]], root)


async def test_round_is_committed_to_revealed_and_signed_over_a_node(tmp_path):
    """The node is all that is told of the chain: reward epochs, voters, feeds, commits and reveals come from it."""
    chain = chain_of(COSTON2)
    async with FakeNode(chain) as node, Followed(tmp_path / "flare.db", COSTON2, rpc=[node.url]) as provider:
        await checked(provider, chain)
        health = (await provider.client.get("/health")).json()
    assert health["status"] == "up"
    assert health["unrevealed"] == 0


async def test_devnet_has_the_timing_and_the_contracts_of_its_chain(tmp_path):
    """`other`: the registry is asked, and nothing of the four networks is taken for granted but what it lacks."""
    timing = {
        "firstVotingRoundStartTs()": COSTON2.first_voting_round_start + 1000,
        "votingEpochDurationSeconds()": 60,
        "firstRewardEpochStartTs()": COSTON2.first_voting_round_start + 1000 + 60 * COSTON2.first_reward_epoch_round,
        "rewardEpochDurationSeconds()": 60 * COSTON2.reward_epoch_rounds,
    }
    network = replace(
        COSTON2,
        name="other",
        chain_id=31_337,
        first_voting_round_start=timing["firstVotingRoundStartTs()"],
        voting_round_seconds=60,
        reveal_seconds=30,
        initial_reward_epoch=0,
    )
    chain = chain_of(network)
    chain.contracts = {name: network.contract(name, EPOCH) for name in network.contracts}
    chain.values = {abi.selector(name): value for name, value in timing.items()}
    async with FakeNode(chain) as node:
        options = {"network": "other", "rpc": [node.url]}
        async with Followed(tmp_path / "flare.db", network, **options) as provider:
            assert provider._chain.network.voting_round_seconds == 60
            await checked(provider, chain)


async def test_node_that_says_nothing_costs_no_commit_and_is_followed_again(tmp_path):
    """Commits and reveals are answered from what is known of the reward epoch; the result waits for the chain."""
    chain = chain_of(COSTON2)
    async with FakeNode(chain) as node, Followed(tmp_path / "flare.db", COSTON2, rpc=[node.url]) as provider:
        first = await provider.submit1(VOTERS[0].submit, ROUND)
        node.silent = True
        assert await provider.submit1(VOTERS[0].submit, ROUND) == first
        assert await provider.submit1(VOTERS[1].submit, ROUND) != first
        provider.go(round_start(COSTON2, ROUND + 1) + 2)
        assert len(await provider.submit2(VOTERS[0].submit, ROUND)) > 39
        node.silent = False
        provider.go(round_start(COSTON2, ROUND) + 5)
        await checked(provider, chain)
