"""By how much the machine's clock is off, from the timestamps of blocks as they come.

A block whose timestamp is t was made at t + f by the clocks of the chain, where 0 <= f < 1 because timestamps are whole
seconds, and it is here d seconds later. A clock that is off by o, ahead where o > 0, then reads t + f + d + o, so that
the block's age is

    a = f + d + o.

The least of the ages of many blocks, m, has the least f and d. With d at most `late` for the block that came soonest

    m - 1 - late <= o <= m,

whatever the pace of blocks; the estimate is the middle of that interval, its uncertainty half of it. Whoever makes a
block says when, and some are wrong: of eight ages the lowest is left out.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

from chrono_flare_ftso.chain.endpoint import SECOND

LATE = 0.5
"""Seconds after which, at most, the one block of many that came soonest is here."""

WARNS, FAILS = 1.0, 3.0
"""Seconds off: from the one on it is told, from the other on a commit may miss its round."""

_WINDOW = 32
_LEAST = 4
_OUTLIERS = 8


class Offset(NamedTuple):
    """By how much a clock is off.

    Attributes
    ----------
    seconds : float
        The estimate; above zero where the clock is ahead of the chain's.
    uncertainty : float
        It is that much more or less.
    """

    seconds: float
    uncertainty: float

    @property
    def surely(self) -> float:
        """The part of it that is certain, seconds: zero where the clock may be right.

        Examples
        --------
        >>> Offset(2.0, 0.75).surely, Offset(-0.5, 0.75).surely, Offset(-2.0, 0.75).surely
        (1.25, 0.0, -1.25)
        """
        low, high = self.seconds - self.uncertainty, self.seconds + self.uncertainty
        return max(low, 0.0) + min(high, 0.0)

    @property
    def verdict(self) -> Literal["right", "off", "wrong"]:
        """Whether it may be right, is off, or may be off by so much that a commit misses its round.

        Examples
        --------
        >>> [Offset(seconds, 0.75).verdict for seconds in (-0.6, 1.1, -2.4)]
        ['right', 'off', 'wrong']
        """
        if abs(self.seconds) + self.uncertainty >= FAILS:
            return "wrong"
        return "off" if abs(self.seconds) > WARNS else "right"

    def told(self) -> str:
        """Return it in words.

        Examples
        --------
        >>> Offset(-1.46, 0.75).told()
        "the machine's clock is 1.5 s behind the chain's, give or take 0.8 s"
        """
        where = "ahead of" if self.seconds > 0 else "behind"
        about = f"give or take {self.uncertainty:.1f} s"
        return f"the machine's clock is {abs(self.seconds):.1f} s {where} the chain's, {about}"


class ClockOffset:
    """What is known of it, by the blocks that came last.

    Parameters
    ----------
    late : float
        Seconds after which, at most, the one block of many that came soonest is here.

    Examples
    --------
    Blocks of whole seconds, made every 1.8 s, here 0.2 s later, by a clock that is 2 s ahead:

    >>> clock = ClockOffset()
    >>> for at in range(32):
    ...     made = 1_700_000_000 + 1.8 * at
    ...     clock.seen(at, int(made), int((made + 0.2 + 2) * 1_000_000_000))
    >>> [round(each, 2) for each in clock.offset]
    [1.45, 0.75]
    """

    def __init__(self, late: float = LATE) -> None:
        self._late = late
        self._highest = -1
        self._ages: deque[float] = deque(maxlen=_WINDOW)

    def seen(self, number: int, timestamp: int, received: int) -> None:
        """Add a head; one that is no higher than those before it tells nothing of when it was made.

        Parameters
        ----------
        number : int
            Of the block.
        timestamp : int
            Its own, unix seconds.
        received : int
            When it came by the machine's clock, nanoseconds.
        """
        if number <= self._highest:
            return
        self._highest = number
        self._ages.append((received - timestamp * SECOND) / SECOND)

    @property
    def offset(self) -> Offset | None:
        """By how much the clock is off; None until four blocks came."""
        if len(self._ages) < _LEAST:
            return None
        least = sorted(self._ages)[len(self._ages) // _OUTLIERS]
        width = 1 + self._late
        return Offset(least - width / 2, width / 2)
