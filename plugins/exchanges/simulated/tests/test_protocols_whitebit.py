"""The WhiteBIT that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import WhiteBit, serving

pytestmark = pytest.mark.anyio


def asked(method: str, *params: object, number: int = 1) -> dict[str, Any]:
    """Return a request."""
    return {"id": number, "method": method, "params": list(params)}


async def test_each_request_is_answered_by_its_number(listen: Any) -> None:
    """Granted, not listed, no such method, ended; pings and the time."""
    requests = [asked("trades_subscribe", "BTC_USDT"), asked("trades_subscribe", "BTC_USDT", "XX_USDT", number=2)]
    requests += [asked("dance", number=3), asked("trades_unsubscribe", number=4), asked("ping", number=0)]
    requests += [asked("time", number=5)]
    async with serving(WhiteBit(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in range(6)]
    assert [answer["id"] for answer in answers] == [1, 2, 3, 4, 0, 5]
    assert answers[0] == {"id": 1, "result": {"status": "success"}, "error": None}
    assert answers[1]["error"] == {"code": 9, "message": "market XX_USDT does not exist"}
    assert answers[2]["error"]["code"] == 4
    assert answers[4]["result"] == "pong"
    assert len(str(answers[5]["result"])) == 10


async def test_a_subscription_replaces_the_one_before(listen: Any) -> None:
    """And one without markets is of all."""
    requests = [asked("trades_subscribe"), asked("trades_subscribe", "ETH_USDT", number=2)]
    async with serving(WhiteBit(("BTC/USDT", "ETH/USDT"), rate=50)) as venue, listen(venue.url, *requests) as heard:
        await heard.until(lambda told: told["id"] == 2)
        named = {told["params"][0] for told in await heard.during(0.3)}
    assert named == {"ETH_USDT"}


async def test_tops_come_at_once_and_trades_as_they_are(listen: Any) -> None:
    """Numbers are text, times seconds with decimals, tops arrays."""
    requests = [asked("trades_subscribe", "BTC_USDT"), asked("bookTicker_subscribe", "BTC_USDT")]
    async with serving(WhiteBit(("BTC/USDT",), rate=50)) as venue, listen(venue.url, *requests) as heard:
        (top,) = (await heard.until(lambda told: told.get("method") == "bookTicker_update"))["params"]
        symbol, (trade,) = (await heard.until(lambda told: told.get("method") == "trades_update"))["params"]
    assert (symbol, top[2]) == ("BTC_USDT", "BTC_USDT")
    assert float(top[4]) < float(top[6])
    assert all(isinstance(trade[key], str) for key in ("price", "amount"))
    assert all(isinstance(time, float) for time in (trade["time"], *top[:2]))


async def test_errors_over_http_have_a_status() -> None:
    """The newest trades come first, the time is told."""
    async with serving(WhiteBit(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/api/v4/public/trades/XX_USDT")
        past = (await http.get("/api/v4/public/trades/BTC_USDT")).json()
        time = (await http.get("/api/v4/public/time")).json()
    assert wrong.status_code == 422
    assert [row["tradeID"] for row in past] == sorted((row["tradeID"] for row in past), reverse=True)
    assert len(str(time["time"])) == 10


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_whitebit", WhiteBit(("BTC/USDT", "ETH/USDT"), rate=50))
