"""The conversion graph: which feeds turn one currency into another, and in which order feeds are priced.

A rate is a feed like any other, with its own screening, quorum and age; USDT is never taken for USD.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from math import fsum, sqrt

import msgspec

from chrono.core.types import SECOND, Code, Estimate, Missing, Pair, Price, Reason

MAX_LEGS = 4
"""Conversions longer than this are refused: each leg adds its error."""

MAX_GAP = 0.01
"""How far apart two ways from one currency to another may come out before neither is believed."""


class Leg(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One conversion: times the value of feed `rate`, or divided by it when `inverse`."""

    rate: str
    inverse: bool = False

    def __str__(self) -> str:
        return f"1/({self.rate})" if self.inverse else self.rate


def direct(source: str, target: str, rates: Mapping[str, Pair]) -> tuple[Leg, ...] | None:
    """Return the one leg from a currency to another, None if no rate joins them."""
    for name, pair in rates.items():
        if (pair.base, pair.quote) == (source, target):
            return (Leg(name),)
        if (pair.quote, pair.base) == (source, target):
            return (Leg(name, inverse=True),)
    return None


def route(source: str, target: str, rates: Mapping[str, Pair]) -> tuple[Leg, ...] | None:
    """Return the shortest legs from a currency to another, the earlier rate where two are as short.

    Examples
    --------
    >>> [str(leg) for leg in route("KRW", "USD", {"USDT/KRW": Pair("USDT", "KRW"), "USDT/USD": Pair("USDT", "USD")})]
    ['1/(USDT/KRW)', 'USDT/USD']
    """
    reached: dict[str, tuple[Leg, ...]] = {source: ()}
    queue = deque([source])
    while queue:
        here = queue.popleft()
        legs = reached[here]
        if here == target:
            return legs
        if len(legs) == MAX_LEGS:
            continue
        for name, pair in rates.items():
            for start, end, inverse in ((pair.base, pair.quote, False), (pair.quote, pair.base, True)):
                if start == here and end not in reached:
                    reached[end] = (*legs, Leg(name, inverse))
                    queue.append(end)
    return None


def ends(legs: Sequence[Leg], rates: Mapping[str, Pair]) -> tuple[str, str]:
    """Return the currency that some legs start from, and the one they lead to.

    Examples
    --------
    >>> legs = [Leg("USDT/KRW", inverse=True), Leg("USDT/USD")]
    >>> ends(legs, {name: Pair.parse(name) for name in ("USDT/KRW", "USDT/USD")})
    ('KRW', 'USD')
    """
    first, last = rates[legs[0].rate], rates[legs[-1].rate]
    return (first.quote if legs[0].inverse else first.base), (last.base if legs[-1].inverse else last.quote)


class Cycle(Exception):
    """Feeds that need each other; `names` closes the circle."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(" → ".join(names))
        self.names = names


def order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return feeds so that each comes after the rates it needs.

    Raises
    ------
    Cycle
        If feeds need each other.
    """
    done: dict[str, None] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise Cycle((*trail[trail.index(name) :], name))
        if name not in done:
            for rate in needs[name]:
                visit(rate, (*trail, name))
            done[name] = None

    for name in needs:
        visit(name, ())
    return list(done)


class Conversion(msgspec.Struct, frozen=True, gc=False):
    """What some legs come to in one round: a factor, as old and as slow as the worst of their rates.

    `trust` is the product of the rates' confidences, `uncertainty` how far their venues are apart, as independent
    errors add up.
    """

    factor: float
    age: int
    path: tuple[str, ...]
    rhythm: int = 0
    trust: float = 1.0
    uncertainty: float = 0.0


def conversion(legs: Sequence[Leg], prices: Mapping[str, Price | Missing], max_age: int | None) -> Conversion | Reason:
    """Return what legs come to, or why they cannot be gone.

    Parameters
    ----------
    legs : sequence of Leg
        From a market's quote to the feed's, one or more.
    prices : mapping of str to Price or Missing
        This round's rates by feed name.
    max_age : int or None
        Nanoseconds a rate may be old; None where that was judged when the rate was priced.
    """
    factor, trust, variance, age, rhythm = 1.0, 1.0, 0.0, 0, 0
    for leg in legs:
        rate = prices[leg.rate]
        if isinstance(rate, Missing):
            return {"code": Code.RATE_MISSING.value, "rate": leg.rate, "cause": rate.reason["code"]}
        if max_age is not None and rate.age > max_age:
            limits = {"age_s": round(rate.age / SECOND, 3), "limit_s": max_age / SECOND}
            return {"code": Code.RATE_STALE.value, "rate": leg.rate, **limits}
        factor = factor / rate.value if leg.inverse else factor * rate.value
        trust *= rate.confidence
        variance += apart(rate) ** 2
        age, rhythm = max(age, rate.age), max(rhythm, rate.rhythm)
    return Conversion(factor, age, tuple(str(leg) for leg in legs), rhythm, trust, sqrt(variance))


def apart(rate: Price) -> float:
    """Return the mean distance of the venues from a rate, by share and relative to it."""
    shares = rate.shares
    return fsum([shares[e.market] * abs(e.value / rate.value - 1.0) for e in rate.estimates if e.market in shares])


def compared(first: Conversion | Reason, second: Conversion | Reason) -> Conversion | Reason:
    """Return what two ways to one currency come to: the first that can be gone, a reason where they differ too much."""
    if not isinstance(first, Conversion):
        return second if isinstance(second, Conversion) else first
    if not isinstance(second, Conversion):
        return first
    gap = second.factor / first.factor - 1.0
    if abs(gap) <= MAX_GAP:
        return first
    paths = {"path": " ".join(first.path), "other": " ".join(second.path)}
    return {"code": Code.RATE_PATHS_DIFFER.value, **paths, "gap": gap, "limit": MAX_GAP}


def convert(estimate: Estimate, by: Conversion, pair: Pair) -> Estimate:
    """Return an estimate in the quote of the pair that a feed prices, as old as the oldest of its parts."""
    age, rhythm = estimate.age, estimate.rhythm
    slowest = rhythm if rhythm > by.rhythm else by.rhythm  # noqa: FURB136 - calls cost too much, for every market
    return Estimate(
        estimate.market,
        pair,
        estimate.value * by.factor,
        estimate.weight * by.factor,
        estimate.n,
        age if age > by.age else by.age,  # noqa: FURB136
        estimate.method,
        by.path,
        estimate.as_of,
        slowest,
        estimate.trust * by.trust,
        by.uncertainty,
    )
