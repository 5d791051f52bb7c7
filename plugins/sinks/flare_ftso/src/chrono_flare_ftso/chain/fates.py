"""What became of transactions: looked up by their hashes, and again until no reorganisation is to be expected."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from chrono import TransientError
from chrono_flare_ftso.chain.blocks import DEPTH
from chrono_flare_ftso.chain.choosing import Tell
from chrono_flare_ftso.chain.nonces import FAILED, LOST, MINED, SENT, UNFINISHED, Entry, NonceBook
from chrono_flare_ftso.chain.rpc import Node

LONGEST_SEARCH = 1000
"""Blocks that are searched for a transaction which is not ours, at most."""


class Fates:
    """Finds out what became of the transactions of a nonce book.

    Parameters
    ----------
    node : Node
        Who is asked; entered.
    book : NonceBook
        Where it is written down.
    tell : callable
        Told a code and a sentence of what is out of the ordinary.
    """

    def __init__(self, node: Node, book: NonceBook, tell: Tell) -> None:
        self._node = node
        self._book = book
        self._tell = tell

    async def look(self, nonce: int) -> Entry | None:
        """Return which of our transactions of a nonce is on the chain; None where none is.

        Raises
        ------
        TransientError
            If no node answers.
        """
        for entry in reversed(await asyncio.to_thread(self._book.at, nonce)):
            # one that no node took may have been taken all the same
            receipt = await self._node.receipt(entry.hash)
            if receipt is not None:
                await asyncio.to_thread(self._book.mined, nonce, receipt)
                return replace(
                    entry,
                    state=MINED if receipt.ok else FAILED,
                    block=receipt.block,
                    block_hash=receipt.block_hash,
                    gas_used=receipt.gas_used,
                    gas_price=receipt.gas_price,
                )
        return None

    async def taken(self, entry: Entry, head: int) -> bool:
        """Say whether a transaction that is not ours has the nonce of one of ours, because it is seen in a block.

        Parameters
        ----------
        entry : Entry
            One of ours.
        head : int
            The last block.

        Notes
        -----
        That the nonce is used up and nobody has a receipt is no proof: the node that says the one may be another than
        the node that says the other. Without proof nothing else is sent.
        """
        if head - entry.since >= LONGEST_SEARCH:
            return False
        ours = {each.hash for each in await asyncio.to_thread(self._book.at, entry.nonce)}
        sent = await self._node.sent_by(self._book.address, entry.since, head)
        return any(each.nonce == entry.nonce and each.hash not in ours for each in sent)

    async def lose(self, nonce: int) -> None:
        """Give up what is unfinished of a nonce."""
        for entry in await asyncio.to_thread(self._book.at, nonce):
            if entry.state in UNFINISHED:
                await asyncio.to_thread(self._book.mark, entry.hash, LOST)

    async def watch_depth(self, head: int, depth: int = DEPTH) -> list[Entry]:
        """Look again at the blocks of what was mined last, and return what is on no block any more.

        Parameters
        ----------
        head : int
            The last block.
        depth : int
            How many blocks back.
        """
        fallen = []
        for entry in await asyncio.to_thread(self._book.mined_from, head - depth + 1):
            if entry.block is None or await self._stands(entry.block, entry.block_hash):
                continue
            try:
                found = await self.look(entry.nonce)
            except TransientError:
                # not known now; looked at again
                continue
            if found is None:
                await asyncio.to_thread(self._book.mark, entry.hash, SENT)
                fallen.append(entry)
                told = f"{entry.what}: block {entry.block} is replaced, and the transaction is on no other"
                self._tell("reorganised", f"{told}; the same one is sent again while it counts")
            elif found.hash != entry.hash or found.block_hash != entry.block_hash:
                self._tell("reorganised", f"{entry.what}: moved from block {entry.block} to block {found.block}")
        return fallen

    async def _stands(self, number: int, hash: bytes | None) -> bool:
        try:
            return (await self._node.block(number)).hash == hash
        except TransientError:
            # a chain may be shorter for a while
            return False
