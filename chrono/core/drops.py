"""Ticks that a source sent and the board did not take, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chrono.core.board import Inlet

_ADVICE = {
    "invalid": "a number that cannot be one, or a bid above its ask: tell the plugin's author",
    "future": "dated in the future: check the unit of `ts_event`, the venue's clock and this machine's",
    "unknown_symbol": "of a symbol that nobody asked for: `parse` must spell it as `symbol` does",
    "duplicate": "under a trade id that was there before: ids must differ, or be left out",
}


_FLOOD = "ticks came so fast that they were folded into buckets of 100 ms: no volume is lost; nothing to do"


class Drops:
    """Says once for each source and reason that ticks are dropped, as soon as it is more than an accident.

    A trade that comes twice is ordinary after a reconnect; more of them than of all others are not.
    """

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def tell(self, inlets: Mapping[str, Inlet], logger: Any) -> None:
        """Log what is new."""
        for source, text in self._news(inlets):
            logger.warning(text, component=source, code="dropped")
        for source, inlet in inlets.items():
            if (source, "folded") not in self._told and (count := inlet.folded):
                self._told.add((source, "folded"))
                logger.info(f"{count} {_FLOOD}", component=source, code="folded")

    def _news(self, inlets: Mapping[str, Inlet]) -> Iterator[tuple[str, str]]:
        for source, inlet in inlets.items():
            for reason, count in inlet.dropped.items():
                usual = inlet.accepted if reason == "duplicate" else 0
                if count > usual and (source, reason) not in self._told:
                    self._told.add((source, reason))
                    total = inlet.accepted + inlet.dropped.total()
                    yield source, f"{count} of {total} ticks dropped: {_ADVICE[reason]}"


def totals(inlets: Mapping[str, Inlet]) -> tuple[int, int]:
    """Return how many ticks the board took, and how many it did not."""
    return sum(inlet.accepted for inlet in inlets.values()), sum(inlet.dropped.total() for inlet in inlets.values())
