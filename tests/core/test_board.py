"""The board: what enters, where it lands, what is kept."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import pytest
import structlog
from structlog.testing import capture_logs

from chrono.core.board import Board, Inlet
from chrono.core.clock import VirtualClock
from chrono.core.drops import Drops
from chrono.core.offset import AHEAD, Offset
from chrono.core.rows import BUCKET, IDS, RAW
from chrono.core.types import SECOND, Market, Pair, Quote, Tick, Ticker, Trade
from chrono.core.windows import QuoteWindow, TickerWindow, TradeWindow

NOW = 1_795_342_500 * SECOND
MARKET = Market("v1", Pair("BTC", "USD"), "v1", "BTCUSD")
OTHER = Market("v2", Pair("BTC", "USD"), "v2", "BTCUSD")


def board(span: int = 60 * SECOND) -> tuple[Board, Inlet]:
    made = Board({MARKET: span, OTHER: span}, VirtualClock(NOW))
    return made, made.inlets["v1"]


def trade(price: float = 100.0, size: float = 1.0, at: int | None = None, trade_id: str = "") -> Trade:
    return Trade("BTCUSD", price, size, "buy", trade_id, at)


def trades(made: Board, as_of: int, span: int = 60 * SECOND) -> TradeWindow:
    window = made.window(MARKET, "trades", span, as_of)
    assert isinstance(window, TradeWindow)
    return window


def test_window_holds_what_was_traded_in_its_span() -> None:
    """A window is open at its start and closed at its end, oldest first."""
    made, inlet = board()
    for second in (0, 10, 20, 30):
        inlet(trade(100.0 + second, at=NOW + second * SECOND), NOW + second * SECOND)
    window = trades(made, NOW + 30 * SECOND, 20 * SECOND)
    assert window.price.tolist() == [120.0, 130.0]
    assert window.ts.tolist() == [NOW + 20 * SECOND, NOW + 30 * SECOND]
    assert window.prior == (110.0, NOW + 10 * SECOND)
    assert window.covers == 1.0


def test_window_says_how_much_of_its_span_it_covers() -> None:
    """A market that is watched for a quarter of the span covers a quarter."""
    made, inlet = board()
    inlet(trade(at=NOW), NOW)
    assert trades(made, NOW + 15 * SECOND).covers == pytest.approx(0.25)


def test_market_never_seen_has_no_window() -> None:
    """Nothing is not an empty window."""
    made, _ = board()
    assert made.window(OTHER, "trades", SECOND, NOW) is None


def test_arrays_cannot_be_written() -> None:
    """An aggregator cannot spoil what another one reads."""
    made, inlet = board()
    inlet(trade(at=NOW), NOW)
    with pytest.raises(ValueError, match="read-only"):
        trades(made, NOW).price[0] = 1.0


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, -math.inf, 1e15, 1e308])
def test_impossible_prices_are_refused_at_the_edge(price: float) -> None:
    """No price that cannot be one reaches a window."""
    made, inlet = board()
    inlet(trade(price), NOW)
    assert inlet.dropped["invalid"] == 1
    assert made.window(MARKET, "trades", SECOND, NOW) is None


@pytest.mark.parametrize("size", [-1.0, math.nan, math.inf])
def test_impossible_sizes_are_refused_at_the_edge(size: float) -> None:
    """A size is finite and not negative."""
    _, inlet = board()
    inlet(trade(size=size), NOW)
    assert (inlet.accepted, inlet.dropped["invalid"]) == (0, 1)


@pytest.mark.parametrize(
    "quote",
    [
        Quote("BTCUSD", 101.0, 100.0),
        Quote("BTCUSD", 0.0, 100.0),
        Quote("BTCUSD", math.nan, 100.0),
        Quote("BTCUSD", 100.0, math.inf),
        Quote("BTCUSD", 100.0, 101.0, -1.0),
    ],
)
def test_crossed_and_impossible_books_are_refused(quote: Quote) -> None:
    """A book's bid is positive and not above its ask."""
    made, inlet = board()
    inlet(quote, NOW)
    assert inlet.dropped["invalid"] == 1
    assert made.window(MARKET, "quotes", SECOND, NOW) is None


@pytest.mark.parametrize(
    "tick",
    [
        Trade("BTCUSD", None, 1.0),  # type: ignore[arg-type]
        Trade("BTCUSD", "100", 1.0),  # type: ignore[arg-type]
        Trade("BTCUSD", Decimal(100), 1.0),  # type: ignore[arg-type]
        Trade("BTCUSD", 100.0, Decimal(1)),  # type: ignore[arg-type]
        Trade("BTCUSD", 100.0, 1.0, ts_event="now"),  # type: ignore[arg-type]
        Quote("BTCUSD", 99.0, None),  # type: ignore[arg-type]
        Ticker("BTCUSD", Decimal(100), 1.0),  # type: ignore[arg-type]
        Ticker("BTCUSD", 100.0, Decimal(1)),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_number_is_refused_at_the_edge(tick: Tick) -> None:
    """A parser that passes on what it found, null or text, costs neither its connection nor a round."""
    made, inlet = board()
    inlet(tick, NOW)
    assert (inlet.accepted, inlet.dropped["invalid"]) == (0, 1)
    inlet(trade(at=NOW), NOW)
    assert trades(made, NOW).turnover > 0


def test_unknown_symbols_are_counted() -> None:
    """What nobody asked for is dropped."""
    _, inlet = board()
    inlet(Trade("DOGE", 1.0, 1.0), NOW)
    assert inlet.dropped["unknown_symbol"] == 1


def test_duplicates_are_counted_once_by_trade_id() -> None:
    """A snapshot after a reconnect does not count trades twice."""
    made, inlet = board()
    for _ in range(3):
        inlet(trade(at=NOW, trade_id="7"), NOW)
    assert (len(trades(made, NOW)), inlet.dropped["duplicate"]) == (1, 2)


def test_trade_ids_are_remembered_within_bounds() -> None:
    """At least half of the stated number is remembered, and never more than it."""
    _, inlet = board()
    for number in range(2 * IDS):
        inlet(trade(at=NOW, trade_id=str(number)), NOW)
    inlet(trade(at=NOW, trade_id=str(2 * IDS - IDS // 2)), NOW)
    assert inlet.dropped["duplicate"] == 1


def test_late_trades_count_where_they_belong() -> None:
    """A print that arrives late stands at its own time, and does not make the market look fresh."""
    made, inlet = board()
    for second, at in ((0, 0), (5, 5), (9, 2)):
        inlet(trade(100.0 + second, at=NOW + at * SECOND), NOW + second * SECOND)
    window = trades(made, NOW + 9 * SECOND)
    assert window.price.tolist() == [100.0, 109.0, 105.0]
    assert window.last == 105.0
    assert window.age == 4 * SECOND


def test_age_is_the_older_of_receipt_and_event() -> None:
    """A venue that is quick to send old prints is old."""
    made, inlet = board()
    for second in range(30):
        inlet(trade(at=NOW + second * SECOND), NOW + second * SECOND)
    inlet(trade(101.0, at=NOW + 30 * SECOND), NOW + 38 * SECOND)
    assert trades(made, NOW + 40 * SECOND).age == 10 * SECOND


def test_clock_that_is_off_is_measured_and_corrected() -> None:
    """A recorder 1.27 s behind its venue still sees ages as they are."""
    made, inlet = board()
    ahead = 1_270_000_000
    for tenth in range(300):
        received = NOW + tenth * SECOND // 10
        inlet(trade(at=received + ahead), received)
    last = NOW + 299 * SECOND // 10
    assert inlet.offset.value == -ahead
    assert trades(made, last + 2 * SECOND).age == 2 * SECOND
    assert trades(made, last + 2 * SECOND).ts[-1] == last


def test_ticks_from_the_future_are_dropped() -> None:
    """Beyond the measured offset and ten seconds, a tick is not believed."""
    _, inlet = board()
    for second in range(20):
        inlet(trade(at=NOW + second * SECOND), NOW + second * SECOND)
    inlet(trade(at=NOW + 30 * SECOND + AHEAD), NOW + 20 * SECOND)
    assert (inlet.accepted, inlet.dropped["future"]) == (20, 1)


def test_minutes_of_late_prints_do_not_pass_for_a_clock_that_is_off() -> None:
    """After ten healthy minutes, four minutes of lag leave the offset where it was."""
    _, inlet = board()
    for second in range(600):
        inlet(trade(at=NOW + second * SECOND), NOW + second * SECOND)
    for second in range(600, 840):
        inlet(trade(at=NOW + (second - 169) * SECOND), NOW + second * SECOND)
    assert inlet.offset.value == 0


@pytest.mark.parametrize(("delta", "value"), [(60 * SECOND, 0), (-60 * SECOND, 0)])
def test_offset_is_never_beyond_its_bound(delta: int, value: int) -> None:
    """A delay of a minute counts as age, a minute ahead as the future, neither as a clock."""
    offset = Offset()
    for second in range(100):
        offset.measure(delta, NOW + second * SECOND)
    assert offset.value == value


def test_old_prints_at_the_start_do_not_pass_for_a_clock_that_is_off() -> None:
    """A venue that begins with its last fifty trades is believed when it then dates one a moment ahead of us."""
    made, inlet = board()
    for number in range(50):
        inlet(trade(at=NOW - 300 * SECOND + number * SECOND), NOW)
    inlet(trade(101.0, at=NOW + SECOND + 5_000_000), NOW + SECOND)
    assert (inlet.offset.value, inlet.dropped) == (-5_000_000, {})
    assert len(trades(made, NOW + SECOND, 10 * SECOND)) == 1


def test_quotes_without_a_time_stand_at_their_receipt() -> None:
    """A venue that states no time for its book is dated by when it was received, in its own clock."""
    made, inlet = board()
    for tenth in range(100):
        received = NOW + tenth * SECOND // 10
        inlet(trade(at=received + 2 * SECOND), received)
    inlet(Quote("BTCUSD", 99.0, 101.0, 1.0, 2.0), NOW + 10 * SECOND)
    window = made.window(MARKET, "quotes", 60 * SECOND, NOW + 12 * SECOND)
    assert isinstance(window, QuoteWindow)
    assert (window.mid, window.age) == (100.0, 2 * SECOND)
    assert window.turnover == trades(made, NOW + 12 * SECOND).turnover


def test_tickers_carry_their_own_turnover() -> None:
    """A 24 h volume in base units becomes quote units per second."""
    made, inlet = board()
    inlet(Ticker("BTCUSD", 100.0, 864.0, NOW), NOW)
    window = made.window(MARKET, "tickers", SECOND, NOW)
    assert isinstance(window, TickerWindow)
    assert (window.last, window.turnover) == (100.0, 1.0)


def test_turnover_is_quote_units_per_second_of_the_span() -> None:
    """Late trades are counted in it as others are."""
    made, inlet = board()
    for second, at in ((0, 0), (10, 10), (11, 5), (20, 20)):
        inlet(trade(100.0, 3.0, NOW + at * SECOND), NOW + second * SECOND)
        trades(made, NOW + second * SECOND)
    assert trades(made, NOW + 20 * SECOND, 15 * SECOND).turnover == pytest.approx(2 * 300.0 / 15)


def test_time_beyond_any_clock_is_invalid_and_costs_nothing() -> None:
    """A time that no 64 bits hold, or that is no whole number, leaves the rows as they were."""
    made, inlet = board()
    for ts in (-(10**30), NOW - 0.5):
        inlet(trade(at=ts), NOW)  # type: ignore[arg-type]
    inlet(trade(101.0, at=NOW), NOW)
    assert (inlet.accepted, inlet.dropped["invalid"]) == (1, 2)
    window = trades(made, NOW)
    assert (len(window), window.price.tolist(), window.last) == (1, [101.0], 101.0)


def test_absurd_print_does_not_cost_a_market_its_turnover() -> None:
    """Neither while it is remembered, when it drowns sums that begin before it, nor afterwards."""
    made, inlet = board(10 * SECOND)
    inlet(trade(9e14, 9e14, at=NOW), NOW)
    for second in range(1, 3600):
        inlet(trade(100.0, 2.0, at=NOW + second * SECOND), NOW + second * SECOND)
        if second in {20, 3599}:
            assert trades(made, NOW + second * SECOND, 10 * SECOND).turnover == pytest.approx(200.0)


def test_flood_folds_into_buckets_and_keeps_its_sums() -> None:
    """Fifty thousand prints a second leave a bounded number of rows with the same volume, turnover and prints."""
    made, inlet = board()
    rng = random.Random(7)
    prints = [(rng.uniform(99, 101), rng.uniform(0, 2)) for _ in range(100_000)]
    for number, (price, size) in enumerate(prints):
        at = NOW + number * 20_000
        inlet(trade(price, size, at), at)
    window = trades(made, NOW + 2 * SECOND, 10 * SECOND)
    assert len(window) < 2 * RAW
    assert window.prints.sum() == len(prints)
    assert window.size.sum() == pytest.approx(math.fsum(size for _, size in prints))
    assert (window.price * window.size).sum() == pytest.approx(math.fsum(p * q for p, q in prints))
    assert window.turnover == pytest.approx(math.fsum(p * q for p, q in prints) / 10)
    assert window.last == prints[-1][0]
    assert (window.ts[1:] >= window.ts[:-1]).all()
    assert inlet.folded == len(prints) - len(window)


def test_folding_is_told_once() -> None:
    """Of a source, with how many and that there is nothing to do."""
    made, inlet = board()
    drops = Drops()
    for second in range(3):
        for number in range(5_000):
            at = NOW + second * SECOND + number * 20_000
            inlet(trade(at=at), at)
        with capture_logs() as logs:
            drops.tell(made.inlets, structlog.get_logger())
        assert [log["code"] for log in logs] == (["folded"] if second == 0 else [])


def test_a_long_window_never_becomes_a_short_one() -> None:
    """After a minute of flood the minute is still there, at least every bucket of it."""
    made, inlet = board()
    for number in range(60 * 200):
        at = NOW + number * SECOND // 200
        inlet(trade(at=at), at)
    window = trades(made, NOW + 60 * SECOND)
    assert window.ts[0] < NOW + BUCKET
    assert window.prints.sum() == 60 * 200


def test_what_no_window_reaches_is_forgotten() -> None:
    """Memory is bounded by time: an hour of trades leaves no more rows than some minutes."""
    made, inlet = board(10 * SECOND)
    for second in range(3600):
        inlet(trade(at=NOW + second * SECOND), NOW + second * SECOND)
    assert len(trades(made, NOW + 3600 * SECOND, 3600 * SECOND)) < 200


def test_late_rows_are_bounded_like_others() -> None:
    """A venue whose first print is its newest one for ever does not fill memory."""
    made, inlet = board()
    inlet(trade(at=NOW), NOW)
    for number in range(10 * RAW):
        inlet(trade(at=NOW - 1 - number % 1000), NOW)
    assert len(trades(made, NOW, 3600 * SECOND)) < 2 * RAW


def test_print_dated_ahead_does_not_shorten_the_window() -> None:
    """What is forgotten is decided by our clock: one print may be dated ten seconds ahead."""
    made, inlet = board(10 * SECOND)
    for tenth in range(200):
        inlet(trade(at=NOW + tenth * SECOND // 10), NOW + tenth * SECOND // 10)
    now = NOW + 20 * SECOND
    for number in range(RAW):
        inlet(trade(at=now + 9 * SECOND), now + number)
    window = trades(made, now + RAW, 10 * SECOND)
    assert window.ts[0] < now - 9 * SECOND


def test_the_last_row_before_the_window_is_kept() -> None:
    """A market that fell silent still has the price that stood when the window opened."""
    made, inlet = board(10 * SECOND)
    inlet(trade(100.0, at=NOW), NOW)
    window = trades(made, NOW + 3600 * SECOND, 10 * SECOND)
    assert (len(window), window.prior, window.last) == (0, (100.0, NOW), 100.0)
    assert window.age == 3600 * SECOND


def test_board_is_sealed_before_a_newer_tick_enters() -> None:
    """What is due is priced from a board that holds nothing received later."""
    made, inlet = board()
    seen: list[tuple[int, int]] = []
    inlet(trade(at=NOW), NOW)

    def seal(now: int) -> None:
        made.sealed_until = 2**63
        seen.append((now, len(trades(made, NOW + SECOND))))

    made.seal, made.sealed_until = seal, NOW + SECOND
    inlet(trade(at=NOW + SECOND), NOW + SECOND)
    inlet(trade(at=NOW + SECOND + 1), NOW + SECOND + 1)
    assert seen == [(NOW + SECOND + 1, 2)]


def test_ticks_without_a_receipt_are_stamped_and_told() -> None:
    """A source that brings its own connection is dated by the host, which can write its ticks down."""
    clock = VirtualClock(NOW)
    made = Board({MARKET: SECOND}, clock)
    told: list[int] = []
    made.inlets["v1"].on_tick = lambda tick, received: told.append(received)
    made.inlets["v1"](trade())
    assert told == [NOW]
    assert trades(made, NOW, SECOND).age == 0


@pytest.mark.parametrize("late", [False, True])
def test_window_keeps_what_it_saw_while_the_board_goes_on(late: bool) -> None:
    """Arrays are made when asked for; what arrives, is forgotten or is folded meanwhile does not show in them."""
    made, inlet = board(SECOND)
    for row in range(50):
        inlet(trade(100.0 + row, at=NOW + row), NOW + row)
    early, other = trades(made, NOW + 50, SECOND), trades(made, NOW + 50, SECOND)
    prices, times = early.price.tolist(), early.ts.tolist()
    for row in range(50, 3 * RAW):
        inlet(trade(200.0, at=NOW + row * BUCKET // 50 - (BUCKET if late and row % 2 else 0)), NOW + row * BUCKET // 50)
    assert (other.price.tolist(), other.ts.tolist(), other.last, len(other)) == (prices, times, 149.0, 50)
