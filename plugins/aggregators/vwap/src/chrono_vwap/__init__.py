"""The volume-weighted average price of a window of trades."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

from chrono import Aggregator, Duration, Estimate, InsufficientData, TradeWindow, hookimpl


class Vwap(Aggregator):
    """What one unit cost on average over a window: every unit traded counts once.

    Notes
    -----
    ``sum(p * q) / sum(q)`` over the prints of the window, p in quote units per base unit, q in base units. Sums are
    exactly rounded, so the result depends neither on the order of the prints nor on the machine. Breakdown point 0: one
    print that is large enough carries the mean anywhere. In a moving market it lags by about half the window.

    References
    ----------
    .. [1] S. A. Berkowitz, D. E. Logue, E. A. Noser, "The Total Cost of Transactions on the NYSE", *Journal of Finance*
       43, 1988, pages 97-112.

    Examples
    --------
    >>> from chrono import Market, Pair, TradeWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 104.0], "size": [3.0, 1.0], "ts": [1_100, 1_900]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=1_000, **prints)
    >>> Vwap().aggregate(window).value
    101.0
    """

    type = "vwap"
    reads = "trades"
    breakdown = 0.0

    class Config(Aggregator.Config):
        """How far back to look."""

        window: Duration = Duration("60s")
        """Trades of this long before the round are averaged."""

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return the mean price of a window by volume.

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
        price, size = window.price, window.size
        volume = fsum(size.tolist())
        if volume <= 0.0:
            raise InsufficientData(0, 1)
        # shares before products: sizes next to the smallest double would vanish in a product
        mean = fsum((price * (size / volume)).tolist())
        # a mean of equal prices may round to the number next to them
        return self.estimate(window, min(max(mean, float(price.min())), float(price.max())))


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [Vwap]
