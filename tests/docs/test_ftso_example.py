"""The example for Flare: all of its feeds, in their order, from all the venues of the reference provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chrono.core.build import build
from chrono.core.builtin import Push
from chrono.core.errors import PluginError, UnknownType
from chrono.core.pipeline import Pipeline
from chrono.core.registry import Registry

EXAMPLE = Path(__file__).parents[2] / "examples" / "ftso.yaml"

FEEDS = """
AAVE 4 bn ga cb$ ok bg ht mx
ADA 5 kr$ bn mx bg ok cb$ ku
ALGO 5 cb$ mx ga bn bg by ku
APT 5 bn ok mx by cb$
ARB 5 bg bn mx ok by cb$ ku
ATOM 5 bn ht xt cb$
AVAX 5 bn cb$ mx ok by ht ku
BCH 4 bn cb$ ht xt ga
BERA 5 bn by ga mx bg ok cb$
BNB 4 bn xt ht mx kr$
BONK 9 bn cb$ ht ok
BTC 2 bn cb$ cr$ ga mx ku ok
DOGE 5 bn ok cb$ bg ga mx by
DOT 5 cb$ bn bg ga mx ok by
ENA 5 bn ga cb$ mx by ku
ETC 5 bg mx ga bn ok cb$ by
ETH 3 bn cb$ ga ku ok bg cr$
ETHFI 5 ga bn mx ok cb$ bg
FET 5 ga bn cb$ ok bg ku
FIL 5 bn ht cb$ bg ok
FLR 6 ga cb$ by ok kr$ ku
HBAR 5 bn ok cb$ by ku ht
HNT 5 by cb$ ga bg kr$ ku
HYPE 5 by ku bg ga bx xt
ICP 5 ga bn cb$ bg ok by ku
JUP 5 bn ga ok by mx ku bg
LEO 5 bf$ ok ga xt
LINK 5 mx bn cb$ ok bg by ht
LTC 4 bn ok ga bg cb$ by ku
MON 7 cb$ by ga ku bg
NEAR 5 bn mx bg ok by ku cb$
NIGHT 6 by ga ok kr$
NOT 7 mx bn bg ok by ku
ONDO 5 bn cb$ ga by ku bg ok
OP 5 bg bn ok ga cb$ by mx
PAXG 3 bn xt mx kr$ cb$
PENGU 6 bn cb$ ok by bg ga ku
PEPE 10 mx bn ok cb$ by ku ht
POL 5 mx bn bg ok by ht
PUMP 7 kr$ bn ok cb$ by mx ga
PYTH 5 bn ga ok by bg cb$ ku
QNT 4 bn kr$ cb$ ga bg ku by
RENDER 5 bn cb$ ok by kr$ bg
RUNE 5 mx bn ga ku
S 5 bn ga mx ok by cb$
SGB 7 kr$ mx cx
SHIB 9 bg mx cb$ bn ga ht ok
SOL 4 bn bg cr$ cb$ ok mx ga
SUI 5 bn cb$ ga kr$ ok bg ku
TAO 4 bn kr$ cb$ mx bg ku
TON 5 bn ok by mx ku bg ht
TRUMP 5 bn ga ok cb$ mx by ku
TRX 5 mx bn ht ok bg
UNI 5 ok ga bn cb$ ku ht
USDC 5 mx by ok kr bg
USDS 5 mx ht by ok
USDT 5 bs$ cb$ cr$ bf$ kr$
USDX 5 bm
WIF 5 bn ga cb$ mx ok by bg
XDC 6 ht br by ga kr$
XLM 6 bn cb$ mx ok ku by ht
XPL 5 bn ok by ku bg kr$
XRP 5 bn cr cb$ kr$ bg ok ga
"""
"""Base, decimals and venues of each feed in USD: github.com/flare-foundation/ftso-v2-example-value-provider,
src/config/feeds.json, and the reward epoch 392 of Flare, both read 2026-11-22; `$` marks a market in USD, others are in
USDT."""

VENUES = {
    "bf": "bitfinex",
    "bg": "bitget",
    "bm": "bitmart",
    "bn": "binance",
    "br": "bitrue",
    "bs": "bitstamp",
    "bx": "bingx",
    "by": "bybit",
    "cb": "coinbase",
    "cr": "cryptocom",
    "cx": "coinex",
    "ga": "gate",
    "ht": "htx",
    "kr": "kraken",
    "ku": "kucoin",
    "mx": "mexc",
    "ok": "okx",
    "xt": "xt",
}

TRADED_AS = {"USDS": "DAI"}


class Installed(Registry):
    """Takes a venue that is not installed for one that is fed from outside."""

    def component(self, kind: str, type: str) -> Any:
        try:
            return super().component(kind, type)
        except (PluginError, UnknownType):
            if kind == "source" and type in VENUES.values():
                return Push
            raise


def reference() -> Iterator[tuple[str, int, set[str]]]:
    """Yield name, decimals and markets of each feed."""
    for line in FEEDS.strip().splitlines():
        base, decimals, *venues = line.split()
        asset = TRADED_AS.get(base, base)
        markets = {f"{VENUES[venue[:2]]}:{asset}/{'USD' if venue.endswith('$') else 'USDT'}" for venue in venues}
        yield f"{base}/USD", int(decimals), markets


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """Return the example with what is installed."""
    return build(EXAMPLE, Installed())


def test_the_provider_has_the_same_feeds(pipeline: Pipeline) -> None:
    """The example that votes prices what the other shows."""
    provider = build(EXAMPLE.with_name("flare-provider.yaml"), Installed())
    assert [plan.feed for plan in provider.plans] == [plan.feed for plan in pipeline.plans]


def test_feeds_are_those_of_flare_in_their_order(pipeline: Pipeline) -> None:
    """An index and the decimals are all that the chain knows of a feed."""
    feeds = sorted((plan.feed for plan in pipeline.plans), key=lambda feed: feed.place)
    assert [(feed.name, feed.decimals) for feed in feeds] == [(name, decimals) for name, decimals, _ in reference()]
    assert len(feeds) == 63
    assert all(feed.published for feed in feeds)


def test_every_source_of_the_reference_provider_is_there(pipeline: Pipeline) -> None:
    """At least its 379 markets, by the same names."""
    markets = {plan.feed.name: {str(market) for market in plan.feed.markets} for plan in pipeline.plans}
    missing = {name: wanted - markets[name] for name, _, wanted in reference() if wanted - markets[name]}
    assert not missing
    assert sum(len(wanted) for _, _, wanted in reference()) == 379


def test_rates_need_no_feed_that_nobody_publishes(pipeline: Pipeline) -> None:
    """All that is converted is converted with the published USDT/USD."""
    used = {leg.rate for plan in pipeline.plans for legs in plan.conversions.values() for leg in legs}
    assert used == {"USDT/USD"}
