"""OKX keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_okx import Okx


class TestOkx(SourceContract):
    """The conformance suite, on messages of OKX's documentation."""

    source = Okx
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
