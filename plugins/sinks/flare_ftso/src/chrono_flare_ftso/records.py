"""What became of a provider's rounds, in its ledger: what was done, what was voted and where that lay, what it cost.

A record is written when a round is over, replaces an earlier one of the same round, and outlives the process. The last
`KEPT` rounds are kept. They are tables of the ledger, `rounds`, `sends` and `votes`, so that any tool for SQLite reads
them, too.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from chrono import PermanentError
from chrono_flare_ftso.ledger import Ledger

KEPT = 20_000
"""Rounds that are kept: three weeks of rounds of 90 s, some 100 MB with 63 feeds."""

State = Literal["ok", "late", "early", "missing", "unsent", "idle"]
"""What became of a step: on the chain in time, after it or before it, not at all; nothing is sent in `shadow`, and
nothing is owed by who is not registered."""

_PRUNED_EVERY = 200
_AT_ONCE = 100
"""Rows of one statement, which may have no more than 32,766 values."""


class Sent(NamedTuple):
    """A transaction of ours that is on the chain.

    Attributes
    ----------
    label : str
        ``submit1``, ``submit2``, ``submitSignatures`` or ``relay``.
    hash : bytes
        32 bytes.
    state : str
        ``mined``, or ``failed`` where it was reverted.
    block : int or None
        The number of its block.
    cost : float or None
        What it cost, in the network's coin.
    refunded : bool
        Whether that is after the refund.
    """

    label: str
    hash: bytes
    state: str
    block: int | None
    cost: float | None
    refunded: bool


class Vote(NamedTuple):
    """What was voted on a feed and what it came to; whole numbers at `decimals`.

    Attributes
    ----------
    feed : str
        Its name on the chain, or its id where that is no name.
    decimals : int
        Of the numbers that follow.
    vote, median, quartile1, quartile3 : int or None
        None where there is none.
    primary : bool or None
        Whether the vote counted and lies between the quartiles; on an edge the coin of the protocol says. None where
        they are not known.
    secondary : bool or None
        Whether it counted and lies in the feed's own band around the median.
    hit : bool
        Whether it counted and is within 0.5 % of the median, edges included, as the minimal condition wants it.
    """

    feed: str
    decimals: int
    vote: int | None
    median: int | None
    quartile1: int | None
    quartile3: int | None
    primary: bool | None
    secondary: bool | None
    hit: bool

    @property
    def distance_bp(self) -> float | None:
        """How far the vote is from the median, in 1/10000 of it; None where one of them is missing.

        Examples
        --------
        >>> Vote("BTC/USD", 2, 6_700_670, 6_700_000, None, None, None, None, True).distance_bp
        1.0
        """
        return 1e4 * (self.vote - self.median) / abs(self.median) if self.vote is not None and self.median else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What became of one round.

    Attributes
    ----------
    round, epoch : int
        The voting round, and its reward epoch.
    written : int
        When it was written down, nanoseconds.
    shadow : bool
        Whether nothing was sent.
    commit, reveal, signature : str
        What became of each; see `State`.
    offence : bool
        Whether it was committed to and not revealed in time, or revealed otherwise: that is punished.
    mismatch : bool
        Whether what was signed is not what was finalised.
    grace_missed : bool
        Whether it was signed so late that it earned nothing for it.
    finalised : str
        ``us``, ``others``, ``nobody``, or empty where that could not be asked.
    relay, relay_block
        Hash and block of the transaction that finalised it, None where they are not known.
    reason : str
        Why there is no result, or nothing was committed to; empty where there is one.
    coin_usd : float or None
        What the network's coin was worth in the round, in US dollars.
    share : float or None
        Which part of the rewards for accuracy the votes earn, on average over the feeds, one of which is drawn; for
        `shadow` as if they had been sent. None where it is not known.
    earned : float or None
        What that comes to, in the network's coin, before it is split with delegators: an estimate.
    sent : sequence of Sent
        By label.
    votes : sequence of Vote
        In the order of the chain.
    """

    round: int
    epoch: int
    written: int
    shadow: bool
    commit: State
    reveal: State
    signature: State
    offence: bool = False
    mismatch: bool = False
    grace_missed: bool = False
    finalised: str = ""
    relay: bytes | None = None
    relay_block: int | None = None
    reason: str = ""
    coin_usd: float | None = None
    share: float | None = None
    earned: float | None = None
    sent: Sequence[Sent] = ()
    votes: Sequence[Vote] = ()

    @property
    def cost(self) -> float:
        """What all of its transactions cost, in the network's coin."""
        return sum(each.cost or 0.0 for each in self.sent)

    @property
    def missed(self) -> bool:
        """Whether it should have been voted in, and was not."""
        return "idle" not in {self.commit, self.reveal} and not self.shadow and self.reveal != "ok"


_FIELDS = (
    "round, epoch, written, shadow, commit_state, reveal_state, signature_state, offence, mismatch, grace_missed, "
    "finalised, relay, relay_block, reason, coin_usd, share, earned"
)
_NAMES = (
    *("round", "epoch", "written", "shadow", "commit", "reveal", "signature", "offence", "mismatch", "grace_missed"),
    *("finalised", "relay", "relay_block", "reason", "coin_usd", "share", "earned"),
)
_FLAGS = frozenset({"shadow", "offence", "mismatch", "grace_missed"})


class Records:
    """The records of a ledger; any thread may use it.

    Parameters
    ----------
    ledger : Ledger
        Whose tables `rounds`, `sends` and `votes` hold them.

    Notes
    -----
    Every method waits for the disk, and raises `PermanentError` where it does not serve.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> seven = Record(round=7, epoch=1, written=0, shadow=False, commit="ok", reveal="ok", signature="late")
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "flare.db") as ledger:
    ...     Records(ledger).write(seven)
    ...     Records(ledger).last(1) == [seven]
    True
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._written = 0

    def write(self, record: Record) -> None:
        """Write a record down, in place of an earlier one of the same round."""
        number = record.round
        try:
            for table in ("rounds", "sends", "votes"):
                self._ledger.write(f"DELETE FROM {table} WHERE round = ?", number)  # noqa: S608 - our own words
            self._insert("sends", [(number, *each) for each in record.sent])
            self._insert("votes", [(number, *each) for each in record.votes])
            # last: a round that is there is there whole
            self._insert("rounds", [tuple(getattr(record, name) for name in _NAMES)])
            self._written += 1
            if self._written % _PRUNED_EVERY == 1:
                self.prune(number - KEPT)
        except (sqlite3.Error, OverflowError) as error:
            told = f"{self._ledger.path}: expected to write what became of round {number}, was refused: {error}"
            raise PermanentError(f"{told}; see to its rights and room") from None

    def last(self, most: int, since: int = 0) -> list[Record]:
        """Return the newest records, the first first.

        Parameters
        ----------
        most : int
            How many, at most.
        since : int
            The first round that counts.
        """
        try:
            rows = self._ledger.read(
                f"SELECT {_FIELDS} FROM rounds WHERE round >= ? ORDER BY round DESC LIMIT ?",  # noqa: S608 - our own words
                since,
                most,
            )
            first = rows[-1][0] if rows else 0
            sent: defaultdict[int, list[Sent]] = defaultdict(list)
            query = "SELECT round, label, hash, state, block, cost, refunded FROM sends WHERE round >= ? ORDER BY rowid"
            for number, label, hash, state, block, cost, refunded in self._ledger.read(query, first):
                sent[number].append(Sent(label, hash, state, block, cost, bool(refunded)))
            votes: defaultdict[int, list[Vote]] = defaultdict(list)
            for row in self._ledger.read("SELECT * FROM votes WHERE round >= ? ORDER BY rowid", first):
                votes[row[0]].append(Vote._make((*row[1:7], _flag(row[7]), _flag(row[8]), bool(row[9]))))
        except sqlite3.Error as error:
            told = f"{self._ledger.path}: expected to read what became of rounds, was refused: {error}"
            raise PermanentError(f"{told}; see whether the file is damaged") from None
        return [_record(row, sent[row[0]], votes[row[0]]) for row in reversed(rows)]

    def prune(self, before: int) -> int:
        """Forget the records of rounds before one; return how many they were."""
        for table in ("sends", "votes"):
            self._ledger.write(f"DELETE FROM {table} WHERE round < ?", before)  # noqa: S608 - our own words
        return self._ledger.write("DELETE FROM rounds WHERE round < ?", before)

    def _insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        for at in range(0, len(rows), _AT_ONCE):
            these = rows[at : at + _AT_ONCE]
            places = ",".join([f"({','.join('?' * len(these[0]))})"] * len(these))
            self._ledger.write(f"INSERT INTO {table} VALUES {places}", *_flat(these))  # noqa: S608 - our own words


def _flat(rows: Iterable[Iterable[Any]]) -> list[Any]:
    return [int(value) if isinstance(value, bool) else value for row in rows for value in row]


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _record(row: Sequence[Any], sent: Sequence[Sent], votes: Sequence[Vote]) -> Record:
    values: dict[str, Any] = {
        name: bool(value) if name in _FLAGS else value for name, value in zip(_NAMES, row, strict=True)
    }
    return Record(**values, sent=tuple(sent), votes=tuple(votes))
