"""Heads of blocks as they are announced, by several endpoints at once; whoever polls is woken by the first.

What is announced is never believed: it only says that it is time to ask the nodes. So an endpoint that lies costs
requests, and one that is silent costs the time until the next poll, which goes on, slower, while heads flow.

An endpoint whose connection ends is tried again after uniform(0, min(30, 2**n / 2)) seconds, or after as long as it
asks for by Retry-After; n is zero again after a minute without trouble. What is out of the ordinary is told once in
such a minute.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol, Self

from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.chain.blocks import DEPTH
from chrono_flare_ftso.chain.choosing import LAG, TIMEOUT, Clock, Tell, silent
from chrono_flare_ftso.chain.endpoint import SECOND, NodeFault
from chrono_flare_ftso.chain.subscription import Subscription, WrongChain, subscriptions

SILENT = 10.0
"""Seconds in which an endpoint has to announce what polling found, and polling to find what it announced."""

HEALTHY = 60 * SECOND
"""Nanoseconds without trouble after which an endpoint counts as well."""

_BASE, _LONGEST = 0.5, 30.0
_REMEMBERED = 256


class Chance(Protocol):
    """Where jitter comes from, such as `random.Random`."""

    def uniform(self, a: float, b: float) -> float: ...


class _Line:
    """A subscription, and how it does.

    Attributes
    ----------
    last : Block or None
        What was announced last.
    live, stale : bool
        Whether the subscription stands; fell back behind what it announced before, or is ahead of every node.
    floor : int or None
        What polling found first since it stands; it need not announce that.
    missed : tuple of int, or None
        A later block that polling found and it has not announced, and when that was.
    ahead : tuple of int, or None
        A block that it announced and polling did not find, and when that was.
    """

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.name = subscription.name
        self.last: Block | None = None
        self.live = self.stale = False
        self.heard = self.troubled = 0
        self.floor: int | None = None
        self.missed: tuple[int, int] | None = None
        self.ahead: tuple[int, int] | None = None
        self.attempts = 0
        self.told: set[str] = set()
        self.connection: asyncio.Task[None] | None = None

    def ended(self) -> None:
        self.live = self.stale = False
        self.last = self.floor = self.missed = self.ahead = None

    def leave(self) -> None:
        self.live = False
        if self.connection is not None:
            self.connection.cancel()

    @property
    def number(self) -> int:
        return -1 if self.last is None else self.last.number

    @property
    def well(self) -> bool:
        return self.live and not self.stale and self.missed is None


class Heads:
    """Endpoints that announce heads.

    Parameters
    ----------
    urls : sequence of str
        Addresses, ws:// or wss://. They may hold keys: messages name their hosts alone.
    clock : Clock
        Such as `Context.clock`.
    chance : Chance, optional
        Where jitter comes from.
    silent_after : float
        Seconds in which an endpoint has to announce what polling found, and polling to find what it announced.
    timeout : float
        Seconds for a handshake, and for each answer.

    Attributes
    ----------
    chain_id : int
        Which chain it has to be; set before it is entered.
    tell : callable
        Told a code and a sentence of what is out of the ordinary.

    Raises
    ------
    PermanentError
        If an address is none.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        chance: Chance | None = None,
        silent_after: float = SILENT,
        timeout: float = TIMEOUT,
    ) -> None:
        self.chain_id = 0
        self.tell: Tell = silent
        self._lines = [_Line(each) for each in subscriptions(urls, timeout)]
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311 - jitter is no secret
        self._silent_after = int(silent_after * SECOND)
        self._waited = f"{silent_after:g} s"
        self._known: dict[bytes, int] = {}
        self._polled = -1
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"Heads({', '.join(line.name for line in self._lines)})"

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._keep(line)) for line in self._lines]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def flow(self, within: float) -> bool:
        """Return whether an endpoint that is well announced a head within so many seconds."""
        since = self._clock.now() - int(within * SECOND)
        return any(line.well and line.heard >= since for line in self._lines)

    def newest(self) -> int:
        """Return the highest block that an endpoint which is well announced last; -1 where none is."""
        return max((line.number for line in self._lines if line.well), default=-1)

    def received(self, hash: bytes) -> int | None:
        """Return when a block was announced first, nanoseconds; None where it was not, or long ago."""
        return self._known.get(hash)

    async def wait(self, seconds: float) -> None:
        """Wait until a head is announced that was not before, or came since the last call, so many seconds at most."""
        waiting = asyncio.create_task(self._moved.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
            await asyncio.gather(waiting, sleeping, return_exceptions=True)
            self._moved.clear()

    def polled(self, head: Block) -> None:
        """Compare a head that was polled with those that are announced."""
        self._polled, now = head.number, self._clock.now()
        for line in self._lines:
            if not line.live:
                continue
            self._compare_missed(line, head, now)
            self._compare_ahead(line, head, now)

    def _compare_missed(self, line: _Line, head: Block, now: int) -> None:
        """Leave an endpoint that does not announce what was polled."""
        if line.floor is None:
            line.floor = head.number
        elif line.missed is None:
            if head.number > max(line.floor, line.number):
                line.missed = (head.number, now)
        elif now - line.missed[1] >= self._silent_after:
            told = f"{line.name}: did not announce block {line.missed[0]}, which there was {self._waited} ago"
            self._say(line, "silent", f"{told}; it is subscribed to anew")
            line.leave()

    def _compare_ahead(self, line: _Line, head: Block, now: int) -> None:
        """Listen no more to an endpoint that announces what no node has."""
        if line.ahead is None:
            if line.number > head.number:
                line.ahead = (line.number, now)
        elif head.number >= line.ahead[0]:
            line.ahead = None
        elif now - line.ahead[1] >= self._silent_after and not line.stale:
            line.stale = True
            told = f"{line.name}: announced block {line.ahead[0]}, which no node had {self._waited} later"
            self._say(line, "ahead", told)

    # one endpoint

    async def _keep(self, line: _Line) -> None:
        """Keep an endpoint subscribed to."""
        while True:
            line.connection = asyncio.create_task(self._follow(line))
            try:
                await asyncio.wait((line.connection,))
            finally:
                line.connection.cancel()
                (ended,) = await asyncio.gather(line.connection, return_exceptions=True)
                line.ended()
            if isinstance(ended, WrongChain):
                self._say(line, "wrong_chain", str(ended))
                return
            pause = None
            if isinstance(ended, NodeFault):
                self._say(line, "subscription", f"{ended}; it is tried again, and heads are polled for")
                pause = ended.pause
            elif not isinstance(ended, asyncio.CancelledError):
                # nothing that is known of: told, and not tried without an end
                self._say(line, "subscription", f"{line.name}: {type(ended).__name__}; it is not tried again")
                return
            await self._clock.sleep(pause or self._backoff(line))

    async def _follow(self, line: _Line) -> None:
        def began() -> None:
            line.live, line.troubled = True, max(line.troubled, self._clock.now())

        await line.subscription.follow(self.chain_id, self._clock.now(), began, lambda head: self._took(line, head))

    def _backoff(self, line: _Line) -> float:
        ceiling = min(_LONGEST, _BASE * 2**line.attempts)
        line.attempts = min(line.attempts + 1, 10)
        return self._chance.uniform(0.0, ceiling)

    def _took(self, line: _Line, head: Block) -> None:
        """Take a head from an endpoint: compare it with the one before, and wake who waits."""
        now, last = self._clock.now(), line.last
        if line.attempts and now - line.troubled >= HEALTHY:
            line.attempts = 0
        if last is not None and self._backwards(line, last, head):
            return
        line.last, line.heard = head, now
        if line.missed is not None and head.number >= line.missed[0]:
            line.missed = None
        if line.stale and abs(head.number - self._polled) <= LAG:
            line.stale = False
        if line.stale or head.hash in self._known:
            return
        self._known[head.hash] = now
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._moved.set()

    def _backwards(self, line: _Line, last: Block, head: Block) -> bool:
        """Say where a head does not follow the last one; return whether it is of no use."""
        if head.number > last.number + 1:
            between = f"block {head.number} after block {last.number}"
            self._say(line, "skipped", f"{line.name}: announced {between}; what lies between is read from the nodes")
        elif head.number <= last.number - DEPTH:
            line.stale = True
            self._say(line, "backwards", f"{line.name}: its head went back from block {last.number} to {head.number}")
        return head.hash == last.hash

    def _say(self, line: _Line, code: str, message: str) -> None:
        """Tell what is out of the ordinary, once in a minute without trouble."""
        if self._clock.now() - line.troubled >= HEALTHY:
            line.told.clear()
        line.troubled = self._clock.now()
        if code not in line.told:
            line.told.add(code)
            self.tell(code, message)
