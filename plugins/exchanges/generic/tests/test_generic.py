"""What the user writes is what is sent and read; what is wrong is told with the expression and the frame."""

import gzip
import json
from typing import Any

import anyio
import pytest
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve

from chrono import Ack, ConfigError, Context, FrameError, Market, Pair, Rejected, Reply, Tick, Ticker, Trade
from chrono.core.build import build
from chrono.core.registry import Registry
from chrono_generic import Generic, GenericRest

MS = 1_795_342_500_123
STREAM: dict[str, Any] = {
    "url": "wss://stream.acme.example/ws",
    "subscribe": {"op": "subscribe", "markets": "{symbols}"},
    "symbol": "m",
    "price": "p",
    "size": "q",
    "time": "t",
}
REST: dict[str, Any] = {
    "url": "https://api.acme.example/trades?market={symbol}",
    "price": "p",
    "size": "q",
    "time": "t",
}
ROW: dict[str, Any] = {"m": "BTC-USD", "p": "67123.1", "q": "0.5", "t": MS}
TRADE = Trade("BTC-USD", 67123.1, 0.5, "", "", MS * 1_000_000)


def stream(name: str = "generic/acme", **options: Any) -> Generic:
    """Return a venue that streams."""
    return Generic(Generic.Config(**{**STREAM, **options}), Context(name))


def rest(name: str = "generic_rest/acme", **options: Any) -> GenericRest:
    """Return a venue that is asked."""
    return GenericRest(GenericRest.Config(**{**REST, **options}), Context(name))


def read(source: Any, frame: Any) -> list[Any]:
    """Return what a frame says."""
    return list(source.read(json.dumps(frame)))


# what is read


@pytest.mark.parametrize(
    ("options", "frame"),
    [
        ({}, ROW),
        ({}, [ROW]),
        ({"rows": "data"}, {"data": [ROW]}),
        ({"rows": "data"}, {"data": ROW}),
        ({"rows": "data", "symbol": "$.m"}, {"m": "BTC-USD", "data": [{"p": 67123.1, "q": 0.5, "t": MS}]}),
        (
            {"rows": "[2]", "symbol": "$[1]", "price": "[0]", "size": "[1]", "time": "[2]"},
            ["trades", "BTC-USD", [["67123.1", "0.5", MS]]],
        ),
        ({"rows": "data", "time": "$.t"}, {"t": MS, "data": [{"m": "BTC-USD", "p": 67123.1, "q": 0.5}]}),
        ({"symbol": "join('-', split)"}, {**ROW, "split": ["BTC", "USD"]}),
        ({"unit": "s"}, {**ROW, "t": "1795342500.123"}),
        ({"unit": "s"}, {**ROW, "t": 1795342500.123}),
        ({"unit": "us"}, {**ROW, "t": MS * 1000}),
        ({"unit": "ns"}, {**ROW, "t": str(MS * 1_000_000)}),
        ({"unit": "iso"}, {**ROW, "t": "2026-11-22T10:15:00.123Z"}),
    ],
)  # fmt: skip
def test_trade_is_found_where_the_user_says(options: dict[str, Any], frame: Any) -> None:
    """Rows or one, objects or arrays, the symbol beside them, the time in any unit."""
    assert read(stream(**options), frame) == [TRADE]


@pytest.mark.parametrize(
    ("sides", "word", "taker"),
    [
        ({}, "Buy", "buy"),
        ({}, "SELL", "sell"),
        ({"1": "buy", "2": "sell"}, 2, "sell"),
        ({"true": "sell", "false": "buy"}, True, "sell"),
        ({"buy": "sell", "sell": "buy"}, "buy", "sell"),
    ],
)
def test_side_is_the_taker_s(sides: dict[str, str], word: Any, taker: str) -> None:
    """In the venue's words, or turned round."""
    (trade,) = read(stream(side="s", sides=sides), {**ROW, "s": word})
    assert trade.side == taker


def test_price_without_a_size_is_a_last_price() -> None:
    """Nothing says how much of it was traded."""
    (tick,) = read(rest(size="", price="last"), {"symbol": "BTC-USD", "answer": {"last": "1.5", "t": MS}})
    assert tick == Ticker("BTC-USD", 1.5, ts_event=MS * 1_000_000)


def test_oldest_trade_of_an_answer_comes_first() -> None:
    """Venues answer in either order."""
    old, new = ({**ROW, "t": MS + n, "i": n} for n in (1, 2))
    for rows in ((old, new), (new, old)):
        found = read(rest(id="i"), {"symbol": "BTC-USD", "answer": rows})
        assert [trade.trade_id for trade in found] == ["1", "2"]


def test_packed_frames_are_unpacked() -> None:
    """Some venues compress by themselves."""
    assert list(stream().read(gzip.compress(json.dumps(ROW).encode()))) == [TRADE]


@pytest.mark.parametrize(
    "frame", [{"event": "subscribed", "m": "BTC-USD"}, {"event": "heartbeat", "t": MS}, [], "hello", None]
)
def test_what_has_neither_price_nor_size_is_no_trade(frame: Any) -> None:
    """A stream says other things, too."""
    assert read(stream(), frame) == []


def test_what_the_venue_says_besides_is_told() -> None:
    """Acknowledgements, refusals, questions in JSON and in words."""
    options = {"ack": "ok", "reject": "error", "pinged": "ping", "pong": {"pong": "{ping}"}, "words": {"ping": "pong"}}
    source = stream(**options)
    assert read(source, {"ok": True, "m": "BTC-USD"}) == [Ack(("BTC-USD",))]
    assert read(source, {"ok": True}) == [Ack()]
    assert read(source, {"ok": False}) == []
    assert read(source, {"error": "no such market", "m": "XX-USD"}) == [Rejected("XX-USD", "no such market")]
    assert read(source, {"ping": MS}) == [Reply({"pong": MS})]
    assert list(source.read(b"ping")) == [Reply("pong")]
    answer = {"symbol": "XX-USD", "answer": {"error": "no such market"}}
    assert read(rest(reject="error"), answer) == [Rejected("XX-USD", "no such market")]


# what is sent


def test_all_symbols_or_each() -> None:
    """A hole for all is one message, a hole for one is a message each."""
    symbols = ["BTC-USD", "ETH-USD"]
    assert list(stream().subscribe(symbols)) == [{"op": "subscribe", "markets": symbols}]
    assert list(stream(subscribe=["{symbol}@trade"]).subscribe(symbols)) == [["BTC-USD@trade"], ["ETH-USD@trade"]]
    assert list(stream(subscribe="trades:{symbols}").subscribe(symbols)) == ["trades:BTC-USD,ETH-USD"]
    assert list(stream().unsubscribe(symbols)) == []
    assert list(stream(unsubscribe={"off": "{symbols}"}).unsubscribe(symbols)) == [{"off": symbols}]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "BTC-USDT"),
        ({"pair": "{base}_{quote}"}, "btc_usdt"),
        ({"pair": "t{BASE}{QUOTE}", "aliases": {"USDT": "UST"}}, "tBTCUST"),
    ],
)
def test_pairs_are_written_as_the_user_says(options: dict[str, Any], word: str) -> None:
    """Capitals, small letters, other names."""
    assert stream(**options).symbol(Pair("BTC", "USDT")) == rest(**options).symbol(Pair("BTC", "USDT")) == word


def test_symbol_stands_in_the_address() -> None:
    """Written so that no symbol changes what is asked."""
    (request,) = rest().request(["BTC/USD"])
    assert str(request.url) == "https://api.acme.example/trades?market=BTC%2FUSD"
    assert str(rest(url="https://api.acme.example/all", symbol="m").request(["BTC-USD"]).url).endswith("/all")


def test_two_ids_are_two_venues() -> None:
    """Each has a vote and a budget of its own, unless the user says that they are one."""
    one, other = stream("generic/acme"), stream("generic/zenith")
    assert (one.group, other.group) == ("generic/acme", "generic/zenith")
    assert stream(group="acme").group == rest(group="acme").group == "acme"


# what is wrong


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        ({"p": None}, {}, "price `p`: expected a number above 0, was null"),
        ({"p": "-1"}, {}, 'price `p`: expected a number above 0, was "-1"'),
        ({"p": "nan"}, {}, 'price `p`: expected a number above 0, was "nan"'),
        ({"q": [1]}, {}, r"size `q`: expected a number not below 0, was \[1\]"),
        ({"m": None}, {}, "symbol `m`: expected a word, was null"),
        ({"t": MS // 1000}, {}, "time `t`: expected a time in ms, was 1795342500"),
        ({"t": "NaN"}, {"unit": "s"}, 'time `t`: expected a time in s, was "NaN"'),
        ({"t": "Infinity"}, {"unit": "s"}, 'time `t`: expected a time in s, was "Infinity"'),
        ({"s": "b"}, {"side": "s"}, 'side `s`: expected buy or sell, was "b"'),
        ({"s": "b"}, {"side": "s", "sides": {"B": "buy", "A": "sell"}}, 'side `s`: expected B or A, was "b"'),
        ({}, {"id": "i"}, "id `i`: expected a word or a number, was null"),
        ({}, {"rows": "p"}, 'rows `p`: expected objects or arrays, was "67123.1"'),
        ({}, {"price": "max(p)"}, r"price `max\(p\)`: .*invalid type"),
    ],
)
def test_damage_is_told_with_the_expression_and_the_frame(
    change: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    """So that the user knows which line to mend."""
    with pytest.raises(FrameError, match=told) as caught:
        read(stream(**options), {**ROW, **change})
    assert str(caught.value).startswith("generic/acme: frame ")
    assert '"q"' in str(caught.value)


@pytest.mark.parametrize("answer", [None, "busy", {"error": "busy"}, {"data": "busy"}])
def test_answer_without_rows_is_damage(answer: Any) -> None:
    """Who asks for trades is told trades."""
    with pytest.raises(FrameError, match="price `p`: expected a number above 0, was null"):
        read(rest(), {"symbol": "BTC-USD", "answer": answer})
    with pytest.raises(FrameError, match="rows `data`: expected objects or arrays, was"):
        read(rest(rows="data"), {"symbol": "BTC-USD", "answer": answer})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"price": "a..b"}, r"expected a JMESPath expression, was 'a\.\.b'"),
        ({"subscribe": {"op": "subscribe"}}, "expected a message with {symbol} or {symbols} in it"),
        ({"pair": "{BASE}"}, "expected a pair like"),
        ({"url": ""}, "expected an address like wss://"),
        ({"url": "https://acme.example"}, "expected an address like wss://"),
        ({"unit": "min"}, "'s', 'ms', 'us', 'ns' or 'iso'"),
        ({"symbol": ""}, "at least 1 character"),
    ],
)
def test_mistake_in_the_file_is_told(options: dict[str, Any], told: str) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError, match=told):
        stream(**options)


def test_rest_needs_to_know_the_symbol() -> None:
    """From the address or from the answer."""
    with pytest.raises(ValidationError, match="expected where an answer has its symbol, or {symbol} in `url`"):
        rest(url="https://api.acme.example/trades")


def test_answers_that_overlap_count_a_trade_once() -> None:
    """By its id or, where it has none, by all that is known of it."""
    answer = {"symbol": "BTC-USD", "answer": [ROW, {**ROW, "q": "0.25"}]}
    (first, other), again = read(rest(), answer), read(rest(), answer)
    assert [first, other] == again
    assert len({first.trade_id, other.trade_id}) == 2
    with pytest.raises(ValidationError, match="expected where a trade has its id or its `time`"):
        rest(time="")


def test_file_of_a_pipeline_is_understood() -> None:
    """Eight lines and five; a mistake is told with its line."""
    text = """
feeds:
  BTC/USD: {decimals: 2}
quotes: [USD]
sources:
  generic/acme:
    url: wss://stream.acme.example/ws
    subscribe: {op: subscribe, channel: trades, markets: "{symbols}"}
    symbol: market
    price: p
    size: q
    time: ts
    unit: ms
  generic_rest/zenith:
    url: https://api.zenith.example/trades/{symbol}
    price: price
    size: amount
    time: at
consensus: {median: {min_venues: 2}}
"""
    pipeline = build(text, Registry())
    groups = {market.group for plan in pipeline.plans for market in plan.feed.markets}
    assert groups == {"generic/acme", "generic_rest/zenith"}
    with pytest.raises(ConfigError, match=r"yaml:10:\d+: sources.generic/acme.price: expected a JMESPath expression"):
        build(text.replace("price: p\n", "price: p[\n"), Registry())


# a real venue


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, the one backend."""
    return "asyncio"


@pytest.mark.anyio
async def test_stream_of_a_venue_is_heard() -> None:
    """Subscribed to as the user says, pings sent and answered, ticks in order."""
    said: list[Any] = []

    async def venue(socket: ServerConnection) -> None:
        said.append(json.loads(await socket.recv()))
        await socket.send("hello")
        await socket.send(json.dumps({"ping": 7}))
        for n in range(3):
            await socket.send(json.dumps({**ROW, "t": MS + n}))
        while True:
            said.append(json.loads(await socket.recv()))

    ticks: list[Tick] = []
    options = {
        "pinged": "ping",
        "pong": {"pong": "{ping}"},
        "ping": {"op": "ping"},
        "ping_every": "20ms",
        "words": {"hello": None},
    }
    async with serve(venue, "127.0.0.1", 0, close_timeout=0.2) as server, anyio.create_task_group() as group:
        source = stream(url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", **options)
        market = Market("generic/acme", Pair("BTC", "USD"), symbol="BTC-USD")
        group.start_soon(source.run, [market], lambda tick, _=None: ticks.append(tick))
        with anyio.fail_after(5):
            while len(ticks) < 3 or len(said) < 4:  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert [tick.ts_event for tick in ticks] == [(MS + n) * 1_000_000 for n in range(3)]
    assert said[0] == {"op": "subscribe", "markets": ["BTC-USD"]}
    assert {"pong": 7} in said
    assert {"op": "ping"} in said
    assert source.frame_errors == 0


@pytest.mark.anyio
async def test_served_exchange_is_read_by_configuration() -> None:
    """What a plugin of its own reads of it: the same trades over its stream and over REST."""
    serving = pytest.importorskip("chrono_simulated.serving")
    fields = {"price": "price", "size": "size", "time": "time", "unit": "iso", "side": "side", "id": "trade_id"}
    fields["sides"] = {"buy": "sell", "sell": "buy"}  # type: ignore[assignment]
    subscribe = {"type": "subscribe", "product_ids": "{symbols}", "channels": ["matches"]}
    streamed: dict[str, Any] = {}
    polled: dict[str, Any] = {}
    async with serving.serving(serving.Coinbase(("BTC/USD",), rate=100)) as served, anyio.create_task_group() as group:
        streaming = stream(**{**fields, "url": served.url, "subscribe": subscribe, "symbol": "product_id"})
        asking = rest(**{**fields, "url": served.rest_url + "/products/{symbol}/trades", "every": "100ms"})
        for source, ticks in ((streaming, streamed), (asking, polled)):
            market = Market(source.context.name, Pair("BTC", "USD"), symbol="BTC-USD")
            group.start_soon(
                source.run, [market], lambda tick, _=None, ticks=ticks: ticks.update({tick.trade_id: tick})
            )
        with anyio.fail_after(10):
            while not streamed.keys() & polled.keys():  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    both = streamed.keys() & polled.keys()
    assert {number: streamed[number] for number in both} == {number: polled[number] for number in both}
    assert streaming.frame_errors == asking.frame_errors == 0
