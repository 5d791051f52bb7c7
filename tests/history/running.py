"""Runs history through a pipeline: push sources, the board, rounds on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chrono import Pair, Report
from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import PricingState
from chrono.core.registry import Registry
from chrono.core.rounds import Rounds
from tests.history.candles import Print, Series

STABLE = ("USDT", "USDC")
"""Quotes of the default chain that are no currency of a state."""


class Moment(NamedTuple):
    """One round: its report, and the newest message of each market by then, which the next round changes."""

    as_of: int
    report: Report
    newest: Mapping[str, Print]


ALONE = "consensus: {weighted_median: {min_venues: 1}}"


def feeds(described: Sequence[Series]) -> dict[str, str]:
    """Return the feeds to price a history by: each asset in each currency it is quoted in, and the stablecoins.

    All is left to the defaults, save what they refuse: a stablecoin that is also priced in another one states both
    pairs, and the history of one venue asks for a quorum of one, without conversion.
    """
    pairs = dict.fromkeys(one.pair for one in described)
    if len({one.source for one in described}) == 1:
        return {str(pair): f'{{markets: ["*:{pair}"], {ALONE}}}' for pair in pairs}
    found = {str(pair): "{}" for pair in pairs if pair.base not in STABLE and pair.quote not in STABLE}
    bases = {name.partition("/")[0] for name in found}
    found |= {str(pair): "{}" for pair in pairs if pair.base not in bases and pair.base not in STABLE}
    quotes = [quote for quote in ("USD", "USDT") if Pair("USDC", quote) in pairs]
    if quotes:
        found["USDC/USD"] = "{markets: [" + ", ".join(f'"*:USDC/{quote}"' for quote in quotes) + "]}"
    if Pair("USDT", "USD") in pairs:
        found["USDT/USD"] = "{}"
    return found


def text(described: Sequence[Series], wanted: Mapping[str, str], every: str = "60s", more: str = "") -> str:
    """Return a pipeline file of feeds, and of a push source for each venue."""
    priced = "".join(f"  {feed}: {options}\n" for feed, options in wanted.items())
    sources = "".join(f"  {source}: {{type: push}}\n" for source in sorted({one.source for one in described}))
    return f"name: history\nevery: {every}\nfeeds:\n{priced}sources:\n{sources}{more}"


def moments(pipeline: Pipeline, said: Iterable[Print], until: int | None = None) -> Iterator[Moment]:
    """Yield each round from the first message to the last, or to `until`, priced on the messages received by then.

    Raises
    ------
    RuntimeError
        If a component failed: its words would be missing from every figure.
    """
    clock = VirtualClock()
    board = pipeline.board(clock)
    reports: list[Report] = []
    failures: list[object] = []
    newest: dict[str, Print] = {}
    rounds: Rounds | None = None

    def deliver(report: Report, failed: Sequence[object]) -> None:
        reports.append(report)
        failures.extend(failed)

    def priced() -> Iterator[Moment]:
        assert rounds is not None
        clock.set(rounds.next.as_of)
        rounds.price()
        if rounds.error is not None or failures:
            raise RuntimeError(f"expected no component to fail, was {rounds.error or failures}")
        report = reports.pop()
        yield Moment(report.round.as_of, report, newest)

    for one in said:
        if rounds is None:
            first = pipeline.schedule.after(one.received)
            rounds = Rounds(pipeline.plans, board, pipeline.schedule, PricingState(), deliver, first)
        while one.received > rounds.next.as_of:
            yield from priced()
        clock.set(one.received)
        board.inlets[one.source](one.tick, one.received)
        newest[one.market] = one
    while rounds is not None and rounds.next.as_of <= (until or rounds.next.as_of):
        yield from priced()
        if until is None:
            return


def built(
    described: Sequence[Series], wanted: Mapping[str, str] | None = None, every: str = "60s", more: str = ""
) -> Pipeline:
    """Build the default chain over a history."""
    return build(text(described, feeds(described) if wanted is None else wanted, every, more), Registry())
