"""`chrono scenario`: the faults that an oracle must survive, played to anyone's pipeline."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono.cli.pipeline import Form

if TYPE_CHECKING:
    from chrono.testing.scenarios.measure import Result
    from chrono.testing.scenarios.scenario import Scenario, Setting

app = typer.Typer(no_args_is_help=True, help="Play market faults to a pipeline.", rich_markup_mode=None)

FEWEST, MOST = 4, 100


class Played(StrEnum):
    """In which markets scenarios are played."""

    STATIC = "static"
    WALKING = "walking"
    BOTH = "both"


def _above(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers."""

    def read(given: str | int) -> int:
        text = str(given)  # a default comes as it stands
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            span = f"of {least} or more" if most is None else f"from {least} to {most}"
            raise typer.BadParameter(f"expected a whole number {span}, was {text!r}")
        return int(text)

    return read


@app.command("list")
def show() -> int:
    """Print the scenarios.

    For example:

      chrono scenario list
    """
    from chrono.testing.scenarios.catalogue import SCENARIOS

    for scenario in SCENARIOS:
        typer.echo(f"{scenario.name:<9} {scenario.title}")
    return 0


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Rows such as A or G-step, or `all`.")],
    *,
    pipeline: Annotated[Path | None, typer.Option(help="The pipeline file; chrono's defaults otherwise.")] = None,
    feed: Annotated[str | None, typer.Option(help="The feed of that file whose settings to take.")] = None,
    draws: Annotated[int, typer.Option(parser=_above(1), metavar="N", help="Readings of each row.")] = 2_000,
    seed: Annotated[int, typer.Option(parser=_above(0), metavar="N", help="Decides every draw.")] = 1,
    venues: Annotated[int, typer.Option(parser=_above(FEWEST, MOST), metavar="N", help="Venues of the feed.")] = 8,
    setting: Annotated[Played, typer.Option(help="A market that stands, one that walks, or both.")] = Played.BOTH,
    beside: Annotated[bool, typer.Option("--beside", help="Price the same draws by three other rules, too.")] = False,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,
    jobs: Annotated[int | None, typer.Option(parser=_above(1), metavar="N", help="Processes; one per core.")] = None,
) -> int:
    """Play market faults to a pipeline.

    The exit code is 0 if every row holds. Of the file, all that judges and agrees counts; its feeds, sources and sinks
    do not.

    For example:

      chrono scenario run all

      chrono scenario run B G-step --pipeline prices.yaml --feed BTC/USD --format json
    """
    from chrono.core.errors import ConfigError
    from chrono.testing.scenarios.running import Order, run
    from chrono.testing.scenarios.stage import Given, check

    if feed is not None and pipeline is None:
        raise ConfigError("--feed: expected --pipeline with it, was missing; name the file whose feed it is")
    given = Given(pipeline, feed)
    settings: list[Setting] = ["static", "walking"] if setting is Played.BOTH else [setting.value]  # type: ignore[list-item]
    found = _found(names)
    check(given)
    order = Order(given, found, settings, draws, seed, venues, beside, jobs or os.cpu_count() or 1)
    printed = _json if format is Form.JSON else _table
    held = [result.holds for result in printed(_counted(run(order), len(order.rows())), beside=beside)]
    return 0 if all(held) else 1


def _found(names: list[str]) -> list[Scenario]:
    from chrono.core.errors import ConfigError
    from chrono.testing.scenarios.catalogue import NearMiss, named

    found: dict[str, Scenario] = {}
    problems = []
    for name in names:
        try:
            found.update({scenario.name: scenario for scenario in named(name)})
        except NearMiss as error:
            problems.append(f"chrono scenario run: {error}")
    if problems:
        raise ConfigError(*problems)
    return list(found.values())


def _counted(results: Iterator[Result], rows: int) -> Iterator[Result]:
    """Say on a terminal how far it is."""
    shown = sys.stderr.isatty()
    for number, result in enumerate(results, 1):
        if shown:
            sys.stderr.write(f"\r{number}/{rows} {'' if number < rows else chr(10)}")
            sys.stderr.flush()
        yield result


def _json(results: Iterator[Result], *, beside: bool) -> Iterator[Result]:  # noqa: ARG001 - it is in the record
    for result in results:
        typer.echo(json.dumps(result.record()))
        yield result


def _table(results: Iterator[Result], *, beside: bool) -> Iterator[Result]:
    from chrono.testing.scenarios.rules import RULES

    more = "".join(f" {name:>14}" for name in RULES) if beside else ""
    typer.echo(
        f"{'row':<9} {'setting':<8} {'Y bp':>6} {'error bp':>8} {'ratio':>6} {'95 %':>13} {'no value':>8}{more}  holds"
    )
    number = failed = 0
    for number, result in enumerate(results, 1):  # noqa: B007 - the last number is the answer
        others = "".join(f" {_number(result.beside[name], 14)}" for name in RULES) if beside else ""
        span = "" if result.ratio_ci is None else "{:.2f}..{:.2f}".format(*result.ratio_ci)
        typer.echo(
            f"{result.scenario:<9} {result.setting:<8} {_number(result.yardstick_bp, 6)} {_number(result.error_bp, 8)}"
            f" {_number(result.ratio, 6)} {span:>13} {result.no_value:>8.2%}{others}  {'yes' if result.holds else 'NO'}"
        )
        if not result.holds:
            failed += 1
            typer.echo(f"          {result.why}")
        yield result
    if failed:
        typer.echo(f"{number - failed} of {number} rows {'holds' if number - failed == 1 else 'hold'}")
    else:
        typer.echo("1 row holds" if number == 1 else f"all {number} rows hold")


def _number(value: float | None, width: int) -> str:
    return f"{'-' if value is None else format(value, '.2f'):>{width}}"
