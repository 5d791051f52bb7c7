"""YAML with positions: every key and value knows its line and column.

Plain scalars follow the core schema of YAML 1.2.2 (section 10.3.2): only true, false, null, ~, integers and floats are
other than text, so `NO`, `on`, `1:30`, `2026-11-22` stay what was written and `010` is ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from chrono.core.config.problems import TOP, Mark, Problems, problem
from chrono.core.config.secrets import resolve
from chrono.core.errors import ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 40
_SIZE = 100_000
_BYTES = 4 << 20

_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CORE: list[tuple[str, re.Pattern[str], Any]] = [
    ("null", re.compile(r"null|Null|NULL|~|"), lambda _: None),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text[0] in "tT"),
    ("int", re.compile(r"[-+]?[0-9]{1,400}"), int),
    ("int", re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    ("float", re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
]
_TAG = "tag:yaml.org,2002:"
_HINTS = {
    "alias": 'put a text that starts with * in quotes, like "*:BTC/USDT"',
    "cannot start any token": "put a text that starts with %, @ or ` in quotes",
    "mapping values": "put a text with ': ' in it in quotes, and indent with the same number of spaces",
}

Scalar: TypeAlias = str | int | float | bool | None
Step: TypeAlias = str | int


class Node:
    """One value of the file.

    Attributes
    ----------
    mark : Mark
        Where it starts.
    value : scalar, list of Node or dict of str to Node
        What it says; text from a reference is a `Secret`.
    text : str
        How a scalar is written, references unresolved.
    keys : dict of str to Mark
        Where the keys of a mapping stand.
    broken : bool
        True where its value is unknown because of a problem that was already told.
    size : int
        Values in it, itself included, aliases expanded.
    """

    __slots__ = ("broken", "keys", "mark", "size", "text", "value")

    def __init__(self, mark: Mark, value: Any, text: str = "", *, broken: bool = False) -> None:
        self.mark = mark
        self.value: Scalar | list[Node] | dict[str, Node] = value
        self.text = text
        self.keys: dict[str, Mark] = {}
        self.broken = broken
        self.size = 1

    def __repr__(self) -> str:
        return f"<{type(self.value).__name__} at {self.mark.line}:{self.mark.column}>"

    def child(self, step: Step) -> Node | None:
        """Return the value of a key or the item of a list; None where there is none."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def place(self, step: Step) -> Mark:
        """Return where to point for a child: at a scalar itself, at the key of what is longer or empty."""
        child = self.child(step)
        key = self.keys.get(str(step))
        if child is None:
            return self.mark
        if key is not None and (child.value is None or isinstance(child.value, dict | list)):
            return key
        return child.mark

    def plain(self) -> Any:
        """Return dicts, lists and scalars without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


def join(path: str, step: Step) -> str:
    """Write the path of a child: `feeds.BTC/USD.markets[0]`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def read_text(path: Path) -> str:
    """Return the text of a pipeline file.

    Raises
    ------
    ConfigError
        If it is missing, not a file, unreadable, larger than 4 MiB or not UTF-8.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(problem(name, None, "", "expected a pipeline file, was missing; check the path")) from None
    except IsADirectoryError:
        raise ConfigError(problem(name, None, "", "expected a pipeline file, was a directory; name the file")) from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ConfigError(problem(name, None, "", f"cannot be read: {reason}; check its permissions")) from None
    if len(data) > _BYTES:
        raise ConfigError(problem(name, None, "", "expected at most 4 MiB, was larger; check the path"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        message = f"expected UTF-8 text, was byte 0x{data[error.start]:02x}; save the file as UTF-8"
        raise ConfigError(problem(name, mark, "", message)) from None


def read(text: str, filename: str, problems: Problems | None = None, folder: Path | None = None) -> Node:
    """Read one YAML document.

    Parameters
    ----------
    text : str
        The document.
    filename : str
        Its name in messages.
    problems : Problems, optional
        Takes duplicate keys, unknown tags and unresolved references, so that more can be found; without it they raise.
    folder : Path, optional
        Where the paths of `${file:…}` start; the working directory if not given.

    Raises
    ------
    ConfigError
        If it is not YAML, empty, several documents, or would expand without bound.

    Examples
    --------
    >>> root = read("every: 1s", "crypto.yaml")
    >>> root.plain(), root.value["every"].mark
    ({'every': '1s'}, Mark(line=1, column=8))
    """
    found = Problems(filename) if problems is None else problems
    root = _Reader(text, found, folder or Path()).document()
    if problems is None:
        found.check()
    return root


def _mark(mark: Any) -> Mark:
    return TOP if mark is None else Mark(mark.line + 1, mark.column + 1)


class _Reader:
    """Builds nodes from events: unlike the parser's own nodes, they tell where an alias stands and are bounded."""

    def __init__(self, text: str, problems: Problems, folder: Path) -> None:
        self._text = text
        self._problems = problems
        self._folder = folder
        self._events = self._parse()
        self._anchors: dict[str, Node | None] = {}

    def document(self) -> Node:
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._stop(TOP, "", "expected a pipeline with feeds: and sources:, was an empty file")
        root = self._node(next(self._events), "", 0)
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.DocumentStartEvent):
            raise self._stop(
                _mark(event.start_mark), "", "expected one document, was a second one; give it a file of its own"
            )
        return root

    def _stop(self, mark: Mark, path: str, message: str) -> ConfigError:
        return ConfigError(problem(self._problems.filename, mark, path, message))

    def _parse(self) -> Iterator[Any]:
        if found := _CONTROL.search(self._text):
            raise self._stop(*_control(self._text, found.start()))
        try:
            yield from yaml.parse(self._text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            raise self._stop(_mark(error.problem_mark or error.context_mark), "", self._explain(error)) from None
        except yaml.YAMLError as error:
            raise self._stop(TOP, "", f"not valid YAML: {error}; save the file as UTF-8 text") from None

    def _explain(self, error: yaml.MarkedYAMLError) -> str:
        wrong = str(error.problem or "cannot be read")
        place = _mark(error.problem_mark)
        line = (self._text.splitlines() + [""] * place.line)[place.line - 1]
        context = f" {error.context}" if error.context else ""
        if error.context_mark and error.context_mark.line + 1 != place.line:
            context += f" that starts at line {error.context_mark.line + 1}"
        return f"not valid YAML: {wrong}{context}; {_hint(wrong + context, line, place.column)}"

    def _node(self, event: Any, path: str, depth: int) -> Node:
        mark = _mark(event.start_mark)
        if depth > _DEPTH:
            raise self._stop(mark, "", f"expected at most {_DEPTH} levels, was nested deeper; write it flatter")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), mark, path)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, mark, path)
        else:
            node = self._collection(event, mark, path, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, name: str, mark: Mark, path: str) -> Node:
        if name not in self._anchors:
            raise self._stop(
                mark, path, f"expected an anchor &{name} before the alias *{name}, was none; add it or quote"
            )
        anchor = self._anchors[name]
        if anchor is None:
            raise self._stop(mark, path, f"alias *{name} lies inside its own anchor &{name}; write the value out")
        node = Node(mark, anchor.value, anchor.text, broken=anchor.broken)
        node.keys, node.size = anchor.keys, anchor.size
        return node

    def _collection(self, event: Any, mark: Mark, path: str, depth: int) -> Node:
        is_map = isinstance(event, yaml.MappingStartEvent)
        node = Node(mark, {} if is_map else [])
        if event.tag not in (None, "!", f"{_TAG}{'map' if is_map else 'seq'}"):
            self._unknown_tag(event.tag, node, path)
        fill = self._mapping if is_map else self._list
        fill(node, path, depth + 1)
        return node

    def _list(self, node: Node, path: str, depth: int) -> None:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(item := self._node(event, join(path, len(items)), depth))
            self._grow(node, item, path)
        node.value = items

    def _mapping(self, node: Node, path: str, depth: int) -> None:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            mark = _mark(event.start_mark)
            key = self._key(event, path, depth)
            value = self._node(next(self._events), join(path, key), depth)
            self._grow(node, value, path)
            if key in entries:
                first = node.keys[key].line
                self._problems.add(mark, join(path, key), f"stands twice, first at line {first}; remove one of them")
            elif key is not None:
                entries[key] = value
                node.keys[key] = mark
        node.value = entries

    def _key(self, event: Any, path: str, depth: int) -> str:
        if isinstance(event, yaml.ScalarEvent) and not event.anchor:
            return str(event.value)
        key = self._node(event, path, depth)
        if isinstance(key.value, dict | list):
            kind = "mapping" if isinstance(key.value, dict) else "list"
            raise self._stop(key.mark, path, f"expected a name as the key, was a {kind}; put {{ and [ in quotes")
        return key.text

    def _grow(self, node: Node, child: Node, path: str) -> None:
        node.size += child.size
        if node.size > _SIZE:
            raise self._stop(child.mark, path, f"expected at most {_SIZE} values, were more; use fewer aliases")

    def _scalar(self, event: Any, mark: Mark, path: str) -> Node:
        node = Node(mark, event.value, event.value)
        if event.tag is None and not event.style:
            node.value = _core(event.value)[1]
        elif event.tag not in (None, "!", _TAG + "str"):
            self._tagged(event.tag, node, path)
        if "${" in event.value:
            node.value, wrong = resolve(event.value, self._folder)
            node.broken = bool(wrong)
            for message in wrong:
                self._problems.add(mark, path, message)
        return node

    def _tagged(self, tag: str, node: Node, path: str) -> None:
        kind, value = _core(node.text)
        if tag == _TAG + kind:
            node.value = value
        elif (tag, kind) == (_TAG + "float", "int"):
            node.value = float(node.text)
        elif tag in {_TAG + name for name, _, _ in _CORE}:
            self._problems.add(node.mark, path, f"expected !!{tag.removeprefix(_TAG)}, was {node.text!r}; drop the tag")
            node.broken = True
        else:
            self._unknown_tag(tag, node, path)

    def _unknown_tag(self, tag: str, node: Node, path: str) -> None:
        shown = tag.replace(_TAG, "!!")
        self._problems.add(node.mark, path, f"expected a plain value, was tagged {shown}; remove the tag")
        node.broken = True


def _core(text: str) -> tuple[str, Scalar]:
    for kind, form, value in _CORE:
        if form.fullmatch(text):
            return kind, value(text)
    return "str", text


def _control(text: str, at: int) -> tuple[Mark, str, str]:
    mark = Mark(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    return mark, "", f"expected text, was control character U+{ord(text[at]):04X}; remove it"


def _hint(wrong: str, line: str, column: int) -> str:
    if "\t" in line[: column + 1]:
        return "indent with spaces, not with tabs"
    if "${" in line:
        return 'put a reference in quotes, like "${env:NAME}"'
    return next((hint for words, hint in _HINTS.items() if words in wrong), "check brackets, quotes and indentation")


def locate(root: Node, path: str) -> Mark:
    """Return where a path like `feeds.BTC/USD.markets[0]` stands, or its nearest parent that is in the file.

    Examples
    --------
    >>> root = read("feeds: {BTC/USD: {decimals: 2}}", "crypto.yaml")
    >>> locate(root, "feeds.BTC/USD.markets[0]"), locate(root, "feeds.BTC/USD.decimals")
    (Mark(line=1, column=9), Mark(line=1, column=29))
    """
    node, mark, rest = root, root.mark, path
    while rest:
        step, rest = _first(node, rest)
        child = None if step is None else node.child(step)
        if step is None or child is None:
            break
        node, mark = child, node.place(step)
    return mark


def _first(node: Node, path: str) -> tuple[Step | None, str]:
    if isinstance(node.value, list):
        item = re.match(r"\[(\d+)\]\.?", path)
        return (int(item[1]), path[item.end() :]) if item else (None, "")
    # A key may hold dots and brackets itself: the longest that fits is meant.
    for end in range(len(path), 0, -1):
        if node.child(path[:end]) is not None and path[end : end + 1] in ("", ".", "["):
            return path[:end], path[end:].removeprefix(".")
    return None, ""
