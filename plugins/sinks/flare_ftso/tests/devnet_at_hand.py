"""A devnet started by its command, a provider beside it by its own, and what its chain says of both.

What the chain says is read without anything of the provider's: plain JSON-RPC, and py-flare-common for the words of the
protocol.
"""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from chrono_flare_ftso.devnet.artifacts import contract
from chrono_flare_ftso.devnet.deploying import DAEMON, REGISTRY
from chrono_flare_ftso.devnet.market import Feed
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.text import from_hex, to_hex

EXAMPLE = Path(__file__).parents[4] / "examples" / "flare-devnet.yaml"
PORT = "8645"
SUBMIT1, SUBMIT2 = bytes.fromhex("6c532fae"), bytes.fromhex("9d00c9fd")


def chrono(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "chrono", *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


Body = tuple[int, bytes, int, int, int]
"""Round, id, value, turnout and decimals of a feed, as its leaf has them."""


class Sent(NamedTuple):
    """A transaction."""

    second: int
    sender: bytes
    to: bytes
    data: bytes
    succeeded: bool


class Chain:
    """A chain over JSON-RPC, and no more."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)

    def close(self) -> None:
        self._client.close()

    def rpc(self, method: str, *params: object) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self._client.post("", json=body).json()
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def address(self, name: str) -> bytes:
        if name == "FlareContractRegistry":
            return REGISTRY
        asked = contract("FlareContractRegistry").functions["getContractAddressByName"]
        raw = self.rpc("eth_call", {"to": to_hex(REGISTRY), "data": to_hex(asked.encode_call(name))}, "latest")
        return bytes(asked.decode_result(from_hex(raw))[0])

    def asked(self, name: str, function: str, *arguments: object) -> Any:
        """Return what a function answers: one value, or a tuple of several."""
        call = contract(name).functions[function]
        to, data = to_hex(self.address(name)), to_hex(call.encode_call(*arguments))
        found = call.decode_result(from_hex(self.rpc("eth_call", {"to": to, "data": data}, "latest")))
        return found[0] if len(found) == 1 else tuple(found)

    def send(self, sender: bytes, name: str, data: bytes) -> None:
        """Send a call, which has to succeed; anvil signs for whoever is named."""
        told = {"from": to_hex(sender), "to": to_hex(self.address(name)), "data": to_hex(data), "gas": hex(3_000_000)}
        hash = self.rpc("eth_sendTransaction", told)
        until = time.monotonic() + 20
        while (receipt := self.rpc("eth_getTransactionReceipt", hash)) is None:
            assert time.monotonic() < until, f"{name}: no receipt"
            time.sleep(0.1)
        assert receipt["status"] == "0x1", f"{name}: reverted"

    def sent(self, first: int = 0) -> Iterator[Sent]:
        """Yield each transaction but the keeper's, in the order of the chain."""
        for number in range(first, int(self.rpc("eth_blockNumber"), 16) + 1):
            block = self.rpc("eth_getBlockByNumber", hex(number), True)
            for each in block["transactions"]:
                if each["to"] is None or each["from"] == to_hex(DAEMON):
                    continue
                receipt = self.rpc("eth_getTransactionReceipt", each["hash"])
                yield Sent(
                    int(block["timestamp"], 16),
                    from_hex(each["from"]),
                    from_hex(each["to"]),
                    from_hex(each["input"]),
                    receipt["status"] == "0x1",
                )


class Network:
    """A devnet in a folder."""

    def __init__(self, folder: Path, url: str, chain: Chain) -> None:
        self.folder = folder
        self.url = url
        self.chain = chain

    def status(self) -> dict[str, Any]:
        done = chrono("flare", "devnet", "status", "--format", "json", folder=self.folder)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def until_round(self, round: int, patience: float) -> dict[str, Any]:
        """Return the status once a round is over, or let the test fail."""
        until = time.monotonic() + patience
        while True:
            told = self.status()
            if told["rounds"] and told["rounds"][-1]["round"] >= round:
                return told
            assert time.monotonic() < until, f"round {round} was not over in {patience:g} s: {told['rounds'][-1:]}"
            time.sleep(2.0)

    def pipeline(self) -> Path:
        """Return the example, with the address that this chain has."""
        file = self.folder / "flare-devnet.yaml"
        file.write_text(EXAMPLE.read_text().replace(f"127.0.0.1:{PORT}", self.url.removeprefix("http://")))
        return file

    @contextmanager
    def provider(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run a provider until it is told to stop, and see that it ends in order."""
        with (self.folder / "provider.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "chrono", "pipeline", "run", str(self.pipeline())],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(60)
                finally:
                    process.kill()
                    process.wait()

    def said(self) -> str:
        """Return what the provider said."""
        return (self.folder / "provider.log").read_text(errors="replace")


@contextmanager
def network(folder: Path, *options: str) -> Iterator[Network]:
    """Start a devnet in a folder, and end it."""
    started = chrono("flare", "devnet", "up", "--port", "0", *options, folder=folder)
    assert started.returncode == 0, started.stderr
    told = json.loads(chrono("flare", "devnet", "status", "--format", "json", folder=folder).stdout)
    try:
        with closing(Chain(told["rpc"])) as chain:
            yield Network(folder, told["rpc"], chain)
    finally:
        down = chrono("flare", "devnet", "down", folder=folder)
        assert down.returncode == 0, down.stderr


@contextmanager
def flares_network(folder: Path, sources: Path, modules: Path, **numbers: int) -> Iterator[Network]:
    """Start a devnet of Flare's own contracts in a folder, and end it; see `flare_contracts`."""
    program = [sys.executable, str(Path(__file__).with_name("flare_contracts.py"))]
    options = [f"{name}={value}" for name, value in numbers.items()]
    with (folder / "contracts.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, str(folder / "flare-devnet"), str(sources), str(modules), *options], stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 300
        while (done := chrono("flare", "devnet", "status", "--format", "json", folder=folder)).returncode:
            ended = process.poll() is not None or time.monotonic() > until
            assert not ended, (folder / "contracts.log").read_text()
            time.sleep(1.0)
        rpc = json.loads(done.stdout)["rpc"]
        with closing(Chain(rpc)) as chain:
            yield Network(folder, rpc, chain)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


class Played(NamedTuple):
    """What submit addresses did in a voting round: seconds and payloads."""

    commits: dict[bytes, list[tuple[int, bytes]]]
    reveals: dict[bytes, list[tuple[int, bytes]]]


def played(chain: Chain) -> dict[int, Played]:
    """Return commits and reveals of the FTSO by voting round, in time or not, as they stand on the chain."""
    found: dict[int, Played] = defaultdict(lambda: Played(defaultdict(list), defaultdict(list)))
    submission = chain.address("Submission")
    for each in chain.sent():
        if each.to == submission and each.data[:4] in {SUBMIT1, SUBMIT2}:
            for protocol, round, payload in _payloads(each.data[4:]):
                if protocol == FTSO_PROTOCOL:
                    kind = found[round].commits if each.data[:4] == SUBMIT1 else found[round].reveals
                    kind[each.sender].append((each.second, payload))
    return dict(found)


def _payloads(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    while data:
        protocol, round, size = struct.unpack_from(">BIH", data)
        yield protocol, round, data[7 : 7 + size]
        data = data[7 + size :]


def opened(submit: bytes, round: int, commit: bytes, reveal: bytes) -> bool:
    """Say whether a reveal is what was committed to, as py-flare-common has it."""
    from py_flare_common.ftso.commit import commit_hash

    return commit_hash(to_hex(submit), round, int.from_bytes(reveal[:32], "big"), reveal[32:]) == commit.hex()


def feeds_of(
    round: int, reveals: Mapping[bytes, bytes], weights: Mapping[bytes, int], feeds: Sequence[Feed]
) -> list[Body]:
    """Return round, id, value, turnout and decimals of each feed, as py-flare-common has the median.

    Parameters
    ----------
    round : int
    reveals : mapping of bytes to bytes
        Valid ones, by submit address.
    weights : mapping of bytes to int
        Of all voters, by submit address.
    feeds : sequence of Feed
        In canonical order.
    """
    from py_flare_common.ftso.median import FtsoVote, calculate_median

    found = []
    for at, feed in enumerate(feeds):
        votes = [
            FtsoVote(int.from_bytes(raw, "big") - 2**31, weights[voter])
            for voter, each in reveals.items()
            if any(raw := each[32 + 4 * at : 36 + 4 * at])
        ]
        median = calculate_median(votes)
        turnout = 10_000 * sum(each.weight for each in votes) // sum(weights.values())
        found.append((round, feed.id, median.value if median else 0, turnout, feed.decimals))
    return found


def leaves_of(
    round: int,
    reveals: Mapping[bytes, bytes],
    offenders: Collection[bytes],
    benched: Collection[bytes],
    bodies: Iterable[Body],
) -> list[str]:
    """Return the leaves of a round: that of its random, then one for each feed.

    Parameters
    ----------
    round : int
    reveals : mapping of bytes to bytes
        Valid ones, by submit address.
    offenders, benched : collection of bytes
        Who committed and did not reveal in this round, and in those that are looked back on.
    bodies : iterable of Body
        From `feeds_of`.
    """
    from eth_abi.abi import encode

    counted = [each for voter, each in reveals.items() if voter not in benched]
    random = sum(int.from_bytes(each[:32], "big") for each in counted) % 2**256
    secure = len(counted) > 1 and {*offenders} <= {*benched}
    leaves = [encode(["uint32", "uint256", "bool"], [round, random, secure])]
    leaves += [encode(["uint32", "bytes21", "int32", "uint16", "int8"], each) for each in bodies]
    return [to_hex(keccak256(each)) for each in leaves]


def anvil_or_none() -> str | None:
    """Return why there is no anvil; None where there is one."""
    from chrono import ConfigError
    from chrono_flare_ftso.devnet.anvil import find_anvil

    try:
        find_anvil()
    except ConfigError as error:
        return str(error) if not os.environ.get("CI") else None
    return None
