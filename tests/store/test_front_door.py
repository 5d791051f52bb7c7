"""`chrono.store` is what plugins import of the store: sorted, complete, and free until it is used."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

from chrono import store
from tests.test_front_door import modules

HEAVY = {"alembic", "asyncpg", "sqlalchemy"}


def declared() -> list[str]:
    """Return the names that type checkers see."""
    tree = ast.parse(Path(inspect.getfile(store)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return [name.asname or "" for line in block.body if isinstance(line, ast.ImportFrom) for name in line.names]


def test_front_door_is_sorted_and_says_the_same_to_all() -> None:
    """Type checkers, programs and people see one list."""
    assert store.__all__ == sorted(set(store.__all__)) == sorted(declared()) == dir(store)


@pytest.mark.parametrize("name", store.__all__)
def test_name_leads_to_its_home(name: str) -> None:
    """Every one, and to the same object."""
    home = next(module for module, names in store._HOMES.items() if name in names.split())
    assert getattr(store, name) is getattr(import_module(home), name)


def test_unknown_name_is_an_attribute_error() -> None:
    """A slip reads like any other of Python's."""
    with pytest.raises(AttributeError, match=r"module 'chrono\.store' has no attribute 'Databse'"):
        store.Databse  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import chrono",
        "import chrono.store",
        "from chrono.cli.app import run\nrun(['--help'])\nrun(['plugin', 'list'])",
        "from chrono.store import StoreSink",
        "from chrono.core.registry import Registry\nRegistry(found=()).component('sink', 'sqlite')",
    ],
)
def test_nothing_speaks_to_databases_before_one_is_written_to(code: str) -> None:
    """A pipeline without a store pays for none, nor does one that is only checked."""
    assert not modules(code) & HEAVY
