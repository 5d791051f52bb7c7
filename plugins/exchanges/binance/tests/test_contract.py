"""Binance keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_binance import Binance


class TestBinance(SourceContract):
    """The conformance suite, on messages of Binance's documentation."""

    source = Binance
    pairs = ("BNB/BTC", "BNB/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
