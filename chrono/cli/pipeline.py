"""`chrono pipeline`: run, check, show, schema."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chrono.core.engine import Summary
    from chrono.core.pipeline import Pipeline
    from chrono.core.units import Duration
    from chrono.core.writing import Rotation

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
Rotate = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SIZE|TIME", help="Go on in another file after 100MB, at each full 1h, or either: given twice."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log what goes well, too.")]


@app.command()
def run(
    files: Files,
    *,
    rounds: Rounds = None,
    format: Annotated[Form | None, typer.Option(help="Print reports as a table or as JSON Lines.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record raw frames into this folder.")] = None,
    rotate: Rotate = None,
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

    rotation = rotating(rotate)
    if rotation is not None and record is None:
        raise ConfigError("--rotate: expected --record, was missing; name a folder to record into")
    configure_logs(verbose=verbose)
    pipelines, problems = load_all(files)
    if problems:
        raise ConfigError(*problems)
    folders = _folders(record, [pipeline.name for pipeline in pipelines])
    engines = [
        Engine(to_stdout(pipeline, format), record=folder, rotation=rotation, rounds=rounds)
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


def rotating(texts: list[str] | None) -> Rotation | None:
    """Return what `--rotate` says."""
    from chrono.core.errors import ConfigError
    from chrono.core.writing import Rotation

    try:
        return Rotation.parse(texts or [])
    except ValueError as error:
        raise ConfigError(f"--rotate: {error}") from error


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
def check(
    files: Files,
    *,
    live: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Then connect for this long at most, price once, and publish nothing."),
    ] = None,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,
    verbose: Verbose = False,
) -> int:
    """Say everything that is wrong with pipeline files.

    Nothing is connected to, unless it is asked for.

    For example:

      chrono pipeline check prices.yaml

      chrono pipeline check prices.yaml --live 30s
    """
    from chrono.cli.running import load_all
    from chrono.core.errors import ConfigError

    lasts = length("--live", live)
    loaded: list[Pipeline] = []
    problems: list[str] = []
    for file in files:
        pipelines, found = load_all([file])
        problems.extend(found)
        for pipeline in pipelines:
            loaded.append(pipeline)
            typer.echo(_checked(file, pipeline, format))
    if problems:
        raise ConfigError(*problems)
    return 0 if lasts is None else _rehearse(loaded, lasts, format, verbose=verbose)


def _checked(file: Path, pipeline: Pipeline, form: Form) -> str:
    """Say that a file is right, and how much it asks for."""
    import json

    feeds = sum(plan.feed.published for plan in pipeline.plans)
    counts = {"feeds": feeds, "sources": len(pipeline.sources), "markets": len(pipeline.horizons)}
    if form is Form.JSON:
        return json.dumps({"kind": "file", "pipeline": pipeline.name, "file": str(file), **counts})
    return f"{file}: ok, " + ", ".join(f"{count} {what}" for what, count in counts.items())


def _rehearse(pipelines: Sequence[Pipeline], lasts: Duration, form: Form, *, verbose: bool) -> int:
    """Try pipelines out, and print what was found."""
    from chrono.cli.running import INTERRUPTED, configure_logs, run_all
    from chrono.core.rehearsal import Rehearsal
    from chrono.core.rehearsal_text import lines, problems, rows
    from chrono.core.reporting import encode

    configure_logs(verbose=verbose)
    found, interrupted = run_all([Rehearsal(pipeline, lasts) for pipeline in pipelines])
    told = [findings for findings in found if findings is not None]
    for findings in told:
        for row in rows(findings) if form is Form.JSON else ():
            typer.echo(encode(row).decode())
        for line in lines(findings) if form is Form.TABLE else ():
            typer.echo(line)
    missing = [problem for findings in told for problem in problems(findings)]
    for problem in missing:
        _say(problem)
    return INTERRUPTED if interrupted else 1 if missing else 0


def length(option: str, text: str | None) -> Duration | None:
    """Return the length of time that an option says."""
    from chrono.core.errors import ConfigError
    from chrono.core.units import Duration

    try:
        said = None if text is None else Duration(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
    if said == 0:
        raise ConfigError(f"{option}: expected a duration above 0, was {text!r}")
    return said


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
