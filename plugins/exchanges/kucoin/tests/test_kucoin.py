"""What is KuCoin's own: a token before the stream, answers that bear an id and no symbol, two units of time."""

import json
from typing import Any

import anyio
import httpx
import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Trade
from chrono_kucoin import Kucoin, KucoinTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {
    "sequence": "11067996711960577",
    "type": "match",
    "symbol": "BTC-USDT",
    "side": "buy",
    "price": "0.08200000000000000000",
    "size": "0.01022222000000000000",
    "tradeId": "5c24c5da03aa673885cd67aa",
    "time": str(NS + 33_203),
}
TICKER = {
    "bestAsk": "0.08",
    "bestAskSize": "0.18",
    "bestBid": "0.049",
    "bestBidSize": "0.036",
    "price": "0.08",
    "size": "0.011",
    "sequence": "1545896668986",
    "time": AT,
}


def read(topic: str, row: object, subject: str = "any", **more: object) -> tuple[Any, ...]:
    """Read a message of a topic."""
    return tuple(
        Kucoin().read(json.dumps({"type": "message", "topic": topic, "subject": subject, "data": row, **more}))
    )


def test_trades_are_dated_in_nanoseconds() -> None:
    """As text today, as a number before; the side is the taker's."""
    wanted = Trade("BTC-USDT", 0.082, 0.01022222, "buy", "5c24c5da03aa673885cd67aa", NS + 33_203)
    assert read("/market/match:BTC-USDT", ROW) == (wanted,)
    assert read("/market/match:BTC-USDT", ROW | {"time": NS + 33_203}) == (wanted,)


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0"},
        {"price": None},
        {"size": "-1"},
        {"side": ""},
        {"tradeId": None},
        {"symbol": ""},
        {"time": str(AT)},
        {"time": str(AT * 1000)},
        {"time": ""},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("/market/match:BTC-USDT", ROW | change)


def test_a_ticker_names_its_symbol_in_the_topic_or_in_the_subject() -> None:
    """That of all markets in the subject."""
    quote = Quote("KCS-USDT", 0.049, 0.08, 0.036, 0.18, NS)
    assert read("/market/ticker:KCS-USDT", TICKER, "trade.ticker") == (quote,)
    assert read("/market/ticker:all", TICKER, "KCS-USDT") == (quote,)


@pytest.mark.parametrize(("topic", "subject"), [("/market/ticker:", "KCS-USDT"), ("/market/ticker:all", ""), ("", "x")])
def test_a_ticker_of_nothing_is_refused(topic: str, subject: str) -> None:
    """A price without its market is none."""
    with pytest.raises(FrameError, match="topic and symbol"):
        read(topic, TICKER, subject)


@pytest.mark.parametrize("change", [{"time": NS}, {"time": AT // 1000}, {"bestBid": "-1"}, {"bestAsk": "nan"}])
def test_a_damaged_ticker_is_refused(change: dict[str, object]) -> None:
    """Its time is in milliseconds and in nothing else."""
    with pytest.raises(FrameError):
        read("/market/ticker:KCS-USDT", TICKER | change)


@pytest.mark.parametrize("empty", ["", None, "0"])
def test_an_empty_side_is_no_quote(empty: object) -> None:
    """A market that is new has no price, which is no damage."""
    assert read("/market/ticker:KCS-USDT", TICKER | {"bestAsk": empty}) == ()


def test_the_first_level_of_a_book_is_a_quote() -> None:
    """One price and size a side, which may be empty."""
    level = {"asks": ["68145.8", "0.51987471"], "bids": ["68145.7", "1.29267802"], "timestamp": AT}
    wanted = Quote("BTC-USDT", 68145.7, 68145.8, 1.29267802, 0.51987471, AT * 10**6)
    assert read("/spotMarket/level1:BTC-USDT", level) == (wanted,)
    assert read("/spotMarket/level1:BTC-USDT", level | {"asks": []}) == ()
    for change in ({"asks": ["68145.8"]}, {"asks": [["68145.8", "1"]]}, {"timestamp": AT * 1000}, {"bids": None}):
        with pytest.raises(FrameError):
            read("/spotMarket/level1:BTC-USDT", level | change)


@pytest.mark.parametrize(
    "topic", ["/market/level2:BTC-USDT", "/market/snapshot:BTC", "/market/candles:BTC-USDT_1hour", "/account/balance"]
)
def test_other_topics_give_nothing(topic: str) -> None:
    """They are read and passed over."""
    assert read(topic, {"any": 1}) == ()


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"T":"trade.SPOT","P":1768802538491160904,"d":{"s":"ETH-USDT","p":"1","q":"2","S":"sell","ti":"7"}}',
        '{"T":"ticker.SPOT","P":1768206966101166007,"d":{"s":"ETH-USDT","a":"2","b":"1"}}',
        '{"id":"1","result":true}',
        '{"code":"429000","msg":"Too Many Requests"}',
        '{"type":"message"}',
        '{"type":"dance","topic":"/market/match:BTC-USDT"}',
        "ping",
    ],
)
def test_what_the_classic_api_does_not_document_is_refused(frame: str) -> None:
    """The unified API is not taken for this one."""
    with pytest.raises(FrameError):
        Kucoin().read(frame)


def test_answers_bear_the_id_of_their_request() -> None:
    """It is the topic, so that they name their symbol; that of an end, and that of others, is none of ours."""
    subscribe, *_ = Kucoin().subscribe(["BTC-USDT"])
    assert Kucoin().read(json.dumps({"id": subscribe["id"], "type": "ack"})) == (Ack(("BTC-USDT",)),)
    end, *_ = Kucoin().unsubscribe(["BTC-USDT"])
    assert Kucoin().read(json.dumps({"id": end["id"], "type": "ack"})) == ()
    for other in ({"id": 1545910660739, "type": "ack"}, {"id": "7", "type": "pong"}, {"id": "7", "type": "welcome"}):
        assert Kucoin().read(json.dumps(other)) == ()


@pytest.mark.parametrize("id", ["/market/match:XX-USDT", "695cb272a02344126eb870a6", 7])
def test_a_refusal_names_its_symbol(id: object) -> None:
    """In its id or in its words, so that one that is not listed costs no other."""
    reason = "topic /market/match:XX-USDT is not found"
    assert refused(id, 404, reason) == (Rejected("XX-USDT", reason),)
    assert refused("", 400, "ping timeout") == (Rejected("", "ping timeout"),)


def refused(id: object, code: object, words: str) -> tuple[Any, ...]:
    """Read an error."""
    return tuple(Kucoin().read(json.dumps({"id": id, "type": "error", "code": code, "data": words})))


@pytest.mark.parametrize("code", [509, "509"])
def test_too_many_messages_are_a_reason_to_pause(code: object) -> None:
    """As long as they are counted for."""
    assert refused("", code, "exceed max permits per second") == (RateLimit(10.0, "exceed max permits per second"),)


def test_every_market_is_asked_for_by_itself() -> None:
    """One that is not listed would void the request; a connection takes a hundred in ten seconds."""
    symbols = [Kucoin().symbol(Pair.parse(text)) for text in ("BTC/USDT", "BSV/USDT")]
    assert [(message["type"], message["topic"]) for message in Kucoin().subscribe(symbols)] == [
        ("subscribe", "/market/match:BTC-USDT"),
        ("subscribe", "/market/ticker:BTC-USDT"),
        ("subscribe", "/market/match:BCHSV-USDT"),
        ("subscribe", "/market/ticker:BCHSV-USDT"),
    ]
    full = [f"COIN{n}-USDT" for n in range(Kucoin.symbols_per_connection)]
    assert len(list(Kucoin().subscribe(full))) < 100


GRANT = {
    "token": "2neA",
    "instanceServers": [{"endpoint": "wss://ws-api-spot.kucoin.com/", "pingInterval": 9000, "pingTimeout": 10000}],
}


def granted(answer: object, url: str = "") -> tuple[str, Any]:
    """Ask for a token; return the request, and what came of it."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url}")
        return httpx.Response(200, json=answer)

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            return await Kucoin(Kucoin.Config.model_validate({"url": url})).endpoint(http)

    endpoint = anyio.run(ask)
    return asked[0], endpoint


def test_a_token_is_asked_for_first() -> None:
    """The answer says where to connect and how often to ping; what is shown of it holds no token."""
    asked, endpoint = granted({"code": "200000", "data": GRANT})
    assert asked == "POST https://api.kucoin.com/api/v1/bullet-public"
    assert granted({"data": GRANT}, "wss://proxy.example/")[0] == "POST https://proxy.example/api/v1/bullet-public"
    assert endpoint.url == "wss://ws-api-spot.kucoin.com/?token=2neA"
    assert endpoint.heartbeat.every == 9.0
    assert "2neA" not in repr(endpoint)


@pytest.mark.parametrize("answer", [{"code": "400302", "msg": "unavailable in your region"}, {"data": {}}, [], None])
def test_without_a_token_there_is_nothing_to_connect_to(answer: object) -> None:
    """It is a failure like any other, and tried again."""
    with pytest.raises((ValueError, LookupError)):
        granted(answer)


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC-USDT."""
    return tuple(KucoinTrades().read(json.dumps({"symbol": "BTC-USDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream() -> None:
    """Their sequence is the stream's id; the oldest comes first."""
    keys = ("sequence", "price", "size", "side")
    row = {key: ROW[key] for key in keys} | {"time": NS + 33_203}
    newer = row | {"sequence": "11067996711960578"}
    first, second = polled({"code": "200000", "data": [row, newer]})
    streamed = read("/market/match:BTC-USDT", ROW | {"tradeId": ROW["sequence"]})
    assert (first,) == streamed
    assert second.trade_id == "11067996711960578"
    (request,) = KucoinTrades().request(["BTC-USDT"])
    assert str(request.url) == "https://api.kucoin.com/api/v1/market/histories?symbol=BTC-USDT"
    assert KucoinTrades().weight(request) == 3.0


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("400100", Rejected("BTC-USDT", "words")),
        ("429000", RateLimit(5.0, "words")),
    ],
)
def test_an_error_that_comes_with_success_is_told(code: str, expected: object) -> None:
    """HTTP 200 with a code is no answer."""
    assert polled({"code": code, "msg": "words"}) == (expected,)


@pytest.mark.parametrize("answer", [None, [], {}, {"code": "200000"}, {"code": "200000", "data": {}}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """Nothing is made of nothing."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_does_not_trade_is_halted() -> None:
    """Old names are those of today's coins."""
    rows = [
        {"symbol": f"{base}-USDT", "baseCurrency": base, "quoteCurrency": "USDT", "enableTrading": trades}
        for base, trades in (("BTC", True), ("OLD", False), ("BCHSV", True))
    ]
    assert list(Kucoin().listed(json.dumps({"code": "200000", "data": rows}).encode())) == [
        Listing("BTC-USDT", Pair("BTC", "USDT")),
        Listing("OLD-USDT", Pair("OLD", "USDT"), "halted"),
        Listing("BCHSV-USDT", Pair("BSV", "USDT")),
    ]
