"""What is Binance's own: units of time, subscriptions in few messages, markets it does not have."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import Ack, FrameError, Pair, Quote, RateLimit, Reconnect, Rejected, Trade
from chrono_binance import Binance

TRADE = {"e": "trade", "E": 1, "s": "BNBBTC", "t": 12345, "p": "0.001", "q": "100", "T": 1672515782136, "m": True}
TOP = {"u": 1, "s": "BNBUSDT", "b": "25.35190000", "B": "31.21000000", "a": "25.36520000", "A": "40.66000000"}


def read(event: object) -> tuple[object, ...]:
    """Read an event as a combined stream carries it."""
    return tuple(Binance().read(json.dumps({"stream": "x@y", "data": event}).encode()))


def trade(**changes: object) -> Trade:
    """Read a trade with some fields changed."""
    (tick,) = read(TRADE | changes)
    assert isinstance(tick, Trade)
    return tick


def test_milliseconds_and_microseconds_are_told_apart() -> None:
    """Thirteen digits are milliseconds and sixteen microseconds, each to the nanosecond it stands for."""
    assert trade(T=1672515782136).ts_event == 1672515782136_000_000
    assert trade(T=1672515782136789).ts_event == 1672515782136789_000


@pytest.mark.parametrize("time", [1672515782, 1672515782136_000_000, 0, -1, 123456785])
def test_no_other_unit_of_time_is_guessed(time: int) -> None:
    """Seconds and nanoseconds are not documented, so they are damage."""
    with pytest.raises(FrameError, match="milliseconds or microseconds"):
        trade(T=time)


@given(st.integers(10**12, 10**13 - 1), st.integers(0, 999))
def test_both_units_agree(milliseconds: int, more: int) -> None:
    """The same moment is the same in either unit, to the last digit that it has."""
    fine = trade(T=milliseconds * 1000 + more).ts_event
    assert fine == (trade(T=milliseconds).ts_event or 0) + more * 1000


def test_the_side_is_that_of_the_taker() -> None:
    """Where the buyer was the maker, the taker sold."""
    assert trade(m=True).side == "sell"
    assert trade(m=False).side == "buy"


@pytest.mark.parametrize(
    "change",
    [
        {"m": "yes"},
        {"m": None},
        {"p": "0"},
        {"p": "-0.001"},
        {"p": "nan"},
        {"p": "inf"},
        {"p": "1e15"},
        {"p": ""},
        {"q": "-1"},
        {"q": "nan"},
        {"t": -1},
        {"s": ""},
        {"T": None},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        trade(**change)


@pytest.mark.parametrize("missing", ["s", "t", "p", "q", "T", "m"])
def test_a_trade_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        read({key: value for key, value in TRADE.items() if key != missing})


def test_an_aggregate_trade_has_its_own_number() -> None:
    """The number of an aggregate is that of the aggregate, not of its first trade."""
    (tick,) = read({**TRADE, "e": "aggTrade", "a": 26129, "f": 100, "l": 105})
    assert isinstance(tick, Trade)
    assert tick.trade_id == "26129"


def test_a_book_ticker_is_a_quote_without_a_time() -> None:
    """The venue states no time, so none is made up."""
    assert read(TOP) == (Quote("BNBUSDT", 25.3519, 25.3652, 31.21, 40.66),)


@pytest.mark.parametrize("side", ["b", "a"])
def test_an_empty_side_of_the_book_is_no_quote(side: str) -> None:
    """Zero stands for nobody there: neither a price nor damage."""
    assert read({**TOP, side: "0.00000000"}) == ()


@pytest.mark.parametrize("change", [{"b": "-1"}, {"a": "nan"}, {"a": "inf"}, {"B": "-1"}, {"A": None}, {"b": []}])
def test_a_damaged_book_ticker_is_refused(change: dict[str, object]) -> None:
    """A price or size that is none makes the frame damaged."""
    with pytest.raises(FrameError):
        read(TOP | change)


@pytest.mark.parametrize(
    "frame",
    ['{"e":"serverShutdown","E":1770123456789}', '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'],
)
def test_a_shutdown_asks_for_a_new_connection(frame: str) -> None:
    """The venue's warning is acted on before it hangs up."""
    assert Binance().read(frame.encode()) == (Reconnect("serverShutdown"),)


def test_statistics_of_all_markets_give_nothing() -> None:
    """They come as an array, inside a combined stream or bare; an array of anything else is damage."""
    rows = [{"e": "24hrTicker", "E": 1672515782136, "s": "BNBBTC", "p": "-0.0015", "b": "0.0024", "B": "10"}]
    for told in (rows, {"stream": "!ticker_1h@arr", "data": rows}):
        assert tuple(Binance().read(json.dumps(told).encode())) == ()
    for damage in ([], [TOP], [None], {"stream": "!ticker_1h@arr", "data": []}, {"data": [TOP]}):
        with pytest.raises(FrameError):
            Binance().read(json.dumps(damage).encode())


def test_answers_are_signals() -> None:
    """An acknowledgement is of the whole request, and so is an error in any of its forms."""
    assert Binance().read(b'{"result":null,"id":1}') == (Ack(),)
    assert Binance().read(b'{"result":[],"id":1}') == (Ack(),)
    assert Binance().read(b'{"result":["btcusdt@trade"],"id":3}') == ()
    for frame in (
        b'{"code":2,"msg":"too many"}',
        b'{"error":{"code":2,"msg":"too many"},"id":1}',
        b'{"error":"too many"}',
    ):
        assert Binance().read(frame) == (Rejected("", "too many"),)


@pytest.mark.parametrize("frame", ['{"code":-1003,"msg":"%s"}', '{"error":{"code":-1003,"msg":"%s"},"id":1}'])
def test_too_many_requests_are_a_reason_to_pause(frame: str) -> None:
    """The venue counts them by address: for a minute, or until the time that it states."""
    venue, words = Binance(), "Too many requests; current limit is 5"
    assert venue.read((frame % words).encode()) == (RateLimit(60.0, words, address=True),)
    words = f"IP banned until {venue.context.clock.now() // 10**6 + 300_000}. Please use the websocket"
    (signal,) = venue.read((frame % words).encode())
    assert isinstance(signal, RateLimit)
    assert signal.retry_after == pytest.approx(300.0, abs=5.0)


def test_a_full_connection_is_subscribed_within_the_limits() -> None:
    """At most 1024 streams a connection, fewer than five messages a second, none above 4 KiB."""
    venue = Binance()
    symbols = [venue.symbol(Pair(f"COIN{n}", "USDT")) for n in range(venue.symbols_per_connection)]
    messages = list(venue.subscribe(symbols))
    streams = [stream for message in messages for stream in message["params"]]
    assert sorted(streams) == sorted(f"{s.lower()}@{name}" for s in symbols for name in ("trade", "bookTicker"))
    assert len(streams) <= 1024
    assert len(messages) < 5
    assert len({message["id"] for message in messages}) == len(messages)
    assert max(len(msgspec.json.encode(message)) for message in messages) < 4096


def test_a_pair_is_one_word() -> None:
    """Which pairs the venue lists is learned at run time."""
    assert Binance().symbol(Pair("BTC", "USDT")) == "BTCUSDT"


def test_a_partial_book_says_nothing_of_interest() -> None:
    """It has no event name of its own, inside a combined stream or bare."""
    book = {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": [["0.0026", "100"]]}
    assert Binance().read(json.dumps(book).encode()) == ()
    assert read(book) == ()


def test_what_was_subscribed_to_can_be_ended() -> None:
    """Of a silent symbol that is subscribed to again."""
    (message,) = Binance().unsubscribe(["BTCUSDT"])
    assert message == {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@bookTicker"], "id": 1}
