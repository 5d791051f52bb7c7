"""`chrono store`: what is in a store, whether it is whole, and what to do with it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chrono.cli.pipeline import Form
from chrono.cli.stores import OfPipeline, Store, located

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from chrono.core.component import Migrations
    from chrono.store import Database

app = typer.Typer(no_args_is_help=True, help="Look after what was published.", rich_markup_mode=None)

Shape = Annotated[Form, typer.Option("--format", help="Print a table or JSON Lines.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a store that is there.")]
BackupFile = Annotated[Path, typer.Argument(metavar="BACKUP", help="The file of the backup.")]


@app.command()
def upgrade(*, store: Store = None, pipeline: OfPipeline = None) -> int:
    """Bring the tables to the form that this version knows, and those of plugins.

    A pipeline that starts does the same. A SQLite file that is not there is made.

    For example:

      chrono store upgrade --store prices.db
    """
    from chrono.store import upgrade

    database = _database(store, pipeline)

    def work(connection: Connection) -> None:
        for each in _chains(database):
            upgrade(connection, "head", each)

    database.run(work, write=True, create=True, ready=False)
    typer.echo(f"{database}: ok, its tables are of this version")
    return 0


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="Such as 0001, or `base` for no tables.")],
    *,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="The migrations of a plugin; the store's own otherwise.")
    ] = None,
    store: Store = None,
    pipeline: OfPipeline = None,
) -> int:
    """Bring the tables back to an earlier form, for an earlier version.

    What that form has no place for is deleted: make a backup first. With `base` all of it is.

    For example:

      chrono store downgrade 0001 --store prices.db

      chrono store downgrade base --of timescale --pipeline prices.yaml
    """
    from alembic.util import CommandError

    from chrono.core.errors import ConfigError
    from chrono.store.migrating import current, downgrade

    database = _database(store, pipeline)
    core, *others = _chains(database)
    known = {each.name: each for each in others}
    if of is not None and of not in known:
        raise ConfigError(f"--of: expected one of {', '.join(known) or 'no name, for want of any'}, was {of!r}")
    wanted = core if of is None else known[of]

    def work(connection: Connection) -> None:
        if wanted is core and revision == "base":
            # what plugins made of these tables goes before them
            for each in reversed(others):
                if current(connection, each) is not None:
                    downgrade(connection, "base", each)
        try:
            downgrade(connection, revision, wanted)
        except CommandError as error:
            raise ConfigError(f"expected an earlier revision, was {revision!r}: {error}") from error

    database.run(work, write=True, ready=False)
    typer.echo(f"{database}: ok, its tables are of {revision}")
    return 0


@app.command()
def stats(*, store: Store = None, pipeline: OfPipeline = None, format: Shape = Form.TABLE) -> int:
    """Print how much there is: rows, bytes and span of each table.

    For example:

      chrono store stats

      chrono store stats --pipeline prices.yaml --format json
    """
    from chrono.core.reporting import iso
    from chrono.store.measuring import measure

    database = _database(store, pipeline)
    found = database.run(lambda connection: list(measure(connection)))
    rows = [
        {
            "table": each.name,
            "rows": each.rows,
            "bytes": each.bytes,
            "bytes_per_row": None if each.bytes is None or not each.rows else round(each.bytes / each.rows, 1),
            "first": None if each.first is None else iso(each.first),
            "last": None if each.last is None else iso(each.last),
        }
        for each in found
    ]
    _print(rows, format)
    return 0


@app.command()
def prune(
    *,
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Delete what is older: ISO 8601, Unix seconds or nanoseconds.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Delete what is older than this, such as 90d.")
    ] = None,
    store: Store = None,
    pipeline: OfPipeline = None,
    format: Shape = Form.TABLE,
) -> int:
    """Delete what is too old to keep, and print how much it was.

    An hour of it at a time, while a pipeline may go on writing. The names of feeds and markets stay.

    For example:

      chrono store prune --keep 90d

      chrono store prune --before 2026-01-01 --store prices.db
    """
    from chrono.store.pruning import prune

    until = _until(before, keep)
    gone = prune(_database(store, pipeline), until)
    _print([{"table": name, "deleted": rows} for name, rows in sorted(gone.items())], format)
    return 0


@app.command()
def verify(*, store: Store = None, pipeline: OfPipeline = None, format: Shape = Form.TABLE) -> int:
    """Look for what is missing, or is there twice.

    Gaps within a run, rounds without the rows that belong to them, rounds that are there twice, rows without a round.
    The exit code is 1 if there is any, which is told in a line each.

    For example:

      chrono store verify --store prices.db
    """
    from chrono.store.verifying import verify

    database = _database(store, pipeline)
    found = database.run(verify)
    if format is Form.JSON:
        _print((each._asdict() for each in found.problems), format)
    else:
        for each in found.problems:
            typer.echo(f"{each.pipeline}: {each.message}")
    if found.more:
        _say(f"there are {found.more} more like these, which are only counted")
    if not found.problems:
        _say(f"{database}: ok, {found.rounds} rounds in {found.runs} runs of {found.pipelines} pipelines")
    return 1 if found.problems else 0


@app.command()
def export(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder to write into.")],
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this day on: ISO 8601, Unix seconds or nanoseconds.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only days that begin before this; all otherwise.")
    ] = None,
    ticks: Annotated[bool, typer.Option("--ticks", help="Write ticks, too.")] = False,
    store: Store = None,
    pipeline: OfPipeline = None,
    format: Shape = Form.TABLE,
) -> int:
    """Write prices and estimates as Parquet, a file for each day and feed.

    Needs the extra `parquet`. A file that is there is replaced, so a day can be written again when it is over. What is
    written of ticks is a recording, which `chrono replay` reads.

    For example:

      chrono store export --out archive

      chrono store export --out archive --since 2026-11-01 --until 2026-12-01 --ticks
    """
    from chrono.store.exporting import export

    first, last = _time("--since", since, 0), _time("--until", until, 2**63 - 1)
    database = _database(store, pipeline)

    def work(connection: Connection) -> int:
        files = 0
        for written in export(connection, out, first, last, ticks=ticks):
            files += 1
            if format is Form.JSON:
                _print([{"file": str(written.path), "rows": written.rows}], format)
            else:
                typer.echo(f"{written.path}  {written.rows} rows")
        return files

    files = database.run(work)
    _say(f"{files} files written into {out}")
    return 0


@app.command()
def backup(path: BackupFile, *, store: Store = None, pipeline: OfPipeline = None) -> int:
    """Write a backup, while a pipeline may go on writing.

    Of SQLite it is a database; of PostgreSQL, what its pg_dump writes. A file that is there is replaced when the new
    one is whole.

    For example:

      chrono store backup /backups/prices.db --store prices.db
    """
    from chrono.store.backup import backup

    database = _database(store, pipeline)
    typer.echo(f"{path}: ok, {backup(database, path)} rounds of {database}")
    return 0


@app.command()
def restore(path: BackupFile, *, force: Force = False, store: Store = None, pipeline: OfPipeline = None) -> int:
    """Bring a store back to what a backup holds.

    What is there is left alone unless --force is said, and until the backup was looked at.

    For example:

      chrono store restore /backups/prices.db --store prices.db --force
    """
    from chrono.store.backup import restore

    database = _database(store, pipeline)
    typer.echo(f"{database}: ok, {restore(database, path, force=force)} rounds of {path}")
    return 0


def _database(store: str | None, pipeline: Path | None) -> Database:
    from chrono.cli.running import configure_logs
    from chrono.store import Database

    configure_logs()
    address, _ = located(store, pipeline)
    return Database(address)


def _chains(database: Database) -> list[Migrations]:
    """Return the store's migrations, and those of plugins that are for such a database."""
    from chrono.core.registry import Registry
    from chrono.store.migrating import CORE

    found, broken = Registry().migrations()
    for problem in broken:
        _say(str(problem))
    return [CORE, *(each for each in found if each.dialect in {"", database.dialect})]


def _until(before: str | None, keep: str | None) -> int:
    from chrono.core.clock import WallClock
    from chrono.core.errors import ConfigError
    from chrono.core.units import Duration

    if (before is None) == (keep is None):
        was = "neither" if before is None else "both"
        raise ConfigError(f"expected either --before TIME or --keep LENGTH, was {was}; say what is to go")
    if keep is None:
        return _time("--before", before, 0)
    try:
        return max(WallClock().now() - Duration(keep), 0)
    except ValueError as error:
        raise ConfigError(f"--keep: {error}") from error


def _time(option: str, text: str | None, otherwise: int) -> int:
    from chrono.core.errors import ConfigError
    from chrono.core.moment import instant

    if text is None:
        return otherwise
    try:
        if text.startswith("round:"):
            raise ValueError(f"expected a time like 2026-11-22T10:15:00Z, Unix seconds or nanoseconds, was {text!r}")
        return instant(text, 1)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error


def _print(rows: Iterable[Mapping[str, Any]], format: Form) -> None:
    """Print rows as JSON Lines, or in columns."""
    from chrono.core.reporting import encode

    if format is Form.JSON:
        for row in rows:
            typer.echo(encode(row).decode())
        return
    listed = list(rows)
    cells = [list(listed[0]), *([_shown(value) for value in row.values()] for row in listed)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        first, *others = zip(line, widths, strict=True)
        told = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        typer.echo("  ".join(told).rstrip())


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
