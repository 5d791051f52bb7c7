"""Whether a market that a stream should bring has fallen silent: by its own rhythm, not by a clock for all.

A market that trades ten times a second and says nothing for three seconds is dead; one that trades every minute is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from chrono.core.types import SECOND

_GAPS = 32
_FEW = 4
_ENOUGH = 8
_PATIENCE = 2.0
_STALL = 5
_NEVER = 1e9


class Bounds(msgspec.Struct, frozen=True):
    """Within what a market's rhythm is believed, and how often what is done about silence may be done; in seconds.

    Attributes
    ----------
    shortest, longest : float
        No market is silent before the one, and every market is after the other.
    unknown : float
        When a market is silent whose rhythm is not known yet.
    down : float
        How long a stream is down before its markets are polled, whatever their rhythm.
    again : float
        The first wait before a market that nothing brought back is tried again; doubled each time, up to an hour.
    reconnects : float
        The upper end of the first wait between two connections for the sake of silent markets; doubled each time, up
        to half an hour.
    """

    shortest: float = 2.0
    longest: float = 300.0
    unknown: float = 60.0
    down: float = 5.0
    again: float = 60.0
    reconnects: float = 10.0

    @property
    def step(self) -> float:
        """Seconds between two looks."""
        return self.shortest / 10


class Pulse:
    """The rhythm of one market.

    Attributes
    ----------
    quiet : float
        Seconds since its last word, or since it was first waited for.
    known : bool
        Whether it ever said anything.
    """

    __slots__ = ("_asked", "_bounds", "_event", "_gaps", "_interrupted", "_prompted", "known", "quiet", "ts")

    def __init__(self, bounds: Bounds) -> None:
        self.quiet = 0.0
        self.known = False
        self.ts = 0
        self._bounds = bounds
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._interrupted = True
        self._prompted = -_NEVER
        self._event = 0
        self._asked: int | None = None

    @property
    def usual(self) -> float:
        """The longest gap that is usual: all but one of its last 32 are no longer; 0 where that is not known yet.

        A mean would not do: of gaps that come by chance, five in a hundred are longer than three times their mean.
        """
        if len(self._gaps) < _FEW:
            return 0.0
        return sorted(self._gaps)[-2 if len(self._gaps) >= _ENOUGH else -1]

    @property
    def limit(self) -> float:
        """Seconds of silence after which the market counts as silent: twice the longest gap that is usual."""
        bounds, usual = self._bounds, self.usual
        return min(max(_PATIENCE * usual, bounds.shortest), bounds.longest) if usual else bounds.unknown

    @property
    def silent(self) -> bool:
        """Whether it has said nothing for longer than it should."""
        return self.quiet > self._bounds.shortest and self.quiet > self.limit

    def heard(self, ts: int, after: float, ago: float) -> None:
        """Take note of a word that came so many seconds after the last look, and so many before this one."""
        gap = self.quiet + after
        # what comes as soon as it is asked for is an answer, and no word of the market's own
        answer, self._prompted = gap - self._prompted < self._bounds.shortest / 2, -_NEVER
        if not (self._interrupted or answer):
            # an outage is no rhythm: it counts as no more than what made the market silent
            self._gaps.append(gap if gap <= self._bounds.shortest else min(gap, self.limit))
        self.known, self._interrupted = True, False
        self.ts, self.quiet = ts, ago

    def repeats(self, ts: int, event: int | None) -> bool:
        """Return whether what came is the past that some venues answer a subscription with, and no sign of life.

        Parameters
        ----------
        ts : int
            Its time of receipt.
        event : int or None
            Its own time; what has none is taken for new.
        """
        asked, self._asked = self._asked, None
        if not isinstance(event, int):  # a stranger's parser may pass on text
            return False
        # only the first word is told by our clock: a venue whose own is late dates all that comes before now
        past = asked is not None and (event < asked or event <= self._event)
        self._event = event
        if past:
            self.ts = ts
        return past

    def interrupt(self, now: int) -> None:
        """Learn nothing from the gap that ends next: the connection was another one."""
        self._interrupted = True
        if self.known:
            self._asked = now

    def prompt(self, now: int) -> None:
        """Take note that it was asked to speak."""
        self._prompted = self.quiet
        self._asked = now


class Liveness:
    """The markets of one connection, looked at a few times a second.

    A tick costs one store: its time under its symbol. All else is done when it is looked at.

    Attributes
    ----------
    seen : dict of str to int
        By symbol, the nanoseconds at which it was heard of last; whoever listens writes here.
    dated : dict of str to int or None
        By symbol, the time that its last word stated; written before `seen`.
    pulses : dict of str to Pulse
        By symbol.

    Examples
    --------
    >>> markets = Liveness(["BTC", "ETH"], Bounds())
    >>> for tenth in range(100):
    ...     markets.seen["BTC"] = tenth * SECOND // 10 + 1
    ...     if tenth < 50:
    ...         markets.seen["ETH"] = tenth * SECOND // 10 + 1
    ...     _ = markets.look(0.1, tenth * SECOND // 10 + 1)
    >>> [symbol for symbol, pulse in markets.pulses.items() if pulse.silent]
    ['ETH']
    """

    def __init__(self, symbols: Iterable[str], bounds: Bounds) -> None:
        self.seen: dict[str, int] = {}
        self.dated: dict[str, int | None] = {}
        self.pulses = {symbol: Pulse(bounds) for symbol in symbols}
        self._stall = _STALL * bounds.step

    def look(self, elapsed: float, now: int) -> list[str]:
        """Let time pass, by a clock that never jumps, and return which markets were heard of meanwhile.

        Parameters
        ----------
        elapsed : float
            Seconds since the last look; of a machine that was asleep or too busy to look, no more than five looks
            count, since what came meanwhile may still be waiting to be read.
        now : int
            Nanoseconds, by the clock that `seen` is written by.
        """
        elapsed = min(elapsed, self._stall)
        fresh: list[str] = []
        for symbol, pulse in self.pulses.items():
            ts = self.seen.get(symbol, 0)
            if ts == pulse.ts or pulse.repeats(ts, self.dated.get(symbol)):
                pulse.quiet += elapsed
                continue
            ago = min(max((now - ts) / SECOND, 0.0), elapsed)
            pulse.heard(ts, elapsed - ago, ago)
            fresh.append(symbol)
        return fresh

    def interrupt(self, now: int) -> None:
        """Learn no rhythm from a gap that another connection leaves."""
        for pulse in self.pulses.values():
            pulse.interrupt(now)
