"""Turns the names of components in a pipeline file into classes and validated options."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from chrono.core.component import Component, Config, Secret
from chrono.core.config.explain import explain, nearest, shown
from chrono.core.config.models import SOURCE_ID, Declared
from chrono.core.config.problems import Mark, Problems
from chrono.core.config.yaml import Node, join
from chrono.core.errors import PluginError, UnknownType

Resolve: TypeAlias = Callable[[str, str], type[Component]]
"""Takes kind and type; raises `UnknownType` where nothing of that type is installed, PluginError where it is broken."""

_ID = re.compile(SOURCE_ID)
_TYPE = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class Declarer:
    """Resolves the components of one file, telling its problems as it goes."""

    def __init__(self, resolve: Resolve, problems: Problems) -> None:
        self._resolve = resolve
        self._problems = problems
        self._outcomes: dict[tuple[str, str], type[Component] | LookupError | PluginError] = {}

    def named(self, kind: str, node: Node, path: str, mark: Mark) -> dict[str, Declared]:
        """Return sources or sinks by id."""
        if not isinstance(node.value, dict):
            self._expect(mark, path, f"a mapping like {{name: {{}}}} of {kind}s", node)
            return {"": _absent(kind, path)}
        return {id: self._entry(kind, id, node, join(path, id)) for id in node.value}

    def one(self, kind: str, node: Node, path: str, mark: Mark) -> Declared:
        """Return a component written `name` or `{name: {option: value}}`."""
        if isinstance(node.value, dict) and len(node.value) == 1:
            type = next(iter(node.value))
            return self._declare(kind, type, type, node.value[type], join(path, type), node.keys[type])
        if isinstance(node.value, str) and not isinstance(node.value, Secret):
            return self._declare(kind, node.value, node.value, None, path, node.mark)
        self._expect(mark, path, f"{_article(kind)} like `name` or `{{name: {{option: value}}}}`", node, _hint(node))
        return _absent(kind, path)

    def several(self, kind: str, node: Node, path: str, mark: Mark) -> tuple[Declared, ...]:
        """Return a list of components; a second one of a type gets the id `type/2`."""
        if not isinstance(node.value, list):
            self._expect(mark, path, f"a list of {kind}s like [name, {{name: {{option: value}}}}]", node)
            return ()
        found: list[Declared] = []
        for index, item in enumerate(node.value):
            part = self.one(kind, item, join(path, index), node.place(index))
            rank = 1 + sum(other.type == part.type for other in found)
            id = part.id if rank == 1 else f"{part.type}/{rank}"
            found.append(Declared(id, kind, part.type, part.cls, part.options, part.path))
        return tuple(found)

    def default(self, kind: str, type: str, path: str, mark: Mark) -> Declared:
        """Return a component that the file does not name, with no options."""
        return self._declare(kind, type, type, None, join(path, type), mark)

    def _entry(self, kind: str, id: str, parent: Node, path: str) -> Declared:
        node, key = parent.value[id], parent.keys[id]  # type: ignore[index,call-overload]
        if not _ID.fullmatch(id):
            near = _likely(id)
            self._problems.add(key, path, f"expected an id like kraken or kraken/eu, was {id!r}{near}")
            return _absent(kind, path)
        type = node.child("type") if isinstance(node.value, dict) else None
        if type is None:
            return self._declare(kind, id, id.partition("/")[0], node, path, key, named=True)
        if isinstance(type.value, Secret) or not isinstance(type.value, str):
            self._expect(type.mark, join(path, "type"), f"the type of {_article(kind)}, written out", type)
            return _absent(kind, path)
        return self._declare(kind, id, type.value, node, path, type.mark, below="type")

    def _declare(
        self,
        kind: str,
        id: str,
        type: str,
        node: Node | None,
        path: str,
        mark: Mark,
        *,
        named: bool = False,
        below: str = "",
    ) -> Declared:
        cls = self._class(kind, type)
        if isinstance(cls, LookupError | PluginError):
            message = _unknown(kind, type, cls, named=named) if isinstance(cls, UnknownType) else str(cls.args[0])
            self._problems.add(mark, join(path, below) if below else path, message)
            return _absent(kind, path)
        options = self._options(cls, kind, type, node or Node(mark, None), path, mark, has_type=bool(below))
        return Declared(id, kind, type, cls, options, path)

    def _class(self, kind: str, type: str) -> type[Component] | LookupError | PluginError:
        if (kind, type) not in self._outcomes:
            try:
                self._outcomes[kind, type] = self._resolve(kind, type)
            except (LookupError, PluginError) as error:
                self._outcomes[kind, type] = error
        return self._outcomes[kind, type]

    def _options(
        self, cls: type[Component], kind: str, type: str, node: Node, path: str, mark: Mark, *, has_type: bool
    ) -> BaseModel:
        if not isinstance(node.value, dict | None):
            written = _TYPE.fullmatch(node.text) and kind in ("source", "sink")
            hint = f"; write {{type: {node.text}}}" if written else ""
            self._expect(node.mark, path, "a mapping of options like {option: value}", node, hint)
            return Config()
        data: dict[str, Any] = node.plain() or {}
        if has_type:
            del data["type"]
        try:
            return cls.Config.model_validate(data)
        except ValidationError as error:
            for at, where, message in explain(error, cls.Config, node, mark, path):
                self._problems.add(at, where, message)
        except Exception as error:  # noqa: BLE001 - a stranger's validator; its words might show a secret
            name = error.__class__.__name__
            self._problems.add(mark, path, f"plugin {type} failed to check its options: {name}; tell its author")
        return Config()

    def _expect(self, mark: Mark, path: str, expected: str, node: Node, hint: str = "") -> None:
        if not node.broken:
            self._problems.add(mark, path, f"expected {expected}, was {shown(node)}{hint}")


def _absent(kind: str, path: str) -> Declared:
    """Stand in for a component with a problem, so that no second problem follows from it."""
    return Declared("", kind, "", Component, Config(), path)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _likely(id: str) -> str:
    guess = re.sub(r"[^a-z0-9_./-]+", "-", id.lower())
    return f"; did you mean {guess!r}?" if _ID.fullmatch(guess) else ""


def _hint(node: Node) -> str:
    if isinstance(node.value, dict) and "type" in node.value:
        return f"; write {{{node.value['type'].text}: {{option: value}}}}"
    if isinstance(node.value, dict):
        return f" of {len(node.value)} keys; indent options below the name"
    return ""


def _unknown(kind: str, type: str, error: UnknownType, *, named: bool) -> str:
    near = nearest(type, error.known)
    package = "chrono-" + re.sub(r"[^a-z0-9]+", "-", type.lower()).strip("-")
    ways = [f"pip install {package}"] if _TYPE.fullmatch(type) else []
    ways += ["name its type with {type: …}"] if named and not near else []
    tail = f"{near} or: " if near else "; "
    return f"no {kind} of type {type!r} is installed{tail}{', or '.join(ways) or 'see chrono plugin list'}"
