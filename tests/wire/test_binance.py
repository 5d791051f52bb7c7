"""Binance's frames as others recorded and documented them, and what they state of them."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Quote, Trade
from chrono_binance import Binance

from .convert import Line, from_capture, from_stream
from .expectations import barter_trade, data, expected, fixture, message, ticks

TARDIS = "wire/binance/tardis-messages.jsonl"
BARTER = "wire/binance/barter-messages.jsonl"

STATED = {(TARDIS, line) for line in range(1, 7)}
"""Messages with normalised results; of the book ticker the time is disputed, see below."""

ACCEPTED = {(BARTER, 1), (BARTER, 3), (BARTER, 4), (BARTER, 5)}
REJECTED = {(BARTER, 2)}
ACKNOWLEDGED = {(BARTER, 6), (BARTER, 7)}

DISPUTED = {
    ("wire/binance/ccxt/fetch_ticker_BTC_USDT.json", 0): "an answer of the REST API, no frame of a stream",
    ("wire/binance/ccxt/fetch_trades_BTC_USDT.json", 0): "an answer of the REST API, no frame of a stream",
}
"""Expectations that are not ours to meet. The messages under binance-futures are of another venue's API."""

UNTIMED = (TARDIS, 3)
"""A book ticker, which has no time on the wire: the time that tardis-node states is that of its own receipt."""


@pytest.fixture
def binance() -> Binance:
    """Return the venue."""
    return Binance()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of Binance is passed over."""
    assert set(expected("binance")) == STATED | ACCEPTED | REJECTED | ACKNOWLEDGED | set(DISPUTED)


@pytest.mark.parametrize(("file", "line"), sorted(STATED))
def test_messages_mean_what_others_state(binance: Binance, file: str, line: int) -> None:
    """Trades and quotes are as stated; books and 24-hour tickers give nothing."""
    assert list(binance.read(message(file, line))) == ticks(expected("binance")[file, line])


def test_a_book_ticker_has_no_time(binance: Binance) -> None:
    """A time of receipt is not taken for the venue's."""
    (quote,) = binance.read(message(*UNTIMED))
    assert isinstance(quote, Quote)
    assert quote.ts_event is None


@pytest.mark.parametrize(("file", "line"), sorted(ACCEPTED))
def test_bare_trades_decode(binance: Binance, file: str, line: int) -> None:
    """Trades outside a combined stream, with fields that spot does not have, are as stated."""
    rust = expected("binance")[file, line]["rust"]
    assert binance.read(message(file, line)) == (barter_trade(rust, "ETHUSDT"),)


@pytest.mark.parametrize(("file", "line"), sorted(REJECTED))
def test_what_others_reject_is_refused(binance: Binance, file: str, line: int) -> None:
    """A flag that is no flag makes a frame damaged."""
    with pytest.raises(FrameError):
        binance.read(message(file, line))


@pytest.mark.parametrize(("file", "line"), sorted(ACKNOWLEDGED))
def test_acknowledgements_are_signals(binance: Binance, file: str, line: int) -> None:
    """Both forms of a result that says nothing acknowledge the whole request."""
    assert binance.read(message(file, line)) == (Ack(),)


def test_documented_trades_decode(binance: Binance) -> None:
    """The trade of the fixture, and the acknowledgement before it."""
    (ack,), (update,) = fixture("binance", "fixtures", "ws-Trades.txt")
    assert binance.read(ack) == (Ack(),)
    assert binance.read(update) == (Trade("BNBBTC", 0.001, 100.0, "sell", "12345", 1672515782136_000_000),)


@pytest.mark.parametrize("name", ["ws-Klines.txt", "ws-Ticker.txt"])
def test_other_documented_streams_give_nothing(binance: Binance, name: str) -> None:
    """Candles and 24-hour tickers are no prices of ours."""
    (ack,), (update,) = fixture("binance", "fixtures", name)
    assert binance.read(ack) == (Ack(),)
    assert binance.read(update) == ()


def test_a_recorded_session_gives_every_trade_once_and_in_order(binance: Binance) -> None:
    """Of the session of 2021 each trade and quote comes once, in order, to the digit; nothing is damaged."""
    lines = list(from_capture(data("wire", "binance", "capture", "BINANCE.ws.1.0.log"), "binance"))
    frames = [line for line in lines if line["kind"] == "ws"]
    assert [line["kind"] for line in lines].count("open") == 1
    assert len(frames) == 265
    stated = list(independent(frames))
    assert [row[0] for row in stated].count("aggTrade") == 2
    assert list(ours(binance, frames)) == [row[1:] for row in stated]


@pytest.mark.parametrize("name", ["binance-spot-btcusdt_20240808.gz", "binance-spot-ethusdt_20240808.gz"])
def test_a_recorded_stream_gives_every_trade_once_and_in_order(binance: Binance, name: str) -> None:
    """Of tens of thousands of frames each trade and quote comes once, in order, to the digit; nothing is damaged."""
    frames = list(from_stream(data("stream", name), "binance"))
    stated = list(independent(frames))
    assert [row[0] for row in stated].count("trade") > 5_000
    assert list(ours(binance, frames)) == [row[1:] for row in stated]


def ours(binance: Binance, frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield what the venue reads, its numbers as the text they stand for."""
    for frame in frames:
        for tick in binance.read(frame["data"].encode()):
            if isinstance(tick, Trade):
                numbers = (tick.price, tick.size)
                yield tick.symbol, *map(text, numbers), tick.side, tick.trade_id, tick.ts_event
            elif isinstance(tick, Quote):
                yield tick.symbol, *map(text, (tick.bid, tick.ask, tick.bid_size, tick.ask_size)), tick.ts_event


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the standard library's JSON and Decimal, on the frame's own text."""
    for frame in frames:
        event = json.loads(frame["data"], parse_float=Decimal).get("data", {})
        kind = event.get("e")
        if kind in {"trade", "aggTrade"}:
            number = str(event["t" if kind == "trade" else "a"])
            side = "sell" if event["m"] else "buy"
            numbers = (Decimal(event["p"]), Decimal(event["q"]))
            yield kind, event["s"], *numbers, side, number, event["T"] * 10**6
        elif kind is None and "A" in event:
            yield "quote", event["s"], *(Decimal(event[key]) for key in "baBA"), None


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))
