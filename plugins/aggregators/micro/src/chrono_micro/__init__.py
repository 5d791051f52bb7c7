"""The top of a book, weighted by its sizes."""

from __future__ import annotations

from collections.abc import Iterable

from chrono import Aggregator, Estimate, InsufficientData, QuoteWindow, hookimpl


class Micro(Aggregator):
    """The middle of the newest top of book, nearer to the side that has less to offer.

    Notes
    -----
    ``(bid * ask_size + ask * bid_size) / (bid_size + ask_size)``, prices in quote units per base unit and sizes in base
    units; the plain middle where both sizes are zero. In [1]_ this is the weighted mid-price, from which the micro-
    price proper differs by a model fitted to each market's history; a pure function of one window has no such history.
    Breakdown point 0: the newest quote alone decides, though between its bid and its ask. No lag.

    References
    ----------
    .. [1] S. Stoikov, "The micro-price: a high-frequency estimator of future prices", *Quantitative Finance* 18, 2018,
       pages 1959-1966.

    Examples
    --------
    >>> from chrono import Market, Pair, QuoteWindow
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> window = QuoteWindow.of(market, 2_000, 1_000, [100.0], [104.0], [1_900], bid_size=[3.0], ask_size=[1.0])
    >>> Micro().aggregate(window).value
    103.0
    """

    type = "micro"
    reads = "quotes"
    breakdown = 0.0

    def aggregate(self, window: QuoteWindow) -> Estimate:
        """Return the newest price between bid and ask.

        Parameters
        ----------
        window : QuoteWindow
            n tops of book; prices in quote units per base unit, sizes in base units.

        Returns
        -------
        Estimate
            From the newest bid to the newest ask; of a window without a quote what stood when it opened, with n = 0 and
            the market's age.

        Raises
        ------
        InsufficientData
            If nothing was quoted in the window or before it.
        """
        if not len(window) and window.prior is None:
            raise InsufficientData(0, 1)
        bid, ask, bid_size, ask_size = window.top
        total = bid_size + ask_size
        # a share before a product: sizes next to the smallest double would vanish in one
        share = bid_size / total if total > 0.0 else 0.5
        return self.estimate(window, min(max(bid + (ask - bid) * share, bid), ask))


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregator."""
    return [Micro]
