"""The Bitfinex that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Bitfinex, serving

pytestmark = pytest.mark.anyio


def asked(channel: str, symbol: str = "tBTCUSD") -> dict[str, Any]:
    """Return a request."""
    return {"event": "subscribe", "channel": channel, "symbol": symbol}


async def test_each_channel_is_answered_and_begins_with_what_it_has(listen: Any) -> None:
    """Accepted with a number, not listed, no such channel, twice, ended."""
    requests = [asked("trades"), asked("trades", "tXX:USD"), asked("nonsense"), asked("trades"), "{", {"event": "ping"}]
    async with serving(Bitfinex(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        info, accepted, past, *errors, pong = [await heard.next() for _ in range(8)]
        await heard.say({"event": "unsubscribe", "chanId": accepted["chanId"]}, {"event": "unsubscribe", "chanId": 1})
        ended, unknown = await heard.next(), await heard.next()
    assert (info["version"], info["platform"]) == (2, {"status": 1})
    assert (accepted["channel"], accepted["symbol"], accepted["pair"]) == ("trades", "tBTCUSD", "BTCUSD")
    assert past[0] == accepted["chanId"]
    assert len(past[1][0]) == 4
    assert [error["code"] for error in errors] == [10300, 10302, 10301, 10000]
    assert (pong["event"], ended["event"], unknown["code"]) == ("pong", "unsubscribed", 10400)


async def test_a_trade_is_told_twice_with_the_time_that_was_asked_for(listen: Any) -> None:
    """As executed and as stored; of what is sold the amount is below 0."""
    requests = [{"event": "conf", "flags": 32768 + 65536}, asked("trades"), asked("ticker")]
    async with serving(Bitfinex(("BTC/USD",), rate=100)) as venue, listen(venue.url, *requests) as heard:
        first = await heard.until(lambda told: isinstance(told, list) and told[1] == "te")
        second = await heard.next()
        sold = await heard.until(lambda told: isinstance(told, list) and told[1] == "te" and told[2][2] < 0)
    assert (second[1], second[2]) == ("tu", first[2])
    assert second[3] == first[3] + 1
    assert len(str(first[4])) == 13
    assert sold[2][3] > 0


async def test_what_is_not_listed_is_an_error_over_http() -> None:
    """HTTP 500 with a code."""
    async with serving(Bitfinex(("BTC/USD",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/v2/trades/tXX:USD/hist")
        few = (await http.get("/v2/trades/tBTCUSD/hist?limit=3")).json()
    assert (wrong.status_code, wrong.json()[1]) == (500, 10020)
    assert [row[1] for row in few] == sorted((row[1] for row in few), reverse=True)


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_bitfinex", Bitfinex(("BTC/USD", "USDT/USD"), rate=50))
