"""The page for looking up what a plugin sees says what the code says, name by name."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import chrono
from chrono.core import clock, component, types
from chrono.core.transport import codec

TEXT = (Path(__file__).parents[2] / "docs" / "plugin-api.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

HOMES = (chrono, component, types, codec, clock)

OWN = {
    "FrameSource": {"absent", "account", "reader", "routes"},
    "WebSocketSource": {"asks", "next_connection", "polled", "reader", "run", "tls"},
    "PollingSource": {"run"},
}
"""Public for chrono's other modules, and of no use to a plugin."""


def home(name: str) -> Any:
    """Return the module that a name is looked up in, the front door before others."""
    return next(module for module in HOMES if hasattr(module, name))


def faces() -> Iterator[Any]:
    """Yield each class of the page with the text of its block."""
    for block in BLOCKS:
        for node in ast.parse(block).body:
            if isinstance(node, ast.ClassDef):
                yield pytest.param(node, block, id=node.name)


def ancestry(shown: ast.ClassDef, cls: type) -> list[type]:
    """Return the classes whose names a face has to show: those below the base that it states."""
    bases = [getattr(home(base.id), base.id) for base in shown.bases if isinstance(base, ast.Name)]
    assert all(issubclass(cls, base) for base in bases)
    hidden = {ancestor for base in bases for ancestor in base.__mro__}
    return [each for each in cls.__mro__ if each.__module__.startswith("chrono.") and each not in hidden]


@cache
def members(cls: type) -> dict[str, ast.stmt]:
    """Return what the source of a class says of each name."""
    node: Any = source(sys.modules[cls.__module__])
    for name in cls.__qualname__.split("."):
        node = next(each for each in node.body if isinstance(each, ast.ClassDef) and each.name == name)
    return named(node)


@cache
def source(module: Any) -> ast.Module:
    """Return the source of a module."""
    return ast.parse(inspect.getsource(module))


def named(node: ast.ClassDef) -> dict[str, ast.stmt]:
    """Return the statements of a class that annotate a name, or define one."""
    found: dict[str, ast.stmt] = {}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = statement
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[statement.name] = statement
    return found


def is_attribute(node: ast.stmt) -> bool:
    """Return whether a function is read without being called."""
    return isinstance(node, ast.FunctionDef) and any("property" in name for name in decorators(node))


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return how a function is decorated, abstract or not."""
    return [name for each in node.decorator_list if (name := ast.unparse(each)) != "abstractmethod"]


def returned(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the annotation of what a function returns."""
    return ast.unparse(node.returns) if node.returns is not None else ""


def default(node: ast.expr | None) -> ast.expr | None:
    """Return a default, that of an option taken out of its field."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field":
        return next((word.value for word in node.keywords if word.arg == "default"), None)
    return node


def value(node: ast.expr | None, module: Any) -> Any:
    """Return what a default comes to."""
    return None if node is None else eval(ast.unparse(node), dict(vars(module)))


def assert_same(shown: ast.stmt, real: ast.stmt, module: Any) -> None:
    """Compare a line of the page with the code."""
    where = ast.unparse(shown)
    if isinstance(shown, ast.AnnAssign):
        if isinstance(real, ast.AnnAssign):
            assert ast.unparse(shown.annotation) == ast.unparse(real.annotation), where
            assert (shown.value is None) == (real.value is None), where
            if ast.unparse(shown.value or ast.Constant(0)) != "...":
                assert value(shown.value, module) == value(default(real.value), module), where
        else:
            assert isinstance(real, ast.FunctionDef), where
            assert is_attribute(real), where
            assert ast.unparse(shown.annotation) == returned(real), where
        return
    assert isinstance(shown, ast.FunctionDef | ast.AsyncFunctionDef), where
    assert isinstance(real, type(shown)), where
    assert not is_attribute(real), where
    assert ast.unparse(shown.args) == ast.unparse(real.args), where
    assert returned(shown) == returned(real), where
    assert decorators(shown) == decorators(real), where


@pytest.mark.parametrize(("shown", "block"), list(faces()))
def test_face_of_a_class_is_that_of_the_code(shown: ast.ClassDef, block: str) -> None:
    """Every name is there in its order, with its type, default or signature, and a meaning behind it; no other is."""
    cls = getattr(home(shown.name), shown.name)
    assert_face(shown, cls, block.splitlines())


def assert_face(shown: ast.ClassDef, cls: type, lines: list[str]) -> None:
    """Compare a class of the page with the code, and its options with those of the nested class."""
    told, classes = named(shown), ancestry(shown, cls)
    real = {name: node for each in reversed(classes) for name, node in members(each).items()}
    inherited = {name for base in cls.__mro__ if base not in classes for name in vars(base)}
    silent = inherited | OWN.get(cls.__name__, set()) | {"Config"}
    assert set(told) <= set(real)
    assert [name for name in real if not name.startswith("_") and name not in told and name not in silent] == []
    fields = [name for name, node in real.items() if name in told and isinstance(node, ast.AnnAssign)]
    assert [name for name in told if name in fields] == fields
    for name, node in told.items():
        if isinstance(node, ast.ClassDef):
            assert_options(node, getattr(cls, name), lines)
        else:
            assert_same(node, real[name], inspect.getmodule(next(c for c in classes if name in members(c))))
            assert re.search(r"  # \S", lines[(node.end_lineno or 0) - 1]), f"expected a meaning behind {name}"


def assert_options(shown: ast.ClassDef, cls: type, lines: list[str]) -> None:
    """Compare options."""
    real = {name: node for name, node in members(cls).items() if isinstance(node, ast.AnnAssign)}
    assert list(named(shown)) == list(real)
    for name, node in named(shown).items():
        assert_same(node, real[name], inspect.getmodule(cls))
        assert re.search(r"  # \S", lines[(node.end_lineno or 0) - 1]), f"expected a meaning behind {name}"


def test_other_names_stand_for_what_the_code_has() -> None:
    """The words of a literal, the members of a union."""
    aliases = [node for block in BLOCKS for node in ast.parse(block).body if isinstance(node, ast.Assign)]
    assert aliases
    for node in aliases:
        name = ast.unparse(node.targets[0])
        module = component if name == "State" else types
        assert value(node.value, module) == getattr(module, name)


def test_every_name_of_the_front_door_is_explained() -> None:
    """A plugin imports nothing that the documentation does not tell."""
    docs = Path(__file__).parents[2] / "docs"
    text = TEXT + (docs / "hooks.md").read_text() + (docs / "first-exchange-plugin.md").read_text()
    assert [name for name in chrono.__all__ if not re.search(rf"\b{name}\b", text)] == []
