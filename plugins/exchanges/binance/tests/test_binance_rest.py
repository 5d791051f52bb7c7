"""What Binance says over REST: trades while the stream is down, and what is listed."""

import json
from typing import Any

import anyio
import httpx
import pytest

from chrono import FrameError, Listing, Pair, Trade
from chrono_binance import Binance, BinanceTrades

ROW = {"id": 28457, "price": "4.00000100", "qty": "12.0", "quoteQty": "48.0", "time": 1499865549590}


def read(*rows: Any) -> tuple[Any, ...]:
    """Read an answer about ETHBTC."""
    return tuple(BinanceTrades().read(json.dumps({"symbol": "ETHBTC", "answer": rows})))


def test_each_symbol_is_asked_for_by_itself() -> None:
    """An answer does not name its symbol, so the request does."""
    first, second = BinanceTrades().request(["BTCUSDT", "ETHBTC"])
    assert str(first.url) == "https://api.binance.com/api/v3/trades?symbol=BTCUSDT&limit=100"
    assert second.extensions["symbol"] == "ETHBTC"


def test_sixty_symbols_are_within_the_limits() -> None:
    """At 25 each they weigh no more in a minute than the venue takes."""
    assert 60 * 25 * 60 / BinanceTrades.Config().every.seconds <= 6000


def test_trades_are_those_of_the_stream() -> None:
    """Where the buyer was the maker, the taker sold."""
    bought, sold = read(ROW | {"isBuyerMaker": False}, ROW | {"isBuyerMaker": True, "id": 28458})
    assert bought == Trade("ETHBTC", 4.000001, 12.0, "buy", "28457", 1499865549590_000_000)
    assert (sold.side, sold.trade_id) == ("sell", "28458")


@pytest.mark.parametrize(
    "row", [None, {}, ROW, ROW | {"isBuyerMaker": True, "price": "0"}, ROW | {"isBuyerMaker": True, "time": 1499865549}]
)
def test_what_is_no_trade_is_refused(row: Any) -> None:
    """No trade is made up."""
    with pytest.raises(FrameError):
        read(row)


@pytest.mark.parametrize(
    ("status", "state"), [("TRADING", "trading"), ("HALT", "halted"), ("BREAK", "halted"), ("END_OF_DAY", "halted")]
)
def test_a_symbol_trades_or_is_halted(status: str, state: Any) -> None:
    """Any status but one is a halt."""
    asked: list[httpx.URL] = []
    row = {"symbol": "ETHBTC", "status": status, "baseAsset": "ETH", "quoteAsset": "BTC", "filters": []}

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"timezone": "UTC", "symbols": [row]})

    async def ask() -> list[Listing]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            return list(await Binance().listings(http))

    assert anyio.run(ask) == [Listing("ETHBTC", Pair("ETH", "BTC"), state)]
    assert str(asked[0]).startswith("https://api.binance.com/api/v3/exchangeInfo")
