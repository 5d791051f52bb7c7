"""Poloniex keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_poloniex import Poloniex


class TestPoloniex(SourceContract):
    """The conformance suite, on messages of Poloniex's documentation."""

    source = Poloniex
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
