"""Bybit keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bybit import Bybit


class TestBybit(SourceContract):
    """The conformance suite, on messages of Bybit's documentation."""

    source = Bybit
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
