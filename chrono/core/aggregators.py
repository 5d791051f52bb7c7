"""The aggregators that need no plugin: the newest price, the newest middle of the book, a median, a steady mean."""

from __future__ import annotations

from math import fsum, sqrt

import numpy as np
from pydantic import Field

from chrono.core.cohort import middle
from chrono.core.component import Aggregator
from chrono.core.errors import InsufficientData
from chrono.core.types import Estimate
from chrono.core.units import Duration, Share
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


class Steady(Aggregator):
    """The mean of the newest trades for as long as they stood still; the newest one while the price moves.

    For what hardly ever moves, such as a stablecoin's rate: noise is averaged out over the window, and a price that
    does move is followed at once.

    Notes
    -----
    The run of trades up to the newest whose highest is at most `band` above its lowest is halved, the older half left
    out, while the means of its halves differ by more than three standard errors (Welch's statistic). The value is the
    mean of what is left, the newest trade where that is fewer than four. Breakdown point 0: the newest trade decides
    which others count.

    References
    ----------
    .. [1] O. V. Lepski, "On a Problem of Adaptive Estimation in Gaussian White Noise", *Theory of Probability and its
       Applications* 35, 1991: the longest window that no shorter one contradicts.
    .. [2] B. L. Welch, "The Generalization of 'Student's' Problem", *Biometrika* 34, 1947.
    """

    type = "steady"

    class Config(Aggregator.Config):
        """How far back to look, and what is still the same price."""

        window: Duration = Field(default=Duration("300s"), gt=0, le=Duration("24h"))
        """How far back to look; longer than others do, since a price that stands still does not age."""
        count: int | None = Field(default=60, ge=1)
        """Only the newest so many trades of the window."""
        band: Share = Field(default=Share("10bp"), gt=0)
        """How far apart trades of one price may be."""

    config: Config

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the mean of the trades that stood still, the newest price where none did."""
        # the newest first; prints of one moment have no order among each other
        back = [price for _, price in sorted(zip(window.ts.tolist(), window.price.tolist(), strict=True), reverse=True)]
        run = _standing(back, 1.0 + self.config.band)
        while len(run) >= _ENOUGH and _moved(run):
            run = run[: len(run) // 2]
        if len(run) < _ENOUGH:
            return self.estimate(window, window.last)
        return self.estimate(window, min(max(fsum(run) / len(run), min(run)), max(run)), len(run))


_ENOUGH = 4


def _standing(back: list[float], most: float) -> list[float]:
    """Return the first prices, for as long as the highest of them is at most so many times the lowest."""
    low = high = back[0] if back else 0.0
    for n, price in enumerate(back):
        low, high = min(low, price), max(high, price)
        if high > low * most:
            return back[:n]
    return back


def _moved(run: list[float]) -> bool:
    """Say whether the halves of a run differ by more than chance."""
    half = len(run) // 2
    (new, varied), (old, vary) = _moments(run[:half]), _moments(run[half : 2 * half])
    return abs(new - old) > 3.0 * sqrt((varied + vary) / half)


def _moments(values: list[float]) -> tuple[float, float]:
    mean = fsum(values) / len(values)
    return mean, fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1)
