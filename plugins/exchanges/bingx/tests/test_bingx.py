"""What BingX's stream says, read as its documentation has it."""

import gzip

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Reply, Trade
from chrono_bingx import Bingx, BingxTrades

TRADE = (
    '{"code":0,"dataType":"BTC-USDT@trade","data":{"e":"trade","E":"1649832413551","s":"BTC-USDT","t":"33685717",'
    '"p":"40125.48","q":"0.007146","T":"%s","m":%s}}'
)
TOP = (
    '{"code":0,"data":{"A":"24.887920","B":"2.580800","E":1714648924917,"a":"%s","b":"2996.46","e":"bookTicker",'
    '"s":"ETH-USDT"},"dataType":"ETH-USDT@bookTicker","success":true}'
)
SOLD = Trade("BTC-USDT", 40125.48, 0.007146, "sell", "33685717", 1649832413512 * 10**6)


@pytest.fixture
def bingx() -> Bingx:
    """Return the venue."""
    return Bingx()


def test_gzip_and_text_say_the_same(bingx: Bingx) -> None:
    """What was unpacked on the way is read as well; what was cut is damage."""
    text = TRADE % ("1649832413512", "true")
    assert bingx.read(gzip.compress(text.encode())) == bingx.read(text) == (SOLD,)
    with pytest.raises(FrameError):
        bingx.read(gzip.compress(text.encode())[:-9])


def test_the_ticker_of_a_day_has_its_prices_in_capitals(bingx: Bingx) -> None:
    """The sizes are in small letters, the other way round than at each change of the top."""
    told = (
        '{"code":0,"dataType":"BTC-USDT@ticker","data":{"e":"24hTicker","E":1706506795472,"s":"BTC-USDT","c":42176.83,'
        '"A":42177.23,"a":5.14484,"B":42176.38,"b":5.36117}}'
    )
    assert bingx.read(told) == (Quote("BTC-USDT", 42176.38, 42177.23, 5.36117, 5.14484, 1706506795472 * 10**6),)
    with pytest.raises(FrameError):
        bingx.read(told.replace('"A":42177.23,', ""))


def test_the_taker_bought_where_the_buyer_was_not_the_maker(bingx: Bingx) -> None:
    """Of one trade, or of several."""
    (bought,) = bingx.read(TRADE % ("1649832413512", "false"))
    assert isinstance(bought, Trade)
    assert bought.side == "buy"
    several = TRADE.replace('"data":{', '"data":[{').replace("}}", "}]}")
    assert bingx.read(several % ("1649832413512", "true")) == (SOLD,)


@pytest.mark.parametrize("time", ["1649832413", "1649832413512000"])
def test_times_in_other_units_are_damage(bingx: Bingx, time: str) -> None:
    """Milliseconds alone are documented."""
    with pytest.raises(FrameError):
        bingx.read(TRADE % (time, "true"))


def test_a_top_needs_both_sides(bingx: Bingx) -> None:
    """A book of one side has no top."""
    assert bingx.read(TOP % "2996.49") == (
        Quote("ETH-USDT", 2996.46, 2996.49, 2.5808, 24.88792, 1714648924917 * 10**6),
    )
    assert bingx.read(TOP % "") == ()


@pytest.mark.parametrize("packed", [True, False])
def test_pings_are_answered(bingx: Bingx, packed: bool) -> None:
    """With the same id and time, or in one word."""

    def read(text: str) -> object:
        return bingx.read(gzip.compress(text.encode()) if packed else text)

    ping = '{"ping":"2177c68e","time":"2022-06-07T16:27:36.323+0800"}'
    assert read(ping) == (Reply({"pong": "2177c68e", "time": "2022-06-07T16:27:36.323+0800"}),)
    assert read("Ping") == (Reply("Pong"),)


def test_answers_name_their_symbol(bingx: Bingx) -> None:
    """A request's id comes back."""
    answer = '{"id":"%s","code":%s,"msg":"why","dataType":"","data":null,"timestamp":1649832413512}'
    assert bingx.read(answer % ("sub BTC-USDT", 0)) == (Ack(("BTC-USDT",)),)
    assert bingx.read(answer % ("unsub BTC-USDT", 0)) == ()
    assert bingx.read(answer % ("sub XX-USDT", 100400)) == (Rejected("XX-USDT", "why"),)
    assert bingx.read(answer % ("sub BTC-USDT", 100410)) == (RateLimit(10.0, "why"),)


def test_other_topics_give_nothing_and_nothing_is_damage(bingx: Bingx) -> None:
    """Candles are not read; a message about nothing is refused, and so is a row that is none."""
    assert bingx.read('{"code":0,"dataType":"BTC-USDT@kline_1min","data":{"e":"kline"}}') == ()
    for frame in (
        "{}",
        "[]",
        '{"code":0}',
        '{"dataType":"BTC-USDT@trade"}',
        '{"dataType":"BTC-USDT@trade","data":null}',
    ):
        with pytest.raises(FrameError):
            bingx.read(frame)


def test_each_topic_is_asked_for_by_itself(bingx: Bingx) -> None:
    """And ended likewise."""
    assert list(bingx.subscribe(["BTC-USDT"])) == [
        {"id": "sub BTC-USDT", "reqType": "sub", "dataType": "BTC-USDT@trade"},
        {"id": "sub BTC-USDT", "reqType": "sub", "dataType": "BTC-USDT@bookTicker"},
    ]
    assert next(iter(bingx.unsubscribe(["BTC-USDT"])))["reqType"] == "unsub"


def test_what_is_listed_is_its_symbol(bingx: Bingx) -> None:
    """Only what is online trades."""
    rows = ",".join(f'{{"symbol":"{base}-USDT","status":{status}}}' for base, status in (("BTC", 1), ("NEW", 5)))
    assert list(bingx.listed(f'{{"code":0,"data":{{"symbols":[{rows}]}}}}'.encode())) == [
        Listing("BTC-USDT", Pair("BTC", "USDT"), "trading"),
        Listing("NEW-USDT", Pair("NEW", "USDT"), "halted"),
    ]


def test_polled_trades_come_the_oldest_first() -> None:
    """And failures are codes of status 200."""
    row = '{"id":%s,"price":42195.21,"qty":0.00195,"time":1702720325553,"buyerMaker":true}'
    answer = '{"symbol":"BTC-USDT","answer":{"code":0,"data":[%s]}}'
    first, second = BingxTrades().read(answer % ",".join(row % number for number in (10, 9)))
    assert isinstance(first, Trade)
    assert isinstance(second, Trade)
    assert (first.trade_id, second.trade_id, first.side) == ("9", "10", "sell")
    failed = '{"symbol":"XX-USDT","answer":{"code":%s,"msg":"why"}}'
    assert BingxTrades().read(failed % 100400) == (Rejected("XX-USDT", "why"),)
    assert BingxTrades().read(failed % 100410) == (RateLimit(5.0, "why"),)


def test_a_name_that_another_coin_has_there_is_told_apart(bingx: Bingx) -> None:
    """Both ways."""
    assert bingx.symbol(Pair("TRUMP", "USDT")) == "TRUMPSOL-USDT"
    assert bingx.listing("TRUMP-USDT", "TRUMP", "USDT").pair == Pair("TRUMPMAGA", "USDT")
