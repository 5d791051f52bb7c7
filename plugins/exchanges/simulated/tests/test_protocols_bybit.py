"""The Bybit that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Bybit, serving

pytestmark = pytest.mark.anyio


def asked(op: str, *topics: str) -> dict[str, Any]:
    """Return a request."""
    return {"op": op, "args": list(topics), "req_id": "7"}


async def test_a_request_is_carried_out_whole_or_not_at_all(listen: Any) -> None:
    """One topic that is none, or of what is not listed, voids the request it stands in."""
    trades = "publicTrade.BTCUSDT"
    requests = [asked("subscribe", trades), asked("subscribe", trades, "publicTrade.XXUSDT")]
    requests += [asked("subscribe", "dance.BTCUSDT"), asked("subscribe", *[trades] * 11), asked("unsubscribe", trades)]
    requests += [{"op": "ping", "req_id": 8}, "{"]
    async with serving(Bybit(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in requests]
    assert [answer["success"] for answer in answers] == [True, False, False, False, True, True, False]
    assert answers[1]["ret_msg"] == "Invalid symbol :[publicTrade.XXUSDT]"
    assert "handler not found" in answers[2]["ret_msg"]
    assert [answer.get("req_id") for answer in answers] == ["7", None, None, None, "7", 8, None]
    assert answers[5]["ret_msg"] == "pong"


async def test_the_book_comes_at_once_and_trades_as_they_are(listen: Any) -> None:
    """Prices are text, times milliseconds."""
    request = asked("subscribe", "publicTrade.BTCUSDT", "orderbook.1.BTCUSDT")
    async with serving(Bybit(("BTC/USDT",), rate=50)) as venue, listen(venue.url, request) as heard:
        book = await heard.until(lambda told: told.get("topic") == "orderbook.1.BTCUSDT")
        (trade,) = (await heard.until(lambda told: told.get("topic") == "publicTrade.BTCUSDT"))["data"]
    assert float(book["data"]["b"][0][0]) < float(book["data"]["a"][0][0])
    assert trade["S"] in {"Buy", "Sell"}
    assert all(isinstance(trade[key], str) for key in "pvi")
    assert len(str(trade["T"])) == len(str(book["ts"])) == 13


async def test_errors_over_http_are_codes() -> None:
    """HTTP 200 with a code, for what is not listed; the time and the ticker are told."""
    async with serving(Bybit(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = (await http.get("/v5/market/recent-trade?category=spot&symbol=XXUSDT")).json()
        ticker = (await http.get("/v5/market/tickers?category=spot&symbol=BTCUSDT")).json()["result"]["list"]
        time = (await http.get("/v5/market/time")).json()["result"]
        missing = await http.get("/v5/nothing")
    assert (wrong["retCode"], wrong["result"], missing.status_code) == (10001, {}, 404)
    assert ticker[0]["symbol"] == "BTCUSDT"
    assert len(time["timeNano"]) == 19


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_bybit", Bybit(("BTC/USDT", "ETH/USDT"), rate=50))
