"""What is Bitrue's own: compressed frames, questions to answer, channels that spell the symbol, capitals over REST."""

import gzip
import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Reply, Trade
from chrono_bitrue import Bitrue, BitrueTrades

MS = 1_795_342_500_123
PRINT = {
    "id": 20482764,
    "price": 0.006277,
    "amount": 0.00520991,
    "side": "BUY",
    "vol": 0.83,
    "ts": MS,
    "ds": "2026-11-22 18:15:00",
}
OLDER = PRINT | {"id": 20482763, "price": 0.006278, "side": "SELL", "vol": 0.03}
BOOK = {"buys": [["0.075170", "67.153"], ["0.075169", 17.195]], "asks": [["0.075171", "0.256"]]}


def told(channel: str, tick: Any, **more: Any) -> bytes:
    """Return a message as the venue pushes it, before it is compressed."""
    return json.dumps({"channel": channel, "tick": tick, "ts": MS, **more}).encode()


def trades(*rows: Any, **more: Any) -> bytes:
    """Return a message of trades."""
    return told("market_ltcbtc_trade_ticker", {"data": rows}, **more)


@pytest.mark.parametrize("more", [{}, {"event_rep": "", "status": "ok", "data": None}, {"event_rep": None}])
@pytest.mark.parametrize("packed", [gzip.compress, bytes])
def test_trades_come_oldest_first(packed: Any, more: dict[str, Any]) -> None:
    """The newest stands first in a message; the size is `vol`, not `amount`."""
    assert Bitrue().read(packed(trades(PRINT, OLDER, **more))) == (
        Trade("ltcbtc", 0.006278, 0.03, "sell", "20482763", MS * 10**6),
        Trade("ltcbtc", 0.006277, 0.83, "buy", "20482764", MS * 10**6),
    )


@pytest.mark.parametrize("channel", ["market_ethbtc_simple_depth_step0", "market_ethbtc_depth_step0"])
def test_the_first_levels_are_the_top(channel: str) -> None:
    """With the time of the message; a book with an empty side has none."""
    assert Bitrue().read(told(channel, BOOK)) == (Quote("ethbtc", 0.07517, 0.075171, 67.153, 0.256, MS * 10**6),)
    assert Bitrue().read(told(channel, BOOK | {"asks": []})) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"side": "HOLD"},
        {"price": 0},
        {"price": -1},
        {"vol": -1},
        {"id": None},
        {"id": -1},
        {"ts": MS // 1000},
        {"ts": MS * 1000},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, Any]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        Bitrue().read(trades(PRINT | change))


@pytest.mark.parametrize("missing", ["id", "price", "vol", "side", "ts"])
def test_a_trade_that_lacks_a_field_is_refused(missing: str) -> None:
    """No value is made up for one that is missing."""
    with pytest.raises(FrameError):
        Bitrue().read(trades({key: value for key, value in PRINT.items() if key != missing}))


@pytest.mark.parametrize(
    "frame",
    [
        b"{}",
        b"[]",
        b"null",
        b"ping",
        b'{"channel": "market"}',
        b'{"channel": "market_ltcbtc_trade_ticker"}',
        b'{"channel": "market_ltcbtc_trade_ticker", "tick": null, "ts": 1621426164471}',
        b'{"channel": "market_ltcbtc_simple_depth_step0", "tick": {"buys": [], "asks": []}}',
        b'{"channel": "market_ltcbtc_simple_depth_step0", "tick": {"buys": [["1"]], "asks": []}, "ts": 1621426164471}',
        gzip.compress(b'{"ping": 1}', mtime=0)[:-5],
    ],
)
def test_damage_is_refused(frame: bytes) -> None:
    """What names no channel, and a channel that tells nothing."""
    with pytest.raises(FrameError):
        Bitrue().read(frame)


@pytest.mark.parametrize(
    "frame",
    [
        told("market_ltcbtc_kline_1min", {"close": 1.7}),
        told("market_ltcbtc_ticker", {"close": 1.7}),
        told("market_e_ltcbtc_trade_ticker", {"data": [PRINT]}),
        trades(event_rep="rep", data=[PRINT]),
        b'{"channel": "market_ltcbtc_simple_depth_step0", "event_rep": "subed", "status": "ok", "ts": 1621418172662}',
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(frame: bytes) -> None:
    """Candles, statistics, futures, and trades of the past that were asked for."""
    assert Bitrue().read(frame) == ()


def test_answers_and_questions_are_signals() -> None:
    """A subscription is accepted or not; either way of asking for a sign of life is answered in its own."""
    answer = {"channel": "market_ltcbtc_trade_ticker", "cb_id": "ltcbtc", "event_rep": "subed", "ts": MS}
    assert Bitrue().read(json.dumps(answer | {"status": "ok"})) == (Ack(("ltcbtc",)),)
    assert Bitrue().read(json.dumps(answer | {"status": "error"})) == (Rejected("ltcbtc", "status error"),)
    assert Bitrue().read(gzip.compress(b'{"ping": 1621418174969}')) == (Reply({"pong": 1621418174969}),)
    asked = '{"event": "ping", "ts": "1663815268584"}'
    assert Bitrue().read(asked) == (Reply({"event": "pong", "ts": "1663815268584"}),)


def test_each_channel_has_a_message_of_its_own() -> None:
    """To begin and to end differs in a word."""
    first, second = Bitrue().subscribe(["flrxrp"])
    assert first == {"event": "sub", "params": {"cb_id": "flrxrp", "channel": "market_flrxrp_trade_ticker"}}
    assert second == {"event": "sub", "params": {"cb_id": "flrxrp", "channel": "market_flrxrp_simple_depth_step0"}}
    assert {message["event"] for message in Bitrue().unsubscribe(["flrxrp"])} == {"unsub"}


def test_markets_are_listed_under_the_symbols_of_the_stream() -> None:
    """Which are in small letters; assets are in capitals."""
    rows = [
        {"symbol": "FLRXRP", "status": "TRADING", "baseAsset": "flr", "quoteAsset": "xrp"},
        {"symbol": "SHABTC", "status": "HALT", "baseAsset": "SHA", "quoteAsset": "BTC"},
    ]
    assert Bitrue().listed(json.dumps({"symbols": rows}).encode()) == [
        Listing("flrxrp", Pair("FLR", "XRP")),
        Listing("shabtc", Pair("SHA", "BTC"), "halted"),
    ]
    assert Bitrue().symbol(Pair("FLR", "XRP")) == "flrxrp"


def test_polled_trades_are_asked_for_in_capitals() -> None:
    """They tell whether the buyer was the maker, and come the oldest first."""
    (request,) = BitrueTrades().request(["flrxrp"])
    assert str(request.url) == "https://openapi.bitrue.com/api/v1/trades?symbol=FLRXRP&limit=100"
    row = {"id": 28457, "price": "4.00000100", "qty": "12.00000000", "time": MS, "isBuyerMaker": True}
    rows = [row | {"id": 28458, "time": MS + 1, "isBuyerMaker": False}, row]
    first, second = BitrueTrades().read(json.dumps({"symbol": "flrxrp", "answer": rows}))
    assert first == Trade("flrxrp", 4.000001, 12.0, "sell", "28457", MS * 10**6)
    assert second == Trade("flrxrp", 4.000001, 12.0, "buy", "28458", (MS + 1) * 10**6)
    for code, signal in ((-1121, Rejected("xx", "Invalid symbol.")), (-1003, RateLimit(5.0, "Invalid symbol."))):
        failed = {"symbol": "xx", "answer": {"code": code, "msg": "Invalid symbol."}}
        assert BitrueTrades().read(json.dumps(failed)) == (signal,)
