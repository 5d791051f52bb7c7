"""Crypto.com keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_cryptocom import Cryptocom


class TestCryptocom(SourceContract):
    """The conformance suite, on messages as Crypto.com documents them."""

    source = Cryptocom
    pairs = ("BTC/USD", "ETH/USD")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
