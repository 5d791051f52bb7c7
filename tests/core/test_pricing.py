"""One round as a pure function: estimates, screening, conversion, agreement, guards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from chrono.core.board import Board
from chrono.core.clock import VirtualClock
from chrono.core.component import Aggregator, Consensus, Detector
from chrono.core.errors import InsufficientData
from chrono.core.pricing import Outcome, PricingState, price
from chrono.core.reporting import encode
from chrono.core.types import SECOND, Agreement, Estimate, Market, Missing, Price, Round, Trade, Verdict
from chrono.core.windows import TradeWindow
from tests.core.conftest import Make

START = 1_795_342_500
THREE = "sources: {v1: {type: push}, v2: {type: push}, v3: {type: push}}\nquotes: [USD, USDT]\nconsensus: median\n"
BTC = THREE + "feeds: {BTC/USD: {decimals: 2}, USDT/USD: {}}\n"


class Harness:
    """Prices rounds of a pipeline by hand."""

    def __init__(self, make: Make, text: str, **offers: Any) -> None:
        self.pipeline = make(text, **offers)
        self.board: Board = self.pipeline.board(VirtualClock())
        self.state = PricingState()
        self.outcome: Outcome | None = None

    def trade(self, source: str, pair: str, value: float, at: float, size: float = 1.0) -> None:
        instant = START * SECOND + int(at * SECOND)
        self.board.inlets[source](Trade(pair, value, size, "buy", "", instant), instant)

    def round(self, at: int, every: int = 1) -> dict[str, Price | Missing]:
        when = Round((START + at) // every, (START + at) * SECOND, (START + at + every) * SECOND)
        self.outcome = price(self.pipeline.plans, self.board.window, self.state, when)
        self.state = self.outcome.state
        return {result.feed.name: result for result in self.outcome.report.results}


def value(result: Price | Missing) -> float:
    assert isinstance(result, Price), result
    return result.value


def code(result: Price | Missing) -> str:
    assert isinstance(result, Missing), result
    return str(result.reason["code"])


def reasons(result: Price | Missing) -> dict[str, str]:
    return {str(market): str(reason["code"]) for market, reason in result.dropped.items()}


def test_usdt_markets_are_converted_at_this_rounds_rate(make: Make) -> None:
    """At a depeg of ten per cent the USDT market still agrees with the USD market."""
    harness = Harness(make, BTC)
    for source in ("v1", "v2", "v3"):
        harness.trade(source, "USDT/USD", 0.9, 0)
    harness.trade("v1", "BTC/USD", 900.0, 0)
    harness.trade("v2", "BTC/USDT", 1000.0, 0)
    results = harness.round(1)
    assert value(results["BTC/USD"]) == 900.0
    (_, converted) = results["BTC/USD"].estimates
    assert converted.path == ("USDT/USD",)


def test_market_without_its_rate_is_dropped_with_the_cause(make: Make) -> None:
    """One venue for the rate is no quorum, so nothing is converted with it."""
    harness = Harness(make, BTC)
    harness.trade("v1", "USDT/USD", 1.0, 0)
    for source in ("v1", "v2"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    harness.trade("v3", "BTC/USDT", 100.0, 0)
    results = harness.round(1)
    assert code(results["USDT/USD"]) == "no_quorum"
    assert value(results["BTC/USD"]) == 100.0
    assert results["BTC/USD"].dropped[Market("v3", *_pair("BTC/USDT", "v3"))] == {
        "code": "rate_missing",
        "rate": "USDT/USD",
        "cause": "no_quorum",
    }


def _pair(text: str, source: str) -> Any:
    from chrono.core.types import Pair

    return Pair.parse(text), source, text


def test_undeclared_rate_is_priced_and_not_published(make: Make) -> None:
    """A leg that no feed declares is an internal one over all sources."""
    harness = Harness(make, THREE + "feeds: {BTC/USD: {decimals: 2}}\n")
    for source in ("v1", "v2"):
        harness.trade(source, "USDT/USD", 0.5, 0)
        harness.trade(source, "BTC/USDT", 100.0, 0)
    assert value(harness.round(1)["BTC/USD"]) == 50.0
    assert harness.outcome is not None
    (rate,) = harness.outcome.report.rates
    assert (rate.feed.name, value(rate)) == ("USDT/USD", 0.5)


def test_two_legs_each_with_their_own_quorum(make: Make) -> None:
    """A market in KRW reaches USD over USDT; without one of the legs it is dropped."""
    text = THREE + "feeds: {BTC/USD: {markets: ['*:BTC/KRW', 'v1:BTC/USD']}, USDT/KRW: {}, USDT/USD: {}}\n"
    harness = Harness(make, text)
    for source in ("v1", "v2"):
        harness.trade(source, "USDT/USD", 0.5, 0)
        harness.trade(source, "USDT/KRW", 1000.0, 0)
        harness.trade(source, "BTC/KRW", 1_000_000.0, 0)
    assert value(harness.round(1)["BTC/USD"]) == 500.0
    for source in ("v1", "v2"):
        harness.trade(source, "BTC/KRW", 1_000_000.0, 49)
    assert reasons(harness.round(50)["BTC/USD"]) == {
        "v1:BTC/KRW": "rate_missing",
        "v2:BTC/KRW": "rate_missing",
        "v3:BTC/KRW": "no_data",
        "v1:BTC/USD": "no_data",
    }


def test_each_feed_has_a_value_or_a_reason(make: Make) -> None:
    """One feed without an answer does not cost the other its own."""
    harness = Harness(make, BTC)
    for source in ("v1", "v2"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    results = harness.round(1)
    assert list(results) == ["BTC/USD", "USDT/USD"]
    assert value(results["BTC/USD"]) == 100.0
    assert code(results["USDT/USD"]) == "no_quorum"


class Broken(Aggregator):
    """Breaks its contract in a way that its window chooses."""

    type = "broken"

    def aggregate(self, window: TradeWindow) -> Estimate:
        outcome = {1.0: float("nan"), 2.0: float("inf"), 3.0: -1.0, 4.0: 0.0}.get(window.last)
        if window.last == 5.0:
            raise ZeroDivisionError
        if window.last == 6.0:
            raise InsufficientData(1, 9)
        return self.estimate(window, window.last if outcome is None else outcome)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (1.0, "invalid_value"),
        (2.0, "invalid_value"),
        (3.0, "invalid_value"),
        (4.0, "invalid_value"),
        (5.0, "component_failed"),
        (6.0, "insufficient_data"),
    ],
)
def test_broken_estimate_costs_its_market_alone(make: Make, last: float, expected: str) -> None:
    """Neither nonsense nor an exception of a stranger's aggregator reaches a price or stops the round."""
    harness = Harness(make, BTC + "aggregator: broken\n", aggregator=[Broken])
    for source, price_ in (("v1", 100.0), ("v2", 102.0), ("v3", last)):
        harness.trade(source, "BTC/USD", price_, 0)
    result = harness.round(1)["BTC/USD"]
    assert value(result) == 101.0
    assert reasons(result)["v3:BTC/USD"] == expected
    assert harness.outcome is not None
    assert len(harness.outcome.failures) == (expected == "component_failed")


class Picky(Detector):
    """Rejects what is above 150 and counts its rounds."""

    type = "picky"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        high = [e for e in estimates if e.value > 150]
        seen = {"rounds": (state or {"rounds": 0})["rounds"] + 1}
        return [
            Verdict(e.market, keep=False, score=9.0, code="high", data={"value": e.value}, detector="picky")
            for e in high
        ], seen


class Raising(Detector):
    """Raises in every round."""

    type = "raising"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        raise RuntimeError("no")


def test_rejected_market_is_dropped_with_the_detectors_numbers(make: Make) -> None:
    """Every verdict is in the report, and what a detector remembers comes back to it."""
    harness = Harness(make, BTC + "detectors: [picky]\n", detector=[Picky])
    for source, price_ in (("v1", 100.0), ("v2", 102.0), ("v3", 200.0)):
        harness.trade(source, "BTC/USD", price_, 0)
    harness.round(1)
    result = harness.round(2)["BTC/USD"]
    assert value(result) == 101.0
    assert result.dropped[Market("v3", *_pair("BTC/USD", "v3"))] == {
        "code": "high",
        "detector": "picky",
        "value": 200.0,
    }
    assert harness.outcome is not None
    assert [str(verdict.market) for verdict in harness.outcome.report.verdicts] == ["v3:BTC/USD"]
    assert harness.state.components["BTC/USD picky"] == {"rounds": 2}


def test_failing_detector_is_passed_over(make: Make) -> None:
    """The round is published without it, and the failure is told."""
    harness = Harness(make, BTC + "detectors: [raising, picky]\n", detector=[Picky, Raising])
    for source, price_ in (("v1", 100.0), ("v2", 102.0), ("v3", 200.0)):
        harness.trade(source, "BTC/USD", price_, 0)
    assert value(harness.round(1)["BTC/USD"]) == 101.0
    assert harness.outcome is not None
    assert {component.type for component, _ in harness.outcome.failures} == {"raising"}


class Speechless(Detector):
    """Forgets its verdicts."""

    type = "speechless"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Any, Any]:
        return None, state


def test_detector_that_forgets_its_verdicts_is_passed_over(make: Make) -> None:
    """As is one that raises: the core does not die of it."""
    harness = Harness(make, BTC + "detectors: [speechless]\n", detector=[Speechless])
    for source in ("v1", "v2"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    assert value(harness.round(1)["BTC/USD"]) == 100.0
    assert harness.outcome is not None
    assert {component.type for component, _ in harness.outcome.failures} == {"speechless"}


class Numpy(Aggregator):
    """Answers with a number of numpy, as `window.price[-1]` is one."""

    type = "numpy"

    def aggregate(self, window: TradeWindow) -> Estimate:
        return self.estimate(window, window.price[-1])


def test_numbers_of_numpy_are_published_as_plain_ones(make: Make) -> None:
    """Their repr is no number, and JSON does not know them."""
    harness = Harness(make, BTC + "aggregator: numpy\nlimits: {max_jump: 10%}\n", aggregator=[Numpy])
    for at, price_ in ((0, 100.0), (1, 200.0)):
        for source in ("v1", "v2") if at == 0 else ("v1",):
            harness.trade(source, "BTC/USD", price_, at)
        result = harness.round(at + 1)["BTC/USD"]
    assert isinstance(result, Missing)
    assert encode(result.reason) == b'{"code":"max_jump","value":150.0,"previous":100.0,"limit":0.1}'
    assert type(harness.state.published["BTC/USD"].value) is float


class Wild(Consensus):
    """Answers what its first estimate tells it to."""

    type = "wild"

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        if estimates[0].value == 7.0:
            raise RuntimeError("no")
        if estimates[0].value == 6.0:
            return Agreement(6.0, 1.0, {})
        return Agreement(
            estimates[0].value if estimates[0].value != 8.0 else float("nan"), 1.0, {estimates[0].market: 1.0}
        )


@pytest.mark.parametrize(
    ("last", "expected"), [(6.0, "component_failed"), (7.0, "component_failed"), (8.0, "invalid_value")]
)
def test_broken_consensus_costs_its_feed_alone(make: Make, last: float, expected: str) -> None:
    """The other feeds are priced, nonsense is not published."""
    text = THREE + "feeds: {BTC/USD: {consensus: wild}, ETH/USD: {}}\n"
    harness = Harness(make, text, consensus=[Wild])
    harness.trade("v1", "BTC/USD", last, 0)
    for source in ("v1", "v2"):
        harness.trade(source, "ETH/USD", 3.0, 0)
    results = harness.round(1)
    assert code(results["BTC/USD"]) == expected
    assert value(results["ETH/USD"]) == 3.0


class Counting(Consensus):
    """Remembers how often it agreed."""

    type = "counting"

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return Agreement(1.0, 1.0, {e.market: 1.0 for e in estimates})

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        return self.agree(estimates), (state or 0) + 1


def test_consensus_that_learns_gets_back_what_it_remembers(make: Make) -> None:
    """Its memory is part of the state."""
    harness = Harness(make, THREE + "feeds: {BTC/USD: {consensus: counting}}\n", consensus=[Counting])
    harness.trade("v1", "BTC/USD", 1.0, 0)
    for at in (1, 2, 3):
        harness.round(at)
    assert harness.state.components["BTC/USD counting"] == 3


LIMITED = BTC + "limits: {max_jump: 10%}\ndetectors: []\n"


def test_jump_that_most_venues_made_is_published(make: Make) -> None:
    """A true crash is not refused."""
    harness = Harness(make, LIMITED)
    for source in ("v1", "v2", "v3"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    harness.round(1)
    for source, after in (("v1", 80.0), ("v2", 81.0), ("v3", 99.0)):
        harness.trade(source, "BTC/USD", after, 1.5)
    assert value(harness.round(2)["BTC/USD"]) == 81.0


def test_jump_of_a_minority_is_refused(make: Make) -> None:
    """Two of five who jumped, left alone with one who did not, may not move the price by a third."""
    text = "sources: {v1: {type: push}, v2: {type: push}, v3: {type: push}, v4: {type: push}}\nquotes: [USD]\n"
    harness = Harness(
        make, text + "feeds: {BTC/USD: {}}\nlimits: {max_jump: 10%}\nconsensus: {median: {max_age: 5s}}\n"
    )
    for source in ("v1", "v2", "v3", "v4"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    assert value(harness.round(1)["BTC/USD"]) == 100.0
    harness.trade("v1", "BTC/USD", 130.0, 8)
    harness.trade("v2", "BTC/USD", 104.0, 8)
    result = harness.round(9)["BTC/USD"]
    assert code(result) == "max_jump"
    assert result.reason["previous"] == 100.0  # type: ignore[union-attr]


def test_jump_is_not_measured_against_an_old_value(make: Make) -> None:
    """After more than a minute without a value there is nothing to compare with."""
    harness = Harness(make, LIMITED)
    for at, price_ in ((0, 100.0), (62, 150.0)):
        for source in ("v1", "v2"):
            harness.trade(source, "BTC/USD", price_, at)
        assert value(harness.round(at + 1)["BTC/USD"]) == price_


def test_jump_is_measured_between_rounds_that_are_far_apart(make: Make) -> None:
    """A pipeline that looks every 90 seconds is guarded like others."""
    harness = Harness(make, LIMITED)
    for source in ("v1", "v2", "v3"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    assert value(harness.round(0, every=90)["BTC/USD"]) == 100.0
    harness.trade("v1", "BTC/USD", 130.0, 80)
    harness.trade("v2", "BTC/USD", 104.0, 80)
    assert code(harness.round(90, every=90)["BTC/USD"]) == "max_jump"


def test_value_out_of_bounds_is_refused(make: Make) -> None:
    """A peg that should be near one is not published at two."""
    harness = Harness(make, THREE + "feeds: {USDT/USD: {limits: {min: 0.5, max: 1.5}}}\n")
    for source in ("v1", "v2"):
        harness.trade(source, "USDT/USD", 2.0, 0)
    assert code(harness.round(1)["USDT/USD"]) == "out_of_bounds"


def test_value_below_the_feeds_precision_is_refused(make: Make) -> None:
    """Nothing is published as 0.00."""
    harness = Harness(make, THREE + "feeds: {PEPE/USD: {decimals: 2}}\n")
    for source in ("v1", "v2"):
        harness.trade(source, "PEPE/USD", 0.000012, 0)
    assert code(harness.round(1)["PEPE/USD"]) == "below_precision"


def test_same_input_gives_the_same_report_to_the_bit(make: Make) -> None:
    """The state goes through JSON and back without a trace."""
    results = []
    for through_json in (False, True):
        harness = Harness(make, BTC + "limits: {max_jump: 10%}\ndetectors: [picky]\n", detector=[Picky])
        for at in range(1, 20):
            for rank, source in enumerate(("v1", "v2", "v3")):
                harness.trade(source, "BTC/USD", 100.1 + rank / 3 + at / 7, at - 0.5, size=rank + 1 / 3)
            harness.round(at)
            if through_json:
                harness.state = msgspec.json.decode(msgspec.json.encode(harness.state), type=PricingState)
        assert harness.outcome is not None
        results.append(harness.outcome)
    assert results[0].report == results[1].report
    assert results[0].state == results[1].state


def test_coverage_lowers_confidence(make: Make) -> None:
    """A venue with data that does not count makes the price less sure; one that was never heard of does not."""
    harness = Harness(make, THREE + "feeds: {BTC/USD: {}}\n")
    for source in ("v1", "v2"):
        harness.trade(source, "BTC/USD", 100.0, 40)
    alone = harness.round(40)["BTC/USD"]
    harness.trade("v3", "BTC/USD", 100.0, 0)
    with_stale = harness.round(40)["BTC/USD"]
    assert isinstance(alone, Price)
    assert isinstance(with_stale, Price)
    assert with_stale.confidence == pytest.approx(alone.confidence * 2 / 3)


def test_result_tells_who_was_rejected_and_what_was_agreed(make: Make) -> None:
    """Estimates that a detector dropped are there as they were; what the venues agreed on is beside the value."""
    harness = Harness(make, BTC + "detectors: [picky]\n", detector=[Picky])
    for source, price_ in (("v1", 100.0), ("v2", 102.0), ("v3", 200.0)):
        harness.trade(source, "BTC/USD", price_, 0)
    result = harness.round(1)["BTC/USD"]
    assert isinstance(result, Price)
    assert [(str(estimate.market), estimate.value) for estimate in result.rejected] == [("v3:BTC/USD", 200.0)]
    assert {str(estimate.market) for estimate in result.estimates} == {"v1:BTC/USD", "v2:BTC/USD"}
    assert result.agreement is not None
    assert result.agreement.value == result.value == 101.0
    assert result.agreement.shares == result.shares


def test_refused_value_is_still_told(make: Make) -> None:
    """What the venues agreed on, where a limit refused it; nothing where they did not agree."""
    text = BTC.replace("{decimals: 2}", "{decimals: 2, limits: {max: 50}}")
    harness = Harness(make, text)
    for source in ("v1", "v2", "v3"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    results = harness.round(1)
    refused, absent = results["BTC/USD"], results["USDT/USD"]
    assert code(refused) == "out_of_bounds"
    assert refused.agreement is not None
    assert refused.agreement.value == 100.0
    assert (code(absent), absent.agreement, absent.rejected) == ("no_quorum", None, ())


def test_rejected_before_conversion_is_told_in_its_own_quote(make: Make) -> None:
    """A market whose rate is missing was never converted."""
    harness = Harness(make, THREE + "feeds: {BTC/USD: {decimals: 2}, USDT/USD: {}}\n")
    for source in ("v1", "v2"):
        harness.trade(source, "BTC/USD", 100.0, 0)
    harness.trade("v3", "BTC/USDT", 125.0, 0)
    result = harness.round(1)["BTC/USD"]
    assert [(str(e.market), str(e.pair), e.value, e.path) for e in result.rejected] == [
        ("v3:BTC/USDT", "BTC/USDT", 125.0, ())
    ]
