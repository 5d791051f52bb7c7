"""What a rehearsal found, as lines for people and as rows for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from chrono.core.prose import sentence
from chrono.core.rehearsal import Findings, MarketFinding
from chrono.core.reporting import rows as feeds
from chrono.core.types import SECOND, Missing, Price

_HEAD = ("source", "pair", "symbol", "first", "ticks", "age", "gap", "lag", "distance", "problem")
_LEFT = 3


def rows(findings: Findings) -> Iterator[dict[str, Any]]:
    """Yield a row for each market, then one for each feed and each rate, ready for JSON."""
    for found in findings.markets:
        yield {
            "kind": "market",
            "pipeline": findings.pipeline,
            "market": str(found.market),
            "source": found.market.source,
            "pair": str(found.market.pair),
            "symbol": found.market.symbol,
            "first_tick_s": _seconds(found.first),
            "ticks": found.ticks,
            "age_s": _seconds(found.age),
            "gap_s": _seconds(found.gap),
            "lag_s": _seconds(found.lag),
            "distance_bp": None if found.distance is None else round(found.distance * 10_000, 2),
            "code": found.code,
            "problem": found.problem,
        }
    whole = (*findings.report.results, *findings.report.rates)
    for result, row in zip(whole, feeds(msgspec.structs.replace(findings.report, results=whole)), strict=True):
        why = sentence(result.reason) if isinstance(result, Missing) else None
        more = {"why": why, "published": result.feed.published}
        if isinstance(result, Price) and not result.feed.published:
            # nobody stated decimals for it
            row["value"] = repr(result.value)
        yield {"kind": "feed", "pipeline": findings.pipeline, **row, **more}


def lines(findings: Findings) -> Iterator[str]:
    """Yield a table of the markets, and a line for each feed and each rate."""
    table = [_HEAD, *(_cells(found) for found in findings.markets)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD) - 1)]
    for row in table:
        cells = [
            cell.ljust(width) if column < _LEFT else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join([*cells, row[-1]]).rstrip()
    yield ""
    for result in (*findings.report.results, *findings.report.rates):
        yield f"{result.feed.name}: {_outcome(result)}{'' if result.feed.published else ' (a rate)'}"


def problems(findings: Findings) -> Sequence[str]:
    """Return a line for each published feed that has no price."""
    return [
        f"{findings.pipeline}: expected a price of {missing.feed.name}, there is none: {sentence(missing.reason)}"
        for missing in findings.missing
    ]


def _cells(found: MarketFinding) -> tuple[str, ...]:
    return (
        found.market.source,
        str(found.market.pair),
        found.market.symbol,
        _length(found.first),
        str(found.ticks),
        _length(found.age),
        _length(found.gap),
        _length(found.lag),
        "-" if found.distance is None else f"{found.distance * 10_000:+.1f} bp",
        f"{found.code}: {found.problem}" if found.code else "",
    )


def _outcome(result: Price | Missing) -> str:
    markets = f"{len(result.used)} of {len(result.used) + len(result.dropped)} markets"
    if isinstance(result, Missing):
        return f"no price, {sentence(result.reason)} ({markets})"
    value = f"{result.feed.quantize(result.value):f}" if result.feed.published else f"{result.value:.8g}"
    return f"{value}, confidence {result.confidence:.2f} ({markets})"


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / SECOND, 6)


def _length(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return "-"
    seconds = nanoseconds / SECOND
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else f"{seconds:.1f} s"
