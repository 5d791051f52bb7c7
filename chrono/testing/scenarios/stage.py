"""The pipeline a scenario is played to: the user's settings, with the scenario's feeds and venues.

Public names: Stage, stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from chrono.core import config as configuration
from chrono.core.build import DEFAULT_CONSENSUS, build, wire
from chrono.core.builtin import Push
from chrono.core.config import Declared, FeedConfig, PipelineConfig
from chrono.core.config.models import LimitsConfig, MarketPattern
from chrono.core.errors import ConfigError
from chrono.core.pipeline import Pipeline
from chrono.core.registry import Registry
from chrono.core.types import Market
from chrono.testing.scenarios.cast import Player, company
from chrono.testing.scenarios.scenario import Scenario

_PLAIN = "feeds: {BTC/USD: {}}\nsources: {v1: {type: push}}\n"


@dataclass(frozen=True)
class Stage:
    """A pipeline that is ready, who takes part, and the market of each of them."""

    pipeline: Pipeline
    players: Sequence[Player]
    markets: Mapping[str, Market]


@dataclass(frozen=True)
class Given:
    """Whose pipeline it is: a file, the defaults where there is none, and the feed whose settings to take."""

    file: Path | None = None
    feed: str | None = None


def check(given: Given) -> None:
    """Say everything that is wrong with the user's file.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    if given.file is not None:
        build(given.file, Registry())
        _settings(given, Registry())


@lru_cache(64)
def stage(given: Given, scenario: Scenario, n: int) -> Stage:
    """Wire a scenario's pipeline for n venues.

    Raises
    ------
    ConfigError
        If the file is wrong, or its settings cannot hold for these venues.
    """
    registry = Registry()
    players = company(scenario, n)
    pipeline = wire(_composed(given, registry, scenario, players), registry)
    pairs = {player.name: player.pair for player in players}
    markets = {market.source: market for market in pipeline.horizons if market.pair == pairs[market.source]}
    reads = {market: plan.aggregator.reads for plan in pipeline.plans for market in plan.feed.markets}
    return Stage(pipeline, [replace(player, reads=reads[markets[player.name]]) for player in players], markets)


def _other(scenario: Scenario) -> str:
    return scenario.world.other.partition("/")[0]


def _settings(given: Given, registry: Registry) -> tuple[PipelineConfig, FeedConfig, FeedConfig]:
    """Return the user's file, and what it says of the feed that is read and of its rates."""
    if given.file is None:
        config = configuration.load(_PLAIN, registry.component, filename="scenario.yaml")
        return config, FeedConfig(), FeedConfig()
    config = configuration.load(given.file, registry.component)
    if given.feed is not None and given.feed not in config.feeds:
        known = ", ".join(config.feeds)
        raise ConfigError(f"--feed: expected a feed of {given.file}: {known}; was {given.feed!r}")
    feed = FeedConfig(limits=config.limits) if given.feed is None else config.feed(given.feed)
    # a rate that no one declared is priced as the feed that needs it
    rate = config.feed("USDT/USD") if "USDT/USD" in config.feeds else feed.model_copy(update={"limits": LimitsConfig()})
    return config, feed, rate


def _composed(given: Given, registry: Registry, scenario: Scenario, players: Sequence[Player]) -> PipelineConfig:
    """Return the user's pipeline with the scenario's feeds and venues in place of its own."""
    config, feed, rate = _settings(given, registry)
    if scenario.world.min_venues is not None:
        feed = feed.model_copy(
            update={"consensus": _wanting(scenario.world.min_venues, feed.consensus or config.consensus, registry)}
        )
    feeds = {
        scenario.world.feed: _with_markets(feed, [p for p in players if p.kind == "v"]),
        "USDT/USD": _with_markets(rate, [p for p in players if p.kind == "r"]),
    }
    if scenario.world.euro:
        feeds["EUR/USD"] = _with_markets(rate, [p for p in players if p.kind == "e"])
    if scenario.world.other:
        patterns = tuple(
            MarketPattern.parse(f"{p.name}:{_other(scenario)}/{p.pair.quote}") for p in players if p.kind == "v"
        )
        feeds[scenario.world.other] = feed.model_copy(update={"decimals": 8, "markets": patterns})
    sources = {p.name: Declared(p.name, "source", Push.type, Push, Push.Config(), f"sources.{p.name}") for p in players}
    own: dict[str, Any] = {"feeds": feeds, "sources": sources, "sinks": {}, "state": None, "limits": LimitsConfig()}
    return config.model_copy(update=own)


def _with_markets(settings: FeedConfig, players: Sequence[Player]) -> FeedConfig:
    """Return a feed's settings for the scenario's venues; bounds in the user's own prices mean nothing here."""
    patterns = tuple(MarketPattern(p.name, pair) for p in players for pair in (p.pair, p.former) if pair is not None)
    limits = settings.limits.model_copy(update={"min": None, "max": None})
    return settings.model_copy(update={"decimals": 8, "markets": patterns, "quotes": None, "limits": limits})


def _wanting(least: int, consensus: Declared | None, registry: Registry) -> Declared:
    """Return a consensus that is content with so many venues, where it can be told."""
    if consensus is None:
        cls = registry.component("consensus", DEFAULT_CONSENSUS)
        consensus = Declared(DEFAULT_CONSENSUS, "consensus", DEFAULT_CONSENSUS, cls, cls.Config(), "consensus")
    options = consensus.options
    if "min_venues" not in type(options).model_fields:
        return consensus
    changed = options.model_copy(update={"min_venues": least})
    return Declared(consensus.id, consensus.kind, consensus.type, consensus.cls, changed, consensus.path)
