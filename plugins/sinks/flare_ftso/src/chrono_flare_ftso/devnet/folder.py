"""The folder of a devnet: keys of those who take part, what is published, how it stands, and whether it runs.

`keys/NAME/ROLE.json` are keystores, whose password is in `keys/password`; `rewards/EPOCH.json` is what each reward
epoch came to; `provider/` is for whatever a provider keeps of this devnet, and starts empty with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import SecretBytes, SecretStr

from chrono import ConfigError
from chrono_flare_ftso.devnet.entities import ROLES, Entity
from chrono_flare_ftso.keys.keystore import write_keystore

PASSWORD = "chrono"  # noqa: S105 - of toys: who knows the seed has the keys
_WORK = 4096
_OF_ONE_DEVNET = ("keys", "rewards", "provider")


class Folder:
    """A folder that one devnet at a time runs in.

    Parameters
    ----------
    path : Path
        Made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "devnet.log"
        self._status = path / "status.json"
        self._lock = path / "lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the folder for oneself.

        Raises
        ------
        ConfigError
            If a devnet runs in it, or it cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            number = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            told = f"{self.path}: expected a folder to write to, was refused: {error.strerror or error}"
            raise ConfigError(f"{told}; name another by --dir") from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            told = f"{self.path}: expected no devnet that runs in it, was process {self.process()}"
            raise ConfigError(f"{told}; end it by `chrono flare devnet down`, or name another folder") from None
        try:
            os.ftruncate(number, 0)
            os.write(number, str(os.getpid()).encode())
            yield
        finally:
            with suppress(FileNotFoundError):
                self._status.unlink()
            os.close(number)

    def process(self) -> int | None:
        """Return the number of the process that holds it; None where none does."""
        try:
            with self._lock.open("rb+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
        except FileNotFoundError:
            pass
        return None

    def prepare(self, entities: Iterable[Entity]) -> None:
        """Put away what an earlier devnet left, and write the keys of those who take part.

        Raises
        ------
        ConfigError
            If it cannot be written to.
        """
        try:
            for name in _OF_ONE_DEVNET:
                shutil.rmtree(self.path / name, ignore_errors=True)
                (self.path / name).mkdir(mode=0o700)
            password = self.path / "keys" / "password"
            password.write_text(PASSWORD)
            password.chmod(0o600)
            for each in entities:
                (self.path / "keys" / each.name).mkdir()
                for role in ROLES:
                    file = self.path / "keys" / each.name / f"{role}.json"
                    write_keystore(file, SecretBytes(each.keys[role]), SecretStr(PASSWORD), work=_WORK)
        except OSError as error:
            raise ConfigError(f"{self.path}: expected to write to it, was refused: {error.strerror or error}") from None

    def publish(self, epoch: int, text: str) -> None:
        """Publish what a reward epoch came to."""
        _written(self.path / "rewards" / f"{epoch}.json", text)

    def tell(self, status: Mapping[str, Any]) -> None:
        """Say how the devnet stands."""
        _written(self._status, json.dumps(status))

    def told(self) -> Mapping[str, Any] | None:
        """Return what was said last; None where nothing was."""
        try:
            found: Mapping[str, Any] = json.loads(self._status.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found


def _written(path: Path, text: str) -> None:
    """Write a file whole, so that nobody reads half of it."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
