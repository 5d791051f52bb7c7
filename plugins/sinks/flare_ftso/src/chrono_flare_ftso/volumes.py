"""What was traded, by exchange and second: an hour of it, for `/volumes`.

The reference counts price times amount per second of the trade's own time, in a ring of 3,600. What was traded in USDT
is converted at the rate of the moment and rounded; what was traded in dollars is neither
(flare-foundation/ftso-v2-example-value-provider 489282e, `src/data-feeds/volumes.ts` and `ccxt-provider-service.ts`;
`fsp.md` §1.4; read 2026-11-23).

It differs in three things, where the reference loses trades. The reference leaves out the second of a market's last
trade, however long ago; here it is the second in progress. It skips what comes late; here it counts where it belongs.
And it converts USDT alone; here it is whatever a feed's markets are quoted in.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, fsum
from threading import Lock
from typing import Any

from chrono import Market, Price, Report, Tick, Trade

HISTORY = 3600
"""Seconds that are kept."""

_SECOND = 1_000_000_000


class Ring:
    """The turnover of one market by second, for an hour: only the seconds in which there was any.

    Examples
    --------
    >>> ring = Ring()
    >>> ring.add(100, 5.0), ring.add(101, 1.0), ring.add(100, 2.0)
    (None, None, None)
    >>> ring.sum(100, 101), ring.sum(100, 102)
    (7.0, 8.0)
    """

    __slots__ = ("_amounts", "_seconds")

    def __init__(self) -> None:
        self._seconds: array[int] = array("q")
        self._amounts: array[float] = array("d")

    def __len__(self) -> int:
        """Return how many seconds there are."""
        return len(self._seconds)

    def add(self, second: int, amount: float) -> None:
        """Count a trade, in whichever second of the last hour."""
        seconds, amounts = self._seconds, self._amounts
        if not seconds or second > seconds[-1]:
            seconds.append(second)
            amounts.append(amount)
            if len(seconds) >= 2 * HISTORY:
                old = bisect_left(seconds, second - HISTORY)
                del seconds[:old], amounts[:old]
            return
        at = bisect_left(seconds, second)
        if seconds[at] == second:
            amounts[at] += amount
        elif second > seconds[-1] - HISTORY:
            seconds.insert(at, second)
            amounts.insert(at, amount)

    def sum(self, start: int, end: int) -> float:
        """Return the turnover from one second to another, the latter not included."""
        return fsum(self._amounts[bisect_left(self._seconds, start) : bisect_left(self._seconds, end)])


@dataclass(frozen=True)
class Way:
    """One market of a feed, and the rates from its quote to the feed's: each rate's name, and whether it divides."""

    market: Market
    legs: Sequence[tuple[str, bool]]

    def factor(self, rates: Mapping[str, float]) -> float | None:
        """Return what a unit of the market's quote is in the feed's; None where a rate is missing."""
        factor = 1.0
        for name, inverse in self.legs:
            rate = rates.get(name)
            if rate is None:
                return None
            factor = factor / rate if inverse else factor * rate
        return factor


class Volumes:
    """What was traded on each market of a pipeline.

    Parameters
    ----------
    feeds : mapping of str to sequence of Way
        The markets of each feed, by its name.

    Notes
    -----
    Two sources that reach one exchange hear of the same trades: of a pair at an exchange the larger sum counts.
    """

    def __init__(self, feeds: Mapping[str, Sequence[Way]]) -> None:
        self._feeds = feeds
        self._rings = {way.market: Ring() for ways in feeds.values() for way in ways}
        self._lock = Lock()

    @classmethod
    def of(cls, description: Any) -> Volumes:
        """Return those of a pipeline, from what `context.describe` says of it."""
        feeds = {}
        for recipe in description.recipes:
            legs = {name: [(leg.rate, leg.inverse) for leg in way] for name, way in recipe.conversions.items()}
            feeds[recipe.feed.name] = [Way(market, legs.get(str(market), ())) for market in recipe.feed.markets]
        return cls(feeds)

    def hear(self, market: Market, tick: Tick, received: int) -> None:
        """Count a trade: in the venue's second of it, or in ours where that is missing or still to come."""
        if type(tick) is not Trade:
            return
        ring = self._rings.get(market)
        if ring is None:
            return
        at = tick.ts_event
        if at is None or at > received:
            at = received
        with self._lock:
            ring.add(at // _SECOND, tick.price * tick.size)

    def of_feed(self, name: str, window: int, now: int, rates: Mapping[str, float]) -> dict[str, float]:
        """Return what was traded of a feed, by exchange, in units of its quote; who never traded it is not named.

        Parameters
        ----------
        name : str
            The feed's.
        window : int
            Seconds before the one in progress.
        now : int
            Nanoseconds.
        rates : mapping of str to float
            By the feed's name, as of now.
        """
        end = now // _SECOND
        pairs: dict[tuple[str, Any], float] = {}
        for way in self._feeds.get(name, ()):
            factor, ring = way.factor(rates), self._rings[way.market]
            if factor is None or not ring:
                continue
            with self._lock:
                traded = ring.sum(end - window, end)
            if way.legs:
                # half up, as JavaScript's Math.round
                traded = floor(traded * factor + 0.5)
            place = (way.market.group or way.market.source, way.market.pair)
            pairs[place] = max(pairs.get(place, 0.0), traded)
        exchanges: dict[str, float] = {}
        for (exchange, _), traded in pairs.items():
            exchanges[exchange] = exchanges.get(exchange, 0.0) + traded
        # whole numbers without a point, as JavaScript writes them
        return {exchange: int(traded) if traded.is_integer() else traded for exchange, traded in exchanges.items()}


def rates_of(report: Report) -> dict[str, float]:
    """Return every feed's value and every rate's, by name."""
    return {each.feed.name: each.value for each in (*report.results, *report.rates) if isinstance(each, Price)}


Listener = Callable[[Market, Tick, int], None]
