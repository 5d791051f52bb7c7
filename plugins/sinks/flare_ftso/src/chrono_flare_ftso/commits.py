"""What was committed to: a random and a vector of votes, on the disk before anybody is told of the commit.

Who committed and does not reveal pays for it (30 times its share of the weight, and twenty rounds on the bench), so
the secret must outlive the process. There is one commit for a round and an address, however the address is spelled: the
reference keeps its secrets in memory, by the text of the address, and has another commit for another letter case
(flare-foundation/FTSO-Scaling 9e1e988, `apps/ftso-data-provider/src/ftso-data-provider.service.ts`; `fsp.md` §0.3,
§0.4 and §1.2; read 2026-11-23). Until it is revealed it is a secret of its owner's: it is sealed where it is kept.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chrono import PermanentError
from chrono_flare_ftso.lease import Fenced, Lease
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash, encode_reveal
from chrono_flare_ftso.protocol.messages import PayloadMessage
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.sealing import Seal, Unsealed

RANDOM_BYTES = 32

_FIND = "SELECT hash, sealed FROM commits WHERE round = ? AND address = ?"
_NEWEST = "SELECT round, address, hash, sealed FROM commits ORDER BY round DESC LIMIT 1"
# what an older version wrote down unsealed is never written again, only read, and forgotten with time
_FIND_PLAIN = "SELECT random, vector FROM plain_commits WHERE round = ? AND address = ?"
_MAKE = """
INSERT OR IGNORE INTO commits SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE ?6 >= (SELECT token FROM fence) AND NOT EXISTS (SELECT 1 FROM plain_commits WHERE round = ?1 AND address = ?2)
"""
_ROUNDS = "SELECT round FROM commits WHERE round >= ?1 UNION SELECT round FROM plain_commits WHERE round >= ?1"
_CLOSE = "UPDATE fence SET token = ?1 WHERE token <= ?1"
_TABLES = ("commits", "plain_commits")


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

    @property
    def hash(self) -> bytes:
        """32 bytes, which bind to both."""
        return commit_hash(self.address, self.round, self.random, self.vector)

    def submit1(self) -> bytes:
        """Return the message that submit1 carries: head and hash, 39 bytes."""
        return PayloadMessage(FTSO_PROTOCOL, self.round, self.hash).encode()

    def submit2(self) -> bytes:
        """Return the message that submit2 carries: head, random and vector."""
        return PayloadMessage(FTSO_PROTOCOL, self.round, encode_reveal(self.random, self.vector)).encode()

    def sealed(self, seal: Seal) -> bytes:
        """Return random and vector, sealed for their round and address."""
        return seal.close(self.random + self.vector, _place(self.round, self.address))

    @classmethod
    def opened(cls, seal: Seal, where: object, round: int, address: bytes, hash: bytes, sealed: bytes) -> Commit:
        """Return what was sealed, held against the hash that was told.

        Parameters
        ----------
        seal : Seal
            What it was sealed with.
        where : object
            Where it was read, for the error.
        round : int
            Voting round.
        address : bytes
            20 bytes.
        hash : bytes
            32 bytes, what submit1 carried.
        sealed : bytes
            As `sealed` returned it.

        Raises
        ------
        PermanentError
            If it does not open, or is not what was committed to: a wrong reveal costs more than none.
        """
        try:
            plain = seal.open(sealed, _place(round, address))
        except Unsealed:
            told = f"{where}: expected the commit of round {round} to open, was sealed with another secret, or damaged"
            raise PermanentError(f"{told}; give the secret that it was made with, or name another place") from None
        commit = cls(round, address, plain[:RANDOM_BYTES], plain[RANDOM_BYTES:])
        if commit.hash != hash:
            told = f"{where}: expected the commit of round {round} to have the hash {hash.hex()}, was another"
            raise PermanentError(f"{told}; it is damaged, restore it")
        return commit


class CommitStore(Protocol):
    """Where commits are kept; every method waits for the disk or the server, so call it in a thread."""

    def check(self) -> None:
        """Refuse a secret that is not the one that they were sealed with; raise `PermanentError`."""
        ...

    def find(self, round: int, address: bytes) -> Commit | None:
        """Return what was committed to; None where nothing was."""
        ...

    def make(self, round: int, address: bytes, vector: bytes, feeds: Sequence[bytes]) -> Commit:
        """Commit to a vector; return what was committed to before where something was."""
        ...

    def rounds(self, since: int) -> list[int]:
        """Return the rounds from one on that were committed to, the first first."""
        ...

    def prune(self, before: int) -> int:
        """Forget the commits of rounds before one; return how many they were."""
        ...


class Commits:
    """The commits of a ledger; any thread may use it, and several processes may.

    Parameters
    ----------
    ledger : Ledger
        Whose table `commits` holds them.
    seal : Seal, optional
        What they are encrypted with; by default with the key in a file beside the ledger, made where there is none.
    lease : Lease, optional
        Without which nothing is written; for several processes that are one provider.

    Raises
    ------
    PermanentError
        If its commits were sealed with another secret, or there is none.

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

    def __init__(self, ledger: Ledger, seal: Seal | None = None, lease: Lease | None = None) -> None:
        self._ledger = ledger
        self._lease = lease
        # a key that is gone is not replaced in silence: what was committed to could not be revealed
        self._seal = seal or Seal.beside(ledger.path, make=not self._newest())
        self.check()
        if lease is not None:
            lease.at_grant(self.close)

    def check(self) -> None:
        """Refuse a secret that is not the one that the commits were sealed with, before one is needed.

        Raises
        ------
        PermanentError
            If the newest commit does not open, or cannot be read.
        """
        for row in self._newest():
            Commit.opened(self._seal, self._ledger.path, *row)

    def _newest(self) -> list[Any]:
        try:
            return self._ledger.read(_NEWEST)
        except sqlite3.Error as error:
            raise self._refused("read the commits", error) from None

    def find(self, round: int, address: bytes) -> Commit | None:
        """Return what was committed to; None where nothing was.

        Raises
        ------
        PermanentError
            If it cannot be read, or is not what was committed to.
        """
        try:
            for hashed, sealed in self._ledger.read(_FIND, round, address):
                return Commit.opened(self._seal, self._ledger.path, round, address, hashed, sealed)
            rows = self._ledger.read(_FIND_PLAIN, round, address)
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused(f"read the commit of round {round}", error) from None
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
        Fenced
            If there is none, and the lease is not ours.
        PermanentError
            If it cannot be written down: nobody may be told of it.
        """
        told = ",".join(feed.hex() for feed in feeds)
        commit = Commit(round, address, secrets.token_bytes(RANDOM_BYTES), vector)
        token = self._lease.token if self._lease is not None else 0
        try:
            if self._lease is None or self._lease.held:
                self._ledger.write(_MAKE, round, address, commit.hash, commit.sealed(self._seal), told, token)
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused(f"write the commit of round {round}", error) from None
        # what is there, whoever wrote it: only that may be told
        made = self.find(round, address)
        if made is None:
            raise self._unmade(round, token)
        return made

    def rounds(self, since: int) -> list[int]:
        """Return the rounds from one on that were committed to, the first first.

        Raises
        ------
        PermanentError
            If they cannot be read.
        """
        try:
            return sorted(round for (round,) in self._ledger.read(_ROUNDS, since))
        except sqlite3.Error as error:
            raise self._refused("read the commits", error) from None

    def prune(self, before: int) -> int:
        """Forget the commits of rounds before one; return how many they were, none where the lease is not ours.

        Raises
        ------
        PermanentError
            If they cannot be deleted.
        """
        if self._lease is not None and not self._lease.held:
            return 0
        token = self._lease.token if self._lease is not None else 0
        forget = "DELETE FROM {} WHERE round < ? AND ? >= (SELECT token FROM fence)"
        try:
            return sum(self._ledger.write(forget.format(table), before, token) for table in _TABLES)
        except sqlite3.Error as error:
            raise self._refused(f"forget the commits before round {before}", error) from None

    def close(self, token: int) -> None:
        """Let nobody write any more who has an older token than this one.

        Raises
        ------
        Fenced
            If somebody has a newer one.
        PermanentError
            If that cannot be written down.
        """
        try:
            closed = self._ledger.write(_CLOSE, token)
        except (sqlite3.Error, OverflowError) as error:
            raise self._refused("close itself to older grants", error) from None
        if not closed:
            raise self._fenced(token)

    def _unmade(self, round: int, token: int) -> PermanentError:
        if self._lease is not None and not self._lease.held:
            told = f"lease {self._lease.name}: expected to hold it, was not ours"
            return Fenced(f"{told}; nothing is committed to in round {round}, this one stands by")
        if token < self._newest_token():
            return self._fenced(token)
        return self._refused(f"keep the commit of round {round}", LookupError("it is not there any more"))

    def _fenced(self, token: int) -> Fenced:
        told = f"{self._ledger.path}: expected a grant from {self._newest_token()} on, was grant {token}"
        if self._lease is None:
            return Fenced(f"{told}; another process has it under a lease: give this one the same lease")
        return Fenced(f"{told}; another may act now, or its lease is not the one that this ledger was used with")

    def _newest_token(self) -> int:
        try:
            return int(self._ledger.read("SELECT token FROM fence")[0][0])
        except sqlite3.Error as error:
            raise self._refused("read which grant is the newest", error) from None

    def _refused(self, what: str, error: Exception) -> PermanentError:
        told = f"{self._ledger.path}: expected to {what}, was refused: {error}"
        return PermanentError(f"{told}; see to its rights and room")


def _place(round: int, address: bytes) -> bytes:
    return round.to_bytes(8, "big") + address
