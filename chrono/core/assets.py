"""Assets that changed their name: both names are one asset for a while, and a reused one is another asset after it.

Dates are those of the new name's first day; venues followed within months. Sources, read 2026-11-22: MATIC, the
Polygon Foundation's upgrade of 2024-09-04; FTM, the start of Sonic's mainnet on 2024-12-18; KLAY, that of Kaia's on
2024-08-29; TON, Coin Metrics' notice (status.coinmetrics.io/incidents/wmq0ysmhnxtl) of 2026-06-30; LUNA, the start of
Terra 2.0 on 2022-05-28, whose coin took the name.
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


class Rename(NamedTuple):
    """One unit of `old` is one unit of `new` from `on`; `reused` where the old name is another asset since."""

    old: str
    new: str
    on: date
    reused: bool = False

    def valid(self, name: str) -> tuple[int, int]:
        """Return when this name means the asset: from and until, in nanoseconds.

        Examples
        --------
        >>> since, until = RENAMES[0].valid("MATIC")
        >>> since, datetime.fromtimestamp(until / SECOND, UTC).date().isoformat()
        (0, '2025-03-03')
        """
        start = int(datetime(self.on.year, self.on.month, self.on.day, tzinfo=UTC).timestamp()) * SECOND
        if name == self.old:
            return 0, start if self.reused else start + LATE
        return start - EARLY, 2**63 - 1


RENAMES = (
    Rename("MATIC", "POL", date(2024, 9, 4)),
    Rename("FTM", "S", date(2024, 12, 18)),
    Rename("KLAY", "KAIA", date(2024, 8, 29)),
    Rename("TON", "GRAM", date(2026, 6, 30)),
    Rename("LUNA", "LUNC", date(2022, 5, 28), reused=True),
)


def rename(first: str, second: str) -> Rename | None:
    """Return what joins two names of one asset, in whichever order; None where nothing does."""
    return next((each for each in RENAMES if {each.old, each.new} == {first, second}), None)
