"""Upbit keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_upbit import Upbit


class TestUpbit(SourceContract):
    """The conformance suite, on messages of Upbit's documentation."""

    source = Upbit
    pairs = ("BTC/KRW", "ETH/KRW")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
