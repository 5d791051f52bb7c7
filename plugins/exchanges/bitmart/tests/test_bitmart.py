"""What BitMart's stream says, read as its documentation has it."""

import zlib

import pytest

from chrono import Ack, FrameError, Quote, RateLimit, Rejected, Trade
from chrono_bitmart import Bitmart, BitmartTops

TRADE = (
    '{"table":"spot/trade","data":[{"symbol":"ETH_USDT","price":"162.12","side":"%s","size":"11.085",'
    '"s_t":1542337219,"ms_t":%s}]}'
)
TICKER = (
    '{"data":[{"ask_px":"%s","ask_sz":"1.021","bid_px":"35000","bid_sz":"11","last_price":"35000.00",'
    '"ms_t":1709024652967,"s_t":1709024652,"symbol":"BTC_USDT"}],"table":"%s"}'
)
READ = Trade("ETH_USDT", 162.12, 11.085, "buy", "", 1542337219120 * 10**6)
TOP = Quote("BTC_USDT", 35000.0, 36000.0, 11.0, 1.021, 1709024652967 * 10**6)


@pytest.fixture
def bitmart() -> Bitmart:
    """Return the venue."""
    return Bitmart()


def packed(text: str) -> bytes:
    """Return raw deflate of a text."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(text.encode()) + deflate.flush()


def test_text_and_deflate_say_the_same(bitmart: Bitmart) -> None:
    """Market data comes as either."""
    text = TRADE % ("buy", 1542337219120)
    assert bitmart.read(text) == bitmart.read(packed(text)) == (READ,)
    with pytest.raises(FrameError):
        bitmart.read(packed(text)[:-9])


@pytest.mark.parametrize("time", [1542337219, 1542337219120000])
def test_times_in_other_units_are_damage(bitmart: Bitmart, time: int) -> None:
    """Milliseconds alone are documented."""
    with pytest.raises(FrameError):
        bitmart.read(TRADE % ("buy", time))


def test_tickers_have_the_top(bitmart: Bitmart) -> None:
    """Of a table that is named with its symbol or without; of a side that is empty there is none."""
    assert bitmart.read(TICKER % ("36000", "spot/ticker")) == (TOP,)
    assert bitmart.read(TICKER % ("36000", "spot/ticker:BTC_USDT")) == (TOP,)
    assert bitmart.read(TICKER % ("", "spot/ticker")) == ()


@pytest.mark.parametrize(
    "frame",
    [
        '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":1,"deal_price":"1","deal_vol":"1"}]}',
        '{"subscribe":"trade","symbol":"BMX_ETH","data":{"trades":[]}}',
        '{"data":[]}',
        '{"table":"spot/trade"}',
        "[]",
    ],
)
def test_what_is_not_of_this_api_is_refused(bitmart: Bitmart, frame: str) -> None:
    """Futures, what came before, and what lacks its rows."""
    with pytest.raises(FrameError):
        bitmart.read(frame)


def test_answers_are_signals(bitmart: Bitmart) -> None:
    """Each topic is acknowledged; a refusal names one or none."""
    assert bitmart.read('{"event":"subscribe","topic":"spot/trade:BTC_USDT"}') == (Ack(("BTC_USDT",)),)
    assert bitmart.read('{"event":"unsubscribe","topic":"spot/trade:BTC_USDT"}') == ()
    refused = '{"event":"subscribe","errorCode":"%s","errorMessage":"why"}'
    assert bitmart.read(refused % "90004") == (Rejected("", "why"),)
    named = '{"event":"spot/ticker:XX_USDT","errorCode":"90004","errorMessage":"why"}'
    assert bitmart.read(named) == (Rejected("XX_USDT", "why"),)
    assert bitmart.read(refused % "90007") == (RateLimit(10.0, "why"),)
    assert bitmart.read("pong") == ()


def test_other_tables_give_nothing(bitmart: Bitmart) -> None:
    """Candles and books are not read."""
    assert bitmart.read('{"table":"spot/kline1m","data":[{"candle":[1],"symbol":"BTC_USDT"}]}') == ()


def test_twenty_topics_stand_in_a_message(bitmart: Bitmart) -> None:
    """The venue takes no more, and 115 on a connection."""
    messages = list(bitmart.subscribe([f"C{number}_USDT" for number in range(bitmart.symbols_per_connection)]))
    assert max(len(message["args"]) for message in messages) == 20
    assert sum(len(message["args"]) for message in messages) == 100
    assert messages[0]["args"][:2] == ["spot/trade:C0_USDT", "spot/ticker:C0_USDT"]
    assert next(iter(bitmart.unsubscribe(["A_B"]))) == {
        "op": "unsubscribe",
        "args": ["spot/trade:A_B", "spot/ticker:A_B"],
    }


def test_failures_over_http_are_codes() -> None:
    """Of status 200."""
    answer = '{"symbol":"BTC_USDT","answer":{"code":%s,"message":"why","data":{}}}'
    assert BitmartTops().read(answer % 50005) == (Rejected("BTC_USDT", "why"),)
    assert BitmartTops().read(answer % 30013) == (RateLimit(5.0, "why"),)
