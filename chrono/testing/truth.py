"""The true prices of a simulated market: a function of the seed, the asset and the time, with random access.

The log price of an asset is a Brownian bridge, pinned at its reference every 4096 seconds so that it never wanders off.
Midpoints are displaced by Gaussians hashed from the seed, the asset and the instant, down to an eighth of a second, and
joined by straight lines below that [1]_. Jumps are a compound Poisson process without its drift, pinned as well.

Public names: REFERENCES, Parameters, TruePrices.

References
----------
.. [1] P. Lévy, *Processus stochastiques et mouvement brownien*, 1948: the construction by midpoints.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from random import Random
from statistics import NormalDist
from types import MappingProxyType

from chrono.core.types import SECOND, Pair
from chrono.testing.faults import Depeg

_STABLE = {"USDT": 1.0, "USDC": 1.0, "DAI": 1.0, "USDX": 1.0}
_FIAT = {"EUR": 1.08, "GBP": 1.27, "CHF": 1.13, "AUD": 0.66, "BRL": 0.18, "TRY": 0.029, "JPY": 0.0066, "KRW": 0.00072}
_LARGE = {"BTC": 67_000.0, "ETH": 3_500.0, "BNB": 590.0, "BCH": 450.0, "SOL": 150.0, "LTC": 80.0, "AVAX": 35.0}
_MIDDLE = {"LINK": 15.0, "ATOM": 8.5, "UNI": 8.0, "DOT": 7.0, "NEAR": 6.0, "FIL": 5.5, "ARB": 0.95, "POL": 0.7}
_SMALL = {"XRP": 0.52, "ADA": 0.45, "ALGO": 0.18, "DOGE": 0.12, "TRX": 0.12, "XLM": 0.11, "FLR": 0.02, "SGB": 0.007}
_TINY = {"SHIB": 0.000024, "PEPE": 0.000012}

REFERENCES: Mapping[str, float] = MappingProxyType({"USD": 1.0} | _STABLE | _FIAT | _LARGE | _MIDDLE | _SMALL | _TINY)
"""What assets stand at, in dollars."""

_SPAN = 4096
_PARTS = 8
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the true prices are made of.

    Attributes
    ----------
    seed : int
    walk : float
        Standard deviation of the log price per square-root second; 1 bp.
    jumps : float
        Jumps of each asset per hour.
    jump_size : float
        Standard deviation of a jump of the log price.
    stable, fiat : float
        How much stablecoins and fiat walk and jump, as a share of the above.
    turnover : float
        Dollars traded per second and pair, over all venues.
    references : mapping of str to float
        Prices in dollars that replace or add to `REFERENCES`; an asset of neither has one hashed from its name.
    """

    seed: int = 1
    walk: float = 1e-4
    jumps: float = 0.0
    jump_size: float = 20e-4
    stable: float = 0.02
    fiat: float = 0.1
    turnover: float = 100_000.0
    references: Mapping[str, float] = field(default_factory=dict)

    def reference(self, asset: str) -> float:
        """Return the dollars an asset stands at, between a cent and a hundred dollars where it is not known."""
        known = self.references.get(asset) or REFERENCES.get(asset)
        return known or float(f"{10 ** (4 * uniform(hashed(asset)) - 2):.3g}")

    def motion(self, asset: str) -> float:
        """Return how much of the walk and the jumps an asset takes part in."""
        if asset == "USD":
            return 0.0
        return self.stable if asset in _STABLE else self.fiat if asset in _FIAT else 1.0


class TruePrices:
    """The true price of every pair at every time.

    Parameters
    ----------
    parameters : Parameters
    depegs : sequence of Depeg
        Moves of true prices.
    origin : int
        The instant they count from, nanoseconds.

    Examples
    --------
    >>> prices = TruePrices(Parameters(walk=0.0))
    >>> round(prices.price(Pair("BTC", "EUR"), 0), 2)
    62037.04
    """

    def __init__(self, parameters: Parameters, depegs: Sequence[Depeg] = (), origin: int = 0) -> None:
        self.parameters = parameters
        self.depegs = tuple(depegs)
        self.origin = origin
        # Caches of pure functions; each instance has its own, nothing is shared.
        self._moving = bool(parameters.walk or parameters.jumps or depegs)
        self._walked = lru_cache(1024)(self._path)
        self._asset = lru_cache(1024)(self._asset_path)
        self._gauss = lru_cache(4096)(self._draw)
        self._ends = lru_cache(1024)(self._halved)
        self._jumps = lru_cache(256)(self._jump_table)

    def price(self, pair: Pair, ts: int) -> float:
        """Return the true price of a pair at a time in nanoseconds."""
        second, rest = divmod(ts, SECOND)
        return math.exp(between(self.path(pair, second), rest))

    def path(self, pair: Pair, second: int) -> tuple[float, ...]:
        """Return the log prices of a pair at the nine eighths that begin and end in a second."""
        return self._walked(pair, second if self._moving else 0)

    def _path(self, pair: Pair, second: int) -> tuple[float, ...]:
        base, quote = self._asset(pair.base, second), self._asset(pair.quote, second)
        return tuple(b - q for b, q in zip(base, quote, strict=True))

    def _asset_path(self, asset: str, second: int) -> list[float]:
        start, motion = math.log(self.parameters.reference(asset)), self.parameters.motion(asset)
        walk, jump = motion * self.parameters.walk, motion if self.parameters.jumps else 0.0
        path = [start] * (_PARTS + 1)
        if walk:
            path = [start + walk * node for node in self._bridge(asset, second)]
        if jump:
            path = [log + jump * self._jump(asset, second * _PARTS + i) for i, log in enumerate(path)]
        for depeg in self.depegs:
            if depeg.asset == asset:
                path = [log + self._shift(depeg, second * _PARTS + i) for i, log in enumerate(path)]
        return path

    def _bridge(self, asset: str, second: int) -> list[float]:
        # Times are in eighths of a second.
        first, width = second * _PARTS, _PARTS
        left, right = self._ends(asset, first, width)
        nodes = [left] + [0.0] * (_PARTS - 1) + [right]
        while width > 1:
            width //= 2
            for at in range(width, _PARTS, 2 * width):
                nodes[at] = self._midpoint(asset, first + at, width, nodes[at - width], nodes[at + width])
        return nodes

    def _halved(self, asset: str, low: int, width: int) -> tuple[float, float]:
        # The ends of a span are those of the one twice as long that it is half of, and that one's middle.
        if width == _SPAN * _PARTS:
            return 0.0, 0.0
        whole = low - low % (2 * width)
        left, right = self._ends(asset, whole, 2 * width)
        middle = self._midpoint(asset, whole + width, width, left, right)
        return (left, middle) if low == whole else (middle, right)

    def _midpoint(self, asset: str, at: int, width: int, left: float, right: float) -> float:
        # Given both ends, the middle of a Brownian path over 2 width is normal with variance width / 2.
        return (left + right) / 2 + math.sqrt(width / (2 * _PARTS)) * self._gauss(asset, at)

    def _draw(self, asset: str, at: int) -> float:
        return _NORMAL.inv_cdf(uniform(hashed(f"{self.parameters.seed}/{asset}/{at}")))

    def _jump(self, asset: str, at: int) -> float:
        span, rest = divmod(at, _SPAN * _PARTS)
        times, sums = self._jumps(asset, span)
        return sums[bisect_right(times, rest)] - sums[-1] * rest / (_SPAN * _PARTS)

    def _jump_table(self, asset: str, span: int) -> tuple[list[float], list[float]]:
        rng = Random(hashed(f"{self.parameters.seed}/{asset}/jumps/{span}"))  # noqa: S311 - a simulation
        n = poisson(self.parameters.jumps * _SPAN / 3600, rng.random())
        times = sorted(rng.random() * _SPAN * _PARTS for _ in range(n))
        sums = [0.0]
        for _ in times:
            sums.append(sums[-1] + rng.gauss(0.0, self.parameters.jump_size))
        return times, sums

    def _shift(self, depeg: Depeg, at: int) -> float:
        return math.log(depeg.factor(at * SECOND // _PARTS - self.origin))


def between(path: Sequence[float], rest: int) -> float:
    """Return a second's log price, `rest` nanoseconds after it began."""
    where = rest * _PARTS / SECOND
    index = int(where)
    return path[index] + (path[index + 1] - path[index]) * (where - index)


def hashed(key: str) -> int:
    """Return 64 bits that depend on a key alone, on every platform."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest())


def uniform(bits: int) -> float:
    """Return a number in the open interval from 0 to 1, made of the upper 53 of 64 bits."""
    return ((bits >> 11) + 0.5) * 2.0**-53


def poisson(mean: float, u: float) -> int:
    """Return the Poisson quantile of u; rounded from the normal one above a mean of 64."""
    if mean > 64:
        return max(0, round(mean + math.sqrt(mean) * _NORMAL.inv_cdf(u)))
    n, term = 0, math.exp(-mean)
    total = term
    while u > total and n < 256:
        n += 1
        term *= mean / n
        total += term
    return n
