"""What Gemini's stream says, read as its documentation has it."""

from typing import Literal

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Reconnect, Rejected, Trade
from chrono_gemini import Gemini

TRADE = '{"E":1783981140085684201,"s":"btcusd","t":2840141014190422,"p":"62145.38","q":"0.01625222","m":%s}'


@pytest.fixture
def gemini() -> Gemini:
    """Return the venue."""
    return Gemini()


@pytest.mark.parametrize(("maker", "side"), [("true", "sell"), ("false", "buy")])
def test_the_taker_is_who_was_not_the_maker(gemini: Gemini, maker: str, side: Literal["buy", "sell"]) -> None:
    """The time is told to the nanosecond, although no double could hold it."""
    assert gemini.read(TRADE % maker) == (
        Trade("btcusd", 62145.38, 0.01625222, side, "2840141014190422", 1783981140085684201),
    )


def test_a_top_needs_both_sides(gemini: Gemini) -> None:
    """A book of one side has no top."""
    top = '{"u":7,"E":1783981140076872200,"s":"wifusd","b":"%s","B":"958.69148000","a":"1.0615","A":"38.39"}'
    assert gemini.read(top % "1.06149") == (Quote("wifusd", 1.06149, 1.0615, 958.69148, 38.39, 1783981140076872200),)
    assert gemini.read(top % "") == ()


@pytest.mark.parametrize("time", [1783981140085, 1783981140085684, 1783981140])
def test_times_in_other_units_are_damage(gemini: Gemini, time: int) -> None:
    """Nanoseconds alone are documented."""
    with pytest.raises(FrameError):
        gemini.read((TRADE % "true").replace("1783981140085684201", str(time)))


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"trade","symbol":"BTCUSD","event_id":1,"timestamp":1569888020080,"price":"1","quantity":"1","side":"buy"}',
        '{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","0.688","51.55"]]}',
        '{"type":"heartbeat","timestamp":1569888020080}',
        '{"type":"update","eventId":5,"socket_sequence":1,"events":[]}',
        '{"type":"subscription_ack"}',
        "{}",
    ],
)
def test_superseded_market_data_is_refused(gemini: Gemini, frame: str) -> None:
    """What v1 and v2 say is no message of this API."""
    with pytest.raises(FrameError):
        gemini.read(frame)


def test_answers_name_their_symbol(gemini: Gemini) -> None:
    """A request's id comes back; those of others are no news."""
    assert gemini.read('{"id":"subscribe btcusd","status":200}') == (Ack(("btcusd",)),)
    assert gemini.read('{"id":"unsubscribe btcusd","status":200}') == ()
    assert gemini.read('{"id":"ping","status":200,"result":{}}') == ()
    assert gemini.read('{"id":1,"status":200}') == ()
    wrong = '{"id":"subscribe xxusd","status":%s,"error":{"code":-1,"msg":"why"}}'
    assert gemini.read(wrong % "400") == (Rejected("xxusd", "why"),)
    assert gemini.read(wrong % "429") == (RateLimit(10.0, "why"),)
    assert gemini.read(wrong % "500") == (Reconnect("why"),)


def test_other_streams_give_nothing(gemini: Gemini) -> None:
    """Events that are not asked for, whatever they carry."""
    assert gemini.read('{"e":"markPrice","E":1783981140085684201,"s":"btcgusdperp","p":"62145.38","i":"62140"}') == ()
    assert gemini.read('{"e":"new","t":1,"A":"2","p":{}}') == ()
    assert gemini.read('{"lastUpdateId":1764553979098119,"bids":[["1","2"]],"asks":[]}') == ()


def test_each_symbol_is_asked_for_by_itself(gemini: Gemini) -> None:
    """One that is wrong voids the whole request."""
    assert list(gemini.subscribe(["btcusd", "ethusd"])) == [
        {"id": "subscribe btcusd", "method": "subscribe", "params": ["btcusd@trade", "btcusd@bookTicker"]},
        {"id": "subscribe ethusd", "method": "subscribe", "params": ["ethusd@trade", "ethusd@bookTicker"]},
    ]


def test_symbols_are_what_the_list_says(gemini: Gemini) -> None:
    """`XRPRLUSD` is not cut behind its last three letters, and a perpetual is no spot market."""
    row = '{"symbol":"%s","base_currency":"%s","quote_currency":"%s","status":"%s","product_type":"%s"}'
    rows = [("XRPRLUSD", "XRP", "RLUSD", "open", "spot"), ("BTCGUSD", "BTC", "GUSD", "closed", "spot")]
    rows += [("BTCGUSDPERP", "BTC", "GUSD", "open", "swap")]
    answer = "[" + ",".join(row % each for each in rows) + "]"
    assert list(gemini.listed(answer.encode())) == [
        Listing("xrprlusd", Pair("XRP", "RLUSD"), "trading"),
        Listing("btcgusd", Pair("BTC", "GUSD"), "halted"),
    ]
