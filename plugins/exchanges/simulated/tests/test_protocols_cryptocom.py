"""The Crypto.com that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Cryptocom, serving

pytestmark = pytest.mark.anyio


def asked(number: int, method: str, *channels: str) -> dict[str, Any]:
    """Return a request."""
    return {"id": number, "method": method, "params": {"channels": channels}, "nonce": number}


async def test_a_request_is_answered_under_its_number(listen: Any) -> None:
    """Accepted, not listed, no such channel, ended, no such method; what was last is told at once."""
    requests = [asked(1, "subscribe", "trade.BTC_USD", "ticker.BTC_USD"), asked(2, "subscribe", "trade.XX_USD")]
    requests += [asked(3, "subscribe", "dance.BTC_USD"), asked(4, "unsubscribe", "trade.BTC_USD"), asked(5, "dance")]
    async with serving(Cryptocom(rate=0, quotes=0)) as venue, listen(venue.url, *requests, "{") as heard:
        told = [await heard.next() for _ in range(8)]
    assert told[0] == {"id": 1, "method": "subscribe", "code": 0}
    assert [each["result"]["channel"] for each in told[1:3]] == ["trade", "ticker"]
    (trade,), (ticker,) = (each["result"]["data"] for each in told[1:3])
    assert all(isinstance(trade[key], str) for key in ("d", "p", "q"))
    assert float(ticker["b"]) < float(ticker["k"])
    assert [(each["id"], each["code"]) for each in told[3:]] == [(2, 10004), (3, 10004), (4, 0), (5, 30001), (0, 40001)]
    assert "trade.XX_USD" in told[3]["message"]


async def test_who_does_not_answer_a_heartbeat_is_left(listen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for by its number."""
    monkeypatch.setattr(Cryptocom, "beat_every", 0.02)
    async with serving(Cryptocom(rate=0, quotes=0)) as venue, listen(venue.url) as heard:
        beat = await heard.next()
        assert (beat["method"], len(str(beat["id"]))) == ("public/heartbeat", 13)
        await heard.say({"id": beat["id"], "method": "public/respond-heartbeat"})
        assert (await heard.next())["method"] == "public/heartbeat"


async def test_errors_over_http_are_codes() -> None:
    """What is not listed has one; the newest trade stands first."""
    public = "/exchange/v1/public"
    async with serving(Cryptocom(("BTC/USD",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get(f"{public}/get-trades?instrument_name=XX_USD")
        few = (await http.get(f"{public}/get-trades?instrument_name=BTC_USD&count=3")).json()["result"]["data"]
        ticker = (await http.get(f"{public}/get-tickers?instrument_name=BTC_USD")).json()["result"]["data"]
        missing = await http.get("/exchange/v1/nothing")
    assert (wrong.status_code, wrong.json()["code"], missing.status_code) == (400, 40004, 404)
    assert [row["t"] for row in few] == sorted((row["t"] for row in few), reverse=True)
    assert ticker[0]["i"] == "BTC_USD"


async def test_the_plugin_reads_it(reads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    plugin = pytest.importorskip("chrono_cryptocom")
    monkeypatch.setattr(plugin.Cryptocom, "subscribe_after", 0.01)
    await reads("chrono_cryptocom", Cryptocom(("BTC/USD", "ETH/USD"), rate=50))
