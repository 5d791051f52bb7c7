"""What a round is written down as, for all that can become of it: on a chain of plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recorded_chain import RecordedChain as Plain
from voting import LOCAL_TEST

from chrono import TransientError
from chrono_flare_ftso.chain.answers import Block, Log, logs_of
from chrono_flare_ftso.commits import Commit
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.epochs import round_start
from chrono_flare_ftso.protocol.events import ProtocolMessageRelayed, topics_of
from chrono_flare_ftso.protocol.feeds import FeedDecimals, InflationOffer, feed_id
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Transaction, judge, result_of_reveals
from chrono_flare_ftso.protocol.values import pack
from chrono_flare_ftso.provider.judging import accuracy_share, offers_by_feed
from chrono_flare_ftso.provider.recording import Means, Recorder, Relayed, Relays
from chrono_flare_ftso.records import Record, Records, Sent
from chrono_flare_ftso.round_results import Outcome

pytestmark = pytest.mark.anyio

NETWORK = replace(
    LOCAL_TEST, voting_round_seconds=90, reveal_seconds=45, reward_epoch_rounds=50, first_reward_epoch_round=950
)
ROUND = 1005
START = round_start(NETWORK, ROUND)
SUBMIT = [bytes([at + 1] * 20) for at in range(4)]
SIGNATURES = bytes([9] * 20)
VOTERS = tuple(
    Voter(bytes([20 + at] * 20), each, bytes([30 + at] * 20), each, 1000, 100, 0) for at, each in enumerate(SUBMIT)
)
FEEDS = tuple(FeedDecimals(feed_id(1, name), decimals) for name, decimals in (("BTC/USD", 2), ("FLR/USD", 5)))
EPOCH = RewardEpoch(1, 1000, VOTERS, FEEDS)
OFFER = InflationOffer(1, tuple(each.id for each in FEEDS), (2, 5), 50 * 10 * 10**18, 0, 700_000, (1_000, 5_000), 0)
OTHERS = ([6_700_000, 2_000], [6_701_000, 2_010], [6_702_000, 2_020])


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Chain(Plain):
    """A chain that knows offers, signatures and what is finalised."""

    finalized = True
    offered: tuple[InflationOffer, ...] = (OFFER,)

    def offers(self, reward_epoch: int) -> tuple[InflationOffer, ...]:
        return self.offered

    def signatures(self, round: int) -> list[Transaction]:
        first = round_start(NETWORK, round + 1) + NETWORK.reveal_seconds
        return [
            each
            for each in self.transactions
            if each.calldata[:4] == Call.SUBMIT_SIGNATURES.value and each.timestamp >= first
        ]

    def signing_policy(self, round: int) -> Any:
        raise LookupError

    async def is_finalized(self, round: int) -> bool:
        return self.finalized


@dataclass
class World:
    """A round of four voters, of whom the first is ours."""

    folder: Path
    votes: Sequence[int | None] = (6_701_000, 2_000)
    commit_at: int | None = 80
    reveal_at: int | None = 112
    sign_at: int | None = 136
    named: int = ROUND
    sent: Sequence[Sent] = ()
    relayed: Relayed | None = None
    relayed_at: int = 150
    trouble: Exception | None = None
    shadow: bool = False
    epoch: RewardEpoch = EPOCH
    root: bytes | None = None
    kept: Commit | None = None
    relay: bytes | None = None
    told: list[Record] = field(default_factory=list)
    chain: Chain = field(default_factory=lambda: Chain(NETWORK, epochs=[EPOCH], head=START + 200))

    def own(self, round: int = ROUND) -> Commit:
        return Commit(round, SUBMIT[0], bytes(31) + b"\x07", pack(self.votes))

    def put(self, sender: bytes, second: int, data: bytes) -> None:
        self.chain.transactions.append(Transaction(sender, second, 0, START + second, data))

    def play(self) -> None:
        """Put all on the chain."""
        for submit, votes in zip(SUBMIT[1:], OTHERS, strict=True):
            other = Commit(ROUND, submit, submit[:1] * 32, pack(votes))
            self.put(submit, 80, Call.SUBMIT1.value + other.submit1())
            self.put(submit, 112, Call.SUBMIT2.value + other.submit2())
        ours = self.own(self.named)
        if self.commit_at is not None:
            self.put(SUBMIT[0], self.commit_at, Call.SUBMIT1.value + ours.submit1())
        if self.reveal_at is not None:
            self.put(SUBMIT[0], self.reveal_at, Call.SUBMIT2.value + ours.submit2())
        if self.sign_at is not None:
            signed = calldata(Call.SUBMIT_SIGNATURES, PayloadMessage(100, ROUND, b"\x00" * 104))
            self.put(SIGNATURES, self.sign_at, signed)

    def outcome(self) -> Outcome:
        judged = judge(self.chain.submitted(ROUND), len(FEEDS))
        return Outcome(self.epoch, result_of_reveals(judged, self.epoch, frozenset(), fip16=False))

    async def look(self, round: int, first: int) -> Relayed | None:
        if self.trouble is not None:
            raise self.trouble
        if self.relayed_at < 0:
            return None
        result = self.outcome().result
        assert result is not None
        told = result.result if self.root is None else replace(result.result, root=self.root)
        return Relayed(told, self.relayed_at, START + self.relayed_at, self.relay)

    async def record(self, refusal: str = "") -> Record:
        self.play()
        self.chain.epochs = [self.epoch]

        async def results(_: int) -> Outcome:
            return self.outcome()

        with Ledger(self.folder / "flare.db") as ledger:
            means = Means(
                chain=self.chain,
                results=results,
                commit=lambda _: self.kept or self.own() if self.commit_at is not None or self.shadow else None,
                sent=lambda _: self.sent,
                relayed=self.look,
                submit=SUBMIT[0],
                signatures=SIGNATURES,
                shadow=self.shadow,
                now=lambda: START * 10**9,
            )
            await Recorder(means, Records(ledger), self.told.append).record(ROUND, refusal)
            (written,) = Records(ledger).last(1)
        assert self.told == [written]
        return written


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def test_votes_are_held_against_medians_quartiles_and_both_bands(world):
    found = await world.record()
    btc, flr = found.votes
    # four votes of one weight: 6700000, 6701000, 6701000, 6702000
    assert btc[:6] == ("BTC/USD", 2, 6_701_000, 6_701_000, 6_701_000, 6_701_000)
    # on the edge of the quartiles: the coin says
    assert (btc.secondary, btc.hit) == (True, True)
    # 2000, 2000, 2010, 2020: the median is 2005, the band around it 0.5 %, so 10 wide
    assert flr[:6] == ("FLR/USD", 5, 2_000, 2_005, 2_000, 2_010)
    assert (flr.secondary, flr.hit) == (True, True)
    assert found.coin_usd == pytest.approx(0.02005)
    assert 0 < found.share < 1
    # 10 coins a round, of which 0.8 are for accuracy
    assert found.earned == pytest.approx(8 * found.share)


def test_shares_of_all_voters_add_up_to_the_whole(world):
    """Each earns its own part of what is paid, and no more."""
    world.play()
    result = world.outcome().result
    offers = offers_by_feed([OFFER], ROUND, NETWORK.burn_address)
    votes = [world.votes, *OTHERS]
    shares = [
        accuracy_share(voter, each, EPOCH, result, offers, fip16=fip16)
        for fip16 in (False, True)
        for voter, each in zip(VOTERS, votes, strict=True)
    ]
    assert sum(shares[:4]) == pytest.approx(1)
    assert sum(shares[4:]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("what", "states"),
    [
        ({}, ("ok", "ok", "ok")),
        ({"commit_at": None, "reveal_at": None}, ("missing", "missing", "ok")),
        ({"commit_at": 91, "sent": [Sent("submit1", bytes(32), "mined", 1, 1.0, False)]}, ("late", "missing", "ok")),
        ({"commit_at": 91, "reveal_at": None}, ("late", "missing", "ok")),
        ({"commit_at": -5}, ("early", "missing", "ok")),
        ({"reveal_at": 20}, ("ok", "early", "ok")),
        ({"reveal_at": 185}, ("ok", "late", "ok")),
        (
            {"reveal_at": 140, "sent": [Sent("submit2", bytes(32), "mined", 1, 1.0, False)]},
            ("ok", "late", "ok"),
        ),
        ({"reveal_at": None}, ("ok", "missing", "ok")),
        ({"sign_at": None}, ("ok", "ok", "missing")),
        (
            {"sign_at": None, "sent": [Sent("submitSignatures", bytes(32), "mined", 1, 1.0, False)]},
            ("ok", "ok", "late"),
        ),
        ({"shadow": True, "commit_at": None, "reveal_at": None, "sign_at": None}, ("unsent", "unsent", "unsent")),
    ],
)
async def test_every_step_is_told_by_what_is_on_the_chain(world, what, states):
    for name, value in what.items():
        setattr(world, name, value)
    found = await world.record()
    assert (found.commit, found.reveal, found.signature) == states
    offended = states[0] == "ok" and states[1] != "ok"
    assert found.offence is offended
    assert found.missed is (states[1] not in {"ok", "unsent"})
    if found.missed:
        assert (found.share, found.earned) == (0.0, 0.0)
        assert [(each.hit, each.primary, each.secondary) for each in found.votes] == [(False, False, False)] * 2


async def test_who_is_not_registered_owes_nothing(world):
    world.epoch = replace(EPOCH, voters=VOTERS[1:])
    world.commit_at = world.reveal_at = world.sign_at = None
    found = await world.record("why")
    assert (found.commit, found.reveal, found.missed, found.reason) == ("idle", "idle", False, "why")
    assert found.share is None


async def test_shadow_is_judged_as_if_its_votes_had_been_sent(world, tmp_path):
    sent = await world.record()
    shadow = World(tmp_path, shadow=True, commit_at=None, reveal_at=None, sign_at=None)
    shadow.votes = (6_701_000, 2_010)
    found = await shadow.record()
    assert [each.vote for each in found.votes] == [6_701_000, 2_010]
    assert found.share is not None
    assert found.share > 0
    assert found.missed is False
    assert sent.share is not None


async def test_votes_are_those_that_the_chain_has_but_a_shadow_has_its_own(world, tmp_path):
    """Of two machines the other may have revealed; beside a shadow the program that it is to replace."""
    chain = (6_700_500, 2_001)
    for shadow, wanted in ((False, chain), (True, (6_701_000, 2_000))):
        scene = World(tmp_path, votes=chain, shadow=shadow)
        scene.kept = Commit(ROUND, SUBMIT[0], bytes(32), pack((6_701_000, 2_000)))
        assert tuple(each.vote for each in (await scene.record()).votes) == wanted


async def test_finalisation_is_ours_where_our_transaction_is_in_its_block(world, tmp_path):
    relay = Sent("relay", b"\x05" * 32, "mined", 150, 0.01, False)
    world.sent = [relay]
    found = await world.record()
    assert (found.finalised, found.relay, found.relay_block) == ("us", relay.hash, 150)
    late = World(tmp_path, sent=[relay._replace(block=151)])
    found = await late.record()
    assert (found.finalised, found.relay, found.relay_block) == ("others", None, 150)
    # of two in one block the hash says which
    for hash, wanted in ((relay.hash, "us"), (b"\x06" * 32, "others")):
        third = World(tmp_path, sent=[relay], relay=hash)
        found = await third.record()
        assert (found.finalised, found.relay) == (wanted, hash)


async def test_round_that_nobody_finalised_is_told_and_one_that_cannot_be_asked_is_left_open(world, tmp_path):
    world.relayed_at = -1
    world.chain.finalized = False
    assert (await world.record()).finalised == "nobody"
    early = World(tmp_path, relayed_at=-1, chain=Chain(NETWORK, epochs=[EPOCH], head=START + 150))
    early.chain.finalized = False
    assert (await early.record()).finalised == ""
    unknown = World(tmp_path, trouble=TransientError("no node answers"))
    assert (await unknown.record()).finalised == ""


@pytest.mark.parametrize(("sign_at", "relayed_at", "missed"), [(136, 140, False), (150, 160, False), (150, 140, True)])
async def test_signature_after_its_grace_and_after_the_finalisation_earns_nothing(world, sign_at, relayed_at, missed):
    world.sign_at, world.relayed_at = sign_at, relayed_at
    found = await world.record()
    assert (found.signature, found.grace_missed, found.mismatch) == ("ok", missed, False)


async def test_signature_of_another_result_than_was_finalised_is_told(world):
    world.root = bytes(32)
    assert (await world.record()).mismatch


async def test_without_an_offer_no_share_is_made_up(world):
    world.chain.offered = ()
    found = await world.record()
    assert (found.share, found.earned) == (None, None)
    assert all(each.secondary is None and each.hit for each in found.votes)


@dataclass
class Node:
    """A node with some logs."""

    found: list[Log]
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def head(self) -> Block:
        return Block(20, b"", b"", 1_000)

    async def block(self, number: int) -> Block:
        return Block(number, b"", b"", 100 * number)

    async def logs(self, first: int, last: int, addresses: Sequence[bytes], topics: Sequence[bytes]) -> list[Log]:
        self.asked.append((first, last))
        assert addresses == [b"relay"]
        return self.found


def relayed_log(protocol: int, round: int, block: int) -> Log:
    (topic,) = topics_of(ProtocolMessageRelayed)
    topics = (topic, protocol.to_bytes(32, "big"), round.to_bytes(32, "big"))
    return Log(b"relay", topics, abi.encode("bool,bytes32", True, b"\x09" * 32), block, 0, b"\x08" * 32)


async def test_finalisation_is_found_among_those_of_other_rounds_and_protocols():
    node = Node([relayed_log(200, ROUND, 11), relayed_log(100, ROUND - 1, 12), relayed_log(100, ROUND, 13)])
    found = await Relays(node, lambda: b"relay").relayed(ROUND, 10)
    assert found == Relayed(Result(100, ROUND, True, b"\x09" * 32), 13, 1_300, b"\x08" * 32)
    assert node.asked == [(10, 20)]
    assert await Relays(node, lambda: b"relay").relayed(ROUND + 1, 10) is None


def test_hash_of_a_logs_transaction_is_read_and_one_that_was_kept_without_is_too():
    told = {"address": "0x" + "01" * 20, "topics": [], "data": "0x", "blockNumber": "0x5", "logIndex": "0x0"}
    more = [told, {**told, "transactionHash": "0x" + "02" * 32}]
    found = logs_of("node", [(5, 5)], [msgspec.Raw(b'"0x5"'), msgspec.Raw(msgspec.json.encode(more))])
    assert [log.transaction for log in found] == [None, b"\x02" * 32]
    old = b'{"address": "AQ==", "topics": [], "data": "", "block": 5, "index": 0}'
    assert msgspec.json.decode(old, type=Log) == Log(b"\x01", (), b"", 5, 0)
