"""What happens to messages between the venue and the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

import msgspec

from chrono import Pair, Tick, Trade
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.faults import Duplicated, Flood, OfSome, OutOfOrder, Shifted, Truncated
from chrono_simulated.serving.frames import SECOND, Frame

T = TypeVar("T", bound=OfSome)

_BEHIND = SECOND // 5
_FLOODED = 2_000_000_000_000_000


class Distortion:
    """Faults of the messages of one connection, drawn by the venue's seed and the number of the connection.

    Parameters
    ----------
    exchange : Exchange
    number : int
        Which connection it is.
    """

    def __init__(self, exchange: Exchange, number: int) -> None:
        self._exchange = exchange
        self._number = number
        self._draws: dict[str, Random] = {}
        self._held: list[Frame] = []
        self._faults: Sequence[OfSome] = ()
        self._off = 0

    def look(self) -> None:
        """Look up what is on: once for all that falls due together, as a flood has no time for more."""
        self._faults = tuple(self._exchange.script.active(OfSome, self._exchange.clock.now()))
        self._off = self._exchange.off

    def date(self, tick: Tick) -> Tick:
        """Return a tick with the time the venue states."""
        off = self._off
        if self._faults:
            off += sum(fault.by for fault in self._struck(Shifted))
        return msgspec.structs.replace(tick, ts_event=(tick.ts_event or 0) + off) if off else tick

    def bend(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        """Return messages truncated, twice, or after their successor."""
        return self._bent(frames) if self._faults or self._held else frames

    def _bent(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if any(self._struck(OutOfOrder)):
                self._held.append(frame)
                continue
            yield from self._damaged(frame)
            while self._held:
                yield from self._damaged(self._held.pop(0))

    def _damaged(self, frame: Frame) -> Iterator[Frame]:
        for _ in self._struck(Truncated):
            frame = Frame(frame.payload[: len(frame.payload) // 2], frame.binary)
        yield frame
        for _ in self._struck(Duplicated):
            yield frame

    def _struck(self, kind: type[T]) -> Iterator[T]:
        for fault in self._faults:
            if isinstance(fault, kind) and self._random(kind.__name__).random() < fault.share:
                yield fault

    def _random(self, kind: str) -> Random:
        if kind not in self._draws:
            venue = self._exchange.printing.name
            key = f"{self._exchange.venue.settings.seed}/{venue}/{self._number}/{kind}"
            self._draws[kind] = Random(key)  # noqa: S311 - a simulation
        return self._draws[kind]


class Flooding:
    """Far more prints than usual on one connection: the last print again and again, each with a number of its own."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._told = 0

    def due(self, pairs: Iterable[Pair]) -> Iterator[Trade]:
        """Yield what a flood brought since it was asked last; of a long pause, only the last moment."""
        now = self._exchange.clock.now()
        fault = self._exchange.script.first(Flood, now)
        befallen = [pair for pair in pairs if fault is not None and fault.befalls(pair)]
        if fault is None or not befallen:
            self._told = 0
            return
        every = int(SECOND / fault.rate)
        start = max(self._told or now - every, now - _BEHIND)
        count = (now - start) // every
        self._told = start + count * every
        last = [self._exchange.last(pair) for pair in befallen]
        for step in range(1, count + 1):
            trade, ts = last[step % len(last)], start + step * every
            yield Trade(trade.symbol, trade.price, trade.size, trade.side, str(_FLOODED + ts // 1000), ts)
