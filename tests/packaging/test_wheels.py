"""Each package as a user gets it: a wheel, in a virtual environment with nothing else in it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
PLUGINS = {path.parent.name: path.parent for path in sorted(ROOT.glob("plugins/*/*/pyproject.toml"))}
TOO_HEAVY = {
    "aiohttp",
    "django",
    "fastapi",
    "flask",
    "pandas",
    "scikit-learn",
    "scipy",
    "sqlalchemy",
    "starlette",
    "web3",
}

SIMULATED = """
every: 100ms
feeds: {BTC/USD: {decimals: 2}}
sources:
  north: {type: simulated, lists: [USD], volume: 50%}
  south: {type: simulated, lists: [USD], volume: 50%}
consensus: {weighted_median: {min_venues: 2}}
"""
AGGREGATED = """
every: 1s
feeds: {{BTC/USD: {{decimals: 2}}}}
sources: {{venue: {{type: push}}}}
aggregator: {name}
consensus: {{median: {{min_venues: 1}}}}
"""
HIDDEN = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"}
PIP = [sys.executable, "-m", "pip"]
START = 1_795_342_500_000_000_000


Wheels = dict[str, Path]


class Environment:
    """A virtual environment that starts out empty.

    Parameters
    ----------
    home : Path
        Where to make it; commands run in a folder beside it, so that the repository is out of sight.
    shelf : Path, optional
        Where to install from; from the package index, as a user does, when not given.
    """

    def __init__(self, home: Path, shelf: Path | None = None) -> None:
        venv.create(home, symlinks=True)
        self.bin = home / "bin"
        self._from: list[str | Path] = ["--no-index", "--find-links", shelf / "all"] if shelf else []
        self.folder = home.with_name(f"{home.name}-work")
        self.folder.mkdir()

    def install(self, *what: str | Path) -> None:
        """Install with pip, at the versions that users are told to install."""
        run(*PIP, "--python", self.bin / "python", "install", "--no-compile", *self._from, *pinned(), *what)

    def __call__(self, program: str, *arguments: str | Path) -> str:
        """Run an installed program and return what it printed."""
        return run(self.bin / program, *arguments, folder=self.folder)


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """Run a command to a good end and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def pinned() -> list[str | Path]:
    """Return the options that hold pip to the versions that users are told to install."""
    return ["-q", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]


def tools() -> list[str]:
    """Return what the tests themselves need."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return [text for text in groups["test"] if isinstance(text, str)]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Build every package and fetch what they need, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shelf"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "full").exists():
            for name, source in {"core": ROOT, **PLUGINS}.items():
                run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / name, folder=source)
            built = [wheel for name in ("core", *PLUGINS) for wheel in (folder / name).iterdir()]
            run(*PIP, "download", "-d", folder / "all", *pinned(), *built, *tools())
            (folder / "full").touch()
    return folder


@pytest.fixture(scope="session")
def wheels(shelf: Path) -> Wheels:
    """Return each package's wheel by the name of the plugin, the core's as `core`."""
    return {name: next((shelf / name).iterdir()) for name in ("core", *PLUGINS)}


def metadata(wheel: Path) -> dict[str, list[str]]:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        message = Parser().parsestr(archive.read(name).decode())
    return {key: [str(value) for value in message.get_all(key, [])] for key in message}


def recording(path: Path) -> Path:
    """Write three seconds of trades."""
    tick = {"type": "trade", "pair": "BTC/USD", "price": 64250.1, "size": 0.5, "side": "buy"}
    lines = []
    for number in range(30):
        ts = START + number * 100_000_000
        told = {**tick, "trade_id": str(number), "ts_event": ts}
        lines.append(json.dumps({"v": 1, "ts": ts, "source": "venue", "conn": 1, "kind": "tick", "tick": told}))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["core", *PLUGINS])
def test_wheel_has_code_types_and_licence_and_nothing_else(name: str, wheels: Wheels) -> None:
    """What is installed is one typed package; tests and recordings stay in the repository."""
    package = "chrono" if name == "core" else f"chrono_{name}"
    with zipfile.ZipFile(wheels[name]) as archive:
        files = archive.namelist()
    assert {file.partition("/")[0] for file in files if ".dist-info/" not in file} == {package}
    assert f"{package}/py.typed" in files
    assert not [file for file in files if file.endswith((".pyc", ".jsonl", ".gz")) or "/tests/" in file]
    about = metadata(wheels[name])
    assert about["License-Expression"] == ["Apache-2.0"]
    assert about["Requires-Python"] == [">=3.11"]


def test_core_alone_is_light_and_works(wheels: Wheels, tmp_path: Path) -> None:
    """Without a plugin there are the built-in components, and no package that most will never need."""
    bare = Environment(tmp_path / "bare")
    bare.install(wheels["core"])
    installed = bare(
        "python", "-c", "import importlib.metadata as m; print(*[d.name.lower() for d in m.distributions()])"
    )
    assert TOO_HEAVY.isdisjoint(installed.split())
    assert len(installed.split()) < 32
    listed = [json.loads(line) for line in bare("chrono", "plugin", "list", "--format", "json").splitlines()]
    assert {row["distribution"] for row in listed} == {"chrono-oracle"}
    assert "chrono pipeline run" in bare("chrono", "--help")
    bare("chrono", "pipeline", "schema")


@pytest.mark.parametrize("name", PLUGINS)
def test_core_and_one_plugin_work_alone_together(name: str, wheels: Wheels, shelf: Path, tmp_path: Path) -> None:
    """A pipeline that names the plugin runs, and the plugin's own tests pass, beside nothing but the core."""
    bare = Environment(tmp_path / "bare", shelf)
    bare.install(wheels["core"], wheels[name])
    assert str(bare.bin.parent) in bare("python", "-c", f"import chrono, chrono_{name}; print(chrono.__file__)")
    listed = [json.loads(line) for line in bare("chrono", "plugin", "list", "--format", "json").splitlines()]
    assert {row["distribution"] for row in listed} == {"chrono-oracle", f"chrono-{name}"}
    assert name in {row["type"] for row in listed}
    works(name, bare)
    bare.install(*tools())
    bare("pytest", "-q", "-p", "no:cacheprovider", PLUGINS[name] / "tests")


def works(name: str, bare: Environment) -> None:
    """Use a plugin as its kind is used."""
    if name == "simulated":
        run = priced(name, bare, SIMULATED, "pipeline", "run", "--rounds", "20")
        assert len(run) == 20
    elif PLUGINS[name].parent.name == "aggregators":
        priced(name, bare, AGGREGATED.format(name=name), "replay", recording(bare.folder / "recording.jsonl"))
    else:
        recorded = PLUGINS[name] / "tests" / "recordings"
        expected = recorded / "trades.expected.jsonl"
        bare("chrono", "decode", name, recorded / "trades.jsonl", "--expect", expected)


def priced(name: str, bare: Environment, text: str, *command: str | Path) -> list[str]:
    """Run a pipeline and return its rounds, one of which at least has a price."""
    file = bare.folder / f"{name}.yaml"
    file.write_text(text)
    verb = 1 if command[0] == "replay" else 2
    rounds = bare("chrono", *command[:verb], file, *command[verb:], "--format", "json").splitlines()
    assert any(json.loads(line)["value"] for line in rounds), rounds
    return rounds
