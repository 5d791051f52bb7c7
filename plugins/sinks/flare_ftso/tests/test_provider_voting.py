"""The rounds of a provider, on a chain of plain data and a clock that turns by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from recorded_chain import RecordedChain
from turning import Turning
from voting import LOCAL_TEST

from chrono import TransientError
from chrono_flare_ftso.answers import Feeds, Values
from chrono_flare_ftso.asking import Unanswered
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.epochs import round_start
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_id
from chrono_flare_ftso.protocol.finalizers import select
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Transaction
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload, address_of, eip191, sign
from chrono_flare_ftso.provider import voting
from chrono_flare_ftso.provider.voting import Parts, Voting
from chrono_flare_ftso.round_results import RoundResults

pytestmark = pytest.mark.anyio

NETWORK = replace(LOCAL_TEST, name="toy", voting_round_seconds=90, reveal_seconds=45, reward_epoch_rounds=50)
NETWORK = replace(NETWORK, first_reward_epoch_round=950)
ROUND = 1005
START = round_start(NETWORK, ROUND)
KEYS = [keccak256(b"provider %d of a test" % index) for index in range(3)]
SUBMIT = [bytes([index + 1] * 20) for index in range(3)]
SIGNATURES = bytes([9] * 20)
VOTERS = tuple(
    Voter(bytes([10 + index] * 20), SUBMIT[index], address_of(key), SUBMIT[index], 1000, 100, 0)
    for index, key in enumerate(KEYS)
)
FEEDS = tuple(FeedDecimals(feed_id(1, name), 2) for name in ("BTC/USD", "ETH/USD"))
EPOCH = RewardEpoch(1, 1000, VOTERS, FEEDS)
POLICY = SigningPolicy(1, 1000, 150, 4, tuple(voter.signing for voter in VOTERS), (100, 100, 100))


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Chain(RecordedChain):
    """A `RecordedChain` that is finalized by whoever relays."""

    def __init__(self) -> None:
        super().__init__(NETWORK, epochs=[EPOCH], head=START - 1)
        self.finalized: set[int] = set()
        self.policies = [POLICY]

    def signatures(self, round: int) -> list[Transaction]:
        start = round_start(NETWORK, round + 1) + NETWORK.reveal_seconds
        return [each for each in self.transactions if each.timestamp >= start]

    def signing_policy(self, round: int) -> SigningPolicy:
        return self.policies[0]

    async def is_finalized(self, round: int) -> bool:
        return round in self.finalized


@dataclass
class Key:
    """A wallet whose transactions are on the chain two seconds after they are sent."""

    world: World
    address: bytes
    error: Exception | None = None

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
        if self.error is not None:
            raise self.error
        world = self.world
        if (label, round) in world.labels:
            return True
        if world.clock.now() >= until:
            return False
        world.labels.add((label, round))
        world.sent.append((label, round, world.clock.now() - START, contract))
        await world.clock.sleep(2)
        if contract == "Relay":
            world.chain.finalized.add(round)
        else:
            world.put(self.address, data)
        return True


@dataclass
class Own:
    """A signer in the process of the test."""

    key: bytes

    @property
    def address(self) -> bytes:
        return address_of(self.key)

    async def sign(self, preimage: bytes) -> Signature:
        return sign(keccak256(preimage), self.key)


class World:
    """A provider, two others, and all they do."""

    def __init__(self, path: Any, *, now: float = START + 1) -> None:
        self.path = path
        self.clock = Turning(now)
        self.chain = Chain()
        self.sent: list[tuple[str, int, float, str]] = []
        self.labels: set[tuple[str, int]] = set()
        self.told: list[str] = []
        self.prices: Mapping[str, float] | None = {"BTC/USD": 67_000.0, "ETH/USD": 2_500.0}
        self.medians: dict[bytes, float] = {}
        self.names = Feeds({"BTC/USD": "crypto", "ETH/USD": "crypto"})
        self.wallets = {"submit": Key(self, SUBMIT[0]), "signatures": Key(self, SIGNATURES)}
        self.wallets["policy"] = Key(self, address_of(KEYS[0]))
        self.ledger = Ledger(path)
        self.begin()

    def begin(self) -> None:
        """Make a provider of what is on disk."""
        self.commits = Commits(self.ledger)
        self.results = RoundResults(self.chain, self, None, lambda *told: self.told.append(" ".join(told)))
        self.voting = Voting(
            Parts(
                chain=self.chain,
                now=self.clock.now,
                sleep=self.clock.sleep,
                commits=self.commits,
                values=self.values,
                results=self.results.find,
                medians=lambda _: self.medians,
                feeds=self.names,
                submit=self.wallets["submit"],
                signatures=self.wallets["signatures"],
                policy=self.wallets["policy"],
                signer=Own(KEYS[0]),
                tell=lambda *told: self.told.append(" ".join(told)),
            )
        )

    def now(self) -> int:
        return int(self.clock.now() * 10**9)

    async def values(self, round: int, patience: float) -> Values:
        if self.prices is None:
            raise Unanswered("nothing was priced")
        return Values(self.now(), self.prices)

    def put(self, sender: bytes, data: bytes) -> None:
        number = len(self.chain.transactions)
        self.chain.transactions.append(Transaction(sender, number, 0, int(self.clock.now()), data))
        self.chain.move(int(self.clock.now()))

    async def others(self, round: int = ROUND, *, sign_too: bool = True) -> None:
        """Have the two others commit, reveal and sign what is worked out."""
        commits = [Commits(self.ledger).make(round, each, bytes(8), [feed.id for feed in FEEDS]) for each in SUBMIT[1:]]
        await self.clock.sleep(START + 80 - self.clock.now())
        for commit in commits:
            self.put(commit.address, Call.SUBMIT1.value + commit.submit1())
        await self.clock.sleep(START + 112 - self.clock.now())
        for commit in commits:
            self.put(commit.address, Call.SUBMIT2.value + commit.submit2())
        await self.clock.sleep(START + 137 - self.clock.now())
        self.chain.move(int(self.clock.now()))
        if sign_too:
            await self.sign(round)

    async def sign(self, round: int) -> None:
        outcome = await self.results.find(round)
        assert outcome is not None
        assert outcome.result is not None
        message = Result(100, round, outcome.result.secure, outcome.result.tree.root).encode()
        for key in KEYS[1:]:
            payload = SignaturePayload(sign(eip191(keccak256(message)), key), message).encode()
            self.put(bytes(20), calldata(Call.SUBMIT_SIGNATURES, PayloadMessage(100, round, payload)))

    async def vote(self, **options: Any) -> None:
        """Turn the clock through a round."""
        await self.clock.run(asyncio.gather(self.voting.vote(ROUND), self.others(**options)))

    @property
    def labelled(self) -> list[str]:
        return [label for label, *_ in self.sent]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "flare.db")
    with world.ledger:
        yield world


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Have the clock turn in few steps, and nothing be done in a thread that it would not wait for."""

    async def here(work, *args, **options):
        return work(*args, **options)

    monkeypatch.setattr(asyncio, "to_thread", here)
    monkeypatch.setattr(voting, "LOOK", 3.0)


async def test_round_is_committed_to_revealed_signed_and_finalized_in_its_time(world):
    await world.vote()
    assert world.labelled == ["submit1", "submit2", "submitSignatures", "relay"]
    at = {label: second for label, _, second, _ in world.sent}
    assert at["submit1"] == 75
    assert at["submit2"] == 110
    assert 135 <= at["submitSignatures"] < 180
    assert at["relay"] < 180
    outcome = await world.results.find(ROUND)
    assert set(outcome.result.revealed.valid) == set(SUBMIT)
    assert world.chain.finalized == {ROUND}
    assert not world.told


async def test_who_was_not_selected_waits_for_those_who_were(world):
    """From 66 s after the round's end on, and only where nobody has finalized it."""
    world.chain.policies = [replace(POLICY, seed=_seed_that_selects(1))]
    await world.vote()
    at = {label: second for label, _, second, _ in world.sent}
    assert at["relay"] >= 156


async def test_what_others_have_finalized_is_not_finalized_again(world):
    world.chain.policies = [replace(POLICY, seed=_seed_that_selects(1))]
    world.chain.finalized.add(ROUND)
    await world.vote()
    assert world.labelled == ["submit1", "submit2", "submitSignatures"]


async def test_restart_after_the_commit_reveals_the_same(world):
    """The commit is found on disk; nothing is committed to twice."""
    await world.clock.run(world.voting.vote(ROUND), until=lambda: bool(world.chain.transactions))
    (commit,) = [each for each in world.chain.transactions if each.sender == SUBMIT[0]]
    world.prices = {"BTC/USD": 1.0, "ETH/USD": 1.0}
    world.begin()
    await world.vote()
    assert world.labelled == ["submit1", "submit2", "submitSignatures", "relay"]
    (kept,) = [
        each
        for each in world.chain.transactions
        if each.sender == SUBMIT[0] and each.calldata[:4] == Call.SUBMIT1.value
    ]
    assert kept == commit
    outcome = await world.results.find(ROUND)
    assert SUBMIT[0] in outcome.result.revealed.valid


async def test_restart_in_the_time_to_reveal_still_reveals(world):
    await world.clock.run(world.voting.vote(ROUND), until=lambda: bool(world.chain.transactions))
    world.clock = later = Turning(START + 131)
    world.begin()
    await later.run(world.voting.vote(ROUND), until=lambda: "submit2" in world.labelled)
    assert world.sent[-1][:3] == ("submit2", ROUND, 131)


async def test_commit_that_would_come_too_late_is_not_made(world):
    world.clock = Turning(START + 91)
    world.begin()
    await world.clock.run(world.voting.vote(ROUND), until=lambda: world.clock.now() > START + 134)
    assert not world.sent
    assert world.commits.find(ROUND, SUBMIT[0]) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prices": None}, "no commit: nothing was priced"),
        ({"prices": {}}, "expected votes for at least 50 % of 2 feeds, were 0"),
        (
            {"medians": {FEEDS[0].id: 670.0, FEEDS[1].id: 25.0}},
            "BTC/USD: expected a value within 20 % of the last median 670",
        ),
    ],
)
async def test_round_that_cannot_be_voted_is_signed_and_finalized_all_the_same(world, change, told):
    for name, value in change.items():
        setattr(world, name, value)
    await world.vote()
    assert world.labelled == ["submitSignatures", "relay"]
    assert any(told in each for each in world.told), world.told
    assert world.commits.find(ROUND, SUBMIT[0]) is None


async def test_who_is_not_registered_sends_nothing_and_is_told_once(world):
    strangers = tuple(replace(voter, submit=bytes([77] * 20), signing=bytes([78] * 20)) for voter in VOTERS[:1])
    world.chain.epochs = [replace(EPOCH, voters=(*strangers, *VOTERS[1:]))]
    world.chain.policies = [replace(POLICY, voters=(bytes([78] * 20), *POLICY.voters[1:]), seed=_seed_that_selects(1))]
    world.chain.finalized.add(ROUND)
    await world.vote()
    assert not world.sent
    (told,) = [each for each in world.told if "unregistered" in each]
    assert f"expected 0x{SUBMIT[0].hex()} among its 3 voters' submit addresses" in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TransientError("no node takes it"), "no node takes it"),
        (KeyError("a bug"), "KeyError: 'a bug'; this is a bug, tell its author"),
    ],
)
async def test_step_that_fails_costs_itself_alone(world, error, told):
    world.wallets["submit"].error = error
    await world.vote()
    assert world.labelled == ["submitSignatures", "relay"]
    assert [each for each in world.told if "no_result" not in each] == [
        f"degraded {what} voting round {ROUND}: no {what}: {told}" for what in ("commit", "reveal")
    ]


async def test_who_leaves_commits_to_nothing_more_and_reveals_what_it_committed_to(world):
    async def leave():
        await world.clock.sleep(START + 80 - world.clock.now())
        await world.voting.drained()

    running = asyncio.create_task(world.voting.run())
    await world.clock.run(asyncio.gather(leave(), world.others()))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [(label, round) for label, round, *_ in world.sent if label in {"submit1", "submit2"}] == [
        ("submit1", ROUND),
        ("submit2", ROUND),
    ]


def _seed_that_selects(index: int) -> int:
    return next(seed for seed in range(100) if select(seed, POLICY.weights, 100, ROUND) == (index,))
