"""The OKX that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Okx, serving

pytestmark = pytest.mark.anyio


def asked(op: str, *channels: str, symbol: str = "BTC-USDT") -> dict[str, Any]:
    """Return a request."""
    return {"op": op, "args": [{"channel": channel, "instId": symbol} for channel in channels]}


async def test_each_channel_of_each_symbol_is_answered(listen: Any) -> None:
    """Accepted, not listed, no such channel, ended; `ping` is text."""
    requests = [asked("subscribe", "trades", "candle1D"), asked("subscribe", "trades", symbol="XX-USDT")]
    requests += [asked("unsubscribe", "trades"), asked("dance"), "{", "ping"]
    async with serving(Okx(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in range(7)]
    assert answers[0] == {
        "event": "subscribe",
        "arg": {"channel": "trades", "instId": "BTC-USDT"},
        "connId": "00000001",
    }
    assert [answer.get("code") for answer in answers[:6]] == [None, "60018", "60018", None, "60012", "60012"]
    assert "instId:XX-USDT" in answers[2]["msg"]
    assert answers[3]["event"] == "unsubscribe"
    assert answers[6] == "pong"


async def test_tops_come_at_once_and_trades_as_they_are(listen: Any) -> None:
    """All of it is text, times in milliseconds."""
    request = asked("subscribe", "trades", "tickers", "bbo-tbt")
    async with serving(Okx(("BTC/USDT",), rate=50)) as venue, listen(venue.url, request) as heard:
        found = {
            name: (await heard.until(lambda told, name=name: told["arg"]["channel"] == name and "data" in told))["data"]
            for name in ("tickers", "bbo-tbt", "trades")
        }
    assert float(found["tickers"][0]["bidPx"]) < float(found["tickers"][0]["askPx"])
    assert float(found["bbo-tbt"][0]["bids"][0][0]) < float(found["bbo-tbt"][0]["asks"][0][0])
    assert all(isinstance(found["trades"][0][key], str) for key in ("px", "sz", "tradeId", "ts"))
    assert len(found["trades"][0]["ts"]) == 13


async def test_errors_over_http_are_codes() -> None:
    """HTTP 200 with a code, for what is not listed; the time and the ticker are told."""
    async with serving(Okx(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = (await http.get("/api/v5/market/trades?instId=XX-USDT")).json()
        few = (await http.get("/api/v5/market/trades?instId=BTC-USDT&limit=3")).json()["data"]
        ticker = (await http.get("/api/v5/market/ticker?instId=BTC-USDT")).json()["data"]
        time = (await http.get("/api/v5/public/time")).json()["data"]
        missing = await http.get("/api/v5/nothing")
    assert (wrong["code"], wrong["data"], missing.status_code) == ("51001", [], 404)
    assert [row["ts"] for row in few] == sorted((row["ts"] for row in few), reverse=True)
    assert ticker[0]["instId"] == "BTC-USDT"
    assert len(time[0]["ts"]) == 13


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_okx", Okx(("BTC/USDT", "ETH/USDT"), rate=50))
