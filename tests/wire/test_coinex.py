"""What others recorded of CoinEx."""

from chrono import Listing, Pair
from chrono_coinex import Coinex

from .expectations import data, expected


def test_nothing_is_expected() -> None:
    """Nobody states what a message of CoinEx means."""
    assert expected("coinex") == {}


def test_a_recorded_list_is_read() -> None:
    """That of another library's tests, each market under the symbol that is subscribed to."""
    answer = data("wire", "coinex", "xchange", "v2_spot_market.json").read_bytes()
    found = list(Coinex().listed(answer))
    assert found[:2] == [Listing("ETHUSDT", Pair("ETH", "USDT")), Listing("BTCUSDT", Pair("BTC", "USDT"))]
    assert all(listing.pair and Coinex().symbol(listing.pair) == listing.symbol for listing in found)
