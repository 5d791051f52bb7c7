"""References: `${env:NAME}` and `${file:PATH}` stand for what does not belong in a file that is shared."""

from __future__ import annotations

import os
import re
from pathlib import Path

from chrono.core.component import Secret

_REFERENCE = re.compile(r"(\$\$\{)|\$\{([^{}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIMIT = 1 << 20


def resolve(text: str, folder: Path) -> tuple[str, list[str]]:
    """Put the values of references in their place.

    Parameters
    ----------
    text : str
        A scalar of the pipeline file; `$${` stands for a literal `${`.
    folder : Path
        Where relative paths start: the folder of the pipeline file.

    Returns
    -------
    str
        A `Secret` if any reference was met.
    list of str
        What is wrong, and what to do; none of it shows a value.

    Examples
    --------
    >>> resolve("price in $${", Path())
    ('price in ${', [])
    """
    problems: list[str] = []
    met = False

    def replace(match: re.Match[str]) -> str:
        nonlocal met
        if match[1]:
            return "${"
        met = True
        try:
            return _value(match[2], closed=bool(match[3]), folder=folder)
        except LookupError as error:
            problems.append(str(error.args[0]))
            return ""

    value = _REFERENCE.sub(replace, text)
    return (Secret(value, text) if met else value), problems


def _value(inner: str, *, closed: bool, folder: Path) -> str:
    source, colon, name = inner.partition(":")
    if not closed:
        raise LookupError(f"expected a closed reference like ${{env:NAME}}, was ${{{inner}; add the }}")
    if not colon or source not in ("env", "file") or not name:
        raise LookupError(
            f"expected ${{env:NAME}} or ${{file:PATH}}, was ${{{inner}}}; write $${{ where a literal ${{ is meant"
        )
    return _variable(name) if source == "env" else _content(name, folder)


def _variable(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise LookupError(f"expected the name of an environment variable like API_KEY, was {name!r} in ${{env:{name}}}")
    if name not in os.environ:
        raise LookupError(f"environment variable {name} is not set, wanted by ${{env:{name}}}; export {name}=…")
    return os.environ[name]


def _content(name: str, folder: Path) -> str:
    path = folder / Path(name).expanduser()
    subject = f"file {str(path)!r}, wanted by ${{file:{name}}},"
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise LookupError(f"{subject} cannot be read: {reason}; create it or correct the path") from None
    if len(data) > _LIMIT:
        raise LookupError(f"{subject} is larger than 1 MiB; name the file that holds the value alone")
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise LookupError(f"{subject} is not UTF-8 text; save it as UTF-8") from None
