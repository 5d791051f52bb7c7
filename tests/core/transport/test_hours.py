"""Markets that close: when, and that it is said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chrono.core.clock import VirtualClock
from chrono.core.component import Context, Status
from chrono.core.transport import PollingSource
from chrono.core.transport.hours import BULLION, FOREX, Calendar, Hours, hours_of
from chrono.core.types import SECOND, Market, Pair


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


class Toy(PollingSource):
    """A venue whose currencies close, and whose coins do not."""

    type = "toy"

    def hours(self, pair: Pair) -> Hours | None:
        return None if pair.base == "BTC" else hours_of(pair)

    def request(self, symbols: Any) -> Any:
        return ()

    def parse(self, frame: Any) -> Any:
        return ()


@pytest.mark.parametrize(
    ("hours", "when", "opens"),
    [
        # winter: New York is five hours behind, summer: four
        (FOREX, "2026-11-20T21:59:59", ""),
        (FOREX, "2026-11-20T22:00:00", "2026-11-22T22:00:00"),
        (FOREX, "2026-11-22T21:59:59", "2026-11-22T22:00:00"),
        (FOREX, "2026-11-22T22:00:00", ""),
        (FOREX, "2026-07-03T20:59:59", ""),
        (FOREX, "2026-07-03T21:00:00", "2026-07-05T21:00:00"),
        # a weekend on which the clocks change
        (FOREX, "2026-10-30T21:00:00", "2026-11-01T22:00:00"),
        (FOREX, "2026-03-06T22:00:00", "2026-03-08T21:00:00"),
        # metals rest for an hour each day
        (FOREX, "2026-11-24T22:30:00", ""),
        (BULLION, "2026-11-24T22:30:00", "2026-11-24T23:00:00"),
        (BULLION, "2026-11-22T22:00:00", "2026-11-22T23:00:00"),
        (BULLION, "2026-11-24T23:00:00", ""),
        # metals alone keep Good Friday
        (BULLION, "2026-04-02T20:59:59", ""),
        (BULLION, "2026-04-02T21:00:00", "2026-04-05T22:00:00"),
        (BULLION, "2027-03-26T12:00:00", "2027-03-28T22:00:00"),
        (BULLION, "2023-04-07T12:00:00", "2023-04-09T22:00:00"),
        (FOREX, "2026-04-03T12:00:00", ""),
        # Christmas is a Friday, New Year's Day, too
        (FOREX, "2026-12-24T21:59:59", ""),
        (FOREX, "2026-12-24T22:00:00", "2026-12-27T22:00:00"),
        (BULLION, "2027-01-01T12:00:00", "2027-01-03T23:00:00"),
        (FOREX, "2025-12-25T12:00:00", "2025-12-25T22:00:00"),
    ],
)
def test_week_is_new_yorks(hours: Hours, when: str, opens: str) -> None:
    """From Sunday 17:00 to Friday 17:00 there."""
    now = at(when)
    assert hours.closed(now) == bool(opens)
    assert hours.opens(now) == (at(opens) if opens else now)


def test_market_that_closes_says_so_until_it_opens() -> None:
    """Once, with the time; nothing is done about its silence meanwhile."""
    clock = VirtualClock(at("2026-11-20T21:59:00"))
    told: list[Status] = []
    source = Toy(context=Context("toy", clock, told.append))
    eur = Market("toy", Pair("EUR", "USD"), "toy", "EUR/USD")
    xau = Market("toy", Pair("XAU", "USD"), "toy", "XAU/USD")
    btc = Market("toy", Pair("BTC", "USD"), "toy", "BTC/USD")
    calendar = Calendar(source, [eur, xau, btc])
    calendar.look()
    assert told == []
    clock.set(at("2026-11-20T22:00:00"))
    calendar.look()
    calendar.look()
    assert [(s.state, s.code, s.market) for s in told] == [
        ("degraded", "market_closed", eur),
        ("degraded", "market_closed", xau),
    ]
    assert told[0].message == "forex does not trade until 2026-11-22 22:00 UTC: it comes back by itself"
    assert source.absent == {"EUR/USD", "XAU/USD"}
    clock.set(at("2026-11-22T22:00:00"))
    calendar.look()
    assert [(s.state, s.market) for s in told[2:]] == [("live", eur)]
    assert source.absent == {"XAU/USD"}
