"""The tree behind a price: every number that a replay comes to, and where it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from chrono.core.component import Aggregator, Consensus, Detector
from chrono.core.errors import NoQuorum
from chrono.core.explaining import explain
from chrono.core.explaining_text import lines
from chrono.core.pipeline import Pipeline
from chrono.core.reporting import encode, iso
from chrono.core.types import SECOND, Agreement, Estimate, Price, Verdict
from tests.core.conftest import Make
from tests.core.test_replay import PUSH, START, Memory, tick, write
from tests.core.test_witness import MANY, reported, session, witnessed

pytestmark = pytest.mark.anyio

SMALL = """\
feeds:
  BTC/USD: {decimals: 2, markets: ['v1:BTC/USD', 'v2:BTC/USDT', 'v3:BTC/USD', 'v4:BTC/USD']}
  USDT/USD: {decimals: 4, markets: ['v1:USDT/USD'], consensus: {heaviest: {min_venues: 1}}, limits: {min: 0.5}}
sources: {v1: {type: push}, v2: {type: push}, v3: {type: push}, v4: {type: push}}
quotes: [USD]
aggregator: {last: {window: 10s}}
detectors: [round_numbers]
consensus: {heaviest: {min_venues: 2}}
limits: {max_jump: 10%, max_disputed: 50%}
"""

KEYS = (
    "feed pair decimals published round as_of deadline asked value unrounded confidence method age_s rhythm_s reason "
    "why notices aggregator detectors markets decision rates"
)


class RoundNumbers(Detector):
    """Wonders about numbers without a fraction, and does not believe those of v4."""

    type = "round_numbers"
    stage = "native"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        found = [e for e in estimates if e.value == int(e.value)]
        data = {"digits": 0.5}
        return [Verdict(e.market, e.market.source != "v4", 2.0, "too_round", data, self.type) for e in found], state


class Heaviest(Consensus):
    """The value of the market with the most turnover, which counts double."""

    type = "heaviest"

    class Config(Consensus.Config):
        min_venues: int = 1

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        if len(estimates) < self.config.min_venues:
            raise NoQuorum(len(estimates), self.config.min_venues, {})
        first = max(estimates, key=lambda e: e.weight)
        shares = {e.market: (1.0 + (e is first)) / (len(estimates) + 1) for e in estimates}
        return Agreement(first.value, 0.5, shares)


OFFERS: dict[str, Any] = {"detector": [RoundNumbers], "consensus": [Heaviest]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def told(pipeline: Pipeline, feed: str, at: float, *paths: Path) -> dict[str, Any]:
    """Return the tree of a time in seconds after the start, as JSON has it."""
    tree = explain(await witnessed(pipeline, feed, at, *paths), feed)
    return dict(json.loads(encode(tree)))


def market(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in tree["markets"] if each["market"] == name)


def small(folder: Path) -> Path:
    return write(
        folder / "small.jsonl",
        tick(0.2, 1.001, pair="USDT/USD"),
        tick(0.5, 100.5, size=3.0),
        tick(0.6, 100.25, "v2", pair="BTC/USDT"),
        tick(1.125, 104.0, "v4"),
        tick(1.25, 100.125, size=1.0),
        tick(1.5, 1.0005, pair="USDT/USD"),
        tick(2.25, 100.0, "v2", pair="BTC/USDT", size=2.0),
    )


async def test_tree_reads_as_it_was(make: Make, tmp_path: Path) -> None:
    """Line by line, with the rate that was converted with underneath."""
    tree = explain(await witnessed(make(SMALL, **OFFERS), "BTC/USD", 3.5, small(tmp_path)), "BTC/USD")
    assert "\n".join(lines(tree)) + "\n" == WHOLE


WHOLE = """\
BTC/USD 100.12 (100.125), confidence 0.3333
├─ round 1795342503 as of 2026-11-22T10:15:03.000000000Z
├─ median age 1.625 s, its markets have news every 1.65 s
├─ aggregator last(window=10s)
├─ native detector round_numbers()
├─ v1:BTC/USD used
│  ├─ window of 10 s of trades: 2 rows, 2026-11-22T10:15:00.500000000Z to 2026-11-22T10:15:01.250000000Z, \
covers 25%; last 100.12 (100.125), 1.75 s old
│  ├─ fresh: 1.75 s old, 30 s are allowed
│  ├─ estimate by last: 100.12 (100.125) BTC/USD, weight 40.1625 USD/s, n 2
│  ├─ weight: 57.21% of the turnover, 66.67% as it counts
│  └─ +0.00 bp from the value
├─ v2:BTC/USDT used
│  ├─ window of 10 s of trades: 2 rows, 2026-11-22T10:15:00.600000000Z to 2026-11-22T10:15:02.250000000Z, \
covers 24%; last 100.00, 0.75 s old
│  ├─ has news every 1.65 s
│  ├─ fresh: 1.5 s old, 30 s are allowed
│  ├─ estimate by last: 100.00 BTC/USDT, weight 30.025 USDT/s, n 2
│  ├─ native detector round_numbers keeps it, score 2, too round (digits 0.5)
│  ├─ × USDT/USD 1.0005, 1.5 s old, confidence 0.5000
│  ├─ converted: 100.05 BTC/USD, weight 30.04 USD/s, n 2, trust 0.5
│  ├─ weight: 42.79% of the turnover, 33.33% as it counts
│  └─ -7.49 bp from the value
├─ v3:BTC/USD dropped, no_data: nothing of what the aggregator reads was ever received
├─ v4:BTC/USD dropped, too round (digits 0.5)
│  ├─ window of 10 s of trades: 1 row, 2026-11-22T10:15:01.125000000Z to 2026-11-22T10:15:01.125000000Z, covers \
18.75%; last 104.00, 1.875 s old
│  ├─ fresh: 1.875 s old, 30 s are allowed
│  ├─ estimate by last: 104.00 BTC/USD, weight 10.4 USD/s, n 1
│  └─ native detector round_numbers rejects it, score 2, too round (digits 0.5)
└─ decision by heaviest(min_venues=2)
   ├─ quorum: 2 venues, 2 needed
   ├─ agreed on 100.12 (100.125), confidence 0.5000 before those left out are counted
   ├─ limit max_jump 10%: +0.00 bp from 100.12 (100.125) of 1 s before
   ├─ limit max_disputed 50%
   └─ value 100.12

USDT/USD 1.0005, confidence 0.5000
├─ round 1795342503 as of 2026-11-22T10:15:03.000000000Z
├─ median age 1.5 s, its markets have news every 1.3 s
├─ aggregator last(window=10s)
├─ native detector round_numbers()
├─ v1:USDT/USD used
│  ├─ window of 10 s of trades: 2 rows, 2026-11-22T10:15:00.200000000Z to 2026-11-22T10:15:01.500000000Z, \
covers 28%; last 1.0005, 1.5 s old
│  ├─ has news every 1.3 s
│  ├─ fresh: 1.5 s old, 30 s are allowed
│  ├─ estimate by last: 1.0005 USDT/USD, weight 0.20015 USD/s, n 2
│  ├─ weight: 100% of the turnover, 100% as it counts
│  └─ +0.00 bp from the value
└─ decision by heaviest(min_venues=1)
   ├─ quorum: 1 venue, 1 needed
   ├─ agreed on 1.0005, confidence 0.5000 before those left out are counted
   ├─ limit max_jump 10%: +0.00 bp from 1.0005 of 1 s before
   ├─ limit min 0.5
   ├─ limit max_disputed 50%
   └─ value 1.0005
"""


async def test_every_key_is_there_whatever_happened(make: Make, tmp_path: Path) -> None:
    """With a value or without one; of a market that was used and of one that never spoke."""
    path = small(tmp_path)
    priced = await told(make(SMALL, **OFFERS), "BTC/USD", 3, path)
    missing = await told(make(SMALL, **OFFERS), "BTC/USD", 1, write(tmp_path / "r.jsonl", tick(0.1, 1.0)))
    assert (priced["value"], missing["value"]) == ("100.12", None)
    assert list(priced) == list(missing) == KEYS.split()
    every = [each for tree in (priced, missing, *priced["rates"].values()) for each in tree["markets"]]
    assert len({tuple(each) for each in every}) == 1
    assert list(priced["rates"]["USDT/USD"]) == KEYS.split()[:-1]
    assert len({tuple(tree["decision"]) for tree in (priced, missing)}) == 1


async def test_feed_without_a_value_has_its_reason_and_the_same_tree(make: Make, tmp_path: Path) -> None:
    """Who was left, who was not, and why."""
    path = write(tmp_path / "r.jsonl", tick(0.1, 100.5), tick(0.2, 104.0, "v4"))
    tree = await told(make(SMALL, **OFFERS), "BTC/USD", 1, path)
    assert tree["reason"] == {"code": "no_quorum", "used": 1, "wanted": 2}
    assert (tree["why"], tree["confidence"]) == ("independent venues left: 1, needed: 2", 0.0)
    assert tree["decision"]["quorum"] == {"used": 1, "wanted": 2}
    assert tree["decision"]["agreed"] is None
    assert (market(tree, "v1:BTC/USD")["used"], market(tree, "v4:BTC/USD")["used"]) == (True, False)
    text = "\n".join(lines(tree))
    assert text.startswith("BTC/USD has no value, no_quorum: independent venues left: 1, needed: 2\n")
    assert "├─ v1:BTC/USD kept\n" in text


async def test_value_that_was_refused_is_told(make: Make, tmp_path: Path) -> None:
    """What the venues agreed on, what it was measured against, and how far each was from it."""
    path = write(tmp_path / "r.jsonl", tick(0.1, 100.5), tick(0.2, 100.25, "v3", size=0.5), tick(1.1, 120.5))
    tree = await told(make(SMALL, **OFFERS), "BTC/USD", 2, path)
    assert (tree["value"], tree["reason"]["code"]) == (None, "max_jump")
    assert tree["decision"]["agreed"] == {"value": "120.50", "unrounded": 120.5, "confidence": 0.5}
    previous = tree["decision"]["previous"]
    assert (previous["value"], previous["age_s"], previous["counts"]) == ("100.50", 1.0, True)
    assert previous["moved_bp"] == pytest.approx(1990.05, abs=0.01)
    assert market(tree, "v1:BTC/USD")["distance_bp"] == 0.0


async def test_value_too_old_to_be_measured_against_is_told_as_such(make: Make, tmp_path: Path) -> None:
    """After two minutes of nothing."""
    path = write(tmp_path / "r.jsonl", tick(0.1, 100.5), tick(200.5, 120.5))
    tree = await told(make(SMALL.replace("{min_venues: 2}", "{min_venues: 1}"), **OFFERS), "BTC/USD", 201, path)
    assert (tree["value"], tree["decision"]["previous"]["counts"]) == ("120.50", False)
    assert any("nothing to measure against" in line for line in lines(tree))


async def test_trees_hold_what_a_replay_reports_to_the_bit(make: Make, tmp_path: Path) -> None:
    """Value, confidence, shares and estimates of every round and feed."""
    path = session(tmp_path, seconds=7)
    for report in await reported(make(MANY, detector=[Memory]), path):
        at = (report.round.as_of - START) / SECOND
        for result in report.results:
            tree = await told(make(MANY, detector=[Memory]), result.feed.name, at, path)
            assert (tree["round"], tree["as_of"]) == (report.round.id, iso(report.round.as_of))
            assert tree["unrounded"] == (result.value if isinstance(result, Price) else None)
            assert tree["confidence"] == (result.confidence if isinstance(result, Price) else 0.0)
            assert {m["market"]: m["reason"] for m in tree["markets"] if m["reason"]} == {
                str(m): reason for m, reason in result.dropped.items()
            }
            if isinstance(result, Price):
                shares = {m["market"]: m["share"] for m in tree["markets"] if m["share"] is not None}
                assert shares == {str(m): share for m, share in result.shares.items()}
            for estimate in result.estimates:
                converted = market(tree, str(estimate.market))["converted"]
                assert (converted["unrounded"], converted["weight"]) == (estimate.value, estimate.weight)


async def test_rates_behind_rates_are_told_once(make: Make, tmp_path: Path) -> None:
    """Two legs, divided by one of them."""
    text = """\
feeds:
  BTC/USD: {markets: ['v1:BTC/KRW', 'v2:BTC/KRW'], decimals: 2}
  USDT/KRW: {markets: ['v1:USDT/KRW']}
  USDT/USD: {markets: ['v1:USDT/USD']}
sources: {v1: {type: push}, v2: {type: push}}
consensus: {heaviest: {min_venues: 1}}
detectors: []
"""
    path = write(
        tmp_path / "r.jsonl",
        tick(0.1, 150_000.0, pair="BTC/KRW"),
        tick(0.1, 150_500.0, "v2", pair="BTC/KRW"),
        tick(0.2, 1500.0, pair="USDT/KRW"),
        tick(0.3, 1.25, pair="USDT/USD"),
    )
    tree = await told(make(text + "quotes: [USD]\n", **OFFERS), "BTC/USD", 1, path)
    assert list(tree["rates"]) == ["USDT/KRW", "USDT/USD"]
    legs = market(tree, "v1:BTC/KRW")["conversion"]
    assert [(leg["rate"], leg["inverse"], leg["unrounded"]) for leg in legs] == [
        ("USDT/KRW", True, 1500.0),
        ("USDT/USD", False, 1.25),
    ]
    assert market(tree, "v1:BTC/KRW")["converted"]["unrounded"] == 150_000.0 * (1.0 / 1500.0 * 1.25)
    text = "\n".join(lines(tree))
    assert text.count("\nUSDT/USD 1.25") == 1
    assert "│  ├─ ÷ USDT/KRW 1500" in text


async def test_rate_that_no_feed_declares_is_told_all_the_same(make: Make, tmp_path: Path) -> None:
    """As part of a feed, or when it is asked for by its name."""
    pipeline = "sources: {v1: {type: push}}\nfeeds: {BTC/USD: {}}\nconsensus: {median: {min_venues: 1}}\n"
    path = write(tmp_path / "r.jsonl", tick(0.1, 1.001, pair="USDT/USD"), tick(0.2, 100.0, pair="BTC/USDT"))
    tree = await told(make(pipeline), "BTC/USD", 1, path)
    alone = await told(make(pipeline), "USDT/USD", 1, path)
    assert alone.pop("rates") == {}
    assert tree["rates"]["USDT/USD"] == alone
    assert alone["published"] is False
    assert sum(line.startswith("USDT/USD, a rate, not published, 1.001") for line in lines(tree)) == 1


async def test_rate_without_a_value_is_told(make: Make, tmp_path: Path) -> None:
    """Its own tree says why."""
    path = write(tmp_path / "r.jsonl", tick(0.1, 100.5), tick(0.2, 100.5, "v2", pair="BTC/USDT"))
    tree = await told(make(SMALL, **OFFERS), "BTC/USD", 1, path)
    assert market(tree, "v2:BTC/USDT")["why"] == "the rate USDT/USD has no value: no quorum"
    assert tree["rates"]["USDT/USD"]["reason"]["code"] == "no_quorum"
    assert any(line.endswith("× USDT/USD, which has no value") for line in lines(tree))


class Endless(Aggregator):
    """Never comes to an end."""

    type = "endless"

    def aggregate(self, window: Any) -> Estimate:
        return self.estimate(window, float("inf"))


class Speechless(Aggregator):
    """Returns nothing."""

    type = "speechless"

    def aggregate(self, window: Any) -> Any:
        return None


@pytest.mark.parametrize(("type", "code"), [("endless", "invalid_value"), ("speechless", "component_failed")])
async def test_aggregator_that_makes_nonsense_is_told(make: Make, tmp_path: Path, type: str, code: str) -> None:
    """As text and as JSON, which knows no infinity."""
    pipeline = make(PUSH + f"aggregator: {type}\n", aggregator=[Endless, Speechless])
    path = write(tmp_path / "r.jsonl", tick(0.5, 1.0))
    tree = explain(await witnessed(pipeline, "BTC/USD", 1, path), "BTC/USD")
    assert market(tree, "v1:BTC/USD")["reason"]["code"] == code
    assert json.loads(encode(tree))["value"] is None
    assert any(f"dropped, {code}: " in line for line in lines(tree))


async def test_stale_market_is_measured_against_its_limit(make: Make, tmp_path: Path) -> None:
    """It has a window, and nothing was made of it."""
    path = write(tmp_path / "r.jsonl", tick(0.5, 1.0), tick(9.5, 0.0))
    text = PUSH.replace("{min_venues: 1}", "{min_venues: 1, max_age: 3s}")
    found = market(await told(make(text), "BTC/USD", 9, path), "v1:BTC/USD")
    assert (found["stale"], found["limit_s"], found["reason"]["code"]) == (True, 3.0, "stale")
    assert (found["window"]["unrounded"], found["window"]["age_s"]) == (1.0, 8.5)


async def test_secrets_are_not_told(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the file does."""
    monkeypatch.setenv("VENUES", "1")
    text = PUSH.replace("min_venues: 1", "min_venues: '${env:VENUES}'")
    tree = await told(make(text), "BTC/USD", 1, write(tmp_path / "r.jsonl", tick(0.5, 1.0)))
    assert tree["decision"]["consensus"]["options"]["min_venues"] == "${env:VENUES}"
