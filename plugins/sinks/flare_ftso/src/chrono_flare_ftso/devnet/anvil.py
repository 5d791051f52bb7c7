"""anvil, the node that the devnet runs on: where its program is, how it is started, and what it is asked for.

Source: foundry-rs/foundry, `crates/anvil` 1.7.1 (options; methods `anvil_*` and `evm_*`), as they answer; npm package
@foundry-rs/anvil; read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from chrono import ConfigError, PermanentError, TransientError
from chrono_flare_ftso.protocol.text import from_hex, to_hex

VARIABLE = "CHRONO_ANVIL"
GAS = 15_000_000
BLOCK_GAS = 60_000_000
_STARTED_IN = 30.0
_MINED_IN = 10.0
_LOOK = 0.01
_ANSWERED_IN = 60.0
_HOW_TO_GET_IT = (
    "install it with `npm install @foundry-rs/anvil` in this folder (its program comes with it; glibc 2.35 or newer), "
    f"or name its program in the environment variable {VARIABLE}"
)


def find_anvil(folder: Path | None = None) -> str:
    """Return the path of anvil's program.

    It is looked for in the environment variable CHRONO_ANVIL, in ``node_modules`` of a folder and of those above it,
    and in the search path. Of the npm package the program itself is taken, since its wrapper leaves it running when
    killed.

    Parameters
    ----------
    folder : Path, optional
        Where to begin; the present folder where none is given.

    Raises
    ------
    ConfigError
        If it is nowhere; it says how to get it.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise ConfigError(f"{VARIABLE}: expected the path of anvil's program, was {named!r}; correct or unset it")
        return named
    found = next((str(each) for each in _packaged(folder or Path.cwd()) if each.exists()), None) or shutil.which(
        "anvil"
    )
    if found is None:
        where = f"{VARIABLE}, node_modules and the search path"
        raise ConfigError(f"anvil: expected its program in {where}, was in none of them; {_HOW_TO_GET_IT}")
    return found


def _packaged(folder: Path) -> Iterator[Path]:
    system = {"Darwin": "darwin", "Linux": "linux"}.get(platform.system(), "other")
    machine = "arm64" if platform.machine() in {"aarch64", "arm64"} else "amd64"
    for each in (folder, *folder.resolve().parents):
        yield each / f"node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil"


class Anvil:
    """A running anvil.

    Parameters
    ----------
    url : str
        Where it answers.
    client : httpx.AsyncClient
        Entered.

    Notes
    -----
    Methods raise `PermanentError` when it refuses, and `TransientError` when it does not answer.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def rpc(self, method: str, *params: object) -> Any:
        """Return what a method answers."""
        return (await self.batch([(method, params)]))[0]

    async def batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return what methods answer, asked together; anvil does them in no order."""
        if not requests:
            return []
        body = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": list(params)}
            for at, (method, params) in enumerate(requests)
        ]
        try:
            answer = await self._client.post(self.url, json=body)
            told = {each["id"]: each for each in answer.json()}
        except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
            methods = ", ".join(dict.fromkeys(method for method, _ in requests))
            raise TransientError(f"anvil at {self.url} did not answer {methods}: {type(error).__name__}") from None
        for at, (method, _) in enumerate(requests):
            if "error" in told[at]:
                raise PermanentError(f"anvil: {method}: {told[at]['error'].get('message', told[at]['error'])}")
        return [told[at]["result"] for at in range(len(requests))]

    # transactions: anvil signs for whoever is named

    async def send(
        self, sender: bytes, to: bytes | None, data: bytes = b"", *, value: int = 0, gas: int = GAS
    ) -> bytes:
        """Send a transaction from any address, and return its hash."""
        return from_hex(await self.rpc("eth_sendTransaction", _transaction(sender, to, data, value, gas)), 32)

    async def send_all(self, calls: Sequence[tuple[bytes, bytes, bytes]], *, gas: int = 3_000_000) -> list[bytes]:
        """Send transactions, each a sender, an address and calldata, in this order, and return their hashes."""
        return [await self.send(*call, gas=gas) for call in calls]

    async def succeeded(self, hash: bytes, what: str) -> dict[str, Any]:
        """Return the receipt of a transaction once it is on the chain.

        Raises
        ------
        PermanentError
            If it is not soon, or was reverted; it says why.
        """
        until = time.monotonic() + _MINED_IN
        # who sends is answered before the block is made
        while (receipt := await self.rpc("eth_getTransactionReceipt", to_hex(hash))) is None:
            if time.monotonic() < until:
                await asyncio.sleep(_LOOK)
                continue
            raise PermanentError(f"{what}: expected its transaction on the chain, was in no block")
        if int(receipt["status"], 16) != 1:
            sent = await self.rpc("eth_getTransactionByHash", to_hex(hash))
            call = {key: sent[key] for key in ("from", "to", "input", "value", "gas") if sent.get(key) is not None}
            why = "it ran out of gas, or runs now"
            with contextlib.suppress(PermanentError):
                try:
                    await self.rpc("eth_call", call, hex(int(receipt["blockNumber"], 16) - 1))
                except PermanentError as error:
                    why = str(error)
            raise PermanentError(f"{what}: expected it to succeed, was reverted: {why}")
        found: dict[str, Any] = receipt
        return found

    async def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        """Return what a contract answers to a call."""
        asked = {"to": to_hex(to), "data": to_hex(data), **({"from": to_hex(sender)} if sender else {})}
        return from_hex(await self.rpc("eth_call", asked, "latest"))

    # blocks and time

    async def head(self) -> tuple[int, int]:
        """Return the number and the timestamp of the last block."""
        block = await self.rpc("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - a parameter of JSON-RPC
        return int(block["number"], 16), int(block["timestamp"], 16)

    async def mine(self, second: int) -> None:
        """Mine a block of a timestamp."""
        await self.rpc("evm_mine", second)

    async def at(self, second: int) -> None:
        """Give the next block a timestamp, whichever transaction it is mined for."""
        await self.rpc("evm_setNextBlockTimestamp", second)

    async def fund(self, addresses: Sequence[bytes], wei: int) -> None:
        """Give each address that many wei, whatever it had."""
        await self.batch([("anvil_setBalance", (to_hex(each), hex(wei))) for each in addresses])


def _transaction(sender: bytes, to: bytes | None, data: bytes, value: int, gas: int) -> dict[str, str]:
    told = {"from": to_hex(sender), "data": to_hex(data), "gas": hex(gas), "value": hex(value)}
    return told if to is None else {**told, "to": to_hex(to)}


@asynccontextmanager
async def started(program: str, *, chain_id: int, timestamp: int, port: int = 0) -> AsyncIterator[Anvil]:
    """Start anvil, mining a block for each transaction, and stop it again.

    Parameters
    ----------
    program : str
        From `find_anvil`.
    chain_id : int
        Of the chain.
    timestamp : int
        Of its first block, unix seconds.
    port : int
        Where it listens on this machine alone; 0 for any that is free.

    Raises
    ------
    PermanentError
        If it does not start; it says what it said.
    """
    options = f"--port {port} --chain-id {chain_id} --timestamp {timestamp} --gas-limit {BLOCK_GAS} --accounts 1"
    fixed = "--slots-in-an-epoch 1 --auto-impersonate --order fifo --host 127.0.0.1"
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *options.split(),
            *fixed.split(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise PermanentError(f"anvil: expected a program that starts, was {program!r}: {error.strerror}") from None
    silenced: asyncio.Task[None] | None = None
    try:
        output = process.stdout or asyncio.StreamReader()
        host = await _listening(output)
        silenced = asyncio.create_task(_read_on(output))
        async with httpx.AsyncClient(timeout=_ANSWERED_IN) as client:
            yield Anvil(f"http://{host}", client)
    finally:
        if process.returncode is None:
            process.terminate()
        if silenced is not None:
            silenced.cancel()
            await asyncio.gather(silenced, return_exceptions=True)
        await process.communicate()


async def _listening(output: asyncio.StreamReader) -> str:
    """Return the host and port that it says it listens on."""
    said: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STARTED_IN):
            async for line in output:
                said.append(line.decode(errors="replace").strip())
                if said[-1].startswith("Listening on"):
                    return said[-1].split()[-1]
    told = " ".join(filter(None, said[-3:])) or "nothing"
    raise PermanentError(
        f"anvil: expected it to listen, was something else: it said {told}; see to the port and to glibc"
    )


async def _read_on(output: asyncio.StreamReader) -> None:
    # a pipe that nobody reads is full one day, and then it stands still
    while await output.read(1 << 16):
        pass
