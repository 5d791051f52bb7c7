"""The numbers of one row: what many simulated markets come to, before it is judged.

Public names: Floats, Tally, interval, median, ratio.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chrono.testing.scenarios.rules import RULES
from chrono.testing.scenarios.scenario import Scenario
from chrono.testing.scenarios.simulation import Course

RESAMPLES = 1_000
LEVEL = 0.95
_AT_ONCE = 2_000_000

Floats = NDArray[np.float64]


def ratio(errors: Floats, yardsticks: Floats) -> float | None:
    """Return the median error over the median yardstick of the draws that have both; None where there are none.

    Examples
    --------
    >>> ratio(np.array([1.0, 3.0, np.nan]), np.array([1.0, 1.0, 9.0]))
    2.0
    """
    both = ~(np.isnan(errors) | np.isnan(yardsticks))
    error, yardstick = median(errors[both]), median(yardsticks[both])
    return None if error is None or not yardstick else error / yardstick


def median(values: Floats) -> float | None:
    """Return the median of what is not NaN, None where nothing is."""
    found = values[~np.isnan(values)]
    return float(np.median(found)) if len(found) else None


def interval(errors: Sequence[Floats], yardsticks: Sequence[Floats], seed: int = 1) -> list[float] | None:
    """Return the interval of 95 per cent of the ratio, by bootstrap over whole markets; None of a single one.

    Parameters
    ----------
    errors, yardsticks : sequence of array, shape (draws,)
        Of each market: its draws share a path and its faulty venues, and are no independent ones.
    seed : int

    Notes
    -----
    The percentile interval of 1000 resamples of the markets.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8: resampling
       clusters.
    """
    if len(errors) < 2:
        return None
    longest = max(len(each) for each in errors)
    error, yardstick = (
        np.array([[*each, *[math.nan] * (longest - len(each))] for each in side]) for side in (errors, yardsticks)
    )
    error, yardstick = error + 0 * yardstick, yardstick + 0 * error  # NaN in both where it is in one
    picks = np.random.default_rng(seed).integers(0, len(errors), (RESAMPLES, len(errors)))
    parts = np.array_split(picks, min(RESAMPLES, math.ceil(RESAMPLES * error.size / _AT_ONCE)))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.concatenate([_row_medians(error[part]) / _row_medians(yardstick[part]) for part in parts])
    found = found[np.isfinite(found)]
    if not len(found):
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def _row_medians(values: Floats) -> Floats:
    """Return the median of each row of numbers, NaN left out; NaN where nothing is left."""
    ranked = np.sort(values.reshape(len(values), -1), axis=1)  # NaN comes last
    known = np.maximum(ranked.shape[1] - np.isnan(ranked).sum(axis=1), 1)
    rows = np.arange(len(ranked))
    middle: Floats = (ranked[rows, (known - 1) // 2] + ranked[rows, known // 2]) / 2
    return middle


class Tally:
    """The numbers of one row."""

    def __init__(self, scenario: Scenario, n: int, courses: Sequence[Course]) -> None:
        self.scenario = scenario
        self.must = scenario.must
        self.n = n
        self.courses = courses
        self.errors = [np.array([reading.error for reading in course.readings]) for course in courses]
        self.yardsticks = [np.array([reading.yardstick for reading in course.readings]) for course in courses]
        every = np.concatenate(self.errors)
        self.draws = len(every)
        self.no_value = float(np.isnan(every).mean())
        self.error = median(every)
        self.yardstick = median(np.concatenate(self.yardsticks))
        self.ratio = ratio(every, np.concatenate(self.yardsticks))
        transit = self.joined("transit")
        transit = transit[~np.isnan(transit)]
        self.transit = float(np.quantile(transit, 0.99)) if len(transit) else None
        seen = sum(course.honest_seen for course in courses)
        self.honest_dropped = sum(self.total("honest_codes").values()) / seen if seen else 0.0

    def joined(self, name: str) -> Floats:
        """Return a list that every course has as one array."""
        return np.array([value for course in self.courses for value in getattr(course, name)], np.float64)

    def total(self, name: str) -> Counter[str]:
        """Return a counter that every course has, added up, the most frequent first."""
        total: Counter[str] = Counter()
        for course in self.courses:
            total.update(getattr(course, name))
        return Counter(dict(total.most_common()))

    def sum(self, name: str) -> int:
        """Return a number that every course has, added up."""
        return sum(int(getattr(course, name)) for course in self.courses)

    @property
    def complete(self) -> Floats:
        """In each market, the second at which the last of the guilty was noticed; infinite where one never was."""
        return np.array(
            [
                max(course.noticed.values()) if len(course.noticed) >= course.guilty > 0 else np.inf
                for course in self.courses
            ]
        )

    @property
    def noticed(self) -> float | None:
        """The median of `complete`, None where most never were; of announcements where nobody is guilty."""
        seconds = self.complete
        if not any(course.guilty for course in self.courses):
            seconds = np.array([np.inf if c.announced is None else float(c.announced) for c in self.courses])
        middle = float(np.quantile(seconds, 0.5, method="inverted_cdf"))
        return middle if np.isfinite(middle) else None

    @property
    def confidence(self) -> dict[str, float | None]:
        """Before the onset, at its lowest in transit, after."""
        after = np.array([reading.confidence for course in self.courses for reading in course.readings])
        return {"before": median(self.joined("before")), "transit": self.lowest("during"), "after": median(after)}

    def lowest(self, name: str) -> float | None:
        """Return the median over the markets of the lowest confidence; of as many rounds before as in transit."""
        return median(np.array([min(getattr(course, name), default=np.nan) for course in self.courses]))

    @property
    def alone(self) -> float | None:
        """The greatest median over the markets, at any instant, of the difference to the value without the guilty."""
        if self.scenario.must.alone_bp is None:
            return None
        by_second = zip(*([reading.alone for reading in course.readings] for course in self.courses), strict=True)
        found = [middle for values in by_second if (middle := median(np.array(values))) is not None]
        return max(found, default=None)

    def beside(self) -> dict[str, float | None]:
        """Return the error over the yardstick of each other rule."""
        yardstick = np.concatenate(self.yardsticks)
        return {
            name: ratio(np.array([r.beside[i] for c in self.courses for r in c.readings]), yardstick)
            for i, name in enumerate(RULES)
        }
