"""The source keeps what every source promises; what needs ccxt is tried beside this."""

from chrono.testing import SourceContract
from chrono_ccxt import Ccxt


class TestCcxt(SourceContract):
    """It brings its own connection, so most of it is not to be checked."""

    source = Ccxt
    pairs = ("BTC/USD", "ETH/USD")
    recording = "recordings/trades.jsonl"
    options = {"exchange": "kraken"}
