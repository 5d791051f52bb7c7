"""A good pipeline file becomes a config that knows its components, its defaults and its lines."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chrono.core.config import FeedConfig, LimitsConfig, MarketPattern, PipelineConfig, load
from chrono.core.types import Pair

FULL = """\
name: crypto-usd
every: 500ms
feeds:
  USDT/USD: {decimals: 5}
  BTC/USD:
    decimals: 2
    markets: [kraken:BTC/USD, coinbase:BTC/USD, "*:BTC/USDT"]
    aggregator: last
    detectors: []
    limits: {min: 1000}
  1INCH/USD:
sources:
  kraken: {}
  kraken/eu: {silence: 10s}
  fast.one: {type: coinbase}
  coinbase:
aggregator: {twap: {window: 10s}}
detectors: [flatline, {cohort: {max_deviation: 2%}}, {cohort: {max_deviation: 50bp}}]
consensus: {weighted_median: {min_venues: 2}}
limits: {max_jump: 10%, min: 0.5}
sinks:
  console: {}
  sqlite: {path: prices.db}
state: crypto.state
"""
SMALL = "feeds: {BTC/USD: }\nsources: {kraken: }\n"


@pytest.fixture
def full(parse: Callable[[str], PipelineConfig]) -> PipelineConfig:
    """Return the full file, loaded."""
    return parse(FULL)


def test_file_of_two_lines_has_every_default(parse: Callable[[str], PipelineConfig]) -> None:
    """Only feeds and sources are required; null options are no options."""
    config = parse(SMALL)
    assert config.name == "p"
    assert config.every == 1_000_000_000
    assert config.quotes == ("USD", "USDT", "USDC")
    assert config.feeds == {"BTC/USD": FeedConfig()}
    assert config.feeds["BTC/USD"].decimals == 8
    assert config.feeds["BTC/USD"].category == "crypto"
    assert (config.aggregator, config.detectors, config.consensus, config.state) == (None, None, None, None)
    assert list(config.sinks) == ["console"]


def test_key_left_empty_counts_as_not_written(parse: Callable[[str], PipelineConfig]) -> None:
    """A key whose lines were commented out takes its default."""
    config = parse(
        "every:\nlimits:\ndetectors:\nsinks:\naggregator:\nfeeds: {BTC/USD: {limits: , markets: }}\nsources: {kraken: }"
    )
    assert config.every == 1_000_000_000
    assert config.detectors is None
    assert list(config.sinks) == ["console"]


def test_no_sinks_can_be_said(parse: Callable[[str], PipelineConfig]) -> None:
    """An empty mapping is not an absent one."""
    assert parse(SMALL + "sinks: {}").sinks == {}
    assert parse(SMALL + "detectors: []").detectors == ()


def test_component_is_resolved_with_its_options(full: PipelineConfig, registry: Any) -> None:
    """Each names its id, kind, type, class and validated options."""
    source = full.sources["kraken/eu"]
    assert (source.id, source.kind, source.type) == ("kraken/eu", "source", "kraken")
    assert source.cls is registry.classes["source", "kraken"]
    assert isinstance(source.options, source.cls.Config)
    assert source.options.silence == 10_000_000_000
    assert full.sources["fast.one"].type == "coinbase"
    assert full.aggregator is not None
    assert full.aggregator.options.window == 10_000_000_000  # type: ignore[attr-defined]
    assert full.sinks["sqlite"].options.path == "prices.db"  # type: ignore[attr-defined]


def test_second_detector_of_a_type_has_an_id_of_its_own(full: PipelineConfig) -> None:
    """What each remembers is kept apart."""
    assert [detector.id for detector in full.detectors or ()] == ["flatline", "cohort", "cohort/2"]


def test_each_type_is_resolved_once(full: PipelineConfig, registry: Any) -> None:
    """The registry is asked for what the file names, and for nothing twice."""
    assert full.sources
    assert sorted(registry.asked) == sorted(set(registry.asked))
    assert ("detector", "flatline") in registry.asked


def test_feed_takes_from_the_pipeline_what_it_leaves_open(full: PipelineConfig) -> None:
    """Overrides win, an empty list included; limits are taken one by one."""
    plain, override = full.feed("USDT/USD"), full.feed("BTC/USD")
    assert plain.aggregator is full.aggregator
    assert plain.detectors == full.detectors
    assert plain.quotes == full.quotes
    assert plain.limits == full.limits
    assert override.aggregator is not None
    assert override.aggregator.type == "last"
    assert override.detectors == ()
    assert override.consensus is full.consensus
    assert override.limits == LimitsConfig.model_validate({"max_jump": "10%", "min": 1000.0})


def test_market_pattern_matches_source_ids(full: PipelineConfig) -> None:
    """A star stands for any source, slashes included; a pattern knows its pair."""
    kraken, _, star = full.feeds["BTC/USD"].markets or ()
    assert kraken == MarketPattern("kraken", Pair("BTC", "USD"))
    assert (kraken.matches("kraken"), kraken.matches("kraken/eu")) == (True, False)
    assert (star.matches("kraken/eu"), str(star)) == (True, "*:BTC/USDT")


def test_place_of_any_path_can_be_asked_for(full: PipelineConfig) -> None:
    """The builder points at lines of the file, or at the nearest that is there."""
    assert full.where("feeds.BTC/USD.markets[0]") == "p.yaml:7:15"
    assert full.where("feeds.BTC/USD.quotes[1]") == "p.yaml:5:3"
    assert full.where("consensus.weighted_median.min_venues") == "p.yaml:19:43"
    assert full.where("sources.fast.one") == "p.yaml:15:3"
    assert full.detectors is not None
    assert full.where(full.detectors[2].path) == "p.yaml:18:55"


def test_problem_found_later_has_the_same_form(full: PipelineConfig) -> None:
    """Cross-checks read like the rest; without a file the pipeline's name stands for it."""
    line = full.problem("feeds.1INCH/USD", "expected a quorum\nin reach, was not")
    assert line == "p.yaml:11:3: feeds.1INCH/USD: expected a quorum in reach, was not"
    bare = PipelineConfig(name="bare", feeds={"BTC/USD": FeedConfig()}, sources=full.sources)
    assert bare.problem("feeds", "no") == "bare: feeds: no"
    assert bare.where("feeds") == "bare"


def test_config_is_frozen(full: PipelineConfig) -> None:
    """What was read stays what it is."""
    with pytest.raises(ValidationError):
        full.name = "other"


def test_path_is_read_and_text_is_taken_as_it_is(tmp_path: Path, registry: Any) -> None:
    """A file's stem names the pipeline where it does not name itself."""
    path = tmp_path / "crypto.eu.yaml"
    path.write_text(SMALL)
    config = load(path, registry)
    assert config.name == "crypto.eu"
    assert config.where("sources.kraken") == f"{path}:2:11"


def test_large_file_loads_in_less_than_half_a_second(parse: Callable[[str], PipelineConfig]) -> None:
    """Two hundred feeds of twenty explicit markets are no burden."""
    feeds = "".join(
        f"  C{feed}/USD:\n    decimals: 4\n    markets:\n" + "".join(f"      - s{s}:C{feed}/USDT\n" for s in range(20))
        for feed in range(200)
    )
    sources = "".join(f"  s{s}: {{type: kraken, silence: 10s}}\n" for s in range(20))
    text = f"feeds:\n{feeds}sources:\n{sources}"
    start = time.process_time()
    config = parse(text)
    assert time.process_time() - start < 0.5
    assert sum(len(feed.markets or ()) for feed in config.feeds.values()) == 4000
