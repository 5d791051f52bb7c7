"""The parts that plain PostgreSQL divides large tables into: months, and weeks of ticks, in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

TABLES = ("rounds", "prices", "estimates", "verdicts", "statuses", "ticks")
"""All large tables."""

AHEAD = timedelta(days=10)
"""How long before a part begins it is made."""

_BACK = timedelta(days=5 * 366)
"""How old what has a part of its own may be; the rest is kept together."""

PLAIN = (
    "expected the extension timescaledb in the database, there is none; tables are divided by month, and ticks by week,"
    " with BRIN, views stand for continuous aggregates, and nothing is compressed or dropped by itself"
)


class Part(NamedTuple):
    """One part of a table, from `start` until just before `end`."""

    table: str
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """Its name, which tells its first day."""
        return f"{self.table}_{self.start:%Y%m%d}"

    def made(self, of: str = "") -> str:
        """Return what makes it, unless it is there, of its table or of one that is to take its place."""
        start, end = (f"'{each:%Y-%m-%d} 00:00:00+00'" for each in (self.start, self.end))
        of = of or self.table
        return f"CREATE TABLE IF NOT EXISTS {self.name} PARTITION OF {of} FOR VALUES FROM ({start}) TO ({end})"


def part(table: str, at: datetime) -> Part:
    """Return the part of a table that an instant lies in.

    Examples
    --------
    >>> part("prices", datetime(2026, 11, 22, 10, 15, tzinfo=UTC)).name
    'prices_20261101'
    >>> part("ticks", datetime(2026, 11, 22, 10, 15, tzinfo=UTC)).name
    'ticks_20261116'
    """
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if table == "ticks":
        start = day - timedelta(days=day.weekday())
        return Part(table, start, start + timedelta(days=7))
    start = day.replace(day=1)
    return Part(table, start, (start + timedelta(days=31)).replace(day=1))


def parts(table: str, first: datetime, last: datetime) -> Iterator[Part]:
    """Yield the parts of a table from one instant to another, as far as they get parts of their own."""
    now = datetime.now(UTC)
    each = part(table, max(first, now - _BACK))
    until = min(last, now + 2 * AHEAD)
    while each.start <= until:
        yield each
        each = part(table, each.end)


def needed(table: str, instants: Iterable[datetime]) -> Iterator[Part]:
    """Yield the parts of a table that rows of these instants lie in, and the one that follows where it begins soon."""
    now = datetime.now(UTC)
    for at in sorted({part(table, at).start for at in instants}):
        yield from parts(table, at, at)
    yield from parts(table, now, now + AHEAD)
