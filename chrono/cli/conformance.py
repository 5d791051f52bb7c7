"""`chrono plugin test`: whether a plugin keeps its contract, and what a source hears of its venue."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono.cli.pipeline import Form

if TYPE_CHECKING:
    from chrono.core.units import Duration
    from chrono.testing.certificate import Plugin

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a plugin's package.")]
Live = Annotated[bool, typer.Option("--live", help="Run its sources against their venues instead.")]
For = Annotated[str | None, typer.Option("--for", metavar="TIME", help="With --live, how long; 30s by default.")]
Url = Annotated[str | None, typer.Option(help="With --live, where to connect in place of the venue's usual address.")]
Pairs = Annotated[
    list[str] | None,
    typer.Option("--pair", help="With --live, a pair to ask for; may be repeated."),
]


def check(
    path: Folder,
    *,
    live: Live = False,
    duration: For = None,
    url: Url = None,
    pair: Pairs = None,
    format: Annotated[Form, typer.Option(help="Print text or JSON Lines.")] = Form.TABLE,
) -> int:
    """Run the contracts among a plugin's own tests and print a certificate.

    The package must be installed beside chrono. The exit code is 1 if a check fails.

    For example:

      chrono plugin test chrono-acme

      chrono plugin test chrono-acme --live --for 1m --pair BTC/USD
    """
    from chrono.core.errors import ConfigError
    from chrono.testing.certificate import Plugin, certify

    stated = {"--for": duration, "--url": url, "--pair": pair}
    alone = [option for option, value in stated.items() if value and not live]
    if alone:
        raise ConfigError(*(f"{option}: expected together with --live, was without" for option in alone))
    if live:
        return _visit(Plugin(path), _length(duration or "30s"), url, pair or [], format)
    certificate = certify(Plugin(path))
    for line in [certificate.json()] if format is Form.JSON else certificate.lines():
        typer.echo(line)
    return 0 if certificate.holds else 1


def _visit(plugin: Plugin, length: Duration, url: str | None, pairs: list[str], form: Form) -> int:
    from chrono.cli.running import configure_logs
    from chrono.testing.visit import visit

    configure_logs()
    told = visit(plugin, length, url=url, pairs=pairs, say=lambda line: sys.stderr.write(f"{line}\n"))
    for report in told:
        rows = [json.dumps(row) for row in report.rows()] if form is Form.JSON else report.lines()
        for row in rows:
            typer.echo(row)
    return 0 if all(report.covered for report in told) else 1


def _length(text: str) -> Duration:
    from chrono.core.errors import ConfigError
    from chrono.core.units import Duration

    try:
        length = Duration(text)
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from error
    if length <= 0:
        raise ConfigError(f"--for: expected a duration above 0, was {text!r}")
    return length
