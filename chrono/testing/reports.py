"""Reports as the engine hands them to a sink: usual ones, and odd ones. Needs no pytest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from chrono.core.rates import Leg
from chrono.core.recipes import Description, Part, Recipe
from chrono.core.types import SECOND, Code, Feed, Market, Missing, Pair, Price, Report, Round

__all__ = ["FIRST", "described", "odd_reports", "report"]

FIRST = 1_795_342_500
"""The number of the first round that is published."""

BTC, ETH = (Feed(f"{base}/USD", Pair(base, "USD"), 2, ()) for base in ("BTC", "ETH"))
VENUE, OTHER = (Market(name, BTC.pair, name, "BTCUSD") for name in ("venue", "other"))


def described() -> Description:
    """Return what the pipeline is whose reports these are."""
    aggregator, consensus = Part("last", "last", reads="trades"), Part("weighted_median", "weighted_median", wanted=2)
    feeds = (msgspec.structs.replace(BTC, markets=(VENUE, OTHER)), ETH)
    ways: dict[str, tuple[Leg, ...]] = {str(VENUE): (), str(OTHER): ()}
    recipes = tuple(Recipe(feed, aggregator, consensus, conversions=ways) for feed in feeds)
    return Description("reports", SECOND, recipes)


def report(number: int) -> Report:
    """Return the report of the n-th round from `FIRST`: a price of BTC/USD, and no price of ETH/USD."""
    return _report(number, (_price(67_000.0 + number), _missing()))


def odd_reports() -> Iterator[tuple[str, Report]]:
    """Yield reports of the rounds from the tenth that are as they may be, and seldom are; each with a name."""
    odd: Sequence[tuple[str, Sequence[Price | Missing]]] = (
        ("no feed at all", ()),
        ("no price at all", (_missing(),)),
        ("another order", (_missing(), _price(67_000.0))),
        ("a price next to nothing", (_price(1e-12), _missing())),
        ("a price at the upper bound", (_price(9.99e14), _missing())),
        ("no market left", (_price(67_000.0, used=()), _missing())),
    )
    for number, (what, results) in enumerate(odd, 10):
        yield what, _report(number, results)


def _report(number: int, results: Sequence[Price | Missing]) -> Report:
    at = FIRST + number
    return Report(Round(at, at * SECOND, (at + 1) * SECOND), tuple(results))


def _price(value: float, used: Sequence[Market] | None = None) -> Price:
    dropped = {OTHER: {"code": Code.STALE.value, "age_s": 41.2, "limit_s": 30.0}}
    markets = (VENUE,) if used is None else tuple(used)
    return Price(BTC, value, 0.9, markets, dropped, "weighted_median", dict.fromkeys(markets, 1.0), (), SECOND)


def _missing() -> Missing:
    return Missing(ETH, {"code": Code.NO_QUORUM.value, "used": 0, "wanted": 2}, (), {})
