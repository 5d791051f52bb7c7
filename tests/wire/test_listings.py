"""Lists of markets as venues gave them, read by our plugins."""

import gzip
import json
from typing import Any

import anyio
import httpx
import pytest

from chrono import Listing, Pair
from chrono_coinbase import Coinbase
from chrono_kraken import Kraken

from .expectations import data


def listings(source: Any, answer: Any) -> dict[str, Listing]:
    """Return what a source makes of an answer, by symbol."""

    async def ask() -> list[Listing]:
        reply = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
        async with httpx.AsyncClient(transport=reply) as http:
            return list(await source.listings(http))

    found = anyio.run(ask)
    by_symbol = {listing.symbol: listing for listing in found}
    assert len(by_symbol) == len(found)
    return by_symbol


def recorded(name: str) -> Any:
    """Return the body of a recorded answer."""
    text = data("instruments", name).read_text()
    return json.loads(text.partition(": ")[2].partition(" header: ")[0])


@pytest.fixture
def kraken() -> dict[str, Listing]:
    """Return what Kraken listed on 2025-11-21."""
    rows = json.loads(gzip.decompress(data("instruments", "kraken-2025-11-21.json.gz").read_bytes()))
    return listings(Kraken(), {"error": [], "result": {row["id"]: row["info"] for row in rows}})


def test_every_pair_of_kraken_is_what_its_symbol_says(kraken: dict[str, Listing]) -> None:
    """Each is found under the symbol that the stream is subscribed to with, coins of two names among them."""
    assert len(kraken) == 1338
    assert all(listing.pair is not None and Kraken().symbol(listing.pair) == name for name, listing in kraken.items())
    assert kraken["BTC/USD"].pair == Pair("BTC", "USD")
    assert kraken["DOGE/USD"].pair == Pair("DOGE", "USD")
    assert kraken["LUNA/USD"].pair == Pair("LUNC", "USD")
    assert kraken["LUNA2/USD"].pair == Pair("LUNA", "USD")


def test_an_older_list_of_kraken_is_read() -> None:
    """The answer of 2021 had no statuses: all of it traded."""
    found = listings(Kraken(), recorded("kraken-2021-04-17.log"))
    assert {listing.state for listing in found.values()} == {"trading"}
    assert found["BTC/USD"].pair == Pair("BTC", "USD")


def test_a_recorded_list_of_coinbase_is_read() -> None:
    """Every product has a symbol that is its pair, but for those that share a book with dollars."""
    found = listings(Coinbase(), recorded("coinbase-2021-04-17.log"))
    assert len(found) > 100
    for name, listing in found.items():
        assert listing.pair is not None
        assert name == f"{listing.pair.base}-{listing.pair.quote}"
    assert found["BTC-USD"] == Listing("BTC-USD", Pair("BTC", "USD"))
