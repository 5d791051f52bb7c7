"""Bitfinex keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bitfinex import Bitfinex


class TestBitfinex(SourceContract):
    """The conformance suite, on messages as Bitfinex documents them."""

    source = Bitfinex
    pairs = ("BTC/USD", "USDT/USD")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
