"""What Coinbase says over REST: trades while the stream is down, and what is listed."""

import json
from typing import Any

import anyio
import httpx
import pytest

from chrono import FrameError, Listing, Pair, Trade
from chrono_coinbase import Coinbase, CoinbaseTrades

TRADES = [
    {"trade_id": 75, "side": "buy", "size": "0.5", "price": "10.01", "time": "2014-11-07T22:19:29Z"},
    {"trade_id": 74, "side": "sell", "size": "0.01", "price": "10.00", "time": "2014-11-07T22:19:28.578544Z"},
]
PRODUCT = {"id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "status": "online"}


def test_each_product_is_asked_for_by_itself() -> None:
    """An answer does not name its product, so the request does."""
    first, second = CoinbaseTrades().request(["BTC-USD", "ETH-USD"])
    assert str(first.url) == "https://api.exchange.coinbase.com/products/BTC-USD/trades?limit=100"
    assert (first.extensions["symbol"], second.extensions["symbol"]) == ("BTC-USD", "ETH-USD")


def test_trades_are_those_of_the_stream() -> None:
    """The taker's side, the same numbers, the oldest first."""
    frame = json.dumps({"symbol": "BTC-USD", "answer": TRADES})
    assert CoinbaseTrades().read(frame) == (
        Trade("BTC-USD", 10.0, 0.01, "buy", "74", 1415398768578544000),
        Trade("BTC-USD", 10.01, 0.5, "sell", "75", 1415398769000000000),
    )


@pytest.mark.parametrize("answer", [None, {}, {"message": "NotFound"}, [{}], [TRADES[0] | {"price": "0"}]])
def test_what_is_no_list_of_trades_is_refused(answer: Any) -> None:
    """An error in place of an answer gives nothing."""
    with pytest.raises(FrameError):
        CoinbaseTrades().read(json.dumps({"symbol": "BTC-USD", "answer": answer}))


def listings(source: Coinbase, answer: httpx.Response) -> tuple[list[Listing], str]:
    """Return what is listed, and where that was asked."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer

    async def ask() -> list[Listing]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            return list(await source.listings(http))

    return anyio.run(ask), asked[0]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "trading"),
        ({"limit_only": True}, "trading"),
        ({"status": "offline"}, "halted"),
        ({"trading_disabled": True}, "halted"),
        ({"cancel_only": True}, "halted"),
        ({"post_only": True}, "halted"),
        ({"status": "delisted", "trading_disabled": True}, "delisted"),
    ],
)
def test_a_product_trades_is_halted_or_gone(change: dict[str, Any], state: Any) -> None:
    """Where no order can be matched, nothing trades."""
    found, where = listings(Coinbase(), httpx.Response(200, json=[PRODUCT | change]))
    assert found == [Listing("BTC-USD", Pair("BTC", "USD"), state)]
    assert where == "https://api.exchange.coinbase.com/products"


def test_listings_are_asked_where_the_stream_is() -> None:
    """Who connects elsewhere does not ask the venue's usual address."""
    _, where = listings(Coinbase(Coinbase.Config(url="ws://127.0.0.1:8765")), httpx.Response(200, json=[]))
    assert where == "http://127.0.0.1:8765/products"


def test_a_refusal_is_no_list() -> None:
    """What was not answered is not taken for an empty list."""
    with pytest.raises(httpx.HTTPStatusError):
        listings(Coinbase(), httpx.Response(503, text="maintenance"))
