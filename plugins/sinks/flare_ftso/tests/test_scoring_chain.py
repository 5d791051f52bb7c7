"""Medians calculated from a chain: those of the votes on it, over the end of a reward epoch, on any network."""

import asyncio
import json
import random
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fake_epochs import FakeClock, Plan
from fake_node import FakeNode, Sent

from chrono import ConfigError, TransientError
from chrono.cli.app import run
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.commits import commit_hash, encode_reveal
from chrono_flare_ftso.protocol.epochs import first_round, reveal_deadline, reward_epoch_start, round_start
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer, feed_id
from chrono_flare_ftso.protocol.medians import weighted_median
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.values import pack
from chrono_flare_ftso.scoring import FeedMedian
from chrono_flare_ftso.scoring_chain import chain_medians

NETWORK = COSTON2
SUBMISSION = NETWORK.contract("Submission", 0)
EPOCH = 6000
START = first_round(NETWORK, EPOCH)
ROUNDS = range(START - 2, START + 3)
FEEDS = {"BTC/USD": (2, 500), "FLR/USD": (7, 900)}
MORE = {"XAG/USD": 3}


def voter(number):
    """Return a voter with a weight of its own."""
    address = lambda kind: bytes([kind]) * 4 + number.to_bytes(16, "big")  # noqa: E731
    weight = 10**24 * (number + 1)
    return Voter(address(1), address(2), address(3), address(4), weight, 100 + number, 2000)


VOTERS = tuple(map(voter, range(4)))


def plan():
    """Return two reward epochs, the second with a feed more, and what was voted in rounds at the end of the first."""
    made, rnd, votes = Plan(NETWORK), random.Random(3), {}
    ids = tuple(feed_id(1, name) for name in FEEDS)
    decimals, bands = zip(*FEEDS.values(), strict=True)
    for epoch in (EPOCH - 1, EPOCH):
        offers = [InflationOffer(epoch, ids, decimals, 10**20, 5000, 400_000, bands, 0)]
        if epoch == EPOCH:
            offers.append(CommunityOffer(epoch, feed_id(3, "XAG/USD"), 3, 1, 0, 0, 0, bytes(20)))
        made.epoch(epoch, first_round(NETWORK, epoch), VOTERS, offers)
    for number in ROUNDS:
        count = len(FEEDS) + (number >= START)
        votes[number] = []
        for at, each in enumerate(VOTERS):
            if number == START + 2 or (at == 3 and number == START):
                votes[number].append(None)
                continue
            vote = [rnd.choice([None, rnd.randrange(5_000_000, 6_000_000)]) for _ in range(count)]
            late = at == 2 and number == START - 1
            votes[number].append(None if late else vote)
            send(made, number, each.submit, vote, late=late)
    return made, votes


def send(made, number, sender, vote, late=False):
    """Add a commit and a reveal."""
    secret, vector, start = number.to_bytes(32, "big"), pack(vote), round_start(NETWORK, number)
    commit = PayloadMessage(100, number, commit_hash(sender, number, secret, vector))
    made.send(start + 75, Sent(sender, SUBMISSION, calldata(Call.SUBMIT1, commit)))
    reveal = PayloadMessage(100, number, encode_reveal(secret, vector))
    second = reveal_deadline(NETWORK, number + 1) + late
    made.send(second, Sent(sender, SUBMISSION, calldata(Call.SUBMIT2, reveal)))


@contextmanager
def served(chain):
    """Serve a chain on a loop of its own, and yield the node."""
    node, loop = FakeNode(chain), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(node.__aenter__(), loop).result(10)
    try:
        yield node
    finally:
        asyncio.run_coroutine_threadsafe(node.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def made():
    """Return the chain, and what was voted."""
    plans, votes = plan()
    chain = plans.chain(reward_epoch_start(NETWORK, EPOCH - 2) - 100, reveal_deadline(NETWORK, ROUNDS[-1] + 1) + 90, 45)
    return chain, votes


def wanted(votes):
    """Return the medians of votes, one feed after another."""
    weights, found = [each.capped_weight for each in VOTERS], {}
    for number, cast in votes.items():
        names = [*FEEDS, *(MORE if number >= START else ())]
        found[number] = {}
        for at, name in enumerate(names):
            median = weighted_median([None if vote is None else vote[at] for vote in cast], weights)
            decimals, band = FEEDS[name] if name in FEEDS else (MORE[name], 0)
            id = feed_id(1 if name in FEEDS else 3, name)
            found[number][name] = FeedMedian(id, decimals, *median[:3], band)
    return found


def clock(chain):
    """Return a clock that stands at the chain's head."""
    return FakeClock(chain.blocks[-1].timestamp)


def test_medians_are_those_of_the_votes_on_the_chain(made):
    """Over the end of a reward epoch, with late reveals, empty votes, a round without any, and the chain's bands."""
    chain, votes = made
    said = []
    with served(chain) as node:
        found = chain_medians([node.url], NETWORK, lambda _: (ROUNDS[0], ROUNDS[-1]), said.append, clock(chain))
    assert found == (NETWORK, wanted(votes))
    assert said[0] == f"reading rounds {ROUNDS[0]} to {ROUNDS[-1]} of coston2 from its chain"
    assert all(each.median is None for each in found[1][START + 2].values())


@pytest.mark.parametrize("span", [(ROUNDS[1], ROUNDS[1]), (START, None), (START + 1, START + 1), (None, None)])
def test_other_spans_are_parts_of_it(made, span):
    """One round, from one on, and the newest that is over."""
    chain, votes = made
    with served(chain) as node:
        _, found = chain_medians([node.url], NETWORK, lambda _: span, lambda _: None, clock(chain))
    first = ROUNDS[-1] if span[0] is None else span[0]
    last = ROUNDS[-1] if span[1] is None else span[1]
    assert found == {number: each for number, each in wanted(votes).items() if first <= number <= last}


def test_a_round_whose_reveals_are_still_coming_is_left_out(made):
    """Its medians may change; asking for it alone is refused."""
    chain, _ = made
    open_round = ROUNDS[-1] + 1
    with served(chain) as node:
        while node.chain.blocks[node.head].timestamp > reveal_deadline(NETWORK, ROUNDS[-1] + 1):
            node.lag += 1
        _, found = chain_medians([node.url], NETWORK, lambda _: (ROUNDS[-2], open_round), print, clock(chain))
        assert list(found) == [ROUNDS[-2]]
        with pytest.raises(ConfigError, match=f"expected voting rounds that are over, was {ROUNDS[-1]} on; the newest"):
            chain_medians([node.url], NETWORK, lambda _: (ROUNDS[-1], None), print, clock(chain))


def test_another_chain_is_refused_and_a_devnet_is_asked_for_its_timing(made):
    """The four are told apart by their numbers; any other says itself how long its rounds are."""
    chain, votes = made
    with served(chain) as node:
        node.chain_id = 14
        with pytest.raises(
            ConfigError, match=r"--network: expected the network of the node's chain, flare, was coston2"
        ):
            chain_medians([node.url], NETWORK, lambda _: (None, None), print, clock(chain))
        node.chain_id = 31_337
        timing = {
            "firstVotingRoundStartTs()": NETWORK.first_voting_round_start,
            "votingEpochDurationSeconds()": 90,
            "firstRewardEpochStartTs()": NETWORK.first_voting_round_start,
            "rewardEpochDurationSeconds()": 90 * NETWORK.reward_epoch_rounds,
        }
        chain.values.update({abi.selector(name): value for name, value in timing.items()})
        base, asked = replace(NETWORK, first_voting_round_start=5), []

        def span(network):
            asked.append(network)
            return START, START

        network, found = chain_medians([node.url], base, span, print, clock(chain))
    assert network.chain_id == 31_337
    assert asked == [network]
    assert network.first_voting_round_start == NETWORK.first_voting_round_start
    assert found == {START: wanted(votes)[START]}


def test_a_node_that_does_not_answer_is_said_without_its_key(made):
    """No result is made up."""
    chain, _ = made
    with served(chain) as node:
        url = node.url.replace("/", "/hunter2", 3).replace("http:/hunter2/hunter2", "http://")
    with pytest.raises(TransientError) as refused:
        chain_medians([url], NETWORK, lambda _: (None, None), print, clock(chain))
    assert "hunter2" in url
    assert "hunter2" not in str(refused.value)


def test_the_command_reads_a_chain(made, tmp_path, monkeypatch, capsys):
    """From the first to the last answer; bands are the chain's own, and a file beside a node is refused."""
    chain, votes = made
    monkeypatch.chdir(tmp_path)
    medians = wanted(votes)
    with Ledger(Path("flare.db")) as ledger:
        for number in (ROUNDS[0], ROUNDS[3]):
            prices = {name: (each.median or 0) / 10**each.decimals for name, each in medians[number].items()}
            ledger.write("INSERT INTO answers VALUES (?, ?, ?)", number, 1, json.dumps(prices))
    with served(chain) as node:
        code = run(["flare", "score", "--medians", node.url, "--network", "coston2", "--format", "json"])
        said = capsys.readouterr()
        assert code == 0
        rows = [json.loads(line) for line in said.out.splitlines()]
        assert [row["feed"] for row in rows] == [*sorted([*FEEDS, *MORE]), None]
        assert [row["rounds"] for row in rows] == [4, 4, 4, 12]
        assert rows[0]["max_bp"] == 0.0
        assert f"reading rounds {ROUNDS[0]} to {ROUNDS[3]} of coston2 from its chain" in said.err
        assert run(["flare", "score", "--medians", node.url, "--medians", "m.csv", "--network", "coston2"]) == 2
        assert "expected either files or nodes" in capsys.readouterr().err
        assert run(["flare", "score", "--medians", node.url]) != 0
