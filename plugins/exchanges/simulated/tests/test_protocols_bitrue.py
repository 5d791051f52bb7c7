"""The Bitrue that is served: what it says in answer to what, and that the plugin reads it."""

import gzip
import json
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect

from chrono_simulated.serving import Bitrue, serving

pytestmark = pytest.mark.anyio


def asked(event: str, channel: str) -> str:
    """Return a request."""
    return json.dumps({"event": event, "params": {"channel": channel, "cb_id": channel.split("_")[1]}})


async def talk(url: str, requests: list[str], count: int) -> list[Any]:
    """Say something, and return so many messages, which are compressed."""
    with anyio.fail_after(3):
        async with connect(url, compression=None, close_timeout=0.2) as socket:
            for request in requests:
                await socket.send(request)
            frames = [await socket.recv() for _ in range(count)]
    return [json.loads(gzip.decompress(frame)) for frame in frames if isinstance(frame, bytes)]


async def test_each_channel_is_answered() -> None:
    """Accepted, not listed, no such channel; trades of the past are told to who asks; nothing answers an end."""
    requests = [asked("sub", "market_btcusdt_trade_ticker"), asked("sub", "market_xxusdt_trade_ticker"), "{"]
    requests += [asked("sub", "market_btcusdt_nonsense"), asked("unsub", "market_btcusdt_trade_ticker")]
    requests += [asked("req", "market_btcusdt_trade_ticker")]
    async with serving(Bitrue(rate=0, quotes=0)) as venue:
        *answers, past = await talk(venue.url, requests, 4)
    assert [answer["status"] for answer in answers] == ["ok", "error", "error"]
    assert {answer["event_rep"] for answer in answers} == {"subed"}
    assert (answers[0]["channel"], answers[0]["cb_id"]) == ("market_btcusdt_trade_ticker", "btcusdt")
    assert past["event_rep"] == "rep"
    assert past["data"][0]["side"] in {"BUY", "SELL"}


async def test_trades_and_books_are_pushed_and_signs_of_life_asked_for() -> None:
    """Sizes are `vol`; the book has the best bid below the best ask."""
    requests = [asked("sub", f"market_btcusdt_{name}") for name in ("trade_ticker", "simple_depth_step0")]
    venue = Bitrue(("BTC/USDT",), rate=100)
    venue.beat_every = 0.05  # type: ignore[misc]
    async with serving(venue) as served:
        found = await talk(served.url, requests, 40)
    told = {message["channel"]: message for message in found if message.get("tick")}
    (row,), book = (
        told["market_btcusdt_trade_ticker"]["tick"]["data"],
        told["market_btcusdt_simple_depth_step0"]["tick"],
    )
    assert row["amount"] == pytest.approx(row["price"] * row["vol"])
    assert float(book["buys"][0][0]) < float(book["asks"][0][0])
    assert any("ping" in message for message in found)


async def test_errors_over_http_are_codes() -> None:
    """What is not listed is an invalid symbol."""
    async with serving(Bitrue(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/api/v1/trades?symbol=XXUSDT")
    assert (wrong.status_code, wrong.json()["code"]) == (400, -1121)


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_bitrue", Bitrue(("BTC/USDT", "XRP/USDT"), rate=50))
