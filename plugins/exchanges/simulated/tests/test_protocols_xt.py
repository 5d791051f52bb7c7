"""The XT.com that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Xt, serving

pytestmark = pytest.mark.anyio


def asked(method: str, *params: str) -> dict[str, Any]:
    """Return a request."""
    return {"method": method, "params": params, "id": f"{method} {params[0]}"}


async def test_a_request_is_answered_as_a_whole(listen: Any) -> None:
    """Accepted, not listed, no such topic or depth, ended; `ping` is text, and the book is told at once."""
    requests: list[Any] = [
        asked("subscribe", "trade@btc_usdt", "depth@btc_usdt,5"),
        asked("subscribe", "trade@xx_usdt"),
    ]
    requests += [asked("subscribe", "dance@btc_usdt"), asked("subscribe", "depth@btc_usdt,7")]
    requests += [asked("unsubscribe", "trade@btc_usdt"), asked("dance", "trade@btc_usdt"), "{", "ping"]
    async with serving(Xt(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        told = [await heard.next() for _ in range(9)]
    assert told[0] == {"id": "subscribe trade@btc_usdt", "code": 0, "msg": "success"}
    assert (told[1]["topic"], told[1]["event"]) == ("depth", "depth@btc_usdt,5")
    assert float(told[1]["data"]["b"][0][0]) < float(told[1]["data"]["a"][0][0])
    assert [each["code"] for each in told[2:8]] == [1, 1, 1, 0, 1, 400]
    assert told[8] == "pong"


async def test_trades_tell_whether_the_buyer_was_the_maker(listen: Any) -> None:
    """Prices are text, times milliseconds."""
    request = asked("subscribe", "trade@btc_usdt")
    async with serving(Xt(("BTC/USDT",), rate=50)) as venue, listen(venue.url, request) as heard:
        row = (await heard.until(lambda told: told.get("topic") == "trade"))["data"]
    assert (row["s"], len(str(row["t"]))) == ("btc_usdt", 13)
    assert isinstance(row["b"], bool)
    assert isinstance(row["p"], str)


async def test_errors_over_http_are_words() -> None:
    """HTTP 200 with a code, for what is not listed; the newest trade stands first."""
    async with serving(Xt(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = (await http.get("/v4/public/trade/recent?symbol=xx_usdt")).json()
        few = (await http.get("/v4/public/trade/recent?symbol=btc_usdt&limit=3")).json()["result"]
        time = (await http.get("/v4/public/time")).json()["result"]["serverTime"]
        missing = await http.get("/v4/public/nothing")
    assert (wrong["rc"], wrong["mc"], missing.status_code) == (1, "SYMBOL_001", 404)
    assert [row["i"] for row in few] == sorted((row["i"] for row in few), reverse=True)
    assert len(few) == 3
    assert len(str(time)) == 13


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_xt", Xt(("BTC/USDT", "ETH/USDT"), rate=50))
