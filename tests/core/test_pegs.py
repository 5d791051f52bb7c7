"""Stablecoins off their peg, rates that are disputed, and two ways to one currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.pricing import PricingState, price
from chrono.core.registry import Registry
from chrono.core.reporting import rows
from chrono.core.types import SECOND, Missing, Price, Report, Round, Trade

NOW = 1_795_342_500 * SECOND
FIVE = "sources: {a: {type: push}, b: {type: push}, c: {type: push}, d: {type: push}, e: {type: push}}\n"
FEEDS = "feeds: {BTC/USD: {decimals: 2}, USDT/USD: {decimals: 5, markets: ['*:USDT/USD']}}\n"


def reported(text: str, trades: Mapping[str, float]) -> Report:
    """Price one round of prints a second old, `source:PAIR` to price."""
    pipeline = build(text, Registry(found=()))
    board = pipeline.board(VirtualClock(NOW))
    for market, worth in trades.items():
        source, _, symbol = market.partition(":")
        board.inlets[source](Trade(symbol, worth, 1.0, "buy", "", NOW - SECOND), NOW - SECOND)
    return price(pipeline.plans, board.window, PricingState(), Round(NOW // SECOND, NOW, NOW + SECOND)).report


def of(report: Report, feed: str) -> Price | Missing:
    return next(result for result in (*report.results, *report.rates) if result.feed.name == feed)


def codes(result: Price | Missing) -> dict[str, str]:
    return {str(market): reason["code"] for market, reason in result.dropped.items() if reason["code"] != "no_data"}


def rated(worth: float, **others: float) -> dict[str, float]:
    return {f"{source}:USDT/USD": others.get(source, worth) for source in "abcde"}


def test_depeg_is_announced_on_the_rate_and_on_what_it_converts() -> None:
    """The value is right, and says what happened."""
    trades = {**rated(0.97), "a:BTC/USD": 97.0, "b:BTC/USDT": 100.0, "c:BTC/USDT": 100.0}
    report = reported(FIVE + FEEDS, trades)
    for feed in ("BTC/USD", "USDT/USD"):
        (notice,) = of(report, feed).notices
        assert notice == {"code": "depeg", "rate": "USDT/USD", "value": pytest.approx(0.97), "limit": 0.01}
    assert of(report, "BTC/USD").value == pytest.approx(97.0)  # type: ignore[union-attr]
    assert [row["notices"] for row in rows(report)] == [result.notices for result in report.results]


def test_peg_that_holds_is_no_news() -> None:
    """Half a per cent off is a bad day, not a depeg, unless the file says so."""
    trades = {**rated(0.995), "a:BTC/USD": 99.5, "b:BTC/USDT": 100.0}
    assert of(reported(FIVE + FEEDS, trades), "BTC/USD").notices == ()
    assert of(reported(FIVE + FEEDS + "depeg: {beyond: 20bp}\n", trades), "BTC/USD").notices


@pytest.mark.parametrize(
    ("native", "kept"), [(("a", "b"), {"a:BTC/USD", "b:BTC/USD"}), (("a",), {"a:BTC/USD", "c:BTC/USDT", "d:BTC/USDT"})]
)
def test_dollar_markets_are_preferred_where_they_are_a_quorum(native: tuple[str, ...], kept: set[str]) -> None:
    """One alone is none, and what is converted counts again."""
    trades = {**rated(0.97), "c:BTC/USDT": 100.0, "d:BTC/USDT": 100.0, **{f"{v}:BTC/USD": 97.0 for v in native}}
    result = of(reported(FIVE + FEEDS + "depeg: {mode: prefer_usd}\n", trades), "BTC/USD")
    assert isinstance(result, Price)
    assert {str(market) for market in result.used} == kept
    assert set(codes(result).values()) <= {"depeg"}


def test_feed_may_halt_while_its_rate_goes_on() -> None:
    """Only what is quoted in the stablecoin has no value."""
    trades = {**rated(0.97), "a:BTC/USD": 97.0, "b:BTC/USD": 97.0, "c:BTC/USDT": 100.0}
    report = reported(FIVE + FEEDS.replace("decimals: 2", "decimals: 2, depeg: {mode: halt}"), trades)
    result = of(report, "BTC/USD")
    assert isinstance(result, Missing)
    assert result.reason["code"] == "depeg"
    assert isinstance(of(report, "USDT/USD"), Price)


def test_rate_that_two_of_five_dispute_is_none() -> None:
    """Three venues stay at one while two fall: nobody can say who is right, and nothing is converted."""
    trades = {**rated(1.0, d=0.97, e=0.97), **{f"{v}:BTC/USDT": 100.0 for v in "cde"}, "a:BTC/USD": 97.0}
    report = reported(FIVE + FEEDS, trades)
    rate, feed = of(report, "USDT/USD"), of(report, "BTC/USD")
    assert isinstance(rate, Missing)
    assert rate.reason == {"code": "disputed", "rejected": 0.4, "limit": pytest.approx(1 / 3)}
    assert isinstance(feed, Missing)
    assert codes(feed)["c:BTC/USDT"] == "rate_missing"


def test_feed_most_of_whose_venues_were_rejected_is_disputed() -> None:
    """Two dollar venues of eight do not speak for all where the rate is gone."""
    sources = "sources: {" + ", ".join(f"v{i}: {{type: push}}" for i in range(8)) + "}\n"
    trades = {f"v{i}:BTC/USDT": 100.0 for i in range(2, 8)} | {"v0:BTC/USD": 97.0, "v1:BTC/USD": 97.0}
    result = of(reported(sources + FEEDS, trades), "BTC/USD")
    assert isinstance(result, Missing)
    assert result.reason == {"code": "disputed", "rejected": 0.75, "limit": pytest.approx(2 / 3)}
    loose = of(reported(sources + FEEDS + "limits: {max_disputed: 80%}\n", trades), "BTC/USD")
    assert isinstance(loose, Price)


TWO_WAYS = (
    FIVE
    + """
feeds:
  EUR/USD: {markets: ['*:EUR/USD']}
  USDT/EUR: {markets: ['*:USDT/EUR']}
  USDT/USD: {markets: ['*:USDT/USD']}
  BTC/USD: {markets: ['*:BTC/USDT']}
"""
)


def ways(direct: float | None, around: float) -> dict[str, float]:
    found = {f"{v}:{pair}": worth for v in "abc" for pair, worth in (("EUR/USD", 1.08), ("USDT/EUR", around / 1.08))}
    found |= {f"{v}:USDT/USD": direct for v in "abc"} if direct is not None else {}
    return found | {f"{v}:BTC/USDT": 100.0 for v in "abc"}


@pytest.mark.parametrize(
    ("direct", "around", "value", "path"),
    [(1.0, 1.002, 100.0, ("USDT/USD",)), (None, 1.002, 100.2, ("USDT/EUR", "EUR/USD"))],
)
def test_other_way_is_gone_where_the_first_cannot_be(direct: Any, around: float, value: float, path: Any) -> None:
    """And where both can, the shorter one counts."""
    result = of(reported(TWO_WAYS, ways(direct, around)), "BTC/USD")
    assert isinstance(result, Price)
    assert result.value == pytest.approx(value)
    assert result.estimates[0].path == path


def test_ways_that_come_out_apart_are_not_gone() -> None:
    """One of the rates is wrong, and nobody can say which."""
    result = of(reported(TWO_WAYS, ways(1.0, 0.97)), "BTC/USD")
    assert isinstance(result, Missing)
    reason = next(reason for reason in result.dropped.values() if reason["code"] != "no_data")
    assert reason["code"] == "rate_paths_differ"
    assert (reason["path"], reason["other"]) == ("USDT/USD", "USDT/EUR EUR/USD")
    assert reason["gap"] == pytest.approx(-0.03)


def test_converted_prices_carry_the_age_and_the_doubt_of_their_rate() -> None:
    """A rate whose venues are 60 bp apart costs its markets their vote, not their place."""
    trades = {"a:USDT/USD": 1.003, "b:USDT/USD": 0.997, "a:BTC/USD": 100.0, "b:BTC/USD": 100.01}
    trades |= {f"{v}:BTC/USDT": 100.4 for v in "cde"}
    result = of(reported(FIVE + FEEDS, trades), "BTC/USD")
    assert isinstance(result, Price)
    (doubt,) = {e.uncertainty for e in result.estimates if e.path}
    assert doubt == pytest.approx(30e-4)
    assert all(e.trust < 0.5 for e in result.estimates if e.path)
    assert result.value == pytest.approx(100.005, abs=0.006)


def test_stablecoin_is_priced_over_those_before_it() -> None:
    """USDC also from its USDT pairs, USDT from its own alone: no two need each other."""
    text = FIVE + "feeds: {USDC/USD: {}, USDT/USD: {}}\n"
    pipeline = build(text, Registry(found=()))
    pairs = {plan.feed.name: {str(market.pair) for market in plan.feed.markets} for plan in pipeline.plans}
    assert pairs == {"USDC/USD": {"USDC/USD", "USDC/USDT"}, "USDT/USD": {"USDT/USD"}}


def test_apart_by_conversion_is_said() -> None:
    """Dollar markets here, converted ones there: the rate is suspect even where its venues agree."""
    trades = {**rated(1.0), "a:BTC/USD": 97.0, "b:BTC/USD": 97.0, **{f"{v}:BTC/USDT": 100.0 for v in "cde"}}
    notices = of(reported(FIVE + FEEDS, trades), "BTC/USD").notices
    assert [notice["code"] for notice in notices] == ["conversion_gap"]
    assert notices[0]["gap"] == pytest.approx(100 / 97 - 1)


def test_rate_is_not_disputed_by_who_agrees_again() -> None:
    """Two of five were late; while they wait to be let back in, the other three are the rate."""
    pipeline = build(FIVE + FEEDS, Registry(found=()))
    board, state, codes_of = pipeline.board(VirtualClock(NOW)), PricingState(), []
    for second, late in enumerate([1.0, 0.97, 1.0]):
        now = NOW + second * SECOND
        for source in "abcde":
            worth = late if source in "de" else 1.0
            board.inlets[source](Trade("USDT/USD", worth, 1.0, "buy", "", now), now)
        outcome = price(pipeline.plans, board.window, state, Round(now // SECOND, now, now + SECOND))
        state = outcome.state
        rate = of(outcome.report, "USDT/USD")
        codes_of.append(rate.reason["code"] if isinstance(rate, Missing) else sorted(codes(rate).values()))
    assert codes_of == [[], "disputed", ["quarantine", "quarantine"]]


def test_one_rogue_is_no_gap() -> None:
    """Its neighbours agree with the other side."""
    trades = {**rated(1.0), "a:BTC/USD": 110.0, "b:BTC/USD": 100.0, **{f"{v}:BTC/USDT": 100.0 for v in "cde"}}
    assert of(reported(FIVE + FEEDS, trades), "BTC/USD").notices == ()


def test_what_is_left_out_by_choice_is_not_disputed() -> None:
    """Two dollar venues of eight are a quorum while the other six are quoted in what fell."""
    sources = "sources: {" + ", ".join(f"{v}: {{type: push}}" for v in "abcdefgh") + "}\n"
    trades = {**rated(0.97), **{f"{v}:BTC/USDT": 100.0 for v in "cdefgh"}, "a:BTC/USD": 97.0, "b:BTC/USD": 97.0}
    result = of(reported(sources + FEEDS + "depeg: {mode: prefer_usd}\n", trades), "BTC/USD")
    assert isinstance(result, Price)
    assert {str(market) for market in result.used} == {"a:BTC/USD", "b:BTC/USD"}


def test_euro_is_no_stablecoin() -> None:
    """A rate of 1.08 is no depeg."""
    text = FIVE + "quotes: [USD, EUR]\nfeeds: {BTC/USD: {}}\n"
    trades = {f"{v}:{pair}": worth for v in "ab" for pair, worth in (("EUR/USD", 1.08), ("BTC/EUR", 100.0))}
    result = of(reported(text, trades), "BTC/USD")
    assert isinstance(result, Price)
    assert (result.value, result.notices) == (pytest.approx(108.0), ())
