"""Blocks as they come: what was sent to Submission, and which of it no longer counts after a reorganisation.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/IndexerClient.ts` (ranges by timestamp, both ends
included, failed transactions too), read 2026-11-23.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.protocol.epochs import BENCHING_ROUNDS, Timing, round_start, voting_round
from chrono_flare_ftso.protocol.rounds import Transaction

DEPTH = 12
"""Blocks that a reorganisation may replace; after a deeper one everything is read anew."""

HELD_ROUNDS = BENCHING_ROUNDS + 2
"""Rounds before the present one whose transactions are held: the round that is priced, and its benching window."""

HELD_BYTES = 256 * 2**20
"""Calldata that is held at most; beyond, the oldest blocks are let go, and their rounds are no longer complete."""

_PIECE = 80


class Headers(Protocol):
    """Where heads of blocks are asked for, such as a `Node`."""

    async def block(self, number: int, *, to: bytes | None = None) -> Block: ...
    async def blocks(self, numbers: Sequence[int], *, to: bytes | None = None) -> list[Block]: ...


async def first_block_at(node: Headers, second: int, head: Block) -> int:
    """Return the number of the first block whose timestamp is a second or later.

    Parameters
    ----------
    node : Headers
        Such as a `Node`.
    second : int
        Unix seconds.
    head : Block
        The last block there is.

    Returns
    -------
    int
        One more than the head's where none is so late.

    Notes
    -----
    It goes back as if a block took a second, four times as far where that is not enough, then interpolates between the
    blocks it knows, and halves where that did not shrink the interval much. With blocks at a steady pace that is three
    to six requests, never more than twice the binary logarithm of the interval.
    """
    if second > head.timestamp:
        return head.number + 1
    first, high = await _around(node, second, head)
    if first.timestamp >= second:
        return first.number
    halve = False
    # first.timestamp < second <= high.timestamp
    while (width := high.number - first.number) > 1:
        share = width * (second - first.timestamp) // (high.timestamp - first.timestamp)
        at = first.number + (width // 2 if halve else share)
        block = await node.block(min(max(at, first.number + 1), high.number - 1))
        if block.timestamp < second:
            first = block
        else:
            high = block
        halve = not halve and high.number - first.number > width // 4
    return high.number


async def _around(node: Headers, second: int, head: Block) -> tuple[Block, Block]:
    """Return a block before a second, or the first there is, and one that is not before it."""
    high, back = head, head.timestamp - second + 1
    while True:
        block = await node.block(max(head.number - back, 0))
        if block.timestamp < second or not block.number:
            return block, high
        high, back = block, 4 * back


class Blocks:
    """What was sent to Submission, block after block, from some rounds ago to now.

    Parameters
    ----------
    node : Node
        Who is asked.
    timing : Timing
        Such as a `Network`.
    submission : bytes
        The contract's address.
    tell : callable
        Told a code and a sentence of what is out of the ordinary.

    Attributes
    ----------
    since : int or None
        The first second from which everything is held; None while nothing is.
    """

    def __init__(self, node: Headers, timing: Timing, submission: bytes, tell: Callable[[str, str], None]) -> None:
        self._node = node
        self._timing = timing
        self._submission = submission
        self._tell = tell
        self._held: deque[Block] = deque()
        self._bytes = 0
        self.since: int | None = None

    @property
    def last(self) -> Block | None:
        """The last block that was read, and everything before it since `since`."""
        return self._held[-1] if self._held else None

    def transactions(self, first: int, last: int) -> list[Transaction]:
        """Return what was sent from one second to another, both included, in the order of the chain."""
        return [sent for block in self._held if first <= block.timestamp <= last for sent in block.transactions]

    async def advance(self, head: Block) -> bool:
        """Read on towards a head, one piece; return whether there is more to read at once.

        Raises
        ------
        TransientError
            If a block cannot be had: nothing after it is read before it.
        """
        if self.last is not None and self._lost(head):
            self._tell("gap", "what was read last is not what is needed now; everything is read anew")
            self._forget()
        if self.last is None:
            first = await self._first(head)
        elif head.number <= self.last.number:
            return self._at(head.number) != head.hash and await self._rejoin(head)
        else:
            first = self.last.number + 1
        piece = await self._node.blocks(range(first, min(head.number, first + _PIECE - 1) + 1), to=self._submission)
        for block in piece:
            if self.last is not None and block.parent != self.last.hash:
                return block.number > first or await self._rejoin(head)
            self._hold(block)
        self._let_go(head)
        return bool(piece) and piece[-1].number < head.number

    def _needed(self, head: Block) -> int:
        return round_start(self._timing, voting_round(self._timing, head.timestamp) - HELD_ROUNDS)

    def _lost(self, head: Block) -> bool:
        return self._held[-1].timestamp < self._needed(head) or head.number < self._held[0].number

    async def _first(self, head: Block) -> int:
        """Return the first block to read, when nothing was read so far."""
        self.since = self._needed(head)
        return await first_block_at(self._node, self.since, head)

    async def _rejoin(self, head: Block) -> bool:
        """Let go of blocks that are no longer on the chain; return whether there were any."""
        last = self._held[-1].number
        reach = range(max(last - DEPTH, self._held[0].number), min(last, head.number) + 1)
        same = [block.number for block in await self._node.blocks(reach) if block.hash == self._at(block.number)]
        if not same:
            self._tell("reorganised", f"more than {DEPTH} blocks were replaced; everything is read anew")
            self._forget()
            return True
        if max(same) == last:
            # it was another node that answered
            return False
        while self._held[-1].number > max(same):
            self._bytes -= _size(self._held.pop())
        told = f"the last {last - max(same)} blocks, from {max(same) + 1} on, were replaced"
        self._tell("reorganised", f"{told}; they are read anew")
        return True

    def _at(self, number: int) -> bytes | None:
        """Return the hash of a block that is held."""
        place = number - self._held[0].number
        return self._held[place].hash if 0 <= place < len(self._held) else None

    def _hold(self, block: Block) -> None:
        self._held.append(block)
        self._bytes += _size(block)

    def _let_go(self, head: Block) -> None:
        """Let go of the oldest blocks, those that are not needed, or too much to hold."""
        needed = self._needed(head)
        while len(self._held) > DEPTH + 1 and (self._held[0].timestamp < needed or self._bytes > HELD_BYTES):
            if self._bytes > HELD_BYTES:
                self._tell("too_much", f"more than {HELD_BYTES} bytes were sent to Submission; the oldest are let go")
            gone = self._held.popleft()
            self._bytes -= _size(gone)
            self.since = max(self.since or 0, gone.timestamp + 1)

    def _forget(self) -> None:
        self._held.clear()
        self._bytes = 0
        self.since = None


def _size(block: Block) -> int:
    return sum(len(sent.calldata) for sent in block.transactions)
