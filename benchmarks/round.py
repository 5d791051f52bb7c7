"""One round: `last`, conversion from USDT, `weighted_median`, on a board that is fed between rounds.

Each feed has six markets, one quoted in USD and five in USDT; a market trades some forty times a minute. Beside
`chrono.core.pricing.price` the same rule stands in one function that reads the same lists and makes no types; both must
agree.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from statistics import median
from typing import Any

from measure import cpu, percentile, say

from chrono import Market, Missing, NoQuorum, Price, Trade, Window
from chrono.core.board import Board
from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Plan, PricingState, price
from chrono.core.rates import Conversion, conversion, convert
from chrono.core.registry import Registry
from chrono.core.types import SECOND, Estimate, Reason, Round

START = 1_795_342_500
VENUES = 6
RATE = 0.7
"""Trades a second of one market."""


def pipeline(feeds: int) -> Pipeline:
    """Return a pipeline of so many feeds; the last is the rate the others convert with."""
    usdt = ", ".join(f"v{venue}:%s/USDT" for venue in range(1, VENUES))
    lines = [f"  C{i}/USD: {{markets: [v0:C{i}/USD, {usdt.replace('%s', f'C{i}')}]}}" for i in range(feeds - 1)]
    sources = [f"  v{venue}: {{type: push}}" for venue in range(VENUES)]
    return build("\n".join(["sources:", *sources, "feeds:", *lines, "  USDT/USD: {decimals: 5}"]), Registry())


class Feeding:
    """Trades that go on from second to second."""

    def __init__(self, board: Board, markets: Sequence[Market]) -> None:
        self._random = random.Random(1)
        self._board = board
        levels: dict[str, float] = {"USDT": 1.0}
        self._markets = [(m, levels.setdefault(m.pair.base, 100.0 + len(levels))) for m in markets]
        self._second = START
        self._count = 0

    def second(self) -> Round:
        """Put one more second of trades onto the board, and return the round at its end."""
        draw, start = self._random, self._second * SECOND
        ticks = []
        for market, level in self._markets:
            if draw.random() < RATE:
                self._count += 1
                at = start + draw.randrange(SECOND)
                worth = level * (1 + draw.gauss(0, 3e-4))
                ticks.append((at, market, Trade(market.symbol, worth, draw.random(), "buy", str(self._count), at)))
        for at, market, tick in sorted(ticks, key=lambda item: item[0]):
            self._board.inlets[market.source](tick, at + 20_000_000)
        self._second += 1
        return Round(self._second, self._second * SECOND, (self._second + 1) * SECOND)


def by_hand(plans: Sequence[Plan], board: Any, as_of: int) -> dict[str, Any]:  # noqa: PLR0912, PLR0915
    """Do the same in one function: value, confidence, shares, age and who was dropped, of each feed."""
    results: dict[str, Any] = {}
    for plan in plans:
        span, limit, wanted = plan.aggregator.span, int(plan.consensus.config.max_age), plan.consensus.wanted
        groups: dict[str, list[tuple[float, float, int, Market]]] = {}
        dropped: dict[Market, str] = {}
        for market, legs in plan.conversions.items():
            rows, offset = board._slots[market].trades, board.inlets[market.source].offset.value  # noqa: SLF001
            times = rows.ts
            if not times:
                dropped[market] = "no_data"
                continue
            start = bisect_right(times, as_of - span - offset)
            sums, prices, sizes = rows._traded, rows.columns[0], rows.columns[1]  # noqa: SLF001
            total = sums[-1] if sums else 0.0
            for row in range(len(sums), len(times)):
                total += prices[row] * sizes[row]
                sums.append(total)
            before = sums[start - 1] if start else 0.0
            value, weight = prices[-1], max(total - before, 0.0) * SECOND / span
            age = max(as_of - rows.received, as_of - times[-1] - offset)
            for leg in legs:
                rate = results[leg.rate]
                if rate[0] is None:
                    dropped[market] = "rate_missing"
                    break
                if rate[3] > limit:
                    dropped[market] = "rate_stale"
                    break
                factor = 1 / rate[0] if leg.inverse else rate[0]
                value, weight, age = value * factor, weight * factor, max(age, rate[3])
            else:
                if age > limit:
                    dropped[market] = "stale"
                else:
                    groups.setdefault(market.group, []).append((value, weight, age, market))
        name = plan.feed.name
        if len(groups) < wanted:
            results[name] = (None, 0.0, {}, 0, dropped)
            continue
        cap = max(0.15, 1.2 / len(groups))
        free = {group: sum(sorted([m[1] for m in members])) for group, members in groups.items()}
        final: dict[str, float] = {}
        while free:
            left = 1.0 - cap * len(final)
            whole = sum(sorted(free.values()))
            found = {g: left * (w / whole) if whole > 0 else left / len(free) for g, w in free.items()}
            over = [group for group, share in found.items() if share > cap + 1e-12]
            if not over:
                final.update(found)
                break
            for group in over:
                final[group] = cap
                del free[group]
        shares: dict[Market, float] = {}
        ranked = []
        for group, share in final.items():
            members = groups[group]
            whole = sum(sorted([m[1] for m in members]))
            for value, weight, _, market in members:
                shares[market] = part = share * weight / whole if whole > 0 else share / len(members)
                ranked.append((value, part))
        ranked.sort()
        below, answer = 0.0, ranked[-1][0]
        for rank, (value, part) in enumerate(ranked):
            below += part
            if below > 0.5 + 1e-12:
                answer = value
                break
            if below >= 0.5 - 1e-12:
                answer = (value + next((v for v, w in ranked[rank + 1 :] if w > 0), value)) / 2
                break
        used = [member for members in groups.values() for member in members]
        spread = median([abs(m[0] / answer - 1) for m in used]) / 20e-4
        old = median([m[2] for m in used])
        trust = (1 - 2.0 ** -len(groups)) / (1 + spread * spread) * (1 - min(max(old / limit, 0.0), 1.0) / 2)
        seen = len(groups) + len({m.group for m, code in dropped.items() if code != "no_data"} - set(groups))
        results[name] = (answer, trust * (len(groups) / seen), shares, int(old), dropped)
    return results


class Stages:
    """What the parts of a round cost, each run by itself over all markets."""

    def __init__(self, plans: Sequence[Plan], board: Board, when: Round, prices: Mapping[str, Price | Missing]) -> None:
        self._plans = plans
        self._board = board
        self._when = when
        self._prices = prices
        self._found: list[list[Window]] = []
        self._estimates: list[list[Estimate]] = []
        self._converted: list[list[Estimate]] = []

    def window(self) -> None:
        cut, as_of = self._board.window, self._when.as_of
        for plan in self._plans:
            kind, span = plan.aggregator.reads, plan.aggregator.span
            windows = (cut(market, kind, span, as_of) for market in plan.feed.markets)
            self._found.append([window for window in windows if window is not None])

    def aggregate(self) -> None:
        for plan, windows in zip(self._plans, self._found, strict=True):
            self._estimates.append([plan.aggregator.aggregate(window) for window in windows])

    def convert(self) -> None:
        known: dict[Any, Conversion | Reason] = {}
        for plan, estimates in zip(self._plans, self._estimates, strict=True):
            converted = []
            for estimate in estimates:
                legs, max_age = plan.conversions[estimate.market], plan.consensus.max_age
                if (legs, max_age) not in known and legs:
                    known[legs, max_age] = conversion(legs, self._prices, max_age)
                by = known.get((legs, max_age))
                if isinstance(by, Conversion):
                    converted.append(convert(estimate, by, plan.feed.pair))
                elif by is None:
                    converted.append(estimate)
            self._converted.append(converted)

    def agree(self) -> None:
        for plan, estimates in zip(self._plans, self._converted, strict=True):
            try:
                plan.consensus.agree_with(estimates, None)
            except NoQuorum:
                continue

    def costs(self) -> Iterator[tuple[str, float]]:
        """Yield each stage with its seconds of CPU."""
        for stage in (self.window, self.aggregate, self.convert, self.agree):
            yield stage.__name__, cpu(stage)


def measure(feeds: int, rounds: int) -> None:
    """Price rounds of so many feeds, and print what they cost."""
    made = pipeline(feeds)
    board = made.board(VirtualClock())
    markets = [market for found in made.markets.values() for market in found]
    feeding, state = Feeding(board, markets), PricingState()
    for _ in range(70):
        feeding.second()
    gc.collect()
    wall, spent, inline, stages = [], [], [], []
    for number in range(rounds):
        when = feeding.second()
        # the running sums of turnover are brought up to date by whoever comes first, so each goes first in turn
        for first in (number % 2 == 0, number % 2 == 1):
            if first:
                start, began = time.process_time(), time.perf_counter()
                outcome = price(made.plans, board.window, state, when)
                spent.append(time.process_time() - start)
                wall.append(time.perf_counter() - began)
            else:
                start = time.process_time()
                found = by_hand(made.plans, board, when.as_of)
                inline.append(time.process_time() - start)
        state = outcome.state
        _compare(outcome.report.results, found)
        if number % 10 == 0:
            prices = {result.feed.name: result for result in outcome.report.results}
            stages.append(dict(Stages(made.plans, board, when, prices).costs()))
    _report(f"{feeds} feeds x {VENUES} venues", spent, wall, inline, stages)


def _compare(results: Sequence[Price | Missing], found: Mapping[str, Any]) -> None:
    for result in results:
        value, confidence, shares, age, _ = found[result.feed.name]
        was: list[float] = []
        if isinstance(result, Price):
            was = [result.value, result.confidence, result.age, *(result.shares.get(market, 0.0) for market in shares)]
        expected = [value, confidence, age, *shares.values()]
        if len(was) != len(expected) or not all(map(isclose, was, expected)):
            raise SystemExit(f"{result.feed.name}: expected {expected}, was {was}")


def _report(
    what: str,
    spent: Sequence[float],
    wall: Sequence[float],
    inline: Sequence[float],
    stages: Sequence[Mapping[str, float]],
) -> None:
    middle, hand = median(spent), median(inline)
    say(f"{what}, p50 of {len(spent)} rounds, CPU", f"{middle * 1e3:.2f} ms")
    say(f"{what}, p99, CPU", f"{percentile(spent, 0.99) * 1e3:.2f} ms")
    say(f"{what}, p50 and p99, wall clock", f"{median(wall) * 1e3:.2f} ms", f"{percentile(wall, 0.99) * 1e3:.2f} ms")
    say(
        f"{what}, by hand, p50",
        f"{hand * 1e3:.2f} ms",
        f"chrono costs {median(a / b for a, b in zip(spent, inline, strict=True)):.2f}x",
    )
    shares = {name: median(found[name] for found in stages) for name in stages[0]}
    shares["report and the rest"] = middle - sum(shares.values())
    for name, cost in shares.items():
        say(f"  {name}", f"{cost * 1e3:.2f} ms", f"{cost / middle:.0%}")


def main() -> None:
    """Measure a round of Flare's size, and one of a thousand feeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2000)
    options = parser.parse_args()
    measure(63, options.rounds)
    measure(1000, max(options.rounds // 10, 1))


if __name__ == "__main__":
    main()
