"""`chrono flare doctor`."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono_flare_ftso.acting import File, Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chrono_flare_ftso.configured import Configured
    from chrono_flare_ftso.provider.checks import Check


class Form(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


def doctor(
    file: Annotated[Path, File],
    *,
    sink: Annotated[str | None, Sink] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="How long the reward epoch's events may take to be read.")
    ] = 60.0,
    format: Annotated[Form, typer.Option(help="Print lines or JSON Lines.")] = Form.TEXT,
) -> int:
    """Look at all that has to be right before a provider sends anything, and say of each what to do.

    Looked at are the spelling of addresses, the ledger, the lease, each node by itself, the clock, the registry, the
    roles that the identity has confirmed, balances, registration, and the feeds of the reward epoch. The keys are
    opened for their addresses. Nothing is sent.

    The exit code is 0 if nothing fails, 1 if something does.

    For example:

      chrono flare doctor flare-provider.yaml

      chrono flare doctor flare-provider.yaml --format json
    """
    from chrono_flare_ftso.configured import configured
    from chrono_flare_ftso.provider.checks import told_of

    of = configured(file, sink)
    checks = asyncio.run(_examined(of, file.read_text(encoding="utf-8"), patience))
    if format is Form.JSON:
        for each in checks:
            typer.echo(json.dumps(each._asdict()))
    else:
        typer.echo("\n".join(told_of(checks)))
    return int(any(each.state == "failure" for each in checks))


async def _examined(of: Configured, text: str, patience: float) -> Sequence[Check]:
    from chrono import Context
    from chrono_flare_ftso.acting import addresses_of
    from chrono_flare_ftso.provider.examining import Examined

    examined = Examined(
        text=text,
        where=of.options,
        feeds=of.feeds,
        addresses=await addresses_of(of.options.keys),
        ledger=of.ledger,
        low_balance=of.options.fees.limits().low_balance,
        missing=of.options.guards.missing,
        clock=Context(of.name).clock,
        lease=of.options.lease,
        patience=patience,
    )
    return [check async for check in examined.checks()]
