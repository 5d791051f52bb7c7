"""Swissquote keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_swissquote import Swissquote


class TestSwissquote(SourceContract):
    """The conformance suite, on answers in the form of the venue's."""

    source = Swissquote
    pairs = ("EUR/USD", "JPY/USD", "XAU/USD")
    turned = ("JPY/USD",)
    recording = "recordings/quotes.jsonl"
