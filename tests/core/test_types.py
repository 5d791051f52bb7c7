"""The values everything else speaks in."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono.core.types import SECOND, Feed, Market, Pair, Trade
from chrono.core.units import Duration, Share
from chrono.core.windows import Prior, QuoteWindow, TradeWindow

BTC = Pair("BTC", "USD")


@pytest.mark.parametrize("text", ["BTC/USD", "1INCH/USDT", "AAPLx/USD", "USDT.e/USD"])
def test_pair_reads_as_it_is_written(text: str) -> None:
    """A ticker is a letter or digit in upper case, and what exchanges put behind it."""
    assert str(Pair.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "BTC", "BTCUSD", "btc/usd", "BTC/", "/USD", "BTC/USD/EUR", "BTC/BTC", " BTC/USD", "BTC-USD"]
)
def test_what_is_no_pair_is_refused(text: str) -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match="expected"):
        Pair.parse(text)


def test_market_is_written_source_first() -> None:
    """And is a key of dictionaries by all that it is."""
    assert str(Market("ccxt/gate", BTC, "gate", "BTC_USD")) == "ccxt/gate:BTC/USD"
    assert {Market("a", BTC): 1}[Market("a", BTC)] == 1


def test_ticks_cannot_be_changed() -> None:
    """What was received stays what it was."""
    with pytest.raises(AttributeError):
        Trade("BTCUSD", 1.0, 1.0).price = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (67123.455, 2, "67123.46"),
        (0.125, 2, "0.12"),
        (0.375, 2, "0.38"),
        (1e-9, 8, "0.00000000"),
        (12345.6, -2, "12300"),
        (123456789012345.0, 18, "123456789012345." + "0" * 18),
    ],
)
def test_feeds_round_half_to_even_on_the_printed_digits(value: float, decimals: int, text: str) -> None:
    """Not on the double behind them."""
    assert format(Feed("BTC/USD", BTC, decimals, ()).quantize(value), "f") == text


@given(st.decimals(min_value=Decimal("0.00000001"), max_value=10**6, places=8))
def test_prices_come_through_to_the_digit(price: Decimal) -> None:
    """A double returns every price of fifteen digits to the same text."""
    assert Feed("X/USD", BTC, 8, ()).quantize(float(price)) == price


def test_window_falls_back_on_what_stood_before_it() -> None:
    """An empty window has a last price where there was one before, and none where there was not."""
    market = Market("v", BTC)
    trades = TradeWindow(market, SECOND, SECOND, ([5.0], [1.0], [1.0]), [0], start=1)
    assert (len(trades), trades.prior, trades.last) == (0, Prior(5.0, 0), 5.0)
    quotes = QuoteWindow(market, SECOND, SECOND, ([4.0], [6.0], [1.0], [1.0]), [0], start=1)
    assert (len(quotes), quotes.prior, quotes.mid) == (0, Prior(5.0, 0), 5.0)
    with pytest.raises(IndexError):
        _ = TradeWindow.of(market, SECOND, SECOND, [], [], []).last


def test_window_times_are_corrected_and_never_after_the_round() -> None:
    """Jitter does not put a print into the future."""
    window = TradeWindow(Market("v", BTC), 100, 50, ([1.0, 2.0], [1.0, 1.0], [1.0, 1.0]), [60, 99], offset=5)
    assert window.ts.tolist() == [65, 100]
    assert window.ts.dtype == np.int64


def test_duration_reads_its_unit() -> None:
    """Exactly, in nanoseconds."""
    assert [int(Duration(text)) for text in ("1ns", "250ms", "1.5s", "5m", "1h", "0.1s")] == [
        1,
        250_000_000,
        1_500_000_000,
        300 * SECOND,
        3600 * SECOND,
        100_000_000,
    ]


@given(st.integers(min_value=0, max_value=10**18))
def test_duration_is_written_as_it_is_read(length: int) -> None:
    """Text and back."""
    assert Duration(str(Duration(length))) == length


@pytest.mark.parametrize("text", ["10", "10 parsecs", "-1s", "", "s", "1e3s", "1.s"])
def test_duration_without_its_unit_is_refused(text: str) -> None:
    """A bare number says nothing."""
    with pytest.raises(ValueError, match="expected a duration with its unit"):
        Duration(text)


def test_share_reads_its_unit() -> None:
    """Per cent or basis points."""
    assert (float(Share("10%")), float(Share("25bp"))) == (0.1, 0.0025)
    with pytest.raises(ValueError, match="expected a share"):
        Share("0.1")
