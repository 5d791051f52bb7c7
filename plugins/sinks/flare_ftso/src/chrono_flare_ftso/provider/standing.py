"""Several machines for one identity: which of them acts, and where all of them find what was committed to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from chrono_flare_ftso.chain.watching import Chain
from chrono_flare_ftso.commits import Commits, CommitStore
from chrono_flare_ftso.lease import Renewed
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.messages import Call, parse_calldata
from chrono_flare_ftso.provider.options import LeaseOptions
from chrono_flare_ftso.sealing import Seal
from chrono_flare_ftso.shared.file_lease import FileLease

Tell = Callable[[str, str, str], None]


class Standing:
    """Acts while the lease is ours, and stands by while it is another's.

    Parameters
    ----------
    options : LeaseOptions
    name : str
        What the lease is of: the chain and the address that submits.
    ledger : Ledger
        Where commits are, unless machines share a server.
    seal : Seal, optional
        What commits are sealed with; a server's need one that all machines have.
    tell : callable
        Told a state, a code and a sentence.
    note : callable
        Told a line when it is this one that acts.

    Attributes
    ----------
    lease : Renewed
    commits : CommitStore

    Raises
    ------
    ConfigError
        If the server's address is none, or what reads it is not installed.
    """

    def __init__(
        self,
        options: LeaseOptions,
        name: str,
        ledger: Ledger,
        seal: Seal | None,
        tell: Tell,
        note: Callable[[str], None],
    ) -> None:
        self._tell = tell
        self._note = note
        self._lost = asyncio.Event()
        self.lease: Renewed
        self.commits: CommitStore
        terms, told = options.terms(), {"lost": self._over, "tell": self._waiting}
        if options.postgres is not None and seal is not None:
            # who shares no server needs nothing that reads one
            from chrono_flare_ftso.shared.postgres_commits import PostgresCommits
            from chrono_flare_ftso.shared.postgres_lease import PostgresLease
            from chrono_flare_ftso.shared.server import Server

            lease = PostgresLease(Server(options.postgres.get_secret_value()), name, terms, **told)
            self.lease, self.commits = lease, PostgresCommits(lease, seal)
        else:
            self.lease = FileLease(Path(options.file or ""), terms, **told)
            self.commits = Commits(ledger, seal, self.lease)

    async def opened(self) -> CommitStore:
        """Return where commits are, once it is known that the secret opens them.

        Raises
        ------
        PermanentError
            If it does not.
        TransientError
            If the server is away.
        """
        await asyncio.to_thread(self.commits.check)
        return self.commits

    async def run(self, acting: Callable[[], AbstractAsyncContextManager[None]], sleep: Sleep) -> None:
        """Act whenever the lease is ours, until cancelled.

        Parameters
        ----------
        acting : callable
            Returns what is entered to act, and left to stop at once.
        sleep : callable
            Waits for some seconds before a lease that could not be had is asked for again.
        """
        while True:
            self._lost.clear()
            token = await self.lease.acquire()
            self._tell("live", "", "")
            self._note(f"grant {token} of the lease is ours: this one acts")
            async with acting():
                await self._lost.wait()
            await sleep(self.lease.terms.every)

    def _over(self, why: str) -> None:
        self._tell("degraded", "lease", why)
        self._lost.set()

    def _waiting(self, why: str) -> None:
        self._tell("starting", "standby", why)


Sleep = Callable[[float], Awaitable[None]]


def is_there(chain: Chain, submit: bytes, data: bytes, round: int) -> bool:
    """Say whether a commit or a reveal is on the chain already, word for word, from the same address.

    Parameters
    ----------
    chain : Chain
        As far as it was read.
    submit : bytes
        20 bytes.
    data : bytes
        Calldata of submit1 or submit2; of anything else it is never.
    round : int
        The voting round.
    """
    try:
        submission = parse_calldata(data)
    except ProtocolError:
        return False
    sent = chain.submitted(round)
    by_call = {Call.SUBMIT1: sent.commits, Call.SUBMIT2: sent.reveals}
    found = by_call.get(submission.call, {}).get(submit, ())
    return bool(submission.messages) and all(each in found for each in submission.messages)
