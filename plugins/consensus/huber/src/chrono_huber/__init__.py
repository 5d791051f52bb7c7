"""Huber's M-estimate of what venues say together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from statistics import NormalDist

from pydantic import Field
from scipy.optimize import brentq  # type: ignore[import-untyped]

from chrono import Consensus, VenueConsensus, hookimpl

CONSISTENT = 1 / NormalDist().inv_cdf(3 / 4)
"""Times the median absolute deviation is the standard deviation, of normal values."""

_EXACT = 1e-12


def huber_location(values: Sequence[float], shares: Sequence[float], k: float = 1.345, floor: float = 3e-4) -> float:
    """Return Huber's M-estimate of location, with shares and a scale by the median absolute deviation.

    Parameters
    ----------
    values : sequence of float, length n > 0
        Positive prices, in one quote.
    shares : sequence of float, length n
        Non-negative, with sum 1.
    k : float
        Where a venue's pull stops growing with its distance, in scales; at least 0.7, so that there is one solution.
    floor : float
        The smallest scale, relative to the weighted median.

    Returns
    -------
    float
        At most k scales from the weighted median, and between the lowest and the highest value that has a share.

    Raises
    ------
    ValueError
        If there are no values, or as many shares as values are not given.

    Notes
    -----
    ``m + s * t`` with the root t of ``sum(w[i] * psi((x[i] - m) / s - t)) = 0``, ``psi(u) = max(-k, min(k, u))`` [1]_,
    m the weighted median and ``s = max(floor * m, 1.4826 * median |x - m|)``, weighted as well. The sum falls
    monotonically in t, from at least 0 at -k to at most 0 at k, since half of the shares lie on either side of m. It
    falls strictly at its root, since half of the shares lie within s / 1.4826 of m, so there is only one. With the k
    of 1.345 its variance on normal noise is 1 / 0.95 times that of the mean [2]_.

    Breakdown point 0.5 of the shares, as of the weighted median and its deviation, which bound it: while those that
    are wrong have less than half of the shares, m lies among the others, s is at most ``max(floor * m, 1.4826 *
    range)`` of them, and the value within k * s of m. It may leave their range by that much: unlike a median, it is
    moved a little by whatever is wrong.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", *Annals of Mathematical Statistics* 35, 1964, pages
       73-101.
    .. [2] P. W. Holland, R. E. Welsch, "Robust Regression Using Iteratively Reweighted Least-Squares", *Communications
       in Statistics* A6, 1977, pages 813-827.

    Examples
    --------
    The median is 100 and the scale 1.4826; 99 and 101 balance, 900 pulls like 1.345 scales with its tenth of the shares
    and the other nine tenths pull back, so t = 0.1345 / 0.9:

    >>> round(huber_location([99.0, 100.0, 101.0, 900.0], [0.3, 0.3, 0.3, 0.1]), 4)
    100.2216
    """
    # sorted, so that what is computed depends on what is there and not on the order it came in
    ranked = sorted(pair for pair in zip(values, shares, strict=True) if pair[1] > 0)
    if not ranked:
        raise ValueError("expected one value with a share at least, there was none")
    centre = _median(ranked)
    spread = _median(sorted([(abs(value - centre), share) for value, share in ranked]))
    scale = max(floor * centre, CONSISTENT * spread)
    if scale <= 0:
        return centre
    points = [((value - centre) / scale, share) for value, share in ranked]

    def pull(t: float) -> float:
        return fsum([share * max(-k, min(k, u - t)) for u, share in points])

    value = centre + scale * _root(pull, k)
    return min(max(value, ranked[0][0]), ranked[-1][0])


def _root(pull: Callable[[float], float], k: float) -> float:
    """Return where a falling function of -k to k is zero; an end of it, where rounding leaves no change of sign."""
    if pull(-k) <= 0:
        return -k
    if pull(k) >= 0:
        return k
    return float(brentq(pull, -k, k, xtol=1e-14, maxiter=500))


def _median(ranked: Sequence[tuple[float, float]]) -> float:
    """Return the value at which the cumulated share passes a half, the midpoint where it is exactly a half."""
    below = 0.0
    for (value, share), (above, _) in zip(ranked, [*ranked[1:], ranked[-1]], strict=True):
        below += share
        if below > 0.5 + _EXACT:
            return value
        if below >= 0.5 - _EXACT:
            return (value + above) / 2
    return ranked[-1][0]


class Huber(VenueConsensus):
    """Huber's M-estimate: a mean of the venues, but for those far off, whose pull stops growing with their distance.

    Notes
    -----
    `huber_location` of the estimates, by turnover, no group's share above max(0.15, 1.2/n); its scale is no smaller
    than the option `noise_floor`. Below its breakdown point a value may lie outside the range of the venues that are
    right, by at most `k` scales.

    Examples
    --------
    >>> from chrono import Estimate, Market, Pair
    >>> pair = Pair("BTC", "USD")
    >>> said = {"binance": 102.0, "coinbase": 90.0, "kraken": 101.0}
    >>> estimates = [Estimate(Market(v, pair, v), pair, price, 1.0, 1, 0, "last") for v, price in said.items()]
    >>> round(Huber().agree(estimates).value, 4)
    100.503
    """

    type = "huber"
    breakdown = 0.5

    class Config(VenueConsensus.Config):
        """Where a venue's pull stops growing."""

        k: float = Field(default=1.345, ge=0.7, le=10)
        """Distance, in scales, beyond which a venue pulls no harder."""

    config: Config

    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return each group's turnover."""
        return turnover

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return Huber's M-estimate."""
        return huber_location(values, shares, self.config.k, float(self.config.noise_floor))


@hookimpl
def chrono_consensus() -> Iterable[type[Consensus]]:
    """Return the strategy."""
    return [Huber]
