"""Bitrue keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bitrue import Bitrue


class TestBitrue(SourceContract):
    """The conformance suite, on messages as Bitrue documents them."""

    source = Bitrue
    pairs = ("BTC/USDT", "XRP/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
