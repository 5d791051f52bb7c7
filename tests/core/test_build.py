"""From a pipeline file to plans: markets, conversions, cross-checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from chrono.core.build import build
from chrono.core.builtin import Push
from chrono.core.component import Aggregator, Config
from chrono.core.errors import ConfigError
from chrono.core.pipeline import Pipeline
from chrono.core.plan_tree import lines
from chrono.core.registry import Registry
from chrono.core.types import SECOND, Estimate, Pair
from chrono.core.units import Duration
from chrono.core.windows import TradeWindow
from tests.core.conftest import Make

TWO = "sources: {v1: {type: push}, v2: {type: push}}\n"


def markets(pipeline: Pipeline, feed: str) -> list[str]:
    (plan,) = (plan for plan in pipeline.plans if plan.feed.name == feed)
    return [f"{market} {' '.join(map(str, plan.conversions[market]))}".strip() for market in plan.feed.markets]


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(text, Registry(found=()), filename="p.yaml")
    return list(caught.value.problems)


def test_feed_in_usd_defaults_to_its_stablecoin_pairs_everywhere(make: Make) -> None:
    """Each converted at the rate that the pipeline declares, or at an internal one."""
    pipeline = make(TWO + "feeds: {BTC/USD: {}, USDT/USD: {}}\n")
    assert markets(pipeline, "BTC/USD") == [
        "v1:BTC/USD",
        "v1:BTC/USDC USDC/USD",
        "v1:BTC/USDT USDT/USD",
        "v2:BTC/USD",
        "v2:BTC/USDC USDC/USD",
        "v2:BTC/USDT USDT/USD",
    ]
    assert markets(pipeline, "USDT/USD") == ["v1:USDT/USD", "v2:USDT/USD"]
    assert [plan.feed.name for plan in pipeline.plans if not plan.feed.published] == ["USDC/USD"]


def test_feed_in_another_quote_defaults_to_its_own_pair(make: Make) -> None:
    """Who asks for BTC/USDT wants the price in USDT."""
    pipeline = make(TWO + "feeds: {BTC/USDT: {}, ETH/BTC: {}}\n")
    assert markets(pipeline, "BTC/USDT") == ["v1:BTC/USDT", "v2:BTC/USDT"]
    assert markets(pipeline, "ETH/BTC") == ["v1:ETH/BTC", "v2:ETH/BTC"]


def test_patterns_name_markets_at_several_sources(make: Make) -> None:
    """A star is every source."""
    pipeline = make(TWO + "quotes: [USD]\nfeeds: {BTC/USD: {markets: ['*:BTC/USDT', 'v1:BTC/USD']}, USDT/USD: {}}\n")
    assert markets(pipeline, "BTC/USD") == ["v1:BTC/USD", "v1:BTC/USDT USDT/USD", "v2:BTC/USDT USDT/USD"]


def test_rates_are_priced_before_what_they_convert(make: Make) -> None:
    """Whatever their order in the file; reports keep the file's."""
    pipeline = make(TWO + "quotes: [USD, USDT]\nfeeds: {BTC/USD: {}, USDT/USD: {}}\n")
    assert [plan.feed.name for plan in pipeline.plans] == ["USDT/USD", "BTC/USD"]
    assert [plan.feed.place for plan in pipeline.plans] == [1, 0]


def test_declared_rates_are_used_backwards_and_in_chains(make: Make) -> None:
    """An inverse, and two legs."""
    text = (
        "feeds: {BTC/USD: {markets: ['*:BTC/JPY', '*:BTC/KRW']}, USD/JPY: {}, USDT/KRW: {}, USDT/USD: {}}\n"
        "quotes: [USD]\n"
    )
    assert markets(make(TWO + text), "BTC/USD") == [
        "v1:BTC/JPY 1/(USD/JPY)",
        "v1:BTC/KRW 1/(USDT/KRW) USDT/USD",
        "v2:BTC/JPY 1/(USD/JPY)",
        "v2:BTC/KRW 1/(USDT/KRW) USDT/USD",
    ]


class Short(Aggregator):
    """Looks back a little."""

    type = "short"

    def aggregate(self, window: TradeWindow) -> Estimate:
        return self.estimate(window, window.last)


def test_each_market_is_kept_as_long_as_its_longest_window(make: Make) -> None:
    """A feed's own aggregator counts beside the pipeline's."""
    text = (
        "quotes: [USD]\n"
        "aggregator: {short: {window: 5s}}\n"
        "feeds: {BTC/USD: {}, ETH/USD: {aggregator: {short: {window: 2m}}}}\n"
    )
    pipeline = make(TWO + text, aggregator=[Short])
    assert {str(m): h // SECOND for m, h in pipeline.horizons.items() if m.source == "v1"} == {
        "v1:BTC/USD": 5,
        "v1:ETH/USD": 120,
    }


def test_one_component_serves_all_feeds_that_do_not_override_it(make: Make) -> None:
    """Named once, made once."""
    pipeline = make(TWO + "quotes: [USD]\naggregator: last\nfeeds: {BTC/USD: {}, ETH/USD: {}}\n")
    assert len({id(plan.aggregator) for plan in pipeline.plans}) == 1


def test_groups_are_venues(make: Make) -> None:
    """A push source is its own venue unless its options name one."""
    text = (
        "sources: {v1: {type: push}, v2: {type: push, group: v1}}\n"
        "feeds: {BTC/USD: {consensus: {median: {min_venues: 1}}}}\n"
        "quotes: [USD]\n"
    )
    (plan,) = make(text).plans
    assert {market.group for market in plan.feed.markets} == {"v1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            TWO + "feeds:\n  BTC/USD:\n    markets: [v1:ETH/USD, v2:BTC/USD]\n",
            "p.yaml:4:15: feeds.BTC/USD.markets[0]: expected a market of BTC, was v1:ETH/USD; "
            "a feed converts quotes, never its base",
        ),
        (
            "sources: {v1: {type: push}}\nfeeds:\n  BTC/USD: {}\nquotes: [USD]\n",
            "p.yaml:3:3: feeds.BTC/USD: expected a quorum in reach, was not: BTC/USD needs 2 venues and can have 1 "
            "(v1); add sources or lower min_venues",
        ),
        (
            TWO + "feeds:\n  BTC/USD: {}\nquotes: [USD]\nconsensus:\n  median: {min_venues: 5}\n",
            "p.yaml:6:3: consensus.median: expected a quorum in reach, was not: BTC/USD needs 5 venues and can have 2 "
            "(v1, v2); add sources or lower min_venues",
        ),
        (
            TWO + "feeds:\n  USDT/USD: {markets: ['*:USDT/USDC']}\n  USDC/USD: {markets: ['*:USDC/USDT']}\n",
            "p.yaml:3:3: feeds.USDT/USD: expected rates that do not need each other, was "
            "USDT/USD → USDC/USD → USDT/USD; state other markets",
        ),
    ],
)
def test_what_only_the_whole_shows_is_told_at_its_line(text: str, expected: str) -> None:
    """File, line, column, path, what was expected, what it was, what to do."""
    assert [line for line in problems(text) if "BTC/USD" in line or "USDT" in line][:1] == [expected]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    """What is wrong in itself, and what only the whole shows."""
    text = (
        "evry: 2s\n"
        "sources: {v1: {type: push}, v2: {type: push}}\n"
        "quotes: [USD]\n"
        "feeds:\n"
        "  BTC/USD: {consensus: {median: {min_venues: 9}}, decimals: many}\n"
        "  ETH/USD: {markets: ['*:BTC/USD']}\n"
        "sinks: {carrier_pigeon: {}}\n"
    )
    assert [line.split(":")[1] for line in problems(text)] == ["1", "5", "5", "6", "7"]


def test_what_is_wrong_in_itself_gives_rise_to_nothing_more() -> None:
    """A misspelt quorum is one problem, not a quorum out of reach besides."""
    text = "sources: {v1: {type: push}}\nquotes: [USD]\nfeeds: {BTC/USD: {}}\nconsensus: {median: {min_venus: 1}}\n"
    (line,) = problems(text)
    assert "min_venues" in line


def test_undeclared_rate_is_priced_as_the_first_feed_that_needs_it(make: Make) -> None:
    """A feed that is content with one venue is content with one for its rate."""
    text = "sources: {v1: {type: push}}\nfeeds: {BTC/USD: {consensus: {median: {min_venues: 1}}}}\n"
    pipeline = make(text)
    assert {plan.feed.name: plan.consensus.wanted for plan in pipeline.plans} == {
        "USDT/USD": 1,
        "USDC/USD": 1,
        "BTC/USD": 1,
    }


def test_undeclared_rate_out_of_reach_is_told_where_it_is_needed_with_the_line_to_add(make: Make) -> None:
    """Its own name stands nowhere in the file."""
    text = (
        "sources: {a: {type: dollarless}, b: {type: dollarless}, c: {type: push}}\n"
        "feeds: {BTC/USD: {markets: ['*:BTC/USDT']}}\n"
    )
    line = r"USDT/USD: \{consensus: \{median: \{min_venues: 1\}\}\}"
    with pytest.raises(
        ConfigError, match=rf"2:\d+: feeds.BTC/USD.markets: expected a rate USDT/USD of 2 venues .*{line}"
    ):
        make(text, source=[Dollarless])


class Dollarless(Push):
    """Lists nothing in USD."""

    type = "dollarless"

    def symbol(self, pair: Pair) -> str:
        if pair.quote == "USD":
            raise ValueError("it has no fiat markets")
        return str(pair)


def test_rate_that_nobody_can_price_is_an_error_with_the_line_to_add(make: Make) -> None:
    """A leg needs a source that lists it."""
    text = "sources: {a: {type: dollarless}, b: {type: dollarless}}\nfeeds: {BTC/USD: {markets: ['*:BTC/USDT']}}\n"
    with pytest.raises(ConfigError, match=r"add under feeds a line like USDT/USD: \{markets: \[SOURCE:USDT/USD\]\}"):
        make(text, source=[Dollarless])


def test_market_that_its_source_never_lists_is_an_error_only_when_asked_for(make: Make) -> None:
    """By default such a source is passed over."""
    two = "sources: {a: {type: dollarless}, b: {type: push}, c: {type: push}}\nquotes: [USD]\n"
    pipeline = make(two + "feeds: {BTC/USD: {}}\n", source=[Dollarless])
    assert markets(pipeline, "BTC/USD") == ["b:BTC/USD", "c:BTC/USD"]
    with pytest.raises(ConfigError, match="a does not list BTC/USD: it has no fiat markets"):
        make(two + "feeds: {BTC/USD: {markets: ['a:BTC/USD', 'b:BTC/USD', 'c:BTC/USD']}}\n", source=[Dollarless])


class Edges(Config):
    """Options inside an option."""

    low: int = 1
    high: int = 2


class Edged(Aggregator):
    """Has options inside an option."""

    type = "edged"

    class Config(Aggregator.Config):
        """With them."""

        edges: Edges = Edges()

    def aggregate(self, window: TradeWindow) -> Estimate:
        return self.estimate(window, window.last)


def test_options_inside_an_option_are_shown_in_braces(make: Make) -> None:
    """As they are written, not as Python has them."""
    pipeline = make(
        TWO + "quotes: [USD]\nfeeds: {BTC/USD: {}}\naggregator: {edged: {edges: {low: 0}}}\n", aggregator=[Edged]
    )
    assert "│  ├─ aggregator edged(window=60s, edges={low=0, high=2})" in lines(pipeline)


class Boundless(Aggregator):
    """Lets the user ask for no window at all."""

    type = "boundless"

    class Config(Aggregator.Config):
        """Without a bound of its own."""

        window: Duration = Duration("1s")

    def aggregate(self, window: TradeWindow) -> Estimate:
        return self.estimate(window, window.last)


def test_window_of_no_time_is_refused_whatever_the_plugin_allows(make: Make) -> None:
    """Nothing can be traded per second of it."""
    with pytest.raises(ConfigError, match="aggregator.boundless: expected a window of some time, was 0s"):
        make(
            TWO + "quotes: [USD]\nfeeds: {BTC/USD: {}}\naggregator: {boundless: {window: 0s}}\n", aggregator=[Boundless]
        )


def test_plan_is_shown_as_a_tree(make: Make) -> None:
    """Feed by feed, with each market's way into the feed's quote."""
    pipeline = make("name: demo\n" + TWO + "quotes: [USD, USDT]\nfeeds: {BTC/USD: {decimals: 2}}\n")
    assert "\n".join(lines(pipeline)) == (
        """\
demo, every 1s
├─ BTC/USD, 2 decimals
│  ├─ aggregator last(window=60s)
│  ├─ detector flatline(every=10s, move=0.5%)
│  ├─ detector deviation(noise_floor=0.06%, max_rejected=40%, release=10s, max_deviation=8.0)
│  ├─ detector drift(noise_floor=0.03%, max_rejected=40%, release=10s, allowance=4.0, threshold=100.0)
│  ├─ consensus median(min_venues=2, min_turnover=0.0, reject=0.0, noise_floor=0.03%, max_rejected=40%)
│  ├─ v1:BTC/USD
│  ├─ v1:BTC/USDT × USDT/USD
│  ├─ v2:BTC/USD
│  └─ v2:BTC/USDT × USDT/USD
├─ USDT/USD, a rate, not published
│  ├─ aggregator steady(window=300s, count=60, band=0.1%)
│  ├─ detector flatline(every=10s, move=0.5%)
│  ├─ detector deviation(noise_floor=0.06%, max_rejected=40%, release=10s, max_deviation=8.0)
│  ├─ detector drift(noise_floor=0.03%, max_rejected=40%, release=10s, allowance=4.0, threshold=100.0)
│  ├─ consensus median(min_venues=2, min_turnover=0.0, reject=0.0, noise_floor=0.03%, max_rejected=40%)
│  ├─ v1:USDT/USD
│  └─ v2:USDT/USD
└─ sink kept: kept(on_missing=skip)"""
    )


def test_pipelines_are_read_from_files(tmp_path: Path) -> None:
    """The name is the file's where none is stated."""
    path = tmp_path / "mine.yaml"
    path.write_text(TWO + "feeds: {BTC/USD: {}}\nquotes: [USD]\n")
    pipeline = build(path, Registry(found=()))
    assert pipeline.name == "mine"
    assert pipeline.plans[0].feed.pair == Pair("BTC", "USD")
