"""One result per row and setting, and whether the row holds.

Public names: Result, measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chrono.testing.scenarios.demands import DEMANDS
from chrono.testing.scenarios.scenario import Scenario, Setting
from chrono.testing.scenarios.simulation import Course
from chrono.testing.scenarios.tally import Tally, interval


@dataclass(frozen=True)
class Result:
    """One row in one setting.

    Attributes
    ----------
    scenario, title, setting : str
    venues, draws, markets : int
        Venues of the feed; readings, and the markets they were taken in.
    yardstick_bp, error_bp : float or None
        Median errors over the draws, of the yardstick and of the pipeline.
    ratio, ratio_ci : float, list of float, or None
        Error over yardstick, with its interval of 95 per cent, by bootstrap over whole markets.
    bound : str
        What the row demands of the error.
    no_value, honest_dropped : float
        Share of the draws without a value; of honest estimates dropped for anything but silence or age.
    dropped, honest_codes, reasons : mapping of str to int
        Codes of the guilty and of the honest who were dropped, and of missing values.
    noticed_s : float or None
        Median seconds from the onset until all the guilty were dropped or named.
    confidence : mapping of str to float or None
        Median before the onset, median of the lowest in transit, median after.
    transit_bp : float or None
        The error that one round in a hundred exceeds between the onset and the first reading.
    alone_bp : float or None
        The greatest median difference, at any instant, to the value without the faulty venue.
    beside : mapping of str to float or None
        Error over yardstick of other rules.
    holds : bool
    why : str
        What does not hold, in a sentence; empty if all does.
    """

    scenario: str
    title: str
    setting: str
    venues: int
    draws: int
    markets: int
    yardstick_bp: float | None
    error_bp: float | None
    ratio: float | None
    ratio_ci: list[float] | None
    bound: str
    no_value: float
    honest_dropped: float
    dropped: Mapping[str, int]
    honest_codes: Mapping[str, int]
    reasons: Mapping[str, int]
    noticed_s: float | None
    confidence: Mapping[str, float | None]
    transit_bp: float | None
    alone_bp: float | None
    beside: Mapping[str, float | None]
    holds: bool
    why: str

    def record(self) -> dict[str, Any]:
        """Return it as JSON's types, numbers rounded to what they are good for."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


def measured(
    scenario: Scenario, setting: Setting, n: int, courses: Sequence[Course], *, beside: bool = False
) -> Result:
    """Return what the markets of one row come to.

    Parameters
    ----------
    scenario : Scenario
    setting : {"static", "walking"}
    n : int
        Venues of the feed.
    courses : sequence of Course
        One per market, in their order.
    beside : bool
        The courses have the errors of other rules as well.
    """
    tally = Tally(scenario, n, courses)
    faults = [fault for demand in DEMANDS for fault in demand(tally)]
    return Result(
        scenario=scenario.name,
        title=scenario.title,
        setting=setting,
        venues=n,
        draws=tally.draws,
        markets=len(courses),
        yardstick_bp=tally.yardstick,
        error_bp=tally.error,
        ratio=tally.ratio,
        ratio_ci=interval(tally.errors, tally.yardsticks) if tally.ratio is not None else None,
        bound=str(scenario.must),
        no_value=tally.no_value,
        honest_dropped=tally.honest_dropped,
        dropped=dict(tally.total("codes")),
        honest_codes=dict(tally.total("honest_codes")),
        reasons=dict(tally.total("reasons")),
        noticed_s=tally.noticed,
        confidence=tally.confidence,
        transit_bp=tally.transit,
        alone_bp=tally.alone,
        beside=tally.beside() if beside else {},
        holds=not faults,
        why="; ".join(faults),
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return value
