"""One detector broken on purpose for each check; the check must fail for it."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import pytest
from msgspec.structs import replace

from chrono import Detector, Estimate, Market, Pair, Verdict
from chrono.testing import DetectorContract

from .failing import failure

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as chrono does."""
    return "asyncio"


class Far(Detector):
    """Drops who is 1 % from the median for the second round running."""

    type = "far"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        before = self.remembered(state)
        off = {str(e.market): self.distance(e, estimates) for e in estimates}
        off = {market: distance for market, distance in off.items() if abs(distance) > 0.01}
        verdicts = [self.verdict(e, off[str(e.market)]) for e in estimates if str(e.market) in {*off} & {*before}]
        return verdicts, off

    def remembered(self, state: Any) -> Any:
        """Return who was far, and how far, the round before."""
        return state or {}

    def distance(self, e: Estimate, estimates: Sequence[Estimate]) -> float:
        """Return how far a market is from the median."""
        return e.value / median(each.value for each in estimates) - 1 if estimates else 0.0

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        """Return what is said of a market that is far."""
        score = min(abs(distance) / 0.01, 1e15)
        return Verdict(e.market, keep=False, score=score, code="far", data={"price": e.value}, detector=self.type)


class FarContract(DetectorContract):
    """The contract of it."""

    detector = Far

    def faulty(self) -> Any:
        """Let one market be 5 % off for four rounds."""
        rounds = self.quiet(30)
        market = rounds[0][3].market
        return self.changed(rounds, market, range(10, 14), lambda e: replace(e, value=e.value * 1.05)), market


class TestFar(FarContract):
    """The sound one passes every check."""


class TestNativeFar(FarContract):
    """So does one that sees each market in its own quote, with a limit as wide as the quotes are apart."""

    detector = type(
        "NativeFar",
        (Far,),
        {
            "type": "native_far",
            "stage": "native",
            "distance": lambda self, e, estimates: Far.distance(
                self, replace(e, value=e.value / (1400 if e.pair.quote == "KRW" else 1)), estimates
            ),
        },
    )


MUTANTS: list[tuple[str, type[Far]]] = []


def breaks(check: str) -> Callable[[type[Far]], type[Far]]:
    """Note which check a broken one is for."""

    def note(cls: type[Far]) -> type[Far]:
        MUTANTS.append((check, cls))
        return cls

    return note


@breaks("d01")
class Counts(Far):
    """It says how often it was asked."""

    asked = 0

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        self.asked += 1
        return replace(super().verdict(e, distance), data={"asked": float(self.asked)})


@breaks("d01")
class KeepsToItself(Far):
    """It remembers in an attribute what belongs into its state."""

    before: Any = None

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, self.before = super().screen(estimates, self.before)
        return verdicts, None


@breaks("d02")
class RemembersTuples(Far):
    """Its state holds what JSON has no word for."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, dict(state or ()))
        return verdicts, tuple(off.items())


@breaks("d02")
class RemembersInfinity(Far):
    """Its state holds a number that JSON cannot write."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state)
        return verdicts, dict.fromkeys(off, float("inf"))


@breaks("d02")
class Identical(Far):
    """It knows its own state by identity, and after a restart no longer."""

    mine: Any = None

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state if state is self.mine else None)
        self.mine = self.mine if state is not self.mine else off
        return verdicts, off


@breaks("d03")
class WritesState(Far):
    """It changes its state in place."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        state = {} if state is None else state
        verdicts, off = super().screen(estimates, dict(state))
        state.clear()
        state.update(off)
        return verdicts, state


@breaks("d03")
class WritesOldStates(Far):
    """It goes on writing to a part of what it returned before."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state and state["off"])
        history = state["history"] if state else []
        history.append(len(off))
        return verdicts, {"off": off, "history": history}


@breaks("d03")
class Sorts(Far):
    """It sorts the estimates in place."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        estimates.sort(key=lambda e: e.value)  # type: ignore[attr-defined]
        return super().screen(estimates, state)


@breaks("d04")
class Elsewhere(Far):
    """It judges a market that was not given."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), market=Market("nobody", Pair("BTC", "USD")))


@breaks("d04")
class Twice(Far):
    """It judges a market twice."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state)
        return [*verdicts, *verdicts], off


@breaks("d04")
class Wordless(Far):
    """It rejects without a code."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), code="")


@breaks("d04")
class Talkative(Far):
    """Its code is a sentence."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), code="Too far.")


@breaks("d04")
class Anonymous(Far):
    """It rejects without its name."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), detector="")


@breaks("d04")
class NotANumber(Far):
    """Its score is NaN."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), score=float("nan"))


@breaks("d04")
class Below(Far):
    """Its score is below zero for who is below the median."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), score=distance)


@breaks("d04")
class Text(Far):
    """Its data are texts."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), data={"price": str(e.value)})  # type: ignore[dict-item]


@breaks("d04")
class Overflows(Far):
    """Its data are infinite where prices are beyond all measure."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), data={"square": e.value * 1e300})


@breaks("d05")
class FirstCome(Far):
    """It measures by the first."""

    def distance(self, e: Estimate, estimates: Sequence[Estimate]) -> float:
        return e.value / estimates[0].value - 1


@breaks("d06")
class ByName(Far):
    """It measures by the market whose name comes first."""

    def distance(self, e: Estimate, estimates: Sequence[Estimate]) -> float:
        return e.value / min(estimates, key=lambda each: each.market.source).value - 1


@breaks("d06")
class Partial(Far):
    """It never rejects a certain venue."""

    def distance(self, e: Estimate, estimates: Sequence[Estimate]) -> float:
        return 0.0 if e.market.group == "z0005" else super().distance(e, estimates)


@breaks("d07")
class Absolute(Far):
    """Its limit is in quote units."""

    def distance(self, e: Estimate, estimates: Sequence[Estimate]) -> float:
        return (e.value - median(each.value for each in estimates)) / 1e5


@breaks("d07")
class Heavy(Far):
    """Its score is the turnover."""

    def verdict(self, e: Estimate, distance: float) -> Verdict:
        return replace(super().verdict(e, distance), score=e.weight)


@breaks("d08")
class NeedsSomebody(Far):
    """It cannot do without estimates."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        median(e.value for e in estimates)
        return super().screen(estimates, state)


@breaks("d08")
class NeedsTheSame(Far):
    """It expects the markets of the round before."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        values = {str(e.market): e.value for e in estimates}
        verdicts, off = super().screen(estimates, state and state["off"])
        for market in state["values"] if state else ():
            values[market] += 0.0
        return verdicts, {"off": off, "values": values}


@breaks("d08")
class NeedsCompany(Far):
    """It rejects who is alone."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        if len(estimates) == 1:
            return [self.verdict(estimates[0], 1.0)], state
        return super().screen(estimates, state)


@breaks("d09")
class Nervous(Far):
    """It rejects who is 2 bp off."""

    def distance(self, e: Estimate, estimates: Sequence[Estimate]) -> float:
        return super().distance(e, estimates) * 50


@breaks("d10")
class Blind(Far):
    """It rejects nobody."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        _, off = super().screen(estimates, state)
        return [], off


@breaks("d10")
class Unforgiving(Far):
    """Who was far once is out for good."""

    def remembered(self, state: Any) -> Any:
        self.once: set[str]
        self.once = {*(state or ())}
        return super().remembered(state)

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        _, off = super().screen(estimates, state)
        off = {**(state or {}), **off}
        return [self.verdict(e, 1.0) for e in estimates if str(e.market) in off], off


@breaks("d10")
class Sweeping(Far):
    """It rejects everybody where somebody is far."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state)
        return [self.verdict(e, 1.0) for e in estimates] if verdicts else [], off


@breaks("d11")
class NeverForgets(Far):
    """It remembers every market it ever saw."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state and state["off"])
        seen = {**(state["seen"] if state else {}), **{str(e.market): e.value for e in estimates}}
        return verdicts, {"off": off, "seen": seen}


@breaks("d11")
class NeverForgives(Far):
    """It remembers every market that was far when it left."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state)
        here = {str(e.market) for e in estimates}
        return verdicts, {**{market: at for market, at in (state or {}).items() if market not in here}, **off}


@breaks("d12")
class Chronicle(Far):
    """It remembers every round there ever was."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, off = super().screen(estimates, state and state["off"])
        return verdicts, {"off": off, "rounds": [*(state["rounds"] if state else ()), len(estimates)]}


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_detector_broken_for_it(check: str, broken: type[Far]) -> None:
    """Each broken detector is found out by its own check."""
    contract = type("Broken", (FarContract,), {"detector": broken})
    assert await failure(contract, check), f"expected {check} to find out that {broken.__doc__}"


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(DetectorContract) if name.startswith("test_d")}
    assert numbers == {check for check, _ in MUTANTS}


def test_contract_without_a_fault_shown_says_what_is_wanted() -> None:
    """Whoever shows no fault has proved nothing."""
    with pytest.raises(NotImplementedError, match="expected `faulty` to return rounds"):
        DetectorContract().faulty()
