"""A node over real HTTP: blocks and logs of a made-up chain, served by JSON-RPC, with the faults that nodes have."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from chrono_flare_ftso.protocol import abi, events
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.keccak import keccak256

_POLICY = "uint32,uint16,uint256,address[],uint16[],bytes,uint64"
_INFO = "address,uint16,uint256,uint256,bytes20[],uint256[]"
_REGISTERED = "address,address,(bytes32,bytes32),uint256,(uint8,bytes32,bytes32)"
_FORMS: Mapping[type, tuple[str, str, str]] = {
    events.RewardEpochStarted: ("RewardEpochStarted", "uint24", "uint32,uint64"),
    events.RandomAcquisitionStarted: ("RandomAcquisitionStarted", "uint24", "uint64"),
    events.VotePowerBlockSelected: ("VotePowerBlockSelected", "uint24", "uint64,uint64"),
    events.SigningPolicyInitialized: ("SigningPolicyInitialized", "uint24", _POLICY),
    events.VoterRegistered: ("VoterRegistered", "address,uint32,address", _REGISTERED),
    events.VoterRegistrationInfo: ("VoterRegistrationInfo", "address,uint32", _INFO),
    InflationOffer: ("InflationRewardsOffered", "uint24", "bytes,bytes,uint256,uint16,uint24,bytes,uint16"),
    CommunityOffer: ("RewardsOffered", "uint24", "bytes21,int8,uint256,uint16,uint24,uint24,address"),
}
_BEFORE = {
    events.VoterRegistered: ("address,uint24,address", "address,address,bytes32,bytes32,uint256"),
    events.VoterRegistrationInfo: ("address,uint24", _INFO),
}


def log_of(event: Any, *, old: bool = False) -> tuple[list[bytes], bytes]:
    """Return topics and data of an event, in its old form where wanted."""
    name, indexed, data = _FORMS[type(event)]
    if old:
        indexed, data = _BEFORE[type(event)]
    values = [getattr(event, each.name) for each in fields(event)]
    if isinstance(event, InflationOffer):
        signed = b"".join(each.to_bytes(1, "big", signed=True) for each in event.decimals)
        bands = b"".join(each.to_bytes(3, "big") for each in event.secondary_band_ppm)
        values[1:3] = [b"".join(event.feed_ids), signed]
        values[6] = bands
    if isinstance(event, events.VoterRegistered):
        signature = event.signature
        values = [*values[:5], *event.public_key, event.registration_weight] if old else values
        if not old:
            parts = (signature.v, signature.r, signature.s) if is_dataclass(signature) else (27, bytes(32), bytes(32))
            values[-1] = parts
    count = len(indexed.split(","))
    words = abi.encode(indexed, *values[:count])
    topics = [abi.topic(f"{name}({indexed},{data})"), *(words[at : at + 32] for at in range(0, len(words), 32))]
    return topics, abi.encode(data, *values[count:])


@dataclass
class Sent:
    """A transaction."""

    sender: bytes
    to: bytes | None
    calldata: bytes


@dataclass
class Made:
    """A block."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    sent: Sequence[Sent] = ()
    logs: Sequence[tuple[bytes, list[bytes], bytes]] = ()


@dataclass
class FakeChain:
    """Blocks, from 0 on."""

    chain_id: int = 14
    blocks: list[Made] = field(default_factory=list)
    contracts: dict[str, bytes] = field(default_factory=dict)
    """What the registry answers; without any there is no registry."""
    values: dict[bytes, int] = field(default_factory=dict)
    """Numbers that a contract answers, by selector."""
    forks: int = 0

    def mine(self, timestamp: int, sent: Sequence[Sent] = (), logs: Sequence[Any] = ()) -> Made:
        number = len(self.blocks)
        parent = self.blocks[-1].hash if self.blocks else bytes(32)
        hash_ = keccak256(parent + b"%d %d %d" % (number, timestamp, self.forks))
        block = Made(number, hash_, parent, timestamp, tuple(sent), tuple(logs))
        self.blocks.append(block)
        return block

    def until(self, timestamp: int, every: int) -> None:
        """Mine empty blocks up to a second."""
        while self.blocks[-1].timestamp + every <= timestamp:
            self.mine(self.blocks[-1].timestamp + every)

    def reorganise(self, depth: int, *, keep: bool = False) -> None:
        """Replace the last blocks by empty ones, or by others with the same content."""
        gone, self.blocks = self.blocks[-depth:], self.blocks[:-depth]
        self.forks += 1
        for block in gone:
            self.mine(block.timestamp, block.sent if keep else (), block.logs if keep else ())


class Cut(Exception):
    """The connection is to be cut."""


Fault = Callable[[], tuple[int, dict[str, str], bytes]]


def fault(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Return an answer in place of the right one."""
    return lambda: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def failure(code: int, message: str) -> Fault:
    """Return an error of JSON-RPC in place of the right answer."""
    return fault(200, json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).encode())


def cut() -> tuple[int, dict[str, str], bytes]:
    """Cut the connection."""
    raise Cut


class FakeNode:
    """A node that serves a chain on a free port of the loopback.

    Attributes
    ----------
    faults : list of Fault
        Each is the answer to one request to come, the first one's first.
    lag : int
        Blocks by which its head is behind.
    span, batch : int
        Largest range of logs and longest batch that it answers.
    missing : set of int
        Blocks it answers null for.
    unfinalized : bool
        Whether a block after the head is an error, as Avalanche's nodes have it, or null.
    silent : bool
        Whether it takes requests and does not answer them.
    calls : Counter
        Methods that were called; `posts` are the HTTP requests.
    """

    def __init__(self, chain: FakeChain, path: str = "/") -> None:
        self.chain = chain
        self.path = path
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.lag = 0
        self.span: int | None = None
        self.batch: int | None = None
        self.missing: set[int] = set()
        self.unfinalized = False
        self.silent = False
        self.chain_id: int | None = None
        self.calls: Counter[str] = Counter()
        self.posts = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self.path}"

    async def __aenter__(self) -> FakeNode:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connected(reader, writer))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

        self._server = await asyncio.start_server(connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                body = await reader.readexactly(size)
                while self.silent:  # noqa: ASYNC110 - a test switches it
                    await asyncio.sleep(0.01)
                status, headers, body = self._answer(body)
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, Cut):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    def _answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = json.loads(body)
        self.posts += 1
        self.calls.update(each["method"] for each in (asked if isinstance(asked, list) else [asked]))
        if self.faults:
            return self.faults.pop(0)()
        if self.always is not None:
            return self.always()
        if isinstance(asked, list) and self.batch is not None and len(asked) > self.batch:
            return failure(-32000, "batch too large")()
        told = [self._one(each) for each in asked] if isinstance(asked, list) else self._one(asked)
        return 200, {"content-type": "application/json"}, json.dumps(told).encode()

    def _one(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            return {**answer, "result": getattr(self, "_" + asked["method"])(*asked["params"])}
        except _Error as error:
            return {**answer, "error": {"code": error.code, "message": str(error)}}

    @property
    def head(self) -> int:
        return len(self.chain.blocks) - 1 - self.lag

    def _eth_chainId(self) -> str:  # noqa: N802 - the method's name
        return hex(self.chain.chain_id if self.chain_id is None else self.chain_id)

    def _eth_blockNumber(self) -> str:  # noqa: N802
        return hex(self.head)

    def _eth_getBlockByNumber(self, tag: str, full: bool) -> Any:  # noqa: N802
        number = self.head if tag == "latest" else int(tag, 16)
        if number > self.head and self.unfinalized:
            raise _Error(-32000, "cannot query unfinalized data")
        if number > self.head or number in self.missing:
            return None
        block = self.chain.blocks[number]
        return {
            "number": hex(number),
            "hash": _hex(block.hash),
            "parentHash": _hex(block.parent),
            "timestamp": hex(block.timestamp),
            "miner": "0x" + "01" * 20,
            "transactions": [_sent(at, each) if full else _hex(bytes(32)) for at, each in enumerate(block.sent)],
        }

    def _eth_getLogs(self, what: Mapping[str, Any]) -> Any:  # noqa: N802
        first, last = int(what["fromBlock"], 16), int(what["toBlock"], 16)
        if self.span is not None and last - first >= self.span:
            raise _Error(-32000, f"requested too many blocks from {first} to {last}, maximum is set to {self.span}")
        addresses, topics = set(what["address"]), set(what["topics"][0])
        # beyond the head there is nothing, and nobody says so
        return [
            {
                "address": _hex(address),
                "topics": [_hex(each) for each in of],
                "data": _hex(data),
                "blockNumber": hex(block.number),
                "logIndex": hex(at),
            }
            for block in self.chain.blocks[first : min(last, self.head) + 1]
            for at, (address, of, data) in enumerate(block.logs)
            if _hex(address) in addresses and _hex(of[0]) in topics
        ]

    def _eth_call(self, what: Mapping[str, Any], block: str) -> str:
        data = bytes.fromhex(what["data"][2:])
        by_name = function("FlareContractRegistry", "getContractAddressByName")
        if data[:4] == by_name.selector and self.chain.contracts:
            (name,) = by_name.decode_call(data)
            return _hex(abi.encode("address", self.chain.contracts.get(name, bytes(20))))
        if data[:4] in self.chain.values:
            return _hex(abi.encode("uint256", self.chain.values[data[:4]]))
        if data == b"revert":
            raise _Error(3, "execution reverted: no")
        return "0x"


class _Error(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _sent(at: int, sent: Sent) -> dict[str, Any]:
    to = None if sent.to is None else _hex(sent.to)
    return {
        "from": _hex(sent.sender),
        "to": to,
        "input": _hex(sent.calldata),
        "transactionIndex": hex(at),
        "gas": "0x1",
    }


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
