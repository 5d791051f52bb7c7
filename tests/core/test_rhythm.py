"""How old a market's last word may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chrono.core.board import Board
from chrono.core.clock import VirtualClock
from chrono.core.rhythm import FRESH, OLDEST, age_limit, learned
from chrono.core.types import SECOND, Market, Pair, Quote, Trade
from chrono.core.windows import TradeWindow

NOW = 1_795_342_500 * SECOND
MARKET = Market("v1", Pair("SGB", "USD"), "v1", "SGBUSD")


@given(st.integers(0, 10**14), st.integers(0, 10**14))
def test_limit_lies_between_half_a_minute_and_five(rhythm: int, gap: int) -> None:
    """Whatever was learned."""
    assert FRESH <= age_limit(learned(rhythm, gap)) <= OLDEST


def test_outage_teaches_little() -> None:
    """An hour of silence counts as what made the market stale."""
    assert age_limit(learned(2 * SECOND, 3600 * SECOND)) == FRESH


def fed(gaps: list[float], *, quotes: bool = False) -> Board:
    board = Board({MARKET: 60 * SECOND}, VirtualClock(NOW))
    at = NOW
    for gap in gaps:
        at += int(gap * SECOND)
        tick = Quote("SGBUSD", 1.0, 1.1, 1.0, 1.0, at) if quotes else Trade("SGBUSD", 1.0, 1.0, "buy", str(at), at)
        board.inlets["v1"](tick, at)
    return board


def test_market_that_prints_every_other_minute_is_given_time() -> None:
    """Its limit follows its rhythm."""
    window = fed([120.0] * 10).window(MARKET, "trades", 60 * SECOND, NOW + 1300 * SECOND)
    assert window is not None
    assert window.rhythm == 120 * SECOND
    assert age_limit(window.rhythm) == OLDEST


def test_burst_is_one_update() -> None:
    """Prints within a second say nothing about the next."""
    window = fed([60.0, 0.01, 0.01, 0.01] * 8).window(MARKET, "trades", 60 * SECOND, NOW + 500 * SECOND)
    assert window is not None
    assert 55 * SECOND < window.rhythm < 65 * SECOND


def test_live_book_bears_a_last_trade_out() -> None:
    """A market is as fresh as its book, and the price the nearest to its last one that the book allows."""
    board = fed([1.0])
    board.inlets["v1"](Quote("SGBUSD", 0.999, 1.001, 1.0, 1.0, NOW + 100 * SECOND), NOW + 100 * SECOND)
    window = board.window(MARKET, "trades", 60 * SECOND, NOW + 101 * SECOND)
    assert window is not None
    assert window.age == SECOND
    board.inlets["v1"](Quote("SGBUSD", 1.050, 1.055, 1.0, 1.0, NOW + 102 * SECOND), NOW + 102 * SECOND)
    window = board.window(MARKET, "trades", 60 * SECOND, NOW + 103 * SECOND)
    assert isinstance(window, TradeWindow)
    assert (window.age, window.last) == (SECOND, 1.05)


def test_wide_book_says_nothing() -> None:
    """Any price lies between a bid of one and an ask of two."""
    board = fed([1.0])
    board.inlets["v1"](Quote("SGBUSD", 0.9, 1.1, 1.0, 1.0, NOW + 100 * SECOND), NOW + 100 * SECOND)
    window = board.window(MARKET, "trades", 60 * SECOND, NOW + 101 * SECOND)
    assert isinstance(window, TradeWindow)
    assert (window.age, window.last) == (100 * SECOND, 1.0)
