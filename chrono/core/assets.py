"""Assets that changed their name or their unit, and tickers that are another asset at some venue.

Dates are those of the new name's first day; venues followed within months. Sources, read 2026-11-22: MATIC, the
Polygon Foundation's upgrade of 2024-09-04; DAI, the start of Sky on 2024-09-18, whose converter takes one for one both
ways (defisect.com/from-dai-to-usds-how-to-navigate-the-maker-sky-protocol-migration); FTM, the start of Sonic's mainnet
on 2024-12-18; KLAY, that of Kaia's on 2024-08-29; EOS, OKX's timetable of the swap, done on 2025-05-28
(pptfa.com/7382.html); TON, Coin Metrics' notice
(status.coinmetrics.io/incidents/wmq0ysmhnxtl) of 2026-06-30; LUNA, the start of Terra 2.0 on 2022-05-28, whose coin
took the name; VEN, Binance's completion of the swap on 2018-07-24, 1 for 100
(ethereumworldnews.com/binance-completes-vechain-ven-token-swap-to-vet-and-airdrops-100-million-vtho); OM, Binance's
timetable, 1 for 4, spot from 4 March (generallink.top/fr-AF/square/post/291168529154337), which is of 2026: OM was
still traded in 2025.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

from chrono.core.types import SECOND

FIAT = frozenset(
    {
        "AED",
        "ARS",
        "AUD",
        "BRL",
        "CAD",
        "CHF",
        "CLP",
        "CNH",
        "CNY",
        "COP",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "JPY",
        "KES",
        "KRW",
        "MXN",
        "MYR",
        "NGN",
        "NOK",
        "NZD",
        "PHP",
        "PKR",
        "PLN",
        "RON",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "UAH",
        "VND",
        "ZAR",
    }
)
"""Currencies of states, ISO 4217: what is none of them and stands for a dollar is a stablecoin, pegged to it."""

_DAY = 86_400 * SECOND

EARLY = 30 * _DAY
"""How long before its first day a new name may already trade."""

LATE = 180 * _DAY
"""How long after it an old name may still trade."""

FOREVER = 2**63 - 1
"""Nanoseconds that never come."""


class Rename(NamedTuple):
    """One unit of `old` is `ratio` units of `new` from `on`.

    `reused` where the old name is another asset since, `kept` where both go on and one is exchanged for the other.
    """

    old: str
    new: str
    on: date
    reused: bool = False
    ratio: int = 1
    kept: bool = False

    def valid(self, name: str) -> tuple[int, int]:
        """Return when this name means the asset: from and until, in nanoseconds.

        Both are valid for a while, unless they stand for different units.

        Examples
        --------
        >>> since, until = RENAMES[0].valid("MATIC")
        >>> since, datetime.fromtimestamp(until / SECOND, UTC).date().isoformat()
        (0, '2025-03-03')
        """
        start = _start(self.on)
        if name == self.old and self.kept:
            return 0, FOREVER
        if name == self.old:
            return 0, start if self.reused or self.ratio != 1 else start + LATE
        return start - EARLY if self.ratio == 1 else start, FOREVER


RENAMES = (
    Rename("MATIC", "POL", date(2024, 9, 4)),
    Rename("DAI", "USDS", date(2024, 9, 18), kept=True),
    Rename("FTM", "S", date(2024, 12, 18)),
    Rename("KLAY", "KAIA", date(2024, 8, 29)),
    Rename("EOS", "A", date(2025, 5, 28)),
    Rename("TON", "GRAM", date(2026, 6, 30)),
    Rename("LUNA", "LUNC", date(2022, 5, 28), reused=True),
    Rename("VEN", "VET", date(2018, 7, 24), ratio=100),
    Rename("OM", "MANTRA", date(2026, 3, 4), ratio=4),
)


def rename(first: str, second: str) -> Rename | None:
    """Return what joins two names of one asset in one unit, in whichever order; None where nothing does.

    Examples
    --------
    >>> rename("POL", "MATIC").new, rename("OM", "MANTRA")
    ('POL', None)
    """
    return next((each for each in RENAMES if each.ratio == 1 and {each.old, each.new} == {first, second}), None)


class Collision(NamedTuple):
    """What a ticker `means` at a venue, where others mean another asset; from `since` until before `until`."""

    venue: str
    ticker: str
    means: str
    since: date | None = None
    until: date | None = None


COLLISIONS = (
    # a coin of 2024 had the name before Toncoin took it, ton-adoption.xyz/en/blog/gram-token-vs-gram-jetton-do-not-
    # confuse-2026; venues took the new name by the date above
    *(Collision(venue, "GRAM", "the jetton of 2024", until=date(2026, 6, 30)) for venue in ("bitget", "bybit", "mexc")),
    # the others are from github.com/ccxt/ccxt, "commonCurrencies" of each venue, which gives no dates
    Collision("bingx", "OMNI", "OmniCat"),
    Collision("bingx", "SNOW", "Snowman"),
    Collision("bitfinex", "AMP", "Ampleforth"),
    Collision("bitfinex", "UST", "Tether's USDT"),
    Collision("bitmart", "GLD", "Goldario"),
    Collision("bitmart", "MVP", "MVP Coin"),
    Collision("bitmart", "TRU", "Truebit"),
    Collision("gate", "AXIS", "Axis DeFi"),
    Collision("gate", "BIFI", "Bitcoin File"),
    Collision("gate", "GTC", "Game.com"),
    Collision("gate", "MM", "Million"),
    Collision("gate", "RAI", "Rai Reflex Index"),
    Collision("htx", "BIFI", "Bitcoin File"),
    Collision("htx", "GTC", "Game.com"),
    Collision("htx", "HOT", "Hydro Protocol"),
    Collision("htx", "PNT", "Penta"),
    Collision("upbit", "TON", "Tokamak Network"),
)
"""Read 2026-11-22. What a plugin names rightly by its `aliases`, such as Kraken's LUNA, does not collide."""


def collision(venue: str, ticker: str, now: int) -> Collision | None:
    """Return what a ticker means at a venue at an instant, if that is another asset than elsewhere.

    Examples
    --------
    >>> collision("htx", "HOT", 0).means
    'Hydro Protocol'
    """
    for each in COLLISIONS:
        if (each.venue, each.ticker) == (venue, ticker):
            since = _start(each.since) if each.since else 0
            until = _start(each.until) if each.until else FOREVER
            if since <= now < until:
                return each
    return None


def _start(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND
