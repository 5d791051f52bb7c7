"""Waits between attempts."""

import random
from typing import Any

import pytest

from chrono.core.transport.backoff import Backoff


class Highest(random.Random):
    """Chance that always takes the upper end, so that the bound itself is seen."""

    def uniform(self, a: float, b: float) -> float:
        assert a == 0.0
        return b


def test_bound_doubles_up_to_the_cap() -> None:
    """The upper end of the wait doubles from the base and stays at the cap."""
    backoff = Backoff(base=1.0, cap=30.0, chance=Highest())
    assert [backoff.next() for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_reset_starts_again_at_the_base() -> None:
    """After a reset the next wait is as short as the first."""
    backoff = Backoff(base=1.0, cap=30.0, chance=Highest())
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 1.0


def test_jitter_is_full_and_repeats_with_its_seed() -> None:
    """Waits spread over the whole range from zero, and the same seed gives the same waits."""
    one, other = (Backoff(base=8.0, cap=8.0, chance=random.Random(7)) for _ in range(2))
    waits = [one.next() for _ in range(200)]
    assert waits == [other.next() for _ in range(200)]
    assert min(waits) < 0.5
    assert max(waits) > 7.5


def test_thousands_of_attempts_do_not_overflow() -> None:
    """A venue that is down for a month does not end in an arithmetic error."""
    backoff = Backoff()
    assert all(0.0 <= backoff.next() <= 30.0 for _ in range(5_000))


@pytest.mark.parametrize("bounds", [{"base": 0.0}, {"base": 2.0, "cap": 1.0}])
def test_impossible_bounds_are_refused(bounds: dict[str, Any]) -> None:
    """A base of zero would be a hot loop, a cap below the base a contradiction."""
    with pytest.raises(ValueError, match="expected 0 < base <= cap"):
        Backoff(**bounds)
