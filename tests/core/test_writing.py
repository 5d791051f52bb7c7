"""Recordings as they are written: complete a second later, in one file or in several, none of them needing another."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chrono.core.errors import ConfigError
from chrono.core.recording import files, read, runs
from chrono.core.types import SECOND
from chrono.core.units import Duration, Size
from chrono.core.writing import Rotation, Writer

START = 1_795_342_500 * SECOND


def ignore(problem: str) -> None:
    """Take any complaint."""
    del problem


def fail(problem: str) -> None:
    """Take no complaint."""
    raise AssertionError(problem)


def rounds(first: int, *skipped: int) -> Any:
    """Return where rounds stand: before this one, without having had time for those."""
    return SimpleNamespace(state={"version": 1}, next=SimpleNamespace(id=first, as_of=START * 2), skipped=[*skipped])


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

    writer.follow(rounds(1), SECOND)
    monkeypatch.setattr(writer._file, "_zip", type("Full", (), {"flush": full, "close": lambda _: None})())
    for second in range(5):
        writer.write("v1", "ws", "x", ts=START + second * SECOND)
    writer.close()
    assert writer.failed
    assert [run and run.last for run in runs([tmp_path], fail)] == [None]
    assert len(problems) == 1
    assert "was refused: No space left on device; nothing more is recorded, the run goes on" in problems[0]


def test_account_of_a_run_stands_beside_its_recording(tmp_path: Path) -> None:
    """Compressed or not; None where there is none."""
    writer = Writer(tmp_path, START, fail)
    now = rounds(5)
    writer.follow(now, SECOND)
    now.next.id, now.skipped = 10, [7]
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


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], None),
        (["100MB"], Rotation(size=Size("100MB"))),
        (["1h"], Rotation(every=Duration("1h"))),
        (["1h", "100MB"], Rotation(Size("100MB"), Duration("1h"))),
    ],
)
def test_rotation_is_a_size_a_time_or_both(texts: list[str], expected: Rotation | None) -> None:
    """Each says by its unit what it is."""
    assert Rotation.parse(texts) == expected


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["100"], "expected a size like 100MB or a time like 1h, was '100'"),
        (["1h", "2h"], "expected one size and one time at most, was 3600s and 7200s"),
        (["10ms"], "expected 1s or more, was '10ms'"),
        (["0.1kB"], "expected 1kB or more, was '0.1kB'"),
    ],
)
def test_rotation_that_makes_no_sense_is_refused(texts: list[str], told: str) -> None:
    """Before anything is connected."""
    with pytest.raises(ValueError, match=told):
        Rotation.parse(texts)


def test_recording_goes_on_in_another_file_when_it_is_time(tmp_path: Path) -> None:
    """At whole multiples, whenever it began; names sort as the files do, and nothing is lost between them."""
    writer = Writer(tmp_path, START + 7 * SECOND, fail, Rotation.parse(["10s"]))
    now = rounds(1)
    writer.follow(now, SECOND)
    for second in range(7, 35):
        now.next.id = second
        writer.write("v1", "ws", str(second), ts=START + second * SECOND)
    writer.close()
    parts = files([tmp_path])
    assert [path.name for path in parts] == [f"{START + 7 * SECOND}-{part:06}.jsonl.gz" for part in range(4)]
    held = [[record.ts // SECOND - START // SECOND for record in read([path], fail)] for path in parts]
    # what was looked at once a second ends a file with the line that is due
    assert [(each[0], each[-1]) for each in held] == [(7, 10), (11, 20), (21, 30), (31, 34)]
    assert [record.frame for record in read([tmp_path], fail)] == [str(second) for second in range(7, 35)]
    told = [run for run in runs([tmp_path], fail) if run is not None]
    assert [(run.part, run.first, run.last) for run in told] == [(0, 1, 9), (1, 10, 19), (2, 20, 29), (3, 30, 33)]
    assert {run.started for run in told} == {START + 7 * SECOND}


def test_recording_goes_on_in_another_file_when_it_is_large(tmp_path: Path) -> None:
    """By what is on disk."""
    writer = Writer(tmp_path, START, fail, Rotation.parse(["5kB"]))
    for number in range(400):
        writer.write("v1", "ws", str(hash(str(number)) ** 5), ts=START + number * SECOND // 4)
    writer.close()
    sizes = [path.stat().st_size for path in files([tmp_path])]
    assert len(sizes) > 3
    assert all(5_000 <= size < 7_000 for size in sizes[:-1])
    assert len([*read([tmp_path], fail)]) == 400


def test_rounds_passed_over_stand_beside_the_file_they_fall_into(tmp_path: Path) -> None:
    """So that each can be replayed on its own."""
    writer = Writer(tmp_path, START, fail, Rotation.parse(["10s"]))
    now = rounds(1)
    writer.follow(now, SECOND)
    for at, first, skipped in ((5, 6, [3]), (10, 11, [3]), (15, 16, [3, 12]), (16, 17, [3, 12])):
        now.next.id, now.skipped = first, skipped
        writer.note()
        writer.write("v1", "ws", "x", ts=START + at * SECOND)
    writer.close()
    assert [run and run.skipped for run in runs([tmp_path], fail)] == [[3], [12]]


def test_disk_that_refuses_the_next_file_leaves_the_one_before_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded is there, its end is not known, and it is told once."""
    problems: list[str] = []
    writer = Writer(tmp_path, START, problems.append, Rotation.parse(["1s"]))
    writer.follow(rounds(1), SECOND)
    monkeypatch.setattr(gzip, "open", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for second in range(5):
        writer.write("v1", "ws", str(second), ts=START + second * SECOND)
    writer.close()
    monkeypatch.undo()
    assert [record.frame for record in read([tmp_path], fail)] == ["0", "1"]
    assert [run and run.last for run in runs([tmp_path], fail)] == [None]
    assert len(problems) == 1
    assert "was refused: No space left on device; nothing more is recorded" in problems[0]


def test_round_that_is_due_is_priced_before_another_file_begins(tmp_path: Path) -> None:
    """A file read on its own has what its first round sees."""
    writer = Writer(tmp_path, START, fail, Rotation.parse(["10s"]))
    now = rounds(1)
    now.next.as_of = START + 10 * SECOND
    writer.follow(now, SECOND)
    writer.write("v1", "ws", "before", ts=START + 10 * SECOND + 1)
    now.next.id, now.next.as_of = 2, START + 11 * SECOND
    writer.flush(START + 10 * SECOND + 2)
    writer.write("v1", "ws", "after", ts=START + 10 * SECOND + 3)
    writer.close()
    assert [[record.frame for record in read([path], fail)] for path in files([tmp_path])] == [["before"], ["after"]]
    assert [run and (run.first, run.last) for run in runs([tmp_path], fail)] == [(1, 1), (2, 1)]
