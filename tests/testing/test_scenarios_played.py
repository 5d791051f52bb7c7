"""Rows played to chrono's defaults, which hold them, and to pipelines broken on purpose, which do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from chrono import Aggregator, ConfigError, Consensus, Detector, Duration, Estimate, NoQuorum, Verdict
from chrono.core.consensus import Median
from chrono.core.pricing import Plan
from chrono.core.types import SECOND, Agreement
from chrono.testing.scenarios import running
from chrono.testing.scenarios.catalogue import SCENARIOS, named
from chrono.testing.scenarios.measure import Result, measured
from chrono.testing.scenarios.rules import LAMBDA
from chrono.testing.scenarios.running import Order, run
from chrono.testing.scenarios.scenario import Scenario
from chrono.testing.scenarios.simulation import play
from chrono.testing.scenarios.stage import Given, check, stage

DEFAULTS = Given()


class Plain(Consensus):
    """The mean of whatever there is, in equal shares; what other broken strategies are made of."""

    type = "plain"
    trust = 0.9

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        if not estimates:
            raise NoQuorum(0, 1, {})
        used = self.of(estimates)
        shares = self.shares(used)
        value = sum(e.value * share for e, share in zip(used, shares, strict=True))
        return Agreement(value, self.trust, {e.market: s for e, s in zip(used, shares, strict=True)}, {})

    def of(self, estimates: Sequence[Estimate]) -> Sequence[Estimate]:
        return estimates

    def shares(self, used: Sequence[Estimate]) -> list[float]:
        return [1 / len(used)] * len(used)


class First(Plain):
    """The price of the first venue."""

    type = "first"

    def of(self, estimates: Sequence[Estimate]) -> Sequence[Estimate]:
        return estimates[:1]


class ByVolume(Plain):
    """The mean by turnover, uncapped."""

    type = "by_volume"

    def shares(self, used: Sequence[Estimate]) -> list[float]:
        total = sum(e.weight for e in used)
        return [e.weight / total for e in used] if total else super().shares(used)


class Freshest(Plain):
    """The reference provider's rule: the median weighted by freshness."""

    type = "freshest"

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        weighed = sorted((e.value, 2.718281828 ** (-LAMBDA * e.age / 1e6)) for e in estimates)
        half, below = sum(weight for _, weight in weighed) / 2, 0.0
        for value, weight in weighed:
            below += weight
            if below >= half:
                return Agreement(value, 0.9, {e.market: 1 / len(estimates) for e in estimates}, {})
        raise NoQuorum(0, 1, {})


class Lagging(Aggregator):
    """What the price was half a minute ago."""

    type = "lagging"

    def aggregate(self, window: Any) -> Estimate:
        old = window.price[window.ts <= window.as_of - 30 * SECOND]
        return self.estimate(window, float(old[-1]) if len(old) else float(window.price[0]))

    @property
    def span(self) -> int:
        return 60 * SECOND


class Deaf(Aggregator):
    """The last price, as old as its trade, whatever the book says."""

    type = "deaf"

    def aggregate(self, window: Any) -> Estimate:
        return structs.replace(self.estimate(window, window.last), age=window.as_of - window.prior.ts)


class Drops(Detector):
    """Drops whoever is further from the middle than it likes, and with a grudge for ever."""

    type = "drops"
    stage = "cohort"
    beyond = 1e-4
    grudge = False

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        middle = sorted(e.value for e in estimates)[len(estimates) // 2]
        held = set(state or ()) if self.grudge else set()
        out = [e.market for e in estimates if abs(e.value / middle - 1) > self.beyond or str(e.market) in held]
        verdicts = [Verdict(market, keep=False, score=1.0, code="off", detector=self.type) for market in out]
        return verdicts, sorted({*held, *map(str, out)})


class Grudge(Drops):
    """Forgives nobody."""

    type = "grudge"
    beyond = 1e-2
    grudge = True


Breaker = Callable[[Plan], Plan]


def having(consensus: Consensus) -> Breaker:
    """Return what leaves nothing of a plan but this consensus: no detectors, no limits."""

    def broken(plan: Plan) -> Plan:
        feed = structs.replace(plan.feed, limits=structs.replace(plan.feed.limits, max_disputed=None))
        return structs.replace(plan, feed=feed, consensus=consensus, native=(), cohort=(), alternatives={})

    return broken


def but(**changes: Any) -> Breaker:
    """Return what changes a plan's fields."""
    return lambda plan: structs.replace(plan, **changes)


def ageless(plan: Plan) -> Plan:
    """Let anything count, however old."""
    return having(Median(Median.Config(max_age=Duration("10h"))))(plan)


def hasty(plan: Plan) -> Plan:
    """Let nothing count that is older than 30 s."""
    return structs.replace(plan, consensus=Median(Median.Config(max_age=Duration("30s"))))


def demanding(plan: Plan) -> Plan:
    """Want nine venues of eight."""
    return structs.replace(plan, consensus=Median(Median.Config(min_venues=9)))


def at_par(plan: Plan) -> Plan:
    """Take every quote for the dollar."""
    return structs.replace(plan, conversions=dict.fromkeys(plan.conversions, ()), pegs=())


def forgetful(plan: Plan) -> Plan:
    """Let no market count under a former name."""
    names = {market: (0, 1) if since == 0 else (since, until) for market, (since, until) in plan.names.items()}
    return structs.replace(plan, names=names)


def unpegged(plan: Plan) -> Plan:
    """Say nothing of a peg."""
    return structs.replace(plan, pegs=(), pegged=False)


def played(scenario: Scenario, breaker: Breaker | None = None, markets: int = 1, setting: str = "static") -> Result:
    """Return what a few markets of a row come to."""
    on = stage(DEFAULTS, scenario, 8)
    if breaker is not None:
        plans = [breaker(plan) for plan in on.pipeline.plans]
        horizons = {
            market: max(horizon, *(plan.aggregator.span for plan in plans))
            for market, horizon in on.pipeline.horizons.items()
        }
        on = replace(on, pipeline=replace(on.pipeline, plans=plans, horizons=horizons))
    courses = [play(on, scenario, setting, 1, index) for index in range(markets)]  # type: ignore[arg-type]
    return measured(scenario, setting, 8, courses)  # type: ignore[arg-type]


def short(name: str, reads: int = 60) -> Scenario:
    """Return a row that is read for a short time, soon after its first round."""
    (scenario,) = [each for each in SCENARIOS if each.name == name]
    times = scenario.times
    return replace(scenario, times=replace(times, warm=min(times.warm, 10), reads=min(times.reads, reads)))


BROKEN: list[tuple[str, Breaker, str]] = [
    ("A", having(First()), "an error of at most 1.25 Y"),
    ("A", but(cohort=(Drops(),)), "honest estimates dropped"),
    ("B", having(Plain()), "an error of at most 1.25 Y"),
    ("B", having(Median()), "were kept"),
    ("C", having(Plain()), "an error of at most 1.25 Y"),
    ("D", having(Plain()), "an error of at most 1.6 Y"),
    ("D2-up", having(Plain()), "an error of at most 5 bp"),
    ("D2-down", having(Median()), "named within 60 s in 95%"),
    ("E", ageless, "an error of at most 1.25 Y"),
    ("F", ageless, "an error of at most 1.25 Y"),
    ("F2", having(Plain()), "an error of at most 1.25 Y"),
    ("F2-peg", but(cohort=(Drops(),)), "honest estimates dropped"),
    ("G-ramp", at_par, "an error of at most 1.25 Y"),
    ("G-step", at_par, "an error of at most 1.25 Y"),
    ("G-step", unpegged, "expected the depeg announced"),
    ("G2-ramp", having(Plain()), "an error of at most 1.25 Y"),
    ("G2-step", having(Plain()), "an error of at most 1.25 Y"),
    ("H", having(Freshest()), "an error of at most 1.6 Y"),
    ("I", ageless, "expected no value, was one"),
    ("J", having(Median()), "were kept"),
    ("J", but(cohort=(Grudge(),)), "expected the venue back"),
    ("K", but(aggregator=Lagging()), "an error of at most 5 bp"),
    ("L", having(Plain()), "named within 60 s"),
    ("L", having(Plain()), "at most 1 bp at any instant"),
    ("M", having(ByVolume()), "no group above max(0.15, 1.2/n)"),
    ("N-unit", having(Median()), "were kept"),
    ("N-coin", having(Plain()), "an error of at most 1.25 Y"),
    ("O", having(First()), "an error of at most 1.25 Y"),
    ("P", demanding, "expected a value each time"),
    ("Q", forgetful, "honest estimates dropped"),
    ("R", at_par, "honest estimates dropped"),
    ("R-silent", ageless, "were kept"),
    ("U", hasty, "expected a value each time"),
    ("U-book", but(aggregator=Deaf()), "expected a value each time"),
    ("U-one", having(Plain()), "a confidence of at most 0.5"),
    ("U-alone", having(Plain()), "expected no value, was one"),
]


@pytest.mark.parametrize(("name", "breaker", "sentence"), BROKEN)
def test_row_can_fail(name: str, breaker: Breaker, sentence: str) -> None:
    """A pipeline that is broken in the way the row is about does not hold it."""
    result = played(short(name, {"L": 150, "H": 500}.get(name, 60)), breaker)
    assert not result.holds
    assert sentence in result.why


@pytest.mark.parametrize("name", ["B", "G-step", "I", "J", "K", "N-unit", "O", "P", "Q", "R-silent", "U", "U-one"])
def test_defaults_hold(name: str) -> None:
    """Where a file says nothing of how prices are made, each row holds; within 1.8 Y, of so few draws."""
    scenario = short(name, {"U": 600}.get(name, 130))
    must = scenario.must
    lenient = replace(scenario, must=replace(must, within_y=must.within_y and 1.8))
    result = played(lenient)
    assert result.holds, result.why


def test_defaults_are_not_moved_by_a_slow_drift() -> None:
    """Row L: a median over markets at any instant, so that some markets are needed; the instants may be few."""
    scenario = short("L", 130)
    result = played(replace(scenario, times=replace(scenario.times, step=30)), markets=9)
    assert result.holds, result.why


def test_every_broken_pipeline_has_its_row() -> None:
    """No row is left that nobody has seen fail."""
    assert {name for name, _, _ in BROKEN} == {scenario.name for scenario in SCENARIOS}


# Draws


def order(**changes: Any) -> Order:
    """Return a small order."""
    return replace(Order(DEFAULTS, [short("B", 30), short("U-one", 30)], ["static"], draws=20), **changes)


@pytest.mark.timeout(180)
def test_same_seed_gives_the_same_numbers_in_any_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, or this one alone: to the bit."""
    monkeypatch.setattr(running, "BATCH", 1)
    alone = [result.record() for result in run(order())]
    assert alone == [result.record() for result in run(order(jobs=2))]
    assert alone != [result.record() for result in run(order(seed=2))]


def test_more_draws_are_more_markets() -> None:
    """Each market gives as many readings as the row has; enough are played."""
    (result,) = run(order(scenarios=[short("B", 12)], draws=7))
    assert (result.markets, result.draws) == (3, 9)


def test_other_rules_change_nothing() -> None:
    """What is shown beside is of the same draws, and the reference provider loses row B to no one."""
    scenario = short("B", 40)
    (plain,) = run(order(scenarios=[scenario]))
    (result,) = run(order(scenarios=[scenario], beside=True))
    assert replace(result, beside={}) == plain
    assert set(result.beside) == {"median", "vwap_60s", "ftso_reference"}
    assert (result.beside["vwap_60s"] or 0) > 100


@pytest.mark.parametrize("n", [4, 5, 12])
def test_rows_scale_with_the_venues(n: int) -> None:
    """Cohorts of other sizes are priced, and so is their yardstick."""
    (result,) = run(order(scenarios=[short("D", 12)], venues=n, draws=3))
    assert result.venues == n
    assert result.error_bp is not None


# Whose pipeline


FEEDS = """\
feeds: {BTC/USD: {}, ETH/USD: {aggregator: mid}}
sources: {v1: {type: push}, v2: {type: push}}
"""


def written(folder: Path, text: str) -> Given:
    """Return a pipeline file of some settings."""
    file = folder / "prices.yaml"
    file.write_text(FEEDS + text)
    return Given(file)


def plans(given: Given, name: str = "A") -> dict[str, Plan]:
    """Return how each feed of a scenario is priced."""
    return {plan.feed.name: plan for plan in stage(given, named(name)[0], 8).pipeline.plans}


def test_settings_are_those_of_the_file(tmp_path: Path) -> None:
    """The pipeline's own consensus, detectors and limits; its bounds in prices are of other prices."""
    text = "consensus: {median: {min_venues: 3}}\ndetectors: []\nlimits: {max_jump: 10%, min: 100000}\n"
    found = plans(written(tmp_path, text))
    assert set(found) == {"BTC/USD", "USDT/USD"}
    assert [plan.consensus.type for plan in found.values()] == ["median", "median"]
    assert found["BTC/USD"].native == found["BTC/USD"].cohort == ()
    limits = found["BTC/USD"].feed.limits
    assert (limits.max_jump, limits.min_value) == (0.1, None)
    assert len(found["BTC/USD"].feed.markets) == 8


def test_settings_are_those_of_one_feed_where_it_is_named(tmp_path: Path) -> None:
    """ETH/USD has another aggregator than the pipeline, and what is not declared is priced as it."""
    given = written(tmp_path, "")
    assert plans(given)["BTC/USD"].aggregator.type == "last"
    found = plans(replace(given, feed="ETH/USD"))
    assert [plan.aggregator.type for plan in found.values()] == ["mid", "mid"]


@pytest.mark.parametrize("reads", ["mid", "last"])
def test_venues_say_what_the_pipeline_reads(tmp_path: Path, reads: str) -> None:
    """A pipeline of quotes is judged as one of trades is: each trade has a book around it."""
    scenario = short("A", 60)
    on = stage(written(tmp_path, f"aggregator: {reads}\n"), scenario, 8)
    result = measured(scenario, "static", 8, [play(on, scenario, "static", 1, index) for index in range(3)])
    assert (result.no_value, result.honest_dropped) == (0.0, 0.0)
    assert (result.ratio or 9) < 4.0


def test_defaults_are_left_to_the_builder() -> None:
    """Without a file, feed and rate have whatever chrono has for them."""
    found = plans(DEFAULTS)
    assert found["USDT/USD"].aggregator.type == "steady"
    assert found["BTC/USD"].cohort


def test_lone_venue_is_enough_where_the_row_says_so(tmp_path: Path) -> None:
    """`min_venues: 1` is put into the user's own consensus."""
    given = written(tmp_path, "consensus: {median: {min_venues: 5, max_age: 20s}}\n")
    consensus = plans(given, "U-one")["BTC/USD"].consensus
    assert (consensus.wanted, consensus.max_age) == (1, 20 * SECOND)
    assert plans(given, "U-alone")["BTC/USD"].consensus.wanted == 5


def test_quorum_out_of_reach_is_told(tmp_path: Path) -> None:
    """Six venues of the five a rate has is a problem of the file, told before anything is played."""
    given = written(tmp_path, "consensus: {median: {min_venues: 6}}\n")
    with pytest.raises(ConfigError, match="USDT/USD needs 6 venues and can have 5"):
        next(run(order(given=given)))


def test_unknown_feed_is_told(tmp_path: Path) -> None:
    """The feeds there are, and what was asked for."""
    given = replace(written(tmp_path, ""), feed="XRP/USD")
    with pytest.raises(ConfigError, match="BTC/USD, ETH/USD; was 'XRP/USD'"):
        check(given)
