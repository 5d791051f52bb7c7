"""What is written down of a run: everything, small, and whatever a plugin calls a number."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest

from chrono.core.component import Status
from chrono.core.types import (
    SECOND,
    Agreement,
    Estimate,
    Feed,
    Market,
    Missing,
    Pair,
    Price,
    Quote,
    Report,
    Round,
    Ticker,
    Trade,
    Verdict,
)
from chrono.store.entries import QUOTE, TICKER, TRADE, Clerk, Entry, Opening, encode, read
from tests.store.made import MARKETS, START, description, entry, opening

BTC, ETH = (recipe.feed for recipe in description().recipes)
NORTH, SOUTH, EAST = MARKETS
WHEN = Round(7, START, START + SECOND)


def clerk() -> Clerk:
    """Return one who begins to write."""
    return Clerk(description(), START)


def estimate(market: Market, value: Any = 100.0, **more: Any) -> Estimate:
    """Return what a market said."""
    given = {"weight": 2.0, "n": 3, "age": 5, "method": "last"} | more
    return Estimate(market, BTC.pair, value, **given)


def priced(**more: Any) -> Price:
    """Return a price of two markets; the third was dropped, and never said anything."""
    agreement = Agreement(100.0, 0.95, {NORTH: 0.25, SOUTH: 0.75})
    dropped = {EAST: {"code": "no_data"}}
    parts = {"estimates": (estimate(NORTH), estimate(SOUTH)), "age": 5, "rhythm": 9, "agreement": agreement} | more
    return Price(BTC, 100.5, 0.9, (NORTH, SOUTH), dropped, "median", agreement.shares, **parts)


def rows(report: Report) -> Entry:
    """Return the entry of a report, as it is read from a spool."""
    written = clerk().entry(report)
    assert written is not None
    again = read(encode(written))
    assert isinstance(again, Entry)
    return again


def test_report_is_one_entry() -> None:
    """Its round, a row for each feed, one for each market that said or should have said something."""
    missing = Missing(ETH, {"code": "no_quorum", "used": 0}, (), {}, notices=({"code": "depeg"},))
    found = rows(Report(WHEN, (priced(), missing)))
    assert found.round == (7, START, START + SECOND)
    assert [tuple(row) for row in found.prices] == [
        (0, 100.5, 0.9, 100.0, 0.95, 5, 9, None, None),
        (1, None, 0.0, None, None, 0, 0, {"code": "no_quorum", "used": 0}, [{"code": "depeg"}]),
    ]
    assert [tuple(row) for row in found.estimates] == [
        (0, 0, 100.0, 2.0, 3, 5, 0, 0.25, 1.0, 0.0, None, None, None),
        (0, 1, 100.0, 2.0, 3, 5, 0, 0.75, 1.0, 0.0, None, None, None),
        (0, 2, *(None,) * 10, {"code": "no_data"}),
    ]


def test_rates_that_no_one_declared_are_written_down_too() -> None:
    """A conversion cannot be explained without them."""
    found = rows(Report(WHEN, (), rates=(priced(),)))
    assert [row[0] for row in found.prices] == [0]


def test_estimate_that_was_rejected_has_its_reason_and_no_share() -> None:
    """It is a row like the others, with its path and its method where these are not the usual ones."""
    rejected = estimate(EAST, 150.0, path=("USDT/USD", "1/(USD/JPY)"), method="mid")
    dropped = {EAST: {"code": "outlier"}}
    found = rows(
        Report(
            WHEN,
            (
                priced(
                    rejected=(rejected,),
                ),
            ),
        )
    )
    assert found.estimates[2][10:12] == ("USDT/USD × 1/(USD/JPY)", "mid")
    assert found.estimates[2][7] is None
    found = rows(Report(WHEN, (msgspec.structs.replace(priced(rejected=(rejected,)), dropped=dropped),)))
    assert found.estimates[2][12] == {"code": "outlier"}
    assert len(found.estimates) == 3


def test_verdict_is_written_down_for_each_feed_that_was_screened() -> None:
    """One of nobody's is for all that have the market; one about no market of ours is none."""
    said = (
        Verdict(SOUTH, False, 2.5, "far", {"distance_bp": 12.0}),
        Verdict(Market("nobody", Pair("A", "B")), False, 1.0),
        Verdict(NORTH, True, 1.0, "odd", detector="somebody else"),
    )
    found = rows(Report(WHEN, (), verdicts=said))
    assert [tuple(row) for row in found.verdicts] == [
        (0, 0, 1, "", False, 2.5, "far", {"distance_bp": 12.0}),
        (1, 1, 1, "", False, 2.5, "far", {"distance_bp": 12.0}),
    ]


def test_statuses_and_ticks_are_of_the_next_entry() -> None:
    """And of no other; each has a number of its own."""
    one = clerk()
    one.status(Status("north", "live", at=START))
    one.status(Status("north", "degraded", "slow", "it is slow", NORTH, START))
    one.tick(NORTH, Trade("s", 1.0, 2.0, "sell", "t", 5), START)
    one.tick(NORTH, Quote("s", 1.0, 2.0, 3.0, 4.0), START)
    one.tick(NORTH, Ticker("s", 1.0, 2.0), START)
    one.tick(Market("nobody", Pair("A", "B")), Trade("s", 1.0, 2.0), START)
    assert one.ticks == 3
    first = one.entry(Report(WHEN, ()))
    assert first is not None
    assert first.statuses == [
        (START, START, "north", None, "live", "", ""),
        (START, START + 1, "north", "north:BTC/USD", "degraded", "slow", "it is slow"),
    ]
    assert first.ticks == [
        (0, 5, START + 2, START, TRADE, 1.0, 2.0, "sell", "t", None, None, None, None),
        (0, START, START + 3, START, QUOTE, None, None, None, None, 1.0, 2.0, 3.0, 4.0),
        (0, START, START + 4, START, TICKER, 1.0, 2.0, *(None,) * 6),
    ]
    assert one.entry() is None
    one.status(Status("north", "live", at=START))
    alone = one.entry()
    assert alone is not None
    assert (alone.round, len(alone.statuses), alone.prices) == (None, 1, [])


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(1.5), 1.5),
        (Fraction(3, 2), 1.5),
        (7, 7.0),
        (math.nan, None),
        (math.inf, math.inf),
        (Decimal("1.5"), None),
        ("1.5", None),
        (None, None),
    ],
)
def test_number_of_a_plugin_is_a_number_or_nothing(told: Any, kept: float | None) -> None:
    """Of another library, or none at all: an entry can be written and read."""
    found = rows(Report(WHEN, (priced(estimates=(estimate(NORTH, weight=told), estimate(SOUTH))),)))
    assert found.estimates[0][3] == kept
    found = rows(Report(WHEN, (), verdicts=(Verdict(NORTH, np.bool_(True), told),)))  # type: ignore[arg-type]
    assert found.verdicts[0][4:6] == (True, kept)


@pytest.mark.parametrize(
    ("told", "kept"), [(np.int64(3), 3), (3.7, 3), (math.nan, None), (math.inf, None), ("many", None), (None, None)]
)
def test_count_of_a_plugin_is_whole_or_nothing(told: Any, kept: int | None) -> None:
    """As the column wants it."""
    found = rows(Report(WHEN, (priced(estimates=(estimate(NORTH, n=told), estimate(SOUTH))),)))
    assert found.estimates[0][4] == kept


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (np.float64(1.5), 1.5),
        (Decimal("1.5"), "1.5"),
        (object, "<class 'object'>"),
        ({"a": [np.int64(1)]}, {"a": [1]}),
        (2**70, float(2**70)),
        ([-(2**70), 5], [float(-(2**70)), 5]),
        ("text", "text"),
    ],
)
def test_reason_may_hold_anything(told: Any, kept: Any) -> None:
    """What MessagePack has no word for is kept in words, what it has no room for as a number that is not whole."""
    found = rows(Report(WHEN, (Missing(BTC, {"code": "odd", "told": told}, (), {}),)))
    assert found.prices[0][7] == {"code": "odd", "told": kept}


def test_opening_is_read_as_it_was_written() -> None:
    """The description and all."""
    assert read(encode(opening())) == opening()
    assert clerk().opening == Opening(START, description(), MARKETS)


def test_what_is_neither_is_nothing() -> None:
    """Bytes of something else, or of another version."""
    assert read(b"") is None
    assert read(msgspec.msgpack.encode({"something": "else"})) is None
    assert read(msgspec.msgpack.encode(["later", 1, 2])) is None
    assert read(encode(entry(1))[:-1]) is None


def test_feed_without_markets_is_no_obstacle() -> None:
    """One that nobody quotes has a row all the same."""
    feed = Feed("X/USD", Pair("X", "USD"), 2, ())
    lone = msgspec.structs.replace(description().recipes[0], feed=feed)
    writer = Clerk(msgspec.structs.replace(description(), recipes=(lone,)), START)
    written = writer.entry(Report(WHEN, (Missing(feed, {"code": "no_quorum"}, (), {EAST: {"code": "odd"}}),)))
    assert written is not None
    assert (len(written.prices), written.estimates) == (1, [])
