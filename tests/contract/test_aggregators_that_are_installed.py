"""Every aggregator that is installed keeps the contract, on its own windows and on those that hypothesis draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono.core.registry import Registry
from chrono.testing import AggregatorContract
from chrono.testing.aggregators import AS_OF, SPAN, _Points

from .failing import failure

AGGREGATORS = [entry.cls for entry in Registry().entries()[0] if entry.kind == "aggregator"]
NAMES = {name.split("_")[1]: name for name in dir(AggregatorContract) if name.startswith("test_a")}
CHECKS = sorted(set(NAMES) - {"a06"})
"""All but the comparison with a naive version, which is each plugin's own."""
OF_WINDOWS = sorted(set(CHECKS) - {"a04", "a07"})

pytestmark = pytest.mark.anyio

sizes = st.floats(1e-6, 1e6)
rows = st.tuples(st.floats(1e-6, 1e6), sizes, sizes, st.integers(0, 12))


@st.composite
def windows(draw: st.DrawFn) -> _Points:
    """Draw prints at a few moments of a window, with or without a price that stood before."""
    drawn = sorted(draw(st.lists(rows, min_size=1, max_size=20)), key=lambda row: -row[3])
    prices, bids, asks, steps = (list(column) for column in zip(*drawn, strict=True))
    ts = [AS_OF - step * (SPAN // 13) for step in steps]
    prior = draw(st.none() | st.floats(1e-6, 1e6))
    return _Points(prices, bids, ts, prior, spread=draw(st.sampled_from([0.0, 1e-4, 0.1])), asked=asks)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("aggregator", AGGREGATORS, ids=lambda cls: cls.type)
async def test_it_keeps_the_contract(aggregator: type[Any], check: str) -> None:
    """Nothing is found by any check."""
    contract = type("Contract", (AggregatorContract,), {"aggregator": aggregator})
    assert await failure(contract, check) == ""


@pytest.mark.parametrize("check", OF_WINDOWS)
@pytest.mark.parametrize("aggregator", AGGREGATORS, ids=lambda cls: cls.type)
def test_it_keeps_the_contract_on_any_window(aggregator: type[Any], check: str) -> None:
    """Nothing is found by a check of any window that can be drawn."""

    @settings(max_examples=15, deadline=None)
    @given(windows())
    def holds(points: _Points) -> None:
        contract = type("Drawn", (AggregatorContract,), {"aggregator": aggregator, "_samples": _only(points)})
        getattr(contract(), NAMES[check])()

    holds()


def _only(points: _Points) -> Any:
    def samples(self: AggregatorContract) -> Iterator[_Points]:
        yield points

    return samples
