"""What is XT.com's own: sides of the maker, tops without a time, answers that bear the name of their request."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Rejected, Trade
from chrono_xt import Xt, XtTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {"s": "btc_usdt", "i": 6316559590087222000, "t": AT, "p": "43000", "q": "0.21", "b": True}
BOOK = {"s": "btc_usdt", "fi": 7, "i": 9, "a": [["34000", "1.2"], ["34001", "2.3"]], "b": [["32000", "0.2"]]}


def told(topic: str, data: object, **more: object) -> tuple[Any, ...]:
    """Read what is told of a topic."""
    return heard({"topic": topic, "event": f"{topic}@btc_usdt", "data": data, **more})


def heard(message: object) -> tuple[Any, ...]:
    """Read a message."""
    return tuple(Xt().read(json.dumps(message)))


def test_a_trade_is_the_takers() -> None:
    """Where the buyer was the maker, the taker sold."""
    assert told("trade", ROW) == (Trade("btc_usdt", 43000.0, 0.21, "sell", "6316559590087222000", NS),)
    (bought,) = told("trade", ROW | {"b": False})
    assert bought.side == "buy"


@pytest.mark.parametrize(
    "change",
    [
        {"p": "0"},
        {"p": ""},
        {"p": None},
        {"q": "-1"},
        {"b": None},
        {"b": "maker"},
        {"i": None},
        {"i": -1},
        {"s": ""},
        {"t": AT // 1000},
        {"t": NS},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        told("trade", ROW | change)


def test_the_first_level_of_the_book_is_the_top() -> None:
    """An empty side is no quote, and a level of size 0 is gone."""
    assert told("depth", BOOK) == (Quote("btc_usdt", 32000.0, 34000.0, 0.2, 1.2),)
    assert told("depth", BOOK | {"a": []}) == ()
    (quote,) = told("depth", BOOK | {"a": [["34000", "0"], ["34001", "2.3"]]})
    assert (quote.ask, quote.ask_size) == (34001.0, 2.3)


@pytest.mark.parametrize("topic", ["ticker", "tickers", "kline", "depth_update"])
def test_other_topics_give_nothing(topic: str) -> None:
    """They are read and passed over."""
    assert told(topic, BOOK) == ()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"topic": "trade"},
        {"topic": "trade", "data": [{}]},
        {"data": ROW},
        {"channel": "ex_last_trade", "data": [[1, 2, 3]]},
        {"ping": 1562979600},
        {"id": "subscribe btc_usdt"},
        [],
    ],
)
def test_what_is_not_documented_is_refused(message: object) -> None:
    """Neither a message of an older API, nor an answer without a code."""
    with pytest.raises(FrameError):
        heard(message)


def test_answers_bear_the_name_of_their_request() -> None:
    """One that ends a subscription says nothing new."""
    assert heard({"id": "subscribe btc_usdt", "code": 0, "msg": "success", "sessionId": "5e15"}) == (
        Ack(("btc_usdt",)),
    )
    assert heard({"id": "unsubscribe btc_usdt", "code": 0, "msg": "SUCCESS", "method": "unsubscribe"}) == ()
    assert heard({"id": "subscribe xx_usdt", "code": 1, "msg": "no such"}) == (Rejected("xx_usdt", "no such"),)
    assert Xt().read("pong") == ()


def test_trades_and_levels_are_asked_for_in_one_message() -> None:
    """Each symbol by itself, so that one that is unknown costs no other."""
    symbols = [Xt().symbol(Pair.parse(text)) for text in ("BTC/USDT", "LEO/USDT")]
    assert list(Xt().subscribe(symbols)) == [
        {"method": "subscribe", "params": ["trade@btc_usdt", "depth@btc_usdt,5"], "id": "subscribe btc_usdt"},
        {"method": "subscribe", "params": ["trade@leo_usdt", "depth@leo_usdt,5"], "id": "subscribe leo_usdt"},
    ]
    assert next(iter(Xt().unsubscribe(["btc_usdt"])))["method"] == "unsubscribe"


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC/USDT."""
    return tuple(XtTrades().read(json.dumps({"symbol": "btc_usdt", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """Their symbol is that which was asked for."""
    row = {key: value for key, value in ROW.items() if key != "s"} | {"v": "9030"}
    newer = row | {"i": 6316559590087222001, "t": AT + 1}
    found = polled({"rc": 0, "mc": "SUCCESS", "ma": [], "result": [newer, row]})
    assert [trade.trade_id for trade in found] == ["6316559590087222000", "6316559590087222001"]
    assert found[:1] == told("trade", ROW)
    (request,) = XtTrades().request(["btc_usdt"])
    assert str(request.url) == "https://sapi.xt.com/v4/public/trade/recent?symbol=btc_usdt&limit=200"


def test_an_error_that_comes_with_success_is_told() -> None:
    """HTTP 200 with a code is no answer."""
    answer = {"rc": 1, "mc": "SYMBOL_001", "ma": [], "result": None}
    assert polled(answer) == (Rejected("btc_usdt", "SYMBOL_001"),)


@pytest.mark.parametrize("answer", [None, [], {}, {"rc": 0}, {"rc": 0, "result": {}}, {"rc": 0, "result": None}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """A gateway's words are no trades, either."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_is_not_online_is_halted() -> None:
    """Assets are in upper case here."""
    rows = [
        {"symbol": f"{base}_usdt", "baseCurrency": base, "quoteCurrency": "usdt", "state": state}
        for base, state in (("btc", "ONLINE"), ("old", "OFFLINE"), ("new", "DELISTED"))
    ]
    answer = {"rc": 0, "mc": "SUCCESS", "ma": [], "result": {"time": AT, "version": "abb1", "symbols": rows}}
    assert list(Xt().listed(json.dumps(answer).encode())) == [
        Listing("btc_usdt", Pair("BTC", "USDT")),
        Listing("old_usdt", Pair("OLD", "USDT"), "halted"),
        Listing("new_usdt", Pair("NEW", "USDT"), "halted"),
    ]
