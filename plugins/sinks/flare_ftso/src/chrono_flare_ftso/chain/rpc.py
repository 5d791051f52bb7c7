"""What is asked of the nodes of a chain: blocks, logs, calls, accounts; and how a transaction is handed to them.

Every answer about a range of logs comes with the block number of the same node, since a node that lags would leave out
silently what it does not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from chrono_flare_ftso.chain.accounts import (
    Account,
    Located,
    Receipt,
    account_of,
    account_requests,
    located_of,
    receipt_of,
    sent_of,
)
from chrono_flare_ftso.chain.answers import Block, Log, blocks_of, data_of, logs_of, number_of
from chrono_flare_ftso.chain.choosing import TIMEOUT, Clock, Endpoints, Tell, Unanswered, block_request, silent
from chrono_flare_ftso.chain.endpoint import (
    SEND,
    Divide,
    Endpoint,
    Missing,
    NodeFault,
    NotTaken,
    Refused,
    Request,
    TooMuch,
)
from chrono_flare_ftso.chain.refusals import Rejected
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.text import to_hex

T = TypeVar("T")

_SPAN = 10_000
_BATCH = 20
_AT_ONCE = 4
_GENTLE = 1.0


class Node(Endpoints):
    """The nodes of one chain, asked by JSON-RPC over HTTP.

    Parameters
    ----------
    urls : sequence of str
        Addresses, the preferred one first. They may hold keys: messages name their hosts alone.
    clock : Clock
        Such as `Context.clock`.
    chain_id : int, optional
        Which chain it has to be; where it is not given, that of the first endpoint which answers.
    tell : callable, optional
        Told a code and a sentence when an endpoint fails, falls behind or is refused.
    batch : int
        How many requests are sent together, at most.
    at_once : int
        How many batches are under way at a time.

    Raises
    ------
    PermanentError
        If an address is none. By any method: if every endpoint is of another chain.

    Notes
    -----
    Every method raises `TransientError` when no endpoint answers, `RateLimited` when all asked to be left alone, and
    `Refused` when an answer is that the request is wrong.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        chain_id: int | None = None,
        tell: Tell = silent,
        batch: int = _BATCH,
        at_once: int = _AT_ONCE,
        timeout: float = TIMEOUT,
    ) -> None:
        super().__init__(urls, clock, chain_id=chain_id, tell=tell, connections=at_once, timeout=timeout)
        self._batch = batch
        self._span, self._span_known = _SPAN, False
        self._gate = asyncio.Semaphore(at_once)
        self._at_once = at_once

    @property
    def reach(self) -> int:
        """How many blocks of logs are read by all that is under way at a time."""
        if not self._span_known:
            return self._span
        return self._span * self._batch * (1 if self.urged else self._at_once)

    async def chain_id(self) -> int:
        """Return the number of the chain."""
        return await self._one(Request("eth_chainId"), number_of)

    async def block_number(self) -> int:
        """Return the number of the last block."""
        return await self._one(Request("eth_blockNumber"), number_of)

    async def block(self, number: int | str, *, to: bytes | None = None) -> Block:
        """Return a block by its number, or by a tag such as ``latest``; see `blocks`."""
        request = block_request(number, full=to is not None)
        (block,) = await self.asked([request], lambda endpoint, raw: blocks_of(endpoint.name, [number], raw, to))
        return block

    async def blocks(self, numbers: Sequence[int], *, to: bytes | None = None) -> list[Block]:
        """Return blocks, in the order of their numbers.

        Parameters
        ----------
        numbers : sequence of int
            None above the head.
        to : bytes, optional
            An address, 20 bytes: transactions to it are read too; without it only heads of blocks are.

        Raises
        ------
        TransientError
            If a block is missing everywhere; none is ever left out.
        """

        async def piece(these: Sequence[int]) -> list[Block]:
            requests = [block_request(number, full=to is not None) for number in these]
            return await self.asked(requests, lambda endpoint, raw: blocks_of(endpoint.name, these, raw, to))

        return await self._pieces(numbers, piece)

    async def logs(
        self,
        first: int,
        last: int,
        addresses: Sequence[bytes],
        topics: Sequence[bytes],
    ) -> list[Log]:
        """Return the logs of a range of blocks, both ends included, in the order of the chain.

        Parameters
        ----------
        first, last : int
            Numbers of blocks; none above the head.
        addresses : sequence of bytes
            Contracts, any of them.
        topics : sequence of bytes
            First topics, any of them.

        Notes
        -----
        The range is split as nodes refuse it. Flare's public endpoints answer for 30 blocks at a time, Avalanche's for
        2048, one's own for as many as it is configured to; the number is taken from the refusal, and kept. Once a node
        has asked to be left alone, one batch is read at a time, with a second between two.
        """
        what = {"address": [to_hex(each) for each in addresses], "topics": [[to_hex(each) for each in topics]]}
        found: list[Log] = []
        while first <= last:
            # one range alone, until the node has answered one
            reach = min(last, first + self.reach - 1)
            try:
                found += await self._logs(_ranges(first, reach, self._span), what)
            except TooMuch as error:
                self._narrow(error, min(self._span, reach - first + 1))
                continue
            self._span_known = True
            first = reach + 1
            if self.urged and first <= last:
                await self.clock.sleep(_GENTLE)
        return sorted(found, key=lambda log: (log.block, log.index))

    async def call(self, to: bytes, data: bytes, block: int | str = "latest", *, sender: bytes | None = None) -> bytes:
        """Return what a contract answers to a call, as if `sender` made it.

        Raises
        ------
        Reverted
            If it fails.
        """
        params = (_call(to, data, sender), block if isinstance(block, str) else hex(block))
        return await self._one(Request("eth_call", params), data_of)

    async def estimate(self, to: bytes, data: bytes, sender: bytes) -> int:
        """Return how much gas a call of a sender takes.

        Raises
        ------
        Reverted
            If it fails.
        """
        return await self._one(Request("eth_estimateGas", (_call(to, data, sender),)), number_of)

    async def account(self, address: bytes, *, at_least: int = -1, urgent: bool = False) -> Account:
        """Return what a node knows of an account; a node whose last block is before `at_least` is passed over."""

        def read(endpoint: Endpoint, raw: list[msgspec.Raw]) -> Account:
            found = account_of(raw)
            if found.chain_id != self._chain_id:
                # it was the right one when it was asked first; asked again it is refused
                raise NodeFault(f"{endpoint.name}: expected chain {self._chain_id}, was {found.chain_id}")
            if found.block < at_least:
                raise Missing(f"{endpoint.name}: expected block {at_least}, was at block {found.block}")
            return found

        return await self.asked(account_requests(address), read, urgent=urgent)

    async def transaction_count(self, address: bytes, tag: str = "latest") -> int:
        """Return the next nonce of an address, as of a block such as ``latest`` or ``pending``."""
        return await self._one(Request("eth_getTransactionCount", (to_hex(address), tag)), number_of)

    async def balance(self, address: bytes) -> int:
        """Return what an address has, wei."""
        return await self._one(Request("eth_getBalance", (to_hex(address), "latest")), number_of)

    async def receipt(self, hash: bytes) -> Receipt | None:
        """Return what became of a transaction; None where every node that answers says it is on no block."""
        request = Request("eth_getTransactionReceipt", (to_hex(hash),))
        return await self._anywhere(request, lambda endpoint, raw: receipt_of(endpoint.name, hash, raw[0]))

    async def transaction(self, hash: bytes) -> Located | None:
        """Return where a transaction is; None where no node that answers knows it."""
        request = Request("eth_getTransactionByHash", (to_hex(hash),))
        return await self._anywhere(request, lambda endpoint, raw: located_of(endpoint.name, hash, raw[0]))

    async def sent_by(self, address: bytes, first: int, last: int) -> list[Located]:
        """Return the transactions of an address in a range of blocks, both ends included, in the order of the chain."""

        async def piece(these: Sequence[int]) -> list[Located]:
            requests = [block_request(number, full=True) for number in these]
            return await self.asked(requests, lambda endpoint, raw: sent_of(endpoint.name, these, raw, address))

        return await self._pieces(range(first, last + 1), piece)

    async def send_raw(self, raw: bytes) -> bytes:
        """Hand a signed transaction to the first endpoint that takes it, and return its hash.

        Raises
        ------
        Rejected
            If those that answer refuse it.
        TransientError
            If none answers: whether one has it is not known, and has to be looked up by its hash.

        Notes
        -----
        Where one fails or refuses, the next is given the same bytes: they can be mined but once.
        """
        hash = keccak256(raw)

        def read(endpoint: Endpoint, told: list[msgspec.Raw]) -> bytes:
            if data_of(told[0]) != hash:
                raise NodeFault(f"{endpoint.name}: expected the hash of what was sent, was another")
            return hash

        try:
            return await self.asked([Request(SEND, (to_hex(raw),))], read, urgent=True)
        except Unanswered as error:
            refusals = [fault for fault in error.faults if isinstance(fault, NotTaken)]
            if not refusals:
                raise
            raise Rejected(refusals, all_told=len(refusals) == len(error.faults)) from None

    async def _anywhere(self, request: Request, read: Callable[[Endpoint, list[msgspec.Raw]], T | None]) -> T | None:
        """Return what the first endpoint that has it has; None where some answer, and none has it."""
        absent = False

        def wanted(endpoint: Endpoint, raw: list[msgspec.Raw]) -> T:
            nonlocal absent
            found = read(endpoint, raw)
            if found is None:
                absent = True
                raise Missing(f"{endpoint.name}: {request.method}: it is not there")
            return found

        try:
            return await self.asked([request], wanted)
        except Unanswered:
            if not absent:
                raise
            return None

    async def _logs(self, ranges: Sequence[tuple[int, int]], what: dict[str, object]) -> list[Log]:
        async def piece(these: Sequence[tuple[int, int]]) -> list[Log]:
            filters = [{"fromBlock": hex(first), "toBlock": hex(last), **what} for first, last in these]
            requests = [Request("eth_blockNumber"), *(Request("eth_getLogs", (each,)) for each in filters)]
            return await self.asked(requests, lambda endpoint, raw: logs_of(endpoint.name, these, raw))

        return await self._pieces(ranges, piece)

    def _narrow(self, error: TooMuch, size: int) -> None:
        if size <= 1:
            raise Refused(str(error))
        self._span = error.limit if error.limit and error.limit < size else size // 2

    async def _pieces(self, items: Sequence[T], piece: Callable[[Sequence[T]], Awaitable[list[Found]]]) -> list[Found]:
        """Do something for all items, several batches at a time, smaller ones where they are refused."""

        async def one(these: Sequence[T]) -> list[Found]:
            try:
                async with self._gate:
                    return await piece(these)
            except Divide as error:
                if len(these) == 1:
                    raise TooMuch(str(error)) from None
                half = len(these) // 2
                self._batch = max(1, min(self._batch, half))
                return [*await one(these[:half]), *await one(these[half:])]

        size = self._batch
        batches = [items[at : at + size] for at in range(0, len(items), size)]
        async with _Group() as group:
            tasks = [group.create_task(one(batch)) for batch in batches]
        return [found for task in tasks for found in task.result()]

    async def _one(self, request: Request, read: Callable[[msgspec.Raw], T]) -> T:
        return await self.asked([request], lambda _, raw: read(raw[0]))


Found = TypeVar("Found")


class _Group(asyncio.TaskGroup):
    """A group of tasks that fails with the first task's error alone."""

    async def __aexit__(self, *exc: object) -> None:
        try:
            await super().__aexit__(*exc)  # type: ignore[arg-type]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None


def _call(to: bytes, data: bytes, sender: bytes | None) -> dict[str, str]:
    made = {"to": to_hex(to), "data": to_hex(data)}
    return made if sender is None else {"from": to_hex(sender), **made}


def _ranges(first: int, last: int, span: int) -> list[tuple[int, int]]:
    return [(at, min(at + span - 1, last)) for at in range(first, last + 1, span)]
