"""Keys in a process of their own: plugins of strangers run in the provider's, and a process's memory is one room.

What this keeps from them is the keys in memory, and a password that only a file holds. It is no wall against code of
the same user that goes and reads these files by itself, or the provider's environment: for that, let another machine
or another user hold the keys, behind a web3signer.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import msgspec

from chrono_flare_ftso.keys.errors import KeyRefused, NotSigned, SignerFault
from chrono_flare_ftso.keys.frames import (
    LARGEST,
    BrokenFrame,
    Frames,
    Opened,
    Refused,
    Sign,
    Signed,
    Start,
    packed,
    unpacked,
)
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.signatures import Signature
from chrono_flare_ftso.protocol.text import checksummed

STARTS = 5
"""How often the process is started within `WITHIN`; after that there is a pause."""

WITHIN = 60.0
"""Seconds."""

OPENING = 60.0
"""Seconds that opening the keys may take: a keystore of the usual strength takes one."""

LONGEST = LARGEST // 2
"""Bytes that are signed at once."""

ANSWER = 5.0
"""Seconds that a signature may take; a process that takes longer is ended, and another one started."""

_KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH")
# E: no PYTHONPATH or PYTHONSTARTUP; P: nothing from the folder it is started in; B: it writes no file
_COMMAND = (sys.executable, "-EPB", "-m", "chrono_flare_ftso.keys.child")


class KeyProcess:
    """A process that holds keys, started when this is entered, and again when it dies.

    Parameters
    ----------
    start : callable
        Returns the keys to open; called for every start, so that secrets are looked up anew and not kept.
    starts, within : int, float
        How often it is started in how many seconds.
    answer : float
        Seconds that a signature may take.

    Attributes
    ----------
    addresses : mapping of str to bytes
        By role.
    pid : int or None
        Of the process; None while there is none.
    """

    def __init__(
        self, start: Callable[[], Start], *, starts: int = STARTS, within: float = WITHIN, answer: float = ANSWER
    ) -> None:
        self.addresses: Mapping[str, bytes] = {}
        self._start = start
        self._starts, self._within = starts, within
        self._patience = answer
        self._begun: deque[float] = deque(maxlen=starts)
        self._ready: asyncio.Future[_Link]
        self._link: _Link | None = None
        self._keeping: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        """Start it, and open the keys.

        Raises
        ------
        KeyRefused
            If one cannot be opened, with a line for each.
        SignerFault
            If the process ends, or takes too long.
        """
        self._ready = asyncio.get_running_loop().create_future()
        link = await self._begin()
        self._ready.set_result(link)
        self._keeping = asyncio.create_task(self._keep(link))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._keeping.cancel()
        link, self._link = self._link, None
        self._fail("keys' process: expected it open, was closed")
        if link is not None:
            link.end()
        await asyncio.wait([self._keeping])

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return None if self._link is None else self._link.process.pid

    def signer(self, role: str) -> ProcessSigner:
        """Return the signer of a role.

        Raises
        ------
        KeyError
            If it has no key.
        """
        return ProcessSigner(self, role, self.addresses[role])

    async def sign(self, role: str, preimage: bytes) -> Signature:
        """Return a signature of keccak256(preimage); a process that dies over it is replaced, and asked again.

        Raises
        ------
        NotSigned
            If the policy refuses it, or it is longer than any transaction.
        SignerFault
            If there is no process to ask, or it does not answer.
        """
        if len(preimage) > LONGEST:
            raise NotSigned(f"expected at most {LONGEST} bytes to sign, was {len(preimage)}")
        for _ in range(self._starts):
            link = await asyncio.shield(self._ready)
            try:
                async with asyncio.timeout(self._patience):
                    return await link.sign(role, preimage)
            except TimeoutError:
                link.end()
                raise SignerFault(
                    f"keys' process: no signature within {self._patience:g} s; it is started anew"
                ) from None
            except _Gone:
                continue
        raise SignerFault(f"keys' process: died {self._starts} times over one signature; see the system's log")

    async def _begin(self) -> _Link:
        """Start a process and have it open the keys."""
        loop = asyncio.get_running_loop()
        self._begun.append(loop.time())
        start = packed(self._start())
        process, ours = _process()
        link = _Link(process, self._lost)
        try:
            await loop.create_unix_connection(lambda: link, sock=ours)
            async with asyncio.timeout(OPENING):
                addresses = await link.open(start)
        except TimeoutError:
            link.end()
            raise SignerFault(f"keys' process: expected its keys open within {OPENING:g} s, were not") from None
        except _Gone:
            told = f"keys' process: expected its keys open, it ended with {process.returncode}"
            raise SignerFault(f"{told}; see what it wrote to standard error") from None
        except BaseException:
            link.end()
            raise
        self.addresses, self._link = addresses, link
        return link

    def _lost(self, link: _Link) -> None:
        """Have whoever asks from now on wait for the next process."""
        if link is self._link:
            self._link = None
            self._ready = asyncio.get_running_loop().create_future()

    async def _keep(self, link: _Link) -> None:
        """Start the process again whenever it ends."""
        while True:
            await link.ended
            while True:
                await self._pause()
                try:
                    link = await self._begin()
                except (SignerFault, KeyRefused) as error:
                    self._fail(f"keys' process: not started anew: {'; '.join(str(error).splitlines())}")
                except Exception as error:  # noqa: BLE001 - its words might show a secret, and it must be tried again
                    self._fail(f"keys' process: not started anew: {type(error).__name__}")
                else:
                    break
            if self._ready.done():
                self._ready = asyncio.get_running_loop().create_future()
            self._ready.set_result(link)

    async def _pause(self) -> None:
        """Wait until it may be started once more; meanwhile nobody waits for it."""
        if len(self._begun) < self._starts:
            return
        pause = self._begun[0] + self._within - asyncio.get_running_loop().time()
        if pause > 0:
            self._fail(f"keys' process: died {self._starts} times within {self._within:g} s; see the system's log")
            await asyncio.sleep(pause)

    def _fail(self, message: str) -> None:
        if self._ready.done():
            self._ready = asyncio.get_running_loop().create_future()
        self._ready.set_exception(SignerFault(message))
        # nobody may be waiting for it
        self._ready.exception()


def _process() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Return a new process, and our end of the pair of sockets whose other end it has."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [*_COMMAND, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SignerFault(f"keys' process: expected to start it, was refused: {error.strerror or error}") from None
    return process, ours


class ProcessSigner:
    """One role's key in the process.

    Parameters
    ----------
    process : KeyProcess
        Which holds it.
    role : str
        Whose key it is.
    address : bytes
        20 bytes.
    """

    def __init__(self, process: KeyProcess, role: str, address: bytes) -> None:
        self._process = process
        self._role = role
        self._address = address

    @property
    def address(self) -> bytes:
        """The 20 bytes of the key's address."""
        return self._address

    async def sign(self, preimage: bytes) -> Signature:
        """Return the signature of keccak256(preimage), as `KeyProcess.sign` does."""
        return await self._process.sign(self._role, preimage)

    def __repr__(self) -> str:
        return f"ProcessSigner({self._role}, {checksummed(self._address)})"


class _Gone(Exception):
    """The process has ended."""


class _Link(asyncio.Protocol):
    """One process and the socket to it."""

    def __init__(self, process: subprocess.Popen[bytes], lost: Callable[[_Link], None]) -> None:
        loop = asyncio.get_running_loop()
        self.process = process
        self.ended: asyncio.Future[None] = loop.create_future()
        self._lost = lost
        self._frames = Frames()
        self._opened: asyncio.Future[dict[str, bytes]] = loop.create_future()
        self._asked: dict[int, asyncio.Future[Signature]] = {}
        self._count = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # of a stream, though uvloop's is no subclass
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._take(unpacked(body, Opened | Signed | Refused))
        except (BrokenFrame, ProtocolError):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.end()
        self._lost(self)
        every: list[asyncio.Future[Any]] = [self._opened, *self._asked.values()]
        for waiting in every:
            if not waiting.done():
                waiting.set_exception(_Gone())
                # nobody may be waiting for it any more
                waiting.exception()
        if not self.ended.done():
            self.ended.set_result(None)

    async def open(self, start: bytes) -> dict[str, bytes]:
        self._transport.write(start)
        return await self._opened

    async def sign(self, role: str, preimage: bytes) -> Signature:
        if self.ended.done():
            raise _Gone
        self._count += 1
        number = self._count
        asked: asyncio.Future[Signature] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self._transport.write(packed(Sign(number, role, preimage)))
        try:
            return await asked
        finally:
            del self._asked[number]

    def end(self) -> None:
        """End the process at once; it has nothing to put in order."""
        self.process.kill()
        self.process.wait()
        if hasattr(self, "_transport"):
            self._transport.abort()

    def _take(self, message: msgspec.Struct) -> None:
        if isinstance(message, Opened):
            if not self._opened.done():
                self._opened.set_result(message.addresses)
        elif isinstance(message, Signed):
            waiting = self._asked.get(message.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(Signature.decode(message.signature))
        elif isinstance(message, Refused):
            waiting = self._asked.get(message.id)
            if message.id == 0 and not self._opened.done():
                self._opened.set_exception(KeyRefused(*message.problems))
            elif waiting is not None and not waiting.done():
                waiting.set_exception(NotSigned(*message.problems))
