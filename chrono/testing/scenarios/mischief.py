"""Ticks that no venue should send: what the board must refuse at the edge.

Public names: nonsense.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chrono.core.types import SECOND, Quote, Tick, Trade
from chrono.testing.scenarios.cast import Player
from chrono.testing.scenarios.prints import Heard, latency

PRICES = (0.0, -1.0, math.nan, math.inf, -math.inf, 1e308)


def nonsense(players: Sequence[Player], onset: int, seconds: int) -> list[Heard]:
    """Return one impossible tick a second from each of the feed's venues, of every kind in turn."""
    heard = []
    for rank, player in enumerate(player for player in players if player.kind == "v"):
        symbol, delay = str(player.pair), latency(player.name)
        for second in range(seconds):
            ts = onset + second * SECOND
            heard.append(Heard(ts + delay, player.name, _tick(symbol, second + rank, ts)))
    return heard


def _tick(symbol: str, number: int, ts: int) -> Tick:
    kinds = 2 * len(PRICES) + 1
    kind = number % kinds
    if kind < len(PRICES):
        return Trade(symbol, PRICES[kind], 1.0, "buy", f"nonsense-{ts}", ts)
    if kind < kinds - 1:
        return Quote(symbol, PRICES[kind - len(PRICES)], 67_000.0, 1.0, 1.0, ts)
    return Quote(symbol, 67_010.0, 67_000.0, 1.0, 1.0, ts)
