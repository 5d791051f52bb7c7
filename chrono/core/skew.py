"""Clocks that are off: a venue's, or ours where it is most of theirs. A status, since ages are right all the same."""

from __future__ import annotations

from collections.abc import Mapping

from chrono.core.board import Inlet
from chrono.core.component import Status
from chrono.core.statuses import Statuses
from chrono.core.types import SECOND

ALARM = 3 * SECOND
"""How far a clock is off, latency included, before it is told."""

_OVER = 2 * SECOND


class Skew:
    """Says of which sources the clock is off, once, and when it is over."""

    def __init__(self) -> None:
        self._off: set[str] = set()

    def tell(self, inlets: Mapping[str, Inlet], statuses: Statuses, now: int) -> None:
        """Report what is new; a source that is not live has other troubles."""
        measured = {name: inlet.offset.value for name, inlet in inlets.items() if inlet.offset.measured}
        off = {name for name, value in measured.items() if abs(value) > (_OVER if name in self._off else ALARM)}
        for name in off:
            if statuses.state(name) == "live":
                message = _message(measured[name], ours=len(off) > 1 and 2 * len(off) > len(measured))
                statuses(Status(name, "degraded", "clock_offset", message, at=now))
        for name in self._off - off:
            if statuses.code(name) == "clock_offset":
                statuses(Status(name, "live", at=now))
        self._off = off


def _message(value: int, *, ours: bool) -> str:
    how = f"its times are {abs(value) / SECOND:.1f}s {'behind' if value > 0 else 'ahead of'} this machine's clock"
    if ours:
        return f"{how}, as most venues' are: check this machine's clock (NTP); ages are corrected by it meanwhile"
    return f"{how}: see the venue's status page; ages are corrected by it meanwhile"
