"""The trimmed mean of a window of trades."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import numpy as np
from pydantic import BaseModel, Field

from chrono import Aggregator, Context, Estimate, InsufficientData, Share, TradeWindow, hookimpl


class TrimmedMean(Aggregator):
    """The mean of a window's prints after the same share of them is cut from each end.

    Notes
    -----
    With n prints in the order of their prices p, in quote units per base unit, ``g = floor(trim * n)`` and ``r = trim *
    n - g``: ``((1 - r) * (p[g+1] + p[n-g]) + p[g+2] + … + p[n-g-1]) / (n * (1 - 2 * trim))``. The print at each edge
    counts for the part of it that is not cut [1]_, so that nothing jumps where one print more is cut. Each print counts
    once, those of a folded row at the price of the row. Breakdown point: `trim`. In a moving market it lags by about
    half the window.

    References
    ----------
    .. [1] J. L. Rosenberger, M. Gasko, "Comparing Location Estimators: Trimmed Means, Medians, and Trimean", in D. C.
       Hoaglin, F. Mosteller, J. W. Tukey (eds.), *Understanding Robust and Exploratory Data Analysis*, Wiley, 1983,
       chapter 10.

    Examples
    --------
    >>> from chrono import Market, Pair, TradeWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prices = [100.0, 101.0, 102.0, 103.0, 9000.0]
    >>> window = TradeWindow.of(market, 2_000, 1_000, prices, [1.0] * 5, [1_100, 1_200, 1_300, 1_400, 1_500])
    >>> TrimmedMean().aggregate(window).value
    102.0
    """

    type = "trimmed_mean"
    reads = "trades"
    breakdown = 0.2

    class Config(Aggregator.Config):
        """How far back to look, and how much to cut."""

        trim: Share = Field(default=Share("20%"), ge=0, lt=0.5)
        """The share of the prints that is cut from each end."""

    config: Config

    def __init__(self, config: BaseModel | None = None, context: Context | None = None) -> None:
        super().__init__(config, context)
        self.breakdown = float(self.config.trim)

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the mean price of a window without its extremes.

        Parameters
        ----------
        window : TradeWindow
            n prints in quote units per base unit.

        Returns
        -------
        Estimate
            Within the lowest and the highest price that is not cut.

        Raises
        ------
        InsufficientData
            If nothing was printed in the window.
        """
        if not len(window):
            raise InsufficientData(0, 1)
        order = np.argsort(window.price, kind="stable")
        price, upto = window.price[order], np.cumsum(window.prints[order])
        cut = self.breakdown * upto[-1]
        # of each row, what lies between the two cuts
        left = np.diff(np.clip(upto, cut, upto[-1] - cut), prepend=cut)
        mean = fsum((price * (left / fsum(left.tolist()))).tolist())
        kept = price[left > 0.0]
        # a mean of equal prices may round to the number next to them
        return self.estimate(window, min(max(mean, float(kept[0])), float(kept[-1])))


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [TrimmedMean]
