"""Windows cut short: by count and by volume, and what is left of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono.core.aggregators import Last, WindowMedian
from chrono.core.build import build
from chrono.core.errors import ConfigError
from chrono.core.registry import Registry
from chrono.core.types import SECOND, Market, Pair
from chrono.core.windows import QuoteWindow, TickerWindow, TradeWindow

AS_OF = 1_795_342_500 * SECOND
SPAN = 60 * SECOND
MARKET = Market("v1", Pair("BTC", "USD"), "v1", "BTCUSD")


def trades(rows: Sequence[tuple[float, float, float]], *, before: int = 0, covers: float = 1.0) -> TradeWindow:
    """Return a window of rows of price, size and prints, ten seconds apart, of which some lie before it."""
    price, size, prints = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    ts = [AS_OF - 10 * SECOND * age for age in reversed(range(len(rows)))]
    return TradeWindow(MARKET, AS_OF, SPAN, (price, size, prints), ts, age=7, turnover=3.0, covers=covers, start=before)


PRINTS = [(100.0, 1.0, 1.0), (101.0, 2.0, 1.0), (102.0, 0.5, 1.0), (103.0, 4.0, 1.0)]


def test_the_newest_of_a_window_open_at_the_oldest_of_them() -> None:
    """The start moves, the span reaches back to the oldest print left, and the one before it is the prior."""
    cut = trades(PRINTS).newest(2)
    assert (cut.price.tolist(), cut.size.tolist()) == ([102.0, 103.0], [0.5, 4.0])
    assert (cut.span, cut.prior) == (10 * SECOND, (101.0, AS_OF - 20 * SECOND))


def test_age_and_turnover_are_those_of_the_whole_window() -> None:
    """How much a market trades, and how fresh it is, does not depend on how much of it is looked at."""
    whole = trades(PRINTS)
    for cut in (whole.newest(1), whole.of_volume(1.0)):
        assert (cut.age, cut.turnover, cut.market, cut.as_of) == (whole.age, whole.turnover, MARKET, AS_OF)


def test_arrays_that_were_read_before_a_cut_are_not_those_of_the_cut() -> None:
    """What the whole window made stays with it."""
    whole = trades(PRINTS)
    assert len(whole.price) == 4
    assert len(whole.ts) == 4
    cut = whole.newest(1)
    assert (cut.price.tolist(), cut.ts.tolist()) == ([103.0], [AS_OF])
    assert not cut.price.flags.writeable


@pytest.mark.parametrize("count", [5, 100])
def test_a_window_of_fewer_prints_is_left_as_it_is(count: int) -> None:
    """What is not there cannot be cut away, and the opening stays where it was."""
    whole = trades(PRINTS)
    assert whole.newest(count) is whole
    assert trades([]).newest(count).span == SPAN


def test_a_folded_row_counts_as_its_prints_and_is_not_split() -> None:
    """The row in which the count is reached is in, whole."""
    folded = trades([(100.0, 1.0, 5.0), (101.0, 1.0, 3.0), (102.0, 1.0, 1.0)])
    assert [len(folded.newest(count)) for count in (1, 2, 4, 5, 9)] == [1, 2, 2, 3, 3]
    assert folded.newest(10) is folded


def test_a_volume_is_reached_from_the_newest_print_back() -> None:
    """So many prints are left that their sizes sum to at least what is asked for."""
    whole = trades(PRINTS)
    assert [len(whole.of_volume(volume)) for volume in (0.1, 4.0, 4.1, 4.5, 4.6, 7.5)] == [1, 1, 2, 2, 3, 4]
    assert whole.of_volume(7.6) is whole


def test_a_print_before_the_window_is_never_let_in() -> None:
    """Neither count nor volume reaches beyond the time."""
    cut = trades(PRINTS, before=2)
    assert cut.newest(3) is cut
    assert cut.of_volume(5.0) is cut


def test_a_cut_covers_what_was_observed_of_it() -> None:
    """A market watched for half of a minute covers the newest twenty seconds, and three quarters of forty."""
    half = trades(PRINTS, covers=0.5)
    assert half.newest(3).covers == 1.0
    later = trades([*PRINTS, (104.0, 1.0, 1.0)], covers=0.5)
    assert later.newest(5).covers == pytest.approx(0.75)


def test_prints_dated_ahead_of_the_round_leave_no_negative_span() -> None:
    """Times after the round count as the round's, of the prints as of the prior."""
    ahead = TradeWindow(MARKET, AS_OF, SPAN, ([1.0, 2.0], [1.0, 1.0], [1.0, 1.0]), [AS_OF + 5, AS_OF + 9])
    cut = ahead.newest(1)
    assert (cut.span, cut.covers, cut.prior) == (0, 1.0, (1.0, AS_OF))


@pytest.mark.parametrize("count", [0, -1])
def test_a_cut_to_nothing_is_refused(count: int) -> None:
    """No observation is no window."""
    with pytest.raises(ValueError, match="expected one observation or more, was"):
        trades(PRINTS).newest(count)
    with pytest.raises(ValueError, match="expected a volume above 0, was"):
        trades(PRINTS).of_volume(float(count))


def test_quotes_and_tickers_are_cut_by_count() -> None:
    """Each row is one observation; the rest goes with it."""
    ts = [AS_OF - 2, AS_OF - 1, AS_OF]
    quotes = QuoteWindow.of(MARKET, AS_OF, SPAN, [98.0, 99.0, 100.0], [100.0, 101.0, 102.0], ts).newest(2)
    assert (quotes.bid.tolist(), quotes.mid, quotes.prior) == ([99.0, 100.0], 101.0, (99.0, AS_OF - 2))
    tickers = TickerWindow(MARKET, AS_OF, SPAN, ([1.0, 2.0, 3.0], [1.0] * 3), ts).newest(1)
    assert (tickers.last_price.tolist(), tickers.last) == ([3.0], 3.0)


rows = st.tuples(st.floats(1e-6, 1e6), st.floats(0, 1e6), st.integers(1, 9).map(float))


@given(st.lists(rows, max_size=40), st.integers(0, 5), st.integers(1, 60), st.floats(1e-6, 1e7))
def test_a_cut_is_the_shortest_that_reaches_what_is_asked(
    points: list[tuple[float, float, float]], before: int, count: int, volume: float
) -> None:
    """Counted plainly from the newest row back, on any window."""
    whole = trades(points, before=min(before, len(points)))
    inside = points[min(before, len(points)) :]
    for cut, wanted, column in ((whole.newest(count), count, 2), (whole.of_volume(volume), volume, 1)):
        total, left = 0.0, 0
        for row in reversed(inside):
            if total >= wanted:
                break
            total, left = total + row[column], left + 1
        assert cut.price.tolist() == [price for price, _, _ in inside[len(inside) - left :]]
        assert cut.newest(count).newest(count).start == cut.newest(count).start


def test_the_newest_top_of_book_stands_until_it_is_replaced() -> None:
    """In a window without a quote the one before it is the top of the book."""
    sizes = {"bid_size": [1.0, 3.0], "ask_size": [2.0, 4.0]}
    quotes = QuoteWindow.of(MARKET, AS_OF, SPAN, [98.0, 99.0], [100.0, 101.0], [AS_OF - 2, AS_OF - 1], **sizes)
    assert quotes.top == (99.0, 101.0, 3.0, 4.0)
    before = QuoteWindow(MARKET, AS_OF, SPAN, quotes._columns, quotes._ts, start=2, stop=2)
    assert (len(before), before.top) == (0, (99.0, 101.0, 3.0, 4.0))


def test_a_stop_hides_what_came_later() -> None:
    """A window that ends before its columns do is cut from where it ends."""
    columns = ([1.0, 2.0, 3.0, 9.0], [1.0, 1.0, 1.0, 9.0], [1.0] * 4)
    window = TradeWindow(MARKET, AS_OF, SPAN, columns, [AS_OF - 3, AS_OF - 2, AS_OF - 1, AS_OF], stop=3)
    assert window.newest(2).price.tolist() == [2.0, 3.0]
    assert window.of_volume(1.5).price.tolist() == [2.0, 3.0]


def test_options_cut_the_window_of_any_aggregator() -> None:
    """`count` and `volume` are the host's to apply: the median knows nothing of them."""
    whole = trades(PRINTS)
    assert WindowMedian(WindowMedian.Config(count=2)).aggregate(whole).value == 102.5
    assert WindowMedian(WindowMedian.Config(volume=5.0)).aggregate(whole).value == 102.0
    assert WindowMedian(WindowMedian.Config(count=1, volume=5.0)).aggregate(whole).n == 1
    assert WindowMedian(WindowMedian.Config(count=3, volume=4.0)).aggregate(whole).n == 1


def test_without_options_an_aggregator_is_called_as_it_is() -> None:
    """What nobody asked for costs nothing: no call stands between a round and its aggregator."""
    assert Last().aggregate.__func__ is Last.aggregate  # type: ignore[attr-defined]


def check(aggregator: str) -> str:
    """Return what is wrong with a pipeline of one aggregator."""
    text = f"sources: {{v1: {{type: push}}, v2: {{type: push}}}}\nfeeds:\n  BTC/USD: {{decimals: 2}}\n{aggregator}\n"
    try:
        build(text, Registry())
    except ConfigError as error:
        return str(error)
    return ""


def test_a_volume_of_quotes_is_refused_when_the_pipeline_is_checked() -> None:
    """At its own line, with what to write in its place; a count of quotes is in order, and so is a volume of trades."""
    said = check("aggregator: {mid: {window: 10s, volume: 5}}")
    assert said.startswith("pipeline.yaml:4:41: aggregator.mid.volume: expected ")
    assert said.endswith("was an aggregator of quotes; write `count` or `window`")
    assert check("aggregator: {mid: {window: 10s, count: 5}}") == ""
    assert check("aggregator: {median: {volume: 0.5, count: 100}}") == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [("count", "0"), ("count", "-3"), ("count", "2.5"), ("count", "true"), ("volume", "0"), ("volume", ".inf")],
)
def test_impossible_counts_and_volumes_are_refused(option: str, value: str) -> None:
    """At least one observation, more than no volume."""
    assert f"aggregator.median.{option}: expected" in check(f"aggregator: {{median: {{{option}: {value}}}}}")
