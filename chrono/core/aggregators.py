"""The aggregators that need no plugin: the newest price, the newest middle of the book, the median of a window."""

from __future__ import annotations

import numpy as np

from chrono.core.component import Aggregator
from chrono.core.consensus import middle
from chrono.core.errors import InsufficientData
from chrono.core.types import Estimate
from chrono.core.windows import QuoteWindow, TradeWindow


class Last(Aggregator):
    """The last trade: no lag, no averaging."""

    type = "last"

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the newest price of a market."""
        return self.estimate(window, window.last)


class Mid(Aggregator):
    """The middle of the newest top of book."""

    type = "mid"
    reads = "quotes"

    def aggregate(self, window: QuoteWindow) -> Estimate:
        """Return the newest mid price of a market."""
        return self.estimate(window, window.mid)


class WindowMedian(Aggregator):
    """The median of the trades of a window, each print counted once."""

    type = "median"
    breakdown = 0.5

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the median price of a window."""
        if not len(window):
            raise InsufficientData(0, 1)
        prints = window.prints
        if prints.max() == 1.0:
            return self.estimate(window, float(np.median(window.price)))
        return self.estimate(window, middle(window.price.tolist(), (prints / prints.sum()).tolist()))
