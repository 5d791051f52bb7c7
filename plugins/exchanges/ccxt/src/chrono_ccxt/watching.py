"""Whether what should come from an exchange still comes: each market by its own rhythm, all of them by one limit."""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from chrono import Context, Market, Tick
from chrono.venue import Bounds, Liveness
from chrono_ccxt.outages import Outage

_HOUR = 3600.0


class Watching:
    """The markets of a source; it outlives the objects of ccxt that bring them.

    A market that is silent for twice the longest gap that is usual for it is told as `silent`, and for its sake ccxt
    begins anew, at first after a minute, then ever less often, since that costs the others some seconds. So it does
    when nothing comes of any, and waits twice as long each time that did not help: markets may be as slow as that.

    Attributes
    ----------
    markets : mapping of str to Market
        By symbol.
    heard : bool
        Whether anything came since ccxt began anew.
    """

    def __init__(self, context: Context, markets: Mapping[str, Market], silence: float) -> None:
        self.context = context
        self.markets = markets
        self.heard = False
        self._silence = self._patience = silence
        self._bounds = Bounds()
        self._liveness = Liveness(markets, self._bounds)
        self._absent: set[str] = set()
        self._told: set[str] = set()
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._last = 0.0

    def begin(self, absent: Mapping[str, str]) -> None:
        """Begin anew with the markets that the exchange lists; tell which it does not, by symbol with the code."""
        self.heard = False
        self._last = anyio.current_time()
        self._liveness.interrupt(self.context.clock.now())
        for symbol in self._absent - absent.keys():
            self.context.status("live", market=self.markets[symbol])
        self._absent = set(absent)
        for symbol, code in absent.items():
            why = "does not list it" if code == "unlisted" else "has halted it"
            message = f"{symbol}: the venue {why}; looked up again in an hour, or leave the market out"
            self.context.status("degraded", code, message, market=self.markets[symbol])

    def saw(self, tick: Tick) -> None:
        """Take note of a tick."""
        if not self.heard:
            self.heard = True
            self._patience = self._silence
            self.context.status("live")
        self._last = anyio.current_time()
        self._liveness.dated[tick.symbol] = tick.ts_event
        self._liveness.seen[tick.symbol] = self.context.clock.now()

    async def over(self) -> Outage:
        """Return when ccxt should begin anew, and why."""
        before = anyio.current_time()
        began = before
        while True:
            await anyio.sleep(self._bounds.step)
            now = anyio.current_time()
            fresh = self._liveness.look(now - before, self.context.clock.now())
            before = now
            if now - self._last > self._patience and self._mute:
                advice = "beginning anew; if it lasts, check the network and the venue's status page"
                outage = Outage("silence", f"nothing came for {self._patience:g}s: {advice}")
                self._patience = min(2 * self._patience, _HOUR)
                return outage
            if self._absent and now - began > _HOUR:
                return Outage("reconnect", "looking up what it lists")
            self._back(fresh)
            if (silent := self._silent(now)) is not None:
                return silent

    @property
    def _mute(self) -> bool:
        """Whether no market is merely as slow as it always is."""
        followed = [pulse for symbol, pulse in self._liveness.pulses.items() if symbol not in self._absent]
        return bool(followed) and all(pulse.silent or not pulse.usual for pulse in followed)

    def _back(self, fresh: list[str]) -> None:
        for symbol in fresh:
            self._tries.pop(symbol, None)
            self._due.pop(symbol, None)
            if symbol in self._told:
                self._told.discard(symbol)
                self.context.status("live", market=self.markets[symbol])

    def _silent(self, now: float) -> Outage | None:
        for symbol, pulse in self._liveness.pulses.items():
            if symbol in self._absent or not pulse.silent:
                continue
            if symbol not in self._told:
                self._told.add(symbol)
                advice = "beginning anew from time to time; see whether the venue trades it, or leave the market out"
                message = f"{symbol} has said nothing for {pulse.quiet:.3g}s: {advice}"
                self.context.status("degraded", "silent", message, market=self.markets[symbol])
            if now >= self._due.get(symbol, 0.0):
                tries = self._tries[symbol] = self._tries.get(symbol, 0) + 1
                self._due[symbol] = now + min(self._bounds.again * 2.0 ** (tries - 1), _HOUR)
                return Outage("market_silent", f"{symbol} said nothing while others did: beginning anew")
        return None
