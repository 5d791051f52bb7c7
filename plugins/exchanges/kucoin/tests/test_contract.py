"""KuCoin keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_kucoin import Kucoin


class TestKucoin(SourceContract):
    """The conformance suite, on messages of KuCoin's documentation."""

    source = Kucoin
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
