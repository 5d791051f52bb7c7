"""Says pydantic's errors in our words, at the line they are about, without a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from chrono.core.component import Secret
from chrono.core.config.problems import Mark, cut
from chrono.core.config.yaml import Node, Step, join

_INTEGER, _NUMBER, _LIST, _MAPPING = "an integer", "a number", "a list", "a mapping like {{key: value}}"
_EXPECTED = {
    "int_": _INTEGER,
    "float_": _NUMBER,
    "decimal_": _NUMBER,
    "finite_number": "a finite number",
    "bool_": "true or false",
    "string_type": "text",
    "string_too_short": "{min_length} or more characters",
    "string_too_long": "{max_length} or fewer characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "union_tag_invalid": "{discriminator} to be one of {expected_tags}",
    "none_required": "null",
    "path_": "a path",
    "too_short": "{min_length} or more entries",
    "too_long": "{max_length} or fewer entries",
    "list_": _LIST,
    "tuple_": _LIST,
    "set_": _LIST,
    "frozen_set_": _LIST,
    "dict_": _MAPPING,
    "mapping_": _MAPPING,
    "model_": _MAPPING,
    "dataclass_": _MAPPING,
}
_NOT_TEXT = {_INTEGER, _NUMBER, _LIST, _MAPPING, "a finite number", "true or false"}
_RUN = 4


class Fork(NamedTuple):
    """A place where the file may say one of several things; `label` is pydantic's word for one of them."""

    label: str
    node: Node
    mark: Mark
    path: str
    kinds: Sequence[Any]

    def meant(self) -> type[BaseModel] | None:
        """Return the model that shares most keys with the file; None where the choice is not between models."""
        models = list(_models(self.kinds))
        # Choices are labelled by their validator or class; any other label is a discriminator's, which chose already.
        chosen = not self.label.startswith("function-") and self.label not in {model.__name__ for model in models}
        if chosen or len(models) < 2 or not isinstance(self.node.value, dict):
            return None
        keys = self.node.value.keys()
        return max(models, key=lambda model: len(keys & _allowed([model])))


class Fault(NamedTuple):
    """One error of pydantic, found in the file."""

    detail: ErrorDetails
    node: Node
    mark: Mark
    path: str
    kinds: Sequence[Any]
    fork: Fork | None


def explain(
    error: ValidationError, model: type[BaseModel], node: Node, mark: Mark, path: str
) -> Iterator[tuple[Mark, str, str]]:
    """Yield place, path and message of each problem.

    Parameters
    ----------
    error : ValidationError
    model : type of BaseModel
        What was validated.
    node : Node
        What the file says.
    mark : Mark
        Where to point for the whole of it.
    path : str
        Its path in the file.
    """
    details = error.errors(include_url=False, include_input=False)
    faults = [_find(detail, model, node, mark, path) for detail in details]
    forks = {fault.fork.path: fault.fork for fault in faults if fault.fork is not None}
    meant = {path: found for path, fork in forks.items() if (found := fork.meant()) is not None}
    for where, choice in meant.items():
        yield from _again(choice, forks[where])
    places: dict[tuple[Mark, str], list[str]] = {}
    for fault in _furthest([fault for fault in faults if fault.fork is None or fault.fork.path not in meant]):
        if not _follows(fault):
            places.setdefault((fault.mark, fault.path), []).append(_message(fault))
    for (at, where), messages in places.items():
        yield at, where, _either(messages)


def _follows(fault: Fault) -> bool:
    """Tell whether a fault only follows from others: from an unknown value, or from entries that were refused."""
    least = fault.detail.get("ctx", {}).get("min_length", 0)
    items = fault.node.value
    return fault.node.broken or (isinstance(items, dict | list) and len(items) >= least > 0)


def _again(model: type[BaseModel], fork: Fork) -> Iterator[tuple[Mark, str, str]]:
    """Explain what is wrong with the one model that was meant, in place of every one."""
    try:
        model.model_validate(fork.node.plain())
    except ValidationError as error:
        yield from explain(error, model, fork.node, fork.mark, fork.path)


def _furthest(faults: Sequence[Fault]) -> Iterator[Fault]:
    """Drop the choices that fail at once where another got further."""
    deeper = {fault.fork.path for fault in faults if fault.fork and fault.path != fault.fork.path}
    return (
        fault for fault in faults if fault.fork is None or fault.fork.path not in deeper or fault.path not in deeper
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known word, or nothing."""
    close = get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def shown(node: Node, *, hidden: bool = False) -> str:
    """Return a value as the file writes it, cut when long; references unresolved."""
    if isinstance(node.value, dict | list):
        return "a mapping" if isinstance(node.value, dict) else "a list"
    if node.value is None:
        return "null"
    if isinstance(node.value, Secret):
        return cut(node.text)
    if hidden:
        return "a hidden value"
    return repr(cut(node.text)) if isinstance(node.value, str) else cut(node.text)


def _find(detail: ErrorDetails, model: type[BaseModel], node: Node, mark: Mark, path: str) -> Fault:
    kinds: list[Any] = [model]
    fork: Fork | None = None
    loc = detail["loc"]
    for index, step in enumerate(loc):
        child = node.child(step)
        if index + 1 == len(loc) and detail["type"] == "missing":
            path = join(path, step)
        elif index + 1 == len(loc) and detail["type"] == "extra_forbidden":
            mark, path = node.keys.get(str(step), mark), join(path, step)
        elif loc[index + 1 :] == ("[key]",):
            return Fault(
                detail, _key(node, str(step), mark), node.keys.get(str(step), mark), join(path, step), (), fork
            )
        elif child is None:
            fork = fork or Fork(str(step), node, mark, path, kinds)
        else:
            kinds = [inner for kind in kinds for inner in _inside(kind, step)]
            node, mark, path = child, node.place(step), join(path, step)
    return Fault(detail, node, mark, path, kinds, fork)


def _key(node: Node, key: str, mark: Mark) -> Node:
    return Node(node.keys.get(key, mark), key, key)


def _kinds(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _kinds(choice)
    elif get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    else:
        yield annotation


def _inside(annotation: Any, step: Step) -> Iterator[Any]:
    for kind in _kinds(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (f.annotation for name, f in kind.model_fields.items() if step in (name, f.alias))
        elif args := get_args(kind):
            yield args[-1] if isinstance(step, str) else args[0]


def _models(kinds: Iterable[Any]) -> Iterator[type[BaseModel]]:
    for kind in (inner for annotation in kinds for inner in _kinds(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind


def _allowed(models: Iterable[type[BaseModel]]) -> set[str]:
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def _either(messages: Sequence[str]) -> str:
    first, *others = dict.fromkeys(messages)
    if not others or not all(text.startswith("expected ") for text in (first, *others)):
        return first
    heads = [text.partition(", was ")[0].removeprefix("expected ") for text in (first, *others)]
    return f"expected {' or '.join(dict.fromkeys(heads))}, was {first.partition(', was ')[2]}"


def _message(fault: Fault) -> str:
    kind = fault.detail["type"]
    if kind == "extra_forbidden":
        return _unknown(fault)
    if kind == "missing":
        return _missing(fault)
    flat = [inner for annotation in fault.kinds for inner in _kinds(annotation)]
    hidden = SecretStr in flat or SecretBytes in flat
    seen = shown(fault.node, hidden=hidden)
    form = _EXPECTED.get(kind) or next((text for head, text in _EXPECTED.items() if kind.startswith(head)), None)
    if form is None:
        return _own_words(fault, seen, [fault.node.text] if hidden else list(_secrets(fault.node)))
    return _standard(fault, form, seen, hidden=hidden)


def _standard(fault: Fault, form: str, seen: str, *, hidden: bool) -> str:
    context = fault.detail.get("ctx", {})
    expected = form.format_map({name: _number(value) for name, value in context.items()})
    if "actual_length" in context:
        seen = str(context["actual_length"])
    is_text = isinstance(fault.node.value, str)
    hint = ""
    if is_text and not hidden:
        hint = " (text)" if form in _NOT_TEXT else ""
        hint += nearest(fault.node.text, re.findall(r"'([^']*)'", expected))
    elif form == "text" and not isinstance(fault.node.value, dict | list | None):
        hint = "; put it in quotes"
    return f"expected {expected}, was {seen}{hint}"


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown(fault: Fault) -> str:
    key = str(fault.detail["loc"][-1])
    if key == "<<":
        return "unknown key; merge keys are not part of YAML 1.2: use an alias as a whole value, or repeat the keys"
    allowed = _allowed(_models(fault.kinds)) - {key}
    if not allowed:
        return "unknown key; there are no options here, remove it"
    return f"unknown key{nearest(key, allowed) or '; expected one of ' + ', '.join(sorted(allowed))}"


def _missing(fault: Fault) -> str:
    key = str(fault.detail["loc"][-1])
    fields = [field for model in _models(fault.kinds) for name, field in model.model_fields.items() if key == name]
    example = next((str(field.examples[0]) for field in fields if field.examples), "…")
    return f"expected a value, was missing; add `{key}: {example}`"


def _own_words(fault: Fault, seen: str, secrets: Sequence[str]) -> str:
    raised = fault.detail.get("ctx", {}).get("error")
    message = str(raised) if raised is not None else fault.detail["msg"].replace("Input should be", "expected")
    message = message[:1].lower() + message[1:]
    head = message.partition(", was ")[0]
    if any(_leaks(message, secret) for secret in secrets):
        safe = head.startswith("expected ") and not any(_leaks(head, secret) for secret in secrets)
        return f"{head if safe else 'expected another value'}, was {seen}"
    if isinstance(fault.node.value, str):
        message = message.replace(repr(str.__str__(fault.node.value)), seen)
    return message if "was " in message else f"{message}, was {seen}"


def _secrets(node: Node) -> Iterator[str]:
    if isinstance(node.value, Secret):
        yield str(node.value)
    elif isinstance(node.value, dict | list):
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _secrets(child)


def _leaks(message: str, secret: str) -> bool:
    # A validator may strip, split or lower what it quotes: any run of the secret's characters counts.
    text, value = message.casefold(), secret.casefold()
    return any(value[i : i + _RUN] in text for i in range(max(1, len(value) - _RUN + 1))) if value else False
