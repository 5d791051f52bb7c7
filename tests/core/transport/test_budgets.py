"""What a venue takes from one address, kept to by all that reach it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from chrono.core.transport.budgets import Account, Budget, Ledger, account
from chrono.core.types import SECOND

pytestmark = pytest.mark.anyio


def test_no_stretch_holds_more_than_the_budget() -> None:
    """However requests come, any ten seconds hold at most five units."""
    ledger = Ledger(Budget(5, per=10.0))
    weights = [1.0, 2.0, 3.0, 1.0, 5.0, 0.5, 4.0, 1.0] * 20
    booked = [(ledger.book(weight, number * SECOND // 3), weight) for number, weight in enumerate(weights)]
    assert [at for at, _ in booked] == sorted(at for at, _ in booked)
    for at, _ in booked:
        assert sum(weight for other, weight in booked if at - 10 * SECOND < other <= at) <= 5.0


def test_what_is_within_the_budget_does_not_wait() -> None:
    """A budget costs nothing to those who keep to it."""
    ledger = Ledger(Budget(2, per=1.0))
    times = [number * SECOND // 2 for number in range(1, 20)]
    assert [ledger.book(1.0, now) for now in times] == times


def test_what_weighs_more_than_the_budget_is_done_alone() -> None:
    """It is not refused, nor waited for in vain."""
    ledger = Ledger(Budget(10, per=60.0))
    assert [ledger.book(weight, 0) // SECOND for weight in (1.0, 50.0, 1.0)] == [0, 60, 120]


@pytest.mark.parametrize(("weight", "per"), [(0, 1.0), (-1, 1.0), (1, 0.0), (float("nan"), 1.0)])
def test_budget_of_nothing_is_refused(weight: float, per: float) -> None:
    """Nothing could ever be sent."""
    with pytest.raises(ValueError, match="above 0"):
        Budget(weight, per)


async def test_whoever_is_over_the_budget_waits_and_is_counted(clock: Any) -> None:
    """Waiting, not refusing; the third of two a minute waits for the first to be over."""
    spending = Account(Budget(2), None)
    waited = [await spending.request(clock) for _ in range(3)]
    assert waited[:2] == [0.0, 0.0]
    assert waited[2] == pytest.approx(60.0, abs=1.0)
    assert spending.waits == 1


async def test_a_pause_holds_up_requests_and_connections(clock: Any) -> None:
    """What the venue asks of an address it asks of all that comes from there."""
    spending = Account(None, None)
    spending.pause(30.0, clock.now())
    assert await spending.connection(clock) == pytest.approx(30.0, abs=1.0)
    assert await spending.request(clock) == 0.0


async def test_a_pause_that_comes_while_waiting_counts(clock: Any) -> None:
    """The venue said so after the turn was booked."""
    spending = Account(Budget(1, per=10.0), None)

    async def sleep(seconds: float) -> None:
        if not clock.waits:
            spending.pause(100.0, clock.now())
        await type(clock).sleep(clock, seconds)

    clock.sleep = sleep
    assert [await spending.request(clock) for _ in range(2)] == pytest.approx([0.0, 100.0], abs=1.0)


async def test_sources_of_a_venue_share_one_account() -> None:
    """By venue and by the address that it sees."""
    first = account("kraken", "", Budget(1))
    assert account("kraken", "", Budget(1)) is first
    assert account("kraken", "http://proxy") is not first
    assert account("binance", "") is not first


def test_accounts_end_with_the_loop_they_belong_to() -> None:
    """A later run in the same process begins with an empty account."""

    async def open_one() -> Account:
        return account("kraken", "")

    first, second = anyio.run(open_one), anyio.run(open_one)
    assert first is not second
