"""The detectors that every pipeline has: what they reject, what they leave alone, and how one comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from chrono.core.component import Context, Detector
from chrono.core.detectors import Deviation, Drift, Flatline
from chrono.core.types import SECOND, Estimate, Market, Pair, Verdict
from chrono.testing import DetectorContract

START = 1_795_342_500 * SECOND
PAIR = Pair("BTC", "USD")


def at(second: float, values: Mapping[str, float], age: float = 1.0) -> list[Estimate]:
    """Return a round's estimates, a market of its own venue each."""
    now = START + int(second * SECOND)
    return [
        Estimate(Market(name, PAIR, name), PAIR, value, 1.0, 1, int(age * SECOND), "last", (), now, 2 * SECOND)
        for name, value in values.items()
    ]


def screened(detector: Detector, rounds: Iterable[Sequence[Estimate]]) -> list[dict[str, Verdict]]:
    """Return each round's verdicts by venue; memory goes through JSON, as across a restart."""
    state: Any = None
    found = []
    for estimates in rounds:
        verdicts, state = detector.screen(estimates, state)
        state = msgspec.json.decode(msgspec.json.encode(state))
        found.append({verdict.market.source: verdict for verdict in verdicts})
    return found


def out(verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    return {source: verdict.code for source, verdict in verdicts.items() if not verdict.keep}


def made(cls: type[Detector], **options: Any) -> Detector:
    return cls(cls.Config(**options), Context(cls.type))


class TestFlatline(DetectorContract):
    detector = Flatline

    def faulty(self) -> tuple[list[list[Estimate]], Market]:
        rounds = self.quiet(140)
        market = rounds[0][2].market
        rounds = [
            [msgspec.structs.replace(e, value=e.value * (1 + 3e-4 * k)) for e in estimates]
            for k, estimates in enumerate(rounds)
        ]
        flat = next(e.value for e in rounds[20] if e.market == market)
        return self.changed(rounds, market, range(20, 100), lambda e: msgspec.structs.replace(e, value=flat)), market


class TestDeviation(DetectorContract):
    detector = Deviation

    def faulty(self) -> tuple[list[list[Estimate]], Market]:
        rounds = self.quiet(60)
        market = rounds[0][0].market
        return self.changed(
            rounds, market, range(20, 23), lambda e: msgspec.structs.replace(e, value=e.value / 5)
        ), market


class TestDrift(DetectorContract):
    detector = Drift

    def faulty(self) -> tuple[list[list[Estimate]], Market]:
        rounds = self.quiet(160)
        market = rounds[0][0].market
        return self.changed(
            rounds, market, range(20, 100), lambda e: msgspec.structs.replace(e, value=e.value * 1.003)
        ), market


def test_flat_line_in_a_moving_cohort_is_out_until_it_moves() -> None:
    """Also when the others come back to where it stands."""
    rounds = [
        at(k, {"a": 100.0, **dict.fromkeys("bcde", 100.0 + (0.03 * k if k < 90 else 0.0))}) for k in range(0, 120, 2)
    ]
    found = screened(made(Flatline), rounds)
    first = next(i for i, verdicts in enumerate(found) if verdicts) * 2
    assert first <= 40
    assert all(out(verdicts) == {"a": "flatline"} for verdicts in found[first // 2 :])
    assert found[first // 2]["a"].data["moved"] == pytest.approx(0.0003 * first)
    moved = at(121, {"a": 100.01, **dict.fromkeys("bcde", 100.0)})
    assert out(screened(made(Flatline), [*rounds, moved])[-1]) == {}


def test_flat_line_among_flat_lines_is_none() -> None:
    """A stablecoin's venues print one price for hours."""
    rounds = [at(k, {v: 0.9998 + 1e-5 * (k % 3) * (v == "b") for v in "abcde"}) for k in range(0, 400, 5)]
    assert not any(screened(made(Flatline), rounds))


def test_market_where_nobody_trades_is_old_and_not_flat() -> None:
    """Its last price stands still because nothing came."""
    rounds = [
        [*at(k, {"a": 100.0}, age=float(k)), *at(k, dict.fromkeys("bcde", 100.0 + 0.05 * k))] for k in range(0, 120, 2)
    ]
    assert not any(screened(made(Flatline), rounds))


def test_of_two_venues_nobody_can_say_which_stands_still() -> None:
    """It is noted, and neither is out."""
    rounds = [at(k, {"a": 100.0, "b": 100.0 + 0.05 * k}) for k in range(0, 120, 2)]
    found = screened(made(Flatline), rounds)
    assert found[-1]["a"].keep
    assert found[-1]["a"].score > 1


def test_deviation_is_back_after_it_was_tested() -> None:
    """Ten seconds of agreement, and twice that after a relapse."""
    good = dict.fromkeys("abcde", 100.0)
    rounds = [at(k, {**good, "a": 20.0 if k in (5, 6, 7, 40) else 100.0}) for k in range(80)]
    found = screened(made(Deviation), rounds)
    codes = [out(verdicts).get("a", "") for verdicts in found]
    assert codes[4:9] == ["", "deviation", "deviation", "deviation", "quarantine"]
    assert codes.index("", 5) == 18
    assert codes[40] == "deviation"
    assert codes.index("", 40) == 61
    assert found[10]["a"].data == {"deviation": 0.0, "left_s": 8.0}


def test_relapse_is_forgotten_after_an_hour() -> None:
    """Nothing is remembered of a venue that was good for so long."""
    good = dict.fromkeys("abcde", 100.0)
    rounds = [at(k, {**good, "a": 20.0 if k == 0 else 100.0}) for k in (*range(20), *range(100, 4000, 100))]
    state: Any = None
    for estimates in rounds:
        _, state = made(Deviation).screen(estimates, state)
    assert state is None


def test_no_more_are_out_than_the_cap_allows() -> None:
    """Three of five say something else: the furthest two would be, and they are the good ones; the rest stays."""
    found = screened(made(Deviation), [at(0, {"a": 100.0, "b": 100.1, "c": 103.0, "d": 103.1, "e": 103.2})])
    (verdicts,) = found
    assert set(out(verdicts)) == {"a", "b"}
    two = screened(made(Deviation), [at(0, {"a": 100.0, "b": 200.0})])
    assert out(two[0]) == {}


def test_quarantine_gives_way_when_the_others_are_gone() -> None:
    """Three of eight said the truth and were outvoted; once they are alone, they are a cohort of three."""
    before = at(0, {**dict.fromkeys("abcde", 100.0), "f": 103.0, "g": 103.0, "h": 103.0})
    after = at(1, dict.fromkeys("fgh", 103.1))
    found = screened(made(Deviation), [before, after])
    assert set(out(found[0])) == {"f", "g", "h"}
    assert len(out(found[1])) == 1


def test_crash_of_all_rejects_nobody() -> None:
    """The scale is as wide as the venues are apart."""
    rounds = [
        at(k, {v: 100.0 * (1 - 0.001 * max(k - lag, 0)) for lag, v in enumerate("abcdefgh")}) for k in range(0, 120, 3)
    ]
    assert not any(out(verdicts) for verdicts in screened(made(Deviation), rounds))


def test_slow_walk_away_is_noticed_within_a_minute() -> None:
    """One basis point a second."""
    rounds = [at(k, {"a": 100.0 * (1 + 1e-4 * k), "b": 99.98, "c": 100.0, "d": 100.01, "e": 100.02}) for k in range(61)]
    found = screened(made(Drift), rounds)
    first = next(k for k, verdicts in enumerate(found) if "a" in out(verdicts))
    assert 20 < first < 60
    assert out(found[-1]) == {"a": "drift"}


def test_constant_premium_within_the_allowance_is_no_drift() -> None:
    """A venue may be a little dearer for ever."""
    rounds = [at(k, {"a": 100.1, "b": 99.98, "c": 100.0, "d": 100.01, "e": 100.02}) for k in range(600)]
    assert not any(screened(made(Drift), rounds))


def test_doubtful_rates_do_not_move_the_centre() -> None:
    """Five markets that share a bad rate are one witness, and not a good one."""
    native = at(0, {"a": 100.0, "b": 100.02})
    converted = [
        msgspec.structs.replace(e, path=("USDT/USD",), uncertainty=30e-4) for e in at(0, dict.fromkeys("cdefg", 103.0))
    ]
    (verdicts,) = screened(made(Deviation), [[*native, *converted]])
    assert "a" not in out(verdicts)
    assert "b" not in out(verdicts)
    assert len(out(verdicts)) == 2
