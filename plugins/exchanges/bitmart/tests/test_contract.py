"""BitMart keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bitmart import Bitmart


class TestBitmart(SourceContract):
    """The conformance suite, on messages of BitMart's documentation."""

    source = Bitmart
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
