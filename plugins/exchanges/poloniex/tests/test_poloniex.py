"""What is Poloniex's own: amounts in two units, levels of both sides, requests a symbol, arrays of the older API."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Trade
from chrono_poloniex import Poloniex, PoloniexTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {
    "symbol": "BTC_USDT",
    "amount": "248.3516391",
    "quantity": "0.01149",
    "takerSide": "sell",
    "createTime": AT,
    "price": "21614.59",
    "id": "60184114",
    "ts": AT + 5,
}
BOOK = {
    "symbol": "BTC_USDT",
    "createTime": AT,
    "asks": [["9983.52", "0.0384"], ["9984", "1"]],
    "bids": [["9982.14", "0.2"]],
    "id": 123456,
    "ts": AT + 7,
}


def read(channel: str, *rows: object, **more: object) -> tuple[Any, ...]:
    """Read rows of a channel."""
    return tuple(Poloniex().read(json.dumps({"channel": channel, "data": rows, **more})))


def test_trades_are_in_base_units() -> None:
    """Of the two amounts, `quantity` is what was traded; several come in their order."""
    bought = ROW | {"takerSide": "buy", "id": 60184115}
    assert read("trades", ROW, bought) == (
        Trade("BTC_USDT", 21614.59, 0.01149, "sell", "60184114", NS),
        Trade("BTC_USDT", 21614.59, 0.01149, "buy", "60184115", NS),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0"},
        {"price": "nan"},
        {"price": None},
        {"quantity": "-1"},
        {"takerSide": "maker"},
        {"symbol": ""},
        {"id": ""},
        {"id": -1},
        {"createTime": AT // 1000},
        {"createTime": AT * 1000},
        {"createTime": None},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("trades", ROW | change)


@pytest.mark.parametrize("missing", ["symbol", "quantity", "takerSide", "createTime", "price", "id"])
def test_a_trade_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        read("trades", {key: value for key, value in ROW.items() if key != missing})


def test_the_best_of_a_book_is_a_quote() -> None:
    """The first level of each side as of the message: of a quiet market it may have been made hours ago."""
    assert read("book", BOOK) == (Quote("BTC_USDT", 9982.14, 9983.52, 0.2, 0.0384, NS + 7_000_000),)
    assert read("book", BOOK | {"createTime": AT - 16_000_000}) == read("book", BOOK)


@pytest.mark.parametrize("change", [{"asks": []}, {"bids": []}])
def test_an_empty_side_is_no_quote(change: dict[str, object]) -> None:
    """Nobody there is neither a price nor damage."""
    assert read("book", BOOK | change) == ()


@pytest.mark.parametrize("change", [{"bids": [["x", "1"]]}, {"asks": None}, {"ts": "soon"}, {"symbol": ""}])
def test_a_damaged_book_is_refused(change: dict[str, object]) -> None:
    """A number that is none makes the frame damaged."""
    with pytest.raises(FrameError):
        read("book", BOOK | change)


@pytest.mark.parametrize(
    "frame",
    [
        {"event": "pong"},
        {"event": "subscribe", "channel": "book", "symbols": ["BTC_USDT"]},
        {"event": "unsubscribe", "channel": "trades", "symbols": ["BTC_USDT"]},
        {"event": "unsubscribe_all", "channel": ["all"]},
        {"channel": "book_lv2", "data": [BOOK], "action": "snapshot"},
        {"channel": "ticker", "data": [{"symbol": "BTC_USDT", "close": "1"}]},
        {"channel": "of another year", "data": {}},
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(frame: object) -> None:
    """Answers that acknowledge no trades, changes of a book, and channels that are not known."""
    assert Poloniex().read(json.dumps(frame)) == ()


@pytest.mark.parametrize(
    "frame",
    [
        [239, 158180518, [["t", "572068", 1, "158.19075628", "0.16519127", 1593561602]], "USDC_BCHSV"],
        [1010],
        [1002, None, [121, "67123.1", "67123.2", "67123.0", "0.01", "1", "2", 0, "3", "4"]],
        {"error": "Permission denied."},
        {},
        None,
    ],
)
def test_what_the_api_does_not_document_is_refused(frame: object) -> None:
    """The superseded API is not taken for this one."""
    with pytest.raises(FrameError):
        Poloniex().read(json.dumps(frame))


def test_answers_are_signals() -> None:
    """Trades that are subscribed to are acknowledged; an error names its symbol where it does."""
    assert Poloniex().read('{"event":"subscribe","channel":"trades","symbols":["DASH_BTC","XEM_BTC"]}') == (
        Ack(("DASH_BTC", "XEM_BTC")),
    )
    assert error("symbol XX_USDT does not exist") == (Rejected("XX_USDT", "symbol XX_USDT does not exist"),)
    assert error('Invalid channel value ["ordersss"]') == (Rejected("", 'Invalid channel value ["ordersss"]'),)
    assert error("Too many requests") == (RateLimit(5.0, "Too many requests"),)


def error(words: str) -> tuple[Any, ...]:
    """Read an error."""
    return tuple(Poloniex().read(json.dumps({"event": "error", "message": words})))


def test_each_symbol_is_asked_for_by_itself() -> None:
    """Two requests each, well within 500 a second on a connection."""
    venue = Poloniex()
    symbols = [venue.symbol(Pair(f"COIN{n}", "USDT")) for n in range(venue.symbols_per_connection)]
    messages: list[Any] = list(venue.subscribe(symbols))
    assert len(messages) <= 400
    assert messages[:2] == [
        {"event": "subscribe", "channel": ["trades"], "symbols": ["COIN0_USDT"]},
        {"event": "subscribe", "channel": ["book"], "symbols": ["COIN0_USDT"], "depth": 5},
    ]
    ended: list[Any] = list(venue.unsubscribe(["BTC_USDT"]))
    assert [(message["event"], message["channel"]) for message in ended] == [
        ("unsubscribe", ["trades"]),
        ("unsubscribe", ["book"]),
    ]


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC_USDT."""
    return tuple(PoloniexTrades().read(json.dumps({"symbol": "BTC_USDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """The same numbers and times, in capitals, the newest first."""
    row = {key: value for key, value in ROW.items() if key != "symbol"} | {"takerSide": "SELL"}
    newer = row | {"takerSide": "BUY", "id": "60184115", "createTime": AT + 1}
    found = polled([newer, row])
    assert found[0] == read("trades", ROW)[0]
    assert (found[1].trade_id, found[1].side) == ("60184115", "buy")
    (request,) = PoloniexTrades().request(["BTC_USDT"])
    assert str(request.url) == "https://api.poloniex.com/markets/BTC_USDT/trades?limit=100"


def test_an_error_that_comes_with_success_is_told() -> None:
    """What fails has a code in place of a list."""
    assert polled({"code": 24104, "message": "Invalid symbol"}) == (Rejected("BTC_USDT", "Invalid symbol"),)
    assert polled({"code": 429, "message": "Too many requests"}) == (RateLimit(5.0, "Too many requests"),)


@pytest.mark.parametrize("answer", [None, {}, [{}], {"data": []}, "maintenance"])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """No trade is made up."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_is_paused_is_halted() -> None:
    """Or takes resting orders alone."""
    rows = [
        {"symbol": f"{base}_USDT", "baseCurrencyName": base, "quoteCurrencyName": "USDT", "state": state}
        for base, state in (("BTC", "NORMAL"), ("OLD", "PAUSE"), ("NEW", "POST_ONLY"))
    ]
    assert list(Poloniex().listed(json.dumps(rows).encode())) == [
        Listing("BTC_USDT", Pair("BTC", "USDT")),
        Listing("OLD_USDT", Pair("OLD", "USDT"), "halted"),
        Listing("NEW_USDT", Pair("NEW", "USDT"), "halted"),
    ]
