"""Each package as a user gets it: a wheel, in a virtual environment with nothing else in it."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
APART = {ROOT / "plugins" / "exchanges" / "ccxt"}
"""Plugins that are tried in an environment of their own."""

FOLDERS = sorted({path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml")} - APART)
PLUGINS = {folder.relative_to(ROOT / "plugins").as_posix(): folder for folder in FOLDERS}
TOO_HEAVY = {
    "aiohttp",
    "django",
    "fastapi",
    "flask",
    "pandas",
    "scikit-learn",
    "scipy",
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
PUSHED = """
every: 1s
feeds: {BTC/USD: {decimals: 2}}
quotes: [USD]
sources: {north: {type: push}, south: {type: push}, east: {type: push}}
"""
USED = {
    "aggregators": ("aggregator", "aggregator: {}"),
    "consensus": ("consensus", "consensus: {}"),
    "detectors": ("detector", "detectors: [{}]"),
    "exchanges": ("source", ""),
    "sinks": ("sink", ""),
}
"""By the folder of a kind, the word that `chrono plugin list` has for it, and what a pipeline file says to use one."""

COMMANDS = {"sinks/flare_ftso": ("flare", "epoch", "--format", "json")}
"""Plugins that bring commands, and one to try; their components are a family, flare_… of flare_ftso."""

CONFIGURED = {"generic", "tiingo", "timescale"}
"""Components that are nothing until somebody says what they are to read, or where to write."""

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
    like : Environment, optional
        One whose packages to begin with, in place of none.
    """

    def __init__(self, home: Path, shelf: Path | None = None, like: Environment | None = None) -> None:
        venv.create(home, symlinks=True)
        self.bin = home / "bin"
        if like is not None:
            self._resemble(like)
        self._from: list[str | Path] = ["--no-index", "--find-links", shelf / "all"] if shelf else []
        self.folder = home.with_name(f"{home.name}-work")
        self.folder.mkdir()

    def _resemble(self, like: Environment) -> None:
        home, other = self.bin.parent, like.bin.parent
        shutil.copytree(other / "lib", home / "lib", copy_function=os.link, dirs_exist_ok=True)
        for script in like.bin.iterdir():
            if script.is_file() and not script.is_symlink() and not (self.bin / script.name).exists():
                shutil.copy(script, self.bin)
                (self.bin / script.name).write_text(script.read_text().replace(str(other), str(home)))

    def install(self, *what: str | Path) -> None:
        """Install at the versions that users are told to install, with what is quicker at it than pip."""
        run("uv", "pip", "install", "--python", self.bin / "python", *self._from, *pinned(), *what)

    def __call__(self, program: str, *arguments: str | Path) -> str:
        """Run an installed program and return what it printed."""
        return run(self.bin / program, *arguments, folder=self.folder)

    def refuses(self, program: str, *arguments: str | Path) -> str:
        """Run an installed program with input that is wrong and return what it says of it."""
        done = tried(self.bin / program, *arguments, folder=self.folder)
        assert done.returncode == 2, f"{done.stdout}{done.stderr}"
        return done.stderr

    def components(self) -> list[dict[str, str]]:
        """Return what `chrono plugin list` lists."""
        return [json.loads(line) for line in self("chrono", "plugin", "list", "--format", "json").splitlines()]

    def distributions(self) -> set[str]:
        """Return the names of what is installed."""
        listed = "import importlib.metadata as m; print(*[d.name.lower() for d in m.distributions()])"
        return {*self("python", "-c", listed).split()}


def tried(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to any end."""
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """Run a command to a good end and return what it printed."""
    done = tried(*command, folder=folder)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def pinned() -> list[str | Path]:
    """Return the options that hold pip and uv to the versions that users are told to install."""
    return ["-q", "-c", ROOT / "constraints.txt"]


def tools() -> list[str]:
    """Return what the tests themselves need."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [text for text in about["dependency-groups"]["test"] if isinstance(text, str)]


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
    """Return each package's wheel by the plugin's kind and name, the core's as `core`."""
    return {name: next((shelf / name).iterdir()) for name in ("core", *PLUGINS)}


@pytest.fixture(scope="session")
def core(wheels: Wheels, shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the core, for environments that begin with it."""
    made = Environment(tmp_path_factory.mktemp("core") / "core", shelf)
    made.install(wheels["core"])
    made("python", "-m", "compileall", "-q", made.bin.parent / "lib")
    return made


def metadata(wheel: Path) -> dict[str, list[str]]:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        message = Parser().parsestr(archive.read(name).decode())
    return {key: [str(value) for value in message.get_all(key, [])] for key in message}


def package(name: str) -> str:
    """Return what a plugin is imported as."""
    (folder,) = (folder.parent for folder in PLUGINS[name].glob("src/*/py.typed"))
    return folder.name


def said(number: int) -> Iterator[dict[str, object]]:
    """Yield a trade and a top of book."""
    yield {"type": "trade", "price": 64250.1, "size": 0.5, "side": "buy", "trade_id": str(number)}
    yield {"type": "quote", "bid": 64250.0, "ask": 64250.2, "bid_size": 1.0, "ask_size": 1.0}


def recording(path: Path) -> Path:
    """Write three seconds of three venues."""
    lines = []
    for number, source in itertools.product(range(30), ("north", "south", "east")):
        ts = START + number * 100_000_000
        for tick in said(number):
            told = {"pair": "BTC/USD", "ts_event": ts, **tick}
            lines.append(json.dumps({"v": 1, "ts": ts, "source": source, "conn": 1, "kind": "tick", "tick": told}))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["core", *PLUGINS])
def test_wheel_has_code_types_and_licence_and_nothing_else(name: str, wheels: Wheels) -> None:
    """What is installed is one typed package; tests and recordings stay in the repository."""
    top = "chrono" if name == "core" else package(name)
    with zipfile.ZipFile(wheels[name]) as archive:
        files = archive.namelist()
    assert {file.partition("/")[0] for file in files if ".dist-info/" not in file} == {top}
    assert f"{top}/py.typed" in files
    assert not [file for file in files if file.endswith((".pyc", ".jsonl", ".gz")) or "/tests/" in file]
    about = metadata(wheels[name])
    assert about["License-Expression"] == ["Apache-2.0"]
    assert about["Requires-Python"] == [">=3.11"]


def test_core_alone_is_light_and_works(wheels: Wheels, tmp_path: Path) -> None:
    """Without a plugin there are the built-in components, and no package that most will never need."""
    bare = Environment(tmp_path / "bare")
    bare.install(wheels["core"])
    installed = bare.distributions()
    assert TOO_HEAVY.isdisjoint(installed)
    assert len(installed) < 32
    assert {row["distribution"] for row in bare.components()} == {"chrono-oracle"}
    assert "chrono pipeline run" in bare("chrono", "--help")
    bare("chrono", "pipeline", "schema")
    played = bare("chrono", "scenario", "run", "A", "--draws", "20", "--jobs", "1", "--format", "json").splitlines()
    assert all(json.loads(row)["holds"] for row in played)


def test_core_alone_keeps_a_store(core: Environment, shelf: Path, wheels: Wheels, tmp_path: Path) -> None:
    """The wheel carries the migrations: a database is made, and made again from its beginning."""
    bare = Environment(tmp_path / "bare", shelf, core)
    file = bare.folder / "stored.yaml"
    file.write_text(PUSHED + "sinks: {sqlite: {path: prices.db}}\n")
    for _ in range(2):
        bare("chrono", "replay", file, recording(bare.folder / "recording.jsonl"))
    count = "import sqlite3; print(sqlite3.connect('prices.db').execute('SELECT count(*) FROM prices').fetchone()[0])"
    assert int(bare("python", "-c", count)) >= 2
    with zipfile.ZipFile(wheels["core"]) as archive:
        assert "chrono/store/migrations/versions/0001_store.py" in archive.namelist()


@pytest.mark.parametrize("name", PLUGINS)
def test_core_and_one_plugin_work_alone_together(
    name: str, wheels: Wheels, shelf: Path, core: Environment, tmp_path: Path
) -> None:
    """A pipeline that names the plugin runs beside nothing but the core and what the plugin asks for."""
    folder, _, word = name.partition("/")
    about = metadata(wheels[name])
    bare = Environment(tmp_path / "bare", shelf, core)
    bare.install(wheels[name])
    assert str(bare.bin.parent) in bare("python", "-c", f"import chrono, {package(name)}; print(chrono.__file__)")
    assert TOO_HEAVY & bare.distributions() <= {Requirement(text).name for text in about["Requires-Dist"]}
    own = [(row["kind"], row["type"]) for row in bare.components() if row["distribution"] == about["Name"][0]]
    if name in COMMANDS:
        assert own
        assert {(kind, found.partition("_")[0]) for kind, found in own} == {(USED[folder][0], word.partition("_")[0])}
    else:
        assert (USED[folder][0], word) in own
    works(name, bare)


def test_plugins_of_one_name_live_together_and_apart(
    wheels: Wheels, shelf: Path, core: Environment, tmp_path: Path
) -> None:
    """An aggregator and a consensus share a word; where one of them is missing, that is what is said."""
    bare = Environment(tmp_path / "bare", shelf, core)
    bare.install(wheels["aggregators/trimmed_mean"])
    priced("alone", bare, f"{PUSHED}aggregator: trimmed_mean\n")
    wanted = bare.folder / "wanted.yaml"
    wanted.write_text(f"{PUSHED}consensus: trimmed_mean\n")
    assert "expected a consensus of that type, was an aggregator" in bare.refuses("chrono", "pipeline", "check", wanted)
    bare.install(wheels["consensus/trimmed_mean"])
    priced("both", bare, f"{PUSHED}aggregator: trimmed_mean\nconsensus: trimmed_mean\n")
    told = bare("chrono", "plugin", "info", "trimmed_mean")
    assert "trimmed_mean: aggregator of chrono-trimmed-mean " in told
    assert "trimmed_mean: consensus of chrono-trimmed-mean-consensus " in told
    found = {(row["kind"], row["distribution"]) for row in bare.components() if row["type"] == "trimmed_mean"}
    assert found == {("aggregator", "chrono-trimmed-mean"), ("consensus", "chrono-trimmed-mean-consensus")}


def works(name: str, bare: Environment) -> None:
    """Use a plugin as its kind is used."""
    folder, _, word = name.partition("/")
    if name in COMMANDS:
        json.loads(bare("chrono", *COMMANDS[name]))
    elif word == "simulated":
        file = bare.folder / "simulated.yaml"
        file.write_text(SIMULATED)
        assert len(values(bare("chrono", "pipeline", "run", file, "--rounds", "20", "--format", "json"))) == 20
    elif word in CONFIGURED:
        assert "required" in bare("chrono", "plugin", "info", word)
    elif folder == "exchanges":
        expected = next((PLUGINS[name] / "tests" / "recordings").glob("[tq]*s.expected.jsonl"))
        recorded = expected.with_name(expected.name.replace(".expected", ""))
        bare("chrono", "decode", word, recorded, "--expect", expected)
    else:
        priced(word, bare, PUSHED + USED[folder][1].format(word))


def priced(name: str, bare: Environment, text: str) -> None:
    """Replay a recording to a pipeline."""
    file = bare.folder / f"{name}.yaml"
    file.write_text(text)
    values(bare("chrono", "replay", file, recording(bare.folder / "recording.jsonl"), "--format", "json"))


def values(printed: str) -> list[str | None]:
    """Return what each round published, which at least once is a price."""
    found = [json.loads(line)["value"] for line in printed.splitlines()]
    assert any(found), printed
    return found
