"""`chrono record`, `chrono replay`, `chrono decode`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from chrono.cli.pipeline import File, Form, Rotate, Verbose, length, rotating, ticks

Recordings = Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="RECORDING")]


def record(
    file: File,
    *,
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long, such as 10m; until stopped otherwise.")
    ] = None,
    rotate: Rotate = None,
    verbose: Verbose = False,
) -> int:
    """Record what the sources of a pipeline receive.

    Nothing is priced or published.

    For example:

      chrono record prices.yaml --out recordings/ --for 10m

      chrono record prices.yaml --out recordings/ --rotate 1h --rotate 100MB
    """
    from dataclasses import replace

    from chrono.cli.running import INTERRUPTED, configure_logs, load, run_all
    from chrono.core.engine import Engine

    lasts, rotation = length("--for", duration), rotating(rotate)
    configure_logs(verbose=verbose)
    # nothing is priced, so nothing of what rounds remember may be overwritten; all is recorded, so nothing need be kept
    alone = replace(load(file), sinks={}, plans=(), state_path=None, flight_recorder=None)
    engine = Engine(alone, record=out, rotation=rotation, lasts=lasts)
    (summary,), interrupted = run_all([engine])
    received = 0 if summary is None else summary.ticks
    _say(f"{received} ticks recorded into {out}")
    if interrupted:
        return INTERRUPTED
    if not received:
        _say("expected ticks from at least one source, there was none; the messages above say why")
    return 0 if received and not engine.unrecorded else 1


def replay(
    file: File,
    recordings: Recordings,
    *,
    speed: Annotated[str, typer.Option(help="`max`, or how many times real time.")] = "max",
    format: Annotated[Form | None, typer.Option(help="Print reports as a table or as JSON Lines.")] = None,
    verbose: Verbose = False,
) -> int:
    """Run a pipeline over recordings: the same reports, bit for bit.

    Its clock is that of the recordings.

    For example:

      chrono replay prices.yaml recordings/ --format json

      chrono replay prices.yaml session.jsonl.gz --speed 10
    """
    from chrono.cli.running import INTERRUPTED, configure_logs, load, run_all, to_stdout
    from chrono.core.replay import Replay

    configure_logs(verbose=verbose)
    pace = _speed(speed)
    readable(recordings)
    run = Replay(to_stdout(load(file), format), recordings, speed=pace)
    (summary,), interrupted = run_all([run])
    if summary is not None:
        counts = f"{run.frames} records, {run.damaged} damaged, {ticks(summary)}"
        _say(f"{summary.rounds} rounds, {summary.priced} prices, {counts}")
    if interrupted:
        return INTERRUPTED
    if summary is not None and not summary.ticks:
        _say("expected ticks of the pipeline's sources in the recording, there was none; the messages above say why")
        return 1
    return 0


def decode(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="The type of a source, such as kraken.")],
    recordings: Recordings,
    *,
    source: Annotated[str | None, typer.Option(help="Only frames of this source id; those of TYPE otherwise.")] = None,
    raw: Annotated[
        bool, typer.Option(help="Each line is one frame as the venue sent it, not a recording's line.")
    ] = False,
    pair: Annotated[list[str] | None, typer.Option(help="A pair whose symbol to recognise; may be repeated.")] = None,
    expect: Annotated[Path | None, typer.Option(help="Compare with these ticks; exit 1 on a difference.")] = None,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,
) -> int:
    """Print what a source makes of recorded frames.

    A tick a line; what cannot be read is named on standard error, and the exit code is 1.

    For example:

      chrono decode kraken recordings/ --format json

      chrono decode binance frames.jsonl --expect expected.jsonl
    """
    from chrono.core.decoding import Decoding, Expected
    from chrono.core.registry import Registry

    readable(recordings)
    wanted = None if expect is None else Expected(expect)
    pairs = [*(pair or []), *(wanted.pairs if wanted is not None else [])]
    work = Decoding(Registry(), type, _say, source=source, pairs=pairs, raw=raw)
    different = 0
    for number, row in enumerate(work.rows(recordings), 1):
        typer.echo(work.line(row) if format is Form.JSON else work.text(row))
        if wanted is not None:
            different += _told(wanted.compare(number, row))
    if wanted is not None:
        different += _told(wanted.left())
    _say(f"{work.frames} frames, {work.ticks} ticks, {work.damaged} damaged")
    return 1 if different or work.damaged or not work.frames else 0


def _told(differences: Iterable[str]) -> int:
    count = 0
    for count, difference in enumerate(differences, 1):  # noqa: B007 - the last number is the answer
        _say(difference)
    return count


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


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


def readable(paths: list[Path]) -> None:
    """Refuse recordings that cannot be opened, all at once."""
    from chrono.core.errors import ConfigError
    from chrono.core.recording import files

    problems = []
    for path in paths:
        try:
            for file in files([path]):
                file.open("rb").close()
        except OSError as error:
            told = (
                str(error)
                if error.errno is None
                else f"{error.filename}: expected a recording, was refused: {error.strerror}"
            )
            problems.append(told)
    if problems:
        raise ConfigError(*problems)
