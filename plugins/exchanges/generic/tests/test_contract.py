"""Venues by configuration keep what every source promises."""

from chrono.testing import SourceContract
from chrono_generic import Generic, GenericRest


class TestGeneric(SourceContract):
    """One that streams, and says all that a venue can be configured to say."""

    source = Generic
    pairs = ("BTC/USD", "ETH/USD")
    recording = "recordings/trades.jsonl"
    options = {
        "url": "wss://stream.acme.example/ws",
        "subscribe": {"op": "subscribe", "channel": "trades", "markets": "{symbols}"},
        "rows": "trades",
        "symbol": "$.market",
        "price": "p",
        "size": "q",
        "time": "t",
        "side": "side",
        "id": "id",
        "ack": "result.subscribed",
        "reject": "error",
        "ping": {"op": "ping"},
        "pinged": "ping",
        "pong": {"pong": "{ping}"},
    }


class TestGenericRest(SourceContract):
    """One that is asked for the trades of all markets at once."""

    source = GenericRest
    pairs = ("BTC/USD", "ETH/USD")
    recording = "recordings/rest.jsonl"
    options = {
        "url": "https://api.acme.example/trades",
        "rows": "data[]",
        "symbol": "market",
        "price": "p",
        "size": "q",
        "time": "t",
        "unit": "us",
        "id": "id",
        "reject": "message",
    }
