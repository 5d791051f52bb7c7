"""CoinEx keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_coinex import Coinex


class TestCoinex(SourceContract):
    """The conformance suite, on messages as CoinEx documents them."""

    source = Coinex
    pairs = ("BTC/USDT", "USDC/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
