"""What is Gate's own: times with decimals, tickers dated by their frames, pairs that are asked for one by one."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Reconnect, Rejected, Trade
from chrono_gate import Gate, GateTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {
    "id": 309143071,
    "create_time": AT // 1000,
    "create_time_ms": f"{AT}.4578",
    "side": "sell",
    "currency_pair": "GT_USDT",
    "amount": "16.4700000000",
    "price": "0.4705000000",
}
TOP = {"t": AT, "u": 48733182, "s": "BTC_USDT", "b": "19177.79", "B": "0.0003341504", "a": "19179.38", "A": "0.09"}
TICKER = {"currency_pair": "BTC_USDT", "last": "19106.55", "lowest_ask": "19108.71", "highest_bid": "19106.5"}


def read(channel: str, result: object, event: str = "update", **more: object) -> tuple[Any, ...]:
    """Read a message of a channel."""
    about = {"time": AT // 1000, "time_ms": AT, "channel": channel, "event": event}
    return tuple(Gate().read(json.dumps({**about, "result": result, **more})))


@pytest.mark.parametrize("channel", ["spot.trades", "spot.trades_v2"])
@pytest.mark.parametrize("more", [{}, {"range": "2390902-2390902", "id_market": 917144}])
def test_a_trade_is_dated_to_the_decimal(channel: str, more: dict[str, object]) -> None:
    """Milliseconds are text with decimals; what was added over the years changes nothing."""
    wanted = Trade("GT_USDT", 0.4705, 16.47, "sell", "309143071", NS + 457_800)
    assert read(channel, ROW | more) == (wanted,)


def test_a_time_without_decimals_is_one() -> None:
    """They are not always there."""
    assert read("spot.trades", ROW | {"create_time_ms": str(AT)})[0].ts_event == NS


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0"},
        {"price": None},
        {"amount": "-1"},
        {"side": ""},
        {"id": None},
        {"id": -1},
        {"currency_pair": ""},
        {"create_time_ms": str(AT // 1000)},
        {"create_time_ms": f"{AT}000"},
        {"create_time_ms": "NaN"},
        {"create_time_ms": "Infinity"},
        {"create_time_ms": ""},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("spot.trades", ROW | change)


def test_the_top_of_a_book_comes_on_two_channels() -> None:
    """The ticker has neither sizes nor a time, so its frame's is taken, in seconds where there is no better."""
    assert read("spot.book_ticker", TOP) == (Quote("BTC_USDT", 19177.79, 19179.38, 0.0003341504, 0.09, NS),)
    assert read("spot.tickers", TICKER) == (Quote("BTC_USDT", 19106.5, 19108.71, ts_event=NS),)
    older = {"time": AT // 1000, "channel": "spot.tickers", "event": "update", "result": TICKER}
    assert Gate().read(json.dumps(older)) == (Quote("BTC_USDT", 19106.5, 19108.71, ts_event=AT // 1000 * 10**9),)


@pytest.mark.parametrize("time", [None, 0, AT, "soon"])
def test_a_ticker_whose_frame_has_no_time_is_refused(time: object) -> None:
    """It would count as new for ever."""
    with pytest.raises(FrameError):
        Gate().read(json.dumps({"time": time, "channel": "spot.tickers", "event": "update", "result": TICKER}))


def test_an_empty_side_is_no_quote() -> None:
    """A market that is new has no price, which is no damage."""
    assert read("spot.book_ticker", TOP | {"a": "", "A": ""}) == ()
    assert read("spot.tickers", TICKER | {"highest_bid": "0"}) == ()


@pytest.mark.parametrize(
    ("channel", "event"),
    [
        ("spot.order_book", "update"),
        ("spot.order_book_update", "update"),
        ("spot.obu", "update"),
        ("spot.candlesticks", "update"),
        ("spot.pong", ""),
        ("spot.trades", "unsubscribe"),
        ("spot.candlesticks", "subscribe"),
    ],
)
def test_other_channels_and_events_give_nothing(channel: str, event: str) -> None:
    """They are read and passed over."""
    assert read(channel, None, event) == ()


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"method":"trades.update","params":["BTC_USDT",[{"id":7,"time":1593561592.4,"price":"1","amount":"2","type":"buy"}]],"id":null}',
        '{"method":"ticker.update","params":["BTC_USDT",{"last":"1"}],"id":null}',
        '{"error":null,"result":{"status":"success"},"id":7}',
        '{"time":1606292218,"channel":"spot.trades","event":"update"}',
        "ping",
    ],
)
def test_what_version_4_does_not_document_is_refused(frame: str) -> None:
    """The superseded API is not taken for this one."""
    with pytest.raises(FrameError):
        Gate().read(frame)


def test_answers_are_signals() -> None:
    """They repeat what was asked for; those of 2021 do not."""
    assert read("spot.trades", {"status": "success"}, "subscribe", payload=["BTC_USDT"]) == (Ack(("BTC_USDT",)),)
    assert read("spot.trades", {"status": "success"}, "subscribe") == (Ack(),)
    assert read("spot.trades", {"status": "success"}, "subscribe", error=None) == (Ack(),)


def test_a_refusal_names_its_pair_in_words() -> None:
    """One that is not listed costs that market and no other; what names none is of the whole request."""
    reason = "unknown currency pair XX_USDT"
    refused = read("spot.trades", None, "subscribe", error={"code": 2, "message": reason})
    assert refused == (Rejected("XX_USDT", reason),)
    reason = "Invalid request body format"
    assert read("spot.trades", None, "subscribe", error={"code": 1, "message": reason}) == (Rejected("", reason),)


def test_an_upgrade_asks_for_a_new_connection() -> None:
    """The venue says so shortly before it closes."""
    told = "The connection will soon be closed for a service upgrade. Please reconnect."
    assert Gate().read(json.dumps({"type": "upgrade", "msg": told})) == (Reconnect(told),)


def test_every_pair_is_asked_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not listed would void the request; requests are dated to less than a minute."""
    monkeypatch.setattr("chrono_gate.time", lambda: 1_795_342_529.9)
    symbols = [Gate().symbol(Pair.parse(text)) for text in ("BTC/USDT", "ETH/BTC")]
    messages = list(Gate().subscribe(symbols))
    assert [(message["channel"], message["event"], message["payload"]) for message in messages] == [
        ("spot.trades", "subscribe", ["BTC_USDT"]),
        ("spot.book_ticker", "subscribe", ["BTC_USDT"]),
        ("spot.trades", "subscribe", ["ETH_BTC"]),
        ("spot.book_ticker", "subscribe", ["ETH_BTC"]),
    ]
    assert {message["time"] for message in messages} == {1_795_342_500}
    assert [message["event"] for message in Gate().unsubscribe(["BTC_USDT"])] == ["unsubscribe"] * 2


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about GT_USDT."""
    return tuple(GateTrades().read(json.dumps({"symbol": "GT_USDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """The venue has the newest first, ids as text, and times to the microsecond."""
    row = ROW | {"id": "309143071", "create_time": str(AT // 1000), "create_time_ms": f"{AT}.457800"}
    newer = row | {"id": "309143072", "create_time_ms": f"{AT}.457900"}
    assert polled([newer, row]) == (
        *read("spot.trades", ROW),
        Trade("GT_USDT", 0.4705, 16.47, "sell", "309143072", NS + 457_900),
    )
    (request,) = GateTrades().request(["GT_USDT"])
    assert str(request.url) == "https://api.gateio.ws/api/v4/spot/trades?currency_pair=GT_USDT&limit=100"


@pytest.mark.parametrize("answer", [None, {}, "", {"label": "INVALID_CURRENCY_PAIR", "message": "Invalid currency"}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """An error is no trade, whatever its status."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_cannot_be_bought_and_sold_is_halted() -> None:
    """And a coin that bears the name of another is not taken for that one."""
    rows = [
        {"id": f"{base}_USDT", "base": base, "quote": "USDT", "trade_status": state}
        for base, state in (("BTC", "tradable"), ("OLD", "untradable"), ("NEW", "buyable"), ("GTC", "tradable"))
    ]
    assert list(Gate().listed(json.dumps(rows).encode())) == [
        Listing("BTC_USDT", Pair("BTC", "USDT")),
        Listing("OLD_USDT", Pair("OLD", "USDT"), "halted"),
        Listing("NEW_USDT", Pair("NEW", "USDT"), "halted"),
        Listing("GTC_USDT", Pair("GAMECOM", "USDT")),
    ]
