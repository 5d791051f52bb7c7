"""`chrono pipeline`: run, check, show, schema."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Run, check and show pipeline files.", rich_markup_mode=None)


class Form(StrEnum):
    """How reports are printed."""

    TABLE = "table"
    JSON = "json"


Files = Annotated[list[Path], typer.Argument(help="Pipeline files.", metavar="FILE...")]
File = Annotated[Path, typer.Argument(help="A pipeline file.", metavar="FILE")]


@app.command()
def run(
    files: Files,
    *,
    rounds: Annotated[int | None, typer.Option(min=1, help="Stop after this many rounds.")] = None,
    format: Annotated[Form | None, typer.Option(help="Print reports as a table or as JSON Lines.")] = None,  # noqa: A002
    record: Annotated[Path | None, typer.Option(help="Record raw frames into this folder.")] = None,
    progress: Annotated[bool, typer.Option(help="Say at the end what was done.")] = True,
) -> int:
    """Run pipelines until they are stopped.

    Examples:

      chrono pipeline run examples/quickstart.yaml

      chrono pipeline run prices.yaml --rounds 5 --format json

      chrono pipeline run prices.yaml --record recordings/
    """
    from chrono.cli.running import INTERRUPTED, configure_logs, load, run_all, to_stdout
    from chrono.core.engine import Engine

    configure_logs()
    pipelines = [to_stdout(load(file), format) for file in files]
    engines = [Engine(pipeline, record=record, rounds=rounds) for pipeline in pipelines]
    summaries, interrupted = run_all(engines)
    for summary in summaries:
        if progress:
            _say(f"{summary.rounds} rounds, {summary.priced} prices, {summary.ticks} ticks")
    if interrupted:
        return INTERRUPTED
    if rounds is not None and not any(summary.ticks for summary in summaries):
        _say("no source delivered anything; the warnings above say why")
        return 1
    return 0


@app.command()
def check(files: Files) -> int:
    """Say everything that is wrong with pipeline files, without connecting anywhere.

    Examples:

      chrono pipeline check prices.yaml
    """
    from chrono.cli.running import load
    from chrono.core.errors import ConfigError

    problems: list[str] = []
    for file in files:
        try:
            pipeline = load(file)
        except ConfigError as error:
            problems.extend(error.problems)
        else:
            feeds = sum(plan.feed.published for plan in pipeline.plans)
            typer.echo(f"{file}: ok, {feeds} feeds, {len(pipeline.sources)} sources, {len(pipeline.horizons)} markets")
    if problems:
        raise ConfigError(*problems)
    return 0


@app.command()
def show(file: File) -> int:
    """Print the plan: how each feed is priced, from which markets, over which rates.

    Examples:

      chrono pipeline show prices.yaml
    """
    from chrono.cli.running import load
    from chrono.core.plan_tree import lines

    for line in lines(load(file)):
        typer.echo(line)
    return 0


@app.command()
def schema() -> int:
    """Print the JSON Schema of pipeline files, with the options of everything installed, for editors.

    Examples:

      chrono pipeline schema > chrono.schema.json
    """
    import json

    from chrono.core import config
    from chrono.core.registry import Registry

    entries, broken = Registry().entries()
    for error in broken:
        _say(str(error))
    components = {(entry.kind, entry.cls.type): entry.cls for entry in entries}
    typer.echo(json.dumps(config.schema(components), indent=2))
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
