"""Same recording, same report to the bit: with every detector on, and across a restart in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from chrono.core.engine import load_state
from chrono.core.pricing import PricingState
from chrono.core.recording import Run, runs
from chrono.core.types import SECOND, Missing, Price, Report
from tests.pipelines.eventful import AGAIN, BREAK, LASTS, START, Printed, Runs

pytest.importorskip("chrono_jump", reason="the plugin chrono-jump is not installed")
pytest.importorskip("chrono_volume", reason="the plugin chrono-volume is not installed")

ROOT = Path(__file__).parents[2]
FEEDS = 4
HALF = 10 * SECOND


@dataclass
class Told:
    """What some runs printed live, what their replay printed, and what was remembered in it after each round."""

    runs: Runs
    live: Sequence[Printed]
    again: Printed
    states: Sequence[PricingState]

    @property
    def accounts(self) -> list[Run]:
        """What the recordings say of the runs, the first one first."""
        found = runs([self.runs.recordings], pytest.fail)
        return sorted((run for run in found if run is not None), key=lambda run: run.started)


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


def replayed(made: Runs, *live: Printed) -> Told:
    again = made.printed("again")
    return Told(made, live, again, anyio.run(made.replay, again))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One run from the beginning to the end."""
    made = Runs(tmp_path_factory.mktemp("whole"))
    live = made.printed("live")
    anyio.run(made.live, live)
    return replayed(made, live)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A run that is stopped in the middle, and the one after it."""
    made = Runs(tmp_path_factory.mktemp("stopped"))
    first, second = made.printed("first"), made.printed("second")
    anyio.run(made.live, first, START, BREAK)
    anyio.run(made.live, second, AGAIN, AGAIN + 45 * SECOND)
    return replayed(made, first, second)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A run that is killed in the middle, and the one after it."""
    made = Runs(tmp_path_factory.mktemp("killed"))
    words = [sys.executable, "-m", "tests.pipelines.eventful", str(made.folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == -9, done.stderr
    first, second = made.printed("killed"), made.printed("second")
    anyio.run(made.live, second, AGAIN, AGAIN + HALF)
    return replayed(made, first, second)


def second(report: Report) -> int:
    return report.round.id - START // SECOND


def codes(reports: Iterable[Report]) -> dict[tuple[str, str], set[str]]:
    """Return the codes of what happened, by feed and market; of notices, without a market."""
    found: dict[tuple[str, str], set[str]] = {}
    for report in reports:
        for result in report.results:
            for market, reason in result.dropped.items():
                found.setdefault((result.feed.name, str(market)), set()).add(reason["code"])
            for notice in result.notices:
                found.setdefault((result.feed.name, ""), set()).add(notice["code"])
    return found


def dropped(report: Report, feed: str, market: str) -> Any:
    """Return why a market was dropped in a round, None where it was used."""
    result = next(result for result in report.results if result.feed.name == feed)
    return next((reason for each, reason in result.dropped.items() if str(each) == market), None)


def used(report: Report, feed: str) -> set[str]:
    """Return the venues that a price was made of."""
    result = next(result for result in report.results if result.feed.name == feed)
    return {market.group for market in result.used} if isinstance(result, Price) else set()


def test_everything_went_wrong_that_should(whole: Told) -> None:
    """Or the rest would prove nothing: every detector dropped a market, and one was announced that is kept."""
    found = codes(whole.live[0].reports)
    assert {"deviation", "quarantine", "volume"} <= found["BTC/USD", "v1:BTC/USDT"]
    assert {"deviation", "quarantine"} <= found["BTC/USD", "v2:BTC/USDT"]
    assert "stale" in found["BTC/USD", "v3:BTC/USDT"]
    assert "flatline" in found["BTC/USD", "v4:BTC/USDT"]
    assert {"drift", "deviation", "quarantine"} <= found["BTC/USD", "v5:BTC/USDT"]
    assert "jump" in found["BTC/USD", "v6:BTC/USD"]
    assert "rate_missing" in found["BTC/USD", "v8:BTC/EUR"]
    assert "depeg" in found["ETH/USD", "v1:ETH/USDT"]
    assert "deviation" in found["USDT/USD", "v1:USDT/USD"]
    assert [found[feed, ""] for feed in ("USDT/USD", "BTC/USD", "ETH/USD")] == [{"depeg"}] * 3
    kept = {
        (verdict.code, str(verdict.market)) for r in whole.live[0].reports for verdict in r.verdicts if verdict.keep
    }
    assert ("volume", "v1:ETH/USDT") in kept
    missing = {r.reason["code"] for report in whole.live[0].reports for r in report.results if isinstance(r, Missing)}
    assert missing == {"no_quorum"}


def test_replay_prints_what_the_live_run_printed(whole: Told) -> None:
    """Byte for byte, and to the bit what is not printed: shares, estimates, and every verdict with its numbers."""
    (live,) = whole.live
    assert whole.again.lines == live.lines
    assert whole.again.reports == live.reports
    assert [second(report) for report in live.reports] == [n for n in range(LASTS) if n not in {47, 48}]
    assert whole.accounts[0].skipped == [START // SECOND + 47, START // SECOND + 48]


def test_state_that_the_live_run_saved_is_that_of_the_replay(whole: Told) -> None:
    """Written as JSON and read again, nothing of it is another number."""
    assert load_state(whole.runs.state) == whole.states[-1]


def test_replay_does_not_depend_on_the_hash_seed(whole: Told) -> None:
    """No set or dictionary of what is hashed at random decides an order: two programs print the same bytes."""
    words = [sys.executable, "-m", "chrono", "replay", str(whole.runs.file), str(whole.runs.recordings)]
    programs = [
        subprocess.Popen(
            [*words, "--format", "json"],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in ("1", "4242")
    ]
    said = [program.communicate(timeout=50) for program in programs]
    assert [program.returncode for program in programs] == [0, 0], said
    assert [out.splitlines(keepends=True) for out, _ in said] == [whole.live[0].lines] * 2


def test_replay_of_both_halves_prints_what_both_runs_printed(stopped: Told) -> None:
    """Each from its own beginning, with an empty board and what was remembered then."""
    before, after = stopped.live
    assert stopped.again.lines == [*before.lines, *after.lines]
    assert stopped.again.reports == [*before.reports, *after.reports]
    assert (second(before.reports[-1]), second(after.reports[0])) == (130, 133)


def test_restart_begins_with_what_was_remembered_at_the_end(stopped: Told) -> None:
    """Through a file of JSON and once more through the recording."""
    before, _ = stopped.live
    rounds = len(before.reports)
    assert stopped.accounts[0].state == json.loads(b'{"version":1,"published":{},"components":{}}')
    began = stopped.accounts[1].state
    last = stopped.states[rounds - 1]
    assert began["components"] == last.components
    assert {key.rpartition(" ")[2] for key in began["components"]} >= {
        "flatline",
        "deviation",
        "drift",
        "jump",
        "volume",
        "weighted_median",
    }


def test_what_was_out_before_a_restart_is_out_after_it(stopped: Told, tmp_path: Path) -> None:
    """A quarantine goes on where it was, a flat line is flat; a run that knows of neither takes both venues in."""
    before, after = stopped.live
    last, first = before.reports[-1], after.reports[4]
    for feed, quote in (("BTC/USD", "BTC/USDT"), ("ETH/USD", "ETH/USDT")):
        was, now = dropped(last, feed, f"v2:{quote}"), dropped(first, feed, f"v2:{quote}")
        assert (was["code"], now["code"]) == ("quarantine", "quarantine")
        assert now["left_s"] == was["left_s"] - (second(first) - second(last))
        assert dropped(last, feed, f"v4:{quote}")["code"] == "flatline"
        assert dropped(first, feed, f"v4:{quote}")["code"] == "flatline"
    back = next(second(report) for report in after.reports if "v2" in used(report, "BTC/USD"))
    assert back == 148, "expected twice ten seconds of agreement since 128: it relapsed"
    fresh = Runs(tmp_path)
    sink = fresh.printed("fresh")
    anyio.run(fresh.live, sink, AGAIN, AGAIN + HALF)
    assert dropped(sink.reports[4], "BTC/USD", "v2:BTC/USDT") is None
    assert (dropped(sink.reports[4], "BTC/USD", "v4:BTC/USDT") or {}).get("code") != "flatline"


def test_what_was_learned_before_a_restart_counts_after_it(stopped: Told) -> None:
    """A venue that is usually far off weighs as little as before; turnover is judged without a new warm-up."""
    before, after = stopped.live
    rounds = len(before.reports)
    learned = stopped.states[rounds - 1].components["BTC/USD weighted_median"]["distance"]
    first = next(i for i, r in enumerate(after.reports) if isinstance(r.results[2], Price))
    kept = stopped.states[rounds + first].components["BTC/USD weighted_median"]["distance"]
    assert set(kept) == set(learned) == {f"v{n}" for n in range(1, 9)}
    counted = used(after.reports[first], "BTC/USD")
    for group, distance in learned.items():
        assert (kept[group] == distance) == (group not in counted)
        # at most what a few seconds at a half-life of two minutes can teach
        assert abs(kept[group] - distance) < 0.05 * (distance + 30e-4)
    assert second(after.reports[-1]) - second(after.reports[0]) < 70, "expected less than a warm-up"
    assert "volume" in {verdict.code for report in after.reports for verdict in report.verdicts}


def test_killed_run_replays_up_to_what_is_on_disk(killed: Told) -> None:
    """Nothing is priced otherwise, or of rounds that were passed over, or of those that nobody knows the end of."""
    before, after = killed.live
    first = killed.accounts[1].first - START // SECOND
    again = [(second(r), line) for r, line in zip(killed.again.reports, _by_round(killed.again), strict=True)]
    ahead = [line for at, line in again if at < first]
    printed = _by_round(before)
    assert len(printed) == BREAK // SECOND - START // SECOND + 1 - 2
    assert len(printed) - 2 <= len(ahead) <= len(printed)
    assert ahead == printed[: len(ahead)]
    assert [line for at, line in again if at >= first] == _by_round(after)
    assert (killed.accounts[0].last, len(killed.accounts[0].skipped)) == (None, 2)


def test_run_after_a_kill_begins_with_what_was_saved_last(killed: Told) -> None:
    """That of the 120th round or the one after it: every sixtieth is saved when the timer next looks."""
    saved = killed.accounts[1].state["components"]
    found = [number for number, state in enumerate(killed.states, 1) if state.components == saved]
    assert found in ([120], [121])
    deviation = saved["BTC/USD deviation"]["v2:BTC/USDT"]
    assert (deviation["release"], deviation["free"]) == (20 * SECOND, 0)
    report = killed.live[1].reports[4]
    assert dropped(report, "BTC/USD", "v2:BTC/USDT")["code"] == "quarantine"
    assert dropped(report, "BTC/USD", "v4:BTC/USDT")["code"] == "flatline"


def _by_round(sink: Printed) -> list[tuple[bytes, ...]]:
    """Return what was printed, in groups of the lines of one round."""
    return list(zip(*[iter(sink.lines)] * FEEDS, strict=True))


def test_recording_that_ends_before_its_run_replays_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full is no reason to price the rounds after it from what is known before."""
    from chrono.core.writing import Writer

    class Full(Writer):
        def write(self, *args: Any, ts: int, **more: Any) -> None:
            if ts > START + 20 * SECOND + SECOND // 2 and not self.failed:
                with self._refusable():
                    raise OSError(28, "No space left on device")
            super().write(*args, ts=ts, **more)

    monkeypatch.setattr("chrono.core.engine.Writer", Full)
    made = Runs(tmp_path)
    live = made.printed("live")
    engine = anyio.run(made.live, live, START, START + 40 * SECOND)
    assert engine.unrecorded
    told = replayed(made, live)
    assert [second(report) for report in told.again.reports] == list(range(21))
    assert told.again.lines == live.lines[: 21 * FEEDS]
