"""The nonce book of a key: every transaction that may have left, on the disk before it does.

A transaction that may have left is never sent as another one: only its own bytes again, or one of the same nonce in its
place, of which one alone can be mined. What it is for gets another nonce only when its own was taken by another
transaction, or no node ever had it.

=========== =====================================================================
`intended`  written down; it may have left
`sent`      a node has taken it
`mined`     on the chain
`failed`    on the chain, reverted
`replaced`  another one of ours with its nonce is on the chain
`lost`      one that is not ours has its nonce, or no node ever took it
=========== =====================================================================
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from chrono import PermanentError
from chrono_flare_ftso.chain.accounts import Receipt
from chrono_flare_ftso.chain.fees import Fee
from chrono_flare_ftso.chain.transactions import Signed, Transaction
from chrono_flare_ftso.ledger import Ledger

INTENDED, SENT, MINED, FAILED, REPLACED, LOST = "intended", "sent", "mined", "failed", "replaced", "lost"
UNFINISHED = frozenset({INTENDED, SENT})
ON_CHAIN = frozenset({MINED, FAILED})

FOREIGN = 16
"""Transactions of another process that wait, at most; where a node has more it is taken to be wrong."""

_COLUMNS = "hash, nonce, label, round, raw, state, until, since, block, block_hash, gas_used, gas_price"
_MINE = "chain = ? AND sender = ?"
# what is void may be replaced by something else; what is not keeps its nonce, and what it is for keeps it
_WRITE = """
INSERT INTO transactions (chain, sender, hash, nonce, label, round, raw, state, until, since)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 'intended', ?8, ?9 WHERE NOT EXISTS (
    SELECT 1 FROM transactions WHERE chain = ?1 AND sender = ?2 AND (
        (nonce = ?4 AND state IN ('mined', 'failed'))
        OR (nonce = ?4 AND state IN ('intended', 'sent') AND until > ?10 AND NOT (label = ?5 AND round = ?6))
        OR (nonce <> ?4 AND state IN ('intended', 'sent', 'mined', 'failed') AND label = ?5 AND round = ?6)
    )
) ON CONFLICT (hash) DO UPDATE SET state = 'intended', until = excluded.until WHERE state = 'lost'
"""


@dataclass(frozen=True)
class Entry:
    """A transaction of the book.

    Parameters
    ----------
    hash : bytes
        32 bytes.
    nonce : int
        Of its sender.
    label, round
        What it is for; there is one transaction for both on the chain.
    raw : bytes
        Its bytes, as they are sent: fees, calldata and all.
    state : str
        See the module.
    until : int
        Nanoseconds; from then on it is void.
    since : int
        A block in which its nonce was not taken yet.
    block, block_hash, gas_used, gas_price
        Where it is on the chain, and what it used; None where it is not.
    """

    hash: bytes
    nonce: int
    label: str
    round: int
    raw: bytes
    state: str
    until: int
    since: int
    block: int | None = None
    block_hash: bytes | None = None
    gas_used: int | None = None
    gas_price: int | None = None

    @cached_property
    def transaction(self) -> Transaction:
        """What its bytes say."""
        return Signed.decode(self.raw).transaction

    @property
    def fee(self) -> Fee:
        """What it offers."""
        return Fee(self.transaction.max_priority_fee, self.transaction.max_fee)

    @property
    def what(self) -> str:
        """What it is for, in words."""
        return f"{self.label} of round {self.round}"


class Place(NamedTuple):
    """Where the next transaction goes.

    Parameters
    ----------
    nonce : int
        The lowest that nothing holds.
    outbid : Fee or None
        What is void, may wait in a pool, and has to be offered more than.
    """

    nonce: int
    outbid: Fee | None


class NonceBook:
    """The transactions of one key on one chain, in a ledger; any thread may use it, and several processes may.

    Parameters
    ----------
    ledger : Ledger
        Whose table `transactions` holds them.
    chain_id : int
        Which chain.
    address : bytes
        20 bytes, the key's.

    Notes
    -----
    Every method waits for the disk, and raises `PermanentError` where it does not serve.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from chrono_flare_ftso.protocol.signatures import Signature
    >>> raw = Transaction(14, 7, 1, 2, 21_000, bytes(20), b"").signed(Signature(27, bytes(32), bytes(32)))
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "flare.db") as ledger:
    ...     book = NonceBook(ledger, 14, bytes(20))
    ...     book.write(Entry(b"hash", 7, "submit1", 1005, raw, INTENDED, until=9, since=0), now=1)
    ...     [entry.state for entry in book.of("submit1", 1005)], book.place(7, 7, now=2).nonce
    True
    (['intended'], 8)
    """

    def __init__(self, ledger: Ledger, chain_id: int, address: bytes) -> None:
        self._ledger = ledger
        self.chain_id = chain_id
        self.address = address

    def write(self, entry: Entry, now: int) -> bool:
        """Write down a transaction that is about to leave.

        Returns
        -------
        bool
            False where it must not leave: something else holds its nonce, or what it is for has another one.
        """
        values = (entry.hash, entry.nonce, entry.label, entry.round, entry.raw, entry.until, entry.since, now)
        return bool(self._write("write down", _WRITE, self.chain_id, self.address, *values))

    def of(self, label: str, round: int) -> list[Entry]:
        """Return all that was written down for something, the first first."""
        return self._read(f"{_MINE} AND label = ? AND round = ?", label, round)

    def at(self, nonce: int) -> list[Entry]:
        """Return all of one nonce, the first first."""
        return self._read(f"{_MINE} AND nonce = ?", nonce)

    def of_round(self, round: int) -> list[Entry]:
        """Return all of a voting round that is on the chain, or may be."""
        return self._read(f"{_MINE} AND round = ? AND state NOT IN ('replaced', 'lost')", round)

    def unfinished(self) -> list[Entry]:
        """Return what is neither on the chain nor given up, by nonce."""
        return sorted(self._read(f"{_MINE} AND state IN ('intended', 'sent')"), key=lambda entry: entry.nonce)

    def mined_from(self, block: int) -> list[Entry]:
        """Return what is on the chain from a block on."""
        return self._read(f"{_MINE} AND state IN ('mined', 'failed') AND block >= ?", block)

    def place(self, latest: int, pending: int, now: int) -> Place:
        """Return where the next transaction goes.

        Parameters
        ----------
        latest, pending : int
            The next nonce by a node, without and with what waits in its pool.
        now : int
            Nanoseconds.

        Notes
        -----
        The lowest nonce that no transaction on the chain has, nor one of ours that counts still, nor one of another
        process that waits. What is void is replaced, rather than waited for. A pending nonce far from the latest one is
        not believed.
        """
        ours: dict[int, list[Entry]] = {}
        for entry in self.unfinished():
            ours.setdefault(entry.nonce, []).append(entry)
        nonce = max(latest, self._mined_next())
        pending = pending if pending <= nonce + len(ours) + FOREIGN else nonce
        while any(entry.until > now for entry in ours.get(nonce, ())) or (nonce < pending and nonce not in ours):
            nonce += 1
        void = [entry.fee for entry in ours.get(nonce, ())]
        outbid = Fee(max(fee.max_priority_fee for fee in void), max(fee.max_fee for fee in void)) if void else None
        return Place(nonce, outbid)

    def mark(self, hash: bytes, state: str) -> None:
        """Say what became of a transaction that is not on the chain, or no longer."""
        what = "state = ?, block = NULL, block_hash = NULL, gas_used = NULL, gas_price = NULL"
        self._write("mark", f"UPDATE transactions SET {what} WHERE hash = ?", state, hash)  # noqa: S608 - no input

    def sent(self, hash: bytes) -> None:
        """Say that a node has taken a transaction, unless more is known of it."""
        self._write("mark", "UPDATE transactions SET state = 'sent' WHERE hash = ? AND state = 'intended'", hash)

    def mined(self, nonce: int, receipt: Receipt) -> None:
        """Say which of the transactions of a nonce is on the chain; the others are not, and cannot be."""
        values = (receipt.hash, MINED if receipt.ok else FAILED, receipt.block, receipt.block_hash)
        self._write(
            "mark",
            """
            UPDATE transactions SET
                state = CASE WHEN hash = ?4 THEN ?5 WHEN state = 'lost' THEN 'lost' ELSE 'replaced' END,
                block = CASE WHEN hash = ?4 THEN ?6 END, block_hash = CASE WHEN hash = ?4 THEN ?7 END,
                gas_used = CASE WHEN hash = ?4 THEN ?8 END, gas_price = CASE WHEN hash = ?4 THEN ?9 END
            WHERE chain = ?1 AND sender = ?2 AND nonce = ?3
            """,
            *(self.chain_id, self.address, nonce, *values, receipt.gas_used, receipt.gas_price),
        )

    def prune(self, before: int) -> int:
        """Forget what is finished and was void before an instant, nanoseconds; return how many they were."""
        which = f"{_MINE} AND state NOT IN ('intended', 'sent') AND until < ?"
        # the last nonce is kept: the next one is counted from it
        last = f"hash <> COALESCE((SELECT hash FROM transactions WHERE {_MINE} ORDER BY nonce DESC LIMIT 1), x'')"  # noqa: S608 - no input
        values = (self.chain_id, self.address, before, self.chain_id, self.address)
        return self._write("forget", f"DELETE FROM transactions WHERE {which} AND {last}", *values)  # noqa: S608 - no input

    def _mined_next(self) -> int:
        which = f"{_MINE} AND state IN ('mined', 'failed') ORDER BY nonce DESC LIMIT 1"
        return next((int(nonce) + 1 for (nonce,) in self._rows(f"SELECT nonce FROM transactions WHERE {which}")), 0)  # noqa: S608 - no input

    def _read(self, which: str, *values: object) -> list[Entry]:
        rows = self._rows(f"SELECT {_COLUMNS} FROM transactions WHERE {which} ORDER BY rowid", *values)  # noqa: S608 - no input
        return [Entry(*row) for row in rows]

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._ledger.read(query, self.chain_id, self.address, *values)
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused("read", error) from None

    def _write(self, what: str, statement: str, *values: object) -> int:
        try:
            return self._ledger.write(statement, *values)
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused(what, error) from None

    def _refused(self, what: str, error: Exception) -> PermanentError:
        told = f"{self._ledger.path}: expected to {what} a transaction, was refused: {error}"
        return PermanentError(f"{told}; see to its rights and room")
