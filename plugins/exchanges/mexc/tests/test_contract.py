"""MEXC keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_mexc import Mexc


class TestMexc(SourceContract):
    """The conformance suite, on messages of MEXC's documentation."""

    source = Mexc
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
