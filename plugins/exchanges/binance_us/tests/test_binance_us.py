"""What is Binance.US's own: its addresses, its limits, its dollars, and that it is a venue by itself."""

import anyio
import httpx
import pytest

from chrono import FrameError, Listing, Pair, Trade
from chrono_binance import Binance
from chrono_binance_us import BinanceUs, BinanceUsTrades

TRADE = (
    '{"stream":"btcusd@trade","data":{"e":"trade","E":1,"s":"BTCUSD","t":7,"p":"67123.10","q":"0.5","T":%s,"m":true}}'
)


def test_frames_are_those_of_binance() -> None:
    """A trade is read, and one with a time in another unit is damage."""
    assert BinanceUs().read(TRADE % 1795342500123) == (
        Trade("BTCUSD", 67123.1, 0.5, "sell", "7", 1795342500123 * 10**6),
    )
    with pytest.raises(FrameError, match="milliseconds or microseconds"):
        BinanceUs().read(TRADE % 1795342500)


def test_it_is_a_venue_by_itself() -> None:
    """It once stood far above all others while its banks were cut off: never one voice with Binance."""
    assert (BinanceUs().group, Binance().group) == ("binance_us", "binance")
    assert BinanceUs.rest.type == BinanceUs.type != Binance.type


def test_it_is_asked_at_its_own_addresses() -> None:
    """Neither the stream nor what is asked over HTTP goes to Binance."""
    assert BinanceUs().address == "wss://stream.binance.us:9443/stream"
    (request,) = BinanceUsTrades().request(["BTCUSD"])
    assert str(request.url) == "https://api.binance.us/api/v3/trades?symbol=BTCUSD&limit=100"


def test_trades_are_within_its_own_limits() -> None:
    """A fifth of what Binance takes in a minute."""
    (request,) = BinanceUsTrades().request(["BTCUSD"])
    assert BinanceUs.budget is not None
    assert BinanceUsTrades().weight(request) * 48 <= BinanceUs.budget.weight < 6000


def test_its_markets_are_in_dollars() -> None:
    """What it lists is asked for at its own address."""
    asked: list[str] = []
    rows = [{"symbol": "BTCUSD", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USD"}]

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"symbols": rows})

    async def ask() -> list[Listing]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            return list(await BinanceUs().listings(http))

    assert anyio.run(ask) == [Listing("BTCUSD", Pair("BTC", "USD"))]
    assert asked == ["https://api.binance.us/api/v3/exchangeInfo"]
