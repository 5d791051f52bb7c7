"""Bybit's frames as others recorded and documented them, and what they state of them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Trade
from chrono_bybit import Bybit, BybitTrades

from .convert import from_capture
from .expectations import barter_trade, data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/bybit/tardis-messages.jsonl"
BARTER = "wire/bybit/barter-messages.jsonl"
POLLED = "wire/bybit/ccxt/fetch_trades_BTC_USDT.json"

SUPERSEDED = {(TARDIS, line) for line in (*range(1, 22), 31, 32, 33)}
"""Messages of API v2, which have no `ts` beside their topic, and of spot's API v1, whose topics have no symbol."""

CURRENT = {(TARDIS, line) for line in (*range(22, 31), 34, 35, 36)}
"""Messages of API v5 with normalised results, those of derivatives among them."""

ACCEPTED, ACKNOWLEDGED = (BARTER, 4), (BARTER, 7)
NOTHING = {(BARTER, 8), (BARTER, 9)}
REJECTED = {(BARTER, 3), (BARTER, 5), (BARTER, 6)}

DISPUTED = {
    (BARTER, 1): "a row of a message by itself, which the venue never sends",
    (BARTER, 2): "a row of a message by itself, which the venue never sends",
    ("wire/bybit/ccxt/fetch_ticker_BTC_USDT.json", 0): "an answer of the REST API that is not asked for",
}
"""Expectations that are not ours to meet."""


@pytest.fixture
def bybit() -> Bybit:
    """Return the venue."""
    return Bybit()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of Bybit is passed over."""
    answered = {ACCEPTED, ACKNOWLEDGED, (POLLED, 0)} | NOTHING | REJECTED
    assert set(expected("bybit")) == SUPERSEDED | CURRENT | answered | set(DISPUTED)


@pytest.mark.parametrize(("file", "line"), sorted(SUPERSEDED))
def test_messages_of_superseded_apis_are_refused(bybit: Bybit, file: str, line: int) -> None:
    """They are not taken for v5."""
    with pytest.raises(FrameError):
        bybit.read(message(file, line))


@pytest.mark.parametrize(("file", "line"), sorted(CURRENT))
def test_messages_mean_what_others_state(bybit: Bybit, file: str, line: int) -> None:
    """Trades and quotes are as stated, quotes with their times; books and what is derived give nothing."""
    stated = expected("bybit")[file, line]
    found = list(bybit.read(message(file, line)))
    times = [nanoseconds(row["timestamp"]) for row in stated if row["type"] == "book_ticker"]
    assert [tick.ts_event for tick in found if isinstance(tick, Quote)] == times
    assert [untimed(tick) for tick in found] == ticks(stated)


def untimed(tick: Any) -> Any:
    """Return a quote as tardis-node's ticks are made: without its time."""
    return Quote(tick.symbol, tick.bid, tick.ask, tick.bid_size, tick.ask_size) if isinstance(tick, Quote) else tick


def test_messages_of_documentation_decode(bybit: Bybit) -> None:
    """Trades are as stated, one after the other; an acknowledgement is of its request."""
    stated = expected("bybit")
    # the statement of the whole message is cut off; its rows are stated by themselves
    rows = [barter_trade(stated[BARTER, line]["rust"], "BTCUSDT") for line in (1, 2)]
    assert list(bybit.read(message(*ACCEPTED))) == rows
    assert bybit.read(message(*ACKNOWLEDGED)) == (Ack(("10001",)),)


@pytest.mark.parametrize(("file", "line"), sorted(NOTHING))
def test_other_answers_give_nothing(bybit: Bybit, file: str, line: int) -> None:
    """An answer to a ping, or to nothing that was asked."""
    assert bybit.read(message(file, line)) == ()


@pytest.mark.parametrize(("file", "line"), sorted(REJECTED | {key for key in DISPUTED if key[1]}))
def test_what_is_no_message_is_refused(bybit: Bybit, file: str, line: int) -> None:
    """A side that is none, a topic that is none, a row by itself."""
    with pytest.raises(FrameError):
        bybit.read(message(file, line))


def test_polled_trades_are_as_stated() -> None:
    """The same trades as the library that asked, the oldest first."""
    answer = data(*POLLED.split("/")).read_text()
    found = BybitTrades().read(f'{{"symbol": "BTCUSDT", "answer": {answer}}}')
    rows = json.loads(answer)["result"]["list"]
    assert [row_of(trade) for trade in found] == [
        (Decimal(row["price"]), Decimal(row["size"]), row["side"].lower(), row["execId"], int(row["time"]) * 10**6)
        for row in rows[::-1]
    ]


def row_of(trade: Any) -> tuple[Any, ...]:
    """Return what a trade says, its numbers as the text they stand for."""
    assert isinstance(trade, Trade)
    assert trade.symbol == "BTCUSDT"
    numbers = (Decimal(repr(number)) for number in (trade.price, trade.size))
    return *numbers, trade.side, trade.trade_id, trade.ts_event


def test_documented_trades_decode(bybit: Bybit) -> None:
    """Those of the fixtures, over the stream and over REST, and the acknowledgement before."""
    (ack,), (update,) = fixture("bybit", "fixtures", "ws-Trades.txt")
    assert bybit.read(ack) == (Ack(("1",)),)
    number = "20f43950-d8dd-5b31-9112-a178eb6023af"
    assert bybit.read(update) == (Trade("BTCUSDT", 16578.5, 0.001, "buy", number, 1672304486865 * 10**6),)
    polled = f'{{"symbol": "BTCUSDT", "answer": {answer_of("rest-GetTradeHistory.txt")}}}'
    wanted = Trade("BTCUSDT", 16618.49, 0.00012, "buy", "2100000000007764263", 1672052955758 * 10**6)
    assert BybitTrades().read(polled) == (wanted,)


def answer_of(name: str) -> str:
    """Return the body of a fixture of REST."""
    return data("wire", "bybit", "fixtures", name).read_text().split("\n", 3)[3]


def test_a_documented_list_is_read(bybit: Bybit) -> None:
    """The market of the fixture."""
    listed = bybit.listed(answer_of("rest-GetSpotSymbols.txt").encode())
    assert list(listed) == [Listing("BTCUSDT", Pair("BTC", "USDT"))]


@pytest.mark.parametrize("name", ["ws-Ticker.txt", "ws-SystemStatus.txt"])
def test_other_documented_topics_give_nothing(bybit: Bybit, name: str) -> None:
    """The ticker of spot has no top of the book."""
    _, (update,) = fixture("bybit", "fixtures", name)
    assert bybit.read(update) == ()


def test_a_recorded_session_of_the_superseded_api_gives_no_tick(bybit: Bybit) -> None:
    """Each of its 1,700 frames is refused: trades, books, and the answers between."""
    lines = from_capture(data("wire", "bybit", "capture", "BYBIT.ws.25.0.log"), "bybit")
    frames = [line for line in lines if line["kind"] == "ws"]
    assert len(frames) > 1_600
    for frame in frames:
        with pytest.raises(FrameError):
            bybit.read(frame["data"].encode())
