"""Runs a plugin's own contracts and certifies how each check ended.

Imports no pytest: what runs the checks is a process of its own.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec

from chrono.core.clock import WallClock
from chrono.core.errors import ChronoError, ConfigError
from chrono.core.registry import CORE, GROUP

__all__ = ["Certificate", "Check", "Findings", "Plugin", "Subject", "certify"]

LONGEST = 900.0
"""Seconds after which the checks of one plugin are given up."""


class Check(msgspec.Struct, frozen=True):
    """One check of a contract and how it ended."""

    kind: str
    type: str
    number: str
    name: str
    result: Literal["passed", "failed", "skipped"] = "failed"
    reason: str = ""


class Subject(msgspec.Struct, frozen=True):
    """A class that a contract is about, and what the contract's author stated."""

    kind: str
    type: str
    module: str
    name: str
    checks: Sequence[str]
    pairs: Sequence[str] = ()
    options: Mapping[str, Any] = {}
    recordings: Sequence[str] = ()


class Findings(msgspec.Struct):
    """What the process that runs the checks writes down."""

    checks: list[Check] = []
    subjects: list[Subject] = []
    problems: list[str] = []


class Certificate(msgspec.Struct, frozen=True):
    """What was checked, of what, with what, and how it ended.

    Attributes
    ----------
    recordings : mapping of str to str
        The SHA-256 of each file that the checks read, by its path below the plugin's folder.
    code : str
        The SHA-256 of the plugin's modules, each with its path, in the order of their paths.
    """

    plugin: str
    version: str
    chrono: str
    python: str
    at: str
    code: str
    recordings: Mapping[str, str]
    checks: Sequence[Check]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many checks ended in each way."""
        return {
            result: sum(check.result == result for check in self.checks) for result in ("passed", "failed", "skipped")
        }

    @property
    def holds(self) -> bool:
        """Whether something was checked and nothing failed."""
        return not self.counts["failed"] and self.counts["passed"] > 0

    def json(self) -> str:
        """Return it as one line."""
        told = msgspec.to_builtins(self) | {"holds": self.holds, **self.counts}
        return msgspec.json.encode(told).decode()

    def lines(self) -> Iterator[str]:
        """Yield it as text."""
        yield f"{self.plugin} {self.version}, {CORE} {self.chrono}, Python {self.python}, {self.at}"
        about = None
        for check in self.checks:
            if about != (check.kind, check.type):
                about = (check.kind, check.type)
                yield f"{check.kind} {check.type}"
            why = f": {check.reason}" if check.reason else ""
            yield f"  {check.number}  {check.result:<8} {check.name}{why}"
        for path, digest in self.recordings.items():
            yield f"sha256 {digest}  {path}"
        yield f"sha256 {self.code}  code"
        counted = ", ".join(f"{count} {result}" for result, count in self.counts.items())
        yield f"{counted}: {self.plugin} {'keeps' if self.holds else 'does not keep'} its contract"


class Plugin:
    """A plugin's package in a folder, installed beside chrono.

    Parameters
    ----------
    folder : Path
        Where its pyproject.toml lies.

    Raises
    ------
    ConfigError
        If there is no package there, it is not installed, or what is installed is another version of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.name = _name(folder / "pyproject.toml")
        try:
            self._installed = distribution(self.name)
        except PackageNotFoundError:
            wanted = f"{folder}: expected {self.name} to be installed beside chrono, was not"
            raise ConfigError(f"{wanted}; pip install -e {folder}") from None
        self.version = self._installed.version
        values = [point.value for point in self._installed.entry_points if point.group == GROUP]
        if not values:
            wanted = f"{folder / 'pyproject.toml'}: expected an entry point of group {GROUP!r}, was none"
            raise ConfigError(f"{wanted}; write it below [project.entry-points.{GROUP}] and install again")
        self._packages = sorted({value.partition(":")[0].partition(".")[0] for value in values})
        for package in self._packages:
            self._check_same(package, folder)

    @property
    def code(self) -> str:
        """The hash of what is installed."""
        whole = hashlib.sha256()
        for package in self._packages:
            for path, text in sorted(_modules(_home(package)).items()):
                whole.update(f"{path}\0{len(text)}\0".encode() + text)
        return whole.hexdigest()

    def _check_same(self, package: str, folder: Path) -> None:
        installed = _home(package)
        if installed is None:
            raise ConfigError(f"{folder}: expected {package} to be installed, was not; pip install -e {folder}")
        for here in (self.folder / "src" / package, self.folder / package):
            if here.is_dir() and _modules(here) != _modules(installed):
                wanted = f"{folder}: expected what is installed to be what lies here, {installed} differs"
                raise ConfigError(f"{wanted}; pip install -e {folder}")


def certify(plugin: Plugin) -> Certificate:
    """Run the contracts among a plugin's tests.

    Raises
    ------
    ConfigError
        If there is no contract, the tests cannot be run, or pytest is not installed.
    """
    found = examine(plugin)
    recordings = [Path(path) for subject in found.subjects for path in subject.recordings]
    return Certificate(
        plugin.name,
        plugin.version,
        version(CORE),
        platform.python_version(),
        datetime.fromtimestamp(WallClock().now() // 10**9, UTC).isoformat().replace("+00:00", "Z"),
        plugin.code,
        {_below(path, plugin.folder): _digest(path) for path in sorted(set(recordings)) if path.is_file()},
        sorted([*found.checks, *_unrun(found)], key=lambda check: (check.kind, check.type, check.number)),
    )


def examine(plugin: Plugin, *, run: bool = True) -> Findings:
    """Run the contracts of a plugin, or only look for them.

    Raises
    ------
    ConfigError
        If there is no contract, the tests cannot be run, or pytest is not installed.
    ChronoError
        If they do not end.
    """
    if find_spec("pytest") is None:
        raise ConfigError("expected pytest, which runs the checks, was not installed; pip install pytest")
    with TemporaryDirectory() as folder:
        found = _pytest(plugin, Path(folder) / "findings.json", () if run else ("--collect-only",))
    if found.problems:
        raise ConfigError(*(f"{plugin.folder}: expected tests that can be read, was {text}" for text in found.problems))
    if not found.subjects:
        wanted = f"{plugin.folder}: expected a test class that derives from a contract of chrono.testing, was none"
        raise ConfigError(f"{wanted}; see the tests that `chrono plugin new` makes")
    return found


def _pytest(plugin: Plugin, findings: Path, more: Sequence[str]) -> Findings:
    config = plugin.folder / "pyproject.toml"
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={plugin.folder}", f"-c{config}"]
    command = [sys.executable, "-m", "pytest", "-p", "chrono.testing.reporting", f"--chrono-findings={findings}"]
    if find_spec("xdist") is not None:
        # what is spread over processes would be found by none of them as a whole
        options.append("-n0")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    try:
        done = subprocess.run(  # noqa: S603 - the plugin's own tests, which is what was asked for
            [*command, *options, *more],
            cwd=plugin.folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        raise ChronoError(f"{plugin.folder}: expected its checks to end within {LONGEST:g}s, was longer") from None
    if not findings.exists():
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["nothing"]
        raise ConfigError(f"{plugin.folder}: expected pytest to run its tests, was {said[-1].strip()}")
    return msgspec.json.decode(findings.read_bytes(), type=Findings)


def _unrun(found: Findings) -> Iterator[Check]:
    """Yield the checks of each contract that never ended, as failed."""
    for subject in found.subjects:
        ended = {(check.number, check.name.partition(" (")[0]) for check in found.checks if _about(check, subject)}
        for name in subject.checks:
            _, number, words = name.split("_", 2)
            if (number, words.replace("_", " ")) not in ended:
                reason = "expected the check to be run, was left out by the plugin's tests"
                yield Check(subject.kind, subject.type, number, words.replace("_", " "), reason=reason)


def _about(check: Check, subject: Subject) -> bool:
    return (check.kind, check.type) == (subject.kind, subject.type)


def _name(path: Path) -> str:
    """Return the name that a project file gives its distribution."""
    try:
        project = tomllib.loads(path.read_text("utf-8")).get("project", {})
    except FileNotFoundError:
        wanted = f"{path.parent}: expected the folder of a plugin's package, was one without a pyproject.toml"
        raise ConfigError(f"{wanted}; `chrono plugin new` makes one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: expected a project file, was unreadable: {error}") from None
    name = project.get("name") if isinstance(project, dict) else None
    if not isinstance(name, str):
        raise ConfigError(f"{path}: expected a `name` below [project], was none; write one")
    return name


def _home(package: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin


def _modules(home: Path | None) -> Mapping[str, bytes]:
    if home is None:
        return {}
    paths = home.rglob("*.py") if home.is_dir() else [home]
    return {path.relative_to(home.parent).as_posix(): path.read_bytes() for path in paths}


def _below(path: Path, folder: Path) -> str:
    path = path.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
