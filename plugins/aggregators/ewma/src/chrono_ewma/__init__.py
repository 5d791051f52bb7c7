"""The exponentially weighted moving average of the trades of a window."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import numpy as np
from pydantic import Field

from chrono import Aggregator, Duration, Estimate, InsufficientData, TradeWindow, hookimpl


class Ewma(Aggregator):
    """The mean of a window's prints, each worth half as much after every half-life.

    Notes
    -----
    ``sum(w * p) / sum(w)`` with ``w = 2**(-(as_of - t) / half_life)`` for each print of price p, in quote units per
    base unit, at time t; a row of n folded prints weighs n times as much. Weights go by time and not by rank, as they
    must where prints are unevenly spaced. The moving averages of [1]_ integrate a path between the prints against that
    kernel, with ``tau = half_life / ln 2``; here each print is one mass. Since weights are normalised they are taken
    relative to the newest print, so that they do not vanish however old it is. What lies before the window weighs
    nothing. Breakdown point 0: one print that is far enough off carries the mean anywhere. In a market that moves and
    prints evenly it lags by about tau.

    References
    ----------
    .. [1] A. Eckner, "Algorithms for Unevenly Spaced Time Series: Moving Averages and Other Rolling Operators", the
       section on exponential moving averages.

    Examples
    --------
    >>> from chrono import Market, Pair, TradeWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 103.0], "size": [3.0, 1.0], "ts": [1_000, 2_000]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=2_000, **prints)
    >>> Ewma(Ewma.Config(half_life="1us")).aggregate(window).value
    102.0
    """

    type = "ewma"
    reads = "trades"
    breakdown = 0.0

    class Config(Aggregator.Config):
        """How far back to look, and how fast to forget."""

        half_life: Duration = Field(default=Duration("10s"), gt=0)
        """After this long a print counts for half."""

    config: Config

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the mean price of a window, the newer the print the heavier.

        Parameters
        ----------
        window : TradeWindow
            n prints in quote units per base unit.

        Returns
        -------
        Estimate
            Within the lowest and the highest price of the window.

        Raises
        ------
        InsufficientData
            If nothing was printed in the window.
        """
        price, ts = window.price, window.ts
        if not len(price):
            raise InsufficientData(0, 1)
        weight = window.prints * np.exp2((ts - ts[-1]) / self.config.half_life)
        mean = fsum((price * weight).tolist()) / fsum(weight.tolist())
        # a mean of equal prices may round to the number next to them
        return self.estimate(window, min(max(mean, float(price.min())), float(price.max())))


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [Ewma]
