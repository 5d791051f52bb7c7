"""Gemini's frames as others recorded and documented them, and what they state of them."""

import gzip
import json
from datetime import datetime
from typing import Any

import pytest

from chrono import FrameError, Quote, Trade
from chrono_gemini import Gemini, GeminiTrades

from .convert import from_capture
from .expectations import data, expected, message, ticks

TARDIS = "wire/gemini/tardis-messages.jsonl"

CURRENT = {(TARDIS, line) for line in (2, 3, 4, 5, 7)}
"""Messages of the stream API."""

DISPUTED = {
    (TARDIS, 1): "market data v2, superseded: told by its type",
    (TARDIS, 6): "market data v2, superseded: told by its type",
}
"""Messages that are refused although others accept them, and why."""


@pytest.fixture
def gemini() -> Gemini:
    """Return the venue."""
    return Gemini()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of Gemini is passed over."""
    assert set(expected("gemini")) == CURRENT | set(DISPUTED)


@pytest.mark.parametrize(("file", "line"), sorted(CURRENT))
def test_messages_of_today_mean_what_others_state(gemini: Gemini, file: str, line: int) -> None:
    """As stated, but for times to the nanosecond and symbols as they stand there; books give nothing."""
    stated, said = expected("gemini")[file, line], json.loads(message(file, line))
    found = list(gemini.read(message(file, line)))
    assert [comparable(tick) for tick in found] == [comparable(tick) for tick in ticks(stated)]
    if found:
        assert [(tick.symbol, tick.ts_event) for tick in found] == [(said["s"], said["E"])]
        assert found[0].ts_event // 1000 == micros(stated[0]["timestamp"])


def comparable(tick: Any) -> tuple[Any, ...]:
    """Return what tardis-node states of a tick: its symbol in upper case, its time cut."""
    if isinstance(tick, Trade):
        return tick.symbol.upper(), tick.price, tick.size, tick.side, tick.trade_id
    assert isinstance(tick, Quote)
    return tick.symbol.upper(), tick.bid, tick.ask, tick.bid_size, tick.ask_size


def micros(time: str) -> int:
    """Return an RFC 3339 time in microseconds."""
    moment = datetime.fromisoformat(time)
    return int(moment.timestamp()) * 10**6 + moment.microsecond


@pytest.mark.parametrize(("file", "line"), sorted(DISPUTED))
def test_messages_of_the_superseded_api_are_refused(gemini: Gemini, file: str, line: int) -> None:
    """Market data v2 is not taken for the stream API."""
    with pytest.raises(FrameError):
        gemini.read(message(file, line))


def test_a_recorded_session_of_the_superseded_api_gives_no_tick(gemini: Gemini) -> None:
    """Each of its frames is refused: books with their past trades, trades, heartbeats."""
    path = data("wire", "gemini", "capture", "GEMINI.ws.1.0.log")
    frames = [line for line in from_capture(path, "gemini") if line["kind"] == "ws"]
    assert len(frames) > 100
    for frame in frames:
        with pytest.raises(FrameError):
            gemini.read(frame["data"].encode())


def recorded(path: str) -> Any:
    """Return the first recorded answer to a request."""
    answers = json.loads(gzip.decompress(data("wire", "gemini", "gct-rest-recorded.json.gz").read_bytes()))
    return answers[path][0]["body"]


def test_a_recorded_list_is_read(gemini: Gemini) -> None:
    """Every spot market has the symbol that its pair is subscribed to with; perpetuals are none."""
    rows = recorded("/v1/symbols/details/all")
    found = {listing.symbol: listing for listing in gemini.listed(json.dumps(rows).encode())}
    spot = {row["symbol"].lower(): row for row in rows if row["product_type"] == "spot"}
    assert found.keys() == spot.keys()
    assert len(found) == 108
    for symbol, listing in found.items():
        assert listing.pair is not None
        assert gemini.symbol(listing.pair) == symbol
        row = spot[symbol]
        assert (listing.pair.base, listing.pair.quote) == (row["base_currency"], row["quote_currency"])
        assert (listing.state == "halted") == (row["status"] == "closed")


def test_an_older_list_is_read(gemini: Gemini) -> None:
    """The answers of 2021, one for each symbol."""
    lines = data("instruments", "gemini-2021-06-24.log").read_text().splitlines()
    about = [line.partition(": ")[2].partition(" header: ")[0] for line in lines if "/details/" in line.split(" ")[0]]
    found = list(gemini.listed(f"[{','.join(about)}]".encode()))
    assert len(found) == len(about) > 60
    names = json.loads(lines[0].partition(": ")[2].partition(" header: ")[0])
    assert {listing.symbol for listing in found} <= set(names)
    for listing in found:
        assert listing.pair is not None
        assert gemini.symbol(listing.pair) == listing.symbol


@pytest.mark.parametrize("path", ["/v1/trades/btcusd", "/v1/trades/BTCUSD"])
def test_recorded_answers_give_every_trade_the_oldest_first(path: str) -> None:
    """The sides are the taker's, times in milliseconds."""
    rows = recorded(path)
    found = GeminiTrades().read(json.dumps({"symbol": "btcusd", "answer": rows}))
    stated = [(float(row["price"]), float(row["amount"]), row["type"], str(row["tid"])) for row in reversed(rows)]
    assert [(trade.price, trade.size, trade.side, trade.trade_id) for trade in found] == stated
    assert [trade.ts_event for trade in found] == [row["timestampms"] * 10**6 for row in reversed(rows)]
