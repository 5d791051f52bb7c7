"""The KuCoin that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Kucoin, ServedVenue, serving

pytestmark = pytest.mark.anyio


def asked(type: str, name: str, symbols: str = "BTC-USDT") -> dict[str, Any]:
    """Return a request."""
    return {"id": f"{type} {name}", "type": type, "topic": f"{name}:{symbols}", "response": True}


async def granted(venue: ServedVenue) -> str:
    """Ask for a token, and return where it is good."""
    async with httpx.AsyncClient(base_url=venue.rest_url) as http:
        grant = (await http.post("/api/v1/bullet-public")).json()["data"]
    return f"{grant['instanceServers'][0]['endpoint']}?token={grant['token']}&connectId=me"


async def test_a_request_is_answered_under_its_id(listen: Any) -> None:
    """Welcome, accepted, not listed, no such topic, ended, a ping, no command, no request."""
    requests: list[Any] = [asked("subscribe", "/market/match", "BTC-USDT,ETH-USDT")]
    requests += [asked("subscribe", "/market/match", "BTC-USDT,XX-USDT"), asked("subscribe", "/market/dance")]
    requests += [asked("unsubscribe", "/market/match"), {"id": "7", "type": "ping"}, asked("dance", "/x"), "{"]
    async with serving(Kucoin(rate=0, quotes=0)) as venue, listen(await granted(venue), *requests) as heard:
        answers = [await heard.next() for _ in range(8)]
    assert answers[0] == {"id": "me", "type": "welcome"}
    assert answers[1] == {"id": "subscribe /market/match", "type": "ack"}
    assert [answer["type"] for answer in answers[2:]] == ["error", "error", "ack", "pong", "error", "error"]
    assert [answers[at]["code"] for at in (2, 3, 6, 7)] == [404, 404, 415, 415]
    assert answers[2]["data"] == "topic /market/match:BTC-USDT,XX-USDT is not found"


async def test_trades_and_tickers_come_as_they_are(listen: Any) -> None:
    """Numbers are text; trades are dated in nanoseconds, tickers in milliseconds."""
    requests = [asked("subscribe", "/market/match"), asked("subscribe", "/market/ticker")]
    async with serving(Kucoin(("BTC/USDT",), rate=50)) as venue, listen(await granted(venue), *requests) as heard:
        trade, ticker = [
            (await heard.until(lambda told, name=name: told.get("topic") == f"{name}:BTC-USDT"))["data"]
            for name in ("/market/match", "/market/ticker")
        ]
    assert len(trade["time"]) == 19
    assert all(isinstance(trade[key], str) for key in ("price", "size", "tradeId"))
    assert len(str(ticker["time"])) == 13
    assert float(ticker["bestBid"]) < float(ticker["bestAsk"])


async def test_errors_over_http_are_codes() -> None:
    """HTTP 200 with a code, for what is not listed; the oldest trade comes first."""
    async with serving(Kucoin(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = (await http.get("/api/v1/market/histories?symbol=XX-USDT")).json()
        rows = (await http.get("/api/v1/market/histories?symbol=BTC-USDT")).json()["data"]
        top = (await http.get("/api/v1/market/orderbook/level1?symbol=BTC-USDT")).json()["data"]
        time = (await http.get("/api/v1/timestamp")).json()["data"]
        missing = await http.get("/api/v1/nothing")
    assert (wrong["code"], missing.status_code) == ("400100", 404)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert float(top["bestBid"]) < float(top["bestAsk"])
    assert len(str(time)) == 13


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_kucoin", Kucoin(("BTC/USDT", "ETH/USDT"), rate=50))
