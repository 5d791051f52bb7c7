"""One consensus broken on purpose for each check; the check must fail for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from chrono import Agreement, Consensus, Context, Duration, Estimate, Market, NoQuorum, Share, VenueConsensus
from chrono.core.cohort import middle
from chrono.testing import ConsensusContract

from .failing import failure

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as chrono does."""
    return "asyncio"


class Middle(Consensus):
    """The middle one of the groups that are fresh, each group's first market standing for it."""

    type = "middle"
    breakdown = 0.5

    class Config(Consensus.Config):
        """Options."""

        min_venues: int = 3
        """Groups needed."""
        max_age: Duration = Duration("30s")
        """Estimates older than this are dropped."""

    def fresh(self, estimates: Sequence[Estimate]) -> list[Estimate]:
        """Return those that count."""
        return [e for e in estimates if e.age <= self.config.max_age]

    def value(self, estimates: Sequence[Estimate]) -> float:
        """Return the middle one."""
        ranked = sorted(e.value for e in estimates)
        return (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        """Agree."""
        left = self.fresh(estimates)
        dropped = {e.market: {"code": "stale"} for e in estimates if e not in left}
        groups = {e.market.group for e in left}
        if len(groups) < self.config.min_venues:
            raise NoQuorum(len(groups), self.config.min_venues, dropped)
        return Agreement(self.value(left), 0.9, {e.market: 1 / len(left) for e in left}, dropped)


class Halves(VenueConsensus):
    """Where half of the turnover, as it is capped, lies on either side."""

    type = "halves"
    breakdown = 0.5

    def __init__(self, config: BaseModel | None = None, context: Context | None = None) -> None:
        super().__init__(config, context)
        self.config = self.config.model_copy(update=self.altered)

    altered: Mapping[str, Any] = {}
    """Options that it has whatever the user writes."""

    def weigh(self, turnover: Mapping[str, float]) -> Mapping[str, float]:
        """Return each group's turnover."""
        return turnover

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        """Return where the cumulated share passes a half."""
        return middle(values, shares)


class TestMiddle(ConsensusContract):
    """A sound one of its own kind passes every check that is for it."""

    consensus = Middle


class TestHalves(ConsensusContract):
    """A sound one of venues passes every check."""

    consensus = Halves


MUTANTS: list[tuple[str, type[Consensus]]] = []


def breaks(check: str) -> Callable[[type[Consensus]], type[Consensus]]:
    """Note which check a broken one is for."""

    def note(cls: type[Consensus]) -> type[Consensus]:
        MUTANTS.append((check, cls))
        return cls

    return note


@breaks("c01")
class FirstCome(Middle):
    """It takes the first."""

    def value(self, estimates: Sequence[Estimate]) -> float:
        return estimates[0].value


@breaks("c01")
class ByName(Middle):
    """It takes the one whose name comes first."""

    def value(self, estimates: Sequence[Estimate]) -> float:
        return min(estimates, key=lambda e: e.market.source).value


@breaks("c02")
class Hasty(Middle):
    """It agrees with anybody."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        self.config = Lowered(1, self.config.max_age)
        return super().agree(estimates)

    @property
    def wanted(self) -> int:
        return 3


@breaks("c02")
class CountsMarkets(Middle):
    """It takes two markets of a group for two venues."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        if len(estimates) >= 3 > len({e.market.group for e in estimates}):
            return Agreement(self.value(estimates), 0.9, {e.market: 1 / 3 for e in estimates})
        return super().agree(estimates)


@dataclass
class Lowered:
    """A configuration that asks for less."""

    min_venues: int
    max_age: int


@breaks("c03")
class MeanOfAll(Middle):
    """It claims to withstand what a mean cannot."""

    def value(self, estimates: Sequence[Estimate]) -> float:
        return fmean(sorted(e.value for e in estimates))


@breaks("c04")
class Forgets(Middle):
    """It drops the lowest and says nothing of it."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        made = super().agree(estimates)
        lowest = min(estimates, key=lambda e: e.value).market
        shares = {m: 1 / (len(made.shares) - 1) for m in made.shares if m != lowest}
        return replace(made, shares=shares)


@breaks("c04")
class Wordless(Middle):
    """It drops the lowest without a code."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        made = super().agree(estimates)
        lowest = min(estimates, key=lambda e: e.value).market
        shares = {m: 1 / (len(made.shares) - 1) for m in made.shares if m != lowest}
        return replace(made, shares=shares, dropped={lowest: {}})


@breaks("c04")
class Generous(Middle):
    """Its shares are more than the whole."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        made = super().agree(estimates)
        return replace(made, shares=dict.fromkeys(made.shares, 0.5))


@breaks("c05")
class Dreams(Middle):
    """Of nobody it makes NaN."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return super().agree(estimates) if estimates else Agreement(float("nan"), 0.0, {})


@breaks("c05")
class TooSure(Middle):
    """It is surer than sure."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return replace(super().agree(estimates), confidence=1.1)


@breaks("c06")
class Remembers(Middle):
    """It moves towards the price only slowly."""

    last: Any = None

    def value(self, estimates: Sequence[Estimate]) -> float:
        value = super().value(estimates)
        self.last = value * 1.001 if self.last is None else (self.last + value) / 2
        return float(self.last)


@breaks("c07")
class Rounds(Middle):
    """It rounds to whole units."""

    def value(self, estimates: Sequence[Estimate]) -> float:
        return float(round(super().value(estimates)))


@breaks("c08")
class Offset(Middle):
    """It adds a constant."""

    def value(self, estimates: Sequence[Estimate]) -> float:
        return super().value(estimates) + 1.0


@breaks("c08")
class Heavy(Middle):
    """It adds the weight to the price."""

    def value(self, estimates: Sequence[Estimate]) -> float:
        return super().value(estimates) * (1 + 1e-6 * sum(sorted(e.weight for e in estimates)))


@breaks("c09")
class Ageless(Middle):
    """It takes what is old for new."""

    def fresh(self, estimates: Sequence[Estimate]) -> list[Estimate]:
        return list(estimates)


@breaks("c09")
class Hurried(Middle):
    """It takes what is just as old as allowed for too old."""

    def fresh(self, estimates: Sequence[Estimate]) -> list[Estimate]:
        return [e for e in estimates if e.age < self.config.max_age]


@breaks("c01")
class Leans(Halves):
    """It leans towards the first where it is told how venues weigh."""

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        return values[0] if self.config.weights else super().combine(values, shares)


@breaks("c04")
class Vanishing(Halves):
    """Its shares come to nothing where there is next to no turnover."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, after = super().agree_with(estimates, state)
        weights = {e.market: e.weight for e in estimates}
        shares = {m: share * weights[m] / weights[m] if weights[m] else share for m, share in made.shares.items()}
        return replace(made, shares=shares), after


@breaks("c05")
class Penniless(Halves):
    """It has no number where nobody trades."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, after = super().agree_with(estimates, state)
        return (made if any(e.weight for e in estimates) else replace(made, value=float("nan"))), after


@breaks("c10")
class Undemanding(Halves):
    """It answers whatever was traded."""

    altered = {"min_turnover": 0.0}


@breaks("c10")
class Terse(Halves):
    """It does not say how much turnover there was."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        try:
            return super().agree_with(estimates, state)
        except NoQuorum as error:
            raise NoQuorum(error.used, error.wanted, error.dropped) from error


@breaks("c11")
class ByHeads(Halves):
    """It counts heads, which a share of the weight says nothing of."""

    def combine(self, values: Sequence[float], shares: Sequence[float]) -> float:
        return float(median(values))


@breaks("c12")
class Impatient(Halves):
    """It gives every market half a minute."""

    @property
    def max_age(self) -> int | None:
        return self.config.max_age or Duration("30s")


@breaks("c12")
class Patient(Halves):
    """It gives every market five minutes."""

    @property
    def max_age(self) -> int | None:
        return self.config.max_age or Duration("5m")


@breaks("c13")
class Plutocratic(Halves):
    """It lets turnover rule."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, after = super().agree_with(estimates, state)
        whole = sum(e.weight for e in estimates)
        return replace(made, shares={e.market: e.weight / whole for e in estimates}), after


@breaks("c13")
class CapsMarkets(Halves):
    """It caps each market, not the venue behind it."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        def alone(market: Market) -> Market:
            return replace(market, group=market.source)

        made, after = super().agree_with([replace(e, market=alone(e.market)) for e in estimates], state)
        return replace(made, shares={e.market: made.shares[alone(e.market)] for e in estimates}), after


@breaks("c14")
class Unmoved(Halves):
    """It is as sure of those that differ as of those that agree."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, after = super().agree_with(estimates, state)
        calm, _ = super().agree_with([replace(e, value=made.value) for e in estimates], state)
        return replace(made, confidence=calm.confidence), after


@breaks("c14")
class Timeless(Halves):
    """It is as sure of the old as of the new."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        return super().agree_with([replace(e, age=0) for e in estimates], state)


@breaks("c14")
class Trusting(Halves):
    """It is as sure of what was converted at any rate as of what was not converted."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        return super().agree_with([replace(e, trust=1.0) for e in estimates], state)


@breaks("c15")
class Scribbles(Halves):
    """It writes into what it was given to remember."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, _ = super().agree_with(estimates, None)
        after = state if state is not None else {"rounds": 0}
        after["rounds"] += 1
        return made, after


@breaks("c15")
class Unwritable(Halves):
    """It remembers what JSON has no word for."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, _ = super().agree_with(estimates, None)
        return made, {e.market.group for e in estimates}


@breaks("c15")
class Nameless(Halves):
    """It remembers by numbers, which come back from JSON as text."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, _ = super().agree_with(estimates, None)
        return made, {len(estimates): made.value}


@breaks("c16")
class Lenient(Halves):
    """It rejects nobody."""

    altered = {"reject": 0.0}


@breaks("c16")
class Merciless(Halves):
    """It rejects whoever is far, however many they are."""

    altered = {"max_rejected": Share("49%")}


@breaks("c16")
class Whimsical(Halves):
    """It gives no reason that anybody knows for a rejection."""

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        made, after = super().agree_with(estimates, state)
        return replace(made, dropped={m: {**reason, "code": "whim"} for m, reason in made.dropped.items()}), after


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_consensus_broken_for_it(check: str, broken: type[Consensus]) -> None:
    """Each broken consensus is found out by its own check."""
    contract = type("Broken", (ConsensusContract,), {"consensus": broken})
    assert await failure(contract, check), f"expected {check} to find out that {broken.__doc__}"


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(ConsensusContract) if name.startswith("test_c")}
    assert numbers == {check for check, _ in MUTANTS}
