"""How far a venue's clock is from ours, measured from its ticks alone so that a replay measures the same."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from chrono.core.types import SECOND

AHEAD = 10 * SECOND
"""How far a venue's clock may be from ours; also how far into the future a tick may lie."""

_SAMPLES = 600
_SAMPLE_EVERY = SECOND
_FIRST_SAMPLES = 16


class Offset:
    """How far our clock is ahead of a venue's: the median of receipt minus event time, latency included.

    The first ticks are all measured, later ones once a second, over the last ten minutes: minutes of late prints cannot
    pass for a clock that is off. A tick beyond ±10 s is no sample: a delay counts as age, a time ahead as the future.

    Attributes
    ----------
    value : int
        Nanoseconds our clock is ahead.
    room : int
        Nanoseconds after its receipt at which a venue may date a tick.
    next_at : int
        When the next sample is due.
    """

    __slots__ = ("_recent", "_sorted", "next_at", "room", "value")

    def __init__(self) -> None:
        self.value = 0
        self.room = AHEAD
        self.next_at = 0
        self._recent: deque[int] = deque()
        self._sorted: list[int] = []

    @property
    def measured(self) -> bool:
        """Whether there are samples enough to speak of."""
        return len(self._sorted) >= _FIRST_SAMPLES

    def measure(self, delta: int, received: int) -> None:
        """Take one sample, `received - ts_event` in nanoseconds."""
        if abs(delta) > AHEAD:
            return
        if len(self._recent) == _SAMPLES:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(delta)
        insort(self._sorted, delta)
        n = len(self._sorted)
        low, high = self._sorted[(n - 1) // 2], self._sorted[n // 2]
        median = low if abs(low) < abs(high) else high
        self.value = median
        self.room = AHEAD - self.value
        if n >= _FIRST_SAMPLES:
            self.next_at = received + _SAMPLE_EVERY

    def dated(self, ts_event: int | None, received: int) -> int | None:
        """Return the venue's time of a tick, that of its receipt where it states none, None if it is in the future."""
        if ts_event is None:
            return received - self.value
        ahead = ts_event - received
        if received >= self.next_at:
            self.measure(-ahead, received)
        return None if ahead > self.room else ts_event
