"""What a row may demand: each says in a sentence what does not hold.

Public names: DEMANDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from chrono.testing.scenarios.tally import Tally

MOST = 0.95
"""The share of the markets in which what must be noticed in time has to be."""

NOISE = 6.0
"""Yardsticks of noise on top of what a fault does: 99 of 100 draws of all venues are within 3.8, of few in more."""

Demand = Callable[[Tally], Iterator[str]]


def _close(tally: Tally) -> Iterator[str]:
    must = tally.must
    if must.within_y is not None and tally.ratio is not None and tally.ratio > must.within_y:
        yield f"expected an error of at most {must.within_y:g} Y, was {tally.ratio:.2f} Y"
    if must.within_bp is not None and tally.error is not None and tally.error > must.within_bp:
        yield f"expected an error of at most {must.within_bp:g} bp, was {tally.error:.2f} bp"


def _answered(tally: Tally) -> Iterator[str]:
    refusal, codes = tally.must.refusal, ", ".join(tally.total("reasons"))
    if refusal == "never" and tally.no_value:
        yield f"expected a value each time, was none in {tally.no_value:.2%} of the draws ({codes})"
    gaps = int(np.isnan(tally.joined("transit")).sum())
    if tally.must.gapless and gaps:
        yield f"expected a value in every round of the transit, was none in {gaps}"
    if refusal == "always" and tally.no_value < 1:
        yield f"expected no value, was one in {1 - tally.no_value:.2%} of the draws"


def _lenient(tally: Tally) -> Iterator[str]:
    most = tally.must.honest_dropped
    if most is not None and tally.honest_dropped >= most:
        codes = ", ".join(f"{code} {count}" for code, count in tally.total("honest_codes").items())
        yield f"expected fewer than {most:.1%} of honest estimates dropped, was {tally.honest_dropped:.2%} ({codes})"


def _dropped(tally: Tally) -> Iterator[str]:
    kept, resting = tally.sum("kept"), tally.sum("resting")
    if tally.must.out and not resting:
        yield "expected estimates that rest on faulty prints, was none; there is nothing to judge"
    elif tally.must.out and kept:
        yield f"expected every estimate that rests on a faulty print to be dropped, {kept} of {resting} were kept"


def _named(tally: Tally) -> Iterator[str]:
    within = tally.must.named
    if within is None:
        return
    share = float((tally.complete <= within).mean())
    if share < MOST:
        when = "never in most" if tally.noticed is None else f"after {tally.noticed:g} s in the median"
        yield f"expected all at fault named within {within} s in {MOST:.0%} of the markets, was {share:.0%} ({when})"


def _announced(tally: Tally) -> Iterator[str]:
    if not tally.must.announced:
        return
    seconds = [course.announced for course in tally.courses]
    if early := sum(second is not None and second < 0 for second in seconds):
        yield f"expected a depeg announced when there is one, was before it in {early} of {len(seconds)} markets"
    if never := seconds.count(None):
        yield f"expected the depeg announced, was not in {never} of {len(seconds)} markets"


def _harmless(tally: Tally) -> Iterator[str]:
    allowed = tally.scenario.transit_bp(tally.n)
    if allowed is None or tally.transit is None:
        return
    allowed += NOISE * (tally.yardstick or 0.0)
    if tally.transit > allowed:
        was = f"was {tally.transit:.0f} bp"
        yield f"expected 99 of 100 errors in transit below {allowed:.0f} bp, as the fault's own share allows, {was}"


def _unsure(tally: Tally) -> Iterator[str]:
    must, low, before = tally.must, tally.lowest("during"), tally.lowest("before")
    if must.visible and low is not None and before is not None and low >= before:
        yield f"expected confidence in transit below the {before:.2f} before, was {low:.2f}"
    if must.unsure is not None and low is not None and low >= must.unsure:
        yield f"expected confidence below {must.unsure:g} in transit, was {low:.2f} at its lowest"
    most = max((r.confidence for course in tally.courses for r in course.readings), default=0.0)
    if must.surest is not None and most > must.surest:
        yield f"expected a confidence of at most {must.surest:g}, was {most:.2f}"


def _bounded(tally: Tally) -> Iterator[str]:
    excess = max(course.excess for course in tally.courses)
    if tally.must.capped and excess > 1e-9:
        yield f"expected no group above max(0.15, 1.2/n) of the whole, was {excess:.3f} more"


def _unmoved(tally: Tally) -> Iterator[str]:
    most, alone = tally.must.alone_bp, tally.alone
    if most is not None and (alone is None or alone > most):
        was = "none" if alone is None else f"{alone:.2f} bp"
        yield f"expected a median of at most {most:g} bp at any instant from the value without the venue, was {was}"


def _back(tally: Tally) -> Iterator[str]:
    if tally.must.back and (out := sum(not course.back for course in tally.courses)):
        yield f"expected the venue back at the end, was out in {out} of {len(tally.courses)} markets"


def _counted(tally: Tally) -> Iterator[str]:
    pushed, refused = tally.sum("pushed"), tally.sum("refused")
    if pushed != refused:
        yield f"expected {pushed} impossible ticks refused and counted, was {refused}"


def _said(tally: Tally) -> Iterator[str]:
    rounds, unanswered = tally.sum("rounds"), tally.sum("unanswered")
    if tally.scenario.world.other and unanswered < rounds:
        yield f"expected {tally.scenario.world.other} missing in {rounds} rounds, was in {unanswered}"


DEMANDS: Sequence[Demand] = (
    _close,
    _answered,
    _lenient,
    _dropped,
    _named,
    _announced,
    _harmless,
    _unsure,
    _bounded,
    _unmoved,
    _back,
    _counted,
    _said,
)
"""What a row may demand, each saying in a sentence what does not hold."""
