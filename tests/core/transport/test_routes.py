"""Which address is used when the first one fails."""

from __future__ import annotations

import pytest

from chrono.core.clock import VirtualClock
from chrono.core.transport.outage import Outage
from chrono.core.transport.routes import Route, Routes
from chrono.core.types import SECOND

A, B, C = (Route(f"wss://{name}/ws", f"wss://{name}/ws") for name in "abc")
SECRET = Route("wss://me:hunter2@a/ws", "wss://a/ws", "http://me:hunter2@proxy:8080")


def routes(*given: Route, clock: VirtualClock | None = None) -> Routes:
    return Routes(given, (clock or VirtualClock(SECOND)).now, home_after=900.0)


@pytest.mark.parametrize("code", ["blocked", "unavailable", "dns", "refused", "tls", "timeout", "proxy", "network"])
def test_next_address_is_used_at_once_where_the_first_cannot_serve(code: str) -> None:
    """Blocked, down or not to be found: there is no use in asking again first."""
    ways = routes(A, B)
    assert ways.failed(A, Outage(code, "", 300.0))
    assert ways.current is B
    assert ways.wait == 0.0


def test_connection_that_is_lost_is_made_again_twice_before_another_address_is_used() -> None:
    """A hang-up is no reason to leave; three in a row are."""
    ways = routes(A, B)
    lost = Outage("hung_up", "")
    assert [ways.failed(A, lost) for _ in range(3)] == [False, False, True]


def test_healthy_connection_begins_the_count_anew() -> None:
    """Three hang-ups a day are no reason to leave."""
    ways = routes(A, B)
    for _ in range(5):
        assert not ways.failed(A, Outage("hung_up", ""))
        ways.healthy(A)


def test_all_are_tried_in_turn_and_then_the_one_that_rests_the_shortest() -> None:
    """Where every one asks to be left alone, the wait is the shortest of them."""
    ways = routes(A, B, C)
    for route, wait in ((A, 300.0), (B, 30.0), (C, 100.0)):
        ways.failed(route, Outage("unavailable", "", wait))
    assert (ways.current, ways.wait) == (B, 30.0)


def test_single_address_is_kept() -> None:
    """There is no other."""
    ways = routes(A)
    assert not ways.failed(A, Outage("blocked", "", 300.0))
    assert (ways.current, ways.wait, ways.homeward) == (A, 300.0, False)


def test_failure_on_an_address_that_was_left_moves_nobody() -> None:
    """Two connections that lose one address move the source once, not twice."""
    ways = routes(A, B, C)
    ways.failed(A, Outage("refused", ""))
    assert not ways.failed(A, Outage("refused", ""))
    assert ways.current is B


def test_ban_of_our_address_holds_for_all_its_addresses_and_leads_to_the_next_proxy() -> None:
    """The venue means where we come from, not where we go."""
    behind = Route("wss://a/ws", "wss://a/ws", "http://proxy:8080")
    ways = routes(A, B, behind)
    ways.failed(A, Outage("banned", "", 300.0, of_address=True))
    assert (ways.current, ways.wait) == (behind, 0.0)


def test_first_address_is_used_again_after_a_while() -> None:
    """After a quarter of an hour, and twice as long after each time that it failed again."""
    clock = VirtualClock(SECOND)
    ways = routes(A, B, clock=clock)
    for minutes in (15, 30, 60, 120, 240, 240):
        ways.failed(A, Outage("refused", ""))
        clock.set(clock.now() + minutes * 60 * SECOND - 1)
        assert not ways.homeward
        clock.set(clock.now() + 1)
        assert ways.homeward
        ways.go_home()
        assert ways.current is A
    ways.healthy(A)
    ways.failed(A, Outage("refused", ""))
    clock.set(clock.now() + 900 * SECOND)
    assert ways.homeward


def test_route_shows_no_secret() -> None:
    """Neither of its address nor of its proxy."""
    assert "hunter2" not in repr(SECRET)
