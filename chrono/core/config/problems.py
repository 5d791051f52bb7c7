"""One line for each thing to edit: `file:line:col: path.to.key: what was expected, what it was, what to do`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from chrono.core.errors import ConfigError

_LONG = 400
_PLACE = re.compile(r":(\d+):(\d+): ")


class Mark(NamedTuple):
    """A place in a file; lines and columns count from 1."""

    line: int
    column: int


TOP = Mark(1, 1)


def problem(filename: str, mark: Mark | None, path: str, message: str) -> str:
    """Write a problem as its one line; `mark` is None where the file itself is at fault.

    Examples
    --------
    >>> problem("crypto.yaml", Mark(3, 7), "every", "expected more than 0, was 0s")
    'crypto.yaml:3:7: every: expected more than 0, was 0s'
    """
    place = filename if mark is None else f"{filename}:{mark.line}:{mark.column}"
    text = " ".join(f"{path}: {message}".split() if path else message.split())
    return f"{place}: {cut(text, _LONG)}"


def in_order(lines: Iterable[str]) -> list[str]:
    """Return problems of one file by their position in it.

    Examples
    --------
    >>> in_order(["a.yaml:10:2: name: …", "a.yaml:9:30: every: …"])
    ['a.yaml:9:30: every: …', 'a.yaml:10:2: name: …']
    """
    return sorted(lines, key=_position)


def _position(line: str) -> tuple[int, ...]:
    found = _PLACE.search(line)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def cut(text: str, length: int = 60) -> str:
    """Shorten a long text; its end is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


class Problems:
    """All that is wrong with one file, told in the order of its lines."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self._found: dict[tuple[Mark, str], None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, mark: Mark, path: str, message: str) -> None:
        """Note one; the same words at the same place count once."""
        self._found[mark, problem(self.filename, mark, path, message)] = None

    def check(self, partial: object = None) -> None:
        """Go on only if there are none; `partial` is handed on with them.

        Raises
        ------
        ConfigError
            With every problem so far, sorted by position.
        """
        if self._found:
            lines = (line for _, line in sorted(self._found, key=lambda found: found[0]))
            raise ConfigError(*lines, partial=partial)
