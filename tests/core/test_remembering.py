"""What detectors and consensus remember, and what becomes of it when they cannot use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from chrono.core.component import Consensus, Context, Detector
from chrono.core.errors import NoQuorum
from chrono.core.pricing import Forgotten
from chrono.core.registry import Registry
from chrono.core.statuses import Statuses
from chrono.core.types import Agreement, Estimate, Verdict
from tests.core.conftest import Make
from tests.core.test_pricing import THREE, Harness, code, value


class Counter(Detector):
    """Counts rounds, wants a dictionary to do so, and cannot stand a price of 7."""

    type = "counter"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        rounds = state["rounds"] + 1 if state is not None else 1
        if any(e.value == 7.0 for e in estimates):
            raise RuntimeError("a bug")
        return [Verdict(e.market, keep=True, score=rounds) for e in estimates], {"rounds": rounds}


class Learner(Consensus):
    """Counts rounds likewise; of a price of 8 it has learned to want more."""

    type = "learner"

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return self.agree_with(estimates, None)[0]

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        rounds = state["rounds"] + 1 if state is not None else 1
        if estimates[0].value == 8.0 and rounds > 1:
            raise NoQuorum(1, 2, {})
        return Agreement(float(rounds), 1.0, {e.market: 1.0 for e in estimates}), {"rounds": rounds}


def harness(make: Make) -> Harness:
    text = THREE.replace("USD, USDT", "USD") + "feeds: {BTC/USD: {}}\ndetectors: [counter]\n"
    made = Harness(
        make, text.replace("consensus: median", "consensus: learner"), detector=[Counter], consensus=[Learner]
    )
    made.trade("v1", "BTC/USD", 1.0, 0)
    return made


def remember(made: Harness, memory: Any) -> None:
    made.state = msgspec.structs.replace(made.state, components={"BTC/USD counter": memory, "BTC/USD learner": memory})


def failures(made: Harness) -> list[tuple[str, type[Exception]]]:
    assert made.outcome is not None
    return [(component.type, type(error)) for component, error in made.outcome.failures]


def test_memory_that_is_of_no_use_is_begun_anew_in_the_same_round(make: Make) -> None:
    """What is said without it counts, and the next round goes on from there."""
    made = harness(make)
    remember(made, "of another version")
    assert value(made.round(1)["BTC/USD"]) == 1.0
    assert failures(made) == [("counter", Forgotten), ("learner", Forgotten)]
    assert made.outcome is not None
    assert [verdict.score for verdict in made.outcome.report.verdicts] == [1]
    assert value(made.round(2)["BTC/USD"]) == 2.0
    assert failures(made) == []
    assert made.state.components["BTC/USD counter"] == {"rounds": 2}


def test_bug_that_is_not_of_the_memory_costs_the_memory_nothing(make: Make) -> None:
    """One that fails with and without is passed over, and remembers afterwards what it did before."""
    made = harness(make)
    remember(made, {"rounds": 5})
    made.trade("v1", "BTC/USD", 7.0, 1)
    made.round(2)
    assert failures(made) == [("counter", RuntimeError)]
    assert made.state.components["BTC/USD counter"] == {"rounds": 5}
    made.trade("v1", "BTC/USD", 6.0, 3)
    made.round(4)
    assert made.state.components["BTC/USD counter"] == {"rounds": 6}


def test_quorum_that_is_missing_is_no_fault_of_the_memory(make: Make) -> None:
    """What was learned is kept for when the venues are back."""
    made = harness(make)
    remember(made, {"rounds": 5})
    made.trade("v1", "BTC/USD", 8.0, 1)
    assert code(made.round(2)["BTC/USD"]) == "no_quorum"
    assert failures(made) == []
    made.trade("v1", "BTC/USD", 1.0, 3)
    assert value(made.round(4)["BTC/USD"]) == 6.0


@pytest.mark.parametrize("memory", [0, {}, [], "", False])
def test_empty_memories_of_another_shape_are_none_either(make: Make, memory: Any) -> None:
    """That a memory is empty does not make it one of the right kind."""
    made = harness(make)
    remember(made, memory)
    assert value(made.round(1)["BTC/USD"]) == 1.0


def test_forgetting_is_a_status_and_no_traceback() -> None:
    """Said once although every feed has its own memory; what was raised is there for who asks for more."""
    statuses = Statuses(Registry(found=()), structlog.get_logger())
    counter = Counter(context=Context("counter", report=statuses))
    with capture_logs() as logs:
        for feed in ("BTC/USD", "ETH/USD"):
            statuses.failure(counter, Forgotten(f"{feed} counter", KeyError("rounds")), "unused")
    said = [each for each in logs if each["log_level"] != "debug"]
    assert [(each["log_level"], each["code"]) for each in said] == [("warning", "forgotten")]
    assert "traceback" not in said[0]
    assert statuses.failed() == set()
    assert statuses.latest["counter", ""].message == (
        "ETH/USD counter: expected to use what it remembered, could not: KeyError: 'rounds'; "
        "it began anew, as at a first start"
    )
