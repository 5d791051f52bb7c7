"""The BingX that is served: what it says in answer to what, and that the plugin reads it."""

import gzip
import json
from typing import Any

import anyio
import httpx
import pytest

from chrono_simulated.serving import Bingx, serving

pytestmark = pytest.mark.anyio


def asked(verb: str, topic: str, id: str = "1") -> dict[str, Any]:
    """Return a request."""
    return {"id": id, "reqType": verb, "dataType": topic}


async def heard_next(heard: Any) -> Any:
    """Return the next message, unpacked."""
    with anyio.fail_after(3):
        frame = await heard.socket.recv()
    assert isinstance(frame, bytes)
    return json.loads(gzip.decompress(frame))


async def test_each_request_is_answered_by_its_id(listen: Any) -> None:
    """Accepted, not listed, no such topic, no JSON, ended; all of it gzipped."""
    requests: list[Any] = [asked("sub", "BTC-USDT@trade", "a"), asked("sub", "XX-USDT@trade", "b")]
    requests += [asked("sub", "BTC-USDT@dance", "c"), "{", {"pong": "1"}, asked("unsub", "BTC-USDT@trade", "d")]
    async with serving(Bingx(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard_next(heard) for _ in range(5)]
    assert [(answer["id"], answer["code"]) for answer in answers] == [
        ("a", 0),
        ("b", 100400),
        ("c", 100400),
        ("", 100400),
        ("d", 0),
    ]


async def test_trades_tops_and_pings_come_gzipped(listen: Any) -> None:
    """Prices are text, times milliseconds."""
    venue = Bingx(("BTC/USDT",), rate=50)
    venue.beat_every = 0.1
    requests = [asked("sub", "BTC-USDT@trade"), asked("sub", "BTC-USDT@bookTicker")]
    found: dict[str, Any] = {}
    async with serving(venue) as served, listen(served.url, *requests) as heard:
        while not found.keys() >= {"trade", "bookTicker", "ping"}:
            told = await heard_next(heard)
            found["ping" if "ping" in told else (told.get("data") or {}).get("e", "answer")] = told
    assert float(found["bookTicker"]["data"]["b"]) < float(found["bookTicker"]["data"]["a"])
    assert len(str(found["trade"]["data"]["T"])) == 13


async def test_it_answers_over_http() -> None:
    """Trades, the newest first; what fails is a code."""
    async with serving(Bingx(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        trades = (await http.get("/openApi/spot/v1/market/trades?symbol=BTC-USDT&limit=3")).json()["data"]
        wrong = (await http.get("/openApi/spot/v1/market/trades?symbol=XX-USDT")).json()
        missing = await http.get("/nothing")
    assert [row["time"] for row in trades] == sorted((row["time"] for row in trades), reverse=True)
    assert (wrong["code"], missing.status_code) == (100400, 404)


async def test_the_plugin_reads_it(reads: Any) -> None:
    """Trades and quotes over the stream, the same trades over REST, and what is listed."""
    await reads("chrono_bingx", Bingx(("BTC/USDT", "ETH/USDT"), rate=50))
