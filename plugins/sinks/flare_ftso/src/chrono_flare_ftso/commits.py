"""What was committed to: a random and a vector of votes, on the disk before anybody is told of the commit.

Who committed and does not reveal pays for it (30 times its share of the weight, and twenty rounds on the bench), so
the secret must outlive the process. There is one commit for a round and an address, however the address is spelled: the
reference keeps its secrets in memory, by the text of the address, and has another commit for another letter case
(flare-foundation/FTSO-Scaling 9e1e988, `apps/ftso-data-provider/src/ftso-data-provider.service.ts`; `fsp.md` §0.3,
§0.4 and §1.2; read 2026-11-23).
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from chrono import PermanentError
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash, encode_reveal
from chrono_flare_ftso.protocol.messages import PayloadMessage
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL

RANDOM_BYTES = 32

_FIND = "SELECT random, vector FROM commits WHERE round = ? AND address = ?"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, and what it will reveal.

    Parameters
    ----------
    round : int
        Voting round.
    address : bytes
        20 bytes, who sends both transactions.
    random : bytes
        32 bytes; in no repr.
    vector : bytes
        As `values.pack` returns it.

    Examples
    --------
    >>> commit = Commit(7, bytes(20), bytes(32), bytes.fromhex("8000007b"))
    >>> commit.submit1().hex()[:14], commit.submit2().hex()[:14], "random" in repr(commit)
    ('64000000070020', '64000000070024', False)
    """

    round: int
    address: bytes
    random: bytes = field(repr=False)
    vector: bytes

    def submit1(self) -> bytes:
        """Return the message that submit1 carries: head and hash, 39 bytes."""
        hashed = commit_hash(self.address, self.round, self.random, self.vector)
        return PayloadMessage(FTSO_PROTOCOL, self.round, hashed).encode()

    def submit2(self) -> bytes:
        """Return the message that submit2 carries: head, random and vector."""
        return PayloadMessage(FTSO_PROTOCOL, self.round, encode_reveal(self.random, self.vector)).encode()


class Commits:
    """The commits of a ledger; any thread may use it, and several processes may.

    Parameters
    ----------
    ledger : Ledger
        Whose table `commits` holds them.

    Notes
    -----
    Every method waits for the disk.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "flare.db") as ledger:
    ...     commits = Commits(ledger)
    ...     first = commits.make(7, bytes(20), bytes.fromhex("8000007b"), [])
    ...     commits.make(7, bytes(20), bytes.fromhex("80000000"), []) == first == commits.find(7, bytes(20))
    True
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def find(self, round: int, address: bytes) -> Commit | None:
        """Return what was committed to; None where nothing was.

        Raises
        ------
        PermanentError
            If it cannot be read.
        """
        try:
            rows = self._ledger.read(_FIND, round, address)
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused("read", round, error) from None
        return Commit(round, address, *rows[0]) if rows else None

    def make(self, round: int, address: bytes, vector: bytes, feeds: Sequence[bytes]) -> Commit:
        """Commit to a vector; return what was committed to before where something was.

        Parameters
        ----------
        round : int
            Voting round.
        address : bytes
            20 bytes.
        vector : bytes
            As `values.pack` returns it.
        feeds : sequence of bytes
            The canonical feed ids that it is a vector of, 21 bytes each.

        Raises
        ------
        PermanentError
            If it cannot be written down: nobody may be told of it.
        """
        told = ",".join(feed.hex() for feed in feeds)
        random = secrets.token_bytes(RANDOM_BYTES)
        try:
            self._ledger.write(
                "INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?)", round, address, random, vector, told
            )
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused("write", round, error) from None
        # what is there, whoever wrote it: only that may be told
        made = self.find(round, address)
        if made is None:
            raise self._refused("keep", round, LookupError("it is not there any more"))
        return made

    def prune(self, before: int) -> int:
        """Forget the commits of rounds before one; return how many they were.

        Raises
        ------
        PermanentError
            If they cannot be deleted.
        """
        try:
            return self._ledger.write("DELETE FROM commits WHERE round < ?", before)
        except sqlite3.Error as error:
            raise self._refused("forget", before, error) from None

    def _refused(self, what: str, round: int, error: Exception) -> PermanentError:
        told = f"{self._ledger.path}: expected to {what} the commit of round {round}, was refused: {error}"
        return PermanentError(f"{told}; see to its rights and room")
