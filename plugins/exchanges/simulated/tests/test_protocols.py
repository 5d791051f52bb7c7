"""What served venues say in answer to what."""

import json
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from chrono import ns_from_iso
from chrono.testing import damaged
from chrono_simulated.serving import VENUES, Binance, Coinbase, Kraken, Venue, serving

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000


def kraken(method: str = "subscribe", channel: str = "trade", symbol: str = "BTC/USD", **more: Any) -> dict[str, Any]:
    """Return a request to Kraken."""
    return {"method": method, "params": {"channel": channel, "symbol": [symbol], "snapshot": False, **more}}


def binance(method: str, *streams: str, id: int = 1) -> dict[str, Any]:
    """Return a request to Binance."""
    return {"method": method, "params": list(streams), "id": id}


def coinbase(type: str, *channels: str, product: str = "BTC-USD") -> dict[str, Any]:
    """Return a request to Coinbase."""
    return {"type": type, "product_ids": [product], "channels": list(channels)}


# Kraken


async def test_kraken_tells_its_status_first(listen: Any) -> None:
    """Before anything is asked."""
    async with serving(Kraken()) as venue, listen(venue.url) as heard:
        status = await heard.next()
        assert (status["channel"], status["data"][0]["system"]) == ("status", "online")


async def test_kraken_answers_each_symbol_on_its_own(listen: Any) -> None:
    """Accepted, not listed, already subscribed, gone, never subscribed: with the number of the request."""
    asked = kraken()
    asked["params"]["symbol"] = ["BTC/USD", "XX/USD"]
    requests = [{**asked, "req_id": 7}, kraken(), kraken("unsubscribe"), kraken("unsubscribe")]
    async with serving(Kraken(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        await heard.next()
        answers = [await heard.next() for _ in range(5)]
    assert answers[0]["result"] == {"channel": "trade", "snapshot": False, "symbol": "BTC/USD"}
    assert [answer.get("error") for answer in answers[1:]] == [
        "Currency pair not supported XX/USD",
        "Already subscribed",
        None,
        "Subscription Not Found",
    ]
    assert [answer.get("req_id") for answer in answers] == [7, 7, None, None, None]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("{", "Malformed request"),
        ({"method": "dance"}, "Unsupported method"),
        (kraken(channel="x"), "Unsupported channel"),
    ],
)
async def test_kraken_refuses_what_it_does_not_know(listen: Any, message: Any, error: str) -> None:
    """Without hanging up."""
    async with serving(Kraken()) as venue, listen(venue.url, message, {"method": "ping", "req_id": 101}) as heard:
        await heard.next()
        assert (await heard.next())["error"] == error
        pong = await heard.next()
        assert (pong["method"], pong["req_id"]) == ("pong", 101)


async def test_kraken_sends_snapshots_where_they_are_wanted(listen: Any) -> None:
    """Of the trades of the past, and of the ticker."""
    requests = [kraken(snapshot=True), kraken(channel="ticker", snapshot=True)]
    async with serving(Kraken()) as venue, listen(venue.url, *requests) as heard:
        trades = await heard.until(lambda message: message.get("type") == "snapshot")
        ticker = await heard.until(lambda message: message.get("channel") == "ticker")
    assert 1 < len(trades["data"]) <= 50
    assert all(ns_from_iso(row["timestamp"]) for row in trades["data"])
    assert ticker["type"] == "snapshot"
    assert ticker["data"][0]["bid"] < ticker["data"][0]["ask"]


async def test_kraken_sends_the_ticker_at_what_triggers_it(listen: Any) -> None:
    """At each change of the book, or at each trade."""
    for trigger, rates in (("bbo", {"rate": 0, "quotes": 100}), ("trades", {"rate": 100, "quotes": 0})):
        request = kraken(channel="ticker", event_trigger=trigger)
        async with serving(Kraken(**rates)) as venue, listen(venue.url, request) as heard:
            assert (await heard.until(lambda message: message.get("channel") == "ticker"))["type"] == "update"


async def test_kraken_lists_over_http_under_its_old_names() -> None:
    """Bitcoin is XBT there, and errors are HTTP 200."""
    async with serving(Kraken(("BTC/USD", "DOGE/USD", "SOL/USD", "BTC/USDT"))) as venue, httpx.AsyncClient() as http:
        listed = (await http.get(f"{venue.rest_url}/0/public/AssetPairs")).json()
        wrong = (await http.get(f"{venue.rest_url}/0/public/Ticker?pair=XXUSD")).json()
        one = (await http.get(f"{venue.rest_url}/0/public/Ticker?pair=XBTUSD")).json()
        trades = (await http.get(f"{venue.rest_url}/0/public/Trades?pair=XBTUSD")).json()
        missing = await http.get(f"{venue.rest_url}/0/public/Nothing")
        about = [
            (await http.get(f"{venue.rest_url}/0/public/{name}")).json()["error"] for name in ("Time", "SystemStatus")
        ]
    assert listed["error"] == []
    assert {key: pair["wsname"] for key, pair in listed["result"].items()} == {
        "XXBTZUSD": "XBT/USD",
        "XXDGZUSD": "XDG/USD",
        "SOLUSD": "SOL/USD",
        "XBTUSDT": "XBT/USDT",
    }
    assert wrong == {"error": ["EQuery:Unknown asset pair"]}
    assert list(one["result"]) == ["XXBTZUSD"]
    assert trades["result"]["last"].isdecimal()
    assert (missing.status_code, about) == (404, [[], []])


# Binance


async def test_binance_accepts_everything_and_lists_what_it_accepted(listen: Any) -> None:
    """A stream that does not exist is accepted, and silent."""
    requests = [
        binance("SUBSCRIBE", "btcusdt@trade", "xxusdt@trade"),
        binance("LIST_SUBSCRIPTIONS", id=2),
        binance("UNSUBSCRIBE", "xxusdt@trade", id=3),
        binance("GET_PROPERTY", "combined", id=4),
    ]
    async with serving(Binance(rate=0, quotes=0)) as venue, listen(venue.url, *requests) as heard:
        answers = [await heard.next() for _ in requests]
    assert answers == [
        {"result": None, "id": 1},
        {"result": ["btcusdt@trade", "xxusdt@trade"], "id": 2},
        {"result": None, "id": 3},
        {"result": True, "id": 4},
    ]


@pytest.mark.parametrize(("message", "code"), [("{", 3), ({"id": 1}, 2), (binance("DANCE"), 2)])
async def test_binance_refuses_what_it_does_not_know(listen: Any, message: Any, code: int) -> None:
    """With a code and words, and without hanging up."""
    async with serving(Binance()) as venue, listen(venue.url, message, binance("LIST_SUBSCRIPTIONS")) as heard:
        assert (await heard.next())["code"] == code
        assert (await heard.next())["result"] == []


async def test_binance_wraps_combined_streams_and_not_raw_ones(listen: Any) -> None:
    """By the address, or by a property; the address may name streams, and the unit of time."""
    async with serving(Binance(rate=100, quotes=100)) as venue:
        base = venue.url.removesuffix("/stream")
        async with listen(f"{base}/ws/btcusdt@trade") as heard:
            assert (await heard.next())["e"] == "trade"
        async with listen(f"{base}/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker&timeUnit=MICROSECOND") as heard:
            event = await heard.until(lambda message: message["stream"] == "btcusdt@aggTrade")
            assert len(str(event["data"]["T"])) == 16
        property_ = {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1}
        async with listen(f"{base}/ws", property_, binance("SUBSCRIBE", "btcusdt@trade")) as heard:
            await heard.until(lambda message: message.get("stream") == "btcusdt@trade")


async def test_binance_hangs_up_on_the_sixth_message_of_a_second(listen: Any) -> None:
    """Five are allowed."""
    async with serving(Binance()) as venue, listen(venue.url, *[binance("LIST_SUBSCRIPTIONS")] * 6) as heard:
        for _ in range(5):
            await heard.next()
        with pytest.raises(ConnectionClosedError):
            await heard.next()


async def test_binance_hangs_up_beyond_its_streams(listen: Any) -> None:
    """A connection takes 1024."""
    many = binance("SUBSCRIBE", *[f"x{number}@trade" for number in range(1025)])
    async with serving(Binance()) as venue, listen(venue.url, many) as heard:
        with pytest.raises(ConnectionClosedError):
            await heard.until(lambda _: False)


async def test_binance_pings_and_leaves_who_does_not_answer() -> None:
    """The payload is the time, and a client that answers stays."""

    class Hasty(Binance):
        ping_every = 0.03
        pong_within = 0.05

    async with serving(Hasty()) as venue, connect(venue.url, close_timeout=0.1) as socket:
        await anyio.sleep(0.2)
        assert venue.sessions
        # a client that never reads its socket never answers
        socket.transport.pause_reading()
        with anyio.fail_after(3):
            while venue.sessions:  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)


async def test_binance_lists_over_http() -> None:
    """With weights in a header, and codes for what is not listed."""
    async with serving(Binance(("BTC/USDT", "ETH/USDT"))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        listed = await http.get("/api/v3/exchangeInfo")
        one = (await http.get('/api/v3/ticker/bookTicker?symbols=["ETHUSDT"]')).json()
        day = (await http.get("/api/v3/ticker/24hr?symbol=BTCUSDT")).json()
        trades = (await http.get("/api/v3/trades?symbol=BTCUSDT&limit=3")).json()
        wrong = await http.get("/api/v3/ticker/price?symbol=XXUSDT")
        quiet = [(await http.get(f"/api/v3/{name}")).status_code for name in ("ping", "time", "nothing")]
    assert [row["symbol"] for row in listed.json()["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert listed.headers["x-mbx-used-weight-1m"] == "20"
    assert [row["symbol"] for row in one] == ["ETHUSDT"]
    assert float(day["bidPrice"]) < float(day["lastPrice"]) < float(day["askPrice"])
    assert len(trades) == 3
    assert (wrong.status_code, wrong.json()["code"]) == (400, -1121)
    assert quiet == [200, 200, 404]


# Coinbase


async def test_coinbase_answers_with_all_that_is_subscribed_to(listen: Any) -> None:
    """And sends the last of each first."""
    requests = [coinbase("subscribe", "matches", "heartbeat"), coinbase("subscribe", "ticker", product="ETH-USD")]
    async with serving(Coinbase(rate=0)) as venue, listen(venue.url, *requests) as heard:
        assert (await heard.next())["type"] == "last_match"
        assert {row["name"] for row in (await heard.next())["channels"]} == {"matches", "heartbeat"}
        assert (await heard.next())["product_id"] == "ETH-USD"
        rows = {row["name"]: row["product_ids"] for row in (await heard.next())["channels"]}
        assert rows == {"matches": ["BTC-USD"], "heartbeat": ["BTC-USD"], "ticker": ["ETH-USD"]}
        await heard.say(coinbase("unsubscribe", "matches"))
        assert {row["name"] for row in (await heard.next())["channels"]} == {"heartbeat", "ticker"}


async def test_coinbase_refuses_a_request_as_a_whole(listen: Any) -> None:
    """One product that is not listed voids the others."""
    request = {"type": "subscribe", "product_ids": ["BTC-USD", "XX-USD"], "channels": ["matches"]}
    async with serving(Coinbase()) as venue, listen(venue.url, request, "{", {"type": "dance"}) as heard:
        refusal = await heard.next()
        assert refusal == {"type": "error", "message": "Failed to subscribe", "reason": "XX-USD is not a valid product"}
        assert [(await heard.next())["type"] for _ in range(2)] == ["error", "error"]
        assert venue.sessions[0].symbols() == []


async def test_coinbase_beats_each_second(listen: Any) -> None:
    """For each product on that channel, whatever else comes."""

    class Hasty(Coinbase):
        beat_every = 0.03

    request = coinbase("subscribe", "heartbeat")
    async with serving(Hasty()) as venue, listen(venue.url, request) as heard:
        beat = await heard.until(lambda message: message["type"] == "heartbeat")
        assert beat["product_id"] == "BTC-USD"


async def test_coinbase_leaves_who_does_not_subscribe(listen: Any) -> None:
    """After five seconds, here after fewer."""

    class Hasty(Coinbase):
        subscribe_within = 0.05

    async with serving(Hasty()) as venue, listen(venue.url) as heard:
        with pytest.raises(ConnectionClosedError):
            await heard.next()


async def test_coinbase_tells_the_makers_side_of_a_match_and_the_takers_of_a_ticker(listen: Any) -> None:
    """As documented, and as everybody gets wrong once."""
    async with (
        serving(Coinbase(rate=100)) as venue,
        listen(venue.url, coinbase("subscribe", "matches", "ticker")) as heard,
    ):
        match = await heard.until(lambda message: message["type"] == "match")
        ticker = await heard.until(lambda message: message["type"] == "ticker")
    assert match["trade_id"] == ticker["trade_id"]
    assert {match["side"], ticker["side"]} == {"buy", "sell"}


async def test_coinbase_lists_over_http() -> None:
    """Products, a product, its ticker, trades and book."""
    async with serving(Coinbase(("BTC/USD",))) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        products = (await http.get("/products")).json()
        ticker = (await http.get("/products/BTC-USD/ticker")).json()
        trades = (await http.get("/products/BTC-USD/trades")).json()
        book = (await http.get("/products/BTC-USD/book?level=1")).json()
        paths = ("/products/BTC-USD", "/time", "/products/XX-USD", "/products/BTC-USD/x")
        codes = [(await http.get(path)).status_code for path in paths]
    assert [(row["id"], row["status"]) for row in products] == [("BTC-USD", "online")]
    assert float(ticker["bid"]) < float(ticker["price"]) < float(ticker["ask"])
    assert trades[0]["trade_id"] > trades[-1]["trade_id"]
    assert len(book["bids"]) == len(book["asks"]) == 1
    assert codes == [200, 200, 404, 404]


# what all have in common


@pytest.mark.parametrize("venue", [Kraken(), Binance(), Coinbase()], ids=lambda venue: venue.type)
async def test_stream_opens_only_where_it_is(venue: Venue) -> None:
    """Another path is not found, and nothing but HTTP is understood."""
    async with serving(venue) as served:
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{served.port}/elsewhere")
        async with await anyio.connect_tcp("127.0.0.1", served.port) as stream:
            await stream.send(b"\x16\x03\x01\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
async def test_no_message_brings_a_venue_down(venue: type[Venue]) -> None:
    """Whatever it is told, it answers the next connection."""
    requests = [
        kraken(),
        binance("SUBSCRIBE", "btcusdt@trade"),
        coinbase("subscribe", "matches"),
        {"sub": "market.btcusdt.trade.detail", "id": "1"},
        {"id": "1", "type": "subscribe", "topic": "/market/match:BTC-USDT"},
    ]
    messages = [each.frame for request in requests for each in damaged(json.dumps(request))]
    async with serving(venue()) as served, httpx.AsyncClient() as http:

        async def address() -> str:
            if venue.type not in {"kucoin", "token"}:
                return served.url
            grant = (await http.post(f"{served.rest_url}/api/v1/bullet-public")).json()["data"]
            return f"{grant['instanceServers'][0]['endpoint']}?token={grant['token']}"

        # five at a time, which is what the strictest of them takes in a second
        batches = [messages[start : start + 5] for start in range(0, len(messages), 5)]
        for batch in batches:
            with suppress(ConnectionClosed):
                async with connect(await address(), close_timeout=0.1) as socket:
                    for message in batch:
                        await socket.send(message)
                    await (await socket.ping())
        assert served.opened == len(batches)


async def test_two_venues_follow_one_truth(listen: Any) -> None:
    """Two that share a seed print around the same price; the truth is known."""
    options: dict[str, Any] = {"rate": 100, "quotes": 0, "noise": 0.0}
    async with serving(Kraken(**options)) as north, serving(Coinbase(**options)) as south:
        async with listen(north.url, kraken()) as heard:
            row = (
                await heard.until(lambda message: message.get("type") == "update" and message["channel"] == "trade")
            )["data"][0]
        async with listen(south.url, coinbase("subscribe", "matches")) as heard:
            match = await heard.until(lambda message: message["type"] == "match")
    for price, time in ((row["price"], row["timestamp"]), (float(match["price"]), match["time"])):
        assert price == pytest.approx(north.price("BTC/USD", ns_from_iso(time)), rel=1e-6)
        assert north.price("BTC/USD", ns_from_iso(time)) == south.price("BTC/USD", ns_from_iso(time))


async def test_what_was_said_to_a_venue_can_be_looked_up(listen: Any) -> None:
    """Messages with the number of their connection, and requests over HTTP."""
    async with serving(Kraken()) as venue, listen(venue.url, {"method": "ping"}) as heard:
        await heard.until(lambda message: message.get("method") == "pong")
        assert list(venue.heard) == [(1, '{"method": "ping"}')]
        assert [request.path for request in venue.requests] == ["/v2"]


async def test_failure_inside_the_block_comes_out_as_it_is() -> None:
    """A test that fails beside a venue fails with its own error."""
    with pytest.raises(ZeroDivisionError):
        async with serving(Kraken()):
            raise ZeroDivisionError
