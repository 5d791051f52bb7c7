"""One aggregator broken on purpose for each check; the check must fail for it."""

from collections.abc import Callable
from statistics import fmean

import msgspec
import pytest

from chrono import Aggregator, Estimate, InsufficientData, TradeWindow
from chrono.testing import AggregatorContract

from .failing import failure

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as chrono does."""
    return "asyncio"


class Mean(Aggregator):
    """The plain mean of the prints, and of nothing the price that stood."""

    type = "mean"

    def value(self, window: TradeWindow) -> float:
        """Return the mean."""
        prices = window.price.tolist() or ([] if window.prior is None else [window.prior.value])
        if not prices:
            raise InsufficientData(0, 1)
        return float(min(max(fmean(prices), min(prices)), max(prices)))

    def aggregate(self, window: TradeWindow) -> Estimate:
        """Return its estimate."""
        return self.estimate(window, self.value(window))


class MeanContract(AggregatorContract):
    """The contract of the plain mean."""

    aggregator = Mean
    naive = staticmethod(Mean().value)


class TestMean(MeanContract):
    """The sound mean passes every check."""


MUTANTS: list[tuple[str, type[Mean]]] = []


def breaks(check: str) -> Callable[[type[Mean]], type[Mean]]:
    """Note which check a broken mean is for."""

    def note(cls: type[Mean]) -> type[Mean]:
        MUTANTS.append((check, cls))
        return cls

    return note


@breaks("a01")
class Remembers(Mean):
    """It averages with what it said before."""

    before = 0.0

    def value(self, window: TradeWindow) -> float:
        self.before = (self.before or super().value(window)) + 1.0
        return self.before


@breaks("a01")
class Writes(Mean):
    """It sorts the window in place."""

    def value(self, window: TradeWindow) -> float:
        value = super().value(window)
        for column in window._columns:
            column.sort()  # type: ignore[attr-defined]
        return value


@breaks("a02")
class Offset(Mean):
    """It adds a constant."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) + 0.01


@breaks("a02")
class SizeMatters(Mean):
    """It adds the volume to the price."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) * (1 + float(window.size.sum()) * 1e-6)


@breaks("a03")
class Outside(Mean):
    """It is a little above the mean, and above the range of a quiet window."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) * 1.001


@breaks("a04")
class Boastful(Mean):
    """It claims to withstand what a mean cannot."""

    breakdown = 0.5


@breaks("a04")
class Impossible(Mean):
    """It claims to withstand more than anything can."""

    breakdown = 0.7


@breaks("a05")
class NotANumber(Mean):
    """It answers NaN where there is nothing."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) if len(window) or window.prior else float("nan")


@breaks("a05")
class Zero(Mean):
    """It answers 0 where nothing was traded in the window."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) if len(window) or not window.prior else 0.0


@breaks("a06")
class NearlyTheMean(Mean):
    """It is another mean than the one that is written down."""

    def value(self, window: TradeWindow) -> float:
        prices = window.price.tolist()
        return (min(prices) + max(prices)) / 2 if prices else super().value(window)


@breaks("a07")
class Drifting(Mean):
    """It is a hair off even where there is one price only."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) * (1 + 1e-15)


@breaks("a08")
class Anonymous(Mean):
    """It forgets its name."""

    def aggregate(self, window: TradeWindow) -> Estimate:
        return msgspec.structs.replace(super().aggregate(window), method="")


@breaks("a08")
class Young(Mean):
    """It says that every price is fresh."""

    def aggregate(self, window: TradeWindow) -> Estimate:
        return msgspec.structs.replace(super().aggregate(window), age=0)


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_mean_broken_for_it(check: str, broken: type[Mean]) -> None:
    """Each broken mean is found out by its own check."""
    contract = type("Broken", (MeanContract,), {"aggregator": broken})
    assert await failure(contract, check), f"expected {check} to find out that {broken.__doc__}"


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(AggregatorContract) if name.startswith("test_a")}
    assert numbers == {check for check, _ in MUTANTS}
