"""The spool: what was taken is there after any crash, in order, and damage costs what it touches."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chrono.core.errors import ConfigError
from chrono.store.batches import Batch
from chrono.store.entries import encode
from chrono.store.spool import Spool, SpoolFull
from tests.store.made import START, entry, opening

LIMIT = 100_000_000


class Complaints(list[str]):
    """What was damaged, as it was told."""

    def __call__(self, problem: str) -> None:
        self.append(problem)


@contextmanager
def opened(folder: Path, complain: Complaints | None = None, limit: int = LIMIT) -> Iterator[Spool]:
    """Open a spool, and close it as one that ends in order."""
    spool = Spool(folder, limit, Complaints() if complain is None else complain)
    try:
        yield spool
    finally:
        spool.close()


def fill(folder: Path, numbers: Sequence[int], *, run: int = START, at_once: bool = False) -> None:
    """Append entries as a run of its own."""
    with opened(folder) as spool:
        spool.begin(opening(run))
        rows = [(number, encode(entry(number))) for number in numbers]
        if at_once:
            spool.append(rows)
        else:
            for row in rows:
                spool.append([row])


def rounds(batches: Sequence[Batch]) -> list[int]:
    """Return the numbers of the rounds of batches."""
    return [each.round[0] for batch in batches for each in batch.entries if each.round]


def left(folder: Path, complain: Complaints | None = None) -> list[int]:
    """Return the rounds that wait in a folder, and write them."""
    with opened(folder, complain) as spool:
        return rounds(list(spool.batches()))


def files(folder: Path, suffix: str = ".entries") -> list[Path]:
    """Return the files that entries wait in."""
    return sorted(folder.glob(f"*{suffix}"))


def test_what_was_appended_is_there_in_order(tmp_path: Path) -> None:
    """With the run it belongs to, the spool's name, and the number of the last."""
    fill(tmp_path, [1, 2, 3])
    with opened(tmp_path) as spool:
        (batch,) = spool.batches()
        assert (rounds([batch]), batch.position, batch.spool) == ([1, 2, 3], 3, spool.name)
        assert batch.opening == opening()
        assert batch.entries[0] == entry(1)


def test_what_was_written_is_removed(tmp_path: Path) -> None:
    """Asking for the next batch says that the one before is in the database."""
    fill(tmp_path, [1, 2])
    with opened(tmp_path) as spool:
        assert spool.waiting > 0
        list(spool.batches())
        assert (spool.waiting, spool.size, files(tmp_path)) == (0, 0, [])
    assert left(tmp_path) == []


def test_what_was_not_written_comes_again(tmp_path: Path) -> None:
    """A batch during which the database failed is asked for anew, by this process or the next."""
    fill(tmp_path, [1, 2])
    with opened(tmp_path) as spool:
        for _ in range(2):
            assert rounds([next(spool.batches())]) == [1, 2]
    assert left(tmp_path) == [1, 2]


def test_entries_that_come_meanwhile_follow(tmp_path: Path) -> None:
    """The file that is written into is read as far as it reaches, then from there on."""
    with opened(tmp_path) as spool:
        spool.begin(opening())
        seen = []
        for number in range(1, 4):
            spool.append([(number, encode(entry(number)))])
            seen += rounds(list(spool.batches()))
        assert seen == [1, 2, 3]
        assert spool.waiting == 0
    assert files(tmp_path) == []


def test_runs_are_batches_of_their_own(tmp_path: Path) -> None:
    """Each with its own opening, the older first."""
    fill(tmp_path, [1, 2], run=START)
    fill(tmp_path, [1, 3], run=START + 1000)
    with opened(tmp_path) as spool:
        batches = list(spool.batches())
    assert [(batch.opening.started, batch.position) for batch in batches] == [
        (START, 2),
        (START + 1000, 1),
        (START + 1000, 3),
    ]
    assert rounds(batches) == [1, 2, 1, 3]


def test_files_follow_each_other_and_each_is_whole_by_itself(tmp_path: Path) -> None:
    """A long wait is many files; the first is lost, the others are read all the same."""
    with opened(tmp_path, limit=60_000) as spool:
        spool.begin(opening())
        for number in range(1, 101):
            spool.append([(number, encode(entry(number)))])
    paths = files(tmp_path)
    assert len(paths) > 3
    paths[0].unlink()
    seen = left(tmp_path)
    assert seen == list(range(seen[0], 101))
    assert 1 < seen[0] < 40


def test_limit_is_held_and_said(tmp_path: Path) -> None:
    """What does not fit is refused, what is there stays; once it is written there is room again."""
    with opened(tmp_path, limit=20_000) as spool:
        spool.begin(opening())
        number = 1
        with suppress(SpoolFull):
            while number < 1000:
                spool.append([(number, encode(entry(number)))])
                number += 1
        with pytest.raises(SpoolFull, match="at its limit of 20kB; see to the database, or raise `spool_limit`"):
            spool.append([(number, encode(entry(number)))])
        assert 10 < number < 100
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 20_000
        assert rounds(list(spool.batches())) == list(range(1, number))
        spool.append([(number, encode(entry(number)))])
        assert rounds(list(spool.batches())) == [number]


def test_the_same_folder_keeps_its_name(tmp_path: Path) -> None:
    """It is what the database knows a spool by; one that cannot be read is made up anew."""
    with opened(tmp_path / "a") as one, opened(tmp_path / "b") as other:
        assert one.name != other.name
    with opened(tmp_path / "a") as again:
        assert again.name == one.name
    (tmp_path / "a" / "name").write_bytes(b"\xff\x00")
    with opened(tmp_path / "a") as anew:
        assert anew.name not in {one.name, other.name}


def test_second_process_is_refused(tmp_path: Path) -> None:
    """Two that write into one folder would lose each other's rounds."""
    code = f"""
from pathlib import Path
from chrono.core.errors import ConfigError
from chrono.store.spool import Spool
try:
    Spool(Path({str(tmp_path)!r}), 10**6, print)
except ConfigError as error:
    print(error)
"""
    with opened(tmp_path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = "expected a spool that no other pipeline uses, was in use; stop the other one, or name another `spool`"
    assert done.stdout == f"{tmp_path}: {told}\n"


def test_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    """One line, which names it."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file: expected a folder to keep a spool in, was a file; name another"):
        Spool(tmp_path / "file", LIMIT, print)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_damaged_entry_is_told_and_hides_nothing(tmp_path: Path, number: int) -> None:
    """The others are read; the file is kept for whoever wants to look."""
    fill(tmp_path, [1, 2, 3])
    (path,) = files(tmp_path)
    data = path.read_bytes()
    place = data.index(encode(entry(number))) + 20
    path.write_bytes(data[:place] + b"\x00\x00\x00\x00" + data[place + 4 :])
    complaints = Complaints()
    assert left(tmp_path, complaints) == [each for each in (1, 2, 3) if each != number]
    (told,) = complaints
    assert told.startswith(f"{path}: expected whole entries, was damaged; ")
    assert told.endswith(f"it is kept as {path.stem}.damaged")
    assert [file.read_bytes()[:place] for file in files(tmp_path, ".damaged")] == [data[:place]]
    assert files(tmp_path) == []


def test_damaged_opening_is_found_in_another_file(tmp_path: Path) -> None:
    """A run says how it began in each of its files."""
    with opened(tmp_path, limit=40_000) as spool:
        spool.begin(opening())
        for number in range(1, 51):
            spool.append([(number, encode(entry(number)))])
    paths = files(tmp_path)
    assert len(paths) > 2
    data = bytearray(paths[0].read_bytes())
    data[60:64] = b"\x00" * 4
    paths[0].write_bytes(data)
    complaints = Complaints()
    assert left(tmp_path, complaints) == list(range(1, 51))
    assert len(complaints) == 1


def test_entries_whose_opening_is_lost_are_kept_and_told(tmp_path: Path) -> None:
    """What they refer to is gone: they are no rounds any more, and hide nothing."""
    fill(tmp_path, [1, 2], run=START)
    fill(tmp_path, [3], run=START + 1000)
    path = files(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[60:64] = b"\x00" * 4
    path.write_bytes(data)
    complaints = Complaints()
    assert left(tmp_path, complaints) == [3]
    assert any("which its entries 1 to 2 need, was damaged; they are passed over" in told for told in complaints)
    assert len(files(tmp_path, ".damaged")) == 1


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_entry_that_a_crash_cut_short_is_passed_over(tmp_path: Path, cut: int) -> None:
    """It was never taken; what was, is there, and so is what came after the crash."""
    fill(tmp_path, [1, 2])
    (path,) = files(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    fill(tmp_path, [3], run=START + 1000)
    complaints = Complaints()
    assert left(tmp_path, complaints) == [1, 3]
    (told,) = complaints
    assert "was cut short by a crash" in told
    assert files(tmp_path, ".damaged") == []


def test_file_that_is_gone_is_told(tmp_path: Path) -> None:
    """What an operator removed under our feet costs what was in it."""
    fill(tmp_path, [1])
    fill(tmp_path, [2], run=START + 1000)
    complaints = Complaints()
    with opened(tmp_path, complaints) as spool:
        files(tmp_path)[0].unlink()
        assert rounds(list(spool.batches())) == [2]
    assert "expected to read it, was refused: No such file or directory; it is passed over" in complaints[0]


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """Refuse to let any file grow beyond a size in bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_leaves_no_half_of_an_entry(tmp_path: Path) -> None:
    """What was refused half way can be appended again, and is there once."""
    complaints = Complaints()
    with opened(tmp_path, complaints) as spool:
        spool.begin(opening())
        spool.append([(1, encode(entry(1)))])
        for room in (files(tmp_path)[0].stat().st_size + 20, 20, 0):
            with full_at(room), pytest.raises(OSError, match="File too large"):
                spool.append([(2, encode(entry(2)))])
        spool.append([(2, encode(entry(2)))])
    assert left(tmp_path, complaints) == [1, 2]
    assert complaints == []


def test_full_disk_at_the_first_entry_leaves_no_file(tmp_path: Path) -> None:
    """Trying again and again makes no heap of empty files."""
    with opened(tmp_path) as spool:
        spool.begin(opening())
        for _ in range(3):
            with full_at(20), pytest.raises(OSError, match="File too large"):
                spool.append([(1, encode(entry(1)))])
        assert files(tmp_path) == []
        spool.append([(1, encode(entry(1)))])
    assert left(tmp_path) == [1]


def test_what_the_database_refuses_is_set_aside(tmp_path: Path) -> None:
    """In a file from which it can be read, with its opening."""
    complaints = Complaints()
    with opened(tmp_path, complaints) as spool:
        spool.set_aside(Batch(spool.name, opening(), 7, [entry(1)]), "it was refused")
    (path,) = files(tmp_path, ".refused")
    assert complaints == [f"it was refused; entry 7 of run {START} is left out, and kept as {path}"]
    path.rename(tmp_path / f"{START:020}.entries")
    assert left(tmp_path) == [1]


KILLED = """
import sys
from pathlib import Path
from chrono.store.spool import Spool
from chrono.store.entries import encode
from tests.store.made import entry, opening
spool = Spool(Path(sys.argv[1]), 10**9, print)
spool.begin(opening(int(sys.argv[2])))
number = 0
while True:
    number += 1
    spool.append([(number, encode(entry(number)))])
    print(number, flush=True)
"""


def test_what_was_taken_survives_kill_9(tmp_path: Path, root: Path) -> None:
    """Killed over and over in the middle of writing: each entry that was said to be taken is there, once, in order."""
    taken: list[int] = []
    for run in range(5):
        arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(START + run * 1000)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=root) as process:
            assert process.stdout is not None
            for line in process.stdout:
                last = int(line)
                if last >= 20 * (run + 1):
                    process.send_signal(signal.SIGKILL)
                    break
            rest = process.stdout.read().split()
            taken.append(int(rest[-1]) if rest else last)
    complaints = Complaints()
    with opened(tmp_path, complaints) as spool:
        found: dict[int, list[int]] = {}
        for batch in spool.batches():
            found.setdefault(batch.opening.started, []).extend(rounds([batch]))
    for run, last in enumerate(taken):
        seen = found[START + run * 1000]
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) >= last
