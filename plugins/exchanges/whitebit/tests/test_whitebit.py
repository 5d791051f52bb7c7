"""What is WhiteBIT's own: subscriptions that replace each other, times in seconds, tops that are arrays."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Reply, Trade
from chrono_whitebit import WhiteBit, WhiteBitTrades

ROW = {"id": 41358530, "time": 1580905394.70332, "price": "0.020857", "amount": "5.511", "type": "sell", "rpi": True}
TRADE = Trade("ETH_BTC", 0.020857, 5.511, "sell", "41358530", 1580905394703320000)
TOP = [
    1751958383.593387,
    1751958383.593557,
    "SHIB_USDT",
    80670102,
    "0.000011751",
    "12547000",
    "0.000011776",
    "17424000",
]


def read(method: str, *params: object) -> tuple[Any, ...]:
    """Read an update."""
    return tuple(WhiteBit().read(json.dumps({"id": None, "method": method, "params": params})))


def test_trades_come_in_the_order_of_their_numbers() -> None:
    """Times are exact to the last decimal; the newest may stand first."""
    later = ROW | {"id": 41358531, "type": "buy", "time": 1790113269.425562}
    assert read("trades_update", "ETH_BTC", [later, ROW]) == (
        TRADE,
        Trade("ETH_BTC", 0.020857, 5.511, "buy", "41358531", 1790113269425562000),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0"},
        {"price": "nan"},
        {"amount": "-1"},
        {"amount": None},
        {"type": "maker"},
        {"id": None},
        {"id": -1},
        {"id": "x"},
        {"time": 1580905394703},
        {"time": "soon"},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("trades_update", "ETH_BTC", [ROW | change])


@pytest.mark.parametrize("missing", ["id", "time", "price", "amount", "type"])
def test_a_trade_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        read("trades_update", "ETH_BTC", [{key: value for key, value in ROW.items() if key != missing}])


@pytest.mark.parametrize(
    "params", [[], ["ETH_BTC"], ["", [ROW]], [[ROW], "ETH_BTC"], ["ETH_BTC", None], ["ETH_BTC", ROW, 1]]
)
def test_an_update_that_is_another_is_refused(params: list[object]) -> None:
    """A market and its trades, nothing else."""
    with pytest.raises(FrameError):
        read("trades_update", *params)


def test_a_book_ticker_is_a_quote() -> None:
    """Dated by the match that moved it."""
    assert read("bookTicker_update", TOP) == (
        Quote("SHIB_USDT", 0.000011751, 0.000011776, 12547000.0, 17424000.0, 1751958383593387000),
    )


@pytest.mark.parametrize("place", [4, 6])
def test_an_empty_side_is_no_quote(place: int) -> None:
    """Nobody there is neither a price nor damage."""
    assert read("bookTicker_update", [*TOP[:place], "0", *TOP[place + 1 :]]) == ()


@pytest.mark.parametrize(
    "top", [TOP[:7], [], "SHIB_USDT", [*TOP[:2], "", *TOP[3:]], ["now", *TOP[1:]], [*TOP[:4], "x", *TOP[5:]]]
)
def test_a_damaged_book_ticker_is_refused(top: object) -> None:
    """No quote is made of what is none."""
    with pytest.raises(FrameError):
        read("bookTicker_update", top)


@pytest.mark.parametrize(
    "frame",
    [
        {"id": 0, "result": "pong", "error": None},
        {"id": 2, "result": {"status": "success"}, "error": None},
        {"id": 9, "result": 1493285895, "error": None},
        {"id": None, "method": "lastprice_update", "params": ["ETH_BTC", "0.020553"]},
        {"id": None, "method": "depth_update", "params": [True, {"asks": [], "bids": []}, "ETH_BTC"]},
        {"id": None, "method": "of_another_year", "params": {}},
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(frame: object) -> None:
    """Answers to pings, quotes that were granted, and updates of other kinds."""
    assert WhiteBit().read(json.dumps(frame)) == ()


@pytest.mark.parametrize(
    "frame", [{}, {"id": 1}, {"id": 1, "result": None, "error": None}, {"id": 1, "error": {"code": "x"}}, [], None]
)
def test_what_is_neither_update_nor_answer_is_refused(frame: object) -> None:
    """Every message is one of both."""
    with pytest.raises(FrameError):
        WhiteBit().read(json.dumps(frame))


def error(code: int, words: str) -> tuple[Any, ...]:
    """Read an error."""
    return tuple(WhiteBit().read(json.dumps({"id": 1, "result": None, "error": {"code": code, "message": words}})))


def test_answers_are_signals() -> None:
    """The first request is that for trades; an error names its market where it does."""
    assert WhiteBit().read('{"error": null, "result": {"status": "success"}, "id": 1}') == (Ack(),)
    assert error(9, "market NOPE_USDT does not exist") == (Rejected("NOPE_USDT", "market NOPE_USDT does not exist"),)
    assert error(1, "invalid argument") == (Rejected("", "invalid argument"),)
    assert error(7, "too many requests") == (RateLimit(5.0, "too many requests"),)


def named(venue: WhiteBit, *symbols: str) -> list[str]:
    """Return what is asked for with these symbols, the same of trades and of book tickers."""
    trades, tops = venue.subscribe(symbols)
    assert (trades["method"], tops["method"]) == ("trades_subscribe", "bookTicker_subscribe")
    assert (trades["id"], tops["id"]) == (1, 2)
    assert trades["params"] == tops["params"]
    return list(trades["params"])


def test_each_subscription_names_all_markets() -> None:
    """It replaces the one before it, so one market that is asked for again brings the others along."""
    venue = WhiteBit()
    assert named(venue, "BTC_USDT", "ETH_USDT") == ["BTC_USDT", "ETH_USDT"]
    assert named(venue, "ETH_USDT") == ["BTC_USDT", "ETH_USDT"]
    assert list(venue.unsubscribe(["ETH_USDT"])) == []


def test_a_market_that_was_refused_is_left_out() -> None:
    """It cost the others their subscription, so they are asked for at once without it, of each kind by itself."""
    venue = WhiteBit()
    named(venue, "BTC_USDT", "XX_USDT")
    words = "market XX_USDT does not exist"
    for number, method in ((1, "trades_subscribe"), (2, "bookTicker_subscribe")):
        refused = json.dumps({"id": number, "result": None, "error": {"code": 9, "message": words}})
        again = Reply({"id": number, "method": method, "params": ["BTC_USDT"]})
        assert venue.read(refused) == (Rejected("XX_USDT", words), again)
        assert venue.read(refused) == (Rejected("XX_USDT", words),)
    assert named(venue, "BTC_USDT") == ["BTC_USDT"]


def test_a_request_always_names_a_market() -> None:
    """None at all would stand for every market there is."""
    venue = WhiteBit()
    named(venue, "BTC_USDT", "OLD_USDT")
    venue.absent.add("OLD_USDT")
    assert named(venue, "BTC_USDT") == ["BTC_USDT"]
    venue.absent.add("BTC_USDT")
    assert list(venue.subscribe(["BTC_USDT"])) == []


def test_a_region_has_its_address() -> None:
    """The European platform is another."""
    venue = WhiteBit(WhiteBit.Config.model_validate({"region": "eu"}, context=WhiteBit))
    assert venue.address == "wss://api.whitebit.eu/ws"


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC_USDT."""
    return tuple(WhiteBitTrades().read(json.dumps({"symbol": "BTC_USDT", "answer": answer})))


PAST = {
    "tradeID": 158056419,
    "price": "9186.13",
    "quote_volume": "0.0021",
    "base_volume": "9186.13",
    "trade_timestamp": 1594391747,
    "type": "sell",
}


def test_polled_trades_are_in_base_units_oldest_first() -> None:
    """By the venue's own words that is the quote volume; times are whole seconds."""
    assert polled([PAST, PAST | {"tradeID": 158056416, "trade_timestamp": 1594391746}]) == (
        Trade("BTC_USDT", 9186.13, 0.0021, "sell", "158056416", 1594391746 * 10**9),
        Trade("BTC_USDT", 9186.13, 0.0021, "sell", "158056419", 1594391747 * 10**9),
    )
    (request,) = WhiteBitTrades().request(["BTC_USDT"])
    assert str(request.url) == "https://whitebit.com/api/v4/public/trades/BTC_USDT"


@pytest.mark.parametrize("answer", [None, {}, [{}], {"code": 1, "message": "no"}, [PAST | {"trade_timestamp": None}]])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """No trade is made up."""
    with pytest.raises(FrameError):
        polled(answer)


def test_perpetuals_are_no_spot_markets() -> None:
    """They stand in the list under the same assets."""
    rows = [
        {"name": name, "stock": name.partition("_")[0], "money": "USDT", "tradesEnabled": enabled, "type": "spot"}
        for name, enabled in (("BTC_USDT", True), ("BTC_PERP", True), ("OLD_USDT", False))
    ]
    assert list(WhiteBit().listed(json.dumps(rows).encode())) == [
        Listing("BTC_USDT", Pair("BTC", "USDT")),
        Listing("OLD_USDT", Pair("OLD", "USDT"), "halted"),
    ]
