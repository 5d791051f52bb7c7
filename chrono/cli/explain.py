"""`chrono explain`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chrono.cli.pipeline import Verbose
from chrono.cli.recordings import readable


class Shape(StrEnum):
    """How a tree is printed."""

    TEXT = "text"
    JSON = "json"


def explain(
    feed: Annotated[str, typer.Argument(help="A feed of the pipeline, such as BTC/USD.", metavar="FEED")],
    *,
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="ISO 8601, Unix seconds or nanoseconds, or `round:ID`: the last round by then."
        ),
    ],
    recording: Annotated[
        list[Path], typer.Option(metavar="PATH", help="A recording, or a folder of them; may be repeated.")
    ],
    pipeline: Annotated[Path, typer.Option(metavar="FILE", help="The pipeline file.")],
    format: Annotated[Shape, typer.Option(help="Print a tree or one JSON object.")] = Shape.TEXT,
    verbose: Verbose = False,
) -> int:
    """Print the whole tree behind a price, or behind its having none.

    Its markets, ages, rates and rejections, as they were when it was priced.

    For example:

      chrono explain BTC/USD --at 2026-11-22T10:15:00Z --recording recordings/ --pipeline prices.yaml

      chrono explain BTC/USD --at round:1795342500 --recording session.jsonl.gz --pipeline prices.yaml --format json
    """
    from chrono.cli.running import INTERRUPTED, configure_logs, load, run_all
    from chrono.core.errors import ConfigError
    from chrono.core.explaining import explain
    from chrono.core.explaining_text import lines
    from chrono.core.reporting import encode
    from chrono.core.witness import Witness, instant

    configure_logs(verbose=verbose)
    loaded = load(pipeline)
    try:
        asked = instant(at, loaded.schedule.every)
    except ValueError as error:
        raise ConfigError(f"--at: {error}") from error
    witness = Witness(loaded, recording, feed, asked)
    readable(recording)
    _, interrupted = run_all([witness.replay])
    if interrupted:
        return INTERRUPTED
    tree = explain(witness.moment(), feed)
    if format is Shape.JSON:
        typer.echo(encode(tree).decode())
    else:
        typer.echo("\n".join(lines(tree)))
    return 0
