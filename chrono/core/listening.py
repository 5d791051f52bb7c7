"""Sinks that want more than reports: every status that changes, every tick that the board takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chrono.core.board import Inlet
from chrono.core.component import Sink
from chrono.core.statuses import Statuses
from chrono.core.types import Market, Tick


class Listening:
    """Tells the sinks of a run what they want to hear; one that raises hears no more, and is said to have failed."""

    def __init__(self, sinks: Iterable[Sink], statuses: Statuses) -> None:
        self._statuses = statuses
        self._ears: list[Callable[[Market, Tick, int], None]] = []
        for sink in sinks:
            if type(sink).told is not Sink.told:
                statuses.listeners.append(self._guarded(sink, sink.told))
            ear = sink.listener()
            if ear is not None:
                self._ears.append(self._guarded(sink, ear))

    def to(self, inlets: Mapping[str, Inlet], markets: Mapping[str, Sequence[Market]]) -> None:
        """Listen to what enters a board; costs nothing where nobody does."""
        if self._ears:
            for source, inlet in inlets.items():
                inlet.listener = self._hearing({market.symbol: market for market in markets[source]})

    def _hearing(self, markets: Mapping[str, Market]) -> Callable[[Tick, int], None]:
        ears = self._ears

        def hear(tick: Tick, received: int) -> None:
            market = markets[tick.symbol]
            for ear in ears:
                ear(market, tick, received)

        return hear

    def _guarded(self, sink: Sink, ear: Callable[..., None]) -> Callable[..., None]:
        deaf = False

        def guarded(*heard: Any) -> None:
            nonlocal deaf
            if deaf:
                return
            try:
                ear(*heard)
            except Exception as error:  # noqa: BLE001 - a stranger's bug must not cost a tick
                deaf = True
                self._statuses.failure(sink, error, "it hears no more of statuses or ticks")

        return guarded
