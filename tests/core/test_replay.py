"""The same pipeline over recordings gives the same reports, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from structlog.testing import capture_logs

from chrono.core.clock import VirtualClock
from chrono.core.component import Detector, Emit, Source
from chrono.core.engine import Engine
from chrono.core.errors import ConfigError
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import PricingState
from chrono.core.recording import Run, files
from chrono.core.replay import Replay
from chrono.core.transport.codec import FrameSource
from chrono.core.types import SECOND, Ack, Estimate, Market, Report, Signal, Tick, Trade, Verdict
from chrono.core.writing import Rotation
from tests.core.conftest import Kept, Make

pytestmark = pytest.mark.anyio

START = 1_795_342_500 * SECOND
TEXT = "feeds: {BTC/USD: {}}\nquotes: [USD]\nconsensus: {median: {min_venues: 1}}\n"
PUSH = TEXT + "sources: {v1: {type: push}}\n"


class Wire(FrameSource):
    """Frames are `{"p": price}`; every other connection calls the price twice what it is."""

    type = "wire"
    Frame = dict[str, float]

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        yield Ack()
        yield Trade("BTC/USD", frame["p"], 1.0)

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Never connected here."""


def tick(at: float, price: float, source: str = "v1", **more: Any) -> dict[str, Any]:
    told = {
        "type": "trade",
        "pair": "BTC/USD",
        "price": price,
        "size": 1.0,
        "ts_event": START + int(at * SECOND),
        **more,
    }
    return {"v": 1, "ts": START + int(at * SECOND), "source": source, "kind": "tick", "tick": told}


def frame(at: float, data: str, source: str = "wire") -> dict[str, Any]:
    return {"v": 1, "ts": START + int(at * SECOND), "source": source, "conn": 1, "kind": "ws", "data": data}


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


async def replayed(pipeline: Pipeline, *paths: Path, speed: float | None = None) -> tuple[list[Report], Replay]:
    run = Replay(pipeline, paths, speed=speed)
    await run.run()
    sink = pipeline.sinks["kept"]
    assert isinstance(sink, Kept)
    return sink.reports, run


def values(reports: list[Report]) -> list[float | None]:
    return [r.prices["BTC/USD"].value if r.prices else None for r in reports]


async def test_every_round_that_a_recording_spans_is_priced(make: Make, tmp_path: Path) -> None:
    """From the first whole second at or after its first line to the one after its last."""
    path = write(tmp_path / "r.jsonl", tick(0.5, 1.0), tick(1.0, 2.0), tick(2.7, 3.0))
    reports, _ = await replayed(make(PUSH), path)
    assert values(reports) == [2.0, 2.0, 3.0]
    assert [report.round.as_of - START for report in reports] == [SECOND, 2 * SECOND, 3 * SECOND]


async def test_frames_are_parsed_as_they_were_live(make: Make, tmp_path: Path) -> None:
    """Signals have no one to answer, damaged frames are counted and the rest goes on."""
    path = write(
        tmp_path / "r.jsonl", frame(0.1, '{"p": 1.5}'), frame(0.2, '{"p": '), frame(0.3, "[]"), frame(0.4, '{"p": 2.5}')
    )
    reports, run = await replayed(make(TEXT + "sources: {wire: {}}\n", source=[Wire]), path)
    assert values(reports) == [2.5]
    assert (run.frames, run.damaged) == (4, 2)


async def test_damaged_lines_are_named_and_skipped(make: Make, tmp_path: Path) -> None:
    """By file and line."""
    path = write(
        tmp_path / "r.jsonl", tick(0.1, 1.0), "{oops", '{"v": 9, "ts": 1, "source": "v1", "kind": "ws"}', tick(0.2, 2.0)
    )
    with capture_logs() as logs:
        reports, _ = await replayed(make(PUSH), path)
    assert values(reports) == [2.0]
    said = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert [line.partition(": ")[0] for line in said] == [f"{path}:2", f"{path}:3"]


async def test_frames_of_a_source_that_is_not_named_are_told_once(make: Make, tmp_path: Path) -> None:
    """And skipped."""
    path = write(tmp_path / "r.jsonl", *(frame(0.1, "{}", "binance") for _ in range(3)), tick(0.2, 2.0))
    with capture_logs() as logs:
        reports, _ = await replayed(make(PUSH), path)
    assert values(reports) == [2.0]
    assert len([entry for entry in logs if "binance" in entry["event"]]) == 1


async def test_recordings_are_merged_by_time(make: Make, tmp_path: Path) -> None:
    """Two files, or a folder of them, are one stream."""
    write(tmp_path / "a.jsonl", tick(0.1, 1.0), tick(1.9, 4.0))
    write(tmp_path / "b.jsonl", tick(0.9, 2.0), tick(1.1, 3.0))
    reports, _ = await replayed(make(PUSH), tmp_path)
    assert values(reports) == [2.0, 4.0]


async def test_recording_without_a_readable_line_is_refused(make: Make, tmp_path: Path) -> None:
    """There is nothing to replay."""
    with pytest.raises(ConfigError, match="held no line that could be read"):
        await replayed(make(PUSH), write(tmp_path / "r.jsonl", "oops"))


async def test_speed_changes_nothing(make: Make, tmp_path: Path) -> None:
    """Ten times real time or as fast as it goes: the same reports."""
    path = write(tmp_path / "r.jsonl", *(tick(n / 7, 1.0 + n / 3) for n in range(10)))
    fast, _ = await replayed(make(PUSH), path)
    paced, _ = await replayed(make(PUSH), path, speed=20.0)
    assert fast == paced


async def test_paced_replay_stops_in_the_middle_of_a_gap(make: Make, tmp_path: Path) -> None:
    """An hour without a record does not keep it from listening."""
    pipeline = make(PUSH)
    run = Replay(pipeline, [write(tmp_path / "r.jsonl", tick(0.5, 1.0), tick(3600, 2.0))], speed=1.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.run)
            await anyio.wait_all_tasks_blocked()
            run.stop.set()
    sink = pipeline.sinks["kept"]
    assert isinstance(sink, Kept)
    assert 2.0 not in values(sink.reports)


class Memory(Detector):
    """Drops a market every third round that it sees it."""

    type = "memory"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        seen = (state or 0) + 1
        return [Verdict(e.market, keep=seen % 3 != 0, score=seen, code="third") for e in estimates], seen


class Jittery(Source):
    """Prints at uneven times around the rounds."""

    type = "jittery"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        for number in range(200):
            emit(Trade(markets[0].symbol, 100 + number / 7, 1 + number / 3, trade_id=str(number)))
            await self.context.clock.sleep(0.173)
        await anyio.sleep_forever()


async def test_live_run_and_its_replay_are_the_same_to_the_bit(make: Make, tmp_path: Path) -> None:
    """Also the second run, which began with what the first one remembered."""
    text = (
        TEXT + f"sources: {{jittery: {{}}}}\ndetectors: [memory]\nlimits: {{max_jump: 1%}}\nstate: {tmp_path}/s.json\n"
    )
    for run in ("first", "second"):
        live = make(text, source=[Jittery], detector=[Memory])
        began = START + (run == "second") * 3600 * SECOND
        await Engine(live, VirtualClock(began), rounds=10, record=tmp_path / run).run()
        kept = live.sinks["kept"]
        assert isinstance(kept, Kept)
        again, _ = await replayed(make(text, source=[Jittery], detector=[Memory]), tmp_path / run)
        assert again == kept.reports
        assert {len(report.missing) for report in again} == {0, 1}


async def test_runs_in_one_folder_are_replayed_each_from_its_own_beginning(make: Make, tmp_path: Path) -> None:
    """A restart empties the board and, without a saved state, what rounds remembered: seconds later, too."""
    text = TEXT + "sources: {jittery: {}}\ndetectors: [memory]\nlimits: {max_jump: 1%}\n"
    lived: list[Report] = []
    for began in (START, START + 13 * SECOND, START + 30 * SECOND):
        live = make(text, source=[Jittery], detector=[Memory])
        await Engine(live, VirtualClock(began), rounds=10, record=tmp_path).run()
        kept = live.sinks["kept"]
        assert isinstance(kept, Kept)
        lived += kept.reports
    again, _ = await replayed(make(text, source=[Jittery], detector=[Memory]), tmp_path)
    assert again == lived


async def test_replay_passes_over_the_rounds_that_the_run_had_no_time_for(make: Make, tmp_path: Path) -> None:
    """And ends with the run's last round."""
    write(tmp_path / "r.jsonl", *(tick(n, float(n)) for n in range(1, 6)))
    run = {
        "every": SECOND,
        "started": START,
        "state": {},
        "first": START // SECOND + 1,
        "last": START // SECOND + 4,
        "skipped": [START // SECOND + 3],
    }
    (tmp_path / "r.run.json").write_bytes(msgspec.json.encode(run))
    reports, _ = await replayed(make(PUSH), tmp_path)
    assert values(reports) == [1.0, 2.0, 4.0]


async def test_another_rhythm_ignores_the_rounds_of_the_run(make: Make, tmp_path: Path) -> None:
    """A pipeline that looks more often is priced at its own instants."""
    write(tmp_path / "r.jsonl", *(tick(n, float(n)) for n in range(1, 4)))
    run = {"every": SECOND, "started": START, "state": {}, "first": START // SECOND + 1, "last": START // SECOND + 1}
    (tmp_path / "r.run.json").write_bytes(msgspec.json.encode(run))
    reports, _ = await replayed(make(PUSH + "every: 500ms\n"), tmp_path)
    assert values(reports) == [1.0, 1.0, 2.0, 2.0, 3.0]


async def test_what_came_after_the_last_round_of_a_run_prices_nothing(make: Make, tmp_path: Path) -> None:
    """A run that is limited ends before its sources do."""
    path = write(tmp_path / "r.jsonl", tick(0.5, 1.0), tick(1.5, 2.0), tick(3.5, 3.0))
    first = START // SECOND + 1
    run = Run(SECOND, START, msgspec.to_builtins(PricingState()), first, first + 1)
    (tmp_path / "r.run.json").write_bytes(msgspec.json.encode(run))
    summary = await Replay(make(PUSH), [path]).run()
    assert (summary.rounds, summary.priced, summary.ticks) == (2, 2, 2)


class Shy(Memory):
    """Drops a market in the first of every three rounds."""

    type = "shy"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        verdicts, seen = super().screen(estimates, (state or 0) + 2)
        return verdicts, seen - 2


async def test_runs_in_one_folder_hold_no_value_of_each_other(make: Make, tmp_path: Path) -> None:
    """A sink is given what it was given live, where a restart lost what it had to hold."""
    text = TEXT + "sources: {jittery: {}}\ndetectors: [shy]\n"
    text += "sinks: {kept: {on_missing: {last: {max_age: 60s, min_confidence: 0}}}}\n"
    lived: list[Report] = []
    for began in (START, START + 13 * SECOND):
        live = make(text, source=[Jittery], detector=[Shy])
        await Engine(live, VirtualClock(began), rounds=10, record=tmp_path).run()
        kept = live.sinks["kept"]
        assert isinstance(kept, Kept)
        assert [bool(report.missing) for report in kept.reports] == [True] + 9 * [False]
        lived += kept.reports
    again, _ = await replayed(make(text, source=[Jittery], detector=[Shy]), tmp_path)
    assert again == lived


class Steps(FrameSource):
    """Frames are `{"d": step}`, which a connection adds up: one read on its own would give another price."""

    type = "steps"
    Frame = dict[str, float]

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        raise NotImplementedError

    def session(self) -> Any:
        return Sum()

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        session, clock, number = Sum(), self.context.clock, 0
        while True:
            number += 1
            data = f'{{"d": {number % 7 / 3}}}'
            if self.context.recorder is not None:
                self.context.recorder.write(self.context.name, "ws", data, ts=clock.now(), conn=1)
            for item in self.read(data, session):
                emit(item, clock.now())  # type: ignore[arg-type]
            await clock.sleep(0.173)


class Sum:
    """The price of one connection."""

    def __init__(self) -> None:
        self.price = 100.0

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        self.price += frame["d"]
        yield Trade("BTC/USD", self.price, 1.0)


STEPS = TEXT + "sources: {steps: {}}\ndetectors: [memory]\nlimits: {max_jump: 1%}\n"


async def rotated(make: Make, folder: Path, text: str = STEPS) -> tuple[list[Report], list[Path]]:
    """Record thirty rounds into files of five seconds; return what was reported and where it was recorded."""
    live = make(text, source=[Steps], detector=[Memory])
    rotation = Rotation.parse(["5s"])
    await Engine(live, VirtualClock(START), rounds=30, record=folder, rotation=rotation).run()
    kept, parts = live.sinks["kept"], files([folder])
    assert isinstance(kept, Kept)
    assert len(parts) == 6
    return kept.reports, parts


async def test_recording_in_several_files_is_replayed_as_one(make: Make, tmp_path: Path) -> None:
    """To the bit: board, connections and what rounds remember go on from file to file."""
    lived, _ = await rotated(make, tmp_path)
    again, _ = await replayed(make(STEPS, source=[Steps], detector=[Memory]), tmp_path)
    assert len(again) == 30
    assert again == lived


async def test_file_of_several_is_replayed_on_its_own(make: Make, tmp_path: Path) -> None:
    """Its own rounds, from what was remembered when it began; each, and so each round once."""
    # what a connection had added up before is not known, so that nothing may be compared with the price before
    text = STEPS.replace("limits: {max_jump: 1%}", "")
    lived, parts = await rotated(make, tmp_path, text)
    rounds: list[int] = []
    for path in parts:
        again, _ = await replayed(make(text, source=[Steps], detector=[Memory]), path)
        rounds += [report.round.id for report in again]
        dropped = {report.round.id: bool(report.missing) for report in lived}
        assert [bool(report.missing) for report in again[1:]] == [dropped[report.round.id] for report in again[1:]]
    assert rounds == [report.round.id for report in lived]


async def test_files_after_one_that_is_missing_are_replayed_from_there(make: Make, tmp_path: Path) -> None:
    """The rounds of the missing one are not made up."""
    lived, parts = await rotated(make, tmp_path)
    parts[2].unlink()
    again, _ = await replayed(make(STEPS, source=[Steps], detector=[Memory]), tmp_path)
    assert again[:11] == lived[:11]
    assert [report.round.id for report in again[11:]] == [report.round.id for report in lived[16:]]
