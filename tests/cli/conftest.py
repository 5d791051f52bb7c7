"""The program for tests: in this process or as one of its own, with plugins that are written for the occasion."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from chrono.cli.app import run

START = 1_795_342_500_000_000_000
"""2026-11-22T10:15:00Z, a whole second."""

COMMAND = (sys.executable, "-m", "chrono")


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines of standard error."""
        return self.err.splitlines()


Cli = Callable[..., Outcome]
Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the one the program is run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Return a function that runs a command line in this process."""

    def called(*words: str) -> Outcome:
        capsys.readouterr()
        code = run(list(words))
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    yield called
    structlog.reset_defaults()


@pytest.fixture
def program(folder: Path) -> Cli:
    """Return a function that runs a command line as a program of its own."""

    def called(*words: str, timeout: float = 40, **environment: str) -> Outcome:
        done = subprocess.run(
            [*COMMAND, *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return called


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts a command line as a program of its own; what is left of it is killed."""
    running: list[subprocess.Popen[str]] = []

    def called(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        )
        running.append(process)
        return process

    yield called
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.fixture
def write(folder: Path) -> Write:
    """Return a function that writes a file, indented as it stands in the test."""

    def written(name: str, text: str | bytes = "") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    return written


@dataclass
class Site:
    """A folder that distributions can be put into as an installer would, seen by this process and by its children."""

    path: Path
    modules: list[str]

    def install(
        self, module: str, source: str, points: Sequence[str], *, requires: str = "chrono-oracle>=0.1,<0.2"
    ) -> None:
        """Put a module in, with entry points of the group `chrono`."""
        self.modules.append(module)
        (self.path / f"{module}.py").write_text(textwrap.dedent(source))
        name = module.replace("_", "-")
        entries = "\n".join(f"{point} = {module}" for point in points)
        self.metadata(name, {"entry_points.txt": f"[chrono]\n{entries}\n"}, requires=requires)

    def metadata(self, name: str, files: Mapping[str, str], *, requires: str = "") -> None:
        """Put the description of a distribution in."""
        info = self.path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        for file, text in files.items():
            (info / file).write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return an empty site folder."""
    made = Site(tmp_path / "site", [])
    made.path.mkdir()
    monkeypatch.syspath_prepend(str(made.path))
    monkeypatch.setenv("PYTHONPATH", str(made.path))
    yield made
    for module in made.modules:
        sys.modules.pop(module, None)


def tick(second: float, price: float, **other: object) -> str:
    """Return a line of a recording: a trade of `v1` at BTC/USD, so many seconds after the start."""
    import json

    ts = START + round(second * 1e9)
    trade = {"type": "trade", "pair": "BTC/USD", "price": price, "size": 0.5, "ts_event": ts, "trade_id": str(ts)}
    return json.dumps({"v": 1, "ts": ts, "source": "v1", "kind": "tick", "tick": trade} | other) + "\n"
