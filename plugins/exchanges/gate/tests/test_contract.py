"""Gate keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_gate import Gate


class TestGate(SourceContract):
    """The conformance suite, on messages of Gate's documentation."""

    source = Gate
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
