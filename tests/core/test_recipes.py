"""How feeds are priced, as plain data: all of it, no secret among it, and the same after it was written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from chrono.core.component import Detector
from chrono.core.recipes import Description, Leg, Part, behind
from chrono.core.types import SECOND, Estimate, Market, Pair, Verdict
from tests.core.conftest import Make

TEXT = """
every: 2s
feeds:
  BTC/USD: {decimals: 2, markets: ['v1:BTC/USD', 'v2:BTC/USDT', 'v3:BTC/KRW', 'v4:BTC/EUR']}
  USDT/USD: {decimals: 4}
  USDT/KRW: {}
sources: {v1: {type: push}, v2: {type: push}, v3: {type: push}, v4: {type: push}}
quotes: [USD, USDT, EUR]
aggregator: {last: {window: 10s}}
detectors: [{keyed: {key: '${env:KEY}', token: open}}]
consensus: {median: {min_venues: 2, max_age: 30s}}
"""


class Keyed(Detector):
    """Asks somebody, with a key."""

    type = "keyed"
    stage = "native"

    class Config(Detector.Config):
        """Options."""

        key: str
        """What opens."""
        token: SecretStr
        """What opens, too."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        return (), state


@pytest.fixture
def described(make: Make, monkeypatch: pytest.MonkeyPatch) -> Description:
    """Return a pipeline in words."""
    monkeypatch.setenv("KEY", "hunter2")
    return make(TEXT, detector=[Keyed]).described()


def test_pipeline_is_described_by_its_recipes(described: Description) -> None:
    """Rates that no one declared are among them, before what is converted with them."""
    names = [recipe.feed.name for recipe in described.recipes]
    assert (described.every, set(names)) == (2 * SECOND, {"BTC/USD", "USDT/USD", "USDT/KRW", "EUR/USD"})
    assert names.index("USDT/USD") < names.index("BTC/USD")
    assert [recipe.feed.published for recipe in described.recipes if recipe.feed.name == "EUR/USD"] == [False]


def test_parts_say_what_they_are_and_what_they_want(described: Description) -> None:
    """Types, options, and what pricing asks of them."""
    (recipe,) = (each for each in described.recipes if each.feed.name == "BTC/USD")
    assert (recipe.aggregator.type, recipe.aggregator.reads, recipe.aggregator.span) == ("last", "trades", 10 * SECOND)
    assert recipe.aggregator.options["window"] == "10s"
    assert (recipe.consensus.type, recipe.consensus.wanted, recipe.consensus.max_age) == ("median", 2, 30 * SECOND)
    assert [(part.type, part.stage) for part in recipe.native] == [("keyed", "native")]
    assert recipe.cohort == ()


def test_secrets_are_no_part_of_it(described: Description) -> None:
    """A reference stands for what it stands for, stars for what the file says itself."""
    assert "hunter2" not in repr(described)
    text = msgspec.json.encode(described).decode()
    assert "hunter2" not in text
    assert "open" not in text
    assert "${env:KEY}" in text


def test_ways_of_a_market_are_its_legs(described: Description) -> None:
    """None for what is quoted in the feed's own quote, one or two for others."""
    (recipe,) = (each for each in described.recipes if each.feed.name == "BTC/USD")
    ways = {market.source: recipe.ways(market)[0] for market in recipe.feed.markets}
    two = (Leg("USDT/KRW", inverse=True), Leg("USDT/USD"))
    assert ways == {"v1": (), "v2": (Leg("USDT/USD"),), "v3": two, "v4": (Leg("EUR/USD"),)}
    with pytest.raises(KeyError):
        recipe.ways(Market("v5", Pair("BTC", "USD")))


def test_rates_behind_a_feed_are_those_it_needs(described: Description) -> None:
    """And those that these need, each once."""
    recipes = {recipe.feed.name: recipe for recipe in described.recipes}
    assert sorted(behind(recipes, "BTC/USD")) == ["EUR/USD", "USDT/KRW", "USDT/USD"]
    assert behind(recipes, "USDT/USD") == []


@pytest.mark.parametrize("form", [msgspec.json, msgspec.msgpack])
def test_description_is_the_same_after_it_was_written_down(described: Description, form: Any) -> None:
    """To explain a price years later, nothing else is needed."""
    assert form.decode(form.encode(described), type=Description) == described


def test_component_without_limits_says_so() -> None:
    """A part that was made by hand wants nothing."""
    part = Part("any", "any")
    assert (part.options, part.reads, part.span, part.stage, part.wanted, part.max_age) == ({}, "", 0, "", 0, None)
