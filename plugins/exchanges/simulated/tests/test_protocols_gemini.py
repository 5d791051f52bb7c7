"""The Gemini that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Gemini, serving

pytestmark = pytest.mark.anyio


def asked(method: str, *streams: str, id: str | int = 1) -> dict[str, Any]:
    """Return a request."""
    return {"id": id, "method": method, "params": list(streams)}


async def test_requests_come_back_by_their_id(listen: Any) -> None:
    """Accepted, one stream that does not exist, an unknown method, no JSON, a ping, ended."""
    requests: list[Any] = [
        asked("SUBSCRIBE", "btcusd@trade", id="a"),
        asked("subscribe", "xxusd@trade", "btcusd@trade"),
    ]
    requests += [asked("dance", id=2), "{", {"id": "p", "method": "ping"}, asked("unsubscribe", "btcusd@trade", id=3)]
    async with serving(Gemini(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in requests]
    assert [(answer["id"], answer["status"]) for answer in answers] == [
        ("a", 200),
        (1, 400),
        (2, 400),
        (None, 400),
        ("p", 200),
        (3, 200),
    ]
    assert answers[1]["error"] == {"code": -1013, "msg": "Invalid stream name: xxusd@trade"}


async def test_trades_and_tops_have_no_event(listen: Any) -> None:
    """Times are nanoseconds, symbols in lower case, numbers text."""
    request = asked("subscribe", "btcusd@trade", "btcusd@bookTicker")
    async with serving(Gemini(("BTC/USD",), rate=50)) as venue, listen(venue.url, request) as heard:
        trade = await heard.until(lambda told: "t" in told)
        top = await heard.until(lambda told: "A" in told)
    assert (trade["s"], top["s"]) == ("btcusd", "btcusd")
    assert all(len(str(told["E"])) == 19 for told in (trade, top))
    assert float(top["b"]) < float(top["a"])


async def test_it_answers_over_http() -> None:
    """Symbols in both cases, trades the newest first, and what is not there."""
    async with serving(Gemini(("BTC/USD",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        symbols = (await http.get("/v1/symbols")).json()
        trades = (await http.get("/v1/trades/BTCUSD?limit_trades=3")).json()
        wrong, missing = await http.get("/v1/trades/xxusd"), await http.get("/v1/nothing")
    assert symbols == ["btcusd"]
    assert [row["timestampms"] for row in trades] == sorted((row["timestampms"] for row in trades), reverse=True)
    assert (wrong.status_code, wrong.json()["result"], missing.status_code) == (400, "error", 404)


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_gemini", Gemini(("BTC/USD", "ETH/USD"), rate=50))
