"""`chrono flare rounds`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chrono import ConfigError

SINK = "flare_ftso"


class Form(StrEnum):
    """How it is printed."""

    TABLE = "table"
    JSON = "json"


def rounds(
    file: Annotated[
        Path, typer.Argument(metavar="LEDGER|PIPELINE", help="The ledger of the sink flare_ftso, or its pipeline file.")
    ],
    *,
    last: Annotated[int, typer.Option(metavar="N", min=1, max=20_000, help="How many rounds, the newest ones.")] = 20,
    since: Annotated[int, typer.Option("--from", metavar="ROUND", min=0, help="The first round.")] = 0,
    feeds: Annotated[bool, typer.Option("--feeds", help="Print each feed's vote under its round.")] = False,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,
) -> int:
    """Print what a provider did in its last rounds, where its votes lay, and what it cost and earned.

    A step is ok where it is on the chain in time, else late, early or missing; unsent where nothing is sent (shadow),
    and idle where nothing is owed, since the voter is not registered. Final says who finalised the round. In 0.5 %, IQR
    and PCT are the votes in the three bands that rewards know, of those that could be judged. The share is that of the
    rewards for accuracy, on average over the feeds, and an estimate.

    JSON Lines has all that is known of each round, a line each, and a last line with the totals.

    For example:

      chrono flare rounds flare.db

      chrono flare rounds flare-provider.yaml --last 960 --format json
    """
    from chrono_flare_ftso.records import KEPT, Records
    from chrono_flare_ftso.rounds_text import json_lines, lines
    from chrono_flare_ftso.scoring_values import opened

    path = _ledger(file) if file.suffix in {".yaml", ".yml"} else file
    with opened(path, SINK, "name the file under `ledger`, or the pipeline file") as ledger:
        found = Records(ledger).last(min(last, KEPT), since)
    if not found:
        told = f"{path}: expected rounds that the sink {SINK} wrote down, were none"
        raise ConfigError(f"{told}{f' from round {since} on' if since else ' yet'}; wait until a round is over")
    for line in lines(found, feeds=feeds) if format is Form.TABLE else json_lines(found):
        typer.echo(line)
    return 0


def _ledger(file: Path) -> Path:
    """Return the ledger that a pipeline file names for its sink; a path is taken from where the command is run."""
    import yaml

    try:
        # all as text: nothing in it is looked up
        tree = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - makes text, lists and mappings
    except OSError as error:
        raise ConfigError(f"{file}: expected a pipeline, was not readable: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise ConfigError(
            f"{file}: expected a pipeline in YAML, was something else; see chrono pipeline check"
        ) from None
    sinks = tree.get("sinks") if isinstance(tree, dict) else None
    found = {
        str(options.get("ledger", "flare.db"))
        for name, options in (sinks if isinstance(sinks, dict) else {}).items()
        if isinstance(options, dict) and options.get("type", name) == SINK
    }
    if len(found) != 1:
        was = "none" if not found else f"{len(found)} with ledgers of their own"
        raise ConfigError(f"{file}: expected one sink {SINK}, was {was}; name the ledger itself")
    (ledger,) = found
    if "${" in ledger:
        raise ConfigError(f"{file}: expected a ledger by its name, was {ledger}; name the ledger itself")
    return Path(ledger)
