"""The time-weighted average price of a window of trades."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import numpy as np

from chrono import Aggregator, Duration, Estimate, InsufficientData, TradeWindow, hookimpl


class Twap(Aggregator):
    """The mean of the price that stood at each moment of a window: a print counts for as long as it was the last.

    Notes
    -----
    ``sum(p[i] * (t[i+1] - t[i])) / sum(t[i+1] - t[i])`` by previous-tick interpolation: ``p[0]`` is the price that
    stood when the window opened, at ``t[0] = as_of - span``, and the last print stands until ``as_of``. Where no price
    stood at the opening, the weighting starts at the first print. Of prints at one moment the last counts, and if all
    prints fall on ``as_of`` itself, the last is the price. Breakdown point 0: one print that stands long enough, or is
    far enough off, carries the mean anywhere. In a moving market it lags by about half the window.

    References
    ----------
    .. [1] M. M. Dacorogna, R. Gençay, U. A. Müller, R. B. Olsen, O. V. Pictet, *An Introduction to High-Frequency
       Finance*, Academic Press, 2001, chapter 3 (previous-tick interpolation).

    Examples
    --------
    >>> from chrono import Market, Pair, TradeWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 104.0], "size": [3.0, 1.0], "ts": [1_200, 1_800]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=1_000, **prints)
    >>> Twap().aggregate(window).value
    101.0
    """

    type = "twap"
    reads = "trades"
    breakdown = 0.0

    class Config(Aggregator.Config):
        """How far back to look."""

        window: Duration = Duration("10s")
        """The price is averaged over this long before the round."""

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the mean price of a window by time.

        Parameters
        ----------
        window : TradeWindow
            n prints in quote units per base unit, and `prior`, the price that stood when it opened.

        Returns
        -------
        Estimate
            Within the lowest and the highest price that stood in the window; of a window without a print the price that
            stood all along, with n = 0 and the market's age.

        Raises
        ------
        InsufficientData
            If nothing was printed in the window or before it.
        """
        price, start = window.price, window.ts
        if window.prior is not None:
            price = np.concatenate(([window.prior.value], price))
            start = np.concatenate(([window.as_of - window.span], start))
        if not len(price):
            raise InsufficientData(0, 1)
        stood = np.diff(start, append=window.as_of)
        total = int(stood.sum())
        if total <= 0:
            return self.estimate(window, window.last)
        mean = fsum((price * (stood / total)).tolist())
        shown = price[stood > 0]
        # a mean of equal prices may round to the number next to them
        return self.estimate(window, min(max(mean, float(shown.min())), float(shown.max())))


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [Twap]
