"""One identity on several machines: whoever holds the lease commits and sends, the others stand by.

Each grant has a token, greater than all before it. What is written carries it, and who has a newer one has closed the
door behind it: a holder that slept through the end of its lease writes nothing any more. A holder goes by what passed
on its own machine since it asked, never by what time it is there, and stops before anybody else may begin.

Source: M. Kleppmann, "How to do distributed locking", 2016-02-08, for fencing tokens; C. Gray and D. Cheriton,
"Leases", SOSP 1989, for who waits for how long.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from chrono import ConfigError, PermanentError, TransientError

Tell = Callable[[str], None]


class Fenced(PermanentError):
    """The lease is not ours, or no longer: nothing was written, nothing may be sent."""


class Lease(Protocol):
    """The right to act for an identity."""

    @property
    def name(self) -> str:
        """What it is of."""
        ...

    @property
    def held(self) -> bool:
        """Whether it is ours now; never true when somebody else may have it."""
        ...

    @property
    def token(self) -> int:
        """Of the last grant, greater than that of any before; 0 before the first."""
        ...

    async def acquire(self) -> int:
        """Wait until it is ours, and keep it so; return the token."""
        ...

    async def renew(self) -> None:
        """Keep it for longer; raise `Fenced` where it is ours no longer."""
        ...

    async def confirm(self) -> None:
        """Ask whether it is ours; raise `Fenced` where it is not, `TransientError` where nobody answers."""
        ...

    async def release(self) -> None:
        """Give it back, so that nobody has to wait for its end."""
        ...

    def at_grant(self, close: Callable[[int], None]) -> None:
        """Have a store closed to older tokens whenever it is granted, before anybody acts on it."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease is, in seconds.

    Parameters
    ----------
    ttl : float
        After which it ends by itself, unless it is renewed.
    margin : float
        By how much earlier its holder stops: for what is under way, and for clocks that run at another pace.
    every : float
        Between two renewals, and between two looks of who waits.

    Raises
    ------
    ConfigError
        If it cannot be renewed twice before its holder stops.

    Examples
    --------
    >>> Terms(ttl=4, margin=1, every=2)
    Traceback (most recent call last):
        ...
    chrono.core.errors.ConfigError: lease: expected a ttl of at least the margin and twice every, was 4 s; make it 5 s
    """

    ttl: float = 15.0
    margin: float = 5.0
    every: float = 2.0

    def __post_init__(self) -> None:
        if min(self.margin, self.every) <= 0:
            told = f"lease: expected a margin and an every above 0, was {self.margin:g} s and {self.every:g} s"
            raise ConfigError(f"{told}; leave them out, or make them longer")
        least = self.margin + 2 * self.every
        if self.ttl < least:
            told = f"lease: expected a ttl of at least the margin and twice every, was {self.ttl:g} s"
            raise ConfigError(f"{told}; make it {least:g} s")


def elapsed() -> float:
    """Return seconds from some instant on, those in which the process or the machine slept included."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def holder() -> str:
    """Return who we are, for people and for the logs: machine and process."""
    return f"{socket.gethostname()}/{os.getpid()}"


class Renewed(ABC):
    """A `Lease` that is renewed by a task of its own; a subclass says where it is kept.

    Parameters
    ----------
    name : str
        What it is of.
    terms : Terms, optional
        How long it is.
    lost : callable, optional
        Told why, once each time it is lost; not when it is given back.
    tell : callable, optional
        Told what is waited for, once each time that this changes.
    sleep, elapsed : callable, optional
        Waits for some seconds; returns how many have passed.
    """

    def __init__(
        self,
        name: str,
        terms: Terms | None = None,
        *,
        lost: Tell | None = None,
        tell: Tell | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        self.name = name
        self.terms = terms or Terms()
        self._token = 0
        self._until = float("-inf")
        self._closes: list[Callable[[int], None]] = []
        self._keeper: asyncio.Task[None] | None = None
        self._lost = lost or _nobody
        self._tell = tell or _nobody
        self._told = ""
        self._sleep = sleep
        self._elapsed = elapsed

    @property
    def held(self) -> bool:
        """Whether it is ours now."""
        return self._elapsed() < self._until

    @property
    def token(self) -> int:
        """Of the last grant."""
        return self._token

    def at_grant(self, close: Callable[[int], None]) -> None:
        """Have a store closed to older tokens whenever it is granted; called in a thread, before `acquire` returns."""
        self._closes.append(close)

    async def acquire(self) -> int:
        """Wait until it is ours, and keep it so until it is lost or given back.

        Returns
        -------
        int
            The token of this grant.

        Raises
        ------
        PermanentError
            If it cannot be had, or a store cannot be closed to older tokens.
        """
        while not self.held:
            await self._stop()
            asked = self._elapsed()
            token = await self._taken()
            if token is not None:
                await self._granted(token, asked)
            else:
                await self._sleep(self.terms.every)
        if self._keeper is None:
            self._told = ""
            self._keeper = asyncio.create_task(self._keep(), name=f"lease {self.name}")
        return self._token

    async def renew(self) -> None:
        """Keep it for longer.

        Raises
        ------
        Fenced
            If it is ours no longer, or ended before this was asked.
        TransientError
            If nobody answers; it is ours as long as `held` says so.
        """
        asked = self._elapsed()
        if asked >= self._until:
            raise self._fenced("it was not renewed in time")
        await self._extend(self._token)
        if not self.held:
            raise self._fenced("it was not renewed in time")
        # from when it was asked for: an answer may have waited for any time
        self._until = asked + self.terms.ttl - self.terms.margin

    async def confirm(self) -> None:
        """Ask whether it is ours, just now and not by what was known before.

        Raises
        ------
        Fenced
            If it is not.
        TransientError
            If nobody answers.
        """
        if not self._token:
            raise self._fenced("it was never granted")
        await self._check(self._token)
        if not self.held:
            raise self._fenced("it was not renewed in time")

    async def release(self) -> None:
        """Give it back; nothing where it is not ours, and where nobody answers, it ends by itself."""
        await self._stop()
        self._until = float("-inf")
        with contextlib.suppress(TransientError):
            await self._give_back(self._token)

    # what a subclass says

    @abstractmethod
    async def _take(self) -> int | str:
        """Return the token of a new grant, or who has it."""

    @abstractmethod
    async def _extend(self, token: int) -> None:
        """Extend a grant by its ttl; raise `Fenced` where there was a newer one."""

    @abstractmethod
    async def _check(self, token: int) -> None:
        """Raise `Fenced` where a grant is over."""

    @abstractmethod
    async def _give_back(self, token: int) -> None:
        """End a grant, if it is ours still."""

    # the rest

    async def _taken(self) -> int | None:
        try:
            async with asyncio.timeout(self.terms.ttl):
                found = await self._take()
        except (TransientError, TimeoutError) as error:
            found = str(error) or "expected an answer, was none in time; see to where it is kept"
        if isinstance(found, int):
            return found
        if found != self._told:
            self._told = found
            self._tell(f"lease {self.name}: {found}")
        return None

    async def _granted(self, token: int, asked: float) -> None:
        try:
            for close in self._closes:
                await asyncio.to_thread(close, token)
        except BaseException:
            await self._give_back(token)
            raise
        self._token = token
        self._until = asked + self.terms.ttl - self.terms.margin

    async def _keep(self) -> None:
        """Renew it as long as it is ours."""
        why = "it was not renewed in time"
        while True:
            await self._sleep(max(0.0, min(self.terms.every, self._until - self._elapsed())))
            try:
                async with asyncio.timeout(max(0.0, self._until - self._elapsed())):
                    if self.held:
                        await self.renew()
            except Fenced as error:
                return self._over(str(error))
            except TimeoutError:
                why = "nobody answered in time"
            except Exception as error:  # noqa: BLE001 - whatever it was, it is ours until its end, and no longer
                why = f"it could not be renewed: {type(error).__name__}: {error}"
            if not self.held:
                return self._over(str(self._fenced(why)))

    def _over(self, why: str) -> None:
        self._until = float("-inf")
        self._lost(why)

    async def _stop(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None and keeper is not asyncio.current_task():
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    def _fenced(self, why: str) -> Fenced:
        told = f"lease {self.name}: expected grant {self._token} to be ours, was not: {why}"
        return Fenced(f"{told}; another may act now, this one stands by")


def _nobody(_: str) -> None:
    """Hear nothing."""
