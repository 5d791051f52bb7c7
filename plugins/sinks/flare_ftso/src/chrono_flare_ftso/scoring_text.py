"""A score in columns, and as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chrono_flare_ftso.scoring import Duel, FeedScore, Score, Standing

_HEAD = ("feed", "rounds", "missing", "median bp", "p95 bp", "max bp", "mean bp", "0.5 %", "IQR", "PCT")
_SMALL = 1e-12
_BESIDE = ("nearer", "farther", "even", "p", "verdict")


def lines(score: Score) -> list[str]:
    """Return a score as a table: a line a feed, under it one of the shadowed provider, and all feeds at the end."""
    beside = score.theirs is not None
    rows: list[tuple[str, ...]] = [_HEAD + _BESIDE if beside else _HEAD]
    for each in score.feeds:
        rows += _pair(each.feed, each.ours, each.theirs, each.duel, beside=beside)
    rows += _pair("all", score.ours, score.theirs, score.duel, beside=beside)
    return _columns(rows)


def objects(score: Score) -> Iterator[dict[str, Any]]:
    """Yield a score as objects: one a feed, and one of all feeds, whose `feed` is null."""
    for each in score.feeds:
        yield {"feed": each.feed, "no_median": each.no_median, **_object(each)}
    total = {"feed": None, "first": score.rounds[0], "last": score.rounds[-1], "met": score.met}
    yield {**total, "feeds": len(score.feeds), **_object(score)}


def notes(score: Score) -> Iterator[str]:
    """Yield what the columns do not say."""
    if not score.ours.with_quartiles:
        yield "the source of the medians says no quartiles: nothing is told of the IQR band"
    elif score.ours.on_edge:
        counted = "counted as the coin of --address says, half where it is not given"
        yield f"votes on an edge of the IQR band: {score.ours.on_edge}, {counted}"
    if not score.ours.with_band:
        yield "no width of the PCT band is known for these feeds: name the reward epoch's file with --epoch, or --band"
    kept = "is met" if score.met else "is not met"
    share = score.ours.hits / score.ours.rounds if score.ours.rounds else 0.0
    yield f"the minimal condition of the anchor feeds {kept} in these rounds: {share:.2%} within 0.5 %, wanted are 80 %"
    if score.duel is not None:
        yield _between(score.duel)


def _between(duel: Duel) -> str:
    counted = f"in {duel.nearer} rounds more feeds were nearer here, in {duel.farther} there, in {duel.even} as many"
    if duel.verdict == "undecided":
        return f"{counted}: that may be chance (p {_p(duel.p, '= ')})"
    which = "ours is" if duel.verdict == "nearer" else "the shadowed provider is"
    return f"{counted}: {which} nearer (p {_p(duel.p, '= ')})"


def _pair(
    name: str, ours: Standing, theirs: Standing | None, duel: Duel | None, *, beside: bool
) -> Iterator[tuple[str, ...]]:
    counts = tuple(map(str, (duel.nearer, duel.farther, duel.even))) if duel else ("", "", "")
    judged = (*counts, _p(duel.p), duel.verdict) if duel else ("",) * len(_BESIDE)
    yield (name, *_cells(ours), *(judged if beside else ()))
    if theirs is not None:
        yield ("  shadowed", *_cells(theirs), *("",) * len(_BESIDE))


def _cells(standing: Standing) -> tuple[str, ...]:
    return (
        str(standing.rounds),
        str(standing.missing),
        _bp(standing.median_bp),
        _bp(standing.p95_bp),
        _bp(standing.max_bp),
        _bp(standing.mean_bp, "+"),
        _share(standing.hits, standing.rounds),
        _share(standing.in_quartiles, standing.with_quartiles),
        _share(standing.in_percent, standing.with_band),
    )


def _bp(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.2f}"


def _p(p: float, equal: str = "") -> str:
    if p >= _SMALL:
        return f"{equal}{p:.2g}"
    return f"< {_SMALL:g}" if equal else f"<{_SMALL:g}"


def _share(count: float, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else "-"


def _object(score: FeedScore | Score) -> dict[str, Any]:
    told = _standing(score.ours)
    if score.theirs is not None:
        told["shadowed"] = _standing(score.theirs)
    if score.duel is not None:
        duel = score.duel
        told["nearer"], told["farther"], told["even"] = duel.nearer, duel.farther, duel.even
        told["p"], told["verdict"] = duel.p, duel.verdict
    return told


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "rounds": standing.rounds,
        "missing": standing.missing,
        "median_bp": standing.median_bp,
        "p95_bp": standing.p95_bp,
        "max_bp": standing.max_bp,
        "mean_bp": standing.mean_bp,
        "minimal": _ratio(standing.hits, standing.rounds),
        "iqr": _ratio(standing.in_quartiles, standing.with_quartiles),
        "iqr_edge": standing.on_edge,
        "pct": _ratio(standing.in_percent, standing.with_band),
    }


def _ratio(count: float, of: int) -> float | None:
    return count / of if of else None


def _columns(rows: Sequence[Iterable[str]]) -> list[str]:
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    told = []
    for first, *others in cells:
        row = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        told.append("  ".join(row).rstrip())
    return told
