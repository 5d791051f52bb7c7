"""Currencies and metals: which way round they are quoted, and when they trade.

Both trade from Sunday evening to Friday 17:00, New York's time, in sessions that begin at 17:00 and bear the date of
the day they end on; metals rest for the first hour of each, and on Good Friday do not trade where currencies do. The
holidays' names are those of https://www.cmegroup.com/tools-information/holiday-calendar.html; its hours of each were
not at hand, so that what closes is as brokers state it (cmsprime.com,
fxclearing.com/news/read/metals-schedule-good-friday-2023, forex.com/en-ca/support/trading-hours), read 2026-11-23. Days
on which trade ends some hours early are not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import msgspec

from chrono.core.assets import FIAT
from chrono.core.component import Source
from chrono.core.transport.codec import FrameSource
from chrono.core.types import SECOND, Market, Pair, Quote

METALS = frozenset({"XAG", "XAU", "XPD", "XPT"})
"""Precious metals by the ounce, ISO 4217."""

_DIRECT = METALS | {"AUD", "EUR", "GBP", "NZD"}
_HOUR = 3600 * SECOND
_LONGEST = 24 * 7
_MINUTE = 60
_BEFORE_MIDNIGHT = timedelta(hours=7)
"""How long before the midnight of its date a session begins."""
_SATURDAY = 5


class Hours(msgspec.Struct, frozen=True):
    """When a market trades that is not always open.

    Attributes
    ----------
    name : str
        What it is called.
    rests : bool
        Whether each session begins with an hour without trade.
    holidays : tuple of (int, int)
        Month and day of sessions that do not take place.
    good_friday : bool
        Whether that of Good Friday does not either.

    Examples
    --------
    >>> friday = int(datetime(2026, 11, 20, 22, tzinfo=UTC).timestamp()) * SECOND
    >>> FOREX.closed(friday - SECOND), FOREX.closed(friday)
    (False, True)
    >>> datetime.fromtimestamp(FOREX.opens(friday) / SECOND, UTC).isoformat()
    '2026-11-22T22:00:00+00:00'
    """

    name: str
    rests: bool = False
    holidays: tuple[tuple[int, int], ...] = ((12, 25), (1, 1))
    good_friday: bool = False

    def closed(self, now: int) -> bool:
        """Return whether nothing trades at an instant in nanoseconds."""
        return self._closed(now // _HOUR)

    def opens(self, now: int) -> int:
        """Return the first instant from `now` at which it is open."""
        hour = now // _HOUR
        if not self._closed(hour):
            return now
        return next(later for later in range(hour + 1, hour + _LONGEST) if not self._closed(later)) * _HOUR

    def _closed(self, hour: int) -> bool:
        """Say it of an hour since 1970: offsets from UTC are whole hours there."""
        session = datetime.fromtimestamp(hour * 3600, _new_york()).replace(tzinfo=None) + _BEFORE_MIDNIGHT
        holiday = (session.month, session.day) in self.holidays
        holiday |= self.good_friday and session.date() == _good_friday(session.year)
        return holiday or session.weekday() >= _SATURDAY or (self.rests and session.hour == 0)


@cache
def _good_friday(year: int) -> date:
    """Return the day two before Easter Sunday, by the rule of the Gregorian calendar."""
    century, rest = divmod(year, 100)
    golden = year % 19
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1) - timedelta(days=2)


@cache
def _new_york() -> ZoneInfo:
    return ZoneInfo("America/New_York")


FOREX = Hours("forex")
"""Sunday 17:00 to Friday 17:00."""

BULLION = Hours("metals", rests=True, good_friday=True)
"""Sunday 18:00 to Friday 17:00, with an hour's rest each day and without Good Friday."""


def hours_of(pair: Pair) -> Hours:
    """Return when a pair of currencies or metals trades.

    Examples
    --------
    >>> hours_of(Pair("XAU", "USD")).name, hours_of(Pair("EUR", "USD")).name
    ('metals', 'forex')
    """
    return BULLION if METALS & {pair.base, pair.quote} else FOREX


def quoted(pair: Pair) -> Pair:
    """Return the way round in which the world quotes a pair that is wanted in dollars: JPY/USD as USD/JPY.

    Raises
    ------
    ValueError
        If it is not a currency or a metal in dollars.

    Examples
    --------
    >>> str(quoted(Pair("JPY", "USD"))), str(quoted(Pair("XAU", "USD")))
    ('USD/JPY', 'XAU/USD')
    """
    if pair.quote != "USD" or pair.base not in FIAT | METALS:
        raise ValueError(f"expected a currency or a metal in dollars, such as EUR/USD or JPY/USD, was {pair}")
    return pair if pair.base in _DIRECT else Pair(pair.quote, pair.base)


def in_dollars(quote: Quote, base: str, other: str) -> tuple[Quote, ...]:
    """Return a quote of `base` in `other`, turned round where `base` is the dollar; nothing while they do not trade.

    Examples
    --------
    >>> in_dollars(Quote("usdjpy", 125.0, 160.0, 1000.0, 500.0, 1_795_428_900_000_000_000), "USD", "JPY")
    (Quote(symbol='usdjpy', bid=0.00625, ask=0.008, bid_size=80000.0, ask_size=125000.0, ts_event=1795428900000000000),)
    """
    if quote.ts_event is not None and hours_of(Pair(base, other)).closed(quote.ts_event):
        return ()
    if base != "USD":
        return (quote,)
    bid, ask = quote.bid, quote.ask
    return (Quote(quote.symbol, 1 / ask, 1 / bid, quote.ask_size * ask, quote.bid_size * bid, quote.ts_event),)


class Calendar:
    """Says of the markets of one source when they are closed, and when they are open again.

    Parameters
    ----------
    source : Source
        One whose markets are always open is left alone.
    markets : sequence of Market
        Those of the pipeline.
    """

    def __init__(self, source: Source, markets: Sequence[Market]) -> None:
        self._context = source.context
        self._absent = source.absent if isinstance(source, FrameSource) else set()
        self._hours = {m: hours for m in markets if (hours := _hours(source, m.pair)) is not None}
        self._closed: set[Market] = set()

    async def run(self) -> None:
        """Look at every full minute, until cancelled."""
        while self._hours:
            self.look()
            await self._context.clock.sleep(_MINUTE - self._context.clock.now() / SECOND % _MINUTE)

    def look(self) -> None:
        """Tell what has closed or opened since."""
        now = self._context.clock.now()
        for market, hours in self._hours.items():
            closed = hours.closed(now)
            if closed and market not in self._closed:
                self._close(market, hours.name, hours.opens(now))
            elif not closed and market in self._closed:
                self._closed.discard(market)
                self._absent.discard(market.symbol)
                self._context.status("live", market=market)

    def _close(self, market: Market, name: str, until: int) -> None:
        self._closed.add(market)
        # nothing is done about its silence
        self._absent.add(market.symbol)
        when = f"{datetime.fromtimestamp(until / SECOND, UTC):%Y-%m-%d %H:%M} UTC"
        told = f"{name} do not trade until {when}" if name.endswith("s") else f"{name} does not trade until {when}"
        self._context.status("degraded", "market_closed", f"{told}: it comes back by itself", market=market)


def _hours(source: Source, pair: Pair) -> Hours | None:
    return source.hours(pair) if isinstance(source, FrameSource) else None
