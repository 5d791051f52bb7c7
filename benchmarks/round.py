"""One round, on a board that is fed between rounds: by chrono, by hand, and in pandas.

Each feed has six markets, one quoted in USD and five in USDT; a market trades some forty times a minute. One trade in
twenty thousand is 2 % off; one feed walks about while one of its venues repeats a price. Two chains are measured:
the one that a pipeline file has that states nothing (flatline, deviation, drift, the median of the venues, `steady` for
the rate), and a short one (`last`, no detectors, `weighted_median`).

What a round costs is measured where chrono prices alone, as it does in a pipeline. Then the same rule in one function
without types stands beside it: both price each round, in turns the first, and must agree on every value; the ratio is
of these rounds, in which each finds the caches as the other left them.
`--python PATH` names an interpreter in whose environment pandas is installed. What is built is frozen for the garbage
collector before the first round.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from math import isclose
from statistics import median
from typing import Any

from measure import cpu, percentile, say
from round_by_hand import Answer, by_hand
from round_in_pandas import Peer, peer

from chrono import Market, Missing, NoQuorum, Price, Trade, Window
from chrono.core.board import Board
from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.cohort import Peers
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Plan, PricingState, _Work, price
from chrono.core.registry import Registry
from chrono.core.types import SECOND, Estimate, Report, Round

START = 1_795_342_500
VENUES = 6
RATE = 0.7
"""Trades a second of one market."""
DELAY = 20_000_000
"""Nanoseconds from a trade to its receipt."""
NOISE = 3e-4
RATE_NOISE = 5e-5
"""A stablecoin's."""

CHAINS = {
    "short": "{aggregator: last, detectors: [], consensus: weighted_median}",
    "default": "{}",
}


def pipeline(feeds: int, chain: str) -> Pipeline:
    """Return a pipeline of so many feeds; the last is the rate the others convert with."""
    stated = [line.strip() for line in CHAINS[chain].strip("{}").split(", ") if line]
    usdt = ", ".join(f"v{venue}:%s/USDT" for venue in range(1, VENUES))
    lines = [f"  C{i}/USD: {{markets: [v0:C{i}/USD, {usdt.replace('%s', f'C{i}')}]}}" for i in range(feeds - 1)]
    sources = [f"  v{venue}: {{type: push}}" for venue in range(VENUES)]
    text = [*stated, "sources:", *sources, "feeds:", *lines, "  USDT/USD: {decimals: 5}"]
    return build("\n".join(text), Registry())


class Feeding:
    """Trades that go on from second to second."""

    def __init__(self, board: Board, markets: Sequence[Market]) -> None:
        self._random = random.Random(1)
        self._board = board
        self._levels: dict[str, float] = {"USDT": 1.0}
        for market in markets:
            self._levels.setdefault(market.pair.base, 100.0 + len(self._levels))
        self._markets = markets
        self._second = START
        self._count = 0

    def second(self) -> Round:
        """Put one more second of trades onto the board, and return the round at its end."""
        draw, start = self._random, self._second * SECOND
        ticks = []
        self._levels["C0"] *= 1 + draw.gauss(0, NOISE)
        for market in self._markets:
            if draw.random() < RATE:
                self._count += 1
                at = start + draw.randrange(SECOND - DELAY)
                trade = Trade(market.symbol, self._worth(market), draw.random(), "buy", str(self._count), at)
                ticks.append((at, market, trade))
        for at, market, tick in sorted(ticks, key=lambda item: item[0]):
            self._board.inlets[market.source](tick, at + DELAY)
        self._second += 1
        return Round(self._second, self._second * SECOND, (self._second + 1) * SECOND)

    def _worth(self, market: Market) -> float:
        if str(market) == f"v{VENUES - 1}:C0/USDT":
            return 101.0
        rate = market.pair.base == "USDT"
        off = 1.02 if self._random.random() < 5e-5 and not rate else 1.0
        return self._levels[market.pair.base] * off * (1 + self._random.gauss(0, RATE_NOISE if rate else NOISE))


class Stages:
    """What the parts of a round cost, each run by itself over all feeds, with the rates of the round before."""

    def __init__(self, plans: Sequence[Plan], board: Board, state: PricingState, when: Round, report: Report) -> None:
        self._plans = plans
        self._work = _Work(board.window, state, when)
        self._work.results.update({result.feed.name: result for result in report.results})
        self._windows: list[list[Window]] = []
        self.native: list[Sequence[Estimate]] = []
        self.estimates: list[Sequence[Estimate]] = []

    def window(self) -> None:
        cut, as_of = self._work.windows, self._work.when.as_of
        for plan in self._plans:
            kind, span = plan.aggregator.reads, plan.aggregator.span
            windows = (cut(market, kind, span, as_of) for market in plan.feed.markets)
            self._windows.append([window for window in windows if window is not None])

    def aggregate(self) -> None:
        for plan, windows in zip(self._plans, self._windows, strict=True):
            self.native.append([plan.aggregator.aggregate(window) for window in windows])

    def native_screen(self) -> None:
        for plan, estimates in zip(self._plans, self.native, strict=True):
            self.estimates.append(self._work.screen(plan, plan.native, estimates, {}))

    def convert(self) -> None:
        for place, plan in enumerate(self._plans):
            self.estimates[place] = self._work.convert(plan, self.estimates[place], {})

    def cohort_screen(self) -> None:
        for place, plan in enumerate(self._plans):
            if plan.cohort:
                self.estimates[place] = self._work.screen(plan, plan.cohort, Peers(self.estimates[place]), {})

    def agree(self) -> None:
        for plan, estimates in zip(self._plans, self.estimates, strict=True):
            try:
                plan.consensus.agree_with(estimates, None)
            except NoQuorum:
                continue

    def costs(self) -> Iterator[tuple[str, float]]:
        """Yield each stage with its seconds of CPU."""
        for stage in (self.window, self.aggregate, self.native_screen, self.convert, self.cohort_screen, self.agree):
            yield stage.__name__.replace("_", " "), cpu(stage)


class Costs:
    """Seconds of CPU of each round, and of some rounds the stages and the peer."""

    def __init__(self) -> None:
        self.alone: list[float] = []
        self.wall: list[float] = []
        self.chrono: list[float] = []
        self.by_hand: list[float] = []
        self.stages: list[Mapping[str, float]] = []
        self.peer: list[float] = []


def fed(feeds: int, chain: str) -> tuple[Pipeline, Board, Feeding]:
    """Return a pipeline of so many feeds, with a board that has seen more than a window."""
    made = pipeline(feeds, chain)
    board = made.board(VirtualClock())
    feeding = Feeding(board, [market for found in made.markets.values() for market in found])
    for _ in range(70):
        feeding.second()
    gc.collect()
    gc.freeze()
    return made, board, feeding


def alone(feeds: int, chain: str, rounds: int, costs: Costs) -> None:
    """Price rounds of so many feeds with nothing beside it but the trades between them."""
    made, board, feeding = fed(feeds, chain)
    state = PricingState()
    for _ in range(rounds):
        when = feeding.second()
        start, began = time.process_time(), time.perf_counter()
        state = price(made.plans, board.window, state, when).state
        costs.alone.append(time.process_time() - start)
        costs.wall.append(time.perf_counter() - began)
    gc.unfreeze()


def measure(feeds: int, chain: str, rounds: int, theirs: Peer | None) -> Costs:
    """Price rounds of so many feeds; return what they cost."""
    state, memory, costs = PricingState(), dict[str, Any](), Costs()
    alone(feeds, chain, rounds, costs)
    made, board, feeding = fed(feeds, chain)
    outcome = price(made.plans, board.window, state, feeding.second())
    for number in range(rounds):
        when = feeding.second()
        # in every seventh round, which is coprime to the ten between two notes of `flatline`, the stages go first
        parts = Stages(made.plans, board, state, when, outcome.report) if number % 7 == 6 else None
        if parts is not None:
            costs.stages.append(dict(parts.costs()))
        # whoever comes first brings the running sums of turnover up to date, so each does in turn
        for ours in (number % 2 == 0, number % 2 == 1):
            start = time.process_time()
            if ours:
                outcome = price(made.plans, board.window, state, when)
            else:
                found = by_hand(made.plans, board, when.as_of, memory)
            spent = time.process_time() - start
            if parts is None:
                (costs.chrono if ours else costs.by_hand).append(spent)
        _compare(outcome.report.results, found)
        if parts is not None and theirs is not None and chain == "default":
            costs.peer.append(theirs(*_estimates(made.plans, parts.native, outcome.report)))
        state = outcome.state
    gc.unfreeze()
    return costs


def _estimates(
    plans: Sequence[Plan], found: Sequence[Sequence[Estimate]], report: Report
) -> tuple[Mapping[str, Sequence[Any]], Mapping[str, tuple[float, float]]]:
    """Return estimates as columns, and value and confidence of the feeds where nobody was dropped."""
    rows = [
        (plan.feed.name, "".join(leg.rate for leg in plan.conversions[e.market]), e.market.group, e)
        for plan, estimates in zip(plans, found, strict=True)
        for e in estimates
    ]
    names = ("feed", "rate", "group")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    columns |= {name: [getattr(row[3], name) for row in rows] for name in ("value", "weight", "age", "rhythm")}
    return columns, {name: (p.value, p.confidence) for name, p in report.prices.items() if not p.dropped}


def _compare(results: Sequence[Price | Missing], found: Mapping[str, Answer]) -> None:
    for result in results:
        hand = found[result.feed.name]
        said = {market: reason["code"] for market, reason in result.dropped.items()}
        was: list[Any] = [said, [notice["code"] for notice in result.notices]]
        numbers = []
        if isinstance(result, Price):
            numbers = [result.value, result.confidence, result.age, result.rhythm, *map(result.shares.get, hand.shares)]
        wanted = [hand.value, hand.confidence, hand.age, hand.rhythm, *hand.shares.values()] if hand.shares else []
        same = len(numbers) == len(wanted) and all(map(isclose, numbers, wanted))
        if not same or was != [hand.dropped, hand.notices]:
            raise SystemExit(f"{result.feed.name}: expected {hand}, was {numbers}, {was}")


def report(what: str, costs: Costs) -> None:
    """Print what rounds cost, how that compares, and what the stages have of it."""
    spent, wall, middle = costs.alone, costs.wall, median(costs.chrono)
    say(f"{what}, p50 of {len(spent)} rounds, CPU", f"{median(spent) * 1e3:.2f} ms")
    say(f"{what}, p99, CPU", f"{percentile(spent, 0.99) * 1e3:.2f} ms")
    say(f"{what}, p50 and p99, wall clock", f"{median(wall) * 1e3:.2f} ms", f"{percentile(wall, 0.99) * 1e3:.2f} ms")
    ratio = median(a / b for a, b in zip(costs.chrono, costs.by_hand, strict=True))
    say(f"{what}, beside the same by hand, p50", f"{middle * 1e3:.2f} ms")
    say(f"{what}, by hand, p50", f"{median(costs.by_hand) * 1e3:.2f} ms", f"chrono costs {ratio:.2f}x")
    shares = {name: median(found[name] for found in costs.stages) for name in costs.stages[0]}
    rest = middle - sum(shares.values())
    for name, cost in [*shares.items(), ("report and the rest", rest)]:
        if cost / middle >= 0.005:
            say(f"  {name}", f"{cost * 1e3:.2f} ms", f"{cost / middle:.0%}")
    if costs.peer:
        ours = middle - shares["window"] - shares["aggregate"]
        ratio = median(costs.peer) / ours
        say("  pandas, from estimates to values", f"{median(costs.peer) * 1e3:.2f} ms", f"{ratio:.2f}x chrono's part")


def main() -> None:
    """Measure both chains on rounds of Flare's size, and on rounds of a thousand feeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter with pandas installed")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--feeds", type=int, nargs="+", default=[63, 1000])
    parser.add_argument("--chain", nargs="+", choices=CHAINS, default=list(CHAINS))
    options = parser.parse_args()
    none = "skipped: no --python of an environment that has it", None
    with nullcontext(none) if options.python is None else peer(options.python) as (version, theirs):
        say("pandas", version)
        for feeds in options.feeds:
            for chain in options.chain:
                rounds = options.rounds if feeds <= 63 else max(options.rounds // 10, 1)
                report(f"{feeds} x {VENUES}, {chain} chain", measure(feeds, chain, rounds, theirs))


if __name__ == "__main__":
    main()
