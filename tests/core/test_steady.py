"""The aggregator of what stands still."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from chrono.core.aggregators import Steady
from chrono.core.types import SECOND, Market, Pair
from chrono.core.windows import TradeWindow
from chrono.testing import AggregatorContract

MARKET = Market("v", Pair("USDT", "USD"), "v")
AS_OF = 1_795_342_500 * SECOND


def window(prices: list[float]) -> TradeWindow:
    n = len(prices)
    return TradeWindow.of(MARKET, AS_OF, 60 * SECOND, prices, [1.0] * n, [AS_OF - (n - i) * SECOND for i in range(n)])


class TestSteady(AggregatorContract):
    aggregator = Steady


def test_noise_is_averaged_out() -> None:
    """Over all that stood still."""
    rng = random.Random(1)
    prices = [1.0 + rng.gauss(0, 1e-4) for _ in range(24)]
    assert Steady().aggregate(window(prices)).value == pytest.approx(fmean(prices), rel=1e-12)


@pytest.mark.parametrize("step", [-5e-4, -0.03, 0.03])
def test_move_is_followed_at_once(step: float) -> None:
    """What came before it counts no more."""
    rng = random.Random(2)
    prices = [1.0 + rng.gauss(0, 1e-5) for _ in range(20)] + [1.0 + step]
    newest = Steady().aggregate(window(prices))
    assert newest.value == prices[-1] if abs(step) > 1e-3 else abs(newest.value - prices[-1]) < abs(step)


def test_ramp_does_not_lag() -> None:
    """While the price walks away, the newest trade is the price."""
    prices = [1.0 - 5e-4 * k for k in range(30)]
    assert Steady().aggregate(window(prices)).value == prices[-1]


def test_empty_window_has_what_stood_before_it() -> None:
    """As `last` does."""
    assert Steady().aggregate(window([1.0])).value == 1.0
