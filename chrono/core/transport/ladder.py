"""What is done about a silent market, one step after the other, and how often each may be done.

Subscribe to it again, connect again, go to the next address, ask for it over HTTP; and back when the stream brings it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from chrono.core.transport.backoff import Backoff, Chance
from chrono.core.transport.liveness import Bounds, Liveness, Pulse

_HOUR = 360
_HALF_AN_HOUR = 180
_WORDS = 3


class Steps(msgspec.Struct, gc=False):
    """What one look leads to, by symbol.

    Attributes
    ----------
    silent : list of str
        Nothing for now: it was tried too often of late, or nothing helped.
    resubscribe, reconnect, move : list of str
        To be subscribed to again; for whose sake to connect again, or to another address.
    poll, back : list of str
        To be asked for over HTTP; brought by the stream again.
    """

    silent: list[str] = msgspec.field(default_factory=list)
    resubscribe: list[str] = msgspec.field(default_factory=list)
    reconnect: list[str] = msgspec.field(default_factory=list)
    move: list[str] = msgspec.field(default_factory=list)
    poll: list[str] = msgspec.field(default_factory=list)
    back: list[str] = msgspec.field(default_factory=list)


class _Rung:
    """How far up a silent market is; `step` counts what was done for it."""

    __slots__ = ("due", "first", "polled", "step", "told", "words")

    def __init__(self) -> None:
        self.step = 0
        self.due = 0.0
        self.polled = False
        self.told = False
        self.words = 0
        self.first = 0.0

    @property
    def troubled(self) -> bool:
        """Whether anything was done or told."""
        return self.step > 0 or self.polled or self.told


class Ladder:
    """The silent markets of one connection.

    Parameters
    ----------
    symbols : iterable of str
        What the connection should bring.
    bounds : Bounds
    chance : Chance or None
        Where the jitter of waits comes from.
    polls : bool
        Whether markets can be asked for over HTTP.
    several : bool
        Whether there is another address to go to.

    Notes
    -----
    The first step is taken when a market is silent, the next ones each after as long again. For the sake of silent
    markets a connection is given up at most once in a while that doubles each time, up to half an hour, so that a
    quiet night is no storm of reconnections; a market that never said a word is worth one. Nothing is done twice as
    often for a market that falls silent again and again.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        bounds: Bounds,
        chance: Chance | None = None,
        *,
        polls: bool = False,
        several: bool = False,
    ) -> None:
        self.markets = Liveness(symbols, bounds)
        self._bounds = bounds
        self._chance = chance
        self._polls = polls
        self._several = several
        self._time = 0.0
        self._now = 0
        self._down_since: float | None = 0.0
        self._rungs: dict[str, _Rung] = {}
        self._calm: dict[str, tuple[float, Backoff]] = {}
        self._given_up: set[str] = set()
        self._reconnects = self._backoff(bounds.reconnects, _HALF_AN_HOUR)
        self._reconnect_at = 0.0

    def opened(self) -> None:
        """Take note of a new connection: every market has as long again to be heard of."""
        self._down_since = None
        self.markets.interrupt(self._now)
        for symbol, pulse in self.markets.pulses.items():
            if symbol in self._rungs or pulse.quiet > self._bounds.shortest:
                self._wait(self._rung(symbol), pulse.limit)

    def _wait(self, rung: _Rung, limit: float) -> None:
        # what is due sooner stays so: hang-ups that come faster than a market speaks must not put it off for ever
        if not self._time < rung.due <= self._time + limit:
            rung.due = self._time + limit

    def closed(self) -> None:
        """Take note that there is no connection."""
        if self._down_since is None:
            self._down_since = self._time

    def asked_again(self, symbol: str) -> bool:
        """Return whether a symbol was subscribed to again of late, so that a refusal says nothing about it."""
        rung = self._rungs.get(symbol)
        return rung is not None and rung.step > 0

    def look(self, elapsed: float, now: int, without: Collection[str] = ()) -> Steps:
        """Let time pass, and return what is to be done.

        Parameters
        ----------
        elapsed, now
            As `Liveness.look` takes them.
        without : collection of str
            Symbols that the venue refuses: nothing is to be expected of them.
        """
        steps = Steps()
        for symbol in self.markets.look(elapsed, now):
            if symbol in self._rungs:
                self._heard(symbol, self._rungs[symbol], steps)
        self._time += elapsed
        self._now = now
        down = None if self._down_since is None else self._time - self._down_since
        for symbol, pulse in self.markets.pulses.items():
            if down is not None and self._polls and (down >= self._bounds.down or pulse.silent):
                if symbol not in without:
                    self._poll(symbol, self._rung(symbol), steps)
            elif down is None and pulse.silent and symbol not in without:
                self._climb(symbol, pulse, self._rung(symbol), steps)
        self._bound(steps)
        return steps

    def _rung(self, symbol: str) -> _Rung:
        return self._rungs.get(symbol) or self._rungs.setdefault(symbol, _Rung())

    def _heard(self, symbol: str, rung: _Rung, steps: Steps) -> None:
        """Let a market that speaks again go, after a few words: one alone is what some venues answer a subscription."""
        rung.words += 1
        if rung.words == 1:
            rung.first = self._time
        if not rung.troubled:
            del self._rungs[symbol]
        elif rung.words >= _WORDS and self._time - rung.first >= self._bounds.shortest / 2:
            del self._rungs[symbol]
            steps.back.append(symbol)

    def _climb(self, symbol: str, pulse: Pulse, rung: _Rung, steps: Steps) -> None:
        """Take the next step for a silent market, if it is due."""
        rung.words = 0
        if self._time < rung.due:
            return
        rung.due = self._time + pulse.limit
        if rung.step == 0:
            self._resubscribe(symbol, rung, steps)
        elif rung.step < 3 and (pulse.known or symbol not in self._given_up):
            self._reconnect(symbol, rung, steps)
        else:
            self._top(symbol, rung, steps)

    def _resubscribe(self, symbol: str, rung: _Rung, steps: Steps) -> None:
        since, backoff = self._calm.get(symbol) or (0.0, self._backoff(5 * self._bounds.shortest, 60))
        if self._time < since:
            rung.due = since
            self._tell(symbol, rung, steps)
            return
        if self._time - since > _HOUR * self._bounds.shortest:
            backoff.reset()
        self._calm[symbol] = self._time + backoff.next(), backoff
        rung.step = 1
        self.markets.pulses[symbol].prompt(self._now)
        steps.resubscribe.append(symbol)

    def _reconnect(self, symbol: str, rung: _Rung, steps: Steps) -> None:
        if rung.step == 2 and not self._several:
            self._top(symbol, rung, steps)
        elif self._time < self._reconnect_at:
            rung.due = max(rung.due, self._reconnect_at)
            self._poll(symbol, rung, steps)
        else:
            (steps.reconnect if rung.step == 1 else steps.move).append(symbol)
            rung.step += 1

    def _top(self, symbol: str, rung: _Rung, steps: Steps) -> None:
        """Ask for it otherwise; from then on subscribe to it again from time to time."""
        pauses = self._bounds.again * 2.0 ** min(max(rung.step - 3, 0), 6)
        rung.due = self._time + min(pauses, 60 * self._bounds.again)
        if rung.step > 3:
            self.markets.pulses[symbol].prompt(self._now)
            steps.resubscribe.append(symbol)
        elif not self._poll(symbol, rung, steps):
            self._tell(symbol, rung, steps)
        rung.step = max(rung.step, 3) + 1

    def _poll(self, symbol: str, rung: _Rung, steps: Steps) -> bool:
        if self._polls and not rung.polled:
            rung.polled, rung.words = True, 0
            steps.poll.append(symbol)
        return rung.polled

    def _tell(self, symbol: str, rung: _Rung, steps: Steps) -> None:
        if not rung.told:
            rung.told = True
            steps.silent.append(symbol)

    def _bound(self, steps: Steps) -> None:
        """Let one new connection serve all that are silent, and hold back the next one."""
        if not (steps.reconnect or steps.move):
            return
        for symbol, rung in self._rungs.items():
            if not self.markets.pulses[symbol].known:
                self._given_up.add(symbol)
            if rung.step == 1 and not rung.words:
                rung.step = 2
        if self._time - self._reconnect_at > _HOUR * self._bounds.reconnects:
            self._reconnects.reset()
        self._reconnect_at = self._time + self._bounds.shortest + self._reconnects.next()

    def _backoff(self, base: float, times: int) -> Backoff:
        return Backoff(base, times * base, self._chance)
