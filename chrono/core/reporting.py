"""Reports as rows: the one form that stdout, files and people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from numbers import Integral, Real
from typing import Any

import msgspec

from chrono.core.types import SECOND, Market, Missing, Price, Reason, Report


def plain(value: Any) -> Any:
    """Return a number of another library, or one that carries its unit, as a plain one.

    Raises
    ------
    TypeError
        If it is no number.
    """
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"expected what JSON can hold, was {type(value).__name__}")


encode = msgspec.json.Encoder(decimal_format="string", enc_hook=plain).encode


def iso(instant: int) -> str:
    """Return nanoseconds since the Unix epoch as ISO 8601, to the nanosecond.

    Examples
    --------
    >>> iso(1_795_342_500_000_000_001)
    '2026-11-22T10:15:00.000000001Z'
    """
    seconds, rest = divmod(instant, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def rows(report: Report) -> Iterator[dict[str, Any]]:
    """Yield one row a feed, ready for JSON, in the order of the pipeline file."""
    for result in report.results:
        yield _row(report, result)


def _row(report: Report, result: Price | Missing) -> dict[str, Any]:
    if isinstance(result, Price):
        answer = {"value": format(result.feed.quantize(result.value), "f"), "confidence": round(result.confidence, 4)}
    else:
        answer = {"value": None, "confidence": 0.0}
    return {
        "round": report.round.id,
        "as_of": iso(report.round.as_of),
        "feed": result.feed.name,
        **answer,
        "used": [str(market) for market in result.used],
        "dropped": _reasons(result.dropped),
        "reason": result.reason if isinstance(result, Missing) else None,
        "notices": result.notices,
    }


def _reasons(dropped: Mapping[Market, Reason]) -> dict[str, Reason]:
    return {str(market): dropped[market] for market in sorted(dropped)}
