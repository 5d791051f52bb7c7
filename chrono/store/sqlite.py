"""A database in a file: what was published and why, with nothing to install."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from chrono.core.errors import ConfigError
from chrono.store.batches import Batch
from chrono.store.sink import StoreSink

if TYPE_CHECKING:
    from chrono.store.names import Names

_PATIENCE = 1.0
"""Seconds to wait for another program that is writing; then it is tried again later."""


class Sqlite(StoreSink):
    """Every round, with all that its prices were made of, in a SQLite database."""

    type = "sqlite"

    class Config(StoreSink.Config):
        """Where to write."""

        path: str = Field(default="chrono.db", min_length=1)
        """The file; made if it is not there."""

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self._path = Path(self.config.path)
        self._file: _File | None = None

    @property
    def address(self) -> str:
        """The file."""
        return str(self._path)

    def beside(self) -> Path:
        """Return a folder beside the database.

        Raises
        ------
        ConfigError
            If there is nothing that it could be beside.
        """
        if not self._path.parent.is_dir():
            folder = self._path.parent
            raise ConfigError(f"{self._path}: expected a folder {folder} to keep it in, there is none; make it")
        return self._path.with_name(f"{self._path.name}.spool")

    async def prepare(self) -> None:
        """Open the file and bring its tables to this version."""
        self._file = _File(self._path)

    async def write(self, batch: Batch) -> None:
        """Write a batch in one transaction."""
        file = self._file
        if file is None or not file.there:
            file = await self._begin_again()
        file.write(batch)
        if not file.there:
            # what was written into a file that was removed, or replaced by a backup, is lost
            file = await self._begin_again()
            file.write(batch)

    async def _begin_again(self) -> _File:
        await self.release()
        self._file = file = _File(self._path)
        return file

    async def release(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


class _File:
    """A database that is open, its tables of this version."""

    def __init__(self, path: Path) -> None:
        # what speaks to databases is imported where one is written to
        from chrono.store.database import Database, write_ahead
        from chrono.store.migrating import upgrade

        self._names: Names | None = None
        self._database = Database(str(path), patience=_PATIENCE)
        with self._database.explained():
            self._connection = self._database.engine(create=True).connect()
            try:
                with self._connection.begin():
                    upgrade(self._connection)
                write_ahead(self._connection)
                self._identity = _identity(path)
            except BaseException:
                self._connection.close()
                raise

    @property
    def there(self) -> bool:
        """Whether it is still the file of its name."""
        return _identity(self._database.path) == self._identity

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction."""
        from chrono.store.writing import write

        with self._database.explained(), self._connection.begin():
            names = write(self._connection, batch, self._names)
        # not before they are committed, or they could be of a run that is not there
        self._names = names

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino
