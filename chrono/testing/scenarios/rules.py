"""Other ways to price the same draws, shown beside: each converts with its own rule's rate of the same instant.

Public names: RULES, Tape, last_median, pooled_vwap, reference_provider.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from chrono.core.types import SECOND, Trade
from chrono.testing.scenarios.cast import Player

LAMBDA = 5e-5
"""Decay of the reference provider's weights per millisecond."""

VWAP_SPAN = 60 * SECOND


class Tape:
    """What one venue printed, by time of receipt.

    Parameters
    ----------
    player : Player
    received : sequence of int
        Nanoseconds, ascending.
    trades : sequence of Trade
        Length as `received`.
    """

    def __init__(self, player: Player, received: Sequence[int], trades: Sequence[Trade]) -> None:
        self.player = player
        self.received = received
        self.trades = trades

    def last(self, as_of: int) -> tuple[Trade, int] | None:
        """Return the last trade received by an instant, with its time of receipt."""
        row = bisect_right(self.received, as_of) - 1
        return None if row < 0 else (self.trades[row], self.received[row])

    def within(self, as_of: int, span: int) -> Sequence[Trade]:
        """Return the trades received in the span before an instant."""
        return self.trades[bisect_right(self.received, as_of - span) : bisect_right(self.received, as_of)]

    def between(self, start: int, end: int) -> int:
        """Return how many trades were received from `start` until before `end`."""
        return bisect_left(self.received, end) - bisect_left(self.received, start)


Tapes = Sequence[Tape]
Rates = Mapping[str, float]
Rule = Callable[[Tapes, Rates, int], float]
"""From the tapes of one feed, the value of each quote in dollars, and an instant, to a price; NaN for none."""


def last_median(tapes: Tapes, rates: Rates, as_of: int) -> float:
    """Return the plain median of last prints, however old."""
    found = [last[0].price * rates[tape.player.pair.quote] for tape in tapes if (last := tape.last(as_of)) is not None]
    return median(found) if found else math.nan


def pooled_vwap(tapes: Tapes, rates: Rates, as_of: int) -> float:
    """Return the volume-weighted average of all trades of the last 60 s."""
    turnover = volume = 0.0
    for tape in tapes:
        rate = rates[tape.player.pair.quote]
        for trade in tape.within(as_of, VWAP_SPAN):
            turnover += trade.price * rate * trade.size
            volume += trade.size
    return turnover / volume if volume else math.nan


def reference_provider(tapes: Tapes, rates: Rates, as_of: int) -> float:
    """Return the median of last prints weighted by exp(-5e-5 age), age in milliseconds; no cut-off, no quorum.

    References
    ----------
    .. [1] Flare Foundation, ``ftso-v2-example-value-provider``, ``src/data-feeds/ccxt-provider-service.ts``,
       ``weightedMedian``; read 2026-11-22.
    """
    weighed = sorted(
        (last[0].price * rates[tape.player.pair.quote], math.exp(-LAMBDA * (as_of - last[1]) / 1e6))
        for tape in tapes
        if (last := tape.last(as_of)) is not None
    )
    half, below = sum(weight for _, weight in weighed) / 2, 0.0
    for price, weight in weighed:
        below += weight
        if below >= half:
            return price
    return math.nan


RULES: Mapping[str, Rule] = {
    "median": last_median,
    "vwap_60s": pooled_vwap,
    "ftso_reference": reference_provider,
}


def priced(rule: Rule, tapes: Mapping[str, Tapes], as_of: int) -> float:
    """Return what a rule makes of a feed, by kinds of tapes: the feed's, `v`, and those of its rates."""
    rates = {"USD": 1.0, "USDT": rule(tapes["r"], {"USD": 1.0}, as_of)}
    if tapes.get("e"):
        rates["EUR"] = rule(tapes["e"], {"USD": 1.0}, as_of)
    return rule(tapes["v"], rates, as_of)
