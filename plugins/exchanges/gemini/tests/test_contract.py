"""Gemini keeps what every source promises."""

from chrono.testing import SourceContract
from chrono_gemini import Gemini


class TestGemini(SourceContract):
    """The conformance suite, on messages of Gemini's documentation."""

    source = Gemini
    pairs = ("BTC/USD", "ETH/USD")
    recording = "recordings/trades.jsonl"
    rest_recording = "recordings/rest.jsonl"
    listings = "recordings/markets.json"
