"""What Kraken says over REST: trades while the stream is down, and what is listed."""

import json
from typing import Any

import anyio
import httpx
import pytest

from chrono import FrameError, Listing, Pair, RateLimit, Rejected, Trade
from chrono_kraken import Kraken, KrakenTrades

ROW = ["30243.40000", "0.34507674", 1688669597.8277369, "b", "m", "", 61044952]


def read(answer: Any) -> tuple[Any, ...]:
    """Read an answer about BTC/USD."""
    return tuple(KrakenTrades().read(json.dumps({"symbol": "BTC/USD", "answer": answer})))


def test_each_pair_is_asked_for_by_its_older_name() -> None:
    """The REST API is of the older API's age."""
    bitcoin, doge, ether = KrakenTrades().request(["BTC/USD", "DOGE/BTC", "ETH/USD"])
    assert bitcoin.url.path == "/0/public/Trades"
    assert [request.url.params["pair"] for request in (bitcoin, doge, ether)] == ["XBTUSD", "XDGXBT", "ETHUSD"]
    assert bitcoin.extensions["symbol"] == "BTC/USD"


def test_trades_are_those_of_the_stream() -> None:
    """The same numbers, and times as exact as they are written."""
    older = [ROW[0], ROW[1], 1688669598, "s", "l", "", 61044953]
    assert read({"error": [], "result": {"XXBTZUSD": [ROW, older], "last": "1688671969993150842"}}) == (
        Trade("BTC/USD", 30243.4, 0.34507674, "buy", "61044952", 1688669597827736900),
        Trade("BTC/USD", 30243.4, 0.34507674, "sell", "61044953", 1688669598000000000),
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("EQuery:Unknown asset pair", Rejected("BTC/USD", "EQuery:Unknown asset pair")),
        ("EService:Market in cancel_only mode", Rejected("BTC/USD", "EService:Market in cancel_only mode")),
        ("EGeneral:Too many requests", RateLimit(15.0, "EGeneral:Too many requests")),
        ("EAPI:Rate limit exceeded", RateLimit(15.0, "EAPI:Rate limit exceeded")),
        ("EService:Unavailable", RateLimit(15.0, "EService:Unavailable")),
    ],
)
def test_an_error_that_comes_with_success_is_told(error: str, expected: Any) -> None:
    """HTTP 200 with an error is no answer: of one pair, or a call for a pause."""
    assert read({"error": [error]}) == (expected,)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        [],
        {"error": []},
        {"error": [], "result": {"last": "1"}},
        {"error": [], "result": {"XXBTZUSD": [ROW[:6]]}},
        {"error": [], "result": {"XXBTZUSD": [["0", *ROW[1:]]]}},
        {"error": [], "result": {"XXBTZUSD": [], "XETHZUSD": []}},
    ],
)
def test_what_is_no_list_of_trades_is_refused(answer: Any) -> None:
    """No trade is made up, and none is taken for another pair's."""
    with pytest.raises(FrameError):
        read(answer)


def listings(answer: Any) -> list[Listing]:
    """Return what is listed."""

    async def ask() -> list[Listing]:
        reply = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
        async with httpx.AsyncClient(transport=reply) as http:
            return list(await Kraken().listings(http))

    return anyio.run(ask)


@pytest.mark.parametrize(
    ("name", "symbol", "pair"),
    [
        ("XBT/USD", "BTC/USD", Pair("BTC", "USD")),
        ("XDG/XBT", "DOGE/BTC", Pair("DOGE", "BTC")),
        ("LUNA2/USD", "LUNA2/USD", Pair("LUNA", "USD")),
        ("LUNA/USD", "LUNA/USD", Pair("LUNC", "USD")),
        ("TBTC/USD", "TBTC/USD", Pair("TBTC", "USD")),
    ],
)
def test_a_listing_is_under_the_name_of_the_stream(name: str, symbol: str, pair: Pair) -> None:
    """What was renamed elsewhere keeps its old name there."""
    answer = {"error": [], "result": {"X": {"wsname": name, "status": "online"}}}
    assert listings(answer) == [Listing(symbol, pair)]
    assert Kraken().symbol(pair) == symbol


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("online", "trading"),
        ("limit_only", "trading"),
        ("reduce_only", "trading"),
        ("cancel_only", "halted"),
        ("post_only", "halted"),
    ],
)
def test_a_pair_trades_or_is_halted(status: str, state: Any) -> None:
    """Where no order can be matched, nothing trades."""
    (found,) = listings({"error": [], "result": {"X": {"wsname": "ETH/USD", "status": status}}})
    assert found.state == state


def test_a_pair_that_is_not_on_the_public_book_is_no_listing() -> None:
    """Dark pools have no name in the stream."""
    assert listings({"error": [], "result": {"XXBTZUSD.d": {"altname": "XBTUSD.d"}}}) == []


def test_an_error_is_no_list() -> None:
    """What was not answered is not taken for an empty list."""
    with pytest.raises(ValueError, match="EService:Unavailable"):
        listings({"error": ["EService:Unavailable"]})
