"""Kraken keeps what every source promises."""

from chrono_kraken import Kraken

from chrono.testing import SourceContract


class TestKraken(SourceContract):
    """The conformance suite, on messages of Kraken's documentation."""

    source = Kraken
    pairs = ("MATIC/USD", "ALGO/USD")
    recording = "recordings/trades.jsonl"
