"""The flight recorder: the last minutes are there when they are asked for, and cost no more than was said."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from chrono.core import rounds as rounds_module
from chrono.core.clock import VirtualClock
from chrono.core.component import Emit, Source
from chrono.core.engine import Engine
from chrono.core.errors import ConfigError, PermanentError
from chrono.core.flight import PACKED_AT, Chunk, Flight, Ring
from chrono.core.pipeline import Pipeline, Retention
from chrono.core.recording import files, read, runs
from chrono.core.replay import Replay
from chrono.core.types import SECOND, Market, Missing, Report, Round, Trade
from chrono.core.writing import Writer
from tests.core.conftest import Kept, Make

pytestmark = pytest.mark.anyio

START = 1_795_342_500 * SECOND
MINUTE = 60 * SECOND
TEXT = "feeds: {BTC/USD: {}}\nquotes: [USD]\nconsensus: {median: {min_venues: 1}}\nlimits: {max: 150}\n"
RETENTION = Retention(10 * MINUTE, 256_000_000, Path("flight"), 10 * MINUTE, 10)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What was logged, of a test that begins with nothing wrong."""
    Eventful.event = (1e9, "")
    with capture_logs() as told:
        yield told


class Eventful(Source):
    """Prints five times a second; then falls silent, jumps or fails, as the test says."""

    type = "eventful"
    event: tuple[float, str] = (1e9, "")

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        clock, number, price = self.context.clock, 0, 100.0
        began = clock.now()
        draws = random.Random(1)
        while True:
            at, what = self.event
            past = clock.now() - began > at * SECOND
            if past and what == "fails":
                raise PermanentError("the venue closed for good")
            price = 200.0 if past and what == "jumps" else 100.0 + draws.random()
            if not (past and what == "silent"):
                number += 1
                emit(Trade(markets[0].symbol, price, 1.0, trade_id=str(number)))
            await clock.sleep(0.19)


def pipeline(make: Make, folder: Path, **changes: Any) -> Pipeline:
    """Return one whose flight recorder writes into this folder."""
    made = make(TEXT + "sources: {eventful: {}}\n", source=[Eventful])
    return replace(made, flight_recorder=replace(RETENTION, folder=folder, **changes))


async def flown(made: Pipeline, seconds: int, event: tuple[float, str] = (1e9, "")) -> list[Report]:
    """Run so many rounds; return what was reported."""
    Eventful.event = event
    await Engine(made, VirtualClock(START), rounds=seconds).run()
    return kept(made)


def kept(made: Pipeline) -> list[Report]:
    sink = made.sinks["kept"]
    assert isinstance(sink, Kept)
    return sink.reports


def dumps(folder: Path) -> list[Path]:
    """Return what was written, oldest first."""
    return files([folder]) if any(folder.glob("*.jsonl.gz")) else []


async def replayed(make: Make, folder: Path, path: Path) -> list[Report]:
    made = replace(pipeline(make, folder), flight_recorder=None)
    await Replay(made, [path]).run()
    return kept(made)


def test_file_turns_it_on(make: Make) -> None:
    """It is off where the file is silent."""
    text = TEXT + "sources: {v1: {type: push}}\n"
    assert make(text).flight_recorder is None
    assert make(text + "flight_recorder: {}\n").flight_recorder == RETENTION
    stated = make(text + "flight_recorder: {keep: 1m, max: 1.5MB, folder: a/b, pause: 0s, dumps: 3}\n").flight_recorder
    assert stated == Retention(MINUTE, 1_500_000, Path("a/b"), 0, 3)
    with pytest.raises(ConfigError, match="flight_recorder.max: expected a size with its unit like 500kB, .* was 10"):
        make(text + "flight_recorder: {max: 10}\n")


async def test_run_without_trouble_writes_nothing(make: Make, tmp_path: Path) -> None:
    """Frames are kept, and forgotten."""
    await flown(pipeline(make, tmp_path / "flight"), 60)
    assert [*(tmp_path / "flight").iterdir()] == []


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("silent", "BTC/USD lost its price: independent venues left: 0, needed: 1"),
        ("jumps", "BTC/USD lost its price: 200 lies outside the limits, no limit to 150"),
        ("fails", "eventful failed: the venue closed for good"),
    ],
)
async def test_alarm_writes_down_what_was_received(
    make: Make, tmp_path: Path, logs: list[Any], what: str, why: str
) -> None:
    """A feed that lost its price, a jump that was refused, a source that failed: once, with what to do."""
    lived = await flown(pipeline(make, tmp_path), 120, (30, what))
    (path,) = dumps(tmp_path)
    (run,) = runs([path], pytest.fail)
    assert run is not None
    assert run.why.startswith(why)
    told = [entry for entry in logs if entry["event"].startswith(why) and "component" in entry]
    (line,) = [entry["event"] for entry in told if str(path) in entry["event"]]
    feed = "FEED" if what == "fails" else "BTC/USD"
    assert f"`chrono explain {feed} --at round:{run.last} --recording {path} --pipeline FILE`" in line
    again = await replayed(make, tmp_path, path)
    assert again == lived[: len(again)], "expected the run itself, since it is younger than what is kept"
    assert len(again) >= 30
    assert again[-1].round.id == run.last


async def test_dump_of_a_long_run_has_its_last_minutes(make: Make, tmp_path: Path) -> None:
    """Priced from where windows are full, from what was remembered then."""
    lived = await flown(pipeline(make, tmp_path, keep=2 * MINUTE), 600, (500, "jumps"))
    (path,) = dumps(tmp_path)
    records = [*read([path], pytest.fail)]
    alarm = next(report.round for report in lived if report.missing)
    assert alarm.as_of - 2.5 * MINUTE < records[0].ts <= alarm.as_of - 2 * MINUTE
    again = await replayed(make, tmp_path, path)
    assert again[-1].round == alarm
    assert alarm.as_of - again[0].round.as_of >= 45 * SECOND
    by_round = {report.round.id: report for report in lived}
    assert [r.missing.keys() for r in again] == [by_round[r.round.id].missing.keys() for r in again]
    values = [(r.prices["BTC/USD"].value, by_round[r.round.id].prices["BTC/USD"].value) for r in again[:-1]]
    assert all(value == live for value, live in values)


async def test_dump_of_the_last_round_is_written(make: Make, tmp_path: Path) -> None:
    """The run ends after it, not before."""
    lived = await flown(pipeline(make, tmp_path), 32, (30, "jumps"))
    assert lived[-1].missing
    (path,) = dumps(tmp_path)
    assert await replayed(make, tmp_path, path) == lived


async def test_fault_of_the_core_is_an_alarm(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What led to it is there."""
    made = pipeline(make, tmp_path)
    engine, price = Engine(made, VirtualClock(START), rounds=60), rounds_module.Rounds.price

    def faulty(rounds: rounds_module.Rounds) -> None:
        if rounds.priced == 10:
            rounds.error = KeyError("a bug")
            return
        price(rounds)

    monkeypatch.setattr(rounds_module.Rounds, "price", faulty)
    with pytest.raises(KeyError):
        await engine.run()
    assert [run and run.why for run in runs([tmp_path], pytest.fail)] == ["KeyError: 'a bug'"]


async def test_source_that_fails_before_anything_came_is_no_reason(make: Make, tmp_path: Path, logs: list[Any]) -> None:
    """There is nothing to write down."""
    await flown(pipeline(make, tmp_path), 5, (-1, "fails"))
    assert dumps(tmp_path) == []
    assert not [entry for entry in logs if "write down" in entry["event"]]


async def test_alarms_close_together_are_one(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one counts when the pause is over."""

    async def at_once(work: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
        return work(*arguments)

    # a virtual clock does not wait for a thread
    monkeypatch.setattr("anyio.to_thread.run_sync", at_once)

    class Flapping(Eventful):
        type = "eventful"

        async def run(self, markets: Sequence[Market], emit: Emit) -> None:
            while True:
                if self.context.clock.now() // MINUTE % 2:
                    emit(Trade(markets[0].symbol, 100.0, 1.0))
                await self.context.clock.sleep(0.5)

    made = make(TEXT + "sources: {eventful: {}}\n", source=[Flapping])
    made = replace(made, flight_recorder=replace(RETENTION, folder=tmp_path, pause=5 * MINUTE, dumps=2))
    await Engine(made, VirtualClock(START), rounds=20 * 60).run()
    written = dumps(tmp_path)
    assert len(written) == 2, "expected no more than are to be kept"
    first, second = (int(path.name.removesuffix(".jsonl.gz").rpartition("-")[2]) for path in written)
    assert 5 * MINUTE <= second - first <= 6 * MINUTE
    assert first > START + 5 * MINUTE
    assert len(os.listdir(tmp_path)) == 4, "expected each with what stands beside it, and nothing else"  # noqa: PTH208


async def test_dump_that_is_asked_for_is_made_at_once(make: Make, tmp_path: Path) -> None:
    """Whenever the last one was."""
    made = pipeline(make, tmp_path)
    engine = Engine(made, VirtualClock(START))
    assert engine._flight is not None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        for count in (1, 2):
            rounds = len(kept(made))
            while len(kept(made)) < rounds + 5:
                await anyio.lowlevel.checkpoint()
            engine.dump("SIGUSR1")
            with anyio.fail_after(5):
                while len(dumps(tmp_path)) < count or engine._flight._dump is not None:
                    await anyio.lowlevel.checkpoint()
        engine.stop.set()
    assert [run and run.why for run in runs([tmp_path], pytest.fail)] == ["SIGUSR1"] * 2


async def test_engine_without_a_flight_recorder_says_so(make: Make, logs: list[Any]) -> None:
    """With what to write into the file."""
    Engine(make(TEXT + "sources: {eventful: {}}\n", source=[Eventful]), VirtualClock(START)).dump("SIGUSR1")
    assert logs[-1]["event"] == "SIGUSR1: expected a flight recorder, there is none; add `flight_recorder: {}`"


async def test_recording_and_flight_recorder_go_side_by_side(make: Make, tmp_path: Path) -> None:
    """Each has all of it."""
    made = pipeline(make, tmp_path / "flight")
    Eventful.event = (30, "silent")
    await Engine(made, VirtualClock(START), rounds=120, record=tmp_path / "recording").run()
    (dump,), (recording,) = dumps(tmp_path / "flight"), files([tmp_path / "recording"])
    written, recorded = [*read([dump], pytest.fail)], [*read([recording], pytest.fail)]
    assert len(written) > 30
    assert written == recorded[: len(written)]


def test_folder_that_cannot_be_written_to_is_refused_at_the_start(make: Make, tmp_path: Path) -> None:
    """Not when it is needed."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"flight_recorder.folder: .*/file: expected a folder to write to, was"):
        Engine(pipeline(make, tmp_path / "file"), VirtualClock(START))


async def test_disk_that_refuses_a_dump_costs_nothing_else(
    make: Make, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and the run goes on."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chrono.core.flight.write_account", full)
    lived = await flown(pipeline(make, tmp_path), 120, (30, "silent"))
    assert len(lived) == 120
    (told,) = [entry["event"] for entry in logs if "No space left" in entry["event"]]
    assert "was refused: No space left on device; make room, or name another folder" in told
    assert dumps(tmp_path) == []


async def test_ring_holds_no_more_than_it_may(tmp_path: Path) -> None:
    """Under a flood, packed or not yet packed; what is too old goes first."""
    draws = random.Random(1)
    ring = Ring(10 * MINUTE, 1_000_000)
    tracemalloc.start()
    for number in range(20_000):
        data = f'{{"p":{draws.random()},"q":{draws.random()}}}'
        ring.write("v1", "ws", data, ts=number, conn=1)
        assert ring.size <= 1_000_000 + PACKED_AT
        if number % 8_000 == 7_999:
            await ring.pack()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 3_000_000
    assert not ring.whole
    assert ring.chunks[-1].last > 18_000
    assert [chunk.first for chunk in ring.chunks] == sorted(chunk.first for chunk in ring.chunks)


def test_lines_of_every_kind_are_those_of_a_recording(tmp_path: Path) -> None:
    """Text, bytes that are text, bytes that are not, and what belongs to an answer, in the order received."""
    ring = Ring(MINUTE, 10**9)
    writer = Writer(tmp_path, START, pytest.fail)
    for keeper in (ring, writer):
        keeper.write("v1", "open", ts=START, conn=1, url="wss://venue.example/ws")
        keeper.write("v1", "ws", '{"é": "\\n"}', ts=START + 1, conn=1)
        keeper.write("v1", "ws", b'{"b": 1}', ts=START + 2, conn=1)
        keeper.write("v1", "ws", b"\xff\x00", ts=START + 3, conn=1)
        keeper.write("v2", "http", "[]", ts=START + 4, conn=1, url="https://x", status=200, headers={"a": "b"})
        keeper.write("v1", "close", ts=START + 5, conn=1, reason="stopped")
    ring.seal()
    (tmp_path / "dump.jsonl.gz").write_bytes(ring.chunks[0].pack())
    writer.close()
    kept, written = ([*read([path], pytest.fail)] for path in (tmp_path / "dump.jsonl.gz", writer.path))
    assert kept == written
    assert [record.kind for record in kept] == ["open", "ws", "ws", "ws", "http", "close"]
    assert [record.frame for record in kept[1:4]] == ['{"é": "\\n"}', '{"b": 1}', b"\xff\x00"]


async def test_ring_forgets_what_is_too_old() -> None:
    """Whole chunks at a time."""
    ring = Ring(100, 10**9)
    for ts in range(0, 500, 10):
        ring.write("v1", "ws", "{}", ts=ts)
        ring.seal()
    assert (ring.chunks[0].last, ring.chunks[-1].last) == (390, 490)
    assert len(ring.unpacked) == len(ring.chunks)
    await ring.pack()
    assert not ring.unpacked
    assert ring.size == sum(chunk.size for chunk in ring.chunks)


async def test_chunk_that_goes_while_it_is_packed_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum stays right."""
    ring = Ring(100, 10**9)
    ring.write("v1", "ws", "{}", ts=1)
    ring.seal()
    pack = Chunk.pack

    def late(chunk: Chunk) -> bytes:
        ring.trim(1_000)
        return pack(chunk)

    monkeypatch.setattr(Chunk, "pack", late)
    await ring.pack()
    assert (ring.size, len(ring.chunks), len(ring.unpacked)) == (0, 0, 0)


def test_jump_that_is_refused_is_an_alarm_once(make: Make, tmp_path: Path) -> None:
    """Of a feed that had no price before, too; the next round's refusal is no news."""
    made = pipeline(make, tmp_path)
    flight = Flight(made, replace(RETENTION, folder=tmp_path, pause=0), Silent())
    (plan,) = made.plans
    said: list[str] = []
    flight.alarm = lambda why, now, feed="": said.append(f"{feed}: {why}")  # type: ignore[method-assign]
    jump = {"code": "max_jump", "value": 2.0, "previous": 1.0, "limit": 0.05}
    for reason in ({"code": "no_quorum", "used": 0, "wanted": 1}, jump, jump):
        flight.priced(Report(Round(1, 1, 2), (Missing(plan.feed, reason, (), {}),)), 1)
    assert len(said) == 1
    assert said[0].startswith("BTC/USD: BTC/USD lost its price: 2 is more than 5% from the last value 1")


class Silent:
    """A logger that nobody reads."""

    def bind(self, **_: Any) -> Any:
        return self
