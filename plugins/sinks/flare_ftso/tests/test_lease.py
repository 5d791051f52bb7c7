"""Whoever holds a lease stops before another may begin, and knows when it is over."""

from __future__ import annotations

import asyncio

import pytest
from leases import Hours, Row, RowLease, settled

from chrono import ConfigError, PermanentError, TransientError
from chrono_flare_ftso.lease import Fenced, Terms, elapsed, holder

pytestmark = pytest.mark.anyio

TERMS = Terms(ttl=15, margin=5, every=2)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def hours():
    return Hours()


@pytest.fixture
def row(hours):
    return Row(hours)


@pytest.fixture
async def two(row):
    """Return two leases of one row, and what each was told when it lost it."""
    told: list[list[str]] = [[], []]
    leases = [RowLease(row, TERMS, lost=each.append) for each in told]
    yield *leases, *told
    row.away = False
    for lease in leases:
        await lease.release()


async def test_it_is_kept_as_long_as_it_is_renewed(hours, two):
    first, second, told, _ = two
    assert await first.acquire() == 1
    waiting = asyncio.create_task(second.acquire())
    await hours.pass_by(100)
    assert (first.held, second.held, waiting.done(), told) == (True, False, False, [])
    waiting.cancel()


async def test_the_holder_stops_before_another_may_begin(hours, row, two):
    """By 5 seconds, which is the margin; in between it is nobody's."""
    first, second, told, _ = two
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await settled()
    cut = hours.now
    first.row = Row(hours)
    first.row.away = True
    stopped = begun = 0.0
    while not begun:
        await hours.go(0.5)
        assert not (first.held and second.held)
        stopped = stopped or (0 if first.held else hours.now)
        begun = hours.now if second.held else 0.0
    assert (stopped - cut, begun - cut) == (10, 16)
    assert await waiting == 2
    assert len(told) == 1
    assert "it could not be renewed: TransientError: the row is away; another may act now" in told[0]


@pytest.mark.parametrize("ahead", [-1e6, -30.0, 30.0, 1e6])
async def test_no_clock_of_a_machine_matters(hours, row, two, ahead):
    first, second, *_ = two
    row.ahead = ahead
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await hours.pass_by(60)
    assert (first.held, second.held) == (True, False)
    waiting.cancel()


async def test_a_holder_that_was_stopped_past_its_lease_knows_at_once(hours, two):
    """Before any task of its own has run: `held` goes by the time that passed."""
    first, second, told, _ = two
    await first.acquire()
    await settled()
    hours.now += 16
    assert not first.held
    assert await second.acquire() == 2
    for what in (first.confirm, first.renew):
        with pytest.raises(Fenced, match="expected grant 1 to be ours|newer grant"):
            await what()
    await hours.go(0)
    assert len(told) == 1
    assert second.held


async def test_a_renewal_that_is_answered_too_late_counts_from_when_it_was_asked_for(hours, row, two):
    first, *_ = two
    await first.acquire()

    async def slowly() -> None:
        hours.now += 9.5

    first.before = slowly
    await first.renew()
    first.before = None
    assert first.held
    hours.now += 0.5
    assert not first.held
    assert row.expires > row.now


async def test_a_grant_that_is_answered_too_late_is_asked_for_again(hours, two):
    first, *_ = two
    delays = [12.0, 0.0]

    async def slowly() -> None:
        hours.now += delays.pop(0)

    first.before = slowly
    assert await first.acquire() == 2
    assert first.held
    first.before = None


async def test_a_renewal_that_nobody_answers_ends_with_the_lease(hours, row):
    """It waits for no answer beyond the end."""
    told: asyncio.Queue[str] = asyncio.Queue()
    first = RowLease(row, Terms(ttl=1, margin=0.8, every=0.1), lost=told.put_nowait)
    await first.acquire()
    await settled()

    async def never() -> None:
        hours.now += 0.2
        await asyncio.Event().wait()

    first.before = never
    await hours.go(0.1)
    async with asyncio.timeout(10):
        assert "nobody answered in time" in await told.get()
    assert not first.held


async def test_what_is_given_back_is_had_at_once(hours, two):
    first, second, told, _ = two
    await first.acquire()
    await first.release()
    assert not first.held
    assert await second.acquire() == 2
    assert told == []


async def test_a_lease_that_was_lost_can_be_had_again(hours, row, two):
    first, _, told, _ = two
    await first.acquire()
    row.away = True
    await hours.pass_by(12)
    row.away = False
    assert (len(told), await first.acquire(), first.held) == (1, 2, True)
    await hours.pass_by(60)
    assert first.held


async def test_tokens_grow_with_every_grant(two):
    first, second, *_ = two
    tokens = []
    for lease in (first, second, first, first, second):
        tokens.append(await lease.acquire())
        await lease.release()
    assert tokens == [1, 2, 3, 4, 5]


async def test_stores_are_closed_to_older_tokens_before_it_is_held(two):
    first, *_ = two
    closed: list[tuple[int, bool]] = []
    first.at_grant(lambda token: closed.append((token, first.held)))
    await first.acquire()
    assert closed == [(1, False)]


async def test_a_store_that_does_not_close_gives_the_lease_back(row, two):
    first, second, *_ = two

    def refuse(token: int) -> None:
        raise PermanentError(f"grant {token} is old")

    first.at_grant(refuse)
    with pytest.raises(PermanentError, match="grant 1 is old"):
        await first.acquire()
    assert not first.held
    assert await second.acquire() == 2


async def test_who_waits_tells_why_once(hours, row, two):
    first, *_ = two
    told: list[str] = []
    waiting = RowLease(row, TERMS, tell=told.append)
    await first.acquire()
    task = asyncio.create_task(waiting.acquire())
    await hours.pass_by(20)
    row.away = True
    await hours.pass_by(6)
    assert told == ["lease row: held by another; standing by", "lease row: the row is away"]
    task.cancel()


async def test_nobody_confirms_what_was_never_granted_or_cannot_be_asked(row, two):
    first, *_ = two
    with pytest.raises(Fenced, match="it was never granted"):
        await first.confirm()
    await first.acquire()
    await first.confirm()
    row.away = True
    with pytest.raises(TransientError):
        await first.confirm()


async def test_acquiring_what_is_held_asks_nobody(row, two):
    first, *_ = two
    await first.acquire()
    asked = row.asked
    assert await first.acquire() == 1
    assert row.asked == asked


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"ttl": 8}, "lease: expected a ttl of at least the margin and twice every, was 8 s; make it 9 s"),
        ({"margin": 0}, "lease: expected a margin and an every above 0, was 0 s and 2 s; leave them out"),
        ({"every": -1}, "lease: expected a margin and an every above 0, was 5 s and -1 s; leave them out"),
    ],
)
def test_terms_that_leave_no_time_are_refused(terms, told):
    with pytest.raises(ConfigError, match=told):
        Terms(**terms)


def test_seconds_pass_and_holders_have_names():
    assert elapsed() <= elapsed()
    assert holder().rpartition("/")[2].isdigit()
