"""One round and all that its prices were made of, as it is seen in a replay or found in a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chrono.core.pricing import Published
from chrono.core.recipes import Part, Recipe
from chrono.core.types import SECOND, Agreement, Estimate, Market, Report, Verdict
from chrono.core.windows import Window

_ROUND = re.compile(r"round:([0-9]{1,19})")
_UNIX = re.compile(r"[0-9]{1,19}")
_FRACTION = re.compile(r"(.+[T ]\d\d:?\d\d:?\d\d)[.,](\d+)(.*)", re.ASCII)
_SECONDS_BELOW, _NANOSECONDS_FROM = 10**11, 10**17
_LAST = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str, every: int) -> int:
    """Return the nanoseconds that a time written by a person stands for.

    Parameters
    ----------
    text : str
        ISO 8601, in UTC where no offset is stated; whole Unix seconds or nanoseconds; or `round:ID`.
    every : int
        Nanoseconds between rounds.

    Raises
    ------
    ValueError
        If it is none of them.

    Examples
    --------
    >>> instant("2026-11-22T11:15:00.000000001+01:00", 10**9) == instant("1795342500000000001", 10**9)
    True
    >>> instant("1795342500", 10**9) == instant("round:1795342500", 10**9) == instant("2026-11-22 10:15", 10**9)
    True
    """
    if match := _ROUND.fullmatch(text):
        found = int(match[1]) * every
    elif _UNIX.fullmatch(text):
        number = int(text)
        if _SECONDS_BELOW <= number < _NANOSECONDS_FROM:
            raise ValueError(
                f"expected Unix seconds or nanoseconds, was {text}, which is neither; write all its digits"
            )
        found = number * SECOND if number < _SECONDS_BELOW else number
    else:
        found = _iso(text)
    if not 0 <= found < _LAST:
        raise ValueError(f"expected a time between 1970 and 2262, was {text!r}")
    return found


def _iso(text: str) -> int:
    whole, digits = text.strip(), ""
    if match := _FRACTION.fullmatch(whole):
        whole, digits = match[1] + match[3], match[2]
    try:
        told = datetime.fromisoformat(whole)
        passed = (told if told.tzinfo else told.replace(tzinfo=UTC)) - _EPOCH
        if passed.microseconds:
            raise ValueError("a fraction of something other than a second")
    except (ValueError, OverflowError):
        wanted = "a time like 2026-11-22T10:15:00Z, Unix seconds or nanoseconds, or round:1795342500"
        raise ValueError(f"expected {wanted}, was {text!r}") from None
    return (passed.days * 86_400 + passed.seconds) * SECOND + int(digits[:9].ljust(9, "0"))


@dataclass
class Seen:
    """What the components behind one feed were given and said in one round.

    Attributes
    ----------
    estimates : dict of Market to Estimate
        What the aggregator made of windows, each in its market's own quote.
    verdicts : list of (Part, Verdict)
        What detectors said, in their order.
    converted : dict of Market to Estimate
        What reached the cohort, in the feed's quote.
    agreement : Agreement or None
        What the consensus concluded, whether or not it was published.
    """

    estimates: dict[Market, Estimate] = field(default_factory=dict)
    verdicts: list[tuple[Part, Verdict]] = field(default_factory=list)
    converted: dict[Market, Estimate] = field(default_factory=dict)
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Moment:
    """One round and all that its prices were made of; a tree needs nothing else.

    Attributes
    ----------
    asked : int
        The instant, in nanoseconds, that it was looked for.
    report : Report
        What was published.
    recipes : mapping of str to Recipe
        How the feed and the rates behind it are priced.
    seen : mapping of str to Seen
        What went on there.
    windows : mapping of (Market, str, int) to Window or None
        What the board had, by market, kind and nanoseconds; None where nothing was ever seen. A store keeps none.
    published : mapping of str to Published
        The value before this one, of feeds that have a limit to their jumps.
    """

    asked: int
    report: Report
    recipes: Mapping[str, Recipe]
    seen: Mapping[str, Seen]
    windows: Mapping[tuple[Market, str, int], Window | None]
    published: Mapping[str, Published]
