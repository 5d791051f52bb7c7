"""The Gate that is served: what it says in answer to what, and that the plugin reads it."""

from time import time
from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Gate, serving

pytestmark = pytest.mark.anyio


def asked(event: str, channel: str, *symbols: str, at: float | None = None) -> dict[str, Any]:
    """Return a request."""
    return {"time": int(time() if at is None else at), "channel": channel, "event": event, "payload": symbols}


async def test_a_request_is_answered_whole(listen: Any) -> None:
    """Accepted, one pair not listed, no such channel, too old, ended, no request; a ping has its own answer."""
    requests: list[Any] = [asked("subscribe", "spot.trades", "BTC_USDT", "ETH_USDT")]
    requests += [asked("subscribe", "spot.trades", "XX_USDT"), asked("subscribe", "spot.dance", "BTC_USDT")]
    requests += [asked("subscribe", "spot.trades", "BTC_USDT", at=time() - 100)]
    requests += [asked("unsubscribe", "spot.trades", "BTC_USDT"), "{", asked("", "spot.ping")]
    async with serving(Gate(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in requests]
    assert answers[0]["payload"] == ["BTC_USDT", "ETH_USDT"]
    assert [answer["result"] is not None for answer in answers] == [True, False, False, False, True, False, False]
    assert answers[1]["error"] == {"code": 2, "message": "unknown currency pair XX_USDT"}
    assert [answer["error"]["code"] for answer in (answers[2], answers[3], answers[5])] == [2, 2, 1]
    assert answers[6]["channel"] == "spot.pong"


async def test_trades_and_tops_come_as_they_are(listen: Any) -> None:
    """Prices are text, times of trades milliseconds with decimals."""
    requests = [asked("subscribe", channel, "BTC_USDT") for channel in ("spot.trades", "spot.book_ticker")]
    requests += [asked("subscribe", "spot.tickers", "BTC_USDT")]
    async with serving(Gate(("BTC/USDT",), rate=50)) as venue, listen(venue.url, *requests) as heard:
        trade, top, ticker = [
            (await heard.until(lambda told, name=name: told["channel"] == name and told["event"] == "update"))["result"]
            for name in ("spot.trades", "spot.book_ticker", "spot.tickers")
        ]
    assert isinstance(trade["id"], int)
    assert len(trade["create_time_ms"].partition(".")[0]) == 13
    assert float(top["b"]) < float(top["a"])
    assert float(ticker["highest_bid"]) < float(ticker["lowest_ask"])


async def test_errors_over_http_have_labels() -> None:
    """HTTP 400 for what is not listed; the newest trade comes first, and its id is text."""
    async with serving(Gate(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/api/v4/spot/trades?currency_pair=XX_USDT")
        few = (await http.get("/api/v4/spot/trades?currency_pair=BTC_USDT&limit=3")).json()
        ticker = (await http.get("/api/v4/spot/tickers?currency_pair=BTC_USDT")).json()
        moment = (await http.get("/api/v4/spot/time")).json()
        missing = await http.get("/api/v4/spot/nothing")
    assert (wrong.status_code, wrong.json()["label"], missing.status_code) == (400, "INVALID_CURRENCY_PAIR", 404)
    assert [row["id"] for row in few] == sorted((row["id"] for row in few), key=int, reverse=True)
    assert ticker[0]["currency_pair"] == "BTC_USDT"
    assert len(str(moment["server_time"])) == 13


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_gate", Gate(("BTC/USDT", "ETH/USDT"), rate=50))
