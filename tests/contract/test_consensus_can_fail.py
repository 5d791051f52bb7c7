"""One consensus broken on purpose for each check; the check must fail for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import msgspec
import pytest

from chrono import Agreement, Consensus, Duration, Estimate, NoQuorum
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


class MiddleContract(ConsensusContract):
    """The contract of the middle one."""

    consensus = Middle


class TestMiddle(MiddleContract):
    """The sound one passes every check."""


MUTANTS: list[tuple[str, type[Middle]]] = []


def breaks(check: str) -> Callable[[type[Middle]], type[Middle]]:
    """Note which check a broken one is for."""

    def note(cls: type[Middle]) -> type[Middle]:
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
        return msgspec.structs.replace(made, shares=shares)


@breaks("c04")
class Wordless(Middle):
    """It drops the lowest without a code."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        made = super().agree(estimates)
        lowest = min(estimates, key=lambda e: e.value).market
        shares = {m: 1 / (len(made.shares) - 1) for m in made.shares if m != lowest}
        return msgspec.structs.replace(made, shares=shares, dropped={lowest: {}})


@breaks("c04")
class Generous(Middle):
    """Its shares are more than the whole."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        made = super().agree(estimates)
        return msgspec.structs.replace(made, shares=dict.fromkeys(made.shares, 0.5))


@breaks("c05")
class Dreams(Middle):
    """Of nobody it makes NaN."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return super().agree(estimates) if estimates else Agreement(float("nan"), 0.0, {})


@breaks("c05")
class TooSure(Middle):
    """It is surer than sure."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return msgspec.structs.replace(super().agree(estimates), confidence=1.1)


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


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_consensus_broken_for_it(check: str, broken: type[Middle]) -> None:
    """Each broken consensus is found out by its own check."""
    contract = type("Broken", (MiddleContract,), {"consensus": broken})
    assert await failure(contract, check), f"expected {check} to find out that {broken.__doc__}"


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(ConsensusContract) if name.startswith("test_c")}
    assert numbers == {check for check, _ in MUTANTS}
