"""MEXC's messages as others decoded and documented them, and what they state of them."""

from typing import Any

import pytest

from chrono import Ack, Quote
from chrono_mexc import Mexc

from .expectations import expected, message, nanoseconds, ticks

TARDIS = "wire/mexc/tardis-messages.jsonl"

ACKNOWLEDGED = (TARDIS, 7)

CURRENT = {(TARDIS, line) for line in range(1, 13)} - {ACKNOWLEDGED}
"""Messages of API v3, decoded to JSON; the bytes are not there."""


@pytest.fixture
def mexc() -> Mexc:
    """Return the venue."""
    return Mexc()


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of MEXC is passed over."""
    assert set(expected("mexc")) == CURRENT | {ACKNOWLEDGED}


@pytest.mark.parametrize(("file", "line"), sorted(CURRENT))
def test_messages_mean_what_others_state(mexc: Mexc, file: str, line: int) -> None:
    """Trades and quotes are as stated, quotes with the times of their messages; books give nothing."""
    stated = expected("mexc")[file, line]
    found = mexc.read(message(file, line))
    times = [nanoseconds(row["timestamp"]) for row in stated if row["type"] == "book_ticker"]
    assert [tick.ts_event for tick in found if isinstance(tick, Quote)] == times
    assert [untimed(tick) for tick in found] == ticks(stated)


def untimed(tick: Any) -> Any:
    """Return a quote as tardis-node's ticks are made: without its time."""
    return Quote(tick.symbol, tick.bid, tick.ask, tick.bid_size, tick.ask_size) if isinstance(tick, Quote) else tick


def test_an_answer_names_its_symbol(mexc: Mexc) -> None:
    """It repeats what was asked for."""
    assert mexc.read(message(*ACKNOWLEDGED)) == (Ack(("BTCUSDT",)),)
