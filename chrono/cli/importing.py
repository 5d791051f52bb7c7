"""`chrono import-feeds`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def import_feeds(
    feeds: Annotated[Path, typer.Argument(help="Another provider's list, feeds.json.", metavar="FILE")],
    *,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there; default: standard output.")] = None,
) -> int:
    """Make a pipeline file of the feeds and sources of another FTSO provider.

    The list is what Flare's example value provider is configured with, its src/config/feeds.json. What could not be
    taken as it stands there is said in one line on standard error.

    For example:

      chrono import-feeds feeds.json --out ftso.yaml
    """
    from chrono.core.config.importing import import_feeds
    from chrono.core.errors import ConfigError

    text, note = import_feeds(feeds)
    if out is None:
        typer.echo(text, nl=False)
    else:
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            wanted = f"--out: expected a file that is not there, was {out}"
            raise ConfigError(f"{wanted}; remove it or name another") from error
    if note:
        sys.stderr.write(f"{note}\n")
    return 0
