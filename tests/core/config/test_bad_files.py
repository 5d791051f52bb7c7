"""A table of bad pipeline files: each mistake is one line that says where it is and what to do."""

# ruff: noqa: E501 - an entry is a line as the user sees it

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chrono.core.config import load
from chrono.core.errors import ConfigError

GOOD = "feeds: {BTC/USD: {}}\nsources:\n  kraken: {}\n"
FEED = "sources: {kraken: {}}\nfeeds:\n  BTC/USD:\n    "
OPTION = "feeds: {BTC/USD: {}}\nsources:\n  kraken:\n    "
DURATION = "expected a duration with its unit like 10s, 250ms, 5m or 1h"
COMPONENT = "like `name` or `{name: {option: value}}`"

BAD: list[tuple[str, str]] = [
    # the root
    ("- a", "1:1: expected the keys feeds: and sources: at the top, was a list; start with them"),
    ("prices", "1:1: expected the keys feeds: and sources: at the top, was 'prices'; start with them"),
    ("sources: {kraken: {}}", "1:1: feeds: expected a value, was missing; add `feeds: {BTC/USD: {}}`"),
    ("feeds: {BTC/USD: {}}", "1:1: sources: expected a value, was missing; add `sources: {kraken: {}}`"),
    ("feeds:\nsources: {kraken: }", "1:1: feeds: expected a value, was missing; add `feeds: {BTC/USD: {}}`"),
    ("feeds: {}\nsources: {kraken: }", "1:1: feeds: expected 1 or more entries, was 0"),
    ("feeds: {BTC/USD: }\nsources: {}", "2:1: sources: expected 1 or more entries, was 0"),
    ("feeds: [BTC/USD]\nsources: {kraken: }", "1:1: feeds: expected a mapping like {key: value}, was a list"),
    (GOOD + "detector: []", "4:1: detector: unknown key; did you mean 'detectors'?"),
    (
        GOOD + "zzz: 1",
        "4:1: zzz: unknown key; expected one of aggregator, consensus, depeg, detectors, every, feeds, flight_recorder, limits, name, quotes, sinks, sources, state",
    ),
    (GOOD + "every: 10", f"4:8: every: {DURATION}, was 10"),
    (GOOD + "every: soon", f"4:8: every: {DURATION}, was 'soon'"),
    (GOOD + "every: 0s", "4:8: every: expected more than 0, was '0s'"),
    (GOOD + "name: 5", "4:7: name: expected text, was 5; put it in quotes"),
    (GOOD + "name: ''", "4:7: name: expected 1 or more characters, was ''"),
    (GOOD + "quotes: [usd]", "4:10: quotes[0]: expected an asset like USD or USDT, was 'usd'"),
    (GOOD + "quotes: USD", "4:9: quotes: expected a list, was 'USD' (text)"),
    (GOOD + "state: 5", "4:8: state: expected a path, was 5"),
    # feeds
    (
        "feeds: {btc/usd: }\nsources: {kraken: }",
        "1:9: feeds.btc/usd: expected a pair like BTC/USD, was 'btc/usd'; did you mean 'BTC/USD'?",
    ),
    (
        "feeds: {BTC-USD: }\nsources: {kraken: }",
        "1:9: feeds.BTC-USD: expected a pair like BTC/USD, was 'BTC-USD'; did you mean 'BTC/USD'?",
    ),
    ("feeds: {USD/USD: }\nsources: {kraken: }", "1:9: feeds.USD/USD: expected two different assets, was 'USD/USD'"),
    ("feeds: {BTC/USD: 2}\nsources: {kraken: }", "1:18: feeds.BTC/USD: expected a mapping like {key: value}, was 2"),
    (FEED + "decimal: 2", "4:5: feeds.BTC/USD.decimal: unknown key; did you mean 'decimals'?"),
    (FEED + "decimals: abc", "4:15: feeds.BTC/USD.decimals: expected an integer, was 'abc' (text)"),
    (FEED + "decimals: 2.5", "4:15: feeds.BTC/USD.decimals: expected an integer, was 2.5"),
    (FEED + "decimals: true", "4:15: feeds.BTC/USD.decimals: expected an integer, was true"),
    (FEED + "decimals: 19", "4:15: feeds.BTC/USD.decimals: expected at most 18, was 19"),
    (FEED + "decimals: -11", "4:15: feeds.BTC/USD.decimals: expected at least -10, was -11"),
    (
        FEED + "decimals: 2\n    decimals: 3",
        "5:5: feeds.BTC/USD.decimals: stands twice, first at line 4; remove one of them",
    ),
    (FEED + "category: []", "4:5: feeds.BTC/USD.category: expected text, was a list"),
    (FEED + "markets: kraken:BTC/USD", "4:14: feeds.BTC/USD.markets: expected a list, was 'kraken:BTC/USD' (text)"),
    (FEED + "markets: []", "4:5: feeds.BTC/USD.markets: expected 1 or more entries, was 0"),
    (
        FEED + "markets: [kraken]",
        "4:15: feeds.BTC/USD.markets[0]: expected a market like kraken:BTC/USD or *:BTC/USD, was 'kraken'",
    ),
    (
        FEED + "markets: ['*:btc/usd']",
        "4:15: feeds.BTC/USD.markets[0]: expected a market like kraken:BTC/USD or *:BTC/USD, was '*:btc/usd'; did you mean '*:BTC/USD'?",
    ),
    (
        FEED + "markets: [krakn:BTC/USD]",
        "4:15: feeds.BTC/USD.markets[0]: expected a market of a declared source, was 'krakn:BTC/USD'; did you mean 'kraken'?",
    ),
    (
        FEED + "markets: ['coin*:BTC/USD']",
        "4:15: feeds.BTC/USD.markets[0]: expected a market of a declared source, was 'coin*:BTC/USD'; sources are kraken",
    ),
    (
        FEED + "markets: [kraken:BTC/USD, kraken:BTC/USD]",
        "4:31: feeds.BTC/USD.markets[1]: 'kraken:BTC/USD' stands twice in this list; remove one of them",
    ),
    (
        FEED + "limits: {max_jump: 10}",
        "4:24: feeds.BTC/USD.limits.max_jump: expected a share with its unit like 10% or 25bp, was 10",
    ),
    (FEED + "limits: {min: -1}", "4:19: feeds.BTC/USD.limits.min: expected more than 0, was -1"),
    (FEED + "limits: {max: .nan}", "4:19: feeds.BTC/USD.limits.max: expected a finite number, was .nan"),
    (
        FEED + "limits: {min: 2, max: 1}",
        "4:5: feeds.BTC/USD.limits: expected min below max, was not; correct one of them",
    ),
    (
        "limits: {max: 1}\n" + FEED + "limits: {min: 2}",
        "5:5: feeds.BTC/USD.limits: expected min below max, was not, together with the pipeline's limits; correct one of them",
    ),
    (FEED + "aggregator: {twap: {window: 10}}", f"4:33: feeds.BTC/USD.aggregator.twap.window: {DURATION}, was 10"),
    # sources
    (
        "feeds: {BTC/USD: {}}\nsources: {krakn: {}}",
        "2:11: sources.krakn: no source of type 'krakn' is installed; did you mean 'kraken'? or: pip install chrono-krakn",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {zz_top/eu: {}}",
        "2:11: sources.zz_top/eu: no source of type 'zz_top' is installed; pip install chrono-zz-top, or name its type with {type: …}",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {eu: {type: krak}}",
        "2:22: sources.eu.type: no source of type 'krak' is installed; did you mean 'kraken'? or: pip install chrono-krak",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {eu: {type: 5}}",
        "2:22: sources.eu.type: expected the type of a source, written out, was 5",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: [kraken]",
        "2:1: sources: expected a mapping of sources like {name: {}}, was a list",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {main: kraken, kraken: }",
        "2:11: sources.main: no source of type 'main' is installed; pip install chrono-main, or name its type with {type: …}",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {kraken: coinbase}",
        "2:19: sources.kraken: expected a mapping of options like {option: value}, was 'coinbase'; write {type: coinbase}",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {Kraken EU: }",
        "2:11: sources.Kraken EU: expected an id like kraken or kraken/eu, was 'Kraken EU'; did you mean 'kraken-eu'?",
    ),
    (
        "feeds: {BTC/USD: {}}\nsources: {broken: }",
        "2:11: sources.broken: plugin broken (chrono-broken): cannot be imported: no module named 'numba'",
    ),
    # options of plugins
    (OPTION + "silense: 10s", "4:5: sources.kraken.silense: unknown key; did you mean 'silence'?"),
    (OPTION + "silence: 10", f"4:14: sources.kraken.silence: {DURATION}, was 10"),
    (OPTION + "port: 0", "4:11: sources.kraken.port: expected at least 1, was 0"),
    (OPTION + "port: " + "x" * 500, "4:11: sources.kraken.port: expected an integer, was '" + "x" * 59 + "…' (text)"),
    (OPTION + "depth: 11", "4:12: sources.kraken.depth: expected 10, 25 or 100, was 11"),
    (
        OPTION + "mode: trade",
        "4:11: sources.kraken.mode: expected 'trades' or 'ticker', was 'trade'; did you mean 'trades'?",
    ),
    (OPTION + "verify: perhaps", "4:13: sources.kraken.verify: expected true or false, was 'perhaps' (text)"),
    (OPTION + "group: null", "4:5: sources.kraken.group: expected text, was null"),
    (OPTION + "token: badger", "4:12: sources.kraken.token: token BADGER is not one of this venue, was 'badger'"),
    (
        OPTION + "login: {user: me}",
        "4:5: sources.kraken.login.password: expected a value, was missing; add `password: …`",
    ),
    (
        OPTION + "login: {user: 5, password: x}",
        "4:19: sources.kraken.login.user: expected text, was 5; put it in quotes",
    ),
    (OPTION + "login: me", "4:12: sources.kraken.login: expected a mapping like {key: value}, was 'me' (text)"),
    (
        OPTION + "route: {interface: eth0, mtu: big}",
        "4:35: sources.kraken.route.mtu: expected an integer, was 'big' (text)",
    ),
    (OPTION + "route: {url: a, mtu: 5}", "4:21: sources.kraken.route.mtu: unknown key; expected one of url"),
    (OPTION + "route: 5", "4:12: sources.kraken.route: expected a mapping like {key: value}, was 5"),
    (
        OPTION + "pause: abc",
        "4:12: sources.kraken.pause: expected an integer or a duration with its unit like 10s, 250ms, 5m or 1h, was 'abc' (text)",
    ),
    (OPTION + "headers: {a: 1}", "4:18: sources.kraken.headers.a: expected text, was 1; put it in quotes"),
    (OPTION + "limits: [1, true]", "4:17: sources.kraken.limits[1]: expected a number, was true"),
    (
        OPTION + "<<: {port: 1}",
        "4:5: sources.kraken.<<: unknown key; merge keys are not part of YAML 1.2: use an alias as a whole value, or repeat the keys",
    ),
    # aggregator, detectors, consensus, sinks
    (
        GOOD + "aggregator: tawp",
        "4:13: aggregator: no aggregator of type 'tawp' is installed; did you mean 'twap'? or: pip install chrono-tawp",
    ),
    (
        GOOD + "aggregator: {type: twap, window: 10s}",
        f"4:1: aggregator: expected an aggregator {COMPONENT}, was a mapping; write {{twap: {{option: value}}}}",
    ),
    (
        GOOD + "aggregator: {twap: , last: }",
        f"4:1: aggregator: expected an aggregator {COMPONENT}, was a mapping of 2 keys; indent options below the name",
    ),
    (
        GOOD + "aggregator: {twap: 5s}",
        "4:20: aggregator.twap: expected a mapping of options like {option: value}, was '5s'",
    ),
    (GOOD + "aggregator: [twap]", f"4:1: aggregator: expected an aggregator {COMPONENT}, was a list"),
    (
        GOOD + "detectors: flatline",
        "4:12: detectors: expected a list of detectors like [name, {name: {option: value}}], was 'flatline'",
    ),
    (
        GOOD + "detectors: [flatline, {cohort: {max_deviation: 2}}]",
        "4:48: detectors[1].cohort.max_deviation: expected a share with its unit like 10% or 25bp, was 2",
    ),
    (
        GOOD + "detectors: [{flatline: {a: 1}}]",
        "4:25: detectors[0].flatline.a: unknown key; there are no options here, remove it",
    ),
    (
        GOOD + "consensus: {weighted_median: {min_venue: 3}}",
        "4:31: consensus.weighted_median.min_venue: unknown key; did you mean 'min_venues'?",
    ),
    (GOOD + "sinks: {sqlite: }", "4:9: sinks.sqlite.path: expected a value, was missing; add `path: …`"),
    (GOOD + "sinks: console", "4:8: sinks: expected a mapping of sinks like {name: {}}, was 'console'"),
]


@pytest.mark.parametrize(("text", "expected"), BAD, ids=[expected[:70] for _, expected in BAD])
def test_bad_file_has_exactly_one_line(text: str, expected: str, problems: Callable[[str], Sequence[str]]) -> None:
    """A mistake is told once, at its line and column, with its path, and nothing else follows from it."""
    assert problems(text) == (f"p.yaml:{expected}",)


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(registry: Any) -> None:
    """Reader, references, components, options and models report together, sorted by position."""
    text = (
        "every: 10\n"
        "feeds:\n"
        "  btc/usd: {decimals: x}\n"
        "  ETH/USD: {markets: [krakn:ETH/USD]}\n"
        "sources:\n"
        "  kraken: {silence: 5, token: '${env:CHRONO_NOT_SET}'}\n"
        "  krakne: {}\n"
        "aggregator: tawp\n"
        "detectors: [nobody]\n"
        "every: 1s\n"
        "colour: red\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(text, registry, filename="p.yaml")
    places = [line.split(": ")[0].removeprefix("p.yaml:") for line in caught.value.problems]
    assert places == ["1:8", "3:3", "3:23", "4:23", "6:21", "6:31", "7:3", "8:13", "9:13", "10:1", "11:1"]
    assert all("\n" not in line for line in caught.value.problems)


def test_every_problem_of_a_long_file_is_told_fast(problems: Callable[[str], Sequence[str]]) -> None:
    """A mistake repeated in two hundred feeds is two hundred lines."""
    feeds = "".join(f"  C{index}/USD: {{decimals: many}}\n" for index in range(200))
    assert len(problems(f"sources: {{kraken: }}\nfeeds:\n{feeds}")) == 200
