"""What is CoinEx's own: compressed frames, answers by number, the newest of several trades first."""

import gzip
import json
import zlib
from typing import Any

import pytest

from chrono import Ack, FrameError, Pair, Quote, RateLimit, Rejected, Trade
from chrono_coinex import Coinex, CoinexTrades

MS = 1_795_342_500_123
DEAL = {"deal_id": 3514376759, "created_at": MS, "side": "buy", "price": "30718.42", "amount": "0.00000325"}
OLDER = {"deal_id": 3514376758, "created_at": MS, "side": "sell", "price": "30718.41", "amount": "0.00015729"}
TOP = {
    "market": "BTCUSDT",
    "updated_at": MS,
    "best_bid_price": "20000",
    "best_bid_size": "0.1",
    "best_ask_price": "20001",
    "best_ask_size": "0.15",
}


def told(method: str, about: Any) -> bytes:
    """Return a message as the venue pushes it, before it is compressed."""
    return json.dumps({"method": method, "data": about, "id": None}).encode()


def deals(*rows: Any) -> bytes:
    """Return a message of trades."""
    return told("deals.update", {"market": "BTCUSDT", "deal_list": rows})


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, wbits=-15), bytes])
def test_frames_are_read_however_they_are_compressed(packed: Any) -> None:
    """By gzip or deflate, with a header or without, or not at all."""
    wanted = Quote("BTCUSDT", 20000.0, 20001.0, 0.1, 0.15, MS * 10**6)
    assert Coinex().read(packed(told("bbo.update", TOP))) == (wanted,)


def test_trades_come_oldest_first() -> None:
    """The newest stands first in a message, at the same millisecond, too."""
    assert Coinex().read(deals(DEAL, OLDER)) == (
        Trade("BTCUSDT", 30718.41, 0.00015729, "sell", "3514376758", MS * 10**6),
        Trade("BTCUSDT", 30718.42, 0.00000325, "buy", "3514376759", MS * 10**6),
    )
    assert Coinex().read(deals()) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"side": "none"},
        {"price": "0"},
        {"price": "nan"},
        {"amount": "-1"},
        {"deal_id": None},
        {"deal_id": -1},
        {"created_at": MS // 1000},
        {"created_at": MS * 1000},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, Any]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        Coinex().read(deals(DEAL | change))


@pytest.mark.parametrize("missing", list(DEAL))
def test_a_trade_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        Coinex().read(deals({key: value for key, value in DEAL.items() if key != missing}))


@pytest.mark.parametrize("missing", list(TOP))
def test_a_top_that_lacks_a_field_is_refused(missing: str) -> None:
    """Neither are those of a quote; one of an empty side is none."""
    with pytest.raises(FrameError):
        Coinex().read(told("bbo.update", {key: value for key, value in TOP.items() if key != missing}))
    assert Coinex().read(told("bbo.update", TOP | {"best_bid_price": "", "best_bid_size": "0"})) == ()


@pytest.mark.parametrize(
    "frame",
    [
        '{"method": "deals.update", "params": ["BTCUSDT", [{"id": 1, "time": 1573651728.5, "price": "1"}]]}',
        '{"method": "bbo.update", "params": [{"market": "BTCUSDT"}], "id": null}',
        '{"error": null, "result": {"status": "success"}, "id": 1}',
        '{"error": null, "result": "pong", "id": 1}',
        "{}",
        "[]",
        "null",
        "pong",
    ],
)
def test_damage_and_the_superseded_api_are_refused(frame: str) -> None:
    """The first four are those of API v1."""
    with pytest.raises(FrameError):
        Coinex().read(frame)


@pytest.mark.parametrize("cut", [1, 10, -1])
def test_a_compressed_frame_that_is_cut_is_refused(cut: int) -> None:
    """However much of it is there."""
    with pytest.raises(FrameError):
        Coinex().read(gzip.compress(told("bbo.update", TOP))[:cut])


def test_other_methods_give_nothing() -> None:
    """Books and statistics are no prices of ours."""
    for method in ("state.update", "depth.update", "index.update", "of.another.year"):
        assert Coinex().read(told(method, {"market": "BTCUSDT"})) == ()


def test_answers_are_signals_of_the_market_that_was_asked_for() -> None:
    """They name no more than a number; that of a ping is none."""
    venue = Coinex()
    messages = list(venue.subscribe(["BTCUSDT", "XXUSDT"]))
    assert messages[0] == {"method": "deals.subscribe", "params": {"market_list": ["BTCUSDT"]}, "id": 1}
    assert [message["id"] for message in messages] == [1, 1, 2, 2]
    assert [message["id"] for message in venue.unsubscribe(["XXUSDT"])] == [2, 2]
    assert venue.read('{"id": 1, "code": 0, "message": "OK"}') == (Ack(("BTCUSDT",)),)
    assert venue.read('{"id": 2, "code": 20001, "message": "invalid argument"}') == (
        Rejected("XXUSDT", "invalid argument"),
    )
    assert venue.read('{"id": null, "code": 4213, "message": "slow"}') == (RateLimit(5.0, "slow"),)
    for code in (23001, 23002, 24002):
        assert venue.read(json.dumps({"id": 1, "code": code, "message": "later"})) == (RateLimit(5.0, "later"),)
    assert venue.read('{"id": 0, "code": 0, "data": {"result": "pong"}, "message": "OK"}') == ()


def test_symbols_are_one_word() -> None:
    """As the venue lists them."""
    assert Coinex().symbol(Pair("BTC", "USDT")) == "BTCUSDT"


def test_polled_trades_are_those_of_the_stream() -> None:
    """The same ids; what failed is HTTP 200 with a code."""
    row = DEAL | {"created_at": MS + 1}
    answer = {"code": 0, "data": [row, OLDER], "message": "OK"}
    first, second = CoinexTrades().read(json.dumps({"symbol": "BTCUSDT", "answer": answer}))
    assert first == Trade("BTCUSDT", 30718.41, 0.00015729, "sell", "3514376758", MS * 10**6)
    assert second == Trade("BTCUSDT", 30718.42, 0.00000325, "buy", "3514376759", (MS + 1) * 10**6)
    failed = {"code": 3639, "data": {}, "message": "Invalid Parameter"}
    found = CoinexTrades().read(json.dumps({"symbol": "XX", "answer": failed}))
    assert found == (Rejected("XX", "Invalid Parameter"),)
    busy = {"code": 3008, "data": {}, "message": "service too busy"}
    assert CoinexTrades().read(json.dumps({"symbol": "XX", "answer": busy})) == (RateLimit(5.0, "service too busy"),)
