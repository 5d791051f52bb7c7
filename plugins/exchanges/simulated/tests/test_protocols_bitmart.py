"""The BitMart that is served: what it says in answer to what, and that the plugin reads it."""

import json
import zlib
from typing import Any

import anyio
import httpx
import pytest

from chrono import Market, Quote, Tick, Trade
from chrono_simulated.serving import Bitmart, serving

pytestmark = pytest.mark.anyio


def asked(op: str, *topics: str) -> dict[str, Any]:
    """Return a request."""
    return {"op": op, "args": list(topics)}


async def test_each_topic_is_answered(listen: Any) -> None:
    """Accepted, not listed, too many in one, an unknown operation, no JSON, a ping, ended."""
    requests: list[Any] = [asked("subscribe", "spot/trade:BTC_USDT", "spot/trade:XX_USDT"), asked("dance"), "{", "ping"]
    requests += [asked("subscribe", *["spot/trade:BTC_USDT"] * 21), asked("unsubscribe", "spot/trade:BTC_USDT")]
    async with serving(Bitmart(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in range(7)]
    assert answers[0] == {"event": "subscribe", "topic": "spot/trade:BTC_USDT"}
    assert answers[4] == "pong"
    assert [answers[place]["errorCode"] for place in (1, 2, 3, 5)] == ["90004", "90002", "90001", "90005"]
    assert answers[6] == {"event": "unsubscribe", "topic": "spot/trade:BTC_USDT"}


async def test_market_data_is_compressed(listen: Any) -> None:
    """Bare deflate, in binary frames; a ticker comes at once."""
    request = asked("subscribe", "spot/trade:BTC_USDT", "spot/ticker:BTC_USDT")
    async with serving(Bitmart(("BTC/USDT",), rate=50)) as venue, listen(venue.url, request) as heard:
        found = {}
        with anyio.fail_after(3):
            while len(found) < 2:
                frame = await heard.socket.recv()
                if isinstance(frame, bytes):
                    told = json.loads(zlib.decompress(frame, wbits=-zlib.MAX_WBITS))
                    found[told["table"]] = told["data"][0]
    assert found.keys() == {"spot/trade", "spot/ticker"}
    assert float(found["spot/ticker"]["bid_px"]) < float(found["spot/ticker"]["ask_px"])
    assert len(str(found["spot/trade"]["ms_t"])) == 13


async def test_it_answers_over_http() -> None:
    """Tickers, trades as arrays, the newest first, and what is not there."""
    async with serving(Bitmart(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        ticker = (await http.get("/spot/quotation/v3/ticker?symbol=BTC_USDT")).json()
        trades = (await http.get("/spot/quotation/v3/trades?symbol=BTC_USDT")).json()["data"]
        wrong = await http.get("/spot/quotation/v3/ticker?symbol=XX_USDT")
        missing = await http.get("/nothing")
    assert (ticker["code"], ticker["data"]["symbol"]) == (1000, "BTC_USDT")
    assert [row[1] for row in trades] == sorted((row[1] for row in trades), reverse=True)
    assert (wrong.json()["code"], missing.json()["code"]) == (50000, 30000)


async def test_the_plugin_reads_it() -> None:
    """Trades and quotes over the stream, quotes over REST, and what is listed; none of it is damaged."""
    (source,) = pytest.importorskip("chrono_bitmart").chrono_sources()
    venue = Bitmart(("BTC/USDT", "ETH/USDT"), rate=50)
    streamed: list[Tick] = []
    polled: list[Tick] = []
    async with serving(venue) as served, anyio.create_task_group() as group:
        stream = source(source.Config.model_validate({"url": served.url}))
        poll = source.rest(source.rest.Config.model_validate({"url": served.rest_url, "every": "100ms"}))
        markets = [Market(source.type, pair, symbol=stream.symbol(pair)) for pair in venue.pairs]
        for each, ticks in ((stream, streamed), (poll, polled)):
            group.start_soon(each.run, markets, lambda tick, _=None, ticks=ticks: ticks.append(tick))
        with anyio.fail_after(10):
            while not ({type(tick) for tick in streamed} == {Trade, Quote} and polled):  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        async with httpx.AsyncClient() as http:
            listed = {row.pair for row in await stream.listings(http)}
        group.cancel_scope.cancel()
    assert listed == set(venue.pairs)
    assert {type(tick) for tick in polled} == {Quote}
    assert stream.frame_errors == poll.frame_errors == 0
