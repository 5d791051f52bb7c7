"""What is wrong with a command line, in the words of the other messages: what was expected, what it was, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from typer.exceptions import TyperException

_QUOTED = re.compile(r"'([^']*)'|\((?!s\))([^()]*)\)")
_CHOICE = re.compile(r"'(.*)' is not one of (.*?)\.?$")


def explain(error: TyperException) -> str:
    """Return one line for a command line that cannot be understood; the help itself where a command is missing.

    The parser's own words are kept where they say something that is not known here.
    """
    context: Any = getattr(error, "ctx", None)
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        return message
    path = "chrono" if context is None else context.command_path
    wanted = _OF_KIND.get(type(error).__name__, _of_words)(error, message, context)
    return f"{path}: {wanted}; see {path} --help"


def _no_such_option(error: Any, _: str, context: Any) -> str:
    known = [name for each in context.command.params for name in each.opts] if context else []
    return f"expected an option of this command, was {error.option_name}{_near(error.option_name, known)}"


def _of_words(_: Any, message: str, context: Any) -> str:
    quoted = _QUOTED.search(message)
    word = (quoted[1] or quoted[2] or "") if quoted else ""
    if message.startswith("No such command"):
        known = context.command.list_commands(context)
        return f"expected one of {', '.join(known)}, was {word!r}{_near(word, known)}"
    if "extra argument" in message:
        return f"expected no further argument, was {word!r}"
    return message[:1].lower() + message[1:].rstrip(".")


_OF_KIND = {
    "NoSuchOption": _no_such_option,
    "MissingParameter": lambda error, *_: f"expected {_hint(error)}, was missing",
    "BadParameter": lambda error, *_: f"{_hint(error)}: {_value(error.message)}",
    "BadOptionUsage": lambda error, *_: f"expected a value after {error.option_name}, was missing",
}


def _hint(error: Any) -> str:
    return str(error.param.get_error_hint()).strip("'")


def _value(message: str) -> str:
    if choice := _CHOICE.search(message):
        known = choice[2].replace("'", "")
        return f"expected one of {known}, was {choice[1]!r}"
    return message.removeprefix("Value error, ").replace("Input should be", "expected").rstrip(".")


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]}" if found else ""
