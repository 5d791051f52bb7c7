"""Turns the names of components in a pipeline file into classes and validated options."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

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


class _Wanted(NamedTuple):
    """A component as the file asks for it; `mark` and `path` are where its type is told."""

    kind: str
    word: str
    name: str
    mark: Mark
    path: str
    explicit: bool = False


class Declarer:
    """Resolves the components of one file, telling its problems as it goes."""

    def __init__(self, resolve: Resolve, problems: Problems) -> None:
        self._resolve = resolve
        self._problems = problems
        self._outcomes: dict[tuple[str, str], type[Component] | LookupError | PluginError] = {}

    def named(self, kind: str, node: Node, path: str, mark: Mark) -> dict[str, Declared]:
        """Return sources or sinks by id."""
        if not isinstance(node.value, dict):
            self._expect(mark, path, f"a mapping of {kind}s like {{name: {{}}}}", node)
            return {"": _absent(kind, path)}
        return {
            name: self._entry(kind, name, options, join(path, name), node.keys[name])
            for name, options in node.value.items()
        }

    def one(self, kind: str, node: Node, path: str, mark: Mark) -> Declared:
        """Return a component written `name` or `{name: {option: value}}`."""
        if isinstance(node.value, dict) and len(node.value) == 1:
            ((word, options),) = node.value.items()
            return self._declare(_Wanted(kind, word, word, node.keys[word], join(path, word)), options)
        if isinstance(node.value, str) and not isinstance(node.value, Secret):
            return self._declare(_Wanted(kind, node.value, node.value, node.mark, path))
        self._expect(mark, path, f"{_a(kind)} like `name` or `{{name: {{option: value}}}}`", node, _hint(node))
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
            name = part.id if rank == 1 else f"{part.type}/{rank}"
            found.append(Declared(name, kind, part.type, part.cls, part.options, part.path))
        return tuple(found)

    def default(self, kind: str, word: str, path: str, mark: Mark) -> Declared:
        """Return a component that the file does not name, with no options."""
        return self._declare(_Wanted(kind, word, word, mark, join(path, word)))

    def _entry(self, kind: str, name: str, node: Node, path: str, mark: Mark) -> Declared:
        if not _ID.fullmatch(name):
            message = f"expected an id like kraken or kraken/eu, was {name!r}{_likely(name)}"
            self._problems.add(mark, path, message)
            return _absent(kind, path)
        word = node.child("type") if isinstance(node.value, dict) else None
        if word is None:
            return self._declare(_Wanted(kind, name.partition("/")[0], name, mark, path), node)
        if isinstance(word.value, Secret) or not isinstance(word.value, str):
            self._expect(word.mark, join(path, "type"), f"the type of {_a(kind)}, written out", word)
            return _absent(kind, path)
        return self._declare(_Wanted(kind, word.value, name, word.mark, path, explicit=True), node)

    def _declare(self, wanted: _Wanted, node: Node | None = None) -> Declared:
        kind, word, name, mark, path, explicit = wanted
        cls = self._class(kind, word)
        if isinstance(cls, LookupError | PluginError):
            message = _unknown(wanted, cls.known) if isinstance(cls, UnknownType) else str(cls.args[0])
            self._problems.add(mark, join(path, "type") if explicit else path, message)
            return _absent(kind, path)
        return Declared(name, kind, word, cls, self._options(cls, wanted, node or Node(mark, None)), path)

    def _class(self, kind: str, word: str) -> type[Component] | LookupError | PluginError:
        if (kind, word) not in self._outcomes:
            try:
                self._outcomes[kind, word] = self._resolve(kind, word)
            except (LookupError, PluginError) as error:
                self._outcomes[kind, word] = error
        return self._outcomes[kind, word]

    def _options(self, cls: type[Component], wanted: _Wanted, node: Node) -> BaseModel:
        if not isinstance(node.value, dict | None):
            by_id = wanted.kind in ("source", "sink") and _TYPE.fullmatch(node.text)
            hint = f"; write {{type: {node.text}}}" if by_id else ""
            self._expect(node.mark, wanted.path, "a mapping of options like {option: value}", node, hint)
            return Config()
        data: dict[str, Any] = node.plain() or {}
        if wanted.explicit:
            del data["type"]
        try:
            return cls.Config.model_validate(data, context=cls)
        except ValidationError as error:
            for problem in explain(error, cls.Config, node, wanted.mark, wanted.path):
                self._problems.add(*problem)
        except Exception as error:  # noqa: BLE001 - a stranger's validator; its words might show a secret
            failure = f"plugin {wanted.word} failed to check its options: {error.__class__.__name__}; tell its author"
            self._problems.add(wanted.mark, wanted.path, failure)
        return Config()

    def _expect(self, mark: Mark, path: str, expected: str, node: Node, hint: str = "") -> None:
        if not node.broken:
            self._problems.add(mark, path, f"expected {expected}, was {shown(node)}{hint}")


def _absent(kind: str, path: str) -> Declared:
    """Stand in for a component with a problem, so that no second problem follows from it."""
    return Declared("", kind, "", Component, Config(), path)


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _likely(name: str) -> str:
    guess = re.sub(r"[^a-z0-9_./-]+", "-", name.lower())
    return f"; did you mean {guess!r}?" if _ID.fullmatch(guess) else ""


def _hint(node: Node) -> str:
    if isinstance(node.value, dict) and "type" in node.value:
        return f"; write {{{node.value['type'].text}: {{option: value}}}}"
    if isinstance(node.value, dict):
        return f" of {len(node.value)} keys; indent options below the name"
    return ""


def _unknown(wanted: _Wanted, known: Sequence[str]) -> str:
    near = nearest(wanted.word, known)
    ways = [f"pip install chrono-{wanted.word.replace('_', '-')}"] if _TYPE.fullmatch(wanted.word) else []
    if not near and not wanted.explicit and wanted.kind in ("source", "sink"):
        ways.append("name its type with {type: …}")
    way = ", or ".join(ways) or "see chrono plugin list"
    return f"no {wanted.kind} of type {wanted.word!r} is installed{near}{' or: ' if near else '; '}{way}"
