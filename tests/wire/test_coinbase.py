"""Coinbase's frames as others recorded and documented them, and what they state of them."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Quote, Rejected, Trade
from chrono_coinbase import Coinbase

from .convert import Line, from_capture
from .expectations import barter_trade, data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/coinbase/tardis-messages.jsonl"
BARTER = "wire/coinbase/barter-messages.jsonl"

STATED = {(TARDIS, line) for line in range(1, 6)}
"""Messages with normalised results: books, which are not read, and tickers."""

MAKERS = (BARTER, 2)
"""A match, of which barter-rs states the maker's side as its own."""

ACKNOWLEDGED = (BARTER, 3)
REJECTED = (BARTER, 4)

DISPUTED = {(BARTER, 1): "the venue says that types which are not known are to be ignored; barter-rs refuses them"}
"""Expectations that are not ours to meet."""


@pytest.fixture
def coinbase() -> Coinbase:
    """Return the venue."""
    return Coinbase()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of Coinbase is passed over."""
    assert set(expected("coinbase")) == STATED | {MAKERS, ACKNOWLEDGED, REJECTED} | set(DISPUTED)


@pytest.mark.parametrize(("file", "line"), sorted(STATED))
def test_messages_mean_what_others_state(coinbase: Coinbase, file: str, line: int) -> None:
    """Quotes are as stated, with their times; a book, one of its sizes `0.-10000`, gives nothing."""
    stated = expected("coinbase")[file, line]
    found = list(coinbase.read(message(file, line)))
    times = [nanoseconds(row["timestamp"]) for row in stated if row["type"] == "book_ticker"]
    assert [tick.ts_event for tick in found if isinstance(tick, Quote)] == times
    assert [Quote(*untimed(tick)) for tick in found] == ticks(stated)


def untimed(tick: Any) -> tuple[Any, ...]:
    """Return a quote as tardis-node's ticks are made: without its time."""
    return tick.symbol, tick.bid, tick.ask, tick.bid_size, tick.ask_size


def test_the_side_of_a_match_is_turned_to_the_taker(coinbase: Coinbase) -> None:
    """Others copy the maker's side; all else is as they state it."""
    stated = expected("coinbase")[MAKERS]["rust"]
    assert "Side::Sell" in stated
    time = "time: NaiveDateTime::from_millis(1415348367028)"
    copied = barter_trade(stated.replace("time: NaiveDateTime", time), "BTC-USD")
    (trade,) = coinbase.read(message(*MAKERS))
    assert isinstance(trade, Trade)
    assert (trade.symbol, trade.price, trade.size, trade.trade_id) == (
        copied.symbol,
        copied.price,
        copied.size,
        copied.trade_id,
    )
    assert (copied.side, trade.side) == ("sell", "buy")
    assert trade.ts_event == nanoseconds("2014-11-07T08:19:27.028459Z")


def test_answers_are_signals(coinbase: Coinbase) -> None:
    """An acknowledgement names its products, an error the one that is refused."""
    assert coinbase.read(message(*ACKNOWLEDGED)) == (Ack(("BTC-USD", "ETH-USD")),)
    (refused,) = coinbase.read(message(*REJECTED))
    assert refused == Rejected("GIBBERISH-USD", "GIBBERISH-USD is not a valid product")


@pytest.mark.parametrize(("file", "line"), sorted(DISPUTED))
def test_a_type_that_is_not_known_is_ignored(coinbase: Coinbase, file: str, line: int) -> None:
    """New types may appear at any time."""
    assert coinbase.read(message(file, line)) == ()


@pytest.mark.parametrize("name", ["ws-Heartbeat.txt", "ws-Klines.txt", "ws-Ticker.txt", "ws-Trades.txt"])
def test_advanced_trade_is_not_taken_for_the_exchange(coinbase: Coinbase, name: str) -> None:
    """The other API of the same house has channels where this one has types."""
    acks, updates = fixture("coinbase", "fixtures", name)
    for frame in acks + updates:
        with pytest.raises(FrameError):
            coinbase.read(frame)


def test_maintenance_is_no_message(coinbase: Coinbase) -> None:
    """Plain text instead of JSON is damage."""
    bodies = json.loads(data("wire", "error-bodies.json").read_text())
    (body,) = [row["body"] for row in bodies if row["exchange"] == "coinbase"]
    with pytest.raises(FrameError):
        coinbase.read(body)


def test_a_recorded_session_gives_every_trade_once_and_in_order(coinbase: Coinbase) -> None:
    """Of the session of 2021 each match and ticker comes once, in order, to the digit; nothing is damaged."""
    lines = list(from_capture(data("wire", "coinbase", "capture", "COINBASE.ws.28.0.log"), "coinbase"))
    frames = [line for line in lines if line["kind"] == "ws"]
    assert [line["kind"] for line in lines].count("open") == 1
    stated = list(independent(frames))
    assert [row[0] for row in stated].count("match") == 65
    assert [row[0] for row in stated].count("ticker") == 70
    assert list(ours(coinbase, frames)) == [row[1:] for row in stated]


def test_a_recorded_session_acknowledges_what_it_asked_for(coinbase: Coinbase) -> None:
    """Only the last of three answers speaks of trades, and it names all ten products."""
    lines = from_capture(data("wire", "coinbase", "capture", "COINBASE.ws.28.0.log"), "coinbase")
    items = [item for line in lines if line["kind"] == "ws" for item in coinbase.read(line["data"])]
    (ack,) = [item for item in items if not isinstance(item, Trade | Quote)]
    assert isinstance(ack, Ack)
    assert len(set(ack.symbols)) == 10


def ours(coinbase: Coinbase, frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield what the venue reads, its numbers as the text they stand for."""
    for frame in frames:
        for tick in coinbase.read(frame["data"].encode()):
            if isinstance(tick, Trade):
                numbers = (tick.price, tick.size)
                yield tick.symbol, *map(text, numbers), tick.side, tick.trade_id, tick.ts_event
            elif isinstance(tick, Quote):
                yield tick.symbol, *map(text, (tick.bid, tick.ask)), tick.ts_event


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the standard library's JSON, Decimal and times, on the frame's own text."""
    taker = {"buy": "sell", "sell": "buy"}
    for frame in frames:
        event = json.loads(frame["data"])
        kind, product = event["type"], event.get("product_id")
        if kind == "match":
            numbers = (Decimal(event["price"]), Decimal(event["size"]))
            yield kind, product, *numbers, taker[event["side"]], str(event["trade_id"]), nanoseconds(event["time"])
        if kind == "ticker":
            yield kind, product, Decimal(event["best_bid"]), Decimal(event["best_ask"]), nanoseconds(event["time"])


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))
