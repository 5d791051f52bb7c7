"""Assets under two names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chrono.core.assets import COLLISIONS, RENAMES, Rename, collision, rename
from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.errors import ConfigError
from chrono.core.pricing import PricingState, price
from chrono.core.registry import Registry
from chrono.core.types import SECOND, Missing, Price, Round, Trade

TEXT = """
sources: {v1: {type: push}, v2: {type: push}, v3: {type: push}}
feeds: {POL/USD: {markets: ['*:POL/USD', '*:MATIC/USD']}}
"""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def priced(now: int, trades: dict[str, float], text: str = TEXT) -> Price | Missing:
    pipeline = build(text, Registry(found=()))
    board = pipeline.board(VirtualClock(now))
    for market, worth in trades.items():
        source, _, symbol = market.partition(":")
        board.inlets[source](Trade(symbol, worth, 1.0, "buy", "", now - SECOND), now - SECOND)
    when = Round(now // SECOND, now, now + SECOND)
    return price(pipeline.plans, board.window, PricingState(), when).report.results[0]


def test_both_names_are_one_asset_around_the_date() -> None:
    """A venue that trades under both has one vote."""
    trades = {"v1:MATIC/USD": 1.0, "v2:POL/USD": 1.001, "v3:POL/USD": 1.002, "v3:MATIC/USD": 1.002}
    result = priced(at("2024-09-10"), trades)
    assert isinstance(result, Price)
    assert result.value == 1.001
    by_group: dict[str, float] = {}
    for market, share in result.shares.items():
        by_group[market.group] = by_group.get(market.group, 0.0) + share
    assert max(by_group.values()) <= 0.4 + 1e-12


@pytest.mark.parametrize(("day", "old", "new"), [("2024-05-01", "", "renamed"), ("2026-01-01", "renamed", "")])
def test_a_name_means_the_asset_in_its_time(day: str, old: str, new: str) -> None:
    """Before, the new name may be another coin; long after, the old one may be."""
    trades = {f"{venue}:{base}/USD": 1.0 for venue in ("v1", "v2") for base in ("MATIC", "POL")}
    result = priced(at(day), trades)
    assert isinstance(result, Price)
    codes = {market.pair.base: reason["code"] for market, reason in result.dropped.items() if market.source == "v1"}
    assert (codes.get("MATIC", ""), codes.get("POL", "")) == (old, new)
    assert result.confidence > 0.6


def test_a_reused_name_is_another_asset_from_the_day() -> None:
    """LUNA of 2022-06 is not what LUNA was."""
    known = rename("LUNC", "LUNA")
    assert known is not None
    assert known.valid("LUNA")[1] == at("2022-05-28")


def test_another_coin_is_refused() -> None:
    """A feed converts quotes, never its base."""
    with pytest.raises(ConfigError, match="expected a market of POL, was"):
        build(TEXT.replace("MATIC", "ETH"), Registry(found=()))


@pytest.mark.parametrize("known", RENAMES, ids=lambda known: known.new)
def test_names_leave_no_gap(known: Rename) -> None:
    """Two names of one unit overlap, those of two units meet on the day; the new one is valid for good."""
    (_, until), (since, end) = known.valid(known.old), known.valid(known.new)
    assert since < until or (since == until == at(known.on.isoformat()) and known.ratio != 1)
    assert end == 2**63 - 1


def test_another_unit_is_no_other_name() -> None:
    """What is worth a quarter is not mixed with what it came from: the old market ends on the day."""
    text = TEXT.replace("POL", "MANTRA").replace("MATIC", "OM")
    with pytest.raises(ConfigError, match="expected a market of MANTRA, was"):
        build(text, Registry(found=()))
    (known,) = [each for each in RENAMES if each.old == "OM"]
    assert known.ratio == 4
    assert known.valid("OM") == (0, at("2026-03-04"))


def test_assets_are_listed_once() -> None:
    """No name is old twice, and no ticker of a venue has two meanings at one time."""
    assert len({known.old for known in RENAMES}) == len(RENAMES)
    assert len({(each.venue, each.ticker) for each in COLLISIONS}) == len(COLLISIONS)


@pytest.mark.parametrize(
    ("venue", "ticker", "day", "means"),
    [
        ("bybit", "GRAM", "2026-06-10", "the jetton of 2024"),
        ("bybit", "GRAM", "2026-07-10", None),
        ("kraken", "GRAM", "2026-06-10", None),
        ("htx", "HOT", "2026-07-10", "Hydro Protocol"),
        ("htx", "BTC", "2026-07-10", None),
    ],
)
def test_a_ticker_may_be_another_asset_at_one_venue(venue: str, ticker: str, day: str, means: str | None) -> None:
    """Only there, and only for its time."""
    known = collision(venue, ticker, at(day))
    assert (known and known.means) == means
