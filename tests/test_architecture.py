"""What the layers of `tox -e lint` cannot say: who reads the clock, who waits, what a package may be called."""

import ast
import configparser
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "chrono").rglob("*.py"))
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml"))
FOLDERS = [path.relative_to(ROOT).as_posix() for path in PLUGINS]

APART = {"plugins/exchanges/ccxt"}
"""Plugins with an environment of their own in tox."""

MAY_READ_THE_CLOCK = {"chrono.core.clock"}
MAY_WAIT = {"chrono.core.clock", "chrono.core.transport", "chrono.testing"}
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep", "anyio.sleep_until", "sleep"}
BARE_TASKS = {"asyncio.create_task", "asyncio.ensure_future", "threading.Thread", "loop.create_task"}


def project(folder: Path) -> Any:
    """Return the pyproject.toml of a folder."""
    return tomllib.loads((folder / "pyproject.toml").read_text())


def package(folder: Path) -> Path:
    """Return the one package of a plugin."""
    (found,) = (path for path in (folder / "src").iterdir() if path.name != "__pycache__")
    return found


def tox(section: str, key: str) -> str:
    """Return a setting of tox as tox reads it, with what is continued on a next line."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "tox.ini")
    return settings[section][key].replace("\\\n", "")


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str, packages: set[str]) -> bool:
    """Say whether a module is one of these packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def calls(path: Path) -> Iterator[str]:
    """Yield what a module calls, as it is written there."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imported(paths: list[Path]) -> set[str]:
    """Return the top packages that modules import, the standard library aside."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return {name.partition(".")[0].replace("_", "-") for name in found} - {*sys.stdlib_module_names, "--future--"}


def required(folder: Path) -> set[str]:
    """Return the distributions a project depends on, by the name they are imported under."""
    return named(project(folder)["project"]["dependencies"])


def optional(folder: Path) -> set[str]:
    """Return the distributions that a project works without, by the name they are imported under."""
    extras = project(folder)["project"].get("optional-dependencies", {})
    return named([text for extra in extras.values() for text in extra])


def named(requirements: Iterable[str]) -> set[str]:
    """Return what distributions are imported as."""
    imports = {"pyyaml": "yaml", "chrono-oracle": "chrono", "pycryptodome": "Crypto"}
    return {imports.get(name, name) for name in (Requirement(text).name for text in requirements)}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_keeps_the_rules_of_time_and_tasks(path: Path) -> None:
    """One reader of the wall clock; waiting is the clock's and the transport's; every task has a group."""
    name, called = name_of(path), set(calls(path))
    assert within(name, MAY_READ_THE_CLOCK) or not called & CLOCKS
    assert within(name, MAY_WAIT) or not called & SLEEPS
    assert not called & BARE_TASKS


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_has_no_state_of_its_own(path: Path) -> None:
    """What is remembered belongs to an object that somebody made and hands on."""
    assert not [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Global)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_has_a_name_that_says_something(path: Path) -> None:
    """A room for everything is a room for nothing."""
    assert path.stem not in {"utils", "util", "common", "helpers", "misc", "base"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_has_a_layer(path: Path) -> None:
    """A new module finds its place in the layers before it is used."""
    (layers, *_) = (c["layers"] for c in project(ROOT)["tool"]["importlinter"]["contracts"] if "layers" in c)
    placed = {module.strip() for layer in layers for module in layer.split("|")}
    outside = {"chrono", "chrono.__main__", "chrono.core"}
    assert name_of(path) in outside or within(name_of(path), placed | {"chrono.testing"})


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name != "testing"], ids=name_of)
def test_core_does_not_use_its_own_front_door(path: Path) -> None:
    """The front door is lazy: inside the house it would only hide where a thing is from."""
    from chrono import __all__ as names

    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "chrono":
            assert not {alias.name for alias in node.names} & set(names)


def test_core_requires_what_it_imports_and_nothing_else() -> None:
    """No package is used by luck, none is installed in vain; typing's own spares come with pydantic."""
    own = {"chrono", "pydantic-core", "typing-extensions", "pytest"}
    # the library of zones reads it by itself
    unseen = {"tzdata"}
    assert imported(MODULES) - own - optional(ROOT) == required(ROOT) - unseen


@pytest.mark.parametrize("folder", PLUGINS, ids=FOLDERS)
def test_plugin_requires_what_it_imports_and_nothing_else(folder: Path) -> None:
    """A plugin that leans on what the core happens to bring breaks when the core changes its mind."""
    own = {package(folder).name.replace("_", "-"), "pydantic-core"}
    assert imported([*package(folder).rglob("*.py")]) - own - optional(folder) == required(folder)


@pytest.mark.parametrize("folder", PLUGINS, ids=FOLDERS)
def test_plugin_is_laid_out_like_the_others(folder: Path) -> None:
    """Distribution, package, entry point, types, a page of its own, and the range of cores it was made for."""
    about, name = project(folder)["project"], package(folder).name
    assert about["name"] == name.replace("_", "-")
    assert f"{name}_".startswith(f"chrono_{folder.name}_")
    points = about["entry-points"]
    # one that brings commands may have no component, or components of a family: flare_… in flare_ftso
    offered = points.get("chrono", {folder.name: name})
    family = folder.name.partition("_")[0] if "chrono.commands" in points else folder.name
    assert folder.name in offered or "chrono.commands" in points
    # a second type of the same package is named after the first
    assert all(each.startswith(family) and module == name for each, module in offered.items())
    assert {"chrono", "chrono.commands"} & {*points}
    assert (package(folder) / "py.typed").exists()
    assert (folder / "README.md").exists()
    assert any(Requirement(text).name == "chrono-oracle" and "<" in text for text in about["dependencies"])
    assert about["version"] == project(ROOT)["project"]["version"]
    assert about["requires-python"] == project(ROOT)["project"]["requires-python"]
    assert set(about["classifiers"]) <= set(project(ROOT)["project"]["classifiers"])


def test_plugins_of_one_name_are_different_packages() -> None:
    """An aggregator and a consensus may share a word; installed together, neither overwrites the other."""
    assert len({package(folder).name for folder in PLUGINS}) == len(PLUGINS)


def test_every_list_of_plugins_has_every_plugin() -> None:
    """What tox installs, what it lints and the layers each name the plugins; a new one is added to all of them."""
    packages = sorted(package(folder).name for folder in PLUGINS)
    lines = (ROOT / "requirements-plugins.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("plugins/")] == [name for name in FOLDERS if name not in APART]
    (path,) = (line for line in tox("testenv:lint", "set_env").splitlines() if line.startswith("PYTHONPATH"))
    assert path.removeprefix("PYTHONPATH = ").split("{:}") == [f"{folder}/src" for folder in FOLDERS]
    linter = project(ROOT)["tool"]["importlinter"]
    lists = [linter["root_packages"], *(c[key] for c in linter["contracts"] for key in c if key.endswith("modules"))]
    assert all(
        sorted(set(named)) == sorted(set(named) - {*packages}) + packages for named in lists if {*packages} & {*named}
    )
