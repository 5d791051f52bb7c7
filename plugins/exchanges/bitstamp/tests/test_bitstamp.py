"""What is Bitstamp's own: a channel in each message, microseconds, books whose first level is the top."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Reconnect, Rejected, Trade
from chrono_bitstamp import Bitstamp, BitstampTrades

US = 1_795_342_500_123_456
TRADE = {
    "id": 106833903,
    "amount": 0.14406384,
    "amount_str": "0.14406384",
    "price": 8302.92,
    "price_str": "8302.92",
    "type": 0,
    "timestamp": str(US // 10**6),
    "microtimestamp": str(US),
    "buy_order_id": 1207733769326592,
    "sell_order_id": 1207733765476352,
}
BOOK = {
    "timestamp": str(US // 10**6),
    "microtimestamp": str(US),
    "bids": [["8732.02", "0.00002478"], ["8729.62", "0.016"]],
    "asks": [["8735.67", "2.00000000"], ["8735.68", "1.53294500"]],
}


def read(event: str, channel: str = "", about: Any = "") -> tuple[Any, ...]:
    """Read one message."""
    return tuple(Bitstamp().read(json.dumps({"event": event, "channel": channel, "data": about})))


@pytest.mark.parametrize(("type", "side"), [(0, "buy"), (1, "sell")])
def test_a_trade_is_read_to_the_digit(type: int, side: Any) -> None:
    """Its type is what the taker did, its time has microseconds."""
    found = read("trade", "live_trades_btcusd", TRADE | {"type": type})
    assert found == (Trade("btcusd", 8302.92, 0.14406384, side, "106833903", US * 1000),)


def test_the_first_levels_are_the_top() -> None:
    """A book with an empty side has none."""
    found = read("data", "order_book_btcusd", BOOK)
    assert found == (Quote("btcusd", 8732.02, 8735.67, 0.00002478, 2.0, US * 1000),)
    assert read("data", "order_book_btcusd", BOOK | {"bids": []}) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"type": 2},
        {"type": None},
        {"price_str": "0"},
        {"price_str": "nan"},
        {"amount_str": "-1"},
        {"id": None},
        {"id": -1},
        {"microtimestamp": str(US // 1000)},
        {"microtimestamp": str(US * 1000)},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, Any]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("trade", "live_trades_btcusd", TRADE | change)


@pytest.mark.parametrize("missing", ["id", "amount_str", "price_str", "type", "microtimestamp"])
def test_a_trade_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        read("trade", "live_trades_btcusd", {key: value for key, value in TRADE.items() if key != missing})


@pytest.mark.parametrize(
    "message",
    [
        {"event": "trade", "channel": "live_trades_ethusd", "data": json.dumps(TRADE)},
        {"event": "data", "channel": "order_book_ethusd", "data": json.dumps(BOOK)},
        {"event": "trade", "channel": "live_trades", "data": json.dumps(TRADE)},
        {"event": "data", "channel": "order_book", "data": json.dumps(BOOK)},
        {"event": "data", "channel": "diff_order_book_ethusd", "data": json.dumps(BOOK)},
        {"event": "pusher_internal:subscription_succeeded", "channel": "live_trades", "data": "{}"},
        {"event": "pusher:connection_established", "data": '{"socket_id": "1.2", "activity_timeout": 120}'},
        {"event": "trade", "data": TRADE},
        {"channel": "live_trades_btcusd", "data": TRADE},
        {"event": "", "channel": "", "data": ""},
        [],
    ],
)
def test_damage_and_the_superseded_api_are_refused(message: Any) -> None:
    """The first seven are those of the API on Pusher, some of whose channels had no pair in their names."""
    with pytest.raises(FrameError):
        Bitstamp().read(json.dumps(message))


@pytest.mark.parametrize(
    ("event", "channel", "about"),
    [
        ("data", "diff_order_book_btcusd", BOOK),
        ("data", "detail_order_book_btcusd", BOOK),
        ("order_created", "live_orders_btcusd", {"id": 1}),
        ("trade", "private-my_trades_btcusd-7", TRADE),
        ("funding_rate_saved", "funding_rate_btcusd-perp", {}),
        ("bts:subscription_succeeded", "order_book_btcusd", {}),
        ("bts:unsubscription_succeeded", "live_trades_btcusd", {}),
        ("bts:heartbeat", "", {"status": "success"}),
        ("of another year", "", None),
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(event: str, channel: str, about: Any) -> None:
    """Other channels, answers and heartbeats are passed over."""
    assert read(event, channel, about) == ()


def test_answers_are_signals() -> None:
    """A channel is accepted or refused; the venue asks for another connection before it closes this one."""
    assert read("bts:subscription_succeeded", "live_trades_btcusd", {}) == (Ack(("btcusd",)),)
    reason = "Bad subscription string."
    found = read("bts:error", "live_trades_xxusd", {"code": None, "message": reason})
    assert found == (Rejected("xxusd", reason),)
    (signal,) = read("bts:request_reconnect")
    assert isinstance(signal, Reconnect)


def test_each_channel_has_a_message_of_its_own() -> None:
    """To begin and to end differs in a word."""
    (first, second), (third, _) = Bitstamp().subscribe(["btcusd"]), Bitstamp().unsubscribe(["btcusd"])
    assert first == {"event": "bts:subscribe", "data": {"channel": "live_trades_btcusd"}}
    assert second == {"event": "bts:subscribe", "data": {"channel": "order_book_btcusd"}}
    assert third == {"event": "bts:unsubscribe", "data": {"channel": "live_trades_btcusd"}}


def test_spot_markets_are_listed() -> None:
    """Perpetual ones are not, and what does not trade is halted; an asset has the name that most give it."""
    rows = [
        {"name": "BTC/USD", "market_symbol": "btcusd", "trading": "Enabled", "market_type": "SPOT"},
        {"name": "UST/USD", "url_symbol": "ustusd", "trading": "Disabled"},
        {"name": "BTC/USD-PERP", "market_symbol": "btcusd-perp", "trading": "Enabled", "market_type": "PERPETUAL"},
    ]
    assert Bitstamp().listed(json.dumps(rows).encode()) == [
        Listing("btcusd", Pair("BTC", "USD")),
        Listing("ustusd", Pair("USTC", "USD"), "halted"),
    ]
    assert Bitstamp().symbol(Pair("USTC", "USD")) == "ustusd"


def test_polled_trades_come_oldest_first() -> None:
    """Times are whole seconds there; what failed says why."""
    row = {"date": "1795342500", "tid": "209895701", "amount": "0.00500000", "type": "1", "price": "4451.25"}
    rows = [row | {"tid": "209895702", "date": "1795342501"}, row]
    first, second = BitstampTrades().read(json.dumps({"symbol": "btcusd", "answer": rows}))
    assert first == Trade("btcusd", 4451.25, 0.005, "sell", "209895701", 1795342500 * 10**9)
    assert isinstance(second, Trade)
    assert second.trade_id == "209895702"
    failed = {"status": "error", "reason": "Too many", "code": "400.002"}
    assert BitstampTrades().read(json.dumps({"symbol": "btcusd", "answer": failed})) == (RateLimit(5.0, "Too many"),)
    failed["code"] = "404.002"
    assert BitstampTrades().read(json.dumps({"symbol": "xx", "answer": failed})) == (Rejected("xx", "Too many"),)
