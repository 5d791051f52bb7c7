"""Tiingo keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_tiingo import Tiingo


class TestTiingo(SourceContract):
    """The conformance suite, on messages in the form of Tiingo's documentation."""

    source = Tiingo
    options = {"key": "0123456789abcdef"}
    pairs = ("EUR/USD", "JPY/USD", "XAU/USD")
    turned = ("JPY/USD",)
    recording = "recordings/quotes.jsonl"
