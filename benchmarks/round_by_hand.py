"""The rule of a round without types, plugins or reasons in words: what round.py is compared with.

Reads the same rows as the board's windows. What happens in every round stands in one function; what happens only while
some venue is out of line, or a rate in doubt, has functions of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from math import fsum, sqrt
from typing import Any, NamedTuple

SECOND = 1_000_000_000
FRESH, OLDEST = 30 * SECOND, 300 * SECOND
STEADY = 60
DOUBT = 3e-4
TURNED = 1.4826
EVERY, NOTES, MOVE = 10 * SECOND, 4, 50e-4
FAR, FAR_FLOOR = 8.0, 6e-4
ALLOWED, DRIFT_FLOOR, THRESHOLD = 4.0, 3e-4, 100.0
RELEASE, LONGEST, MEMORY = 10 * SECOND, 600 * SECOND, 3600 * SECOND


class Answer(NamedTuple):
    """What a feed comes to: `value` is None where it has none."""

    value: float | None
    confidence: float
    shares: dict[Any, float]
    age: int
    rhythm: int
    dropped: dict[Any, str]
    notices: list[str]
    apart: float


def by_hand(plans: Any, board: Any, as_of: int, memory: dict[str, Any]) -> dict[str, Answer]:  # noqa: PLR0912, PLR0915
    """Price every feed; `memory` is what the detectors know, and is brought up to date."""
    results: dict[str, Answer] = {}
    ways: dict[Any, tuple[float, int, int, float, float] | None] = {}
    for plan in plans:
        feed, span, steady = plan.feed, plan.aggregator.span, plan.aggregator.type == "steady"
        name, dropped, notices, found = feed.name, {}, [], []
        for market in feed.markets:
            rows, offset = board._slots[market].trades, board.inlets[market.source].offset.value  # noqa: SLF001
            times = rows.ts
            if not times:
                dropped[market] = "no_data"
                continue
            age, rhythm = max(as_of - rows.received, as_of - times[-1] - offset), rows.rhythm
            if age > min(max(4 * rhythm, FRESH), OLDEST):
                dropped[market] = "stale"
                continue
            start = bisect_right(times, as_of - span - offset)
            sums, prices, sizes = rows._traded, rows.columns[0], rows.columns[1]  # noqa: SLF001
            total = sums[-1] if sums else 0.0
            for row in range(len(sums), len(times)):
                total += prices[row] * sizes[row]
                sums.append(total)
            before = sums[start - 1] if start else 0.0
            value = _steady(times, prices, start) if steady else prices[-1]
            found.append((value, max(total - before, 0.0) * SECOND / span, age, rhythm, 1.0, 0.0, market))
        if plan.native and found:
            flat = memory.get(f"{name} flatline")
            if flat is None or flat[2] or as_of - flat[0] >= EVERY:
                out = _flat(found, memory, f"{name} flatline", as_of)
                dropped.update(dict.fromkeys(out, "flatline"))
                found = [each for each in found if each[6] not in out]
        if plan.pegs:
            notices += ["depeg" for rate in plan.pegs if abs((results[rate].value or 1.0) - 1.0) > plan.peg.beyond]
        converted = []
        for each in found:
            legs = plan.conversions[each[6]]
            if not legs:
                converted.append(each)
                continue
            if legs not in ways:
                ways[legs] = _way(legs, results)
            way = ways[legs]
            if way is None:
                dropped[each[6]] = "rate_missing"
                continue
            value, weight, age, rhythm, _, _, market = each
            factor, aged, slow, trust, doubt = way
            age, rhythm = max(age, aged), max(rhythm, slow)
            converted.append((value * factor, weight * factor, age, rhythm, trust, doubt, market))
        found = converted
        if plan.pegs and found:
            values = [each[0] for each in found]
            if max(values) > (1 + plan.peg.beyond) * min(values) and _gap(found, plan) > plan.peg.beyond:
                notices.append("conversion_gap")
        cohort = None
        for detector in plan.cohort if found else ():
            kind = detector.type
            key = f"{name} {kind}"
            cohort = cohort or _cohort(found)
            limit = FAR * max(FAR_FLOOR, cohort[2]) if kind == "deviation" else ALLOWED * max(DRIFT_FLOOR, cohort[2])
            if key not in memory and cohort[3] <= limit:
                continue
            out = (_deviating if kind == "deviation" else _drifting)(found, cohort, memory, key, as_of)
            if out:
                dropped.update(out)
                found, cohort = [each for each in found if each[6] not in out], None
        groups: dict[str, list[Any]] = {}
        for each in found:
            if each[2] > min(max(4 * each[3], FRESH), OLDEST):
                dropped[each[6]] = "stale"
            else:
                groups.setdefault(each[6].group, []).append(each)
        if len(groups) < plan.consensus.wanted:
            results[name] = Answer(None, 0.0, {}, 0, 0, dropped, notices, 0.0)
            continue
        doubtful = max([each[5] for members in groups.values() for each in members]) > DOUBT
        if plan.consensus.type == "median":
            weights = dict.fromkeys(groups, 1.0)
        else:
            weights = {group: sum(sorted([m[1] for m in members])) for group, members in groups.items()}
        votes = None
        if doubtful:
            credences = {group: max([_credence(m[5]) for m in members]) for group, members in groups.items()}
            weights, votes = {g: w * credences[g] for g, w in weights.items()}, fsum(credences.values())
        shares, used, parts = {}, [], []
        for group, share in _filled(weights, votes).items():
            members = groups[group]
            whole = 0.0 if len(members) == 1 else fsum([_credence(m[5]) if doubtful else m[1] for m in members])
            for each in members:
                part = share / len(members)
                if whole > 0:
                    part = share * ((_credence(each[5]) if doubtful else each[1]) / whole)
                shares[each[6]] = part
                used.append(each)
                parts.append(part)
        answer = _middle([each[0] for each in used], parts)
        both = list(zip(used, parts, strict=True))
        apart = fsum([part * abs(each[0] / answer - 1) for each, part in both])
        old = fsum([part * (each[2] / min(max(4 * each[3], FRESH), OLDEST)) for each, part in both])
        trust = min(fsum([part * each[4] for each, part in both]), 1.0)
        trust *= (1 - 2.0 ** -len(groups)) / (1 + (apart / 20e-4) ** 2) * (1 - min(max(old, 0.0), 1.0) / 2)
        if dropped:
            lost = [(m.group, code) for m, code in dropped.items() if m.group not in groups]
            rejected = {group for group, code in lost if code not in ("no_data", "stale", "quarantine")}
            seen = {group for group, code in lost if code != "no_data"}
            trust *= len(groups) / (len(groups) + len(seen))
            if len(rejected) / (len(rejected) + len(groups)) > feed.limits.max_disputed + 1e-9:
                results[name] = Answer(None, 0.0, {}, 0, 0, dropped, notices, 0.0)
                continue
        if plan.pegged and abs(answer - 1) > plan.peg.beyond:
            notices.append("depeg")
        age = int(_half(sorted([each[2] for each in used])))
        rhythm = int(_half(sorted([each[3] for each in used if each[3]]) or [0]))
        results[name] = Answer(answer, trust, shares, age, rhythm, dropped, notices, apart)
    return results


def _half(ranked: list[Any]) -> Any:
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def _middle(values: list[float], shares: list[float]) -> float:
    """Return the weighted median."""
    if min(shares) == max(shares):
        return _half(sorted(values))
    ranked, below = sorted(zip(values, shares, strict=True)), 0.0
    for rank, (value, share) in enumerate(ranked):
        below += share
        if below > 0.5 + 1e-12:
            return value
        if below >= 0.5 - 1e-12:
            return (value + next((v for v, w in ranked[rank + 1 :] if w > 0), value)) / 2
    return ranked[-1][0]


def _filled(weights: dict[str, float], votes: float | None) -> dict[str, float]:
    """Return shares below a cap."""
    n = len(weights) if votes is None else min(max(votes, 3.0), len(weights))
    cap, ranked = max(0.15, 1.2 / n), sorted(weights.values())
    totals, free, left = list(accumulate(ranked)), len(ranked), 1.0
    while totals[free - 1] > 0 and left * (ranked[free - 1] / totals[free - 1]) > cap + 1e-12:
        free -= 1
        left = 1.0 - cap * (len(ranked) - free)
    total, lightest = totals[free - 1], ranked[free - 1]
    return {g: cap if w > lightest else left * (w / total) if total > 0 else left / free for g, w in weights.items()}


def _credence(doubt: float) -> float:
    return 1.0 if doubt <= DOUBT else (DOUBT / doubt) ** 2


def _way(legs: Any, results: dict[str, Answer]) -> tuple[float, int, int, float, float] | None:
    """Return what legs come to: factor, age, rhythm, trust, doubt."""
    factor, age, rhythm, trust, doubt = 1.0, 0, 0, 1.0, 0.0
    for leg in legs:
        rate = results[leg.rate]
        if rate.value is None:
            return None
        factor = factor / rate.value if leg.inverse else factor * rate.value
        age, rhythm = max(age, rate.age), max(rhythm, rate.rhythm)
        trust, doubt = trust * rate.confidence, doubt + rate.apart**2
    return factor, age, rhythm, trust, sqrt(doubt)


def _gap(found: Any, plan: Any) -> float:
    native = [each[0] for each in found if not plan.conversions[each[6]]]
    converted = [each[0] for each in found if plan.conversions[each[6]]]
    if len(native) < 2 or len(converted) < 2:
        return 0.0
    return max(min(converted) / max(native) - 1, 1 - max(converted) / min(native), 0.0)


def _steady(times: Any, prices: Any, start: int) -> float:
    """Return the mean of the newest prices that stood still."""
    start = max(start, len(times) - STEADY)
    back = [price for _, price in sorted(zip(times[start:], prices[start:], strict=True), reverse=True)]
    low = high = back[0] if back else 0.0
    run = back
    for n, price in enumerate(back):
        low, high = min(low, price), max(high, price)
        if high > low * 1.001:
            run = back[:n]
            break
    while len(run) >= 4:
        half = len(run) // 2
        new, old = fsum(run[:half]) / half, fsum(run[half : 2 * half]) / half
        noise = fsum([(p - new) ** 2 for p in run[:half]]) / (half - 1) if half > 1 else 0.0
        noise += fsum([(p - old) ** 2 for p in run[half : 2 * half]]) / (half - 1) if half > 1 else 0.0
        if abs(new - old) <= 3 * sqrt(noise / half):
            return min(max(fsum(run) / len(run), min(run)), max(run))
        run = run[:half]
    return float(prices[-1])


def _flat(found: Any, memory: dict[str, Any], key: str, as_of: int) -> set[Any]:
    """Note values, and return the markets that stand still while the others move."""
    at, notes, known = memory.get(key, (None, [], {}))
    values = {each[6]: each[0] for each in found}
    flat = {market: line for market, line in known.items() if values.get(market) == line[0]}
    if at is None or as_of - at >= EVERY:
        at, notes = as_of, [*notes, values][-NOTES:]
        for value, _, age, _, _, _, market in found if len(notes) == NOTES else ():
            same = market not in flat and all(note.get(market) == value for note in notes)
            if same and age < (NOTES - 1) * EVERY:
                flat[market] = (value, {m: v for m, v in notes[0].items() if m != market}, False)
    out = set()
    for market, (value, base, gone) in list(flat.items()):
        moves = sorted([values[m] / then - 1 for m, then in base.items() if m in values and m not in flat])
        if gone or (moves and abs(_half(moves)) >= MOVE):
            out.add(market)
            flat[market] = (value, base, True)
    memory[key] = (at, notes, flat)
    groups = {each[6].group for each in found}
    return out if len({market.group for market in out}) <= (len(groups) - 1) // 2 else set()


def _cohort(found: Any) -> tuple[int, float, float, float]:
    """Return how many groups there are, their centre and scale, and how far the farthest market is."""
    values: dict[str, Any] = {each[6].group: each[0] for each in found}
    shares, n = None, len(values)
    if max([each[5] for each in found]) > DOUBT:
        members: dict[str, list[Any]] = {}
        for each in found:
            members.setdefault(each[6].group, []).append(each)
        credences = {group: [_credence(m[5]) for m in many] for group, many in members.items()}
        parts = {group: [c / fsum(each) for c in each] for group, each in credences.items()}
        values = {group: _middle([m[0] for m in many], parts[group]) for group, many in members.items()}
        votes = {group: max(each) for group, each in credences.items()}
        shares = list(_filled(votes, fsum(votes.values())).values())
    elif n < len(found):
        values = {group: _half(sorted([m[0] for m in found if m[6].group == group])) for group in values}
    centre = _middle(list(values.values()), shares) if shares else _half(sorted(values.values()))
    apart = [abs(value / centre - 1) for value in values.values()]
    scale = TURNED * (_middle(apart, shares) if shares else _half(sorted(apart)))
    return n, centre, scale, max(apart if n == len(found) else [abs(each[0] / centre - 1) for each in found])


def _deviating(found: Any, cohort: Any, memory: dict[str, Any], key: str, as_of: int) -> dict[Any, str]:
    _, centre, scale, _ = cohort
    limit = FAR * max(FAR_FLOOR, scale)
    guilty = {each[6] for each in found if abs(each[0] / centre - 1) > limit}
    out, records = _settled(found, cohort, memory.pop(key, {}), guilty, "deviation", as_of)
    if records:
        memory[key] = records
    return out


def _drifting(found: Any, cohort: Any, memory: dict[str, Any], key: str, as_of: int) -> dict[Any, str]:
    _, centre, scale, _ = cohort
    at, known, records = memory.pop(key, (as_of - SECOND, {}, {}))
    passed, scale, most = min(max(as_of - at, 0) / SECOND, 10.0), max(DRIFT_FLOOR, scale), 3 * ALLOWED
    sums, guilty = {}, set()
    for each in found:
        z = min(max((each[0] / centre - 1) / scale, -most), most)
        up, down = known.get(each[6], (0.0, 0.0))
        up = min(max(up + (z - ALLOWED) * passed, 0.0), 2 * THRESHOLD)
        down = min(max(down - (z + ALLOWED) * passed, 0.0), 2 * THRESHOLD)
        gone = each[6] in records and not records[each[6]][2]
        if (gone or max(up, down) > THRESHOLD) and abs(z) > ALLOWED:
            guilty.add(each[6])
        if up or down:
            sums[each[6]] = (up, down)
    out, records = _settled(found, cohort, records, guilty, "drift", as_of)
    if sums or records:
        memory[key] = (as_of, sums, records)
    return out


def _settled(found: Any, cohort: Any, records: Any, guilty: Any, word: str, as_of: int) -> tuple[Any, Any]:
    """Return who is out, and what to remember: of each market release, agrees, free and seen."""
    n, centre, _, _ = cohort
    kept = {market: record for market, record in records.items() if as_of - record[3] < LONGEST}
    accused = []
    for each in found:
        market, record = each[6], kept.get(each[6])
        if market in guilty:
            release = RELEASE if record is None else min(2 * record[0], LONGEST) if record[2] else record[0]
            kept[market] = (release, 0, 0, as_of)
        elif record is None:
            continue
        elif record[2]:
            if as_of - record[2] >= MEMORY:
                del kept[market]
            else:
                kept[market] = (*record[:3], as_of)
            continue
        else:
            agrees = record[1] or as_of
            free = as_of if as_of - agrees >= record[0] else 0
            kept[market] = (record[0], agrees, free, as_of)
            if free:
                continue
        accused.append((market in guilty, abs(each[0] / centre - 1), str(market), market))
    gone, out, most = set(), {}, min(int(n * 0.4 + 1e-9), (n - 1) // 2)
    for blamed, _, _, market in sorted(accused, key=lambda each: each[:3], reverse=True):
        if market.group in gone or len(gone) < most:
            gone.add(market.group)
            out[market] = word if blamed else "quarantine"
    return out, kept
