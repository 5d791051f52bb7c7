"""What is Crypto.com's own: numbers that must be text, refusals in words, a second of patience, futures in the list."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Reply, Trade
from chrono_cryptocom import Cryptocom, CryptocomTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {"d": "4611686018428108636", "t": AT, "p": "20432.51", "q": "0.01163", "s": "SELL", "i": "BTC_USDT"}
TOP = {"i": "BTC_USDT", "b": "51170.000000", "bs": "0.1000", "k": "51180.000000", "ks": "0.2000", "t": AT}
TOP |= {"a": "51174.5", "h": "51790.00", "l": "47895.50", "c": "0.03955106", "v": "879.5024", "vv": "2637.12"}


def told(channel: str, *rows: object, **more: object) -> tuple[Any, ...]:
    """Read rows of a channel."""
    result = {"instrument_name": "BTC_USDT", "subscription": f"{channel}.BTC_USDT", "channel": channel, "data": rows}
    return heard({"id": -1, "method": "subscribe", "code": 0, "result": result, **more})


def heard(message: object) -> tuple[Any, ...]:
    """Read a message."""
    return tuple(Cryptocom().read(json.dumps(message)))


def test_trades_come_in_their_order() -> None:
    """The venue has the newest first; sides are the taker's."""
    newer = ROW | {"d": "4611686018428108637", "s": "BUY"}
    assert told("trade", newer, ROW) == (
        Trade("BTC_USDT", 20432.51, 0.01163, "sell", "4611686018428108636", NS),
        Trade("BTC_USDT", 20432.51, 0.01163, "buy", "4611686018428108637", NS),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"p": "0"},
        {"p": 20432.51},
        {"p": None},
        {"q": 0.01163},
        {"q": "-1"},
        {"d": 2552833547970376845},
        {"d": ""},
        {"s": "LONG"},
        {"i": ""},
        {"t": AT // 1000},
        {"t": NS},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one, nor is one of API v2, whose numbers are numbers."""
    with pytest.raises(FrameError):
        told("trade", ROW | change)


def test_the_ticker_has_the_top_of_the_book() -> None:
    """An empty side is null, and no quote."""
    assert told("ticker", TOP) == (Quote("BTC_USDT", 51170.0, 51180.0, 0.1, 0.2, NS),)
    assert told("ticker", TOP | {"b": None, "bs": None}) == ()
    with pytest.raises(FrameError):
        told("ticker", TOP | {"b": 51170.0})
    with pytest.raises(FrameError):
        told("ticker", {key: value for key, value in TOP.items() if key != "ks"})


@pytest.mark.parametrize(
    ("channel", "row"),
    [
        ("candlestick", {"o": "1", "h": "2", "l": "1", "c": "2", "v": "3", "t": AT}),
        ("book", {"bids": [["1", "2", "1"]], "asks": [], "t": AT}),
        ("book.update", {"update": {"bids": [["1", "2", "1"]], "asks": []}, "t": AT}),
        ("index", {"v": "1", "t": AT}),
    ],
)
def test_other_channels_give_nothing(channel: str, row: object) -> None:
    """They are read and passed over."""
    assert told(channel, row) == ()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"method": "subscribe", "result": {"data": []}},
        {"method": "subscribe", "result": {"channel": "trade"}},
        {"method": "public/heartbeat"},
        {"method": "public/auth", "code": 0},
        {"method": "subscribe", "result": {"channel": "book", "data": [{"bids": [[97.44, 7.5202, 1]], "asks": []}]}},
        [],
    ],
)
def test_what_is_not_documented_is_refused(message: object) -> None:
    """A book with numbers is one of API v2."""
    with pytest.raises(FrameError):
        heard(message)


def test_a_heartbeat_is_answered_with_its_number() -> None:
    """Within five seconds, says the venue."""
    assert heard({"id": 1587523073344, "method": "public/heartbeat", "code": 0}) == (
        Reply({"id": 1587523073344, "method": "public/respond-heartbeat"}),
    )


def test_answers_are_signals() -> None:
    """An acknowledgement names nothing, a refusal its symbol in words."""
    assert heard({"id": 1, "method": "subscribe", "code": 0}) == (Ack(),)
    assert heard({"id": 1, "method": "unsubscribe", "code": 0}) == ()
    words = 'invalid channel {"channels":["trade.XX_USD"]}'
    told = {"id": 3, "method": "subscribe", "code": 10004, "message": words}
    assert heard(told) == (Rejected("XX_USD", words),)
    assert heard(told | {"message": "BAD_REQUEST"}) == (Rejected("", "BAD_REQUEST"),)
    assert heard(told | {"code": 42901, "message": "RATE_LIMIT"}) == (RateLimit(1.0, "RATE_LIMIT"),)


def test_each_symbol_is_asked_for_by_itself_after_a_second() -> None:
    """One that is unknown costs no other."""
    symbols = [Cryptocom().symbol(Pair.parse(text)) for text in ("BTC/USD", "ETH/BTC")]
    assert list(Cryptocom().subscribe(symbols)) == [
        {"id": 1, "method": "subscribe", "params": {"channels": ["trade.BTC_USD", "ticker.BTC_USD"]}, "nonce": 1},
        {"id": 2, "method": "subscribe", "params": {"channels": ["trade.ETH_BTC", "ticker.ETH_BTC"]}, "nonce": 2},
    ]
    assert next(iter(Cryptocom().unsubscribe(["BTC_USD"])))["method"] == "unsubscribe"
    assert Cryptocom.subscribe_after == 1.0


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC_USDT."""
    return tuple(CryptocomTrades().read(json.dumps({"symbol": "BTC_USDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """The venue has the newest first."""
    newer = ROW | {"d": "4611686018428108637", "t": AT + 1, "tn": f"{AT + 1}523623"}
    answer = {"id": -1, "method": "public/get-trades", "code": 0, "result": {"data": [newer, ROW]}}
    found = polled(answer)
    assert [trade.trade_id for trade in found] == ["4611686018428108636", "4611686018428108637"]
    assert found[:1] == told("trade", ROW)
    (request,) = CryptocomTrades().request(["BTC_USDT"])
    address = "https://api.crypto.com/exchange/v1/public/get-trades?instrument_name=BTC_USDT&count=100"
    assert str(request.url) == address


@pytest.mark.parametrize(
    ("code", "expected"), [(30003, Rejected("BTC_USDT", "words")), (42901, RateLimit(5.0, "words"))]
)
def test_an_error_that_comes_with_success_is_told(code: int, expected: object) -> None:
    """A code other than 0 is no answer."""
    assert polled({"id": -1, "method": "public/get-trades", "code": code, "message": "words"}) == (expected,)


@pytest.mark.parametrize("answer", [None, [], {}, {"code": 0}, {"code": 0, "result": {"data": None}}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """A gateway's words are no trades, either."""
    with pytest.raises(FrameError):
        polled(answer)


def test_futures_and_other_books_are_not_markets_of_a_pair() -> None:
    """They have the same assets, and other symbols."""
    rows = [
        {"symbol": symbol, "base_ccy": symbol[:3], "quote_ccy": "USD", "tradable": tradable}
        for symbol, tradable in (("BTC_USD", True), ("OLD_USD", False), ("BTCUSD-PERP", True), ("BTC_USD@OEX_HK", True))
    ]
    assert list(Cryptocom().listed(json.dumps({"code": 0, "result": {"data": rows}}).encode())) == [
        Listing("BTC_USD", Pair("BTC", "USD")),
        Listing("OLD_USD", Pair("OLD", "USD"), "halted"),
    ]
