"""Nodes that take transactions: accounts, a pool and receipts of a made-up chain, and the faults of such nodes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fake_node import Cut, FakeChain, FakeNode, _Error

from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import COIN, GWEI
from chrono_flare_ftso.chain.transactions import Signed, Transaction
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import address_of, sign

BLOCK_GAS = 15_000_000
START = 1_795_000_000


class Pool(FakeChain):
    """A chain whose blocks hold what nodes were given, in the order of nonces.

    Attributes
    ----------
    base_fee : int
        Of the blocks to come, wei per gas.
    closed : bool
        Whether blocks stay empty.
    reverts : set of bytes
        Calldata that fails.
    """

    def __init__(self, chain_id: int = 14) -> None:
        super().__init__(chain_id)
        self.base_fee = 25 * GWEI
        self.closed = False
        self.reverts: set[bytes] = set()
        self.balances: dict[bytes, int] = {}
        self.waiting: dict[bytes, Signed] = {}
        self.placed: dict[bytes, tuple[int, Signed]] = {}
        self.fees: dict[bytes, int] = {}
        self.produce()

    def produce(self, count: int = 1) -> None:
        """Make blocks of what waits."""
        for _ in range(count):
            block = self.mine(self.blocks[-1].timestamp + 1 if self.blocks else START)
            self.fees[block.hash] = self.base_fee
            while not self.closed and (found := self._next()) is not None:
                del self.waiting[found.hash]
                self.placed[found.hash] = (block.number, found)
                for other in [each for each in self.waiting.values() if _key(each) == _key(found)]:
                    del self.waiting[other.hash]

    def _next(self) -> Signed | None:
        for each in self.waiting.values():
            sender, nonce = _key(each)
            if nonce == self.nonce(sender) and each.transaction.max_fee >= self.base_fee:
                return each
        return None

    def nonce(self, sender: bytes, head: int | None = None) -> int:
        """Return the next nonce as of a block."""
        last = len(self.blocks) - 1 if head is None else head
        return sum(number <= last and each.sender == sender for number, each in self.placed.values())

    def pending(self, sender: bytes, head: int | None = None) -> int:
        nonce, waiting = self.nonce(sender, head), {_key(each) for each in self.waiting.values()}
        while (sender, nonce) in waiting:
            nonce += 1
        return nonce

    def balance(self, sender: bytes) -> int:
        return self.balances.get(sender, 1000 * COIN)

    def fork(self, depth: int, *, keep: bool) -> None:
        """Replace the last blocks by empty ones; what was in them waits again, or is gone."""
        # the first block is that of all forks
        depth = min(depth, len(self.blocks) - 1)
        first = len(self.blocks) - depth
        gone = {hash: each for hash, (number, each) in self.placed.items() if number >= first}
        for hash, each in gone.items():
            del self.placed[hash]
            if keep:
                self.waiting[hash] = each
        if depth:
            self.reorganise(depth)
        for block in self.blocks[first:]:
            self.fees[block.hash] = self.base_fee

    def give(self, raw: bytes) -> bytes:
        """Take a transaction, as geth does.

        Raises
        ------
        ValueError
            With geth's words, where it does not.
        """
        each = Signed.decode(raw)
        transaction, sender = each.transaction, each.sender
        if transaction.chain_id != self.chain_id:
            raise ValueError(f"invalid chain id for signer: have {transaction.chain_id} want {self.chain_id}")
        if each.hash in self.waiting:
            raise ValueError("already known")
        if transaction.gas < 21_000 + 16 * len(transaction.data):
            raise ValueError(f"intrinsic gas too low: gas {transaction.gas}, minimum needed 21000")
        if transaction.gas > BLOCK_GAS:
            raise ValueError("exceeds block gas limit")
        if transaction.nonce < self.nonce(sender):
            raise ValueError(f"nonce too low: next nonce {self.nonce(sender)}, tx nonce {transaction.nonce}")
        if transaction.max_fee < self.base_fee:
            have = f"have gas fee cap ({transaction.max_fee}) < pool minimum fee cap ({self.base_fee})"
            raise ValueError(f"transaction underpriced: address 0x{sender.hex()} {have}")
        if self.balance(sender) < transaction.cost():
            raise ValueError("insufficient funds for gas * price + value")
        for other in [other for other in self.waiting.values() if _key(other) == _key(each)]:
            fees = (transaction.max_fee, transaction.max_priority_fee)
            wanted = (other.transaction.max_fee, other.transaction.max_priority_fee)
            if any(10 * fee < 11 * least for fee, least in zip(fees, wanted, strict=True)):
                raise ValueError("replacement transaction underpriced")
            del self.waiting[other.hash]
        self.waiting[each.hash] = each
        return each.hash

    # what a test counts

    def mined(self) -> list[Signed]:
        """Return what is on the chain, in its order."""
        return [each for _, each in sorted(self.placed.values(), key=lambda pair: (pair[0], pair[1].transaction.nonce))]

    def counts(self) -> Counter[bytes]:
        """Return how often each calldata is on the chain."""
        return Counter(each.transaction.data for each in self.mined())


class SendingNode(FakeNode):
    """A node of such a chain.

    Attributes
    ----------
    loses : int
        How many transactions it takes without an answer to their sender.
    forgets : int
        How many it answers for and forgets.
    nulls : set of str
        Methods that it answers null to.
    says : list of str
        What it says to the next transactions instead of taking them.
    pending : int or None
        A pending nonce that it makes up.
    given : list of bytes
        Raw transactions that it was given, all of them.
    """

    chain: Pool

    def __init__(self, chain: Pool, path: str = "/") -> None:
        super().__init__(chain, path)
        self.loses = self.forgets = 0
        self.nulls: set[str] = set()
        self.says: list[str] = []
        self.pending: int | None = None
        self.given: list[bytes] = []
        self._cut = False

    def _answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        answer = super()._answer(body)
        if self._cut:
            self._cut = False
            raise Cut
        return answer

    def _one(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked["method"] in self.nulls:
            return {"jsonrpc": "2.0", "id": asked["id"], "result": None}
        return super()._one(asked)

    def _eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802 - the method's name
        data = bytes.fromhex(raw[2:])
        self.given.append(data)
        if self.says:
            raise _Error(-32000, self.says.pop(0))
        if self.forgets:
            self.forgets -= 1
            return "0x" + keccak256(data).hex()
        try:
            hash_ = self.chain.give(data)
        except ValueError as error:
            raise _Error(-32000, str(error)) from None
        if self.loses:
            self.loses -= 1
            self._cut = True
        return "0x" + hash_.hex()

    def _eth_getTransactionCount(self, address: str, tag: str) -> str:  # noqa: N802
        sender = bytes.fromhex(address[2:])
        if tag == "latest":
            return hex(self.chain.nonce(sender, self.head))
        return hex(self.chain.pending(sender, self.head) if self.pending is None else self.pending)

    def _eth_getBalance(self, address: str, tag: str) -> str:  # noqa: N802
        return hex(self.chain.balance(bytes.fromhex(address[2:])))

    def _eth_getTransactionByHash(self, hash: str) -> Any:  # noqa: N802
        raw = bytes.fromhex(hash[2:])
        if raw in self.chain.waiting:
            return _located(self.chain.waiting[raw], None)
        number, each = self.chain.placed.get(raw, (None, None))
        return None if each is None or number > self.head else _located(each, number)

    def _eth_getTransactionReceipt(self, hash: str) -> Any:  # noqa: N802
        number, each = self.chain.placed.get(bytes.fromhex(hash[2:]), (None, None))
        if each is None or number > self.head:
            return None
        block = self.chain.blocks[number]
        fee, transaction = self.chain.fees[block.hash], each.transaction
        return {
            "transactionHash": hash,
            "blockNumber": hex(number),
            "blockHash": "0x" + block.hash.hex(),
            "status": hex(transaction.data not in self.chain.reverts),
            "gasUsed": hex(22_400),
            "effectiveGasPrice": hex(min(transaction.max_fee, fee + transaction.max_priority_fee)),
        }

    def _eth_getBlockByNumber(self, tag: str, full: bool) -> Any:  # noqa: N802
        told = super()._eth_getBlockByNumber(tag, full)
        if told is not None:
            number = int(told["number"], 16)
            placed = [each for at, each in self.chain.placed.values() if at == number]
            told["transactions"] = [_located(each, number) for each in placed] if full else []
            told["baseFeePerGas"] = hex(self.chain.fees[self.chain.blocks[number].hash])
        return told


class Ticking:
    """A clock that sleeping moves, with a block every second."""

    def __init__(self, chain: Pool, every: float = 1.0) -> None:
        self._chain = chain
        self.every = int(every * SECOND)
        self.time = START * SECOND
        self._made = self.time

    def now(self) -> int:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += int(seconds * SECOND)
        while self.time - self._made >= self.every:
            self._made += self.every
            self._chain.produce()
        await asyncio.sleep(0.001)


class Foreign:
    """A second process with the same key, and no book in common."""

    def __init__(self, key: bytes, chain: Pool) -> None:
        self._key = key
        self._chain = chain

    def send(self, nonce: int, data: bytes, *, max_fee: int = 1000 * GWEI) -> bytes:
        transaction = Transaction(self._chain.chain_id, nonce, GWEI, max_fee, 100_000, bytes(20), data)
        return self._chain.give(transaction.signed(sign(keccak256(transaction.preimage()), self._key)))


class Own:
    """A signer in the process of the test."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.signed = 0

    @property
    def address(self) -> bytes:
        return address_of(self._key)

    async def sign(self, preimage: bytes) -> Any:
        self.signed += 1
        return sign(keccak256(preimage), self._key)


def _key(each: Signed) -> tuple[bytes, int]:
    return each.sender, each.transaction.nonce


def _located(each: Signed, number: int | None) -> dict[str, Any]:
    return {
        "hash": "0x" + each.hash.hex(),
        "from": "0x" + each.sender.hex(),
        "nonce": hex(each.transaction.nonce),
        "blockNumber": None if number is None else hex(number),
        "to": "0x" + each.transaction.to.hex(),
        "input": "0x" + each.transaction.data.hex(),
    }
