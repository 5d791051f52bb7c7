"""Recordings: bounded in what they cost to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from chrono.core import recording
from chrono.core.recording import files, read
from chrono.core.types import Trade


def ignore(problem: str) -> None:
    """Take any complaint."""
    del problem


def fail(problem: str) -> None:
    """Take no complaint."""
    raise AssertionError(problem)


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


def test_parts_of_a_recording_are_read_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, one of them is open at a time; other recordings are merged in."""
    for part in range(50):
        (tmp_path / f"9-{part:06}.jsonl").write_text(f'{{"ts": {10 * part}, "source": "a", "kind": "ws"}}\n' * 3)
    (tmp_path / "b.jsonl").write_text('{"ts": 15, "source": "b", "kind": "ws"}\n')
    opened: list[str] = []
    lines = recording.lines

    def counted(path: Path, complain: recording.Complain) -> object:
        opened.append(path.name)
        return lines(path, complain)

    monkeypatch.setattr(recording, "lines", counted)
    found = read([tmp_path], fail)
    assert [next(found).ts for _ in range(4)] == [0, 0, 0, 10]
    assert sorted(opened) == ["9-000000.jsonl", "9-000001.jsonl", "b.jsonl"]
    assert [record.ts for record in found][:5] == [10, 10, 15, 20, 20]
