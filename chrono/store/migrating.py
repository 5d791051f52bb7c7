"""Bringing a database's tables to the form that this version knows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from alembic import command
from chrono.core.component import Migrations
from chrono.core.errors import ConfigError
from chrono.store.models import Base

_HERE = Path(__file__).parent
_FOLDERS = (_HERE / "migrations", _HERE.parents[1] / "alembic")
"""Where migrations lie in a wheel, and in the repository."""

CORE = Migrations("", Path())
"""The store's own tables."""


def folder() -> Path:
    """Return the folder of the store's own migrations."""
    return next(path for path in _FOLDERS if (path / "env.py").exists())


def upgrade(connection: Connection, revision: str = "head", migrations: Migrations = CORE) -> None:
    """Migrate up to a revision, in the transaction that is under way.

    Raises
    ------
    ConfigError
        If the database is newer than this version.
    """
    if pending(connection, migrations):
        if not migrations.name and current(connection) is None:
            _refuse_strangers(connection)
        command.upgrade(_config(connection, migrations), revision)


def downgrade(connection: Connection, revision: str, migrations: Migrations = CORE) -> None:
    """Migrate down to a revision; `base` is an empty database."""
    pending(connection, migrations)
    command.downgrade(_config(connection, migrations), revision)


def current(connection: Connection, migrations: Migrations = CORE) -> str | None:
    """Return the revision that a database is at; None for one that has no tables yet."""
    return MigrationContext.configure(connection, opts={"version_table": table(migrations)}).get_current_revision()


def pending(connection: Connection, migrations: Migrations = CORE) -> Sequence[str]:
    """Return the revisions that are still to be applied, oldest first.

    Raises
    ------
    ConfigError
        If the database is at one that is not known here.
    """
    script = ScriptDirectory.from_config(_config(connection, migrations))
    known = [each.revision for each in script.walk_revisions()][::-1]
    at = current(connection, migrations)
    if at is None:
        return known
    if at not in known:
        what = f"chrono-{migrations.name}" if migrations.name else "chrono"
        newest = known[-1] if known else "none"
        raise ConfigError(
            f"expected tables of revision {newest} at most, was {at}; a newer {what} made them: upgrade {what}"
        )
    return known[known.index(at) + 1 :]


def table(migrations: Migrations) -> str:
    """Return the name of the table that says which revision a database is at."""
    return f"alembic_version_{migrations.name}" if migrations.name else "alembic_version"


def _refuse_strangers(connection: Connection) -> None:
    """Refuse a database that is somebody else's: of SQLite, any with tables, else one with tables of our names."""
    # plugins may have been here before
    there = {name for name in inspect(connection).get_table_names() if not name.startswith("alembic_version")}
    if connection.dialect.name != "sqlite":
        there &= set(Base.metadata.tables)
    if there:
        named = ", ".join(sorted(there)[:3])
        raise ConfigError(f"expected a store, or no tables yet, was a database with others ({named}); name another")


def _config(connection: Connection, migrations: Migrations) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(folder()))
    if migrations.name:
        config.set_main_option("version_locations", _escaped(migrations.folder))
        config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = table(migrations)
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
