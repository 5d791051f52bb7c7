"""Whether the lease that machines with one identity share can be had, or who has it; it is not taken."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from chrono import ChronoError
from chrono_flare_ftso.provider.checks import Check

_COUNTER = 20
"""Digits before the holder's name; see `shared.file_lease`."""


class Leased(Protocol):
    """Where the lease is kept; see `options.LeaseOptions`."""

    @property
    def file(self) -> str | None:
        """A file that is locked."""
        ...

    @property
    def postgres(self) -> SecretStr | None:
        """A server."""
        ...


async def check_lease(lease: Leased) -> Check:
    """Check that the place of a lease can be reached, and say who has it.

    Parameters
    ----------
    lease : Leased
        Where it is kept.
    """
    if lease.postgres is None:
        return await asyncio.to_thread(_of_file, Path(lease.file or ""))
    from chrono_flare_ftso.shared.server import Server

    async def asked(connection: Any) -> int:
        return int(await connection.fetchval("SELECT count(*) FROM flare_leases WHERE expires > now()"))

    try:
        held = await Server(lease.postgres.get_secret_value()).run(asked)
    except ChronoError as error:
        return Check("lease", "failure", str(error), "see to the server, and to its address under `lease.postgres`")
    return Check("lease", "ok", f"the server answers, and {held} lease{'s are' if held != 1 else ' is'} held")


def _of_file(path: Path) -> Check:
    """Look at the file without leaving a mark: a lock that is had is given back at once."""
    advice = "see to its folder and rights, or name another file under `lease.file`"
    try:
        if not path.exists():
            if not os.access(path.parent, os.W_OK | os.X_OK):
                return Check("lease", "failure", f"{path}: expected to be made, its folder may not be written", advice)
            return Check("lease", "ok", f"{path} is not there yet, and can be made")
        with _opened(path) as number:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = os.pread(number, 128, 0)[_COUNTER:].decode(errors="replace").strip() or "somebody"
                return Check("lease", "ok", f"{path} is held by {who}: this one would stand by")
    except OSError as error:
        return Check("lease", "failure", f"{path}: expected to lock it, was refused: {error.strerror or error}", advice)
    return Check("lease", "ok", f"{path} is free")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)
