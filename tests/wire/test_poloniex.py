"""Poloniex's frames as others recorded and documented them, and what they state of them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Quote, Trade
from chrono_poloniex import Poloniex

from .convert import from_capture
from .expectations import data, expected, message

TARDIS = "wire/poloniex/tardis-messages.jsonl"

SUPERSEDED = {(TARDIS, line) for line in (1, 2, 3, 4)}
"""Messages of the API before August 2022, which are arrays."""

BOOK, ACKNOWLEDGED = (TARDIS, 5), (TARDIS, 6)


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of Poloniex is passed over."""
    assert set(expected("poloniex")) == SUPERSEDED | {BOOK, ACKNOWLEDGED}


@pytest.mark.parametrize(("file", "line"), sorted(SUPERSEDED))
def test_messages_of_the_superseded_api_are_refused(file: str, line: int) -> None:
    """Arrays are not taken for objects, the trade of 2020 among them."""
    with pytest.raises(FrameError):
        Poloniex().read(message(file, line))


def test_current_messages_mean_what_others_state() -> None:
    """A book that is told by its changes gives nothing; a subscription is acknowledged."""
    assert Poloniex().read(message(*BOOK)) == ()
    assert Poloniex().read(message(*ACKNOWLEDGED)) == (Ack(("DASH_BTC", "XEM_BTC")),)


def test_a_book_of_levels_would_give_its_top() -> None:
    """The same message on the channel that is subscribed to is a quote."""
    frame = json.loads(message(*BOOK)) | {"channel": "book"}
    found = Poloniex().read(json.dumps(frame))
    assert found == (Quote("VSP_TRX", 0.062, 245.688, 510.51612, 145.01703, 1659916800614 * 10**6),)


def test_a_recorded_session_gives_every_trade_once_and_in_order() -> None:
    """Of the session of 2022 each trade comes once, in order, to the digit; nothing is damaged."""
    lines = list(from_capture(data("wire", "poloniex", "capture", "POLONIEX.ws.1.0.log"), "poloniex"))
    frames = [line["data"] for line in lines if line["kind"] == "ws"]
    stated = [
        (row["symbol"], Decimal(row["price"]), Decimal(row["quantity"]), row["takerSide"], row["id"], row["createTime"])
        for frame in map(json.loads, frames)
        if frame["channel"] == "trades"
        for row in frame.get("data", ())
    ]
    found = [item for frame in frames for item in Poloniex().read(frame)]
    assert len(stated) > 0
    assert [numbers(tick) for tick in found if isinstance(tick, Trade)] == stated
    (ack,) = [item for item in found if not isinstance(item, Trade)]
    assert isinstance(ack, Ack)
    assert "BTC_USDT" in ack.symbols


def numbers(trade: Trade) -> tuple[Any, ...]:
    """Return what a trade says, its numbers as the text they print as."""
    price, size = Decimal(repr(trade.price)), Decimal(repr(trade.size))
    return trade.symbol, price, size, trade.side, trade.trade_id, (trade.ts_event or 0) // 10**6
