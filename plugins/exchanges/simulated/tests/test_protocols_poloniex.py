"""The Poloniex that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Poloniex, serving

pytestmark = pytest.mark.anyio


def asked(event: str, *channels: str, symbol: str = "BTC_USDT") -> dict[str, Any]:
    """Return a request."""
    return {"event": event, "channel": list(channels), "symbols": [symbol]}


async def test_each_channel_is_answered(listen: Any) -> None:
    """Accepted, not listed, no such channel, ended; a ping is answered."""
    requests = [asked("subscribe", "trades", "candles"), asked("subscribe", "trades", symbol="XX_USDT")]
    requests += [asked("unsubscribe", "trades"), asked("dance"), "{", {"event": "ping"}]
    async with serving(Poloniex(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in range(7)]
    assert answers[0] == {"event": "subscribe", "channel": "trades", "symbols": ["BTC_USDT"]}
    assert [answer["event"] for answer in answers[1:]] == ["error", "error", "unsubscribe", "error", "error", "pong"]
    assert "XX_USDT" in answers[2]["message"]


async def test_tops_come_at_once_and_trades_as_they_are(listen: Any) -> None:
    """Numbers are text, times milliseconds."""
    request = asked("subscribe", "trades", "book")
    async with serving(Poloniex(("BTC/USDT",), rate=50)) as venue, listen(venue.url, request) as heard:
        (book,) = (await heard.until(lambda told: told.get("channel") == "book" and "data" in told))["data"]
        (trade,) = (await heard.until(lambda told: told.get("channel") == "trades" and "data" in told))["data"]
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert all(isinstance(trade[key], str) for key in ("price", "quantity", "amount", "id"))
    assert len(str(trade["createTime"])) == 13


async def test_errors_over_http_are_codes() -> None:
    """With a status of their own; the time and a short list of trades are told."""
    async with serving(Poloniex(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/markets/XX_USDT/trades")
        few = (await http.get("/markets/BTC_USDT/trades?limit=3")).json()
        time = (await http.get("/timestamp")).json()
    assert (wrong.status_code, wrong.json()["code"]) == (400, 24104)
    assert [row["createTime"] for row in few] == sorted((row["createTime"] for row in few), reverse=True)
    assert len(str(time["serverTime"])) == 13


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_poloniex", Poloniex(("BTC/USDT", "ETH/USDT"), rate=50))
