"""Binance.US's list of markets as it was recorded."""

import json

from chrono import Pair
from chrono_binance_us import BinanceUs

from .expectations import data


def test_a_recorded_list_is_read() -> None:
    """Every market of 2021 has the symbol that its pair is subscribed to with, dollars among them."""
    text = data("instruments", "binance-us-2021-10-12.log").read_text()
    line = next(line for line in text.splitlines() if "exchangeInfo" in line or '"symbols"' in line)
    body = line.partition(": ")[2].partition(" header: ")[0]
    found = {listing.symbol: listing for listing in BinanceUs().listed(body.encode())}
    assert len(found) == len(json.loads(body)["symbols"]) > 100
    for symbol, listing in found.items():
        assert listing.pair is not None
        assert BinanceUs().symbol(listing.pair) == symbol
    assert found["BTCUSD"].pair == Pair("BTC", "USD")
    assert found["BTCUSD"].state == "trading"


def test_the_limit_is_the_one_that_was_recorded() -> None:
    """A budget above it would cost the address."""
    text = data("instruments", "binance-us-2021-10-12.log").read_text()
    assert '{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}' in text
    assert BinanceUs.budget is not None
    assert (BinanceUs.budget.weight, BinanceUs.budget.per) == (1200, 60.0)
