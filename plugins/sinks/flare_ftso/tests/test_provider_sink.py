"""The sink `flare_ftso` over a node that takes transactions: a round from its prices to its finalization."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from fake_epochs import Plan
from fake_node import Sent
from sending_node import Pool, SendingNode
from test_chain_watch import address, offer
from turning import Turning
from voting import report

from chrono import Context
from chrono.core.recipes import Description
from chrono.core.types import Feed, Pair
from chrono.testing.reports import described
from chrono_flare_ftso.chain.endpoint import Endpoint
from chrono_flare_ftso.commits import Commit, Commits
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.epochs import first_round, reward_epoch_start, round_start
from chrono_flare_ftso.protocol.feeds import FeedDecimals
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata, parse_calldata
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.protocol.relay import RELAY, RelayMessage
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Transaction, by_round, judge, result_of_reveals
from chrono_flare_ftso.protocol.signatures import SignaturePayload, address_of, eip191, recover, sign
from chrono_flare_ftso.provider import voting
from chrono_flare_ftso.provider.sink import FlareFtso

pytestmark = pytest.mark.anyio

NETWORK = COSTON2
EPOCH = 6_000
ROUND = first_round(NETWORK, EPOCH) + 30
START = round_start(NETWORK, ROUND)
SUBMISSION = NETWORK.contract("Submission", EPOCH)
OURS = {name: keccak256(name.encode()) for name in ("submit", "submit_signatures", "signing_policy")}
OTHERS = [keccak256(b"another %d" % at) for at in range(2)]
VOTERS = (
    Voter(
        address(0, 1), address_of(OURS["submit"]), address_of(OURS["signing_policy"]), address(0, 4), 10**24, 100, 2000
    ),
    *(
        Voter(address(at, 1), address(at, 2), address_of(key), address(at, 4), 10**24, 100, 2000)
        for at, key in enumerate(OTHERS, 1)
    ),
)
PRICES = {"BTC/USD": 67_123.5, "FLR/USD": 0.0215}


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Living(Pool):
    """A pool whose blocks have the seconds of a clock, and what others sent in them."""

    def __init__(self) -> None:
        super().__init__(NETWORK.chain_id)
        plan = Plan(NETWORK)
        for number in (EPOCH - 1, EPOCH):
            plan.epoch(number, first_round(NETWORK, number), VOTERS, [offer(number)])
        past = plan.chain(reward_epoch_start(NETWORK, EPOCH - 2) - 100, START, 45)
        self.blocks = past.blocks
        self.fees = {block.hash: self.base_fee for block in self.blocks}
        self.contracts = {name: each[-1].address for name, each in NETWORK.contracts.items()}
        self.values = {function("Relay", "isFinalized").selector: 0}

    def until(self, second: float, every: int = 2) -> None:
        """Make blocks up to a second."""
        while self.blocks[-1].timestamp + every <= second:
            self.next(self.blocks[-1].timestamp + every)

    def next(self, second: int, sent: Any = ()) -> None:
        block = self.mine(second, sent)
        self.fees[block.hash] = self.base_fee
        while (found := self._next()) is not None:
            del self.waiting[found.hash]
            self.placed[found.hash] = (block.number, found)


class Node(SendingNode):
    """A node whose blocks have both what it was given and what others sent."""

    def _eth_getBlockByNumber(self, tag: str, full: bool) -> Any:  # noqa: N802 - the method's name
        others = super(SendingNode, self)._eth_getBlockByNumber(tag, full)
        told = super()._eth_getBlockByNumber(tag, full)
        if told is not None and full:
            told["transactions"] += others["transactions"]
            for at, each in enumerate(told["transactions"]):
                each["transactionIndex"] = hex(at)
        return told


class Clock:
    """The pipeline's clock, which turns by itself when nobody does anything, and makes blocks as it does."""

    def __init__(self, chain: Living, second: float) -> None:
        self.chain = chain
        self.turning = Turning(second, self.moved)

    def moved(self, second: float) -> None:
        self.chain.until(second)

    def now(self) -> int:
        return int(self.turning.now() * 10**9)

    async def sleep(self, seconds: float) -> None:
        await self.turning.sleep(seconds)


class World:
    """A provider, its node, its clock, and two other voters."""

    def __init__(self, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.chain = Living()
        self.node = Node(self.chain)
        self.clock = Clock(self.chain, START + 1)
        self.told: list[str] = []
        self.prices = dict(PRICES)
        self.options: dict[str, Any] = {}
        for name, key in OURS.items():
            monkeypatch.setenv(f"FLARE_TEST_{name.upper()}", "0x" + key.hex())

    def sink(self) -> FlareFtso:
        """Return a provider of what is on disk."""
        keys = {name: {"env": f"FLARE_TEST_{name.upper()}"} for name in OURS}
        config = FlareFtso.Config.model_validate(
            {
                "network": "coston2",
                "rpc": [self.node.url],
                "keys": {"isolation": "none", "identity": {"address": "0x" + VOTERS[0].identity.hex()}, **keys},
                "ledger": str(self.folder / "flare.db"),
                "duties": False,
                "linger": "300s",
                **self.options,
            }
        )
        context = Context(
            "flare_ftso", self.clock, lambda status: self.told.append(str(status)), describe=self.described
        )
        return FlareFtso(config, context)

    def described(self) -> Description:
        recipe = described().recipes[0]
        feeds = [Feed(name, Pair.parse(name), 2, ()) for name in PRICES]
        return Description("test", 10**9, tuple(msgspec.structs.replace(recipe, feed=feed) for feed in feeds))

    async def price(self, sink: FlareFtso) -> None:
        async for as_of in sink.trigger(self.clock):
            await sink.publish(report(as_of, self.prices, list(PRICES)))

    async def run(self, second: float, others: bool = True) -> None:
        """Let a provider live until a second."""
        work = self.live(second)
        await self.clock.turning.run(asyncio.gather(work, self.others()) if others else work)

    async def live(self, second: float) -> None:
        async with self.sink() as sink:
            pricing = asyncio.create_task(self.price(sink))
            await self.clock.sleep(second - self.clock.turning.now())
            pricing.cancel()
            await asyncio.gather(pricing, return_exceptions=True)

    async def others(self) -> None:
        """Have the two others commit, reveal and sign."""
        with Ledger(self.folder / "others.db") as ledger:
            ids = list(offer(EPOCH).feed_ids)
            commits = [Commits(ledger).make(ROUND, voter.submit, bytes(4 * len(ids)), ids) for voter in VOTERS[1:]]
        await self.at(START + 80, Call.SUBMIT1, [(each.address, each.submit1()) for each in commits])
        await self.at(START + 112, Call.SUBMIT2, [(each.address, each.submit2()) for each in commits])
        await self.clock.sleep(START + 139 - self.clock.turning.now())
        message = self.message()
        if message is None:
            return
        payloads = [SignaturePayload(sign(eip191(keccak256(message)), key), message).encode() for key in OTHERS]
        framed = [calldata(Call.SUBMIT_SIGNATURES, PayloadMessage(100, ROUND, each))[4:] for each in payloads]
        await self.at(START + 140, Call.SUBMIT_SIGNATURES, [(bytes(20), each) for each in framed])

    async def at(self, second: float, call: Call, messages: list[tuple[bytes, bytes]]) -> None:
        await self.clock.sleep(max(0.0, second - self.clock.turning.now()))
        sent = [Sent(sender, SUBMISSION, call.value + message) for sender, message in messages]
        self.chain.next(max(int(self.clock.turning.now()), self.chain.blocks[-1].timestamp), sent)

    def message(self) -> bytes | None:
        """Return the result that our own signature is of."""
        sent = [
            Transaction(each.sender, block.number, at, block.timestamp, each.calldata)
            for block in self.chain.blocks
            for at, each in enumerate(block.sent)
        ]
        sent += [
            Transaction(each.sender, number, 100, self.chain.blocks[number].timestamp, each.transaction.data)
            for number, each in self.chain.placed.values()
        ]
        submitted = by_round(NETWORK, sent).get(ROUND)
        if submitted is None:
            return None
        feeds = tuple(
            FeedDecimals(each, decimals) for each, decimals in zip(offer(EPOCH).feed_ids, (2, 7), strict=False)
        )
        epoch = RewardEpoch(EPOCH, first_round(NETWORK, EPOCH), VOTERS, feeds)
        result = result_of_reveals(judge(submitted, len(feeds)), epoch, frozenset(), fip16=False)
        return Result(100, ROUND, result.secure, result.tree.root).encode()

    def calls(self) -> list[tuple[str, int, bytes]]:
        """Return what is on the chain of ours: who sent it, when in the round, and the calldata."""
        names = {address_of(key): name for name, key in OURS.items()}
        return [
            (names[each.sender], self.chain.blocks[number].timestamp - START, each.transaction.data)
            for number, each in sorted(self.chain.placed.values(), key=lambda pair: pair[0])
        ]


@pytest.fixture
async def world(tmp_path, monkeypatch):
    world = World(tmp_path, monkeypatch)
    busy = world.clock.turning.busy
    ask = Endpoint.ask

    async def asked(self: Endpoint, *args: Any) -> Any:
        with busy():
            return await ask(self, *args)

    async def here(work: Any, *args: Any, **options: Any) -> Any:
        return work(*args, **options)

    async def executed(executor: Any, work: Any, *args: Any) -> Any:
        return work(*args)

    monkeypatch.setattr(Endpoint, "ask", asked)
    monkeypatch.setattr(asyncio, "to_thread", here)
    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", executed, raising=False)
    monkeypatch.setattr(voting, "LOOK", 3.0)
    async with world.node:
        yield world


async def test_round_is_committed_to_revealed_signed_and_finalized_on_the_chain(world):
    await world.run(START + 165)
    calls = world.calls()
    assert [(role, data[:4]) for role, _, data in calls] == [
        ("submit", Call.SUBMIT1.value),
        ("submit", Call.SUBMIT2.value),
        ("submit_signatures", Call.SUBMIT_SIGNATURES.value),
        ("signing_policy", RELAY),
    ]
    windows = [range(75, 90), range(110, 135), range(135, 180), range(135, 180)]
    assert all(second in window for (_, second, _), window in zip(calls, windows, strict=True))
    relayed = RelayMessage.decode(calls[3][2])
    assert relayed.message == world.message()
    (signed,) = parse_calldata(calls[2][2]).messages
    payload = SignaturePayload.decode(signed.payload)
    assert recover(eip191(keccak256(relayed.message)), payload.signature) == address_of(OURS["signing_policy"])
    assert not [told for told in world.told if "degraded" in told and "no_result" not in told], world.told


async def test_process_that_ends_after_its_commit_reveals_the_same_when_it_is_back(world):
    world.options["linger"] = "0s"
    await world.run(START + 85, others=False)
    world.prices = {"BTC/USD": 1.0, "FLR/USD": 1.0}
    await world.run(START + 130, others=False)
    (first, second) = world.calls()
    assert (first[2][:4], second[2][:4]) == (Call.SUBMIT1.value, Call.SUBMIT2.value)
    with Ledger(world.folder / "flare.db") as ledger:
        commit = Commits(ledger).find(ROUND, address_of(OURS["submit"]))
    assert isinstance(commit, Commit)
    assert first[2] == Call.SUBMIT1.value + commit.submit1()
    assert second[2] == Call.SUBMIT2.value + commit.submit2()


async def test_shadow_sends_nothing_and_says_what_it_would_have(world):
    world.options["shadow"] = True
    await world.run(START + 165)
    assert not world.calls()
    assert world.node.given == []


async def test_key_of_another_address_than_stated_is_refused_before_anything_is_sent(world):
    world.options["keys"] = {
        "isolation": "none",
        **{name: {"env": f"FLARE_TEST_{name.upper()}"} for name in OURS},
        "submit": {"env": "FLARE_TEST_SUBMIT", "address": "0x" + "11" * 20},
    }
    with pytest.raises(Exception, match="submit"):
        await world.run(START + 10, others=False)
    assert world.node.given == []
