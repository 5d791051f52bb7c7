"""The MEXC that is served: what it says in answer to what, and that the plugin reads it."""

from typing import Any

import anyio
import httpx
import pytest

from chrono import Market, Pair, Quote, Tick, Trade
from chrono_simulated.serving import Mexc, serving

pytestmark = pytest.mark.anyio


def topic(name: str, symbol: str = "BTCUSDT") -> str:
    """Return what is subscribed to."""
    return f"spot@public.aggre.{name}.v3.api.pb@100ms@{symbol}"


async def test_what_is_refused_is_told_in_words(listen: Any) -> None:
    """Accepted, not listed beside accepted, no such channel, ended, a ping, no method, no request."""
    requests: list[Any] = [{"method": "SUBSCRIPTION", "params": [topic("deals")]}]
    requests += [{"method": "SUBSCRIPTION", "params": [topic("deals", "ETHUSDT"), topic("deals", "XXUSDT")]}]
    requests += [{"method": "SUBSCRIPTION", "params": [topic("dance")]}]
    requests += [{"method": "UNSUBSCRIPTION", "params": [topic("deals")]}]
    requests += [{"method": "PING"}, {"method": "DANCE"}, "{"]
    async with serving(Mexc(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [(await heard.next())["msg"] for _ in requests]
    assert answers[0] == answers[3] == topic("deals")
    assert answers[1] == (
        f"Subscribed successful! [{topic('deals', 'ETHUSDT')}]. "
        f"Not Subscribed successfully! [{topic('deals', 'XXUSDT')}].  Reason： Blocked! "
    )
    assert answers[2].startswith("Not Subscribed successfully!")
    assert answers[4:] == ["PONG", "invalid method", "invalid request"]


async def test_a_connection_takes_thirty_subscriptions(listen: Any) -> None:
    """What is more is refused."""
    pairs = [f"C{number}/USDT" for number in range(31)]
    params = [topic("deals", pair.replace("/", "")) for pair in pairs]
    async with (
        serving(Mexc(pairs, rate=0, quotes=0)) as venue,
        listen(venue.url, {"method": "SUBSCRIPTION", "params": params}) as heard,
    ):
        answer = (await heard.next())["msg"]
    assert answer.endswith(f"Not Subscribed successfully! [{params[-1]}].  Reason： Blocked! ")


async def test_errors_over_http_are_codes() -> None:
    """HTTP 400 for what is not listed; the newest trade comes first and has no id."""
    async with serving(Mexc(("BTC/USDT",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        wrong = await http.get("/api/v3/trades?symbol=XXUSDT")
        few = (await http.get("/api/v3/trades?symbol=BTCUSDT&limit=3")).json()
        top = (await http.get("/api/v3/ticker/bookTicker?symbol=BTCUSDT")).json()
        time = (await http.get("/api/v3/time")).json()["serverTime"]
        missing = await http.get("/api/v3/nothing")
    assert (wrong.status_code, wrong.json()["code"], missing.status_code) == (400, -1121, 404)
    assert [row["time"] for row in few] == sorted((row["time"] for row in few), reverse=True)
    assert {row["id"] for row in few} == {None}
    assert float(top["bidPrice"]) < float(top["askPrice"])
    assert len(str(time)) == 13


async def test_the_plugin_reads_it() -> None:
    """Trades and quotes over the stream, the same trades over REST but for their ids, and what is listed."""
    (source,) = pytest.importorskip("chrono_mexc").chrono_sources()
    streamed: list[Tick] = []
    polled: list[Tick] = []
    async with serving(Mexc(("BTC/USDT", "ETH/USDT"), rate=50)) as served, anyio.create_task_group() as group:
        stream = source(source.Config.model_validate({"url": served.url}))
        poll = source.rest(source.rest.Config.model_validate({"url": served.rest_url, "every": "100ms"}))
        markets = [
            Market("mexc", pair, symbol=stream.symbol(pair)) for pair in (Pair("BTC", "USDT"), Pair("ETH", "USDT"))
        ]
        for each, ticks in ((stream, streamed), (poll, polled)):
            group.start_soon(each.run, markets, lambda tick, _=None, ticks=ticks: ticks.append(tick))
        with anyio.fail_after(10):
            while not (prints(streamed) & prints(polled) and any(isinstance(tick, Quote) for tick in streamed)):  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        async with httpx.AsyncClient() as http:
            listed = {row.pair for row in await stream.listings(http)}
        group.cancel_scope.cancel()
    assert listed == {Pair("BTC", "USDT"), Pair("ETH", "USDT")}
    assert stream.frame_errors == poll.frame_errors == 0


def prints(ticks: list[Tick]) -> set[tuple[Any, ...]]:
    """Return what trades say of themselves, but for their ids."""
    trades = [tick for tick in ticks if isinstance(tick, Trade)]
    return {(trade.symbol, trade.price, trade.size, trade.side, trade.ts_event) for trade in trades}
