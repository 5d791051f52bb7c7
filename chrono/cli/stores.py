"""Which store a command means: the one it names, else the one its pipeline writes to, else `chrono.db` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DEFAULT = "chrono.db"

Store: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help=f"A file, or postgresql://user:password@host/name; {DEFAULT} when neither this nor --pipeline is given.",
    ),
]
OfPipeline: TypeAlias = Annotated[
    Path | None, typer.Option("--pipeline", metavar="FILE", help="A pipeline file, whose store it is.")
]


def located(store: str | None, file: Path | None) -> tuple[str, str | None]:
    """Return the address of a store, and the name of the pipeline if a file was given.

    Raises
    ------
    ConfigError
        If the pipeline writes to no store, or to several and none is named.
    """
    from chrono.cli.running import load
    from chrono.core.errors import ConfigError

    if file is None:
        return store or DEFAULT, None
    pipeline = load(file)
    if store is not None:
        return store, pipeline.name
    found = {name: sink.address for name, sink in pipeline.sinks.items() if hasattr(sink, "address")}
    if len(found) != 1:
        was = f"was {', '.join(found)}" if found else "was none"
        raise ConfigError(f"{file}: expected one sink that is a store, {was}; name the store with --store URL")
    return str(*found.values()), pipeline.name
