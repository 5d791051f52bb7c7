"""What Upbit's stream says, read as its documentation has it."""

import pytest

from chrono import FrameError, Listing, Pair, Quote, Rejected, Trade
from chrono_upbit import Upbit, UpbitTrades

TRADE = (
    '{"type":"trade","code":"KRW-BTC","timestamp":1696585056910,"trade_timestamp":%s,"trade_price":37625.5,'
    '"trade_volume":8.428e-05,"ask_bid":"ASK","sequential_id":1696585056846000,"stream_type":"%s"}'
)
SHORT = (
    '{"ty":"trade","cd":"KRW-BTC","tms":1696585056910,"ttms":1696585056846,"tp":37625.5,"tv":8.428e-05,"ab":"ASK",'
    '"sid":1696585056846000,"st":"%s"}'
)
BOOK = (
    '{"type":"orderbook","code":"KRW-DOT","timestamp":1614729599677,"orderbook_units":'
    '[{"ask_price":%s,"bid_price":41730.0,"ask_size":103.6,"bid_size":47.5},'
    '{"ask_price":41850,"bid_price":41720.0,"ask_size":1.0,"bid_size":2.0}],"stream_type":"REALTIME"}'
)
READ = Trade("KRW-BTC", 37625.5, 8.428e-05, "sell", "1696585056846000", 1696585056846 * 10**6)


@pytest.fixture
def upbit() -> Upbit:
    """Return the venue."""
    return Upbit()


def test_long_names_short_names_and_lists_say_the_same(upbit: Upbit) -> None:
    """The formats DEFAULT, SIMPLE, JSON_LIST and SIMPLE_LIST, as text or as binary."""
    long, short = TRADE % (1696585056846, "REALTIME"), SHORT % "REALTIME"
    assert upbit.read(long) == upbit.read(short) == upbit.read(short.encode()) == (READ,)
    assert upbit.read(f"[{long}]") == upbit.read(f" [{short}]") == (READ,)
    assert upbit.read(f"[{long},{short}]") == (READ, READ)


def test_trades_of_the_past_are_none(upbit: Upbit) -> None:
    """They are marked."""
    assert upbit.read(TRADE % (1696585056846, "SNAPSHOT")) == upbit.read(SHORT % "SNAPSHOT") == ()


@pytest.mark.parametrize("time", [1696585056846000, 1696585056, 1696585056846000000])
def test_times_in_other_units_are_damage(upbit: Upbit, time: int) -> None:
    """The venue once sent microseconds where milliseconds are documented."""
    with pytest.raises(FrameError):
        upbit.read(TRADE % (time, "REALTIME"))
    with pytest.raises(FrameError):
        upbit.read((BOOK % 41840).replace("1614729599677", str(time)))


def test_the_top_is_that_of_the_first_unit_alone(upbit: Upbit) -> None:
    """A side that is empty there is empty."""
    assert upbit.read(BOOK % 41840) == (Quote("KRW-DOT", 41730.0, 41840.0, 47.5, 103.6, 1614729599677 * 10**6),)
    assert upbit.read(BOOK % 0) == ()


@pytest.mark.parametrize("field", ["code", "timestamp", "orderbook_units", "type"])
def test_a_book_without_a_field_is_damage(upbit: Upbit, field: str) -> None:
    """Each is needed."""
    with pytest.raises(FrameError):
        upbit.read((BOOK % 41840).replace(f'"{field}"', '"other"'))


def test_what_is_no_market_data_is_told(upbit: Upbit) -> None:
    """An error, the answer to a ping, a list of subscriptions; other types are of no interest."""
    assert upbit.read('{"error":{"name":"NO_CODES","message":"why"}}') == (Rejected("", "NO_CODES: why"),)
    assert upbit.read('{"status":"UP"}') == ()
    assert upbit.read('{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"chrono"}') == ()
    assert upbit.read('{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"trade"}],"tckt":"chrono"}') == ()
    assert upbit.read('{"type":"ticker","code":"KRW-BTC","timestamp":1696585056910}') == ()


def test_the_list_of_subscriptions_comes_in_either_form(upbit: Upbit) -> None:
    """It has no type, and its method has a short name, too."""
    assert not upbit.read('{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"trade","codes":["KRW-BTC"]}]}')
    assert not upbit.read('{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"type":"trade","codes":["KRW-BTC"]}]}')


def test_a_request_names_all_that_was_asked_for(upbit: Upbit) -> None:
    """It replaces the one before it."""
    (first,) = upbit.subscribe(["KRW-BTC"])
    (second,) = upbit.subscribe(["KRW-ETH"])
    assert first[1] == {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True}
    assert second[1]["codes"] == ["KRW-BTC", "KRW-ETH"]
    assert second[2] == {"type": "orderbook", "codes": ["KRW-BTC.1", "KRW-ETH.1"]}
    assert next(iter(Upbit().subscribe(["KRW-XRP"])))[1]["codes"] == ["KRW-XRP"]


def test_codes_have_the_quote_first(upbit: Upbit) -> None:
    """Both ways."""
    assert upbit.symbol(Pair("BTC", "USDT")) == "USDT-BTC"
    assert list(upbit.listed(b'[{"market":"BTC-ETH"}]')) == [Listing("BTC-ETH", Pair("ETH", "BTC"))]


def test_polled_trades_are_the_streams() -> None:
    """The same number, price and time; the oldest first."""
    row = (
        '{"market":"KRW-BTC","timestamp":1696585056846,"trade_price":37625.5,"trade_volume":0.00008428,'
        '"ask_bid":"ASK","sequential_id":1696585056846000}'
    )
    later = row.replace("1696585056846", "1696585056847")
    first, second = UpbitTrades().read(f'{{"symbol":"KRW-BTC","answer":[{later},{row}]}}')
    assert first == READ
    assert isinstance(second, Trade)
    assert second.trade_id == "1696585056847000"
