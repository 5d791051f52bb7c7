"""Runs the pages of the documentation as a reader would: files are written, commands typed, output compared.

A page is walked from top to bottom in one empty folder, in an environment of its own.

- A block with a `title` is a file: it is written there. A pipeline file must then pass `chrono pipeline check`, unless
  its name starts with `wrong` or it wants something of the environment.
- A `console` block is typed: each `$ ` line is run, one that ends in `&` in the background. The lines below it must
  come out in that order, numbers aside, `…` standing for anything; more may come between them. A command must exit
  with 0, or with what the block shows below `$ echo $?`.
- The `pycon` blocks are one session at the prompt, tried last.
- Ports of the form 87NN are replaced by free ones.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sysconfig
import textwrap
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r'^ *```(?P<lang>\w+)?(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^ *```$', re.MULTILINE | re.DOTALL
)
_PORT = re.compile(r"\b87\d\d\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    lang: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        body = textwrap.dedent(match["text"])
        found.append(Block(page, line, match["lang"] or "", match["title"] or "", body))
    return found


class Printed:
    """What a command printed on its two streams, each read from top to bottom as lines are looked for."""

    def __init__(self, *streams: str) -> None:
        self.streams = streams
        self._left = [[_shape(line) for line in stream.splitlines()] for stream in streams]

    def shows(self, line: str) -> bool:
        """Return whether a line comes next in one of the streams, with others before it or not."""
        wanted = re.compile(".*".join(map(re.escape, _shape(line).split("…"))))
        for lines in self._left:
            for place, other in enumerate(lines):
                if wanted.fullmatch(other):
                    del lines[: place + 1]
                    return True
        return False

    def __str__(self) -> str:
        return "\n".join(self.streams)


@dataclass
class Reader:
    """Somebody who follows a page in an empty folder."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, str] = field(default_factory=dict)
    background: list[subprocess.Popen[str]] = field(default_factory=list)

    def follow(self, page: Path) -> None:
        """Do all that a page says."""
        found = blocks(page)
        for block in found:
            if block.title:
                self._write(block)
            elif block.lang == "console":
                self._type(block)
        self._try([block for block in found if block.lang == "pycon"])

    def run(self, command: str) -> tuple[int, Printed]:
        """Run one command; return its exit code and what it printed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return done.returncode, Printed(done.stdout, done.stderr)

    def close(self) -> None:
        """Stop what runs in the background."""
        for process in self.background:
            process.terminate()
            process.communicate(timeout=10)

    def on_free_ports(self, text: str) -> str:
        """Return a text with free ports in place of those of the form 87NN."""
        return _PORT.sub(lambda match: self.ports.setdefault(match[0], _free_port()), text)

    def _write(self, block: Block) -> None:
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.on_free_ports(block.text))
        if block.lang == "yaml" and not path.name.startswith("wrong") and "${env:" not in block.text:
            code, printed = self.run(f"chrono pipeline check {block.title}")
            assert code == 0, f"{block}: {printed}"

    def _type(self, block: Block) -> None:
        code, printed = 0, Printed()
        for command, shown in _commands(self.on_free_ports(block.text)):
            if command == "echo $?":
                assert shown == [str(code)], f"{block}: expected exit code {shown}, was {code}: {printed}"
                code = 0
                continue
            assert code == 0, f"{block}: expected exit code 0 before `{command}`, was {code}: {printed}"
            code, printed = self._start(command) if command.endswith("&") else self.run(command)
            for line in shown:
                assert printed.shows(line), f"{block}: {command}\nexpected the line\n{line}\nin\n{printed}"
        assert code == 0, f"{block}: expected exit code 0, was {code}: {printed}"

    def start(self, command: str) -> subprocess.Popen[str]:
        """Run a command in the background until the reader leaves."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command.removesuffix('&')}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.background.append(process)
        return process

    def _start(self, command: str) -> tuple[int, Printed]:
        process = self.start(command)
        assert process.stdout is not None
        return 0, Printed(process.stdout.readline())

    def _try(self, session: list[Block]) -> None:
        if session:
            text = "\n".join(block.text for block in session)
            (self.folder / "session.txt").write_text(self.on_free_ports(text))
            script = "import doctest; exit(doctest.testfile('session.txt', module_relative=False).failed)"
            code, printed = self.run(f'python -c "{script}"')
            assert code == 0, f"{session[0]}: {printed}"


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the output shown below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = re.sub(r"\\\n\s*", "", part).partition("\n")
        yield command.strip(), [line for line in shown.splitlines() if line.strip() not in {"", "…"}]


def _shape(line: str) -> str:
    return _NUMBER.sub("0", " ".join(line.split()))


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of a virtual environment that has what this one has, and takes installations of its own."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=find_spec("pip") is None)
    python = home / "bin" / "python"
    site = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
    parent = sysconfig.get_path("purelib")
    Path(site, "parent.pth").write_text(f"import site; site.addsitedir({parent!r})\n")
    for name, module in (("chrono", "chrono"), ("pip", "pip"), ("pytest", "pytest")):
        script = home / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n')
        script.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTEST_", "COV_"))}
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return kept | offline | {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}


@pytest.fixture
def reader(tmp_path: Path, environment: dict[str, str]) -> Iterator[Reader]:
    """Return somebody who follows pages, in an empty folder."""
    reader = Reader(tmp_path, environment)
    yield reader
    reader.close()
