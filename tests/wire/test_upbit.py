"""Upbit's frames as others recorded and documented them, and what they state of them."""

import base64
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Pair, Quote, Trade
from chrono_upbit import Upbit, UpbitTrades

from .convert import Line, from_capture
from .expectations import data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/upbit/tardis-messages.jsonl"

STATED = {(TARDIS, 1), (TARDIS, 2)}
"""A book, of which the top is a quote, and a trade."""


@pytest.fixture
def upbit() -> Upbit:
    """Return the venue."""
    return Upbit()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of Upbit is passed over."""
    assert set(expected("upbit")) == STATED


def test_messages_mean_what_others_state(upbit: Upbit) -> None:
    """The trade is as stated, and the top of the book is that of the levels stated."""
    stated = expected("upbit")
    assert list(upbit.read(message(TARDIS, 2))) == ticks(stated[TARDIS, 2])
    (book,) = stated[TARDIS, 1]
    bid, ask = book["bids"][0], book["asks"][0]
    top = Quote("KRW-DOT", bid["price"], ask["price"], bid["amount"], ask["amount"], nanoseconds(book["timestamp"]))
    assert upbit.read(message(TARDIS, 1)) == (top,)


def test_documented_trades_decode(upbit: Upbit) -> None:
    """The trade of the fixture is marked as past; the same as news is read."""
    _, (update,) = fixture("upbit", "fixtures", "ws-Trades.txt")
    assert upbit.read(update) == ()
    assert upbit.read(update.replace("SNAPSHOT", "REALTIME")) == (
        Trade("KRW-ETH", 37625.0, 8.428e-05, "sell", "1696585056846000", 1696585056846 * 10**6),
    )


def test_other_documented_types_give_nothing(upbit: Upbit) -> None:
    """Candles are no prices of ours."""
    _, (update,) = fixture("upbit", "fixtures", "ws-Kline.txt")
    assert upbit.read(update) == ()


def test_documented_answers_are_read(upbit: Upbit) -> None:
    """Trades and pairs over REST."""
    body = data("wire", "upbit", "fixtures", "rest-GetTradeHistory.txt").read_text().split("\n", 3)[3]
    assert UpbitTrades().read(f'{{"symbol": "KRW-BTC", "answer": {body}}}') == (
        Trade("KRW-BTC", 147058000.0, 0.00006043, "buy", "17510687993360000", 1751068799336 * 10**6),
    )
    body = data("wire", "upbit", "fixtures", "rest-GetSymbols.txt").read_text().split("\n", 3)[3]
    assert [listing.pair for listing in upbit.listed(body.encode())] == [Pair("BTC", "KRW"), Pair("ETH", "KRW")]


def test_a_recorded_session_gives_every_trade_once_and_in_order(upbit: Upbit) -> None:
    """Of the session of 2021, short names in binary, each trade and top comes once, in order, to the digit."""
    lines = list(from_capture(data("wire", "upbit", "capture", "UPBIT.ws.62.0.log"), "upbit"))
    frames = [line for line in lines if line["kind"] == "ws"]
    stated = list(independent(frames))
    assert len([row for row in stated if row[3] in {"buy", "sell"}]) == 299
    found = [item for frame in frames for item in upbit.read(base64.b64decode(frame["b64"]))]
    assert [text_of(item) for item in found] == stated


def text_of(item: Any) -> tuple[Any, ...]:
    """Return what was read, its numbers as the text they stand for."""
    if isinstance(item, Trade):
        return item.symbol, text(item.price), text(item.size), item.side, item.trade_id, item.ts_event
    return item.symbol, *map(text, (item.bid, item.ask, item.bid_size, item.ask_size)), item.ts_event


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the standard library's JSON and Decimal, on the frame's own text."""
    for frame in frames:
        event = json.loads(base64.b64decode(frame["b64"]), parse_float=Decimal)
        if event["ty"] == "trade":
            side = {"ASK": "sell", "BID": "buy"}[event["ab"]]
            yield event["cd"], event["tp"], event["tv"], side, str(event["sid"]), event["ttms"] * 10**6
        else:
            first = event["obu"][0]
            yield event["cd"], *(first[key] for key in ("bp", "ap", "bs", "as")), event["tms"] * 10**6


def test_a_recorded_list_is_read(upbit: Upbit) -> None:
    """Every pair of 2021 has the code that it is subscribed to with, its quote first."""
    body = data("instruments", "upbit-2021-04-17.log").read_text().partition(": ")[2].partition(" header: ")[0]
    found = list(upbit.listed(body.strip().encode()))
    assert len(found) > 200
    assert {listing.pair.quote for listing in found if listing.pair} == {"KRW", "BTC", "USDT"}
    for listing in found:
        assert listing.pair is not None
        assert upbit.symbol(listing.pair) == listing.symbol == f"{listing.pair.quote}-{listing.pair.base}"
