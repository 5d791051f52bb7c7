"""A pipeline tried out: all sources are connected for a while and every feed is priced once, and nobody is told.

No sink is started, and nothing that rounds remember is read or saved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import anyio
import msgspec

from chrono.core.board import Board, Inlet
from chrono.core.clock import Clock, WallClock
from chrono.core.component import Status
from chrono.core.engine import Engine
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import PricingState, price
from chrono.core.prose import sentence
from chrono.core.types import SECOND, Code, Market, Missing, Price, Reason, Report, Round, Tick
from chrono.core.units import Duration

ENOUGH = 5
"""Ticks of a market by which its rhythm is known."""

_LOOK = 0.5
_NEWEST = 512
_TROUBLED = {"degraded", "waiting", "failed", "stopped"}
_TICKLESS = "check that the venue lists and trades it, wait longer, or leave the market out"
_ADVICE = {
    Code.STALE: "raise `max_age` for a market that trades so seldom, or leave it out",
    Code.INSUFFICIENT_DATA: "wait longer, or let the aggregator want less",
    Code.RATE_MISSING: "see the line of that rate",
    Code.RATE_STALE: "see the markets of that rate",
    Code.RATE_PATHS_DIFFER: "see the markets of both",
    Code.COMPONENT_FAILED: "tell the plugin's author",
    "deviation": "look at the venue: another unit, another coin of that ticker, a bad print",
    "outlier": "look at the venue: another unit, another coin of that ticker, a bad print",
}


class Heard:
    """What was heard of one market.

    Attributes
    ----------
    first, last : int
        Nanoseconds; 0 where nothing was.
    ticks : int
        How many the board took.
    """

    __slots__ = ("_gaps", "_lags", "first", "last", "ticks")

    def __init__(self) -> None:
        self.first = self.last = self.ticks = 0
        self._gaps: deque[int] = deque(maxlen=_NEWEST)
        self._lags: deque[int] = deque(maxlen=_NEWEST)

    def note(self, ts_event: int | None, received: int) -> None:
        """Take note of one tick."""
        self.ticks += 1
        self.first = self.first or received
        # those of one frame came together
        if self.last and received > self.last:
            self._gaps.append(received - self.last)
        self.last = received
        if ts_event is not None:
            self._lags.append(received - ts_event)

    @property
    def gap(self) -> int | None:
        """The nanoseconds that usually pass between two ticks: the median of those seen."""
        return int(median(self._gaps)) if self._gaps else None

    @property
    def lag(self) -> int | None:
        """The nanoseconds from the venue's time to receipt, the median; None where the venue states no time."""
        return int(median(self._lags)) if self._lags else None


class _Ear(Inlet):
    """Listens to what enters the board."""

    def __init__(self, board: Board, clock: Clock) -> None:
        super().__init__(board, clock)
        self.heard: dict[str, Heard] = {}

    def watch(self, slot: Any) -> None:
        super().watch(slot)
        self.heard[slot.trades.market.symbol] = Heard()

    def __call__(self, tick: Tick, received: int | None = None) -> None:
        before = self.accepted
        super().__call__(tick, received)
        if self.accepted > before:
            self.heard[tick.symbol].note(tick.ts_event, self._clock.now() if received is None else received)


class MarketFinding(msgspec.Struct, frozen=True):
    """How one market did.

    Times are in nanoseconds, `distance` is relative; None is what is not known. `code` and `problem` are empty where
    nothing is wrong, else the word for what is and a sentence that says what to do.
    """

    market: Market
    ticks: int
    first: int | None = None
    age: int | None = None
    gap: int | None = None
    lag: int | None = None
    distance: float | None = None
    code: str = ""
    problem: str = ""


class Findings(msgspec.Struct, frozen=True):
    """What a rehearsal found: the markets in the order of the pipeline's feeds, and the one report."""

    pipeline: str
    markets: Sequence[MarketFinding]
    report: Report

    @property
    def missing(self) -> Sequence[Missing]:
        """The published feeds that have no price."""
        return [result for result in self.report.results if isinstance(result, Missing)]


class Rehearsal:
    """One trial of a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
    lasts : Duration
        How long to wait at most; it ends before if every feed has a price, and every market ticked five times or is
        known not to.
    clock : Clock, optional
        The wall clock when not given.

    Attributes
    ----------
    stop : anyio.Event
        Ends it before; what was found by then counts.
    """

    def __init__(self, pipeline: Pipeline, lasts: Duration, clock: Clock | None = None, *, logger: Any = None) -> None:
        self._pipeline = pipeline
        self._lasts = lasts
        self._clock = clock or WallClock()
        self._board = Board(pipeline.horizons, self._clock, _Ear)
        alone = replace(pipeline, sinks={}, plans=(), state_path=None, flight_recorder=None)
        self._engine = Engine(alone, self._clock, board=self._board, logger=logger)
        self.stop = self._engine.stop
        self._found: Findings | None = None

    async def run(self) -> Findings:
        """Connect, wait, price.

        Raises
        ------
        PermanentError
            If a source cannot start.
        """
        began = self._clock.now()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._wait, began)
            await self._engine.run()
            tasks.cancel_scope.cancel()
        return self._found or self._price(began)

    async def _wait(self, began: int) -> None:
        """Wait until all is well or time is up, and look while everything is still connected."""
        until = began + self._lasts
        while (left := until - self._clock.now()) > 0:
            await self._clock.sleep(min(_LOOK, left / SECOND))
            if self._all_settled() and not self._price(began).missing:
                break
        self._found = self._price(began)
        self.stop.set()

    def _all_settled(self) -> bool:
        """Say whether of every market enough was heard, or that there is nothing to hear."""
        return all(heard.ticks >= ENOUGH or self._refused(market) for market, heard in self._heard().items())

    def _refused(self, market: Market) -> bool:
        latest = self._engine.statuses.latest
        own, whole = latest.get((market.source, str(market))), latest.get((market.source, ""))
        return (own is not None and own.state in _TROUBLED) or (whole is not None and whole.state == "failed")

    def _heard(self) -> Mapping[Market, Heard]:
        ears = {name: inlet for name, inlet in self._board.inlets.items() if isinstance(inlet, _Ear)}
        return {market: ears[market.source].heard[market.symbol] for market in self._pipeline.horizons}

    def _price(self, began: int) -> Findings:
        now, every = self._clock.now(), self._pipeline.schedule.every
        when = Round(now // every, now, now + every)
        report = price(self._pipeline.plans, self._board.window, PricingState(), when).report
        # as the venues say it, before anybody is left out
        bare = [msgspec.structs.replace(plan, native=(), cohort=()) for plan in self._pipeline.plans]
        distances = _distances(report, price(bare, self._board.window, PricingState(), when).report)
        reasons, heard = _reasons(report), self._heard()
        markets = [
            self._finding(market, heard[market], began, now, distances.get(market), reason)
            for market, reason in reasons.items()
        ]
        return Findings(self._pipeline.name, markets, report)

    def _finding(
        self, market: Market, heard: Heard, began: int, now: int, distance: float | None, reason: Reason | None
    ) -> MarketFinding:
        code, problem = self._trouble(market, heard, reason)
        if not heard.ticks:
            return MarketFinding(market, 0, code=code, problem=problem)
        first, age = heard.first - began, now - heard.last
        return MarketFinding(market, heard.ticks, first, age, heard.gap, heard.lag, distance, code, problem)

    def _trouble(self, market: Market, heard: Heard, reason: Reason | None) -> tuple[str, str]:
        """Return what is wrong with a market: what the venue says of it, or of all of its own, before what follows."""
        latest = self._engine.statuses.latest
        own, whole = latest.get((market.source, str(market))), latest.get((market.source, ""))
        if own is not None and own.state in _TROUBLED:
            return _said(own)
        if not heard.ticks and whole is not None and whole.state in {*_TROUBLED, "starting"}:
            return _said(whole)
        return ("", "") if reason is None else _told(reason, heard)


def _said(status: Status) -> tuple[str, str]:
    if status.state == "starting":
        return "starting", "it is not connected yet: wait longer, or see the messages above"
    return status.code or status.state, status.message or f"it is {status.state}: see the messages above"


def _told(reason: Reason, heard: Heard) -> tuple[str, str]:
    code = str(reason["code"])
    if code == Code.NO_DATA:
        others = "the venue sends something else: choose another aggregator, or leave the market out"
        return code, f"{sentence(reason)}; {others if heard.ticks else _TICKLESS}"
    advice = _ADVICE.get(code)
    return code, f"{sentence(reason)}; {advice}" if advice else sentence(reason)


def _results(report: Report) -> Iterator[Price | Missing]:
    yield from report.results
    yield from report.rates


def _reasons(report: Report) -> Mapping[Market, Reason | None]:
    """Return every market with why it was dropped, if it was, by the first feed that it is of."""
    found: dict[Market, Reason | None] = {}
    for result in _results(report):
        for market in result.feed.markets:
            found.setdefault(market, result.dropped.get(market))
    return found


def _distances(report: Report, bare: Report) -> Mapping[Market, float]:
    """Return how far each market is from the middle of the others that were not left out, in the feed's quote."""
    found: dict[Market, float] = {}
    for kept, whole in zip(_results(report), _results(bare), strict=True):
        sound = {estimate.market for estimate in kept.estimates} - set(kept.dropped)
        for estimate in whole.estimates:
            others = [other for other in whole.estimates if other.market != estimate.market]
            counted = [other.value for other in others if other.market in sound] or [other.value for other in others]
            if counted:
                found.setdefault(estimate.market, estimate.value / median(counted) - 1.0)
    return found
