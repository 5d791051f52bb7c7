"""The Binance.US that is served: Binance in dollars, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import BinanceUs, serving

pytestmark = pytest.mark.anyio


async def test_it_speaks_as_binance_in_dollars(listen: Any) -> None:
    """Streams and listings are named by symbols that end in USD."""
    request = {"method": "SUBSCRIBE", "params": ["btcusd@trade"], "id": 1}
    async with serving(BinanceUs(("BTC/USD",), rate=50)) as venue, listen(venue.url, request) as heard:
        trade = (await heard.until(lambda told: "data" in told))["data"]
        async with httpx.AsyncClient(base_url=venue.rest_url) as http:
            listed = (await http.get("/api/v3/exchangeInfo")).json()["symbols"]
    assert (trade["e"], trade["s"]) == ("trade", "BTCUSD")
    assert [(row["symbol"], row["quoteAsset"]) for row in listed] == [("BTCUSD", "USD")]


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_binance_us", BinanceUs(("BTC/USD", "ETH/USD"), rate=50))
