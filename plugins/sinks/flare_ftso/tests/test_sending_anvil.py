"""What is sent to a real node: nonces, fees and forks as it has them.

anvil is looked for in the environment variable CHRONO_ANVIL, in node_modules (npm package @foundry-rs/anvil) and in the
search path.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sending import KEY, LABELS, TARGET, data
from sending_node import Own

from chrono_flare_ftso.chain.carrying import Outcome
from chrono_flare_ftso.chain.drafting import Pace, Wanted
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import COIN, GWEI, FeeLimits, Fees
from chrono_flare_ftso.chain.nonces import LOST, MINED, REPLACED, NonceBook
from chrono_flare_ftso.chain.refusals import Rejected, Unfunded, Unsent, Why
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.protocol.signatures import address_of, sign

pytestmark = pytest.mark.anyio

ADDRESS = address_of(KEY)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def anvil() -> str:
    machine = "arm64" if platform.machine() in {"aarch64", "arm64"} else "amd64"
    folders = [Path.cwd(), *Path(__file__).parents]
    packaged = [folder / f"node_modules/@foundry-rs/anvil-linux-{machine}/bin/anvil" for folder in folders]
    found = [os.environ.get("CHRONO_ANVIL"), *(str(each) for each in packaged if each.exists()), shutil.which("anvil")]
    program = next((each for each in found if each), None)
    if program is None:
        told = "expected anvil in CHRONO_ANVIL, node_modules or the search path, there is none here"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return program


class Real:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Chain:
    """A running anvil that mines when it is told to, and a sender."""

    def __init__(self, url: str, client: httpx.AsyncClient, ledger: Path) -> None:
        self.url = url
        self.client = client
        self.ledger = ledger
        self.told: list[str] = []
        self.mines = True

    async def rpc(self, method: str, *params: object) -> object:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = (await self.client.post(self.url, json=body)).json()
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def mining(self) -> None:
        while True:
            if self.mines:
                await self.rpc("evm_mine")
            await asyncio.sleep(0.03)

    @asynccontextmanager
    async def sender(self, limits: FeeLimits | None = None) -> AsyncIterator[Sender]:
        clock, signer = Real(), Own(KEY)

        def tell(code: str, message: str) -> None:
            self.told.append(message)

        with Ledger(self.ledger) as ledger:
            async with Node([self.url], clock, chain_id=114, tell=tell) as node:
                book = NonceBook(ledger, 114, ADDRESS)
                pace = Pace(look=0.02, bump=0.1, keep=0.02, watch=0.02)
                sender = Sender(node, signer, book, 114, clock, Fees(COSTON2, limits), tell, pace=pace)
                sender.book = book
                yield sender

    async def send(self, sender: Sender, label: str, seconds: float = 15, **more: object) -> Outcome:
        until = time.time_ns() + int(seconds * SECOND)
        return await sender.send(
            TARGET, data(label), **{"gas": 60_000, "label": label, "round": 1, "until": until, **more}
        )

    async def foreign(self, nonce: int, value: int = 1) -> None:
        transaction = Transaction(114, nonce, 100 * GWEI, 500 * GWEI, 21_000, TARGET, b"", value)
        raw = transaction.signed(sign(keccak256(transaction.preimage()), KEY))
        await self.rpc("eth_sendRawTransaction", "0x" + raw.hex())

    async def mined(self) -> list[str]:
        """Return the calldata of all that is on the chain from the key."""
        head = int(str(await self.rpc("eth_blockNumber")), 16)
        blocks = [await self.rpc("eth_getBlockByNumber", hex(number), True) for number in range(head + 1)]
        return [
            each["input"] for block in blocks for each in block["transactions"] if each["from"] == "0x" + ADDRESS.hex()
        ]


@asynccontextmanager
async def running(program: str, ledger: Path) -> AsyncIterator[Chain]:
    options = "--port 0 --chain-id 114 --no-mining --order fees --base-fee 25000000000"
    process = await asyncio.create_subprocess_exec(program, *options.split(), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            async for line in process.stdout:
                if b"Listening on" in line:
                    break
        async with httpx.AsyncClient(timeout=20) as client:
            chain = Chain(f"http://{line.decode().split()[-1]}", client, ledger)
            await chain.rpc("anvil_setBalance", "0x" + ADDRESS.hex(), hex(1000 * COIN))
            mining = asyncio.create_task(chain.mining())
            try:
                yield chain
            finally:
                mining.cancel()
                await asyncio.gather(mining, return_exceptions=True)
    finally:
        process.kill()
        await process.communicate()


def wanted(*labels: str) -> list[str]:
    return sorted("0x" + data(label).hex() for label in labels)


async def test_three_transactions_are_mined_and_asked_for_again_are_not_sent_again(anvil, tmp_path):
    async with running(anvil, tmp_path / "flare.db") as chain:
        async with chain.sender() as sender:
            outcomes = [await chain.send(sender, label) for label in LABELS]
            assert [outcome.nonce for outcome in outcomes] == [0, 1, 2]
            assert all(outcome.ok and outcome.cost.wei > 21_000 * 100 * GWEI for outcome in outcomes)
        async with chain.sender() as later:
            assert [await chain.send(later, label) for label in LABELS] == outcomes
        assert sorted(await chain.mined()) == wanted(*LABELS)


async def test_more_is_offered_while_empty_blocks_go_by(anvil, tmp_path):
    async with running(anvil, tmp_path / "flare.db") as chain, chain.sender() as sender:
        await sender.refresh()
        await chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(1000 * GWEI))
        outcome = await chain.send(sender, "submit1")
        assert outcome.ok
        assert await chain.mined() == wanted("submit1")
        states = [entry.state for entry in sender.book.of("submit1", 1)]
        assert states.count(MINED) == 1
        assert set(states) <= {MINED, REPLACED, LOST}


async def test_a_nonce_that_another_process_used_or_waits_with_is_healed(anvil, tmp_path):
    async with running(anvil, tmp_path / "flare.db") as chain, chain.sender() as sender:
        assert (await chain.send(sender, "submit1")).nonce == 0
        chain.mines = False
        await chain.foreign(1)
        await chain.rpc("evm_mine")
        assert "submit2" not in str(chain.told)
        chain.mines = True
        assert (await chain.send(sender, "submit2")).nonce == 2
        chain.mines = False
        await chain.foreign(3)
        task = asyncio.create_task(chain.send(sender, "submitSignatures"))
        await asyncio.sleep(0.05)
        chain.mines = True
        assert (await task).ok
        found = await chain.mined()
        assert sorted(each for each in found if each != "0x") == wanted(*LABELS)


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_what_a_fork_threw_out_is_sent_again_as_it_was(anvil, tmp_path, depth):
    async with running(anvil, tmp_path / "flare.db") as chain, chain.sender() as sender:
        for _ in range(4):
            await chain.rpc("evm_mine")
        chain.mines = False
        await asyncio.sleep(0.05)
        task = asyncio.create_task(chain.send(sender, "submit1"))
        while (await chain.rpc("txpool_status"))["pending"] == "0x0":  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        await chain.rpc("evm_mine")
        first = await task
        for _ in range(depth - 1):
            await chain.rpc("evm_mine")
        await chain.rpc("anvil_reorg", depth, [])
        assert await chain.mined() == []
        await sender.refresh()
        (fallen,) = await sender.watch_depth()
        assert fallen.hash == first.hash
        chain.mines = True
        async with asyncio.timeout(10):
            while await chain.mined() != wanted("submit1"):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        await sender.reconcile()
        (again,) = sender.book.of("submit1", 1)
        assert (again.state, again.hash) == (MINED, first.hash)
        assert "submit1 of round 1: block" in "\n".join(chain.told)


async def test_an_account_that_is_emptied_after_it_was_asked_for_is_told_what_to_do(anvil, tmp_path):
    async with running(anvil, tmp_path / "flare.db") as chain, chain.sender() as sender:
        await sender.refresh()
        await chain.rpc("anvil_setBalance", "0x" + ADDRESS.hex(), hex(COIN // 1000))
        with pytest.raises(
            Unfunded, match=r"submit1 of round 1 not sent: 0x\w+ needs [\d.]+ C2FLR, has 0\.001; send it"
        ):
            await chain.send(sender, "submit1")
        assert sender.book.unfinished() == []
        assert await chain.mined() == []


@pytest.mark.parametrize(("gas", "expected"), [(20_000, "raise its gas limit"), (2**40, "lower its gas limit")])
async def test_a_gas_limit_that_no_block_takes_is_told(anvil, tmp_path, gas, expected):
    limits = FeeLimits(max_cost=2**41 * 1000 * GWEI)
    async with running(anvil, tmp_path / "flare.db") as chain, chain.sender(limits) as sender:
        await chain.rpc("anvil_setBalance", "0x" + ADDRESS.hex(), hex(2**41 * 1000 * GWEI))
        with pytest.raises(Unsent, match=expected):
            await chain.send(sender, "submit1", gas=gas)
        assert await chain.mined() == []


async def test_the_words_of_anvil_are_known(anvil, tmp_path):
    async with running(anvil, tmp_path / "flare.db") as chain, chain.sender() as sender:
        chain.mines = False
        await asyncio.sleep(0.05)
        node, until = sender._means.node, time.time_ns() + 60 * SECOND
        drafted = await sender._drafter.draft(Wanted(TARGET, b"1", 60_000, 0, "submit1", 1, until))

        async def why(raw: bytes) -> Why:
            with pytest.raises(Rejected) as caught:
                await node.send_raw(raw)
            return caught.value.why

        def raw(nonce: int, fee: int) -> bytes:
            made = Transaction(114, nonce, fee, fee, 60_000, TARGET, b"2")
            return made.signed(sign(keccak256(made.preimage()), KEY))

        await node.send_raw(drafted.entry.raw)
        assert await why(drafted.entry.raw) is Why.KNOWN
        assert await why(raw(0, drafted.entry.fee.max_fee // 2)) is Why.REPLACEMENT
        await chain.rpc("evm_mine")
        assert await why(raw(0, 500 * GWEI)) is Why.NONCE_LOW
        assert await why(raw(1, 1)) is Why.BELOW_BASE
