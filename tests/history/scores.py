"""How well a feed was priced over a history: distances from the yardstick, refusals, who was dropped and when."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from chrono import Missing, Price
from tests.history.candles import written
from tests.history.running import Moment
from tests.history.yardsticks import closes, left_out, rivals

BASIS_POINT = 1e-4


class Spell(NamedTuple):
    """How often a market was dropped with one code, and from when to when."""

    rounds: int
    first: int
    last: int

    def longer(self, as_of: int) -> Spell:
        """Return it with one round more."""
        return Spell(self.rounds + 1, self.first, as_of)


class Miss(NamedTuple):
    """A round whose value was far from the yardstick, and how that came about."""

    as_of: int
    distance: float
    value: float
    wanted: float
    venues: Sequence[float]
    result: Price


@dataclass
class Score:
    """One feed over a history.

    Attributes
    ----------
    rounds, compared : int
        Rounds, and those of them with a value and a yardstick.
    distances, plain : dict of str to list of float
        How far each contender was from the leave-one-out median and from the plain median of the same closes, relative
        to it; `chrono` is the feed's own value.
    path : list of (int, float)
        Each value with its round.
    without : Counter
        Rounds without a value, by code.
    drops : dict of (market, code) to Spell
        Markets that had said something and were not used.
    misses : list of Miss
        Rounds further off than `far`.
    """

    feed: str
    far: float = 10 * BASIS_POINT
    compare: bool = True
    rounds: int = 0
    distances: dict[str, list[float]] = field(default_factory=dict)
    plain: dict[str, list[float]] = field(default_factory=dict)
    path: list[tuple[int, float]] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)
    lacking: dict[str, Spell] = field(default_factory=dict)
    drops: dict[tuple[str, str], Spell] = field(default_factory=dict)
    misses: list[Miss] = field(default_factory=list)

    @property
    def compared(self) -> int:
        return len(self.distances.get("chrono", ()))

    def take(self, moment: Moment) -> None:
        """Count one round."""
        reports = {each.feed.name: each for each in (*moment.report.results, *moment.report.rates)}
        result = reports[self.feed]
        self.rounds += 1
        self._dropped(moment, result)
        venues = closes(moment, result.feed)
        wanted = left_out(venues)
        if isinstance(result, Missing):
            self._lack(moment.as_of, result)
        else:
            self.path.append((moment.as_of, result.value))
        if wanted is None:
            return
        self._distances(moment, result, venues, wanted)

    def _distances(self, moment: Moment, result: Price | Missing, venues: Sequence[float], wanted: float) -> None:
        found = {} if not self.compare else rivals(moment, result.feed)
        if isinstance(result, Price):
            found["chrono"] = result.value
            distance = abs(result.value / wanted - 1)
            if distance > self.far:
                self.misses.append(Miss(moment.as_of, distance, result.value, wanted, venues, result))
        middle = median(venues)
        for name, value in found.items():
            self.distances.setdefault(name, []).append(abs(value / wanted - 1))
            self.plain.setdefault(name, []).append(abs(value / middle - 1))

    def _lack(self, as_of: int, result: Missing) -> None:
        code = str(result.reason["code"])
        self.without[code] += 1
        self.lacking[code] = _later(self.lacking.get(code), as_of)

    def _dropped(self, moment: Moment, result: Price | Missing) -> None:
        for market, reason in result.dropped.items():
            if str(market) in moment.newest:
                key = str(market), str(reason["code"])
                self.drops[key] = _later(self.drops.get(key), moment.as_of)

    def within(self, limit: float, contender: str = "chrono") -> float:
        """Return the share of a contender's rounds that were at most `limit` from the leave-one-out median."""
        return share_within(self.distances.get(contender, ()), limit)


def scored(run: Iterable[Moment], *scores: Score) -> None:
    """Take every round of a run."""
    for moment in run:
        for score in scores:
            score.take(moment)


def table(score: Score) -> Iterator[str]:
    """Yield a score as lines for people."""
    lacking = ", ".join(f"{code} {spell.rounds} ({_span(spell)})" for code, spell in score.lacking.items())
    without = f"no value in {score.without.total()} {lacking}".rstrip()
    yield f"{score.feed}: {score.rounds} rounds, {score.compared} compared; {without}"
    figures = f"{'10 bp':>8} {'50 bp':>8} {'median':>9} {'99.5 %':>9} {'worst':>10}  plain 10 bp"
    yield f"  {'from the yardstick':<20} {figures}"
    for name in sorted(score.distances, key=lambda name: (name != "chrono", name)):
        found = score.distances[name]
        near, far = (share_within(found, bp * BASIS_POINT) for bp in (10, 50))
        middle, most, worst = (quantile(found, share) / BASIS_POINT for share in (0.5, 0.995, 1.0))
        plain = share_within(score.plain[name], 10 * BASIS_POINT)
        figures = f"{middle:>6.2f} bp {most:>6.2f} bp {worst:>7.2f} bp"
        yield f"  {name:<20} {near:>8.3%} {far:>8.3%} {figures}     {plain:>8.3%}"
    for (market, code), spell in sorted(score.drops.items()):
        yield f"  dropped {market:<24} {code:<14} {spell.rounds:>6} rounds, {_span(spell)}"


def path(score: Score, every: int = 360) -> Iterator[str]:
    """Yield a feed's way: the first, lowest and highest value of each stretch of rounds."""
    for start in range(0, len(score.path), every):
        stretch = score.path[start : start + every]
        low, high = min(stretch, key=lambda at: at[1]), max(stretch, key=lambda at: at[1])
        yield (
            f"  {written(stretch[0][0])} {stretch[0][1]:.6g}; low {low[1]:.6g} at {written(low[0])[11:]},"
            f" high {high[1]:.6g} at {written(high[0])[11:]}"
        )


def story(miss: Miss) -> str:
    """Return how a value came to be far off: each market's distance from the yardstick, and its share."""
    result = miss.result
    shares = ", ".join(
        f"{each.market} {(each.value / miss.wanted - 1) / BASIS_POINT:+.0f} bp {result.shares.get(each.market, 0):.2f}"
        for each in sorted(result.estimates, key=lambda each: each.value)
    )
    spread = (max(miss.venues) / min(miss.venues) - 1) / BASIS_POINT
    dropped = ", ".join(
        f"{market} {reason['code']}" for market, reason in result.dropped.items() if reason["code"] != "no_data"
    )
    return (
        f"{written(miss.as_of)} {miss.distance / BASIS_POINT:.1f} bp, {len(miss.venues)} venues {spread:.0f} bp apart,"
        f" confidence {result.confidence:.2f}: {shares}; dropped: {dropped or 'none'}"
    )


def share_within(distances: Sequence[float], limit: float) -> float:
    """Return the share of distances that are at most `limit`, 0 of none."""
    return sum(distance <= limit for distance in distances) / len(distances) if distances else 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value at or below which this share of the values lies."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else float("nan")


def say(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _later(spell: Spell | None, as_of: int) -> Spell:
    return Spell(1, as_of, as_of) if spell is None else spell.longer(as_of)


def _span(spell: Spell) -> str:
    return f"{written(spell.first)} to {written(spell.last)}"
