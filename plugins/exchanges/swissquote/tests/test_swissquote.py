"""What Swissquote quotes, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chrono import FrameError, Pair, Quote, Rejected
from chrono_swissquote import Swissquote

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)


def platform(*prices: tuple[float, float], at: datetime = MONDAY) -> dict[str, Any]:
    profiles = [{"spreadProfile": "Prime", "bidSpread": 1, "askSpread": 1, "bid": b, "ask": a} for b, a in prices]
    return {"topo": {"platform": "AT", "server": "AT"}, "spreadProfilePrices": profiles, "ts": millis(at)}


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def read(symbol: str, *platforms: Any) -> Any:
    return Swissquote().read(json.dumps({"symbol": symbol, "answer": platforms}))


def test_tightest_quote_of_all_servers_counts() -> None:
    """Kinds of account differ by what the bank adds on both sides."""
    (quote,) = read("EUR/USD", platform((1.0841, 1.0843), (1.08415, 1.08425)), platform((1.084, 1.0844)))
    assert quote == Quote("EUR/USD", 1.08415, 1.08425, ts_event=millis(MONDAY) * 1_000_000)


def test_dollars_in_yen_are_yen_in_dollars() -> None:
    """Bid and ask change places."""
    assert Swissquote().symbol(Pair("JPY", "USD")) == "USD/JPY"
    (quote,) = read("USD/JPY", platform((125.0, 160.0)))
    assert (quote.symbol, quote.bid, quote.ask) == ("USD/JPY", 0.00625, 0.008)


@pytest.mark.parametrize(
    ("symbol", "at", "closed"),
    [
        ("EUR/USD", datetime(2026, 11, 20, 21, 59, 59, tzinfo=UTC), False),
        ("EUR/USD", datetime(2026, 11, 20, 22, tzinfo=UTC), True),
        ("EUR/USD", datetime(2026, 11, 22, 22, tzinfo=UTC), False),
        ("XAU/USD", datetime(2026, 11, 22, 22, 59, tzinfo=UTC), True),
        ("XAU/USD", datetime(2026, 11, 23, 22, 30, tzinfo=UTC), True),
        ("EUR/USD", datetime(2026, 11, 23, 22, 30, tzinfo=UTC), False),
        ("EUR/USD", datetime(2026, 12, 25, 15, tzinfo=UTC), True),
    ],
)
def test_quote_of_a_closed_market_is_none(symbol: str, at: datetime, closed: bool) -> None:
    """What stands there over the weekend is Friday's, and what is dated then is nobody's."""
    assert bool(read(symbol, platform((1.0, 1.1), at=at))) != closed


def test_instrument_that_nobody_quotes_is_refused() -> None:
    """An answer without entries."""
    assert read("EUR/USD") == (Rejected("EUR/USD", "no server quotes this instrument"),)


@pytest.mark.parametrize("pair", [Pair("USD", "JPY"), Pair("BTC", "USD"), Pair("EUR", "GBP")])
def test_pair_that_is_no_currency_in_dollars_is_refused(pair: Pair) -> None:
    """USD/JPY would be JPY/USD under another name."""
    with pytest.raises(ValueError, match="expected a currency or a metal in dollars"):
        Swissquote().symbol(pair)


@pytest.mark.parametrize(
    "answer",
    [
        {"spreadProfilePrices": [{"bid": 0, "ask": 1}], "ts": millis(MONDAY)},
        {"spreadProfilePrices": [{"bid": 1}], "ts": millis(MONDAY)},
        {"spreadProfilePrices": [{"bid": 1, "ask": 1.1}], "ts": millis(MONDAY) // 1000},
        {"bid": 1, "ask": 1.1},
    ],
)
def test_damage_is_refused(answer: Any) -> None:
    """Seconds are not taken for milliseconds."""
    with pytest.raises(FrameError):
        read("EUR/USD", answer)
