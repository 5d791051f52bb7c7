"""The time-weighted average price of a window of trades."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chrono import Aggregator, Duration, Estimate, InsufficientData, TradeWindow, hookimpl


class Twap(Aggregator):
    """The mean of the price at each moment of a window: by default a print counts for as long as it was the last.

    Notes
    -----
    The price is known at the times ``t[i]`` of the prints, ``p[i]``, and at the opening of the window, ``t[0] = as_of -
    span``, where one stood before it. With ``d[i] = t[i+1] - t[i]``, the last of which ends at ``as_of``, and their sum
    ``T``, the interpolation between them [1]_ is

    - `previous`: the last print stands, ``sum(p[i] * d[i]) / T``; ``p[0]`` is the price that stood;
    - `linear`: a straight line from print to print, ``(sum((p[i] + p[i+1]) / 2 * d[i]) + p[n] * d[n]) / T``, by the
      trapezoid rule; after the last print n it is flat, since nothing is known of the next, and ``p[0]`` lies on the
      line from the price that stood, at its own time, to the first print.

    Where no price stood before the window, time counts from the first print. Of prints at one moment the last counts,
    and if all prints fall on ``as_of`` itself, the last is the price. Breakdown point 0: one print that stands long
    enough, or is far enough off, carries the mean anywhere. In a moving market `linear` lags by about half the window,
    `previous` by half the time between prints more.

    References
    ----------
    .. [1] M. M. Dacorogna, R. Gençay, U. A. Müller, R. B. Olsen, O. V. Pictet, *An Introduction to High-Frequency
       Finance*, Academic Press, 2001, chapter 3 (previous-tick and linear interpolation).

    Examples
    --------
    >>> from chrono import Market, Pair, TradeWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 104.0], "size": [3.0, 1.0], "ts": [1_200, 1_800]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=1_000, **prints)
    >>> Twap().aggregate(window).value
    101.0
    >>> Twap(Twap.Config(interpolation="linear")).aggregate(window).value
    102.5
    """

    type = "twap"
    reads = "trades"
    breakdown = 0.0

    class Config(Aggregator.Config):
        """How far back to look, and what lies between two prints."""

        window: Duration = Duration("10s")
        """The price is averaged over this long before the round."""
        interpolation: Literal["previous", "linear"] = "previous"
        """Between two prints the earlier one stands, or the price moves in a straight line."""

    config: Config

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
        linear = self.config.interpolation == "linear"
        price, start = self._line(window) if linear else self._steps(window)
        if not len(price):
            raise InsufficientData(0, 1)
        stood = np.diff(start, append=window.as_of)
        total = int(stood.sum())
        if total <= 0:
            return self.estimate(window, window.last)
        level = (price + np.append(price[1:], price[-1])) / 2 if linear else price
        mean = fsum((level * (stood / total)).tolist())
        shown = level[stood > 0]
        # a mean of equal prices may round to the number next to them
        return self.estimate(window, min(max(mean, float(shown.min())), float(shown.max())))

    def _steps(self, window: TradeWindow) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the prices that stood, and since when."""
        if window.prior is None:
            return window.price, window.ts
        opens = window.as_of - window.span
        return np.insert(window.price, 0, window.prior.value), np.insert(window.ts, 0, opens)

    def _line(self, window: TradeWindow) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the corners of the line through the last print of each moment."""
        price, ts, prior, opens = window.price, window.ts, window.prior, window.as_of - window.span
        last = np.diff(ts, append=window.as_of + 1) > 0
        price, ts = price[last], ts[last]
        if prior is None or (len(ts) and ts[0] <= opens):
            return price, ts
        if not len(ts):
            return np.array([prior.value]), np.array([opens])
        way = (opens - prior.ts) / float(ts[0] - prior.ts)
        return np.insert(price, 0, prior.value + (price[0] - prior.value) * way), np.insert(ts, 0, opens)


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [Twap]
