"""WhiteBIT keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_whitebit import WhiteBit


class TestWhiteBit(SourceContract):
    """The conformance suite, on messages of WhiteBIT's documentation."""

    source = WhiteBit
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
