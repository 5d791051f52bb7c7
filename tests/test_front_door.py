"""`chrono` is what plugins and users import: it is sorted, complete, importable, and costs nothing."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import chrono

HEAVY = ["anyio", "httpx", "msgspec", "numpy", "pluggy", "pydantic", "rich", "structlog", "typer", "websockets", "yaml"]
UNWANTED = ["fastapi", "httpx", "numpy", "pandas", "rich", "scipy", "sklearn", "sqlalchemy", "web3", "yaml"]


def declared() -> list[str]:
    """Return the names that type checkers see at the front door."""
    tree = ast.parse(Path(inspect.getfile(chrono)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return [name.asname or "" for line in block.body if isinstance(line, ast.ImportFrom) for name in line.names]


def modules(code: str) -> set[str]:
    """Return the top packages that a program has imported when it ends."""
    report = "import sys; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_front_door_is_sorted() -> None:
    """A name is found where the alphabet puts it."""
    assert chrono.__all__ == sorted(set(chrono.__all__))


def test_front_door_offers_at_run_time_what_type_checkers_see() -> None:
    """The two lists in the file do not drift apart."""
    assert sorted(declared()) == chrono.__all__ == dir(chrono)


@pytest.mark.parametrize("name", chrono.__all__)
def test_name_at_the_front_door_can_be_imported(name: str) -> None:
    """Every name leads to its home, and is the same object there."""
    value = getattr(chrono, name)
    home = next(module for module, names in chrono._HOMES.items() if name in names.split())
    assert value is getattr(import_module(home), name)


def test_front_door_has_the_whole_tree_of_errors() -> None:
    """What an author may raise or a user catch can be imported; two are for the core alone."""
    errors = import_module("chrono.core.errors")
    tree = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    told_otherwise = {"ReaderLeft", "UnknownType"}
    assert tree - told_otherwise <= set(chrono.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    """A slip reads like any other of Python's."""
    with pytest.raises(AttributeError, match="module 'chrono' has no attribute 'Sorce'"):
        chrono.Sorce  # noqa: B018


def test_import_of_the_front_door_imports_nothing_else() -> None:
    """`import chrono` costs milliseconds: what is behind a name is loaded when the name is used."""
    assert modules("import chrono").isdisjoint(HEAVY)


def test_help_imports_no_plugin_and_nothing_heavy() -> None:
    """Somebody who asks for help does not wait for a WebSocket client."""
    code = "from chrono.cli.app import run\nfor words in (['--help'], ['pipeline', 'run', '--help']): run(words)"
    loaded = modules(code)
    assert loaded.isdisjoint(UNWANTED)
    assert not [name for name in loaded if name.startswith("chrono_")]
