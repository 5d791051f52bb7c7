"""Coinbase keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_coinbase import Coinbase


class TestCoinbase(SourceContract):
    """The conformance suite, on messages of Coinbase's documentation."""

    source = Coinbase
    pairs = ("ETH/USD", "BTC/USD")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
