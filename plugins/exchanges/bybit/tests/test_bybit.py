"""What is Bybit's own: answers under the symbol's name, a book of one level, older APIs that look alike."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Trade
from chrono_bybit import Bybit, BybitTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {"T": AT, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "i": "2290000000050703789", "BT": False}
BOOK = {"s": "BTCUSDT", "b": [["16578.4", "0.5"]], "a": [["16578.5", "2"]], "u": 7, "seq": 8}


def read(topic: str, data: object, **more: object) -> tuple[Any, ...]:
    """Read data of a topic."""
    return tuple(Bybit().read(json.dumps({"topic": topic, "type": "snapshot", "ts": AT + 5, "data": data, **more})))


def test_trades_are_the_takers() -> None:
    """Several come in their order, with the time of the fill and not of the message."""
    sold = ROW | {"S": "Sell", "i": "2290000000050703790", "RPI": True, "seq": 5}
    assert read("publicTrade.BTCUSDT", [ROW, sold]) == (
        Trade("BTCUSDT", 16578.5, 0.001, "buy", "2290000000050703789", NS),
        Trade("BTCUSDT", 16578.5, 0.001, "sell", "2290000000050703790", NS),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"p": "0"},
        {"p": ""},
        {"v": "-1"},
        {"S": "Unknown"},
        {"S": ""},
        {"i": ""},
        {"i": None},
        {"s": ""},
        {"T": AT // 1000},
        {"T": AT * 1000},
        {"T": None},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("publicTrade.BTCUSDT", [ROW | change])


def test_the_top_of_the_book_has_the_time_of_its_message() -> None:
    """Whether a whole level, or one that replaces another, whose size is then 0."""
    wanted = Quote("BTCUSDT", 16578.4, 16578.5, 0.5, 2.0, NS + 5_000_000)
    assert read("orderbook.1.BTCUSDT", BOOK) == (wanted,)
    changed = BOOK | {"b": [["16578.45", "0"], ["16578.4", "0.5"]]}
    assert read("orderbook.1.BTCUSDT", changed, type="delta") == (wanted,)


@pytest.mark.parametrize("change", [{"b": []}, {"a": []}, {"a": [["16578.5", "0"]]}])
def test_an_empty_side_is_no_quote(change: dict[str, object]) -> None:
    """What stands on one side alone has no price in the middle."""
    assert read("orderbook.1.BTCUSDT", BOOK | change) == ()


@pytest.mark.parametrize("change", [{"b": [["x", "1"]]}, {"b": [["1"]]}, {"b": ["1", "2"]}, {"s": ""}, {"a": None}])
def test_a_damaged_book_is_refused(change: dict[str, object]) -> None:
    """What is no level is not made into one."""
    with pytest.raises(FrameError):
        read("orderbook.1.BTCUSDT", BOOK | change)


@pytest.mark.parametrize(
    "topic",
    ["orderbook.50.BTCUSDT", "orderbook.rpi.BTCUSDT", "tickers.BTCUSDT", "kline.1.BTCUSDT", "allLiquidation.X", "lt.X"],
)
def test_other_topics_give_nothing(topic: str) -> None:
    """They are read and passed over."""
    assert read(topic, BOOK) == ()


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"data": [ROW]},
        {"topic": "publicTrade.BTCUSDT", "data": [ROW]},
        {"topic": "publicTrade.BTCUSDT.more", "ts": AT, "data": [ROW]},
        {"topic": "publicTrade", "ts": AT, "data": [ROW]},
        {"topic": "publicTrade.BTCUSDT", "ts": AT // 1000, "data": [ROW]},
        {"topic": "orderbook.1.BTCUSDT", "data": BOOK},
        {"topic": "trade.BTCUSDT", "data": [{"symbol": "BTCUSDT", "price": 1, "size": 1, "side": "Buy"}]},
        {
            "topic": "trade.BTCUSDT",
            "ts": AT,
            "type": "snapshot",
            "data": {"v": "1", "t": AT, "p": "1", "q": "1", "m": True},
        },
        {"topic": "bookticker.BTCUSDT", "ts": AT, "data": {"s": "BTCUSDT", "bp": "1", "ap": "2"}},
        {"topic": "trade", "params": {"symbol": "ETHUSDT"}, "data": {"v": "1", "t": AT, "p": "1", "q": "1", "m": True}},
        {"topic": "orderBookL2_25.BTCUSD", "type": "delta", "timestamp_e6": AT * 1000, "data": {}},
        {"success": True, "ret_msg": "", "request": {"op": "subscribe", "args": ["trade.BTCUSD"]}},
    ],
)
def test_what_version_5_does_not_document_is_refused(frame: dict[str, object]) -> None:
    """The APIs before it are not taken for this one."""
    with pytest.raises(FrameError):
        Bybit().read(json.dumps(frame))


def test_answers_are_signals() -> None:
    """Each symbol has a request of its own, so an answer is about one."""
    answer = {"conn_id": "2324d924", "req_id": "BTCUSDT", "op": "subscribe"}
    assert told({"success": True, "ret_msg": "", "req_id": "", "op": "subscribe"}) == (Ack(),)
    unnamed = {"success": False, "conn_id": "2324d924", "op": "subscribe"}
    assert told({**unnamed, "ret_msg": "Invalid symbol :[orderbook.1.XXUSDT]", "req_id": ""}) == (
        Rejected("XXUSDT", "Invalid symbol :[orderbook.1.XXUSDT]"),
    )
    unknown = "error:handler not found,topic:publicTrade.XXUSDT"
    assert told({**unnamed, "ret_msg": unknown}) == (Rejected("XXUSDT", unknown),)
    assert told({**unnamed, "ret_msg": "args size >10"}) == (Rejected("", "args size >10"),)
    reason = "Invalid symbol :[publicTrade.BTCUSDT]"
    assert told({"success": True, "ret_msg": "subscribe", **answer}) == (Ack(("BTCUSDT",)),)
    assert told({"success": False, "ret_msg": reason, **answer}) == (Rejected("BTCUSDT", reason),)
    assert told({"success": True, "ret_msg": "pong", "conn_id": "0970e817", "op": "ping"}) == ()
    assert told({"op": "pong", "args": [str(AT)], "conn_id": "0970e817"}) == ()
    topics = {"failTopics": [], "successTopics": ["orderbook.100.BTC-6JAN23-18000-C"]}
    assert told({"success": True, "conn_id": "aa01fbff", "data": topics, "type": "COMMAND_RESP"}) == ()
    assert told({"success": True, "ret_msg": "", **answer, "op": "unsubscribe"}) == ()


def told(frame: object) -> tuple[Any, ...]:
    """Read any message."""
    return tuple(Bybit().read(json.dumps(frame)))


def test_each_symbol_has_a_request_under_its_name() -> None:
    """One that is not listed voids its own request alone."""
    symbols = [Bybit().symbol(Pair.parse(text)) for text in ("BTC/USDT", "ETH/EUR")]
    assert list(Bybit().subscribe(symbols)) == [
        {"op": "subscribe", "req_id": "BTCUSDT", "args": ["publicTrade.BTCUSDT", "orderbook.1.BTCUSDT"]},
        {"op": "subscribe", "req_id": "ETHEUR", "args": ["publicTrade.ETHEUR", "orderbook.1.ETHEUR"]},
    ]
    (ended,) = Bybit().unsubscribe(["BTCUSDT"])
    assert (ended["op"], len(ended["args"])) == ("unsubscribe", 2)


def test_a_full_connection_has_few_enough_characters() -> None:
    """The topics of one connection may have 21,000."""
    symbols = [f"1000000COIN{number:03}USDT" for number in range(Bybit.symbols_per_connection)]
    assert sum(len(json.dumps(message["args"])) for message in Bybit().subscribe(symbols)) < 21_000


@pytest.mark.parametrize(
    ("region", "host"),
    [("ge", "stream.bybitgeorgia.ge"), ("kz", "stream.bybit.kz"), ("tr", "stream.bybit.tr"), ("id", "stream.bybit.id")],
)
def test_a_region_has_its_address(region: str, host: str) -> None:
    """Accounts of some countries live on hosts of their own."""
    bybit = Bybit(Bybit.Config.model_validate({"region": region}, context=Bybit))
    assert bybit.address == f"wss://{host}/v5/public/spot"


POLLED = {"execId": "7", "symbol": "BTCUSDT", "price": "16578.50", "size": "0.001", "side": "Buy", "time": str(AT)}


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTCUSDT."""
    return tuple(BybitTrades().read(json.dumps({"symbol": "BTCUSDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """The venue has the newest first, also of those of one moment."""
    rows = [POLLED | {"execId": "8", "side": "Sell"}, POLLED]
    assert polled({"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": rows}}) == (
        Trade("BTCUSDT", 16578.5, 0.001, "buy", "7", NS),
        Trade("BTCUSDT", 16578.5, 0.001, "sell", "8", NS),
    )
    (request,) = BybitTrades().request(["BTCUSDT"])
    assert request.url.path == "/v5/market/recent-trade"
    assert dict(request.url.params) == {"category": "spot", "symbol": "BTCUSDT", "limit": "60"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [(10001, Rejected("BTCUSDT", "words")), (10006, RateLimit(5.0, "words")), (10018, RateLimit(5.0, "words"))],
)
def test_an_error_that_comes_with_success_is_told(code: int, expected: object) -> None:
    """HTTP 200 with a code is no answer."""
    assert polled({"retCode": code, "retMsg": "words", "result": {}}) == (expected,)


@pytest.mark.parametrize("answer", [None, [], {}, {"retCode": 0}, {"retCode": 0, "result": {"list": {}}}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """No trade is made up."""
    with pytest.raises(FrameError):
        polled(answer)


def test_listings_are_under_our_names() -> None:
    """What does not trade is halted."""
    rows = [
        {"symbol": f"{base}USDT", "baseCoin": base, "quoteCoin": "USDT", "status": status}
        for base, status in (("BTC", "Trading"), ("NEW", "PreLaunch"), ("GAS", "Trading"))
    ]
    answer = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": rows}}
    assert list(Bybit().listed(json.dumps(answer).encode())) == [
        Listing("BTCUSDT", Pair("BTC", "USDT")),
        Listing("NEWUSDT", Pair("NEW", "USDT"), "halted"),
        Listing("GASUSDT", Pair("GAS", "USDT")),
    ]
