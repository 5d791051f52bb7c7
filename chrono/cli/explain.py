"""`chrono explain`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono.cli.pipeline import Verbose
from chrono.cli.recordings import readable
from chrono.cli.stores import Store, located

if TYPE_CHECKING:
    from chrono.core.moment import Moment


class Shape(StrEnum):
    """How a tree is printed."""

    TEXT = "text"
    JSON = "json"


def explain(
    feed: Annotated[str, typer.Argument(help="A feed of the pipeline, such as BTC/USD.", metavar="FEED")],
    *,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="ISO 8601, Unix seconds or nanoseconds, or `round:ID`: the last round by then; the newest of a store.",
        ),
    ] = None,
    store: Store = None,
    recording: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="A recording, or a folder of them, in place of a store; may be repeated."),
    ] = None,
    pipeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The pipeline file: which store it is, or how a recording is priced."),
    ] = None,
    format: Annotated[Shape, typer.Option(help="Print a tree or one JSON object.")] = Shape.TEXT,
    verbose: Verbose = False,
) -> int:
    """Print the whole tree behind a price, or behind its having none.

    Its markets, ages, rates and rejections, as they were when it was priced: from a store, or from a recording that is
    priced again.

    For example:

      chrono explain BTC/USD

      chrono explain BTC/USD --at 2026-11-22T10:15:00Z --store prices.db

      chrono explain BTC/USD --at round:1795342500 --recording session.jsonl.gz --pipeline prices.yaml --format json
    """
    from chrono.cli.running import INTERRUPTED, configure_logs
    from chrono.core.explaining import explain
    from chrono.core.explaining_text import lines
    from chrono.core.reporting import encode

    configure_logs(verbose=verbose)
    moment = _replayed(feed, at, recording, pipeline, store) if recording else _stored(feed, at, store, pipeline)
    if moment is None:
        return INTERRUPTED
    tree = explain(moment, feed)
    if format is Shape.JSON:
        typer.echo(encode(tree).decode())
    else:
        typer.echo("\n".join(lines(tree)))
    return 0


def _stored(feed: str, at: str | None, store: str | None, pipeline: Path | None) -> Moment:
    """Find a round in a store."""
    from chrono.store import Database
    from chrono.store.history import moment

    address, name = located(store, pipeline)
    return Database(address).run(lambda connection: moment(connection, feed, at, name))


def _replayed(
    feed: str, at: str | None, recording: list[Path], pipeline: Path | None, store: str | None
) -> Moment | None:
    """Price a recording again up to a round; None where a signal came first."""
    from chrono.cli.running import load, run_all
    from chrono.core.errors import ConfigError
    from chrono.core.moment import instant
    from chrono.core.witness import Witness

    if store is not None:
        raise ConfigError("expected --store or --recording, was both; leave one of them out")
    if pipeline is None or at is None:
        lacking = "--pipeline FILE" if pipeline is None else "--at TIME"
        raise ConfigError(f"expected {lacking} beside --recording, was none; say how, and when, it was priced")
    loaded = load(pipeline)
    try:
        asked = instant(at, loaded.schedule.every)
    except ValueError as error:
        raise ConfigError(f"--at: {error}") from error
    witness = Witness(loaded, recording, feed, asked)
    readable(recording)
    _, interrupted = run_all([witness.replay])
    return None if interrupted else witness.moment()
