"""When the head of a chain is looked at: at once where one is announced, else every so often."""

from __future__ import annotations

from collections.abc import Callable

from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.clockoffset import WARNS, ClockOffset, Offset
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.heads import Heads

SLOWER = 4
"""How many times as long it is between two looks while heads are announced."""

_LEAST = 8
_RANKS = ("right", "off", "wrong")


class Looking:
    """When the head of a chain is looked at.

    Parameters
    ----------
    clock : Clock
        Such as `Context.clock`.
    every : float
        Seconds between two looks while nothing is announced; an eighth of it is the least between any two.
    heads : Heads, optional
        Who announces heads.
    tell : callable
        Told a state, a code and a sentence where the machine's clock is off.

    Attributes
    ----------
    clock_offset : ClockOffset
        What is known of the machine's clock, from the timestamps of heads.
    """

    def __init__(self, clock: Clock, every: float, heads: Heads | None, tell: Callable[[str, str, str], None]) -> None:
        self.clock_offset = ClockOffset()
        self._clock = clock
        self._every = every
        self._heads = heads
        self._tell = tell
        self._told = 0
        self._looked = 0

    @property
    def offset(self) -> Offset | None:
        """By how much the machine's clock is off; None while that is not known."""
        return self.clock_offset.offset

    def ahead(self) -> float:
        """Return by how many seconds the chain's clock is surely ahead of the machine's; below zero where behind."""
        offset = self.offset
        return 0.0 if offset is None else -offset.surely

    def looked(self, head: Block) -> None:
        """Take what was found by looking."""
        self._looked = received = self._clock.now()
        if self._heads is not None:
            self._heads.polled(head)
            received = self._heads.received(head.hash) or received
        self.clock_offset.seen(head.number, head.timestamp, received)
        self._judge()

    async def next(self, read: int) -> None:
        """Wait until it is time to look; `read` is the last block that was read.

        Notes
        -----
        A node that does not have yet what is announced is asked for it eight times as often.
        """
        if self._heads is None:
            await self._clock.sleep(self._every)
            return
        slow = SLOWER * self._every
        if self._heads.newest() > read:
            await self._heads.wait(self._every / _LEAST)
        else:
            await self._heads.wait(slow if self._heads.flow(slow) else self._every)
        left = self._every / _LEAST - (self._clock.now() - self._looked) / SECOND
        if left > 0:
            # whoever announces without an end must not have the nodes asked without one
            await self._clock.sleep(left)

    def _judge(self) -> None:
        """Tell that the clock is off, once for each degree of it, and that it is right again."""
        offset = self.offset
        if offset is None:
            return
        rank = _RANKS.index(offset.verdict)
        if rank > self._told:
            self._told = rank
            what = "set it, by NTP" if offset.seconds < 0 else "set it, by NTP, unless every node is behind"
            self._tell("degraded", "clock", f"{offset.told()}; {what}")
        elif self._told and abs(offset.seconds) < WARNS / 2:
            self._told = 0
            self._tell("live", "", "")
