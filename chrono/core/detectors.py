"""The detectors every pipeline has unless it says otherwise: a flat line, a deviation, a drift.

All three judge a market by its cohort: what the other markets of the feed do at the same time. None of them needs to
know what asset it looks at, how it usually moves, or what hour it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pydantic import Field

from chrono.core.cohort import Cohort, cohort, middle_of
from chrono.core.component import Detector
from chrono.core.types import SECOND, Estimate, Verdict
from chrono.core.units import Duration, Share

QUARANTINE = "quarantine"
"""The code of a market that agrees again, and has to go on agreeing for a while before it counts."""

_Record: TypeAlias = Mapping[str, Any]


class Flatline(Detector):
    """A market that repeats one price, freshly dated, while the others move.

    Notes
    -----
    Every `every` the values of all markets are noted. A market whose value is the same in four notes running, and that
    was updated meanwhile, is flat; it is out once the others' median move since the first of the four is `move`, and
    stays out until its value changes. So a stablecoin's flat line among flat lines is none, nor is the last price of a
    market where nobody trades, which is old instead. Where half of the groups or more are flat, none is out for it.

    State: `at` of the newest note, the `notes`, and by market the `flat` lines with what the others stood at.
    """

    type = "flatline"
    stage = "native"

    class Config(Detector.Config):
        """What is flat, and what moves."""

        every: Duration = Field(default=Duration("10s"), gt=0)
        """How often values are noted; a price is flat if it is the same in four notes running."""
        move: Share = Field(default=Share("50bp"), gt=0)
        """How far the others must have moved meanwhile."""

    config: Config

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Return a verdict for each flat line among moving markets."""
        if not estimates:
            return (), state
        now = estimates[0].as_of
        due = state is None or now - state["at"] >= self.config.every or now < state["at"]
        if not due and not state["flat"]:
            return (), state
        values = {str(e.market): e.value for e in estimates}
        flat = {m: line for m, line in state["flat"].items() if values.get(m) == line["value"]} if state else {}
        if due:
            notes = [*(state["notes"] if state else ()), values][-_NOTES:]
            if len(notes) == _NOTES:
                flat |= self._found(estimates, notes, flat)
            state = {"at": now, "notes": notes}
        moved = {market: _move(values, line["base"], flat) for market, line in flat.items()}
        out = {m for m, line in flat.items() if line["out"] or abs(moved[m]) >= self.config.move}
        flat = {market: {**line, "out": market in out} for market, line in flat.items()}
        groups = {e.market.group for e in estimates}
        # of two venues nobody can say which one stands still
        few = len({e.market.group for e in estimates if str(e.market) in out}) <= (len(groups) - 1) // 2
        verdicts = [self._verdict(e, moved[str(e.market)], few) for e in estimates if str(e.market) in out]
        return verdicts, {**state, "flat": flat}

    def _found(
        self, estimates: Iterable[Estimate], notes: Sequence[Mapping[str, float]], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the lines that are flat since the first note."""
        found = {}
        for e in estimates:
            market = str(e.market)
            if market in known or any(note.get(market) != e.value for note in notes):
                continue
            if e.age < (_NOTES - 1) * self.config.every:
                base = {other: value for other, value in notes[0].items() if other != market}
                found[market] = {"value": e.value, "base": base, "out": False}
        return found

    def _verdict(self, e: Estimate, moved: float, few: bool) -> Verdict:  # noqa: FBT001 - a fact, not a switch
        limit = float(self.config.move)
        data = {"moved": moved, "limit": limit}
        return Verdict(e.market, keep=not few, score=abs(moved) / limit, code=self.type, data=data, detector=self.type)


_NOTES = 4


def _move(now: Mapping[str, float], base: Mapping[str, float], flat: Mapping[str, Any]) -> float:
    """Return the median move of the markets that are not flat themselves."""
    moves = sorted([now[m] / then - 1.0 for m, then in base.items() if m in now and m not in flat])
    return middle_of(moves) if moves else 0.0


class _Quarantine(NamedTuple):
    """Who is out, and for how long they must agree with the others before they are let back in."""

    release: int
    memory: int = 3600 * SECOND
    longest: int = 600 * SECOND

    def out(self, record: _Record | None, now: int) -> _Record:
        """Return the record of a market that is out of line now; a relapse doubles what it takes to come back."""
        release = self.release if record is None else record["release"]
        if record is not None and record["free"]:
            release = min(2 * release, self.longest)
        return {"release": release, "agrees": 0, "free": 0, "seen": now}

    def back(self, record: _Record, now: int) -> _Record | None:
        """Return the record of a market that is in line now, None once it is forgotten."""
        if record["free"]:
            return {**record, "seen": now} if now - record["free"] < self.memory else None
        agrees = record["agrees"] or now
        free = now if now - agrees >= record["release"] else 0
        return {**record, "agrees": agrees, "free": free, "seen": now}

    def known(self, records: Mapping[str, _Record], now: int) -> dict[str, _Record]:
        """Return the records without those of markets that are gone for good."""
        return {market: record for market, record in records.items() if now - record["seen"] < self.longest}


class _Cohort(Detector):
    """What detectors share that judge by the cohort: its scale, its cap, and a timed and tested release."""

    class Config(Detector.Config):
        """What is ordinary, and how to come back."""

        noise_floor: Share = Field(default=Share("3bp"), gt=0)
        """The smallest scale: what venues may differ by without any of them being wrong."""
        max_rejected: Share = Field(default=Share("40%"), ge=0, lt=0.5)
        """The share of the groups that may be out, the furthest first; of two groups none."""
        release: Duration = Field(default=Duration("10s"), gt=0)
        """How long a market must agree with the others before it is back; doubled with each relapse, up to 10 min."""

    config: Any

    def _settle(
        self,
        estimates: Sequence[Estimate],
        found: Cohort,
        records: Mapping[str, _Record],
        guilty: Mapping[str, tuple[str, float, Mapping[str, float]]],
    ) -> tuple[list[Verdict], dict[str, _Record]]:
        """Return verdicts and records, given who is out of line now: code, score and numbers by market."""
        now, quarantine = estimates[0].as_of, _Quarantine(int(self.config.release))
        kept = quarantine.known(records, now)
        accused: list[tuple[bool, float, str, Estimate]] = []
        for e in estimates:
            key = str(e.market)
            if key in guilty:
                kept[key] = quarantine.out(kept.get(key), now)
            elif key in kept:
                record = quarantine.back(kept[key], now)
                if record is None:
                    del kept[key]
                    continue
                kept[key] = record
                if record["free"]:
                    continue
            else:
                continue
            accused.append((key in guilty, abs(found.deviation(e.value)), key, e))
        accused.sort(key=lambda each: each[:3], reverse=True)
        most, gone, verdicts = self._most(len(found.values)), set[str](), []
        for _, _, key, e in accused:
            keep = e.market.group not in gone and len(gone) >= most
            if not keep:
                gone.add(e.market.group)
            verdicts.append(self._verdict(e, found, keep, guilty.get(key), kept[key]))
        return verdicts, kept

    def _most(self, groups: int) -> int:
        return min(int(groups * self.config.max_rejected + 1e-9), (groups - 1) // 2)

    def _verdict(
        self,
        e: Estimate,
        found: Cohort,
        keep: bool,  # noqa: FBT001 - what a verdict says
        guilt: tuple[str, float, Mapping[str, float]] | None,
        record: _Record,
    ) -> Verdict:
        if guilt is not None:
            code, score, data = guilt
        else:
            left = record["release"] - (e.as_of - record["agrees"])
            code, score = QUARANTINE, abs(found.deviation(e.value)) / found.scale
            data = {"deviation": found.deviation(e.value), "left_s": max(left, 0) / SECOND}
        return Verdict(e.market, keep, score, code, data, self.type)


class Deviation(_Cohort):
    """A market far from what the other venues say.

    Notes
    -----
    Out while ``|x / centre - 1| > max_deviation * scale``: the centre is the median of the groups, the scale 1.4826
    times their median absolute deviation from it, at least the noise floor. In a crash the venues are apart and the
    scale is wide; in a calm it is the floor. Then a timed and tested release: back after agreeing for `release`.

    State: by market what it takes to be `release`d, since when it `agrees` and is `free`, and when it was `seen`.

    References
    ----------
    .. [1] B. Iglewicz, D. C. Hoaglin, *How to Detect and Handle Outliers*, ASQC, 1993: the modified z-score.
    """

    type = "deviation"

    class Config(_Cohort.Config):
        """What is far."""

        noise_floor: Share = Field(default=Share("6bp"), gt=0)
        """The smallest scale: what venues may differ by without any of them being wrong."""
        max_deviation: float = Field(default=8.0, gt=0)
        """How many scales from the centre are too far."""

    config: Config

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Return a verdict for each market that is too far off, or was and is not back yet."""
        if not estimates:
            return (), state
        found = cohort(estimates, self.config.noise_floor)
        reach = self.config.max_deviation * found.scale
        if not state and found.farthest <= reach:
            return (), state
        far = [e for e in estimates if abs(e.value / found.centre - 1.0) > reach]
        guilty = {
            str(e.market): (
                self.type,
                abs(found.deviation(e.value)) / reach,
                {"deviation": found.deviation(e.value), "limit": reach},
            )
            for e in far
        }
        verdicts, records = self._settle(estimates, found, state or {}, guilty)
        return verdicts, records or None


class Drift(_Cohort):
    """A market that is a little off for a long time, or goes away slowly: a cumulative sum on both sides.

    Notes
    -----
    With z the distance from the centre in scales: ``up = max(0, up + (z - allowance) * dt)`` and likewise down; out
    once one of them passes `threshold`, in scale-seconds. z counts up to three times the allowance, dt up to 10 s.

    State: `at` of the round before, the `sums` by market, and the `records` of who is out.

    References
    ----------
    .. [1] E. S. Page, "Continuous Inspection Schemes", *Biometrika* 41, 1954, pages 100-115.
    """

    type = "drift"

    class Config(_Cohort.Config):
        """What is a little, and what is long."""

        allowance: float = Field(default=4.0, gt=0)
        """How many scales from the centre a market may be for ever."""
        threshold: float = Field(default=100.0, gt=0)
        """How much may add up beyond the allowance, in scales times seconds."""

    config: Config

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Return a verdict for each market that has drifted away, or had and is not back yet."""
        if not estimates:
            return (), state
        found = cohort(estimates, self.config.noise_floor)
        if not state and found.farthest <= self.config.allowance * found.scale:
            return (), state
        sums, records = (state["sums"], state["records"]) if state else ({}, {})
        now = estimates[0].as_of
        passed = min(max(now - state["at"], 0) / SECOND, _LONGEST_STEP) if state else 1.0
        added = {str(e.market): self._added(sums.get(str(e.market)), e.value, found, passed) for e in estimates}
        guilty = {m: self._guilt(both) for m, both in added.items() if self._drifted(both, records.get(m))}
        verdicts, kept = self._settle(estimates, found, records, guilty)
        left = {m: s for m, s in added.items() if s["up"] or s["down"]}
        return verdicts, {"at": now, "sums": left, "records": kept} if left or kept else None

    def _added(
        self, before: Mapping[str, float] | None, value: float, found: Cohort, passed: float
    ) -> dict[str, float]:
        allowance, most = self.config.allowance, 3 * self.config.allowance
        z = min(max(found.deviation(value) / found.scale, -most), most)
        up, down = (before["up"], before["down"]) if before else (0.0, 0.0)
        limit = 2 * self.config.threshold
        return {
            "up": min(max(up + (z - allowance) * passed, 0.0), limit),
            "down": min(max(down - (z + allowance) * passed, 0.0), limit),
            "z": z,
        }

    def _drifted(self, both: Mapping[str, float], record: _Record | None) -> bool:
        """Say whether a market has drifted away, or is out and not yet within the allowance."""
        out = record is not None and not record["free"]
        return (out or max(both["up"], both["down"]) > self.config.threshold) and abs(both["z"]) > self.config.allowance

    def _guilt(self, both: Mapping[str, float]) -> tuple[str, float, dict[str, float]]:
        total, limit = max(both["up"], both["down"]), self.config.threshold
        return self.type, total / limit, {"scales": both["z"], "sum": total, "limit": limit}


_LONGEST_STEP = 10.0
