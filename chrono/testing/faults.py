"""What goes wrong in a simulated market, as plain data with units.

A fault counts from the market's origin: it begins `after` that and lasts `for` a while, or until the end. Faults of a
venue (`AnyFault` but for `Depeg`) change what it prints; a `Depeg` changes the true price itself.

Public names: AnyFault, DeadSymbol, Depeg, Drift, Fault, FlashCrash, Frozen, Held, Outlier,
Repeating, Scaled, Silence, Wash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field

from chrono.core.component import Config
from chrono.core.types import SECOND, Kind, Pair
from chrono.core.units import Duration, Move


def _pair(text: str) -> str:
    return str(Pair.parse(text))


PairText: TypeAlias = Annotated[str, AfterValidator(_pair)]


class Timed(Config):
    """Something that begins and may end."""

    model_config = ConfigDict(populate_by_name=True)

    after: Duration = Duration("0s")
    """When it begins, counted from the start."""
    lasts: Duration | None = Field(default=None, validation_alias="for", serialization_alias="for")
    """How long it lasts, written `for`; until the end when it is not given."""

    def active(self, elapsed: int) -> bool:
        """Say whether it is on, `elapsed` nanoseconds after the start."""
        return elapsed >= self.after and (self.lasts is None or elapsed < self.after + self.lasts)


class Fault(Timed):
    """Something wrong with what one venue prints."""

    mutes: ClassVar[frozenset[Kind]] = frozenset()
    """What the venue does not say while it lasts."""
    sizes: float = Field(default=1.0, gt=0)
    """What every size is multiplied by."""
    pairs: tuple[PairText, ...] = ()
    """The pairs it befalls; every one when empty."""

    def bend(self, price: float, elapsed: int, at: Callable[[int], float]) -> float:  # noqa: ARG002 - for subclasses
        """Return the price the venue prints in place of `price`; `at` is its undisturbed price by elapsed time."""
        return price


class Moved(Fault):
    """Every price is off by the same relative amount."""

    move: Move = Move("0%")
    """How far every price is off."""

    def bend(self, price: float, elapsed: int, at: Callable[[int], float]) -> float:  # noqa: ARG002
        return price * (1 + self.move)


class Outlier(Moved):
    """Every price is off by a constant move: `{kind: outlier, move: +10%}`."""

    kind: Literal["outlier"] = "outlier"
    """Prices off by a constant move."""
    move: Move = Move("10%")
    """How far every price is off."""


class Wash(Moved):
    """Huge sizes at a price a little off: `{kind: wash, sizes: 1000, move: 1%}`."""

    kind: Literal["wash"] = "wash"
    """Huge sizes at a price a little off."""
    sizes: float = Field(default=1000.0, gt=0)
    """What every size is multiplied by."""
    move: Move = Move("1%")
    """How far every price is off."""


class FlashCrash(Moved):
    """A fall with real volume, and back: `{kind: flash_crash, move: -80%, for: 3s}`."""

    kind: Literal["flash_crash"] = "flash_crash"
    """A fall with real volume, and back."""
    lasts: Duration | None = Field(default=Duration("3s"), validation_alias="for", serialization_alias="for")
    """How long it lasts, written `for`."""
    sizes: float = Field(default=10.0, gt=0)
    """What every size is multiplied by."""
    move: Move = Move("-80%")
    """How far every price falls."""


class Scaled(Fault):
    """Prices in another unit, or of another coin with the same ticker: `{kind: scaled, factor: 1000}`."""

    kind: Literal["scaled"] = "scaled"
    """Prices in another unit, or of another coin with the same ticker."""
    factor: float = Field(default=1000.0, gt=0)
    """What every price is multiplied by."""

    def bend(self, price: float, elapsed: int, at: Callable[[int], float]) -> float:  # noqa: ARG002
        return price * self.factor


class Drift(Fault):
    """Prices walk away slowly, linearly in time: `{kind: drift, per_second: 1bp, for: 5m}`."""

    kind: Literal["drift"] = "drift"
    """Prices walk away slowly."""
    per_second: Move = Move("1bp")
    """How far every price moves in a second."""

    def bend(self, price: float, elapsed: int, at: Callable[[int], float]) -> float:  # noqa: ARG002
        return price * max(1 + self.per_second * ((elapsed - self.after) / SECOND), 1e-3)


class Repeating(Fault):
    """The price of the onset is printed again and again, with fresh times: `{kind: repeating, after: 30s}`."""

    kind: Literal["repeating"] = "repeating"
    """The price of the onset printed again and again, with fresh times."""

    def bend(self, price: float, elapsed: int, at: Callable[[int], float]) -> float:  # noqa: ARG002
        return at(self.after)


class Held(Fault):
    """Prices stay around that of a second before the onset, each with its own noise: `{kind: held, after: 30s}`."""

    kind: Literal["held"] = "held"
    """Prices that stay around that of a second before the onset, each with its own noise."""

    def bend(self, price: float, elapsed: int, at: Callable[[int], float]) -> float:
        return price * (at(self.after - SECOND) / at(elapsed))


class Frozen(Fault):
    """No prints any more, while quotes go on: `{kind: frozen, after: 10s}`."""

    mutes = frozenset({"trades"})
    kind: Literal["frozen"] = "frozen"
    """No prints any more, while quotes go on."""


class Silence(Fault):
    """The venue says nothing, as venues die: `{kind: silence, after: 5s, for: 20s}`."""

    mutes = frozenset({"trades", "quotes"})
    kind: Literal["silence"] = "silence"
    """The venue says nothing."""


class DeadSymbol(Fault):
    """Some pairs say nothing while the others go on: `{kind: dead_symbol, pairs: [BTC/USD]}`."""

    mutes = frozenset({"trades", "quotes"})
    kind: Literal["dead_symbol"] = "dead_symbol"
    """Some pairs say nothing while the others go on."""
    pairs: tuple[PairText, ...] = Field(min_length=1)
    """The pairs that die."""


class Depeg(Timed):
    """An asset's true price moves: `{kind: depeg, asset: USDT, move: -3%, ramp: 60s}`; a step without a ramp.

    With another asset it is a true crash: `{kind: depeg, asset: BTC, move: -12%, ramp: 2m}`.
    """

    kind: Literal["depeg"] = "depeg"
    """The true price of an asset moves, a stablecoin's or any other's."""
    asset: str = "USDT"
    """The asset that moves against the dollar."""
    move: Move = Move("-3%")
    """Where it ends, relative to where it would have been."""
    ramp: Duration = Duration("0s")
    """How long it takes to get there."""

    def factor(self, elapsed: int) -> float:
        """Return what the price is multiplied by, `elapsed` nanoseconds after the start."""
        if not self.active(elapsed):
            return 1.0
        done = min((elapsed - self.after) / self.ramp, 1.0) if self.ramp else 1.0
        return 1.0 + self.move * done


VenueFault: TypeAlias = Outlier | Wash | FlashCrash | Scaled | Drift | Repeating | Held | Frozen | Silence | DeadSymbol

AnyFault: TypeAlias = Annotated[VenueFault | Depeg, Field(discriminator="kind")]
"""Any fault, told apart by its `kind`; what a configuration reads."""
