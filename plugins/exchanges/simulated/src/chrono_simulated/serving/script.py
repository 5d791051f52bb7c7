"""Which faults are on, and which of them are spent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from chrono import Duration
from chrono.testing.faults import Timed
from chrono_simulated.serving.faults import AnyServedFault, OfTimes

F = TypeVar("F", bound=Timed)


class Script:
    """The faults of a served venue, counted from a moment.

    Parameters
    ----------
    faults : sequence of fault
    origin : int
        The instant they count from, nanoseconds.
    """

    def __init__(self, faults: Iterable[AnyServedFault], origin: int) -> None:
        self.faults: Sequence[AnyServedFault] = tuple(faults)
        self.origin = origin
        self.version = 0
        self._spent: Counter[int] = Counter()

    def strike(self, faults: Iterable[AnyServedFault], now: int) -> None:
        """Add faults that count from now."""
        self.faults = (*self.faults, *(_later(fault, self.elapsed(now)) for fault in faults))
        self.version += 1

    def heal(self) -> None:
        """Forget every fault."""
        self.faults = ()
        self._spent.clear()
        self.version += 1

    def elapsed(self, now: int) -> int:
        """Return how long ago the origin is."""
        return now - self.origin

    def onset(self, fault: Timed) -> int:
        """Return the instant a fault begins."""
        return self.origin + fault.after

    def active(self, kind: type[F], now: int) -> Iterator[F]:
        """Yield the faults of a kind that are on and not spent."""
        elapsed = self.elapsed(now)
        for fault in self.faults:
            if isinstance(fault, kind) and fault.active(elapsed) and not self._is_spent(fault):
                yield fault

    def first(self, kind: type[F], now: int) -> F | None:
        """Return the first fault of a kind that is on and not spent."""
        return next(self.active(kind, now), None)

    def spend(self, fault: Timed) -> None:
        """Note that a fault happened once more."""
        self._spent[id(fault)] += 1

    def _is_spent(self, fault: Timed) -> bool:
        return isinstance(fault, OfTimes) and fault.times is not None and self._spent[id(fault)] >= fault.times


def _later(fault: AnyServedFault, elapsed: int) -> AnyServedFault:
    return fault.model_copy(update={"after": Duration(fault.after + elapsed)})
