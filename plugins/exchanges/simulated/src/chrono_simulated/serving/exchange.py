"""One run of a simulated exchange: its time, what it lists, what it printed last, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import msgspec

from chrono import Pair, Quote, Trade
from chrono.testing.faults import Depeg, Fault, Silence
from chrono.testing.market import Parameters, SimulatedMarket, SimulatedVenue
from chrono_simulated.serving.faults import (
    AcceptUnlisted,
    AnyServedFault,
    ClockOff,
    Delisted,
    Halted,
    OfPairs,
    Reject,
)
from chrono_simulated.serving.frames import SECOND
from chrono_simulated.serving.script import Script

if TYPE_CHECKING:
    from chrono_simulated.serving.venue import Venue

_LONGEST = 10 * SECOND


class Clock(Protocol):
    """What time it is, in nanoseconds, and how to wait."""

    def now(self) -> int:
        """Return the time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Exchange:
    """One run of a venue.

    Parameters
    ----------
    venue : Venue
        How it prints and what it speaks.
    clock : Clock
    """

    def __init__(self, venue: Venue, clock: Clock) -> None:
        self.venue = venue
        self.clock = clock
        self.script = Script(venue.faults, clock.now())
        self._draw()

    def _draw(self) -> None:
        faults, origin = self.script.faults, self.script.origin
        settings = self.venue.settings
        self.market = SimulatedMarket(
            Parameters(seed=settings.seed, walk=settings.walk),
            [fault for fault in faults if isinstance(fault, Depeg)],
            origin=origin,
        )
        self.printing = SimulatedVenue(
            settings.name or self.venue.type,
            rate=settings.rate,
            quotes=settings.rate if settings.quotes is None else settings.quotes,
            noise=settings.noise,
            bias=settings.bias,
            volume=settings.volume,
            spread=settings.spread,
            faults=tuple(fault for fault in faults if isinstance(fault, Fault)),
        )

    def strike(self, faults: Iterable[AnyServedFault]) -> None:
        """Let faults begin now."""
        self.script.strike(faults, self.clock.now())
        self._draw()

    def heal(self) -> None:
        """End every fault."""
        self.script.heal()
        self._draw()

    @property
    def off(self) -> int:
        """How wrong the venue's clock is, nanoseconds."""
        return sum(fault.by for fault in self.script.active(ClockOff, self.clock.now()))

    def now(self) -> int:
        """Return the time as the venue states it."""
        return self.clock.now() + self.off

    @cached_property
    def _by_symbol(self) -> dict[str, Pair]:
        return {self.venue.symbol(pair): pair for pair in self.venue.pairs}

    @property
    def listed(self) -> Sequence[Pair]:
        """What stands in the listings."""
        return [pair for pair in self.venue.pairs if not self._befallen(Delisted, pair)]

    def find(self, symbol: str) -> Pair | None:
        """Return the pair that is listed under a symbol."""
        pair = self._by_symbol.get(symbol)
        return None if pair is None or self._befallen(Delisted, pair) else pair

    def is_halted(self, pair: Pair) -> bool:
        """Say whether a pair is listed and not traded."""
        return self._befallen(Halted, pair)

    def refuses(self, symbol: str) -> bool:
        """Say whether a subscription to a symbol is refused."""
        pair = self.find(symbol)
        if pair is None:
            return self.script.first(AcceptUnlisted, self.clock.now()) is None
        return self._befallen(Reject, pair)

    def _befallen(self, kind: type[OfPairs], pair: Pair) -> bool:
        return any(fault.befalls(pair) for fault in self.script.active(kind, self.clock.now()))

    def recent(self, pair: Pair, count: int = 20) -> Sequence[Trade]:
        """Return the last trades of a pair, oldest first, at least one; of a venue that fell silent, those before."""
        at = min([self.clock.now(), *self._silenced(pair)])
        since = at - min(int((2 * count + 10) / max(self.printing.rate, 0.1) * SECOND), _LONGEST)
        trades = list(self.market.prints(self.printing, pair, since, at + 1))[-count:]
        return [self.stated(trade) for trade in trades or [self._undisturbed(pair, at)]]

    def _undisturbed(self, pair: Pair, at: int) -> Trade:
        price = float(f"{self.market.price(pair, at):.7g}")
        return self.market.print_at(self.printing, pair, at) or Trade(str(pair), price, 0.0, "buy", "0", at)

    def last(self, pair: Pair) -> Trade:
        """Return the last trade of a pair."""
        return self.recent(pair, 1)[-1]

    def stated(self, trade: Trade) -> Trade:
        """Return a trade with the time that the venue's clock gives it."""
        off = self.off
        return msgspec.structs.replace(trade, ts_event=(trade.ts_event or 0) + off) if off else trade

    def _silenced(self, pair: Pair) -> Iterable[int]:
        return (
            self.script.onset(fault) - 1
            for fault in self.script.active(Silence, self.clock.now())
            if not fault.pairs or str(pair) in fault.pairs
        )

    def top(self, trade: Trade) -> Quote:
        """Return the top of the book around a trade."""
        half = self.printing.spread / 2
        bid, ask = (float(f"{trade.price * (1 + side):.8g}") for side in (-half, half))
        return Quote(trade.symbol, bid, ask, trade.size, trade.size, trade.ts_event)

    def day_volume(self, pair: Pair) -> float:
        """Return the base units traded in a day."""
        dollars = self.market.parameters.turnover * self.printing.volume * 86_400
        return round(dollars / self.market.parameters.reference(pair.base), 8)
