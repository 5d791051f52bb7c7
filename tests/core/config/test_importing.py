"""Another provider's list of feeds becomes a pipeline file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chrono.core import config
from chrono.core.build import build
from chrono.core.builtin import Push
from chrono.core.config.importing import NATIVE, import_feeds
from chrono.core.errors import ConfigError
from chrono.core.pipeline import Pipeline
from chrono.core.registry import Registry

ROOT = Path(__file__).parents[3]
OTHERS = {"ccxt", "generic", "simulated", "swissquote", "tiingo"}
"""Plugins that are no exchange of ccxt's."""


class Fed(Registry):
    """Takes any venue for one that is fed from outside."""

    def component(self, kind: str, type: str) -> Any:
        return Push if kind == "source" else super().component(kind, type)


def feed(name: str, *places: tuple[str, str], category: int = 1) -> dict[str, Any]:
    sources = [{"exchange": exchange, "symbol": symbol} for exchange, symbol in places]
    return {"feed": {"category": category, "name": name}, "sources": sources}


RATES = [
    feed("USDT/USD", ("kraken", "USDT/USD"), ("coinbase", "USDT/USD")),
    feed("USDC/USD", ("okx", "USDC/USDT"), ("kraken", "USDC/USD")),
]


@pytest.fixture
def imported(tmp_path: Path) -> Any:
    """Return a function that imports a list and builds the pipeline."""

    def made(*feeds: dict[str, Any]) -> tuple[Pipeline, str]:
        path = tmp_path / "feeds.json"
        path.write_text(json.dumps(feeds))
        text, note = import_feeds(path)
        return build(text, Fed(found=())), note

    return made


def markets(pipeline: Pipeline) -> dict[str, list[str]]:
    return {p.feed.name: [str(m) for m in p.feed.markets] for p in sorted(pipeline.plans, key=lambda p: p.feed.place)}


def test_list_becomes_a_pipeline_that_is_right(imported: Any) -> None:
    """Feeds in their order, each market with its quote, decimals where they are known."""
    pipeline, note = imported(feed("BTC/USD", ("gate", "BTC/USDT"), ("cryptocom", "BTC/USD")), *RATES)
    assert note == ""
    assert markets(pipeline) == {
        "BTC/USD": ["cryptocom:BTC/USD", "gate:BTC/USDT"],
        "USDT/USD": ["coinbase:USDT/USD", "kraken:USDT/USD"],
        "USDC/USD": ["kraken:USDC/USD", "okx:USDC/USDT"],
    }
    assert {p.feed.name: p.feed.decimals for p in pipeline.plans} == {"BTC/USD": 2, "USDT/USD": 5, "USDC/USD": 5}


@pytest.mark.parametrize(
    ("exchange", "source"),
    [
        ("gate", "gate"),
        ("gateio", "gate"),
        ("huobi", "htx"),
        ("coinbasepro", "coinbase"),
        ("binanceus", "binance_us"),
        ("xt", "xt"),
        ("ascendex", "ccxt/ascendex"),
    ],
)
def test_exchange_is_its_plugin_or_ccxt(imported: Any, exchange: str, source: str) -> None:
    """ccxt's word for an exchange is replaced by the type of its plugin."""
    pipeline, note = imported(feed("ETH/USD", (exchange, "ETH/USDT"), ("kraken", "ETH/USD")), *RATES)
    assert f"{source}:ETH/USDT" in markets(pipeline)["ETH/USD"]
    assert ("read by chrono-ccxt: ccxt/ascendex" in note) == (exchange == "ascendex")


def test_every_exchange_with_a_plugin_is_known() -> None:
    """A new plugin is taken for what it is, not for one of ccxt's."""
    folders = {path.parent.name for path in ROOT.glob("plugins/exchanges/*/pyproject.toml")}
    assert folders - OTHERS <= NATIVE


def test_one_venue_is_quorum_enough_where_there_is_one(imported: Any) -> None:
    """Otherwise the file would be refused."""
    pipeline, _ = imported(feed("USDX/USD", ("bitmart", "USDX/USDT")), *RATES)
    wanted = {plan.feed.name: plan.consensus.wanted for plan in pipeline.plans}
    assert wanted == {"USDX/USD": 1, "USDT/USD": 2, "USDC/USD": 2}


def test_rate_that_the_list_forgot_is_added(imported: Any) -> None:
    """Prices in USDT can not be had without it; it is said."""
    pipeline, note = imported(feed("ETH/USD", ("okx", "ETH/USDT"), ("kraken", "ETH/USD")))
    assert markets(pipeline)["USDT/USD"] == ["coinbase:USDT/USD", "kraken:USDT/USD"]
    assert note == "feeds.json: added, to convert with: USDT/USD"


def test_what_cannot_be_mapped_is_said_in_one_line(imported: Any) -> None:
    """The rest is imported all the same."""
    pipeline, note = imported(
        feed("BTC/USD", ("okx", "BTC/USDT:USDT"), ("okx", "ETH/USDT"), ("Böse: {}", "BTC/USD"), ("kraken", "BTC/USD")),
        feed("BTC", ("okx", "BTC/USDT")),
        feed("AAPL/USD", ("okx", "AAPL/USD"), category=9),
        feed("ETH/USD"),
        *RATES,
    )
    assert list(markets(pipeline)) == ["BTC/USD", "USDT/USD", "USDC/USD"]
    assert note == (
        "feeds.json: left out: okx BTC/USDT:USDT (no spot market), okx ETH/USDT of BTC/USD (another asset), "
        "Böse: {} BTC/USD (no spot market), 'BTC' (no pair), AAPL/USD (of category 9), ETH/USD (without a market)"
    )


def test_category_is_kept(imported: Any) -> None:
    """Flare's numbers are words here."""
    pipeline, _ = imported(feed("EUR/USD", ("kraken", "EUR/USD"), ("bitstamp", "EUR/USD"), category=2), *RATES)
    assert {plan.feed.category for plan in pipeline.plans if plan.feed.name == "EUR/USD"} == {"fx"}


def test_asset_that_changes_its_name_is_looked_for_under_both(imported: Any) -> None:
    """Toncoin is GRAM by and by; DAI stands for USDS, and stays."""
    pipeline, _ = imported(
        feed("TON/USD", ("okx", "TON/USDT"), ("htx", "TON/USDT")),
        feed("USDS/USD", ("okx", "DAI/USDT"), ("htx", "DAI/USDT")),
        *RATES,
    )
    found = markets(pipeline)
    assert found["TON/USD"] == ["htx:GRAM/USDT", "htx:TON/USDT", "okx:GRAM/USDT", "okx:TON/USDT"]
    assert found["USDS/USD"] == ["htx:DAI/USDT", "okx:DAI/USDT"]


def test_dollars_and_usdc_in_one_book_are_one_market(imported: Any) -> None:
    """Coinbase has one book for both."""
    pipeline, _ = imported(feed("ETH/USD", ("coinbase", "ETH/USDC"), ("kraken", "ETH/USD")), *RATES)
    assert markets(pipeline)["ETH/USD"] == ["coinbase:ETH/USD", "kraken:ETH/USD"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[", "was not: input data was truncated"),
        ('{"feeds": []}', "was not: expected `array`, was `object`"),
        ('[{"feed": {"name": 1}}]', "was not: expected `str`, was `int` - at `$[0].feed.name`"),
        ("[]", "expected feeds with markets, was none"),
    ],
)
def test_list_of_another_form_is_refused(tmp_path: Path, text: str, wanted: str) -> None:
    """In one line, with what it should look like."""
    path = tmp_path / "feeds.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        import_feeds(path)
    (problem,) = raised.value.problems
    assert wanted in problem
    assert "feeds.json: expected feeds" in problem
    assert "\n" not in problem


def test_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Like any other wrong input."""
    with pytest.raises(ConfigError, match="expected a list of feeds, was not readable: No such file"):
        import_feeds(tmp_path / "feeds.json")


def test_lines_are_no_longer_than_an_editor_is_wide(tmp_path: Path) -> None:
    """Somebody is going to read it, and go on from there."""
    path = tmp_path / "feeds.json"
    path.write_text(json.dumps([feed("BTC/USD", *((name, "BTC/USDT") for name in sorted(NATIVE)))]))
    text, _ = import_feeds(path)
    assert max(map(len, text.splitlines())) <= 120
    assert config.load(text, Fed(found=()).component, filename="ftso.yaml").feeds["BTC/USD"].decimals == 2
