"""Recordings: complete a second later, bounded in what they cost to read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from chrono.core import recording
from chrono.core.errors import ConfigError
from chrono.core.recording import Run, Writer, files, read, runs
from chrono.core.types import SECOND, Trade

START = 1_795_342_500 * SECOND


def ignore(problem: str) -> None:
    """Take any complaint."""
    del problem


def fail(problem: str) -> None:
    """Take no complaint."""
    raise AssertionError(problem)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Text, bytes and what belongs to a request."""
    writer = Writer(tmp_path / "new" / "folder", START, fail)
    writer.write("kraken", "open", ts=1, conn=2)
    writer.write("kraken", "ws", '{"é": 1}', ts=2, conn=2)
    writer.write("kraken", "ws", b"\xff\x00", ts=3, conn=2)
    writer.write("kraken", "http", "[]", ts=4, url="https://x", status=200, headers={"a": "b"})
    writer.close()
    found = list(read([writer.path], fail))
    assert [record.kind for record in found] == ["open", "ws", "ws", "http"]
    assert [record.frame for record in found[1:3]] == ['{"é": 1}', b"\xff\x00"]
    assert (found[3].url, found[3].status, found[3].headers) == ("https://x", 200, {"a": "b"})


def test_a_second_later_it_is_on_disk(tmp_path: Path) -> None:
    """By the next line, or by the next round; a run that is killed loses no more."""
    writer = Writer(tmp_path, START, fail)
    for number in range(10):
        writer.write("v1", "ws", str(number), ts=START + number)
    assert not [*read([writer.path], ignore)]
    writer.flush(START + SECOND)
    assert len([*read([writer.path], ignore)]) == 10
    writer.write("v1", "ws", "11", ts=START + 3 * SECOND)
    assert len([*read([writer.path], ignore)]) == 11
    writer.close()


def test_recording_into_a_file_is_refused(tmp_path: Path) -> None:
    """And so is one in the place of another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="expected a folder to record into, was a file; name another"):
        Writer(tmp_path / "file", START, fail)


def test_disk_that_refuses_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows is not recorded; nothing is raised into the source."""
    problems: list[str] = []
    writer = Writer(tmp_path, START, problems.append)

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_zip", type("Full", (), {"flush": full, "close": lambda _: None})())
    for second in range(5):
        writer.write("v1", "ws", "x", ts=START + second * SECOND)
    writer.run(Run(SECOND, START, {}, 1))
    writer.close()
    assert writer.failed
    assert len(problems) == 1
    assert "was refused: No space left on device; nothing more is recorded, the run goes on" in problems[0]


def test_line_without_end_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read into memory; the next one is found."""
    monkeypatch.setattr(recording, "_LONGEST_LINE", 64)
    path = tmp_path / "long.jsonl"
    path.write_text("x" * 1000 + '\n{"ts": 1, "source": "a", "kind": "ws"}\n')
    problems: list[str] = []
    assert [record.ts for record in read([path], problems.append)] == [1]
    assert problems == [f"{path}:1: expected a line below 0 MiB, was longer; skipped"]


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([10**18, 1, 2], [1, 2]),
        ([1, 10**18, 2], [1, 2]),
        ([1, 2, 10**18], [1, 2]),
        ([10**18, 5, 10**18 + 1, 10**18 + 2], [10**18, 10**18 + 1, 10**18 + 2]),
        ([1, 10**18], [1, 10**18]),
        ([1, 2, 10**18, 10**18 + 1], [1, 2, 10**18, 10**18 + 1]),
        ([7], [7]),
    ],
)
def test_single_time_of_another_day_is_damage(tmp_path: Path, times: list[int], kept: list[int]) -> None:
    """Two neighbours must agree against it: a recording that was continued another day is none."""
    path = tmp_path / "r.jsonl"
    path.write_text("".join(f'{{"ts": {ts}, "source": "a", "kind": "ws"}}\n' for ts in times))
    assert [record.ts for record in read([path], ignore)] == kept


def test_files_of_a_folder_are_its_recordings(tmp_path: Path) -> None:
    """In the order of their names, without what else is there."""
    for name in ("b.jsonl", "a.jsonl.gz", "a.run.json", "c.jsonl.draft", "d.json"):
        (tmp_path / name).write_text("")
    assert [path.name for path in files([tmp_path])] == ["a.jsonl.gz", "b.jsonl"]


def test_account_of_a_run_stands_beside_its_recording(tmp_path: Path) -> None:
    """Compressed or not; None where there is none."""
    writer = Writer(tmp_path, START, fail)
    writer.run(Run(SECOND, START, {}, 5, 9, [7]))
    writer.close()
    (tmp_path / "other.jsonl").write_text("")
    plain = tmp_path / "2" / f"{START}.jsonl"
    plain.parent.mkdir()
    plain.write_bytes(gzip.decompress(writer.path.read_bytes()))
    (plain.parent / f"{START}.run.json").write_bytes((tmp_path / f"{START}.run.json").read_bytes())
    assert [run and (run.first, run.last, run.skipped) for run in runs([tmp_path, plain], fail)] == [
        (5, 9, [7]),
        None,
        (5, 9, [7]),
    ]


@pytest.mark.parametrize(("trade_id", "side", "expected"), [("9", '"buy"', "9"), (9, "null", "9"), ("null", '""', "")])
def test_tick_of_another_hand_is_read(trade_id: object, side: str, expected: str, tmp_path: Path) -> None:
    """An id may be a number, and what is unknown may be null as well as left out."""
    number = f'"{trade_id}"' if trade_id == "9" else trade_id
    path = tmp_path / "ticks.jsonl"
    tick = f'{{"type":"trade","pair":"BTC/USD","price":1,"size":2,"side":{side},"trade_id":{number},"ts_event":null}}'
    path.write_text(f'{{"v":1,"ts":5,"source":"v1","kind":"tick","tick":{tick}}}\n')
    (record,) = read([path], fail)
    assert record.tick is not None
    trade = record.tick.tick("BTC/USD")
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.ts_event) == (expected, None)
