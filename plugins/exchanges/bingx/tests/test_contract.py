"""BingX keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_bingx import Bingx


class TestBingx(SourceContract):
    """The conformance suite, on messages of BingX's documentation."""

    source = Bingx
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
