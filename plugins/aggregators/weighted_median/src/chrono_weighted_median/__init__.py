"""The median of a window of trades, each weighing its size."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import numpy as np
from numpy.typing import NDArray

from chrono import Aggregator, Estimate, InsufficientData, TradeWindow, hookimpl

_EXACT = 1e-12


class WeightedMedian(Aggregator):
    """The price at which half of a window's volume was traded below, half above.

    Notes
    -----
    With the prints in the order of their prices p, in quote units per base unit, and the sizes q, in base units: the
    first ``p[k]`` with ``q[1] + … + q[k] > Q / 2``, where Q is their sum; the midpoint of ``p[k]`` and ``p[k+1]`` where
    the first k sizes are exactly half [1]_. "Exactly" means within 1e-12 of Q, so that n equal sizes behave as a plain
    median. Breakdown point: half of the volume. In a moving market it lags by about half the window.

    References
    ----------
    .. [1] F. Y. Edgeworth, "On a New Method of Reducing Observations", *Philosophical Magazine* 25, 1888.

    Examples
    --------
    >>> from chrono import Market, Pair, TradeWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 104.0, 101.0], "size": [1.0, 1.5, 1.0], "ts": [1_100, 1_500, 1_900]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=1_000, **prints)
    >>> WeightedMedian().aggregate(window).value
    101.0
    """

    type = "weighted_median"
    reads = "trades"
    breakdown = 0.5

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the median price of a window by volume.

        Parameters
        ----------
        window : TradeWindow
            n prints; prices in quote units per base unit, sizes in base units.

        Returns
        -------
        Estimate
            Within the lowest and the highest price of the window.

        Raises
        ------
        InsufficientData
            If nothing was traded in the window, or all its sizes are zero.
        """
        size = window.size
        volume = fsum(size.tolist())
        if volume <= 0.0:
            raise InsufficientData(0, 1)
        traded = size > 0.0
        return self.estimate(window, _middle(window.price[traded], size[traded] / volume))


def _middle(price: NDArray[np.float64], share: NDArray[np.float64]) -> float:
    """Return where the shares, summed in the order of the prices, pass a half."""
    order = np.lexsort((share, price))
    price, below = price[order], np.cumsum(share[order])
    k = min(int(np.searchsorted(below, 0.5 - _EXACT)), len(price) - 1)
    if below[k] > 0.5 + _EXACT or k + 1 == len(price):
        return float(price[k])
    return float((price[k] + price[k + 1]) / 2)


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [WeightedMedian]
