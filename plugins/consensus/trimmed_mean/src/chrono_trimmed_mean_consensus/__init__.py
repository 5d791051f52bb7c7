"""The weighted trimmed mean of what venues say together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import fsum

from pydantic import BaseModel, Field

from chrono import Consensus, Context, Share, VenueConsensus, hookimpl

_EXACT = 1e-12


def trimmed_mean(values: Sequence[float], shares: Sequence[float], trim: float = 0.25) -> float:
    """Return the mean of what is left when a part of the shares is cut from each end.

    Parameters
    ----------
    values : sequence of float, length n > 0
        Prices, in one quote.
    shares : sequence of float, length n
        Non-negative, with sum 1.
    trim : float
        What is cut from each end, 0 to below 0.5.

    Returns
    -------
    float
        Between the lowest and the highest value that is left, in their unit.

    Raises
    ------
    ValueError
        If nothing is left, or as many shares as values are not given.

    Notes
    -----
    With values in ascending order and C the cumulated shares, ``sum(x[i] * r[i]) / sum(r[i])`` where
    ``r[i] = max(0, min(C[i], 1 - trim) - max(C[i-1], trim))``: a value across a cut counts with the part of its share
    that is left, so the mean does not jump as shares change; for n equal shares it is the trimmed mean of [1]_. What is
    left of a share is nothing below 1e-12.

    Breakdown point `trim` of the shares [2]_: less than that at either end is cut whole.

    References
    ----------
    .. [1] J. W. Tukey, D. H. McLaughlin, "Less Vulnerable Confidence and Significance Procedures for Location Based
       on a Single Sample: Trimming/Winsorization 1", *Sankhyā* A 25, 1963, pages 331-352.
    .. [2] D. L. Donoho, P. J. Huber, "The Notion of Breakdown Point", in *A Festschrift for Erich L. Lehmann*,
       Wadsworth, 1983, pages 157-184.

    Examples
    --------
    A quarter of the whole is cut from each end: all of 1, all of 900, nothing of 3:

    >>> trimmed_mean([1.0, 2.0, 3.0, 900.0], [0.25, 0.25, 0.25, 0.25])
    2.5
    >>> trimmed_mean([1.0, 2.0, 900.0], [0.5, 0.25, 0.25])
    1.5
    """
    left = list(_left(values, shares, trim))
    total = fsum([part for _, part in left])
    if total <= 0:
        raise ValueError(f"expected something to be left between cuts of {trim}, was nothing of {len(values)} values")
    mean = fsum([value * (part / total) for value, part in left])
    # a mean of equal prices may round to the number next to them
    return min(max(mean, left[0][0]), left[-1][0])


def _left(values: Sequence[float], shares: Sequence[float], trim: float) -> Iterator[tuple[float, float]]:
    """Yield the values that are not cut, in ascending order, and what is left of their shares."""
    # sorted by share too, so that sums are the same whatever order equal values come in
    ranked = sorted(zip(values, shares, strict=True))
    ends = pairwise(accumulate([share for _, share in ranked], initial=0.0))
    for (value, _), (start, end) in zip(ranked, ends, strict=True):
        part = min(end, 1 - trim) - max(start, trim)
        if part > _EXACT:
            yield value, part


class TrimmedMean(VenueConsensus):
    """The mean of the venues after the same share is cut from each end: smoother than a median, firmer than a mean.

    Notes
    -----
    `trimmed_mean` of the estimates, by turnover, no group's share above max(0.15, 1.2/n). Breakdown point: the option
    `trim`.

    Examples
    --------
    >>> from chrono import Estimate, Market, Pair
    >>> pair = Pair("BTC", "USD")
    >>> said = {"binance": 102.0, "bitstamp": 101.0, "coinbase": 99.0, "kraken": 900.0}
    >>> estimates = [Estimate(Market(v, pair, v), pair, price, 1.0, 1, 0, "last") for v, price in said.items()]
    >>> TrimmedMean().agree(estimates).value
    101.5
    """

    type = "trimmed_mean"
    breakdown = 0.25

    class Config(VenueConsensus.Config):
        """How much is cut."""

        trim: Share = Field(default=Share("25%"), ge=0, le=0.49)
        """The share that is cut from each end."""

    config: Config

    def __init__(self, config: BaseModel | None = None, context: Context | None = None) -> None:
        super().__init__(config, context)
        self.breakdown = float(self.config.trim)

    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return each group's turnover."""
        return turnover

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return the trimmed mean."""
        return trimmed_mean(values, shares, float(self.config.trim))


@hookimpl
def chrono_consensus() -> Iterable[type[Consensus]]:
    """Return the strategy."""
    return [TrimmedMean]
