"""Logs of some contracts over a long range of blocks: each block is read once, and kept over a restart.

Nodes that answer for few blocks at a time make a long range slow, so what was read is written to the ledger piece by
piece, and the next start goes on from there. Blocks that could still be replaced are read again each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from chrono_flare_ftso.chain.answers import Block, Log
from chrono_flare_ftso.chain.blocks import DEPTH
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.keccak import keccak256

_KEPT_EVERY = 2000


@dataclass(frozen=True, slots=True)
class Stamped:
    """A log, and the timestamp of its block, unix seconds."""

    log: Log
    timestamp: int


class LogNode(Protocol):
    """Where logs are asked for, such as a `Node`."""

    @property
    def reach(self) -> int: ...
    async def block(self, number: int, *, to: bytes | None = None) -> Block: ...
    async def blocks(self, numbers: Sequence[int], *, to: bytes | None = None) -> list[Block]: ...
    async def logs(self, first: int, last: int, addresses: Sequence[bytes], topics: Sequence[bytes]) -> list[Log]: ...


class LogBook:
    """The logs of some contracts from one block on.

    Parameters
    ----------
    node : LogNode
        Such as a `Node`.
    chain_id : int
        Whose chain, for the ledger.
    addresses, topics : sequence of bytes
        Which contracts, and which first topics.
    ledger : Ledger, optional
        Where what was read is kept; nowhere without it.
    """

    def __init__(
        self,
        node: LogNode,
        chain_id: int,
        addresses: Sequence[bytes],
        topics: Sequence[bytes],
        ledger: Ledger | None = None,
    ) -> None:
        self._node = node
        self._addresses, self._topics = sorted(addresses), sorted(topics)
        self._key = (chain_id, keccak256(b"".join([*self._addresses, *self._topics])))
        self._ledger = ledger
        self._first = self._final = -1
        self._kept = -1
        self._logs: list[Stamped] = []
        self._tail: list[Stamped] = []

    @property
    def logs(self) -> list[Stamped]:
        """All that were read, in the order of the chain."""
        return [*self._logs, *self._tail]

    async def restore(self, head: Block) -> None:
        """Take up what an earlier run read, if it is of this chain."""
        if self._ledger is None:
            return
        query = "SELECT first, last, hash, logs FROM chain_logs WHERE chain = ? AND contracts = ? ORDER BY first DESC"
        try:
            found = await asyncio.to_thread(self._ledger.read, query, *self._key)
            rows = [(first, last, hash_, _decoded(logs)) for first, last, hash_, logs in found]
        except (sqlite3.Error, msgspec.DecodeError):
            return
        if not rows:
            return
        _, last, hash_, _ = rows[0]
        if last > head.number or (await self._node.block(last)).hash != hash_:
            await self._write("DELETE FROM chain_logs WHERE chain = ?", self._key[0])
            return
        self._final = self._kept = last
        self._first = last + 1
        for first, last, _, logs in rows:
            if last + 1 < self._first:
                break
            self._first = min(first, self._first)
            self._logs = [*logs, *self._logs]

    async def read(self, first: int, head: Block, told: Callable[[int, int], None]) -> None:
        """Read from a block up to a head; what was read is not read again.

        Parameters
        ----------
        first : int
            A number of a block.
        head : Block
            The last block there is.
        told : callable
            Told how many blocks are read, of how many, after each piece.

        Raises
        ------
        TransientError
            If a piece cannot be had; what was read before it stays.
        """
        if self._first < 0 or first > self._final + 1:
            self._first, self._final, self._kept, self._logs = first, first - 1, first - 1, []
        final = max(head.number - DEPTH, self._final)
        missing = max(self._first - first, 0) + final - self._final
        wanted = missing
        while self._first > first:
            begin = max(first, self._first - self._node.reach)
            logs = await self._stamped(begin, self._first - 1)
            await self._keep(begin, self._first - 1, logs)
            missing -= self._first - begin
            self._first, self._logs = begin, [*logs, *self._logs]
            told(wanted - missing, wanted)
        while self._final < final - DEPTH:
            end = min(final, self._final + self._node.reach)
            await self._extend(end, await self._stamped(self._final + 1, end))
            missing -= end - self._final
            told(wanted - missing, wanted)
        new = await self._stamped(self._final + 1, head.number) if head.number > self._final else []
        self._tail = [each for each in new if each.log.block > final]
        await self._extend(final, [each for each in new if each.log.block <= final])

    async def forget(self, before: int) -> None:
        """Let go of what is before a block."""
        if self._first < before <= self._final:
            self._first = before
            self._logs = [each for each in self._logs if each.log.block >= before]
            await self._write(
                "DELETE FROM chain_logs WHERE chain = ? AND (last < ? OR contracts <> ?)",
                self._key[0],
                before,
                self._key[1],
            )

    async def _extend(self, end: int, logs: Sequence[Stamped]) -> None:
        self._logs += logs
        self._final = end
        if end - self._kept >= _KEPT_EVERY:
            begin = self._kept + 1
            await self._keep(begin, end, [each for each in self._logs if each.log.block >= begin])
            self._kept = end

    async def _stamped(self, first: int, last: int) -> list[Stamped]:
        logs = await self._node.logs(first, last, self._addresses, self._topics)
        numbers = sorted({log.block for log in logs})
        stamps = {block.number: block.timestamp for block in await self._node.blocks(numbers)}
        return [Stamped(log, stamps[log.block]) for log in logs]

    async def _keep(self, first: int, last: int, logs: Sequence[Stamped]) -> None:
        if self._ledger is not None:
            hash_ = (await self._node.block(last)).hash
            row = (*self._key, first, last, hash_, msgspec.json.encode(logs).decode())
            await self._write("INSERT OR REPLACE INTO chain_logs VALUES (?, ?, ?, ?, ?, ?)", *row)

    async def _write(self, statement: str, *values: object) -> None:
        # what cannot be kept is read again after a restart
        with contextlib.suppress(sqlite3.Error):
            if self._ledger is not None:
                await asyncio.to_thread(self._ledger.write, statement, *values)


def _decoded(text: str) -> list[Stamped]:
    return msgspec.json.decode(text, type=list[Stamped])
