"""Bitget keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bitget import Bitget


class TestBitget(SourceContract):
    """The conformance suite, on messages of Bitget's documentation."""

    source = Bitget
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
