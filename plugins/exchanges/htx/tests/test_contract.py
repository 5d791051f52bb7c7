"""HTX keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_htx import Htx


class TestHtx(SourceContract):
    """The conformance suite, on messages as HTX documents them."""

    source = Htx
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
