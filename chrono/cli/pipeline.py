"""`chrono pipeline`: run, check, show, schema."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from chrono.core.engine import Summary

app = typer.Typer(no_args_is_help=True, help="Run, check and show pipeline files.", rich_markup_mode=None)


class Form(StrEnum):
    """How reports are printed."""

    TABLE = "table"
    JSON = "json"


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"expected a whole number above 0, was {text!r}")
    return int(text)


Files = Annotated[list[Path], typer.Argument(help="Pipeline files.", metavar="FILE")]
File = Annotated[Path, typer.Argument(help="A pipeline file.", metavar="FILE")]
Rounds = Annotated[int | None, typer.Option(parser=_rounds, metavar="N", help="Stop after this many rounds.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log what goes well, too.")]


@app.command()
def run(
    files: Files,
    *,
    rounds: Rounds = None,
    format: Annotated[Form | None, typer.Option(help="Print reports as a table or as JSON Lines.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record raw frames into this folder.")] = None,
    progress: Annotated[bool, typer.Option(help="Say at the end what was done.")] = True,
    verbose: Verbose = False,
) -> int:
    """Run pipelines until they are stopped.

    For example:

      chrono pipeline run examples/quickstart.yaml

      chrono pipeline run prices.yaml --rounds 5 --format json

      chrono pipeline run prices.yaml --record recordings/
    """
    from chrono.cli.running import INTERRUPTED, configure_logs, load_all, run_all, to_stdout
    from chrono.core.engine import Engine
    from chrono.core.errors import ConfigError

    configure_logs(verbose=verbose)
    pipelines, problems = load_all(files)
    if problems:
        raise ConfigError(*problems)
    folders = _folders(record, [pipeline.name for pipeline in pipelines])
    engines = [
        Engine(to_stdout(pipeline, format), record=folder, rounds=rounds)
        for pipeline, folder in zip(pipelines, folders, strict=True)
    ]
    summaries, interrupted = run_all(engines)
    told = [summary for summary in summaries if summary is not None]
    for summary in told:
        if progress:
            _say(f"{summary.rounds} rounds, {summary.priced} prices, {ticks(summary)}")
    if interrupted:
        return INTERRUPTED
    if rounds is not None and not any(summary.ticks for summary in told):
        _say("expected ticks from at least one source, there was none; the messages above say why")
        return 1
    return 0


def ticks(summary: Summary) -> str:
    """Say how many ticks there were, and how many of them were dropped."""
    return f"{summary.ticks} ticks" + (f", {summary.refused} dropped" if summary.refused else "")


def _folders(record: Path | None, names: list[str]) -> list[Path | None]:
    """Return where each pipeline is recorded: several have a folder each, or a replay would mix them."""
    from chrono.core.errors import ConfigError

    if record is None or len(names) == 1:
        return [record] * len(names)
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"--record: expected pipelines of different names, was {name!r} twice; change one `name:`"
            )
    return [record / name for name in names]


@app.command()
def check(files: Files) -> int:
    """Say everything that is wrong with pipeline files.

    Nothing is connected to.

    For example:

      chrono pipeline check prices.yaml
    """
    from chrono.cli.running import load_all
    from chrono.core.errors import ConfigError

    problems: list[str] = []
    for file in files:
        pipelines, found = load_all([file])
        problems.extend(found)
        for pipeline in pipelines:
            feeds = sum(plan.feed.published for plan in pipeline.plans)
            typer.echo(f"{file}: ok, {feeds} feeds, {len(pipeline.sources)} sources, {len(pipeline.horizons)} markets")
    if problems:
        raise ConfigError(*problems)
    return 0


@app.command()
def show(file: File) -> int:
    """Print the plan: feeds, their markets, and their rates.

    For example:

      chrono pipeline show prices.yaml
    """
    from chrono.cli.running import load
    from chrono.core.plan_tree import lines

    for line in lines(load(file)):
        typer.echo(line)
    return 0


@app.command()
def schema() -> int:
    """Print the JSON Schema of pipeline files, for editors.

    It has the options of everything that is installed.

    For example:

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
