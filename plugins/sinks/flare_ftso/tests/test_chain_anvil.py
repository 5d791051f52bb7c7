"""A chain that is followed on a real node: anvil, where it is present.

The contracts are a few bytes each: those that emit turn calldata into a log, Submission takes everything. They lie
where the network's own contracts do, so nothing of what reads them is set up for the test.

anvil is looked for in the environment variable CHRONO_ANVIL, in node_modules (npm package @foundry-rs/anvil) and in the
search path.
"""

import asyncio
import os
import platform
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fake_epochs import FakeClock, Plan
from fake_node import Sent

from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.protocol.commits import commit_hash, encode_reveal
from chrono_flare_ftso.protocol.epochs import first_round, reveal_deadline, reward_epoch_start, round_start
from chrono_flare_ftso.protocol.feeds import InflationOffer, feed_id
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import judge, result_of_reveals
from chrono_flare_ftso.protocol.values import pack

pytestmark = pytest.mark.anyio

NETWORK, EPOCH = COSTON2, 6000
ROUND = first_round(NETWORK, EPOCH) + 60
SUBMISSION = NETWORK.contract("Submission", EPOCH)
EMITTING = {
    "FlareSystemsManager": 2,
    "Relay": 2,
    "VoterRegistry": 4,
    "FlareSystemsCalculator": 3,
    "FtsoRewardOffersManager": 2,
}
TAKES_ALL = bytes.fromhex("600160005260206000f3")
REVERTS = bytes.fromhex("60006000fd")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def anvil() -> str:
    machine = "arm64" if platform.machine() in {"aarch64", "arm64"} else "amd64"
    folders = [Path.cwd(), *Path(__file__).parents]
    packaged = [folder / f"node_modules/@foundry-rs/anvil-linux-{machine}/bin/anvil" for folder in folders]
    found = [
        os.environ.get("CHRONO_ANVIL", ""),
        *(str(each) for each in packaged if each.exists()),
        shutil.which("anvil"),
    ]
    program = next((each for each in found if each), None)
    if program is None:
        told = "expected anvil in CHRONO_ANVIL, node_modules or the search path, there is none here"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return program


def emitting(topics: int) -> bytes:
    """Return code that emits calldata as a log: so many words of topics, then the data."""
    load = b"".join(bytes([0x60, 32 * at, 0x35]) for at in reversed(range(topics)))
    size = bytes([0x60, 32 * topics, 0x36, 0x03, 0x80])
    copy = bytes([0x60, 32 * topics, 0x60, 0, 0x37, 0x60, 0])
    return load + size + copy + bytes([0xA0 + topics, 0x00])


class Anvil:
    """A running node."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def rpc(self, method: str, *params: object) -> object:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = (await self._client.post(self.url, json=body)).json()
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def code(self, address: bytes, code: bytes) -> None:
        await self.rpc("anvil_setCode", "0x" + address.hex(), "0x" + code.hex())

    async def send(self, sender: bytes, to: bytes, data: bytes) -> None:
        sent = {"from": sender, "to": to, "data": data}
        values = {name: "0x" + each.hex() for name, each in sent.items()}
        await self.rpc("eth_sendTransaction", {**values, "gas": hex(2_000_000), "gasPrice": "0x0"})

    async def mine(self, second: int, sent: Sequence[Sent] = ()) -> None:
        for each in sent:
            await self.send(each.sender, each.to or bytes(20), each.calldata)
        await self.rpc("evm_setNextBlockTimestamp", second)
        await self.rpc("evm_mine")


@asynccontextmanager
async def running(program: str, start: int) -> AsyncIterator[Anvil]:
    options = f"--port 0 --chain-id {NETWORK.chain_id} --timestamp {start} --no-mining --auto-impersonate --order fifo"
    process = await asyncio.create_subprocess_exec(
        program, *options.split(), "--block-base-fee-per-gas", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            async for line in process.stdout:
                if b"Listening on" in line:
                    break
        host = line.decode().split()[-1]
        async with httpx.AsyncClient(timeout=20) as client:
            node = Anvil(f"http://{host}", client)
            await node.code(SUBMISSION, TAKES_ALL)
            for name, topics in EMITTING.items():
                await node.code(NETWORK.contract(name, EPOCH), emitting(topics))
            yield node
    finally:
        process.kill()
        await process.communicate()


def address(number: int, kind: int) -> bytes:
    return bytes([kind]) * 4 + number.to_bytes(16, "big")


VOTERS = tuple(
    Voter(*(address(number, kind) for kind in (1, 2, 3, 4)), 10**24 * (number + 1), 100, 2000) for number in range(3)
)


def votes(voter: Voter, seed: int) -> tuple[Sent, Sent]:
    secret, vector = seed.to_bytes(32, "big"), pack((6_000_000 + seed, 17_000))
    commit = PayloadMessage(100, ROUND, commit_hash(voter.submit, ROUND, secret, vector))
    reveal = PayloadMessage(100, ROUND, encode_reveal(secret, vector))
    return (
        Sent(voter.submit, SUBMISSION, calldata(Call.SUBMIT1, commit)),
        Sent(voter.submit, SUBMISSION, calldata(Call.SUBMIT2, reveal)),
    )


async def prepared(node: Anvil) -> None:
    """Put the events of a reward epoch on the chain."""
    plan = Plan(NETWORK)
    ids = tuple(feed_id(1, name) for name in ("BTC/USD", "FLR/USD"))
    plan.epoch(EPOCH, first_round(NETWORK, EPOCH), VOTERS, [InflationOffer(EPOCH, ids, (2, 7), 9, 0, 0, (5, 9), 0)])
    for second, logs in sorted(plan.logs.items()):
        await node.mine(second, [Sent(VOTERS[0].submit, to, b"".join(topics) + data) for to, topics, data in logs])


async def eventually(ready) -> None:
    async with asyncio.timeout(10):
        while not ready():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


def known(watch: Watch) -> bool:
    try:
        return watch.reward_epoch(ROUND).number == EPOCH
    except LookupError:
        return False


async def test_a_round_on_a_real_node_is_read_and_taken_back_by_a_reorganisation(anvil):
    start, end = round_start(NETWORK, ROUND), reveal_deadline(NETWORK, ROUND + 1)
    async with running(anvil, reward_epoch_start(NETWORK, EPOCH - 1) - 100) as node:
        await prepared(node)
        sent = [votes(voter, at + 1) for at, voter in enumerate(VOTERS)]
        await node.mine(round_start(NETWORK, ROUND - 21))
        clock = FakeClock(end, runs=False)
        told: list[tuple[str, str, str]] = []
        reader = Node([node.url], clock, chain_id=NETWORK.chain_id)
        watch = Watch(reader, NETWORK, tell=lambda *words: told.append(words), every=0.01, events_every=0.02)
        async with watch:
            # one of the commits fails on the chain: it counts as the others do
            await node.code(SUBMISSION, REVERTS)
            await node.mine(start + 70, [sent[0][0]])
            await node.code(SUBMISSION, TAKES_ALL)
            await node.mine(start + 75, [commit for commit, _ in sent[1:]])
            await node.mine(start + 110, [reveal for _, reveal in sent])
            waiting = asyncio.create_task(watch.until(end, 5.0))
            await node.mine(end + 1)
            assert await asyncio.wait_for(waiting, 10)
            await eventually(lambda: known(watch))
            epoch = watch.reward_epoch(ROUND)
            assert (epoch.number, epoch.voters) == (EPOCH, VOTERS)
            found = result_of_reveals(judge(watch.submitted(ROUND), len(epoch.feeds)), epoch, (), fip16=False)
            assert list(found.revealed.valid) == [voter.submit for voter in VOTERS]
            assert [median.value for median in found.medians] == [6_000_002, 17_000]
            # the blocks of the reveals and after them are replaced by empty ones
            await node.rpc("anvil_reorg", 2, [])
            await eventually(lambda: not watch.submitted(ROUND).reveals)
            assert len(watch.submitted(ROUND).commits) == 3
            assert any("the last 2 blocks" in message for _, code, message in told if code == "reorganised")
            await node.mine(end + 3)
            await eventually(lambda: watch.head().timestamp == end + 3)
            assert judge(watch.submitted(ROUND), 2).offenders == {voter.submit for voter in VOTERS}
        assert watch.error is None
