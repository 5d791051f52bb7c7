"""Gate's frames as others recorded and documented them, and what they state of them."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Trade
from chrono_gate import Gate, GateTrades

from .convert import Line, from_capture
from .expectations import data, expected, fixture, message

TARDIS = "wire/gateio/tardis-messages.jsonl"
BARTER = "wire/gateio/barter-messages.jsonl"

SUPERSEDED = {(TARDIS, line) for line in (1, 2, 3, 4)}
"""Messages of API v3, told by their `method`."""

BOOKS = {(TARDIS, line) for line in (5, 6, 7)}
"""Books of API v4, which are not read, and the answer to a subscription to one."""

ACCEPTED, ACKNOWLEDGED = (BARTER, 1), (BARTER, 2)


@pytest.fixture
def gate() -> Gate:
    """Return the venue."""
    return Gate()


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of Gate is passed over."""
    assert set(expected("gateio")) == SUPERSEDED | BOOKS | {ACCEPTED, ACKNOWLEDGED}


@pytest.mark.parametrize(("file", "line"), sorted(SUPERSEDED))
def test_messages_of_the_superseded_api_are_refused(gate: Gate, file: str, line: int) -> None:
    """API v3 is not taken for v4."""
    with pytest.raises(FrameError):
        gate.read(message(file, line))


@pytest.mark.parametrize(("file", "line"), sorted(BOOKS))
def test_books_give_nothing(gate: Gate, file: str, line: int) -> None:
    """They are of the current API, and not what is asked for."""
    assert gate.read(message(file, line)) == ()


def test_messages_of_documentation_decode(gate: Gate) -> None:
    """The trade and the acknowledgement of the documentation."""
    at = 1_606_292_218_213_457_800
    assert gate.read(message(*ACCEPTED)) == (Trade("GT_USDT", 0.4705, 16.47, "sell", "309143071", at),)
    assert gate.read(message(*ACKNOWLEDGED)) == (Ack(),)


def test_documented_trades_and_tickers_decode(gate: Gate) -> None:
    """Those of the fixtures, and the acknowledgements before them."""
    (ack,), (update,) = fixture("gateio", "fixtures", "ws-SubscribeToTradeUpdates.txt")
    at = 1_606_292_218_213_457_800
    assert gate.read(ack) == (Ack(("ETH_USDT",)),)
    assert gate.read(update) == (Trade("ETH_USDT", 0.4705, 16.47, "sell", "309143071", at),)
    (_,), (update,) = fixture("gateio", "fixtures", "ws-SubscribeToTickerUpdates.txt")
    assert gate.read(update) == (Quote("ETH_USDT", 70773.0, 70773.1, ts_event=1717595233666 * 10**6),)


def test_documented_candles_give_nothing(gate: Gate) -> None:
    """Nor does the answer to a subscription to them."""
    (ack,), (update,) = fixture("gateio", "fixtures", "ws-SubscribeToKlineUpdates.txt")
    assert gate.read(ack) == gate.read(update) == ()


def test_documented_answers_decode(gate: Gate) -> None:
    """Trades and listings as they come over HTTP."""
    text = data("wire", "gateio", "fixtures", "rest-GetTrades.txt").read_text()
    answer = json.dumps({"symbol": "ETH_USDT", "answer": "?"}).replace('"?"', text[text.index("[") :])
    documented = Trade("ETH_USDT", 0.03, 0.15, "buy", "1232893232", 1_548_000_000_123_456_000)
    with pytest.raises(FrameError, match="currency_pair"):  # the example is older than the key
        GateTrades().read(answer)
    assert GateTrades().read(answer.replace('"side"', '"currency_pair": "ETH_USDT", "side"')) == (documented,)
    rows = data("wire", "gateio", "xchange", "api_v4_spot_currency_pairs.json").read_bytes()
    assert list(gate.listed(rows)) == [Listing(f"{base}_USDT", Pair(base, "USDT")) for base in ("BTC", "CHZ", "ETH")]


def test_a_recorded_session_gives_every_trade_once_and_in_order(gate: Gate) -> None:
    """Of the session of 2021 each trade and ticker comes once, in order, to the digit; nothing is damaged."""
    lines = from_capture(data("wire", "gateio", "capture", "GATEIO.ws.1.0.log"), "gate")
    frames = [line for line in lines if line["kind"] == "ws"]
    stated = list(independent(frames))
    found = [item for frame in frames for item in gate.read(frame["data"].encode())]
    assert [text_of(tick) for tick in found if isinstance(tick, Trade | Quote)] == stated
    assert {item for item in found if not isinstance(item, Trade | Quote)} == {Ack()}
    assert any(isinstance(tick, Trade) for tick in found)
    assert any(isinstance(tick, Quote) for tick in found)


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the standard library's JSON and Decimal, on the frame's own text."""
    for frame in frames:
        event = json.loads(frame["data"])
        row = event.get("result")
        if event["event"] == "update" and event["channel"] == "spot.trades":
            numbers = Decimal(row["price"]), Decimal(row["amount"])
            at = int(Decimal(row["create_time_ms"]) * 10**6)
            yield row["currency_pair"], *numbers, row["side"], str(row["id"]), at
        elif event["event"] == "update" and event["channel"] == "spot.tickers":
            yield row["currency_pair"], Decimal(row["highest_bid"]), Decimal(row["lowest_ask"]), event["time"] * 10**9


def text_of(tick: Any) -> tuple[Any, ...]:
    """Return the same of what was read."""
    if isinstance(tick, Trade):
        return tick.symbol, text(tick.price), text(tick.size), tick.side, tick.trade_id, tick.ts_event
    assert tick.bid_size == tick.ask_size == 0.0
    return tick.symbol, text(tick.bid), text(tick.ask), tick.ts_event


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))
