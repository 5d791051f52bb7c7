"""The Upbit that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Upbit, serving

pytestmark = pytest.mark.anyio

TICKET = {"ticket": "test"}


def asked(type: str, *codes: str, **more: Any) -> list[dict[str, Any]]:
    """Return a request."""
    return [TICKET, {"type": type, "codes": list(codes), **more}]


async def test_only_what_is_wrong_is_answered(listen: Any) -> None:
    """And a ping; a request that is right replaces the one before it without a word."""
    requests: list[Any] = [
        "{",
        [],
        [TICKET],
        [TICKET, {"type": "trade"}],
        asked("trade", "KRW-XX"),
        asked("x", "KRW-BTC"),
    ]
    requests += [asked("trade", "KRW-BTC", is_only_realtime=True), "PING"]
    async with serving(Upbit(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in range(7)]
    names = ["WRONG_FORMAT", "NO_TICKET", "NO_TYPE", "NO_CODES", "INVALID_PARAM", "INVALID_PARAM"]
    assert [answer["error"]["name"] for answer in answers[:6]] == names
    assert answers[6] == {"status": "UP"}


async def test_a_request_replaces_the_one_before_it(listen: Any) -> None:
    """Snapshots come first unless they are not wanted; then only what was asked for last."""
    requests = [asked("orderbook", "KRW-BTC.1"), asked("trade", "KRW-ETH")]
    async with serving(Upbit(rate=50)) as venue, listen(venue.url, *requests) as heard:
        await heard.until(lambda told: told["type"] == "orderbook" and told["stream_type"] == "SNAPSHOT")
        await heard.until(lambda told: told["type"] == "trade" and told["stream_type"] == "SNAPSHOT")
        for _ in range(5):
            told = await heard.next()
            assert (told["type"], told["code"], told["stream_type"]) == ("trade", "KRW-ETH", "REALTIME")


async def test_it_answers_over_http() -> None:
    """Pairs, trades the newest first, and what is not there."""
    async with serving(Upbit(("BTC/KRW",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        pairs = (await http.get("/v1/market/all")).json()
        trades = (await http.get("/v1/trades/ticks?market=KRW-BTC&count=3")).json()
        wrong, missing = await http.get("/v1/trades/ticks?market=KRW-XX"), await http.get("/v1/nothing")
    assert [row["market"] for row in pairs] == ["KRW-BTC"]
    assert [row["timestamp"] for row in trades] == sorted((row["timestamp"] for row in trades), reverse=True)
    assert (wrong.status_code, missing.status_code) == (404, 404)


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_upbit", Upbit(("BTC/KRW", "ETH/KRW"), rate=50))
