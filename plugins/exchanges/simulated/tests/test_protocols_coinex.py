"""The CoinEx that is served: what it says in answer to what, and that the plugin reads it."""

import gzip
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from chrono_simulated.serving import Coinex, serving

pytestmark = pytest.mark.anyio


def asked(method: str, *symbols: str, id: int = 1) -> str:
    """Return a request."""
    return json.dumps({"method": method, "params": {"market_list": symbols}, "id": id})


async def talk(url: str, requests: list[str], count: int) -> list[Any]:
    """Say something, and return so many messages, which are compressed."""
    async with connect(url, compression=None, close_timeout=0.2) as socket:
        for request in requests:
            await socket.send(request)
        frames = [await socket.recv() for _ in range(count)]
    return [json.loads(gzip.decompress(frame)) for frame in frames if isinstance(frame, bytes)]


async def test_each_request_is_answered_by_its_number() -> None:
    """Accepted with trades of the past, not listed, no such method, ended, a ping."""
    requests = [asked("deals.subscribe", "BTCUSDT"), asked("deals.subscribe", "BTCUSDT", "XXUSDT", id=2)]
    requests += [asked("dance.subscribe", "BTCUSDT", id=3), "{", asked("deals.unsubscribe", "BTCUSDT", id=4)]
    requests += [asked("server.ping", id=0)]
    async with serving(Coinex(rate=0, quotes=0)) as venue:
        accepted, past, *others, pong = await talk(venue.url, requests, 7)
    assert accepted == {"id": 1, "code": 0, "message": "OK"}
    assert past["data"]["market"] == "BTCUSDT"
    assert [(answer["id"], answer["code"]) for answer in others] == [(2, 20001), (3, 20002), (None, 20001), (4, 0)]
    assert pong == {"id": 0, "code": 0, "data": {"result": "pong"}, "message": "OK"}


async def test_trades_and_tops_are_pushed() -> None:
    """Numbers are text, times milliseconds."""
    requests = [asked("deals.subscribe", "BTCUSDT"), asked("bbo.subscribe", "BTCUSDT")]
    async with serving(Coinex(("BTC/USDT",), rate=100)) as venue:
        found = {told.get("method"): told for told in await talk(venue.url, requests, 30)}
    top, (deal, *_) = found["bbo.update"]["data"], found["deals.update"]["data"]["deal_list"]
    assert float(top["best_bid_price"]) < float(top["best_ask_price"])
    assert len(str(top["updated_at"])) == len(str(deal["created_at"])) == 13
    assert deal["side"] in {"buy", "sell"}


async def test_errors_over_http_are_codes() -> None:
    """HTTP 200 with a code, for what is not listed."""
    async with serving(Coinex(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/v2/spot/deals?market=XXUSDT")
        missing = await http.get("/v2/nothing")
    assert (wrong.status_code, wrong.json()["code"], missing.status_code) == (200, 3639, 404)


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_coinex", Coinex(("BTC/USDT", "USDC/USDT"), rate=50))
