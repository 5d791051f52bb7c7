"""Kraken keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_kraken import Kraken


class TestKraken(SourceContract):
    """The conformance suite, on messages of Kraken's documentation."""

    source = Kraken
    pairs = ("MATIC/USD", "ALGO/USD")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
