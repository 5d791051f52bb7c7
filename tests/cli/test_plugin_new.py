"""`chrono plugin new`: what it makes works as it is, and what it refuses it refuses with one line."""

from __future__ import annotations

import builtins
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from chrono.testing.scaffold import LONGEST, Package

from .conftest import Cli

KINDS = ("source", "aggregator", "consensus", "detector", "sink")
LONG = "a" * LONGEST


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which mypy remembers chrono."""
    return tmp_path_factory.mktemp("mypy")


def ran(folder: Path, *command: str | Path) -> None:
    """Run a tool to a good end."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_named(kind: str, cli: Cli, folder: Path) -> None:
    """What was made is listed, and what to do next is said on standard error."""
    done = cli("plugin", "new", kind, "north_sea")
    assert done.code == 0
    made = [path for path in (folder / "chrono-north-sea").rglob("*") if path.is_file()]
    assert sorted(done.out.split()) == sorted(str(path.relative_to(folder)) for path in made)
    assert {"pyproject.toml", "README.md", "__init__.py", "py.typed", "test_contract.py"} <= {p.name for p in made}
    assert "pip install -e chrono-north-sea pytest && chrono plugin test chrono-north-sea" in done.err


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", LONG, "with_some_parts"])
@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed")
def test_style_is_right_whatever_the_name(kind: str, name: str, cli: Cli, folder: Path) -> None:
    """Neither a short nor a long name leaves a line that is out of form."""
    cli("plugin", "new", kind, name)
    (made,) = folder.iterdir()
    ran(made, "ruff", "check", "--no-cache")
    ran(made, "ruff", "format", "--no-cache", "--check")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_types_are_right(kind: str, cli: Cli, folder: Path, cache: Path) -> None:
    """The package and its tests pass mypy, strict."""
    cli("plugin", "new", kind, "north_sea")
    ran(folder / "chrono-north-sea", "mypy", "--cache-dir", cache)


@pytest.mark.parametrize("name", ["trade", "print", "any", "none", "exception", "iterable", "source", "market", "path"])
@pytest.mark.parametrize("kind", KINDS)
def test_class_hides_no_other_name(kind: str, name: str) -> None:
    """A word that the code or Python has for something else is not the name of the class."""
    package = Package(kind, name)
    (code,) = (text for path, text in package.files() if path.endswith("__init__.py"))
    assert f"class {package.cls}(" in code
    assert code.count(f"class {package.cls}") == 1
    assert not hasattr(builtins, package.cls)
    compile(code, name, "exec")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("thing", "acme"),
            "expected a kind of plugin, one of source, aggregator, detector, consensus, sink, was 'thing'",
        ),
        (("source", "Acme-X"), "was 'Acme-X'; write acme_x"),
        (("source", "9"), "that begins with a letter, was '9'"),
        (("source", ""), "expected a name of lower-case letters"),
        (("source", "a__b"), "write a_b"),
        (("source", "köln"), "write k_ln"),
        (("source", "../up"), "write up"),
        (("source", LONG + "a"), f"at most {LONGEST} characters"),
        (("source", "true"), "expected a name that YAML reads as text, was 'true'"),
        (("source", "push"), "expected a name that is free, was 'push', a source of chrono-oracle"),
        (("sink", "oracle"), "the name of an installed distribution, chrono-oracle"),
    ],
)
def test_name_that_cannot_be_is_refused(words: tuple[str, str], says: str, cli: Cli, folder: Path) -> None:
    """One line says what was expected and what it was; nothing is made."""
    done = cli("plugin", "new", *words)
    assert (done.code, len(done.problems)) == (2, 1)
    assert says in done.err
    assert not list(folder.iterdir())


def test_type_of_another_plugin_is_refused(cli: Cli, site: Any) -> None:
    """A word belongs to who has it, whatever its kind."""
    site.install("chrono_elsewhere", "", ["elsewhere"])
    done = cli("plugin", "new", "sink", "elsewhere")
    assert (done.code, len(done.problems)) == (2, 1)
    assert "expected a name that is free, was 'elsewhere', in use by chrono-elsewhere" in done.err


def test_nothing_is_overwritten(cli: Cli, folder: Path) -> None:
    """A folder of that name stays as it is."""
    (folder / "chrono-acme").mkdir()
    done = cli("plugin", "new", "source", "acme")
    assert (done.code, len(done.problems)) == (2, 1)
    assert "expected nothing of that name yet, there is" in done.err
    assert not list((folder / "chrono-acme").iterdir())


def test_folder_to_make_it_in_may_be_stated(cli: Cli, folder: Path) -> None:
    """It is made if it is not there; a file is none."""
    assert cli("plugin", "new", "source", "acme", "--out", "deep/down").code == 0
    assert (folder / "deep" / "down" / "chrono-acme" / "README.md").is_file()
    (folder / "file").write_text("")
    done = cli("plugin", "new", "source", "acme", "--out", "file")
    assert (done.code, len(done.problems)) == (2, 1)
    assert "expected to write there, was refused: Not a directory" in done.err
