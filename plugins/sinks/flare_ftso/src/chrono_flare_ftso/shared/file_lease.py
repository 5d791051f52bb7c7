"""A lease by the lock of a file, for processes that see one disk; whoever is killed frees it in the same instant.

The file holds the counter of grants. A process that is stopped keeps its lock, so nobody takes over from it before it
goes on or ends; where that matters, or two machines have no disk in common, the lease is PostgreSQL's.

Source: flock(2), and nfs(5) for locks of a shared disk, which a server may give to another when a machine is silent;
read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from chrono import PermanentError, TransientError
from chrono_flare_ftso.lease import Renewed, Terms, holder

T = TypeVar("T")

_SIZE = 128
_DIGITS = 20


class FileLease(Renewed):
    """A `Lease` of whoever has the lock of a file.

    Parameters
    ----------
    path : Path
        The file; made where it is not there, and never to be deleted while anybody uses it.
    terms : Terms, optional
        How long it lasts without a look at the file.
    **options
        As `Renewed` has them.

    Examples
    --------
    >>> import tempfile
    >>> async def granted(path: Path) -> tuple[int, bool]:
    ...     lease = FileLease(path)
    ...     token = await lease.acquire()
    ...     await lease.release()
    ...     return token, lease.held
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [asyncio.run(granted(Path(folder) / "flare.lease")) for _ in range(2)]
    [(1, False), (2, False)]
    """

    def __init__(self, path: Path, terms: Terms | None = None, **options: Any) -> None:
        super().__init__(str(path), terms, **options)
        self.path = path
        self._file: int | None = None

    async def _take(self) -> int | str:
        # a lock that comes when nobody waits for it any more is given back
        taking = asyncio.ensure_future(asyncio.to_thread(self._explained, self._locked))
        try:
            number, found = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_dropped)
            raise
        self._drop()
        self._file = number
        return found

    async def _extend(self, token: int) -> None:
        await self._check(token)

    async def _check(self, token: int) -> None:
        await asyncio.to_thread(self._explained, lambda: self._look(token))

    async def _give_back(self, token: int) -> None:  # noqa: ARG002 - the lock is what counts
        self._drop()

    def _drop(self) -> None:
        number, self._file = self._file, None
        if number is not None:
            os.close(number)

    def _locked(self) -> tuple[int | None, int | str]:
        """Lock the file and count; return its number and the token, or nothing and who has it."""
        number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                # of this opening alone: a lock by fcntl(2) would go with any other that is closed
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = os.pread(number, _SIZE, 0)[_DIGITS:].decode(errors="replace").strip() or "somebody"
                os.close(number)
                return None, f"held by {who}; standing by"
            if not self._same(number):
                os.close(number)
                return None, "the file was replaced; looking again"
            token = self._counted(number) + 1
            record = f"{token:0{_DIGITS}d} {holder()}"[: _SIZE - 1]
            if os.pwrite(number, f"{record:<{_SIZE - 1}}\n".encode()[:_SIZE], 0) != _SIZE:
                raise PermanentError(f"{self.path}: expected room for a counter, was none; make room")
            os.fsync(number)
            if token == 1:
                _keep(self.path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(number)
            raise
        return number, token

    def _look(self, token: int) -> None:
        number = self._file
        if number is None:
            raise self._fenced("it was given back")
        if not self._same(number):
            raise self._fenced("the file was deleted or replaced")
        newest = self._counted(number)
        if newest != token:
            raise self._fenced(f"grant {newest} is newer")

    def _same(self, number: int) -> bool:
        """Say whether the file of that name is the one that was opened."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(self.path.stat(), os.fstat(number))
        return False

    def _counted(self, number: int) -> int:
        text = os.pread(number, _SIZE, 0)[:_DIGITS]
        if not text:
            return 0
        if len(text) != _DIGITS or not text.isdigit():
            told = f"{self.path}: expected the {_DIGITS} digits of a counter, was something else"
            raise PermanentError(f"{told}; name another file, or write a number there that was not granted yet")
        return int(text)

    def _explained(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except OSError as error:
            told = f"{self.path}: expected to lock and read it, was refused: {(error.strerror or str(error)).lower()}"
            kind = PermanentError if isinstance(error, PermissionError | FileNotFoundError) else TransientError
            raise kind(f"{told}; see to its folder, its rights and its disk") from None


def _keep(folder: Path) -> None:
    """Have it on the disk that there is a new file in a folder."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _dropped(taking: asyncio.Future[tuple[int | None, int | str]]) -> None:
    if not taking.cancelled() and taking.exception() is None and (number := taking.result()[0]) is not None:
        os.close(number)
