"""The Bitstamp that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Bitstamp, serving

pytestmark = pytest.mark.anyio


def asked(event: str, channel: str) -> dict[str, Any]:
    """Return a request."""
    return {"event": event, "data": {"channel": channel}}


async def test_each_channel_is_answered(listen: Any) -> None:
    """Accepted, not listed, no such channel, ended; a heartbeat comes back."""
    requests: list[Any] = [asked("bts:subscribe", "live_trades_btcusd"), asked("bts:subscribe", "live_trades_xxusd")]
    requests += [asked("bts:subscribe", "nonsense_btcusd"), asked("bts:dance", "live_trades_btcusd"), "{"]
    requests += [{"event": "bts:heartbeat"}, asked("bts:unsubscribe", "live_trades_btcusd")]
    async with serving(Bitstamp(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        accepted, *refused, beat, ended = [await heard.next() for _ in requests]
    assert accepted == {"event": "bts:subscription_succeeded", "channel": "live_trades_btcusd", "data": {}}
    assert {answer["event"] for answer in refused} == {"bts:error"}
    assert refused[0]["channel"] == "live_trades_xxusd"
    assert beat == {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}
    assert ended["event"] == "bts:unsubscription_succeeded"


async def test_trades_and_books_have_microseconds(listen: Any) -> None:
    """Numbers are text beside numbers; the book has the best bid below the best ask."""
    requests = [asked("bts:subscribe", name) for name in ("live_trades_btcusd", "order_book_btcusd")]
    async with serving(Bitstamp(("BTC/USD",), rate=50)) as venue, listen(venue.url, *requests) as heard:
        trade = (await heard.until(lambda told: told["event"] == "trade"))["data"]
        book = (await heard.until(lambda told: told["event"] == "data"))["data"]
    assert float(trade["price_str"]) == trade["price"]
    assert (len(trade["microtimestamp"]), len(trade["timestamp"]), trade["type"] in {0, 1}) == (16, 10, True)
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])


async def test_errors_over_http_have_a_reason() -> None:
    """What is not listed is not found."""
    async with serving(Bitstamp(("BTC/USD",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/api/v2/transactions/xxusd/")
        rows = (await http.get("/api/v2/transactions/btcusd/?time=minute")).json()
    assert (wrong.status_code, wrong.json()["status"]) == (404, "error")
    assert len(rows[0]["date"]) == 10


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_bitstamp", Bitstamp(("BTC/USD", "USDT/USD"), rate=50))
