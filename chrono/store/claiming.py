"""A folder that one process has to itself, and the name that it keeps."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from chrono.core.errors import ConfigError

_NAME = re.compile(r"[0-9a-f]{16}")


def claimed(folder: Path) -> int:
    """Make a folder where there is none, and return a file that keeps others out of it as long as it is open.

    Raises
    ------
    ConfigError
        If another process has it.
    OSError
        If the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            told = f"{folder}: expected a spool that no other pipeline uses, was in use"
            raise ConfigError(f"{told}; stop the other one, or name another `spool`") from None
        raise
    return lock


def named(folder: Path) -> str:
    """Return the name of a folder, made up where it has none that can be read."""
    path = folder / "name"
    name = path.read_text(errors="replace").strip() if path.exists() else ""
    if not _NAME.fullmatch(name):
        name = secrets.token_hex(8)
        draft = path.with_suffix(".draft")
        draft.write_text(f"{name}\n")
        draft.replace(path)
        synced(folder)
    return name


def synced(folder: Path) -> None:
    """Bring to disk which files a folder has."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
