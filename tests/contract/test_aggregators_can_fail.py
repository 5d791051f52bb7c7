"""One aggregator broken on purpose for each check; the check must fail for it."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

import msgspec
import numpy as np
import pytest

from chrono import Aggregator, Estimate, InsufficientData, QuoteWindow, TradeWindow
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


class Book(Aggregator):
    """The newest top of the book, divided by its sizes."""

    type = "book"
    reads = "quotes"

    def value(self, window: QuoteWindow) -> float:
        """Return what lies between bid and ask as their sizes do."""
        bid, ask, bid_size, ask_size = window.top
        share = bid_size / (bid_size + ask_size) if bid_size + ask_size else 0.5
        return min(bid + (ask - bid) * share, ask)

    def aggregate(self, window: QuoteWindow) -> Estimate:
        """Return its estimate."""
        return self.estimate(window, self.value(window))


class TestBook(AggregatorContract):
    """The sound one of quotes passes every check."""

    aggregator = Book
    naive = staticmethod(Book().value)


MUTANTS: list[tuple[str, type[Any]]] = []


def breaks(check: str) -> Callable[[type[Any]], type[Any]]:
    """Note which check something broken is for."""

    def note(cls: type[Any]) -> type[Any]:
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


@breaks("a02")
class Deep(Book):
    """It takes a bid of one unit for a deep one, whatever the unit."""

    def value(self, window: QuoteWindow) -> float:
        bid, ask, bid_size, _ = window.top
        return bid + (ask - bid) * min(bid_size, 1.0)


@breaks("a03")
class Beyond(Book):
    """It takes the wrong side's size for the spread it adds."""

    def value(self, window: QuoteWindow) -> float:
        bid, ask, bid_size, ask_size = window.top
        return ask + (ask - bid) * bid_size / (bid_size + ask_size)


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


@breaks("a04")
class RatherBoastful(Mean):
    """It cuts a tenth of the prints from each end and claims to withstand an eighth."""

    breakdown = 0.125

    def value(self, window: TradeWindow) -> float:
        ranked = np.sort(window.price)
        gone = len(ranked) // 10
        return float(ranked[gone : len(ranked) - gone].mean())


@breaks("a04")
class SlowToForget(Mean):
    """It withstands bad prints in the middle of a window, and falls for those at its end."""

    breakdown = 0.3

    def value(self, window: TradeWindow) -> float:
        return float(np.median(window.price[-len(window) // 3 :]))


@breaks("a05")
class Weightless(Mean):
    """It divides by a volume that may be none."""

    def value(self, window: TradeWindow) -> float:
        price, size = window.price, window.size
        with np.errstate(all="ignore"):
            return float((price * size).sum() / size.sum()) if len(price) else super().value(window)


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


@breaks("a09")
class Misdeclared(Mean):
    """It says that it reads quotes and looks for prices."""

    reads = "quotes"


@breaks("a09")
class OfBooks(Mean):
    """It wants a window that there is not."""

    reads = "books"  # type: ignore[assignment]


@breaks("a10")
class FirstPrint(Mean):
    """It takes the first print, of those that are dated alike as of others."""

    def value(self, window: TradeWindow) -> float:
        return float(window.price[0]) if len(window) else super().value(window)


@breaks("a10")
class ByRank(Mean):
    """It weighs prints by their rank in place of their time."""

    def value(self, window: TradeWindow) -> float:
        rank = np.arange(len(window)) + 1.0
        return float((window.price * rank).sum() / rank.sum()) if len(window) else super().value(window)


@breaks("a11")
class Evening(Mean):
    """It is another mean after noon."""

    def value(self, window: TradeWindow) -> float:
        late = window.as_of // 3_600_000_000_000 % 24 >= 12
        return float(np.median(window.price)) if late and len(window) else super().value(window)


@breaks("a11")
class FiveSeconds(Mean):
    """It forgets at a pace that no option says."""

    def value(self, window: TradeWindow) -> float:
        weight = 0.5 ** ((window.as_of - window.ts) / 5e9)
        return float((window.price * weight).sum() / weight.sum()) if len(window) else super().value(window)


@breaks("a12")
class Partial(Mean):
    """It has an opinion on a venue."""

    def value(self, window: TradeWindow) -> float:
        return super().value(window) * (1.0 if window.market.source == "venue" else 0.999)


@breaks("a12")
class Headstrong(Mean):
    """It takes every market for one of dollars."""

    def aggregate(self, window: TradeWindow) -> Estimate:
        made = super().aggregate(window)
        return msgspec.structs.replace(made, pair=type(made.pair)(made.pair.base, "USD"))


@breaks("a13")
class Deaf(Mean):
    """It is told of a count and looks at everything."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.__dict__.pop("aggregate", None)


@breaks("a13")
class Peeks(Mean):
    """It looks at what was cut off."""

    def value(self, window: TradeWindow) -> float:
        return (super().value(window) + float(window._columns[0][0])) / 2


@breaks("a13")
class Shrinks(Mean):
    """It takes the turnover of what is left for that of the market."""

    def aggregate(self, window: TradeWindow) -> Estimate:
        made = super().aggregate(window)
        return msgspec.structs.replace(made, weight=made.weight * window.covers * window.span / 1e10)


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_one_broken_for_it(check: str, broken: type[Any]) -> None:
    """Each broken aggregator is found out by its own check."""
    sound = MeanContract if issubclass(broken, Mean) else AggregatorContract
    contract = type("Broken", (sound,), {"aggregator": broken})
    assert await failure(contract, check), f"expected {check} to find out that {broken.__doc__}"


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(AggregatorContract) if name.startswith("test_a")}
    assert numbers == {check for check, _ in MUTANTS}
