"""The HTX that is served: what it says in answer to what, and that the plugin reads it."""

import gzip
import json
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect

from chrono_simulated.serving import Htx, serving

pytestmark = pytest.mark.anyio


async def heard(socket: Any) -> Any:
    """Return the next message, which is binary and compressed."""
    with anyio.fail_after(3):
        frame = await socket.recv()
    assert isinstance(frame, bytes)
    return json.loads(gzip.decompress(frame))


async def test_each_channel_of_each_symbol_is_answered() -> None:
    """Accepted and told what was last, not listed, no such channel, ended."""
    topics = ["btcusdt.trade.detail", "btcusdt.bbo", "xxusdt.bbo", "btcusdt.kline.1min"]
    async with serving(Htx(rate=0, quotes=0)) as venue, connect(venue.url, compression=None) as socket:
        for topic in topics:
            await socket.send(json.dumps({"sub": f"market.{topic}", "id": topic.partition(".")[0]}))
        await socket.send(json.dumps({"unsub": "market.btcusdt.bbo", "id": "btcusdt"}))
        await socket.send("{")
        told = [await heard(socket) for _ in range(8)]
    assert told[0].items() >= {"id": "btcusdt", "status": "ok", "subbed": "market.btcusdt.trade.detail"}.items()
    (trade,) = told[1]["tick"]["data"]
    assert len(str(trade["ts"])) == 13
    assert trade["direction"] in {"buy", "sell"}
    assert told[2]["subbed"] == "market.btcusdt.bbo"
    assert told[3]["tick"]["bid"] < told[3]["tick"]["ask"]
    assert (told[4]["id"], told[4]["err-msg"]) == ("xxusdt", "invalid symbol xxusdt")
    assert told[5]["err-msg"] == "invalid topic market.btcusdt.kline.1min"
    assert told[6]["unsubbed"] == "market.btcusdt.bbo"
    assert told[7]["err-code"] == "bad-request"


async def test_trades_over_http_have_the_newest_first() -> None:
    """HTTP 200 with a code, for what is not listed; the time and the top of the book are told."""
    async with serving(Htx(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = (await http.get("/market/history/trade?symbol=xxusdt")).json()
        few = (await http.get("/market/history/trade?symbol=btcusdt&size=3")).json()["data"]
        top = (await http.get("/market/detail/merged?symbol=btcusdt")).json()["tick"]
        time = (await http.get("/v1/common/timestamp")).json()["data"]
        missing = await http.get("/nothing")
    assert (wrong["status"], wrong["err-code"], missing.status_code) == ("error", "invalid-parameter", 404)
    numbers = [row["data"][0]["trade-id"] for row in few]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 3
    assert top["bid"][0] < top["ask"][0]
    assert len(str(time)) == 13


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_htx", Htx(("BTC/USDT", "ETH/USDT"), rate=50))
