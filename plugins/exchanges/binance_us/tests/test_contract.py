"""Binance.US keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_binance_us import BinanceUs


class TestBinanceUs(SourceContract):
    """The conformance suite, on messages of Binance's documentation."""

    source = BinanceUs
    pairs = ("DOGE/USD", "BNB/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
