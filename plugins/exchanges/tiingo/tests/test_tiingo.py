"""What Tiingo sends, and that its key stays ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from chrono import FrameError, Pair, Quote, Rejected
from chrono_tiingo import Tiingo

AT = "2026-11-23T15:00:00.157000+00:00"
NS = 1_795_446_000_157_000_000


def source() -> Tiingo:
    return Tiingo(Tiingo.Config(key="0123456789abcdef"))


def read(message: Any) -> Any:
    return source().read(json.dumps(message))


def row(*data: Any, **other: Any) -> dict[str, Any]:
    return {"messageType": "A", "service": "fx", "data": list(data)} | other


def test_top_of_book_is_a_quote() -> None:
    """Sizes are in units of the base."""
    found = read(row("Q", "eurusd", AT, 5e6, 1.08412, 1.08415, 1e6, 1.08418))
    assert found == (Quote("eurusd", 1.08412, 1.08418, 5e6, 1e6, NS),)


def test_dollars_in_yen_are_yen_in_dollars() -> None:
    """Bid and ask change places, and so do their sizes, in yen."""
    assert source().symbol(Pair("JPY", "USD")) == "usdjpy"
    found = read(row("Q", "usdjpy", AT, 1000.0, 125.0, 142.5, 500.0, 160.0))
    assert found == (Quote("usdjpy", 0.00625, 0.008, 80000.0, 125000.0, NS),)


def test_the_middle_tells_size_and_price_of_the_ask_apart() -> None:
    """An example of the page; a row in the order of its table, in which sizes are no prices, is refused."""
    at = "2019-07-05T15:49:15.157000+00:00"
    wanted = Quote("eurusd", 1.0847, 1.08479, 1e6, 2e6, 1_562_341_755_157_000_000)
    assert read(row("Q", "eurusd", at, 1e6, 1.0847, 1.084745, 2e6, 1.08479)) == (wanted,)
    with pytest.raises(FrameError, match="middle of bid and ask"):
        read(row("Q", "eurusd", at, 1e6, 1.0847, 1.084745, 1.08479, 2e6))


@pytest.mark.parametrize("at", ["2026-11-21T15:00:00+00:00", "2026-12-25T15:00:00+00:00", "2027-01-01T15:00:00+00:00"])
def test_quote_of_a_closed_market_is_none(at: str) -> None:
    """Streams go on over the weekend, markets do not."""
    assert read(row("Q", "eurusd", at, 5e6, 1.08412, 1.08415, 1e6, 1.08418)) == ()


def test_side_that_is_empty_is_no_quote() -> None:
    """A null stands there."""
    assert read(row("Q", "eurusd", AT, None, None, None, 1e6, 1.08418)) == ()


@pytest.mark.parametrize(
    "message",
    [
        {"messageType": "E", "response": {"code": 401, "message": "authorization failed"}},
        {"messageType": "I", "response": {"code": 400, "message": "authorization failed"}, "data": {}},
    ],
)
def test_refusal_is_of_the_whole_request(message: Any) -> None:
    """It names no ticker."""
    assert read(message) == (Rejected("", "authorization failed"),)


@pytest.mark.parametrize(
    "message",
    [
        row("T", "eurusd", AT, 5e6, 1.08412, 1.08415, 1e6, 1.08418),
        row("Q", "eurusd", 1_795_446_000, 5e6, 1.08412, 1.08415, 1e6, 1.08418),
        row("Q", "eurusd", AT, 5e6, -1.08412, 1.08415, 1e6, 1.08418),
        row("Q", "eurusd", AT),
        row("Q", "eurusd", AT, 5e6, 1.08412, 1.08415, 1e6, 1.08418, service="iex"),
        {"messageType": "?"},
    ],
)
def test_damage_is_refused(message: Any) -> None:
    """And so is what another service sends."""
    with pytest.raises(FrameError):
        read(message)


def test_key_is_wanted_and_shown_nowhere() -> None:
    """It goes to Tiingo alone."""
    with pytest.raises(ValidationError, match="key"):
        Tiingo.Config()
    (message,) = source().subscribe(["eurusd"])
    assert message["authorization"] == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(source().config)
    assert "0123456789abcdef" not in source().config.without_secrets(json.dumps(message))
