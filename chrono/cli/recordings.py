"""`chrono record`, `chrono replay`, `chrono decode`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chrono.cli.pipeline import File, Form

Recordings = Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="RECORDING...")]


def record(
    file: File,
    *,
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    duration: Annotated[str | None, typer.Option("--for", help="How long, such as 10m; until stopped otherwise.")] = None,
) -> int:
    """Record what the sources of a pipeline receive, without pricing or publishing anything.

    Examples:

      chrono record prices.yaml --out recordings/ --for 10m
    """
    from dataclasses import replace

    from chrono.cli.running import INTERRUPTED, configure_logs, load, run_all
    from chrono.core.engine import Engine
    from chrono.core.errors import ConfigError
    from chrono.core.units import Duration

    try:
        length = None if duration is None else Duration(duration)
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from error
    configure_logs()
    pipeline = load(file)
    engine = Engine(replace(pipeline, sinks={}, plans=()), record=out, lasts=length)
    (summary,), interrupted = run_all([engine])
    sys.stderr.write(f"{summary.ticks} ticks recorded into {out}\n")
    return INTERRUPTED if interrupted else 0


def replay(
    file: File,
    recordings: Recordings,
    *,
    speed: Annotated[str, typer.Option(help="`max`, or how many times real time.")] = "max",
    format: Annotated[Form | None, typer.Option(help="Print reports as a table or as JSON Lines.")] = None,  # noqa: A002
) -> int:
    """Run a pipeline on a virtual clock over recordings: the same reports, bit for bit.

    Examples:

      chrono replay prices.yaml recordings/ --format json

      chrono replay prices.yaml session.jsonl.gz --speed 10
    """
    from chrono.cli.running import INTERRUPTED, configure_logs, load, run_all, to_stdout
    from chrono.core.replay import Replay

    configure_logs()
    pace = _speed(speed)
    _readable(recordings)
    run = Replay(to_stdout(load(file), format), recordings, speed=pace)
    (summary,), interrupted = run_all([run])
    counts = f"{run.frames} records, {run.damaged} damaged, {summary.ticks} ticks"
    sys.stderr.write(f"{summary.rounds} rounds, {summary.priced} prices, {counts}\n")
    return INTERRUPTED if interrupted else 0


def decode(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="The type of a source, such as kraken.")],  # noqa: A002
    recordings: Recordings,
    *,
    source: Annotated[str | None, typer.Option(help="Only frames of this source id; those of TYPE otherwise.")] = None,
    raw: Annotated[bool, typer.Option(help="Each line is one frame as the venue sent it, not a recording's line.")] = False,
    pair: Annotated[list[str] | None, typer.Option(help="A pair whose symbol to recognise; may be repeated.")] = None,
    expect: Annotated[Path | None, typer.Option(help="Compare with these ticks; exit 1 on a difference.")] = None,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,  # noqa: A002
) -> int:
    """Print what a source makes of recorded frames, a tick a line; frames it cannot read are named on standard error.

    Examples:

      chrono decode kraken recordings/ --format json

      chrono decode binance frames.jsonl --expect expected.jsonl
    """
    from chrono.core.decoding import Decoding
    from chrono.core.registry import Registry

    _readable(recordings)
    work = Decoding(Registry(), type, source=source, pairs=pair or [], raw=raw)
    wanted = None if expect is None else work.expected(expect)
    different = 0
    for number, row in enumerate(work.rows(recordings), 1):
        typer.echo(work.line(row) if format is Form.JSON else work.text(row))
        if wanted is not None:
            for difference in wanted.compare(number, row):
                different += 1
                sys.stderr.write(f"{difference}\n")
    if wanted is not None:
        for difference in wanted.left():
            different += 1
            sys.stderr.write(f"{difference}\n")
    sys.stderr.write(f"{work.frames} frames, {work.ticks} ticks, {work.damaged} damaged\n")
    return 1 if different or work.damaged else 0


def _speed(text: str) -> float | None:
    from chrono.core.errors import ConfigError

    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ConfigError(f"--speed: expected `max` or a number above 0, was {text!r}")
    return speed


def _readable(paths: list[Path]) -> None:
    from chrono.core.errors import ConfigError
    from chrono.core.recording import files

    try:
        for path in files(paths):
            path.open("rb").close()
    except OSError as error:
        raise ConfigError(str(error) if error.errno is None else f"{error.filename}: {error.strerror}") from error
