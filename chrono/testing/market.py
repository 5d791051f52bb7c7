"""A market that never was: true prices, and venues that print around them, with faults.

What a venue prints in a slot of time is drawn from a hash of the seed, the venue, the pair and the slot. So any
sub-interval of any venue gives the same ticks, and sources that share nothing but the seed follow the same true price.

Public names: Parameters, SimulatedMarket, SimulatedVenue, standard_venues.

Examples
--------
>>> market, venue, pair = SimulatedMarket(), SimulatedVenue("north"), Pair("BTC", "USD")
>>> start = 1_795_342_500 * SECOND
>>> trades = list(market.prints(venue, pair, start, start + SECOND))
>>> all(abs(trade.price / market.price(pair, trade.ts_event) - 1) < 0.002 for trade in trades)
True
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from random import Random
from typing import TypeAlias

from chrono.core.types import SECOND, Kind, Pair, Quote, Side, Tick, Trade
from chrono.testing.faults import Depeg, Fault
from chrono.testing.truth import Parameters, TruePrices, between, hashed, poisson, uniform

__all__ = ["Parameters", "SimulatedMarket", "SimulatedVenue", "standard_venues"]

_MILLISECOND = 1_000_000
_SHARES = (50.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0)
_Draw: TypeAlias = tuple[int, int, float, float, float]  # number, time, price, noise, size relative to the usual


@dataclass(frozen=True, slots=True)
class SimulatedVenue:
    """How one venue prints.

    Attributes
    ----------
    name : str
        Decides its draws.
    rate, quotes : float
        Trades and quotes per second and market.
    noise : float
        Standard deviation of each print around the venue's price; 2 bp.
    bias : float
        The venue's own constant deviation.
    volume : float
        Its share of a pair's turnover.
    spread : float
        Ask over bid, less one.
    lists : tuple of str
        Quote currencies and pairs it lists, such as `("USDT", "USDT/USD")`; every pair when empty.
    faults : tuple of Fault
        What is wrong with it.
    """

    name: str
    rate: float = 5.0
    quotes: float = 0.0
    noise: float = 2e-4
    bias: float = 0.0
    volume: float = 0.1
    spread: float = 2e-4
    lists: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    def trades(self, pair: Pair) -> bool:
        """Say whether the venue lists a pair."""
        return not self.lists or pair.quote in self.lists or str(pair) in self.lists

    @property
    def slot(self) -> int:
        """Nanoseconds that are drawn at once: a second, or an eighth of one where a second would be a flood."""
        return SECOND if max(self.rate, self.quotes) <= 500 else SECOND // 8


class SimulatedMarket:
    """What venues print of one set of true prices.

    Parameters
    ----------
    parameters : Parameters, optional
    depegs : sequence of Depeg
        Moves of true prices.
    origin : int
        The instant that faults and depegs count from, nanoseconds.
    """

    def __init__(self, parameters: Parameters | None = None, depegs: Sequence[Depeg] = (), *, origin: int = 0) -> None:
        self.parameters = parameters or Parameters()
        self.origin = origin
        self._true = TruePrices(self.parameters, depegs, origin)

    def price(self, pair: Pair, ts: int) -> float:
        """Return the true price of a pair at a time in nanoseconds."""
        return self._true.price(pair, ts)

    def prints(self, venue: SimulatedVenue, pair: Pair, start: int, end: int) -> Iterator[Trade]:
        """Yield a venue's trades in order of time.

        Parameters
        ----------
        venue : SimulatedVenue
        pair : Pair
        start, end : int
            Nanoseconds; `start <= ts_event < end`. Wherever the interval is cut, the trades are the same.
        """
        return self._trades(venue, pair, self._draws(venue, pair, "trades", start, end))

    def quotes(self, venue: SimulatedVenue, pair: Pair, start: int, end: int) -> Iterator[Quote]:
        """Yield a venue's quotes in order of time, `start <= ts_event < end`."""
        return self._quotes(venue, pair, self._draws(venue, pair, "quotes", start, end))

    def ticks(self, venue: SimulatedVenue, pair: Pair, start: int, end: int) -> Iterator[Tick]:
        """Yield trades and quotes together in order of time, `start <= ts_event < end`."""
        return heapq.merge(
            self.prints(venue, pair, start, end),
            self.quotes(venue, pair, start, end),
            key=lambda tick: tick.ts_event or 0,
        )

    def print_at(self, venue: SimulatedVenue, pair: Pair, ts: int) -> Trade | None:
        """Return the trade a venue makes at exactly this time, None where a fault mutes it.

        It is drawn apart from `prints`: for venues whose trades are few and far between.
        """
        key = hashed(f"{self.parameters.seed}/{venue.name}/{pair}/at/{ts}")
        rng = Random(key)  # noqa: S311 - a simulation
        z, size = rng.gauss(0.0, 1.0), math.exp(rng.gauss(0.0, 1.0) - 0.5)
        price = (1.0 + venue.bias) * self.price(pair, ts) * math.exp(venue.noise * z)
        return next(self._trades(venue, pair, [(ts, ts, price, z, size)]), None)

    def _trades(self, venue: SimulatedVenue, pair: Pair, draws: Iterable[_Draw]) -> Iterator[Trade]:
        symbol, digits = str(pair), self._digits(pair)
        usual, size_digits = self._usual_size(venue, pair, venue.rate)
        for number, ts, price, z, size in self._suffered(venue, pair, "trades", draws):
            side: Side = "buy" if z > 0 else "sell"  # a buyer pays above the price
            yield Trade(symbol, round(price, digits), round(usual * size, size_digits), side, str(number), ts)

    def _quotes(self, venue: SimulatedVenue, pair: Pair, draws: Iterable[_Draw]) -> Iterator[Quote]:
        symbol, half, digits = str(pair), venue.spread / 2, self._digits(pair)
        usual, size_digits = self._usual_size(venue, pair, venue.quotes)
        for _, ts, price, _, size in self._suffered(venue, pair, "quotes", draws):
            bid, ask = round(price * (1 - half), digits), round(price * (1 + half), digits)
            yield Quote(symbol, bid, ask, round(usual * size, size_digits), round(usual / size, size_digits), ts)

    def _draws(self, venue: SimulatedVenue, pair: Pair, kind: Kind, start: int, end: int) -> Iterator[_Draw]:
        length, rng, true, noise, level = venue.slot, Random(), self._true, venue.noise, 1.0 + venue.bias  # noqa: S311
        random, gauss, exp, width = rng.random, rng.gauss, math.exp, length // _MILLISECOND
        for slot, bits, n in self._busy(venue, pair, kind, start, end):
            rng.seed(bits)
            begin = slot * length
            times = sorted([begin + int(random() * width) * _MILLISECOND for _ in range(n)])
            path, second = true.path(pair, begin // SECOND), begin - begin % SECOND
            for number, ts in enumerate(times, slot * 1_000_000):
                z = gauss(0.0, 1.0)
                price, size = level * exp(between(path, ts - second) + noise * z), exp(gauss(0.0, 1.0) - 0.5)
                if start <= ts < end:
                    yield number, ts, price, z, size

    def _busy(
        self, venue: SimulatedVenue, pair: Pair, kind: Kind, start: int, end: int
    ) -> Iterator[tuple[int, int, int]]:
        # Most slots of a slow venue are empty: they cost no more than their hash.
        length = venue.slot
        mean = (venue.rate if kind == "trades" else venue.quotes) * length / SECOND
        empty = math.exp(-mean) if mean <= 64 else 0.0
        head = blake2b(f"{self.parameters.seed}/{venue.name}/{pair}/{kind}/".encode(), digest_size=8)
        for slot in range(start // length, -(-end // length)):
            key = head.copy()
            key.update(b"%d" % slot)
            bits = int.from_bytes(key.digest())
            u = uniform(bits)
            if u > empty and (n := poisson(mean, u)):
                yield slot, bits, n

    def _suffered(self, venue: SimulatedVenue, pair: Pair, kind: Kind, draws: Iterable[_Draw]) -> Iterable[_Draw]:
        # Faults come after all draws and draw nothing themselves, so that the other prints stay as they were.
        faults = [fault for fault in venue.faults if not fault.pairs or str(pair) in fault.pairs]
        if not faults:
            return draws
        return (each for draw in draws if (each := self._under(faults, venue, pair, kind, draw)))

    def _under(
        self, faults: Iterable[Fault], venue: SimulatedVenue, pair: Pair, kind: Kind, draw: _Draw
    ) -> _Draw | None:
        i, ts, price, z, size = draw
        elapsed = ts - self.origin
        for fault in faults:
            if not fault.active(elapsed):
                continue
            if kind in fault.mutes:
                return None
            price, size = fault.bend(price, elapsed, partial(self._usually, venue, pair)), size * fault.sizes
        return i, ts, price, z, size

    def _usually(self, venue: SimulatedVenue, pair: Pair, elapsed: int) -> float:
        return (1.0 + venue.bias) * self.price(pair, self.origin + elapsed)

    def _usual_size(self, venue: SimulatedVenue, pair: Pair, rate: float) -> tuple[float, int]:
        # Base units of a print, and the decimals it is stated with; log-normal sizes around it have a mean of one.
        size = self.parameters.turnover * venue.volume / max(rate, 1e-9) / self.parameters.reference(pair.base)
        return size, _digits(size, 6)

    def _digits(self, pair: Pair) -> int:
        return _digits(self.parameters.reference(pair.base) / self.parameters.reference(pair.quote), 7)


def standard_venues(n: int = 8, *, rate: float = 0.4, usdt: float = 0.75) -> tuple[SimulatedVenue, ...]:
    """Return the cohort of the scenarios: one venue with half the volume, and smaller ones.

    Parameters
    ----------
    n : int
        How many; eight have the volumes 50/12/10/8/6/5/4/3, further ones 3 each.
    rate : float
        Trades per second of each; at 0.4 the last print is some seconds old.
    usdt : float
        The share of them that quotes in USDT, the biggest first; the others quote in USD.

    Examples
    --------
    >>> [venue.lists[0] for venue in standard_venues(4)]
    ['USDT', 'USDT', 'USDT', 'USD']
    """
    volumes = [*_SHARES, *[_SHARES[-1]] * n][:n]
    total = math.fsum(volumes)
    return tuple(
        SimulatedVenue(f"v{i + 1}", rate, volume=volume / total, lists=("USDT",) if i < round(n * usdt) else ("USD",))
        for i, volume in enumerate(volumes)
    )


def _digits(value: float, significant: int) -> int:
    return significant - 1 - math.floor(math.log10(value))
