"""Rejects a market whose price jumps alone, until the others follow, it stays there, or it is back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import msgspec
from pydantic import Field

from chrono import Detector, Duration, Estimate, Market, Share, Verdict, hookimpl

_OBSERVATIONS = 3
_APART = 100_000_000
"""Nanoseconds between two observations; less may be one whose time was measured anew."""
_NOTES = 12
"""Into how many parts `within` is divided for what is remembered of the others."""
_FORGET = 3_600_000_000_000
_NOTABLE = 0.5
_MOST = 1e15


class _Note(msgspec.Struct, frozen=True, array_like=True):
    """What a market said from a round on."""

    since: int
    value: float


class _Stood(msgspec.Struct, frozen=True, array_like=True):
    """What another market stood at when a value was accepted, and `within` before the jump."""

    then: float
    earlier: float


class _Trial(msgspec.Struct, frozen=True):
    """A market that is out: the level it has been at, and what the others stood at before it jumped."""

    others: dict[str, _Stood]
    first: int
    last: int
    low: float
    high: float
    n: int = 1

    def seen(self, value: float, at: int, spread: float) -> _Trial:
        """Return the trial after an observation; one that leaves the level begins a new one."""
        if at < self.last + _APART:
            return self
        low, high = min(self.low, value), max(self.high, value)
        if high > low * (1 + spread):
            return _Trial(self.others, at, at, value, value)
        return _Trial(self.others, self.first, at, low, high, self.n + 1)


class _Record(msgspec.Struct, frozen=True):
    """What is remembered of a market: its last accepted value, what it said lately, and its trial, if it is out."""

    accepted: _Note
    at: int
    seen: int
    notes: list[_Note]
    trial: _Trial | None = None

    def said(self, when: int) -> float | None:
        """Return what the market said in the round of that time, None if it was not there yet."""
        return next((note.value for note in reversed(self.notes) if note.since <= when), None)

    def stood(self, then: int, earlier: int) -> _Stood | None:
        """Return what the market said at two times, its first value for the earlier one if it was not there yet."""
        value, before = self.said(then), self.said(earlier)
        return None if value is None else _Stood(value, self.notes[0].value if before is None else before)


class Jump(Detector):
    """A market whose price moves further at once than `max_move`, alone.

    Notes
    -----
    ``move = value / accepted - 1``, where *accepted* is the market's own last value that was not rejected, if it was
    first seen no longer than `within` ago. A market with ``|move| > max_move`` is out until

    - the cohort confirms: the median move of the other venues since then, or from `within` before the jump (of each
      venue the median of its markets), has the same sign and is at least half as large. So a crash of all markets
      rejects nobody, however deep, nor does it reject the last one to follow;
    - or it persists: three observations or more, the last at least `confirm` after the first, all within `max_move` of
      each other. A print repeated in many rounds is one observation;
    - or it is back: ``|move| <= max_move``.

    A market alone on its feed has no cohort, so it waits for one of the other two.

    The score is ``|move| / max_move``: 0 is ordinary, 1 the limit. From half the limit on a verdict says so; one that
    is kept beyond it was confirmed.

    State, by market: the accepted value and the round it is from, the time of the last observation, the round it was
    last there, what it said during `within` (thirteen values or so) and, while it is out, the level it is at and what
    the others stood at before. A market that was not there for an hour, or for `within`, is forgotten.

    Examples
    --------
    >>> from chrono import Market, Pair
    >>> markets = [Market(name, Pair("BTC", "USD"), name) for name in ("kraken", "coinbase", "gemini")]
    >>> def at(second, *values):
    ...     now = second * 10**9
    ...     return [Estimate(m, m.pair, v, 1.0, 1, 0, "last", as_of=now) for m, v in zip(markets, values)]
    >>> detector = Jump()
    >>> verdicts, state = detector.screen(at(1, 100.0, 100.0, 100.0), None)
    >>> verdicts, state = detector.screen(at(2, 20.0, 100.0, 100.0), state)
    >>> str(verdicts[0].market), verdicts[0].keep, verdicts[0].data
    ('kraken:BTC/USD', False, {'move': -0.8, 'limit': 0.1, 'previous': 100.0})
    >>> verdicts, state = detector.screen(at(3, 20.0, 21.0, 19.0), state)
    >>> [verdict.keep for verdict in verdicts]
    [True, True, True]
    """

    type = "jump"
    stage = "native"

    class Config(Detector.Config):
        """What a jump is, and how long it takes to be believed."""

        max_move: Share = Field(default=Share("10%"), gt=0, lt=1)
        """The largest move from a market's last accepted value; beyond it the others must follow."""
        within: Duration = Field(default=Duration("60s"), gt=0)
        """How old the accepted value may be for a move from it to be a jump; more than the time between two rounds."""
        confirm: Duration = Field(default=Duration("30s"), gt=0)
        """How long a market must stay at its new level to be believed without the others."""

    config: Config

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Return verdicts on the markets that jumped.

        Parameters
        ----------
        estimates : sequence of Estimate
            One feed's markets, each in its own quote.
        state : dict or None
            What the round before returned.

        Returns
        -------
        list of Verdict
            Code `jump`; data: the `move`, the `limit` it is measured by, and the `previous` value.
        dict
            What to remember, by market.
        """
        records = msgspec.convert(state or {}, dict[str, _Record])
        verdicts: list[Verdict] = []
        now = dict(self._remembered(records, estimates))
        for e in estimates:
            key = str(e.market)
            if key not in records:
                at = e.as_of - e.age
                now[key] = _Record(_Note(e.as_of, e.value), at, e.as_of, [_Note(e.as_of, e.value)])
                continue
            record = now[key] = self._judged(e, records[key], estimates, records)
            verdicts.extend(self._said(e, records[key], out=record.trial is not None))
        return verdicts, msgspec.to_builtins(now)

    def _judged(
        self, e: Estimate, before: _Record, estimates: Sequence[Estimate], records: Mapping[str, _Record]
    ) -> _Record:
        """Return what to remember of a market; there is a trial if it is out."""
        at = max(e.as_of - e.age, before.at)
        fresh = at >= before.at + _APART or e.value != before.notes[-1].value
        notes = self._noted(before.notes, e) if fresh else before.notes
        trial = self._trial(e, at, before, estimates, records)
        if trial is not None:
            return _Record(before.accepted, at, e.as_of, notes, trial)
        accepted = _Note(e.as_of, e.value) if fresh or before.trial is not None else before.accepted
        return _Record(accepted, at, e.as_of, notes)

    def _trial(
        self, e: Estimate, at: int, before: _Record, estimates: Sequence[Estimate], records: Mapping[str, _Record]
    ) -> _Trial | None:
        """Return the trial of a market that is out, None if it may stay."""
        limit, move, trial = self.config.max_move, _move(e.value, before.accepted.value), before.trial
        if abs(move) <= limit or (trial is None and not self._recent(e, before)):
            return None
        if trial is None:
            others = dict(_stood(e, estimates, records, before.accepted.since, e.as_of - self.config.within))
            trial = _Trial(others, at, at, e.value, e.value)
        else:
            trial = trial.seen(e.value, at, limit)
        moves = (_cohort_move(estimates, since) for since in _bases(trial.others))
        if any(other * move > 0 and abs(other) >= abs(move) / 2 for other in moves):
            return None
        lasted = trial.n >= _OBSERVATIONS and trial.last - trial.first >= self.config.confirm
        return None if lasted else trial

    def _recent(self, e: Estimate, before: _Record) -> bool:
        return e.as_of - before.accepted.since <= self.config.within

    def _said(self, e: Estimate, before: _Record, *, out: bool) -> Iterator[Verdict]:
        limit, previous = float(self.config.max_move), before.accepted.value
        move = _move(e.value, previous)
        score = min(abs(move) / limit, _MOST)
        if out or (score >= _NOTABLE and self._recent(e, before)):
            data = {"move": move, "limit": limit, "previous": previous}
            yield Verdict(e.market, keep=not out, score=score, code=self.type, data=data, detector=self.type)

    def _noted(self, notes: list[_Note], e: Estimate) -> list[_Note]:
        """Return notes with the newest last, the others some way apart, none but the first older than `within`."""
        apart, horizon = self.config.within // _NOTES, e.as_of - self.config.within
        kept = notes[:-1] if len(notes) > 1 and notes[-1].since - notes[-2].since < apart else notes
        start = max((i for i, note in enumerate(kept) if note.since <= horizon), default=0)
        return [*kept[start:], _Note(e.as_of, e.value)]

    def _remembered(
        self, records: Mapping[str, _Record], estimates: Sequence[Estimate]
    ) -> Iterable[tuple[str, _Record]]:
        """Return the records that are not yet forgotten."""
        now = max((e.as_of for e in estimates), default=0)
        limit = max(_FORGET, self.config.within)
        return ((key, record) for key, record in records.items() if now - record.seen <= limit)


def _move(value: float, previous: float) -> float:
    return min(value / previous - 1, _MOST)


def _venue(market: Market) -> str:
    return market.group or market.source


def _stood(
    e: Estimate, estimates: Iterable[Estimate], records: Mapping[str, _Record], then: int, earlier: int
) -> Iterator[tuple[str, _Stood]]:
    """Yield what each market of another venue stood at."""
    for other in estimates:
        record = records.get(str(other.market))
        stood = None if record is None or _venue(other.market) == _venue(e.market) else record.stood(then, earlier)
        if stood is not None:
            yield str(other.market), stood


def _bases(others: Mapping[str, _Stood]) -> tuple[dict[str, float], dict[str, float]]:
    return {key: each.then for key, each in others.items()}, {key: each.earlier for key, each in others.items()}


def _cohort_move(estimates: Iterable[Estimate], since: Mapping[str, float]) -> float:
    """Return the median move of the venues of some markets, 0 where there is none."""
    moves: dict[str, list[float]] = {}
    for e in estimates:
        base = since.get(str(e.market))
        if base is not None:
            moves.setdefault(_venue(e.market), []).append(_move(e.value, base))
    return median([median(each) for each in moves.values()]) if moves else 0.0


@hookimpl
def chrono_detectors() -> Iterable[type[Detector]]:
    """Return the detector."""
    return [Jump]
