"""What a database's driver raises, in one line: where, what was expected, what it was, what to do."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError

from chrono.core.errors import ConfigError, DataError, TransientError


class Away(ConfigError, TransientError):
    """A database that cannot be reached now, or has no room; the same may succeed later."""


class Refused(ConfigError, DataError):
    """What the database holds against the values that it was given; it may take others."""


_SQLITE: dict[str, tuple[type[ConfigError], str]] = {
    "BUSY": (Away, "expected to have it for writing, was locked by another program; try again when that is done"),
    "FULL": (Away, "expected room for what is written, was full; make room on its disk"),
    "IOERR": (Away, "expected to read and write it, was refused ({said}); see to its disk"),
    "READONLY": (ConfigError, "expected to write, was read-only; allow to write to it and to its folder"),
    "PERM": (ConfigError, "expected to write, was not allowed; allow to write to it and to its folder"),
    "CORRUPT": (ConfigError, "expected a whole database, was damaged ({said}); restore a backup, or name another"),
    "NOTADB": (ConfigError, "expected a SQLite database, was another file; name another"),
    "CANTOPEN": (
        ConfigError,
        "expected a file that can be opened, was refused; see to it, and to the rights of its folder",
    ),
    "CONSTRAINT": (Refused, "expected values that it can hold, was refused ({said})"),
    "MISMATCH": (Refused, "expected values that it can hold, was refused ({said})"),
    "TOOBIG": (Refused, "expected values that it can hold, was refused ({said})"),
}
_SQLITE["LOCKED"] = _SQLITE["BUSY"]

_POSTGRESQL: dict[str, tuple[type[ConfigError], str]] = {
    "0A": (ConfigError, "expected a server that can do it, was refused ({said}); see to its version and extensions"),
    "22": (Refused, "expected values that it can hold, was refused ({said})"),
    "23": (Refused, "expected values that it can hold, was refused ({said})"),
    "25006": (ConfigError, "expected to write, was read-only; name the server that is written to"),
    "28": (ConfigError, "expected to be let in, was refused ({said}); see to the user and the password"),
    "3D": (ConfigError, "expected the database, there is none; make it, or name another"),
    "42501": (ConfigError, "expected to be allowed, was refused ({said}); grant it"),
    "42": (ConfigError, "expected the tables of this version, was refused ({said}); run `chrono store upgrade` on it"),
    "53": (Away, "expected room for what is written, was refused ({said}); make room"),
    "XX": (ConfigError, "expected a whole database, was damaged ({said}); restore a backup"),
}
"""By the beginning of the state that SQL has for it; the longest counts."""

_AWAY = "expected to reach the database, was refused ({said}); see that it runs"
_OTHER = "expected it to do as it was told, was refused ({said})"


def sqlite_failure(where: str, error: Exception) -> ConfigError:
    """Return what to say of an error of SQLite's."""
    original = _original(error)
    words = (getattr(original, "sqlite_errorname", None) or "").split("_")
    kind, text = _SQLITE.get(words[1] if len(words) > 1 else "", (ConfigError, _OTHER))
    if isinstance(original, OSError):
        kind, text = Away, _SQLITE["IOERR"][1]
    elif isinstance(original, OverflowError | sqlite3.DataError) or "binding parameter" in str(original):
        kind, text = _SQLITE["MISMATCH"]
    return kind(f"{where}: {text.format(said=_said(original))}")


def postgresql_failure(where: str, error: Exception) -> ConfigError:
    """Return what to say of an error of PostgreSQL's, or of the way there."""
    original = _original(error)
    state = str(getattr(original, "sqlstate", None) or "")
    known = max((start for start in _POSTGRESQL if state.startswith(start)), key=len, default="")
    kind, text = _POSTGRESQL.get(known, (Away, _AWAY))
    return kind(f"{where}: {text.format(said=_said(original))}")


def _original(error: Exception) -> Any:
    """Return what the driver itself raised."""
    found: Any = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        found = error.orig
    # between asyncpg and SQLAlchemy there is another in the words of neither
    return found.__cause__ if hasattr(found.__cause__, "sqlstate") else found


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
