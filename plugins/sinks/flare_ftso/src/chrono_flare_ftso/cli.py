"""`chrono flare`: the protocol on the command line."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from chrono import ConfigError
from chrono_flare_ftso import (
    cli_devnet,
    cli_doctor,
    cli_entity,
    cli_keys,
    cli_migrate,
    cli_rewards,
    cli_rounds,
    cli_score,
    decoding_text,
)
from chrono_flare_ftso.decoding import explain
from chrono_flare_ftso.protocol import networks
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.results import RESULT_BYTES, Result
from chrono_flare_ftso.protocol.text import from_hex
from chrono_flare_ftso.schedule import iso, lines, schedule

app = typer.Typer(
    no_args_is_help=True, help="Read Flare's protocol: FSP and FTSOv2.", rich_markup_mode=None, add_completion=False
)

_UNIX = re.compile(r"([0-9]{1,19})(\.[0-9]+)?")
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9999 = 253_370_764_800


class Form(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


Network = Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(networks.NETWORKS)}.")]
Shape = Annotated[Form, typer.Option(help="Print lines or one JSON object.")]


@app.callback()
def flare() -> None:
    """Read Flare's protocol: FSP and FTSOv2."""


app.command()(cli_migrate.migrate)
app.command()(cli_score.score)
app.command()(cli_rounds.rounds)
app.command()(cli_doctor.doctor)
app.add_typer(cli_keys.app, name="keys")
app.add_typer(cli_entity.app, name="entity")
app.add_typer(cli_rewards.app, name="rewards")
app.add_typer(cli_devnet.app, name="devnet")


@app.command()
def epoch(
    *,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="ISO 8601, in UTC unless it says otherwise, or unix seconds.")
    ] = None,
    network: Network = "flare",
    format: Shape = Form.TEXT,
) -> int:
    """Print the voting round and the reward epoch of a time, now unless told, and the deadlines around it.

    The reward epoch is the expected one: it really starts with its signing policy, which may be late. The last second
    of a window still counts.

    For example:

      chrono flare epoch

      chrono flare epoch --at 2026-07-20T07:00:00Z --network songbird --format json
    """
    chosen = _network(network)
    now = int(datetime.now(UTC).timestamp()) if at is None else _second(at)
    if not chosen.first_voting_round_start <= now < _YEAR_9999:
        first = f"{iso(chosen.first_voting_round_start)}, the first round of {chosen.name}"
        raise ConfigError(f"--at: expected a time from {first}, to the year 9999, was {at or now!r}")
    tree = schedule(chosen, now)
    typer.echo(json.dumps(tree) if format is Form.JSON else "\n".join(lines(tree)))
    return 0


@app.command()
def decode(
    calldata: Annotated[str, typer.Argument(metavar="HEX", help="The calldata, with or without 0x; - reads it.")],
    *,
    result: Annotated[
        str | None, typer.Option(metavar="HEX", help="The 38-byte result that signatures without a message are of.")
    ] = None,
    network: Network = "flare",
    format: Shape = Form.TEXT,
) -> int:
    """Explain the calldata of submit1, submit2, submit3, submitSignatures, submitAndPass or relay.

    For example:

      chrono flare decode 0x6c532fae64000f61fb0020d08d30200044b2d4b8f77a43b117a0085b65bb2fe566d9e149090c92cde3adb7

      cast tx HASH input | chrono flare decode - --network songbird --format json
    """
    chosen = _network(network)
    text = sys.stdin.read() if calldata == "-" else calldata
    try:
        signed = None if result is None else Result.decode(from_hex(result, RESULT_BYTES, "--result")).encode()
        tree = explain(from_hex(text, what="calldata"), chosen, signed)
    except ProtocolError as error:
        raise ConfigError(str(error)) from None
    typer.echo(json.dumps(tree) if format is Form.JSON else "\n".join(decoding_text.lines(tree)))
    return 0


def _network(name: str) -> networks.Network:
    try:
        return networks.network(name)
    except ValueError as error:
        raise ConfigError(f"--network: {error}") from None


def _second(text: str) -> int:
    """Return the unix second a time falls into."""
    if unix := _UNIX.fullmatch(text.strip()):
        return int(unix[1])
    try:
        told = datetime.fromisoformat(text.strip())
        return ((told if told.tzinfo else told.replace(tzinfo=UTC)) - _ORIGIN) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        wanted = "a time like 2026-11-22T10:15:00Z, or unix seconds"
        raise ConfigError(f"--at: expected {wanted}, was {text!r}") from None
