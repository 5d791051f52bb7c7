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
    sink: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which sink, where the pipeline has several of the type.")
    ] = None,
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

    path = file
    if file.suffix in {".yaml", ".yml"}:
        from chrono_flare_ftso.configured import configured

        path = configured(file, sink).ledger
    with opened(path, SINK, "name the file under `ledger`, or the pipeline file") as ledger:
        found = Records(ledger).last(min(last, KEPT), since)
    if not found:
        told = f"{path}: expected rounds that the sink {SINK} wrote down, were none"
        raise ConfigError(f"{told}{f' from round {since} on' if since else ' yet'}; wait until a round is over")
    for line in lines(found, feeds=feeds) if format is Form.TABLE else json_lines(found):
        typer.echo(line)
    return 0
