"""What is Bitget's own: past trades beside new ones, the newest first, and two APIs that are served side by side."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Trade
from chrono_bitget import Bitget, BitgetTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {"i": "1485683898127761408", "p": "80810.6", "v": "0.0716", "S": "sell", "T": str(AT), "L": "9", "isRPI": "no"}
OLDER_ROW = {"tradeId": "1485683898127761408", "price": "80810.6", "size": "0.0716", "side": "sell", "ts": str(AT)}
TRADE = Trade("BTCUSDT", 80810.6, 0.0716, "sell", "1485683898127761408", NS)
QUOTE = Quote("BTCUSDT", 80855.0, 80855.01, 0.119954, 0.381751, NS)


def read(topic: str, *rows: object, action: str = "update", market: str = "spot", **more: object) -> tuple[Any, ...]:
    """Read rows of a topic."""
    about = {"instType": market, "topic": topic, "symbol": "BTCUSDT", **more}
    return tuple(Bitget().read(json.dumps({"action": action, "arg": about, "data": rows, "ts": AT + 9})))


def older(channel: str, *rows: object, action: str = "update", market: str = "SPOT") -> tuple[Any, ...]:
    """Read rows of a channel of API v2."""
    about = {"instType": market, "channel": channel, "instId": "BTCUSDT"}
    return tuple(Bitget().read(json.dumps({"action": action, "arg": about, "data": rows, "ts": AT + 9})))


def test_trades_are_the_takers_oldest_first() -> None:
    """The venue has the newest first."""
    newer = ROW | {"i": "1485683898127761410", "S": "buy", "p": "80810.7"}
    bought = Trade("BTCUSDT", 80810.7, 0.0716, "buy", "1485683898127761410", NS)
    assert read("publicTrade", newer, ROW) == (TRADE, bought)
    assert older("trade", OLDER_ROW | {"tradeId": "2"}, OLDER_ROW)[0] == TRADE


def test_trades_of_a_snapshot_are_past() -> None:
    """Only updates are trades that just happened; another word, or a row that is none, is damage."""
    assert read("publicTrade", ROW, ROW, action="snapshot") == ()
    assert older("trade", OLDER_ROW, action="snapshot") == ()
    with pytest.raises(FrameError):
        read("publicTrade", ROW, action="insert")
    with pytest.raises(FrameError):
        read("publicTrade", {}, action="snapshot")


@pytest.mark.parametrize(
    "change",
    [
        {"p": "0"},
        {"p": ""},
        {"v": "-1"},
        {"S": "hold"},
        {"i": ""},
        {"i": None},
        {"T": str(AT // 1000)},
        {"T": str(AT * 1000)},
        {"T": None},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("publicTrade", ROW | change)


def test_the_top_of_the_book_comes_on_two_topics() -> None:
    """The level of a book has a time, the ticker has none of its own."""
    level = {"a": [["80855.01", "0.381751"]], "b": [["80855", "0.119954"]], "seq": 9, "pseq": 0, "ts": str(AT)}
    ticker = {"bid1Price": "80855", "bid1Size": "0.119954", "ask1Price": "80855.01", "ask1Size": "0.381751"}
    assert read("books1", level, action="snapshot") == (QUOTE,)
    assert read("ticker", ticker, action="snapshot") == (Quote("BTCUSDT", 80855.0, 80855.01, 0.119954, 0.381751),)
    assert read("books1", level | {"a": []}) == ()
    assert read("ticker", ticker | {"ask1Price": ""}) == ()


def test_the_top_of_the_book_of_version_2() -> None:
    """Other words, the same top."""
    level = {"asks": [["80855.01", "0.381751"]], "bids": [["80855", "0.119954"]], "checksum": 0, "ts": str(AT)}
    sides = {"bidPr": "80855", "bidSz": "0.119954", "askPr": "80855.01", "askSz": "0.381751", "ts": str(AT)}
    assert older("books1", level, action="snapshot") == (QUOTE,)
    assert older("ticker", sides, action="snapshot") == (QUOTE,)


@pytest.mark.parametrize("market", ["usdt-futures", "coin-futures", "usdc-futures", "margin"])
def test_other_markets_under_the_same_symbol_give_nothing(market: str) -> None:
    """A perpetual is called as its underlying is."""
    assert read("publicTrade", ROW, market=market) == ()
    assert older("trade", OLDER_ROW, market=market.upper()) == ()


@pytest.mark.parametrize("topic", ["books", "books5", "kline", "liquidation"])
def test_other_topics_give_nothing(topic: str) -> None:
    """They are read and passed over."""
    assert read(topic, ROW, interval="1m") == ()


def test_a_topic_without_symbols_gives_nothing() -> None:
    """Liquidations are those of a whole market."""
    row = {"symbol": "BTCUSDT", "side": "sell", "price": "80810.6", "amount": "0.0716", "ts": str(AT)}
    about = {"instType": "usdt-futures", "topic": "liquidation"}
    frame = {"action": "update", "arg": about, "data": [row], "ts": AT + 9}
    assert Bitget().read(json.dumps(frame)) == ()


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"data": [ROW]},
        {"action": "update", "data": [ROW]},
        {"arg": {"instType": "spot", "topic": "publicTrade", "symbol": "BTCUSDT"}, "data": [ROW]},
        {"action": "update", "arg": {"instType": "spot", "topic": "publicTrade"}, "data": [ROW]},
        {"action": "update", "arg": {"topic": "publicTrade", "symbol": "BTCUSDT"}, "data": [ROW]},
        {"action": "update", "arg": {"instType": "spot", "topic": "publicTrade", "symbol": "BTCUSDT"}},
        {"action": "update", "arg": {"instType": "sp", "channel": "trade", "instId": "BTCUSDT"}, "data": []},
        {"action": "update", "arg": {"instType": "mc", "channel": "trade", "instId": "BTCUSDT"}, "data": [OLDER_ROW]},
        {"event": "subscribe", "arg": {"instType": "sp", "channel": "trade", "instId": "BTCUSDT"}},
    ],
)
def test_what_is_not_documented_is_refused(frame: dict[str, object]) -> None:
    """API v1 is not taken for the ones after it."""
    with pytest.raises(FrameError):
        Bitget().read(json.dumps(frame))


def told(event: str, **more: object) -> tuple[Any, ...]:
    """Read an answer about BTCUSDT."""
    about = {"instType": "spot", "topic": "publicTrade", "symbol": "BTCUSDT"}
    return tuple(Bitget().read(json.dumps({"event": event, "arg": about, **more})))


def test_answers_are_signals() -> None:
    """Each topic of each symbol is answered by itself."""
    assert told("subscribe", connId="d5phu6rb") == (Ack(("BTCUSDT",)),)
    assert told("unsubscribe") == ()
    assert told("error", code=30001, msg="doesn't exist") == (Rejected("BTCUSDT", "doesn't exist"),)
    words = '{"instType":"spot","symbol":"XXUSDT","topic":"books1"} doesn\'t exist'
    assert told("error", code=30001, msg=words, arg=None) == (Rejected("XXUSDT", words),)
    assert told("error", code="30016", msg="Param error", arg=None) == (Rejected("", "Param error"),)
    assert told("error", code=30006, msg="request too many") == (RateLimit(5.0, "request too many"),)
    assert told("login", code="0", msg="", arg=None) == ()
    assert Bitget().read("pong") == ()


def test_trades_and_the_top_of_the_book_are_asked_for_in_one_message() -> None:
    """Messages are limited by the second."""
    symbols = [Bitget().symbol(Pair.parse(text)) for text in ("BTC/USDT", "ETH/EUR")]
    (message,) = Bitget().subscribe(symbols)
    assert message["op"] == "subscribe"
    assert [(arg["instType"], arg["topic"], arg["symbol"]) for arg in message["args"]] == [
        ("spot", "publicTrade", "BTCUSDT"),
        ("spot", "books1", "BTCUSDT"),
        ("spot", "publicTrade", "ETHEUR"),
        ("spot", "books1", "ETHEUR"),
    ]
    (ended,) = Bitget().unsubscribe(["BTCUSDT"])
    assert (ended["op"], len(ended["args"])) == ("unsubscribe", 2)


POLLED = {"execId": "8", "execLinkId": "9", "price": "80810.6", "size": "0.0716", "side": "sell", "ts": str(AT)}


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTCUSDT."""
    return tuple(BitgetTrades().read(json.dumps({"symbol": "BTCUSDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """The venue has the newest first, also of those of one moment."""
    rows = [POLLED | {"execId": "10", "side": "buy"}, POLLED]
    assert polled({"code": "00000", "msg": "success", "requestTime": AT, "data": rows}) == (
        Trade("BTCUSDT", 80810.6, 0.0716, "sell", "8", NS),
        Trade("BTCUSDT", 80810.6, 0.0716, "buy", "10", NS),
    )
    (request,) = BitgetTrades().request(["BTCUSDT"])
    assert request.url.path == "/api/v3/market/fills"
    assert dict(request.url.params) == {"category": "SPOT", "symbol": "BTCUSDT", "limit": "100"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [("40034", Rejected("BTCUSDT", "words")), ("429", RateLimit(5.0, "words")), ("30006", RateLimit(5.0, "words"))],
)
def test_an_error_that_comes_with_success_is_told(code: str, expected: object) -> None:
    """HTTP 200 with a code is no answer."""
    assert polled({"code": code, "msg": "words", "requestTime": AT, "data": None}) == (expected,)


@pytest.mark.parametrize("answer", [None, [], {}, {"code": "00000"}, {"code": "00000", "data": None}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """No trade is made up."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_is_not_online_is_halted() -> None:
    """Listed only, or gone."""
    rows = [
        {"symbol": f"{base}USDT", "category": "SPOT", "baseCoin": base, "quoteCoin": "USDT", "status": status}
        for base, status in (("BTC", "online"), ("NEW", "listed"), ("OLD", "offline"))
    ]
    assert list(Bitget().listed(json.dumps({"code": "00000", "msg": "success", "data": rows}).encode())) == [
        Listing("BTCUSDT", Pair("BTC", "USDT")),
        Listing("NEWUSDT", Pair("NEW", "USDT"), "halted"),
        Listing("OLDUSDT", Pair("OLD", "USDT"), "halted"),
    ]
