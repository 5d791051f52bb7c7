"""What is Coinbase's own: the maker's side, trades of the past, years that never were, one book for two quotes."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Pair, Quote, RateLimit, Rejected, Trade
from chrono_coinbase import Coinbase

AT = "2026-11-22T10:15:00.123456Z"
YEAR_ONE = "0001-01-01T00:00:00Z"
MATCH = {
    "type": "match",
    "trade_id": 10,
    "sequence": 50,
    "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
    "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1",
    "time": AT,
    "product_id": "BTC-USD",
    "size": "5.23512",
    "price": "64250.10",
    "side": "sell",
}
TICKER = {
    "type": "ticker",
    "sequence": 51,
    "product_id": "BTC-USD",
    "price": "64250.10",
    "best_bid": "64250.00",
    "best_bid_size": "0.46688654",
    "best_ask": "64250.10",
    "best_ask_size": "1.56637040",
    "side": "buy",
    "time": AT,
    "trade_id": 10,
    "last_size": "5.23512",
}


def read(message: object) -> tuple[object, ...]:
    """Read one message."""
    return tuple(Coinbase().read(json.dumps(message).encode()))


@pytest.mark.parametrize(("maker", "taker"), [("sell", "buy"), ("buy", "sell")])
def test_the_side_is_that_of_the_taker(maker: str, taker: str) -> None:
    """The venue states who rested on the book; who hit them took the other side."""
    (trade,) = read(MATCH | {"side": maker})
    assert trade == Trade("BTC-USD", 64250.1, 5.23512, taker, "10", 1795342500123456000)  # type: ignore[arg-type]


def test_the_trade_that_a_subscription_begins_with_is_past() -> None:
    """What happened before the subscription is not news."""
    assert read(MATCH | {"type": "last_match"}) == ()


def test_a_match_without_a_year_is_refused() -> None:
    """The year 1 is no time of a trade, and none is made up."""
    with pytest.raises(FrameError, match="the time of a trade"):
        read(MATCH | {"time": YEAR_ONE})


@pytest.mark.parametrize(
    "change",
    [
        {"side": ""},
        {"side": "maker"},
        {"price": "0"},
        {"price": "-1"},
        {"price": "nan"},
        {"price": "inf"},
        {"price": "1e15"},
        {"price": ""},
        {"size": "0.-10000"},
        {"size": "-1"},
        {"trade_id": None},
        {"trade_id": -1},
        {"product_id": ""},
        {"time": "1732270500"},
    ],
)
def test_a_damaged_match_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read(MATCH | change)


@pytest.mark.parametrize("missing", ["side", "price", "size", "trade_id", "product_id", "time"])
def test_a_match_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        read({key: value for key, value in MATCH.items() if key != missing})


def test_a_ticker_is_a_quote() -> None:
    """The top of the book with its sizes and its time; older frames had no sizes."""
    assert read(TICKER) == (Quote("BTC-USD", 64250.0, 64250.1, 0.46688654, 1.5663704, 1795342500123456000),)
    older = {key: value for key, value in TICKER.items() if not key.endswith("_size")}
    assert read(older) == (Quote("BTC-USD", 64250.0, 64250.1, 0.0, 0.0, 1795342500123456000),)


@pytest.mark.parametrize("change", [{"best_bid": "0"}, {"best_ask": "0.00"}, {"time": YEAR_ONE}])
def test_a_market_that_has_no_price_gives_no_quote(change: dict[str, object]) -> None:
    """An empty side, or the year of a market that never traded, is neither a price nor damage."""
    assert read(TICKER | change) == ()


@pytest.mark.parametrize("change", [{"best_bid": "nan"}, {"best_ask": "-1"}, {"best_bid_size": "0.-10000"}])
def test_a_damaged_ticker_is_refused(change: dict[str, object]) -> None:
    """A number that is none makes the frame damaged."""
    with pytest.raises(FrameError):
        read(TICKER | change)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "BTC-USD", "time": AT},
        {
            "type": "snapshot",
            "product_id": "YFI-USD",
            "asks": [["40584.89", "0.03"]],
            "bids": [["40531.19", "0.-10000"]],
        },
        {"type": "l2update", "product_id": "YFI-USD", "changes": [["buy", "1", "0"]], "time": YEAR_ONE},
        {"type": "status", "products": [], "currencies": []},
        {"type": "rfq_match", "product_id": "BTC-USD", "price": "400.23", "size": "5", "side": "sell", "time": AT},
        {"type": "of another year", "size": [], "price": {}},
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(message: object) -> None:
    """Heartbeats, books, trades by request, and types that are not known are passed over, as the venue asks."""
    assert read(message) == ()


@pytest.mark.parametrize("message", [{}, {"type": None}, {"type": ""}, {"type": 7}, [], "match", None])
def test_what_has_no_type_is_refused(message: object) -> None:
    """Every message has one."""
    with pytest.raises(FrameError):
        read(message)


def test_an_acknowledgement_names_what_trades_were_subscribed_to() -> None:
    """Of all channels the connection has by now, ours is `matches`; without it nothing is acknowledged."""
    channels: list[dict[str, Any]] = [{"name": "heartbeat", "product_ids": ["XX-USD"], "account_ids": None}]
    assert read({"type": "subscriptions", "channels": channels}) == ()
    channels += [{"name": "matches", "product_ids": ["BTC-USD", "ETH-USD"]}]
    assert read({"type": "subscriptions", "channels": channels}) == (Ack(("BTC-USD", "ETH-USD")),)


@pytest.mark.parametrize(
    ("reason", "symbol"),
    [
        ("XX-USD is not a valid product", "XX-USD"),
        ("1INCH-USD is delisted", "1INCH-USD"),
        ("Type has to be either subscribe or unsubscribe", ""),
    ],
)
def test_a_refusal_names_its_symbol(reason: str, symbol: str) -> None:
    """A product that is not listed costs that market and no other."""
    assert read({"type": "error", "message": "Failed to subscribe", "reason": reason}) == (Rejected(symbol, reason),)


def test_an_error_without_a_reason_says_its_message() -> None:
    """The documented form has no more than that."""
    assert read({"type": "error", "message": "error message"}) == (Rejected("", "error message"),)


@pytest.mark.parametrize("words", ["rate limit exceeded", "Public rate limit exceeded", "Rate limited: BTC-USD"])
def test_too_many_messages_are_a_reason_to_pause(words: str) -> None:
    """The venue counts them by address; they say nothing of a product, so none is told as refused."""
    for message in ({"message": "Failed to subscribe", "reason": words}, {"message": words}):
        (signal,) = read({"type": "error", **message})
        assert isinstance(signal, RateLimit)
        assert (signal.reason, signal.address) == (words, True)
        assert signal.retry_after > 0


def test_each_product_is_subscribed_to_by_itself() -> None:
    """One that is not listed voids the message it stands in; the venue takes a hundred messages a second."""
    venue = Coinbase()
    symbols = [venue.symbol(Pair(f"COIN{n}", "USD")) for n in range(venue.symbols_per_connection)]
    messages = list(venue.subscribe(symbols))
    assert [message["product_ids"] for message in messages] == [[symbol] for symbol in symbols]
    assert {tuple(message["channels"]) for message in messages} == {("matches", "ticker", "heartbeat")}
    assert len(messages) < 100


def test_a_book_under_two_names_is_one_market() -> None:
    """Dollars and USDC share a book: the second name would count every trade twice."""
    assert Coinbase().symbol(Pair("BTC", "USD")) == "BTC-USD"
    assert Coinbase().symbol(Pair("USDT", "USDC")) == "USDT-USDC"
    with pytest.raises(ValueError, match="use BTC/USD"):
        Coinbase().symbol(Pair("BTC", "USDC"))


def test_what_was_subscribed_to_can_be_ended() -> None:
    """Of a silent symbol that is subscribed to again."""
    (message,) = Coinbase().unsubscribe(["BTC-USD"])
    assert message == {
        "type": "unsubscribe",
        "product_ids": ["BTC-USD"],
        "channels": ["matches", "ticker", "heartbeat"],
    }
