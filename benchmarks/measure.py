"""Measures contenders side by side and prints what came out."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median


def interleaved(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Return each contender's median over rounds that all of them run in turn.

    Parameters
    ----------
    rounds : int
    contenders : mapping of str to callable
        Each does its work once and returns what it cost.
    """
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            gc.collect()
            costs[name].append(run())
    return {name: median(found) for name, found in costs.items()}


def cpu(work: Callable[[], object], items: int = 1) -> float:
    """Return the seconds of CPU one item of some work takes."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / items


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)]


def say(label: str, figure: str, remark: str = "") -> None:
    """Print one line of a result."""
    sys.stdout.write(f"{label:<58} {figure:>12}  {remark}".rstrip() + "\n")
    sys.stdout.flush()
