"""Bitstamp keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bitstamp import Bitstamp


class TestBitstamp(SourceContract):
    """The conformance suite, on messages as Bitstamp documents them."""

    source = Bitstamp
    pairs = ("BTC/USD", "USDT/USD")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
