"""One simulated market, played through a real board and `price()`, and what was seen of it.

Public names: Course, Reading, play.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import NamedTuple

from chrono.core.board import Board
from chrono.core.clock import VirtualClock
from chrono.core.pricing import PricingState, price
from chrono.core.types import SECOND, Code, Market, Missing, Pair, Price, Report, Round, Trade
from chrono.core.windows import Window
from chrono.testing.market import Parameters, SimulatedMarket
from chrono.testing.scenarios.cast import Player, cast
from chrono.testing.scenarios.mischief import nonsense
from chrono.testing.scenarios.prints import Heard, prints
from chrono.testing.scenarios.rules import RULES, Tape, priced
from chrono.testing.scenarios.scenario import HEADROOM, MAX_SHARE, WALKS, Scenario, Setting
from chrono.testing.scenarios.stage import Stage
from chrono.testing.truth import hashed

PASSIVE = {Code.NO_DATA, Code.INSUFFICIENT_DATA, Code.STALE}
"""Codes that say a venue is silent, not that it is wrong."""

BP = 1e-4


class Reading(NamedTuple):
    """One draw; errors in basis points, NaN where there is no value. `beside` is the error of each other rule."""

    second: int
    error: float
    yardstick: float
    confidence: float
    beside: tuple[float, ...]
    alone: float


@dataclass
class Course:
    """What was seen of one market.

    Attributes
    ----------
    readings : list of Reading
    transit : list of float
        Error of each round between the onset and the first reading, basis points, NaN without a value.
    before, during : list of float
        Confidence of each round before the onset, and in transit; 0 without a value.
    honest_seen, honest_codes : int, Counter
        Honest estimates from the onset on, and those dropped for anything but silence or age.
    codes : Counter
        What the guilty were dropped for, at readings.
    resting, kept : int
        Estimates that rest on a faulty print, in all rounds, and those of them that were not dropped.
    noticed : dict of str to int
        The second at which each guilty venue was first dropped or named.
    announced : int or None
        The second of the first notice of a depeg; negative is before the onset.
    reasons : Counter
        Why there was no value, at readings.
    excess : float
        By how much a group's final share was above what one may have, at most.
    back : bool
        All the guilty were used in the last reading.
    unanswered : int
        Rounds in which the feed without data was said to be missing.
    pushed, refused : int
        Nonsense that was pushed, and what the board refused of it.
    """

    readings: list[Reading] = field(default_factory=list)
    transit: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    honest_seen: int = 0
    honest_codes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    resting: int = 0
    kept: int = 0
    guilty: int = 0
    noticed: dict[str, int] = field(default_factory=dict)
    announced: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    excess: float = 0.0
    back: bool = True
    rounds: int = 0
    unanswered: int = 0
    pushed: int = 0
    refused: int = 0


def play(stage: Stage, scenario: Scenario, setting: Setting, seed: int, index: int, *, beside: bool = False) -> Course:
    """Play one market.

    Parameters
    ----------
    stage : Stage
        The pipeline, and who takes part.
    scenario : Scenario
    setting : {"static", "walking"}
    seed, index : int
        Of the run, and the number of the market in it; together they decide every draw.
    beside : bool
        Price the readings by the other rules, too.
    """
    return _Play(stage, scenario, setting, seed, index, beside=beside).course()


class _Play:
    """One market in the making."""

    def __init__(
        self, stage: Stage, scenario: Scenario, setting: Setting, seed: int, index: int, *, beside: bool
    ) -> None:
        self.stage = stage
        self.scenario = scenario
        self.onset = scenario.world.onset * SECOND
        self.beside = beside
        rng = Random(hashed(f"{seed}/{index}/{scenario.name}"))  # noqa: S311 - a simulation
        parameters = Parameters(seed=hashed(f"{seed}/{index}"), walk=WALKS[setting])
        self.market = SimulatedMarket(parameters, scenario.moves, origin=self.onset)
        self.players = cast(scenario, stage.players, rng)
        self.guilty = {stage.markets[p.name]: p for p in self.players if p.guilty}
        self.seen = Course(guilty=len(self.guilty))
        self.heard = prints(self.market, scenario, self.players, rng)
        self.tapes = _tapes(self.players, self.heard)
        self.honest = [tape for tape in self.tapes["v"] if not tape.player.guilty]
        self.judged = [tape for tape in [*self.tapes["v"], *self.tapes["r"], *self.tapes["e"]] if tape.player.guilty]

    def course(self) -> Course:
        """Play it to the end."""
        scenario, seen = self.scenario, self.seen
        board, state, position = self.stage.pipeline.board(VirtualClock(self.onset)), PricingState(), 0
        plans, heard = self.stage.pipeline.plans, self.heard
        if scenario.world.nonsense:
            heard = sorted([*heard, *nonsense(self.players, self.onset, scenario.times.end)], key=_received)
            seen.pushed = len(heard) - len(self.heard)
        readings = set(scenario.times.readings)
        for second in scenario.times.rounds:
            as_of = self.onset + second * SECOND
            while position < len(heard) and heard[position].received <= as_of:
                received, source, tick = heard[position]
                board.inlets[source](tick, received)
                position += 1
            when = Round(as_of // SECOND, as_of, as_of + SECOND)
            outcome = price(plans, board.window, state, when)
            self._look(outcome.report, second, when)
            if second in readings:
                self._read(outcome.report, second, when, board, state)
            state = outcome.state
        seen.refused = sum(inlet.dropped["invalid"] for inlet in board.inlets.values())
        return seen

    def _look(self, report: Report, second: int, when: Round) -> None:
        """Note what every round shows."""
        seen, scenario, result = self.seen, self.scenario, _result(report, self.scenario.world.feed)
        results = (*report.results, *report.rates)
        seen.rounds += 1
        if scenario.world.other:
            seen.unanswered += isinstance(_result(report, scenario.world.other), Missing)
        if seen.announced is None and any(n["code"] == "depeg" for r in results for n in r.notices):
            seen.announced = second
        confidence = result.confidence if isinstance(result, Price) else 0.0
        if second < 0:
            seen.before.append(confidence)
            return
        if 0 < second < scenario.times.settle:
            seen.during.append(confidence)
            seen.transit.append(self._error(result, when.as_of))
        for each in results:
            if each.feed.name != scenario.world.other:
                self._blame(each, second)
        self._rest(results, second, when.as_of)
        for verdict in report.verdicts:
            if not verdict.keep and verdict.market in self.guilty:
                seen.noticed.setdefault(verdict.market.source, second)

    def _blame(self, result: Price | Missing, second: int) -> None:
        """Count who was dropped, the honest and the guilty apart."""
        seen = self.seen
        seen.honest_seen += len(result.feed.markets)
        for market, reason in result.dropped.items():
            code = str(reason["code"])
            if market in self.guilty:
                if code != Code.NO_DATA:
                    seen.noticed.setdefault(market.source, second)
            elif code in PASSIVE:
                seen.honest_seen -= 1
            else:
                seen.honest_codes[code] += 1
        seen.honest_seen -= sum(market in self.guilty for market in result.feed.markets)

    def _rest(self, results: Sequence[Price | Missing], second: int, as_of: int) -> None:
        """Count estimates that rest on faulty prints, and those of them that were kept."""
        for tape in self.judged:
            if not self._faulty(tape, second, as_of):
                continue
            market = self.stage.markets[tape.player.name]
            self.seen.resting += 1
            self.seen.kept += not any(market in result.dropped for result in results)

    def _faulty(self, tape: Tape, second: int, as_of: int) -> bool:
        if not tape.player.venue.faults:
            return second >= self.scenario.times.settle
        last = tape.last(as_of)
        elapsed = ((last[0].ts_event or 0) if last else 0) - self.onset
        return last is not None and any(fault.active(elapsed) and not fault.mutes for fault in tape.player.venue.faults)

    def _read(self, report: Report, second: int, when: Round, board: Board, state: PricingState) -> None:
        """Take a draw."""
        seen, result, as_of = self.seen, _result(report, self.scenario.world.feed), when.as_of
        true = self.market.price(self.scenario.world.pair, as_of)
        others = (
            [abs(priced(rule, self.tapes, as_of) / true - 1) / BP for rule in RULES.values()] if self.beside else []
        )
        alone = self._alone(result, board, state, when) if self.scenario.must.alone_bp is not None else math.nan
        yardstick = abs(self._honest_median(as_of) / true - 1) / BP
        confidence = result.confidence if isinstance(result, Price) else 0.0
        seen.readings.append(Reading(second, self._error(result, as_of), yardstick, confidence, tuple(others), alone))
        for each in (*report.results, *report.rates):
            seen.codes.update(str(reason["code"]) for market, reason in each.dropped.items() if market in self.guilty)
        if isinstance(result, Missing):
            seen.reasons[str(result.reason["code"])] += 1
        else:
            seen.excess = max(seen.excess, _excess(result))
            seen.back = all(market in result.used for market in self.guilty)

    def _error(self, result: Price | Missing, as_of: int) -> float:
        if isinstance(result, Missing):
            return math.nan
        if self.scenario.must.of == "honest":
            wanted = self._honest_median(as_of)
        else:
            wanted = self.market.price(self.scenario.world.pair, as_of)
        return abs(result.value / wanted - 1) / BP

    def _honest_median(self, as_of: int) -> float:
        """Return the median of the last prints of the honest, live venues, converted at the true rate."""
        found = [
            last[0].price * self._rate(tape.player.pair.quote, as_of)
            for tape in self.honest
            if (last := tape.last(as_of)) is not None
        ]
        return median(found) if found else math.nan

    def _rate(self, quote: str, as_of: int) -> float:
        return 1.0 if quote == "USD" else self.market.price(Pair(quote, "USD"), as_of)

    def _alone(self, result: Price | Missing, board: Board, state: PricingState, when: Round) -> float:
        """Return the difference to the value without the guilty, from the same board and state, in basis points."""

        def without(market: Market, kind: str, span: int, as_of: int) -> Window | None:
            return None if market in self.guilty else board.window(market, kind, span, as_of)  # type: ignore[arg-type]

        other = _result(price(self.stage.pipeline.plans, without, state, when).report, self.scenario.world.feed)
        if isinstance(result, Missing) or isinstance(other, Missing):
            return math.nan
        return abs(result.value / other.value - 1) / BP


def _result(report: Report, name: str) -> Price | Missing:
    return next(result for result in report.results if result.feed.name == name)


def _excess(result: Price) -> float:
    groups: Counter[str] = Counter()
    for market, share in result.shares.items():
        groups[market.group] += share  # type: ignore[assignment]
    return max(groups.values()) - max(MAX_SHARE, HEADROOM / len(groups))


def _received(heard: Heard) -> int:
    return heard.received


def _tapes(players: Sequence[Player], heard: Sequence[Heard]) -> Mapping[str, list[Tape]]:
    received: dict[str, list[int]] = {player.name: [] for player in players}
    trades: dict[str, list[Trade]] = {player.name: [] for player in players}
    for each in heard:
        if isinstance(each.tick, Trade):
            received[each.source].append(each.received)
            trades[each.source].append(each.tick)
    tapes: dict[str, list[Tape]] = {"v": [], "r": [], "e": []}
    for player in players:
        if not player.silent:
            tapes[player.kind].append(Tape(player, received[player.name], trades[player.name]))
    return tapes
