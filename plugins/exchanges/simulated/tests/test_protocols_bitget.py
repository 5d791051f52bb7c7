"""The Bitget that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Bitget, serving

pytestmark = pytest.mark.anyio


def asked(op: str, *topics: str, symbol: str = "BTCUSDT", market: str = "spot") -> dict[str, Any]:
    """Return a request."""
    return {"op": op, "args": [{"instType": market, "topic": topic, "symbol": symbol} for topic in topics]}


async def test_each_topic_of_each_symbol_is_answered(listen: Any) -> None:
    """Accepted, no such topic, not listed, another market, ended; `ping` is text."""
    requests = [asked("subscribe", "books1", "dance"), asked("subscribe", "books1", symbol="XXUSDT")]
    requests += [asked("subscribe", "books1", market="usdt-futures"), asked("unsubscribe", "books1")]
    requests += [asked("dance"), "{", "ping"]
    async with serving(Bitget(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        first, level = await heard.next(), await heard.next()
        answers = [await heard.next() for _ in range(7)]
    assert first["arg"] == {"instType": "spot", "topic": "books1", "symbol": "BTCUSDT"}
    assert (first["event"], level["action"]) == ("subscribe", "snapshot")
    assert [answer.get("code") for answer in answers[:6]] == [30001, 30001, 30001, None, 30003, 30002]
    assert '"symbol":"XXUSDT"' in answers[1]["msg"]
    assert answers[6] == "pong"


async def test_trades_of_the_past_come_first_and_the_newest_first(listen: Any) -> None:
    """Then those that happen, one by one."""
    request = asked("subscribe", "publicTrade", "ticker")
    async with serving(Bitget(("BTC/USDT",), rate=50)) as venue, listen(venue.url, request) as heard:
        past = (await heard.until(lambda told: told.get("action") == "snapshot"))["data"]
        ticker = (await heard.until(lambda told: told["arg"]["topic"] == "ticker" and "data" in told))["data"]
        update = (await heard.until(lambda told: told.get("action") == "update"))["data"]
    assert 1 < len(past) <= 50
    assert [row["T"] for row in past] == sorted((row["T"] for row in past), reverse=True)
    assert update[0]["T"] > past[0]["T"]
    assert all(isinstance(update[0][key], str) for key in "ipvT")
    assert float(ticker[0]["bid1Price"]) < float(ticker[0]["ask1Price"])


async def test_errors_over_http_are_codes() -> None:
    """For what is not listed, and what is not there; the ticker is told."""
    async with serving(Bitget(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/api/v3/market/fills?category=SPOT&symbol=XXUSDT")
        ticker = (await http.get("/api/v3/market/tickers?category=SPOT&symbol=BTCUSDT")).json()["data"]
        missing = await http.get("/api/v3/nothing")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "40034")
    assert (missing.status_code, missing.json()["code"]) == (404, "40404")
    assert ticker[0]["symbol"] == "BTCUSDT"


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_bitget", Bitget(("BTC/USDT", "ETH/USDT"), rate=50))
