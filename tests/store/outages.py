"""A pipeline as a program of its own, what befalls the place where it stores, and whether all that it printed is there.

Usable by any test and by the benchmarks; needs no pytest.
"""

from __future__ import annotations

import contextlib
import errno
import json
import select
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy import select as query

from chrono.store import Database, Feed, Price, Round
from chrono.store.models import Run as Ran
from chrono.store.verifying import verify

DECIMALS = 2
PATIENCE = 45.0
"""Seconds after which something that should have happened has not."""

PIPELINE = """
name: outages
every: {every}
feeds:
  BTC/USD: {{decimals: 2}}
  ETH/USD: {{decimals: 2}}
sources:
  north: {{type: simulated, lists: [USD]}}
  south: {{type: simulated, lists: [USD]}}
  east: {{type: simulated, lists: [USD]}}
  west: {{type: simulated, lists: [USD]}}
aggregator: last
consensus: {{weighted_median: {{min_venues: 1}}}}
sinks:
  store: {sink}
"""


class Printed(NamedTuple):
    """A round as it was printed: when, how many seconds after its instant, and the values."""

    at: float
    late: float
    values: Mapping[str, str | None]


class Program:
    """`chrono pipeline run` with JSON Lines on standard output.

    Attributes
    ----------
    rounds : dict of int to Printed
        What it printed so far.
    killed : bool
        Whether it was not given time to end.
    """

    def __init__(self, file: Path) -> None:
        self.rounds: dict[int, Printed] = {}
        self.killed = False
        self._log = file.with_suffix(".log").open("ab")
        command = [sys.executable, "-m", "chrono", "pipeline", "run", file.name, "--format", "json", "--verbose"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, cwd=file.parent)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait(self, rounds: int) -> None:
        """Wait for so many rounds more."""
        wanted = len(self.rounds) + rounds
        until(lambda: len(self.rounds) >= wanted or self.process.poll() is not None, f"{rounds} rounds")
        assert self.process.poll() is None, f"expected it to run, it ended with {self.process.returncode}"

    def stop(self) -> int:
        """Ask it to end, and return its code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self.killed = True
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join()
        self._log.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        now: dict[str, str | None] = {}
        with self.process.stdout as lines:
            for line in lines:
                with contextlib.suppress(json.JSONDecodeError):
                    row = json.loads(line)
                    now[row["feed"]] = row["value"]
                    if len(now) == 2:
                        late = time.time() - datetime.fromisoformat(f"{row['as_of'][:26]}+00:00").timestamp()
                        self.rounds[row["round"]] = Printed(time.monotonic(), late, now)
                        now = {}


class Scene:
    """A pipeline in a folder, and all the programs that ran it, one after the other."""

    def __init__(self, folder: Path, sink: Mapping[str, Any], url: str, every: str = "100ms") -> None:
        self.file = folder / "outages.yaml"
        self.file.write_text(textwrap.dedent(PIPELINE).format(every=every, sink=json.dumps(sink)))
        self.database = Database(url)
        self.programs: list[Program] = []

    @contextmanager
    def running(self, rounds: int = 3) -> Iterator[Program]:
        """Run it until the end of the block, beginning when so many rounds are printed."""
        program = Program(self.file)
        self.programs.append(program)
        try:
            program.wait(rounds)
            yield program
        finally:
            if program.process.poll() is None:
                program.stop()

    @property
    def said(self) -> str:
        """All that they said on standard error."""
        return self.file.with_suffix(".log").read_text()

    def wait_to_hear(self, code: str) -> None:
        """Wait until it was said; a busy disk takes its time to be found wanting."""
        until(lambda: code in self.said, f"{code} to be said")

    @property
    def printed(self) -> dict[int, Mapping[str, str | None]]:
        """All rounds that were printed."""
        return {number: each.values for program in self.programs for number, each in program.rounds.items()}

    def stored(self) -> dict[int, Mapping[str, str | None]]:
        """Return all rounds that are in the database; fail where one is there twice, or its rows are not complete."""
        found = self.database.run(_stored)
        counted = Counter(number for number, _ in found)
        twice = [number for number, times in counted.items() if times > 1]
        assert not twice, f"expected every round once, these are there again: {twice}"
        return dict(found)

    def arrived(self, program: Program) -> bool:
        """Say whether all that a program has printed by now is in the database."""
        wanted = set(program.rounds)
        with contextlib.suppress(Exception):
            return wanted <= set(self.stored())
        return False

    def wait(self, program: Program) -> float:
        """Wait until all that a program has printed by now is in the database; return how many seconds that took."""
        began, wanted = time.monotonic(), set(program.rounds)

        def here() -> bool:
            with contextlib.suppress(Exception):
                return wanted <= set(self.stored())
            return False

        until(here, "what was printed to be stored")
        return time.monotonic() - began

    def check(self) -> int:
        """Fail unless what was printed is what is stored; return how many rounds were lost to kills.

        A program that was killed may have printed rounds that it had not stored: the last ones, and no more than wait
        for a sink. One more than was printed may be stored of it.
        """
        printed, stored = self.printed, self.stored()
        lost = more = 0
        for program in self.programs:
            missing = sorted(program.rounds.keys() - stored.keys())
            if program.killed:
                last = sorted(program.rounds)[len(program.rounds) - len(missing) :]
                assert missing == last, (
                    f"expected none but the last to be missing of one that was killed, was {missing}"
                )
                assert len(missing) <= 16, f"expected few rounds to wait for a sink, was {len(missing)}"
                lost += len(missing)
                more += 1
            else:
                assert not missing, f"expected every printed round to be stored, these are missing: {missing}"
        unknown = sorted(stored.keys() - printed.keys())
        assert len(unknown) <= 2 * more, f"expected no round that was not printed, was {unknown}"
        skipped = sum(_skipped(program.rounds.keys() & stored.keys()) for program in self.programs)
        found = self.database.run(verify)
        gaps = [problem for problem in found.problems if problem.code == "gap"]
        assert gaps == list(found.problems), f"expected no problem, was {found.problems}"
        assert len(gaps) + found.more <= skipped + more, f"expected no gap but where none was printed, was {gaps}"
        for number in printed.keys() & stored.keys():
            assert stored[number] == printed[number], f"expected the values that round {number} was printed with"
        return lost


def _skipped(numbers: Iterable[int]) -> int:
    """Return how often rounds were left out that a run had no time for."""
    ordered = sorted(numbers)
    return sum(after > before + 1 for before, after in pairwise(ordered))


def _stored(connection: Connection) -> list[tuple[int, Mapping[str, str | None]]]:
    values: dict[int, dict[str, str | None]] = {}
    names = query(Price.at, Feed.name, Price.value).join(Feed, Feed.id == Price.feed_id)
    for at, name, value in connection.execute(names):
        text = None if value is None else str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-DECIMALS)))
        values.setdefault(at, {})[name] = text
    rounds = connection.execute(query(Round.at, Round.round, Round.feeds).order_by(Round.at)).all()
    for at, number, feeds in rounds:
        assert len(values.get(at, ())) == feeds, f"expected {feeds} prices in round {number}, was {values.get(at)}"
    assert len(values) == len(rounds), "expected no price without its round"
    positions = connection.execute(query(Ran.position)).scalars().all()
    assert sum(positions) >= len(rounds), "expected positions to reach as far as rounds do"
    return [(number, values[at]) for at, number, _ in rounds]


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for something to be so."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"expected {what} within {seconds:g} s"
        time.sleep(0.02)


class Proxy:
    """Between a program and a server: cuts connections, or lets nothing through.

    Attributes
    ----------
    port : int
        To connect to, on this machine.
    cuts : int
        How many connections it cut.
    """

    def __init__(self, port: int) -> None:
        self.cuts = 0
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._left: int | None = None
        self._stalled = False
        self._open = True
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut_after(self, count: int) -> None:
        """Cut the connection through which so many more bytes have gone, in either direction."""
        self._left = count

    def stall(self, *, stalled: bool = True) -> None:
        """Let nothing through any more, and close nothing."""
        self._stalled = stalled

    def close(self) -> None:
        """End."""
        self._open = False
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while self._open:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._server)) as server:
            other = {client: server, server: client}
            while self._open:
                ready, _, _ = select.select(list(other), [], [], 0.05)
                for each in () if self._stalled else ready:
                    data = each.recv(1 << 16)
                    if not data:
                        return
                    if not self._pass(data, other[each]):
                        for end in other:
                            # no farewell
                            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return

    def _pass(self, data: bytes, to: socket.socket) -> bool:
        if self._left is None:
            to.sendall(data)
            return True
        taken = data[: self._left]
        self._left -= len(taken)
        to.sendall(taken)
        if self._left:
            return True
        self._left = None
        self.cuts += 1
        return False


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a disk of so many bytes there.

    Raises
    ------
    PermissionError
        If this user may not.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PermissionError("expected `mount`, there is none") from error
    except subprocess.CalledProcessError as error:
        raise PermissionError(f"expected to mount a small disk, was refused: {error.stderr.strip()}") from error
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Take all the room that is left on a disk."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the one who writes to a SQLite database."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes where they are, and let them go on afterwards."""
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def family(pid: int) -> Sequence[int]:
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *map(int, children.read_text().split())] if children.exists() else [pid]


def _signal(pid: int, number: int) -> None:
    import os

    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
