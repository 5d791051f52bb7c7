"""XT.com keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_xt import Xt


class TestXt(SourceContract):
    """The conformance suite, on messages as XT.com documents them."""

    source = Xt
    pairs = ("BTC/USDT", "ETH/USDT")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
