"""`chrono flare migrate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from chrono import ConfigError
from chrono_flare_ftso.protocol import networks


def migrate(
    *,
    given: Annotated[
        list[Path],
        typer.Option("--from", metavar="FILE", help="The provider's feeds.json, its .env, or both: given twice."),
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there; default: standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"One of {', '.join(networks.NETWORKS)}; what .env says otherwise."),
    ] = None,
    compose: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The compose file that the provider is run by.")
    ] = None,
) -> int:
    """Make a pipeline file that takes the place of a feed value provider, and say how to change over and back.

    What it makes serves what the provider served, at the same port. What was configured and has no counterpart is said
    on standard error, a line each. With --out, what to change in the compose file is printed.

    For example:

      chrono flare migrate --from feeds.json --from .env --out ftso.yaml

      chrono flare migrate --from .env --compose docker-compose.yaml --out ftso.yaml
    """
    from chrono_flare_ftso import migrating

    if network is not None and network not in networks.NETWORKS:
        _chosen(network)
    made = migrating.migrate(given, network or "", compose)
    if out is None:
        typer.echo(made.text, nl=False)
    else:
        _write(out, made.text, force=force, read=[*given, *([compose] if compose else [])])
    sys.stderr.writelines(f"{note}\n" for note in made.notes)
    typer.echo("\n".join(migrating.steps(made, out.name if out else migrating.FILE)), err=out is None)
    return 0


def _chosen(name: str) -> None:
    try:
        networks.network(name)
    except ValueError as error:
        raise ConfigError(f"--network: {error}") from None


def _write(path: Path, text: str, *, force: bool, read: Sequence[Path]) -> None:
    """Write a file whole or not at all, and never over what it was made of."""
    if path.resolve() in {each.resolve() for each in read}:
        raise ConfigError(f"--out: expected another file than those that are read, was {path}; name another")
    if path.exists() and not force:
        wanted = f"--out: expected a file that is not there, was {path}"
        raise ConfigError(f"{wanted}; name another, or write over it with --force")
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"--out: expected to write {path}, was refused: {error.strerror or error}") from None
