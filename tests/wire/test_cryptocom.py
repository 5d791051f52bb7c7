"""Crypto.com's frames as others documented them, and what they state of them."""

import gzip
import json

import pytest

from chrono import Ack, FrameError, Quote, Trade
from chrono_cryptocom import Cryptocom, CryptocomTrades

from .expectations import data, expected, fixture, message, ticks

TARDIS = "wire/cryptocom/tardis-messages.jsonl"

CURRENT = (1, 2)
"""Messages of Exchange API v1: a book, which gives nothing, and a trade."""

SUPERSEDED = (3, 4, 5, 6)
"""Messages of API v2, whose numbers are numbers."""


@pytest.fixture
def cryptocom() -> Cryptocom:
    """Return the venue."""
    return Cryptocom()


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of Crypto.com is passed over."""
    assert set(expected("cryptocom")) == {(TARDIS, line) for line in CURRENT + SUPERSEDED}


@pytest.mark.parametrize("line", CURRENT)
def test_messages_mean_what_others_state(cryptocom: Cryptocom, line: int) -> None:
    """Trades are as stated, books give nothing."""
    assert list(cryptocom.read(message(TARDIS, line))) == ticks(expected("cryptocom")[TARDIS, line])


@pytest.mark.parametrize("line", SUPERSEDED)
def test_messages_of_the_superseded_api_are_refused(cryptocom: Cryptocom, line: int) -> None:
    """API v2 is not taken for v1."""
    with pytest.raises(FrameError):
        cryptocom.read(message(TARDIS, line))


def test_documented_trades_and_tickers_decode(cryptocom: Cryptocom) -> None:
    """Those of the fixtures, and the acknowledgements before them."""
    (ack,), (update,) = fixture("cryptocom", "fixtures", "ws-Trades.txt")
    assert cryptocom.read(ack) == (Ack(),)
    assert cryptocom.read(update) == (
        Trade("BTCUSD-PERP", 51327.5, 0.0001, "sell", "2030407068", 1613581138462 * 10**6),
    )
    (ack,), (update,) = fixture("cryptocom", "fixtures", "ws-Ticker.txt")
    assert cryptocom.read(ack) == (Ack(),)
    assert cryptocom.read(update) == (Quote("BTCUSD-PERP", 51170.0, 51180.0, 0.1, 0.2, 1613580710768 * 10**6),)
    _, (update,) = fixture("cryptocom", "fixtures", "ws-Klines.txt")
    assert cryptocom.read(update) == ()


def test_documented_polled_trades_decode() -> None:
    """The same rows as those of the stream."""
    answer = data("wire", "cryptocom", "fixtures", "rest-GetTradeHistory.txt").read_text().split("\n", 3)[3]
    found = CryptocomTrades().read(f'{{"symbol": "BTCUSD-PERP", "answer": {answer}}}')
    assert found == (Trade("BTCUSD-PERP", 50772.0, 0.1819, "sell", "15281981878", 1613547060925 * 10**6),)


def test_a_recorded_list_is_read(cryptocom: Cryptocom) -> None:
    """Every spot market of 2025 has the symbol that its pair is subscribed to with; futures are left out."""
    rows = json.loads(gzip.decompress(data("instruments", "cryptocom-2025-11-21.json.gz").read_bytes()))
    answer = {"id": -1, "code": 0, "result": {"data": [row["info"] for row in rows]}}
    found = list(cryptocom.listed(json.dumps(answer).encode()))
    spot = {row["id"] for row in rows if row["info"]["inst_type"] == "CCY_PAIR" and "@" not in row["id"]}
    assert len(found) > 600
    assert {listing.symbol for listing in found} == spot
    assert len({listing.pair for listing in found}) == len(found)
    for listing in found:
        assert listing.pair is not None
        assert cryptocom.symbol(listing.pair) == listing.symbol == f"{listing.pair.base}_{listing.pair.quote}"
