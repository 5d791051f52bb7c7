"""Damaged frames: what a venue never sends on purpose, and sends.

Needs no pytest.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Damaged", "damaged"]

Path: TypeAlias = tuple[str | int, ...]

SUBSTITUTES: tuple[Any, ...] = (None, "", math.nan, -1, [], {})
"""What each value is replaced by in turn."""

ROOTS = ("null", "true", "0", '""', '"frame"', "[]", "{}", "[[]]", "NaN")
"""JSON, or nearly, that is no frame."""


class Damaged(NamedTuple):
    """A frame and what was done to it; `unreadable` if nothing can be read from it at all."""

    how: str
    frame: str
    unreadable: bool


def damaged(frame: str) -> Iterator[Damaged]:
    """Yield damaged variants of a frame.

    Parameters
    ----------
    frame : str
        A frame as received. Of one that is not JSON only truncated, empty and wrong ones are made.

    Examples
    --------
    >>> [variant.frame for variant in damaged('{"p": 1}') if variant.how.startswith("p")][:3]
    ['{}', '{"p": null}', '{"p": ""}']
    """
    yield Damaged("empty", "", unreadable=True)
    for part in (1, 2, 3):
        yield Damaged(f"cut after {part}/4", frame[: len(frame) * part // 4], unreadable=True)
    yield Damaged("cut before its end", frame[:-1], unreadable=True)
    for root in ROOTS:
        yield Damaged(f"root {root}", root, unreadable=False)
    try:
        message = json.loads(frame)
    except ValueError:
        return
    yield from _changed(message)


def _changed(message: Any) -> Iterator[Damaged]:
    for path in _paths(message):
        name = ".".join(map(str, path))
        yield Damaged(f"{name} removed", json.dumps(_without(message, path)), unreadable=False)
        for value in SUBSTITUTES:
            yield Damaged(f"{name} = {value!r}", json.dumps(_with(message, path, value)), unreadable=False)


def _paths(message: Any, path: Path = ()) -> Iterator[Path]:
    items = message.items() if isinstance(message, dict) else enumerate(message) if isinstance(message, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _parent(message: Any, path: Path) -> tuple[Any, Any]:
    whole = copy.deepcopy(message)
    parent = whole
    for key in path[:-1]:
        parent = parent[key]
    return whole, parent


def _without(message: Any, path: Path) -> Any:
    whole, parent = _parent(message, path)
    del parent[path[-1]]
    return whole


def _with(message: Any, path: Path, value: Any) -> Any:
    whole, parent = _parent(message, path)
    parent[path[-1]] = value
    return whole
