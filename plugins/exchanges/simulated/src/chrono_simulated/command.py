"""`chrono simulated`: venues on this machine, to run a pipeline against."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import anyio
import typer
import yaml

from chrono import ConfigError, Duration
from chrono_simulated.serving import VENUES, ServedVenue, Venue, serving

app = typer.Typer(
    no_args_is_help=True, help="Serve venues that are not there.", rich_markup_mode=None, add_completion=False
)

_USUAL = ("kraken", "binance", "coinbase")
_INTERRUPTED = 130
_PORTS = 65_536


class Form(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


@app.callback()
def simulated() -> None:
    """Serve venues that are not there."""


@app.command()
def serve(
    *,
    venue: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What to serve, once for each; three exchanges if none."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The first venue's port, the others' follow; 0 for any free ones.")
    ] = 0,
    faults: Annotated[
        str | None, typer.Option(metavar="FILE|YAML", help="What goes wrong: a list, or a list for each venue.")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(metavar="PAIR", help="What every venue lists; what it usually has if none.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides prices, prints and draws of faults.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Trades per second and pair.")] = 5.0,
    for_: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="Stop after this, like 10m.")] = None,
    format: Annotated[Form, typer.Option(help="Print lines of YAML or of JSON.")] = Form.TEXT,
) -> int:
    """Serve venues on loopback until interrupted, and print the address of each.

    They speak the real venues' protocols, over WebSocket and over HTTP on the same port: give the address to a source
    as its `url`. What goes wrong counts from the start.

    For example:

      chrono simulated serve --venue kraken --faults '{kind: flap, every: 30s}'

      chrono simulated serve --port 9000 --faults faults.yaml --for 10m
    """
    wanted = venue or list(_USUAL)
    if port + len(wanted) > _PORTS:
        raise ConfigError(f"--port: expected {len(wanted)} ports up to {_PORTS - 1}, was from {port}")
    wrong = _read(faults, wanted)
    venues = list(_make(wanted, pair, seed, rate, wrong))
    return anyio.run(_run, venues, port, _length(for_), format)


def main() -> NoReturn:
    """Run `chrono simulated` under a name of its own."""
    os.execv(sys.executable, [sys.executable, "-m", "chrono", "simulated", *sys.argv[1:]])  # noqa: S606 - ourselves


def _make(
    names: Sequence[str], pairs: list[str] | None, seed: int, rate: float, faults: Mapping[str, Sequence[Any]]
) -> Iterator[Venue]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        # two of a kind follow the same true prices, each with its own noise
        own = "" if seen[name] == 1 else f"{name}-{seen[name]}"
        yield VENUES[name](pairs, seed=seed, rate=rate, name=own, faults=faults[name])


def _read(faults: str | None, names: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """Return the faults of each venue that is wanted."""
    if unknown := [name for name in names if name not in VENUES]:
        raise ConfigError(f"--venue: expected one of {', '.join(VENUES)}, was {unknown[0]!r}")
    read = _parse(faults) if faults else []
    if isinstance(read, dict) and "kind" not in read:
        if strange := [name for name in read if name not in names]:
            raise ConfigError(f"--faults: expected a list for each of {', '.join(names)}, was one for {strange[0]!r}")
        return {name: _listed(read.get(name) or []) for name in names}
    return dict.fromkeys(names, _listed(read))


def _listed(read: Any) -> Sequence[Any]:
    found = [read] if isinstance(read, dict) else read
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ConfigError(f"--faults: expected a list like [{{kind: hang_up, every: 30s}}], was {read!r}")
    return found


def _parse(text: str) -> Any:
    inline = text.lstrip()[:1] in {"[", "{"}
    try:
        return yaml.safe_load(text if inline else Path(text).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        where = f"--faults{place}" if inline else f"{text}{place}"
        raise ConfigError(f"{where}: expected YAML, was not ({getattr(error, 'problem', error)})") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--faults: expected a file or a list in brackets, was {text!r} ({reason})") from None


def _length(text: str | None) -> float | None:
    try:
        return None if text is None else Duration(text).seconds
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from None


async def _run(venues: Sequence[Venue], port: int, seconds: float | None, form: Form) -> int:
    # before an address is printed, so that who reads it may stop us at once
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with AsyncExitStack() as stack:
            for number, venue in enumerate(venues):
                served = await _start(stack, venue, port + number if port else 0)
                typer.echo(_told(served, form))
            with anyio.move_on_after(seconds):
                async for number in signals:
                    return _INTERRUPTED if number == signal.SIGINT else 0
    return 0


async def _start(stack: AsyncExitStack, venue: Venue, port: int) -> ServedVenue:
    try:
        return await stack.enter_async_context(serving(venue, port=port))
    except OSError as error:
        raise ConfigError(f"--port: expected a free one, was {port} ({error.strerror or error})") from None


def _told(served: ServedVenue, form: Form) -> str:
    name = served.venue.settings.name or served.venue.type
    if form is Form.JSON:
        return json.dumps({"venue": name, "url": served.url, "rest": served.rest_url})
    kind = "" if name == served.venue.type else f"type: {served.venue.type}, "
    return f"{name}: {{{kind}url: {json.dumps(served.url)}}}  # over HTTP: {served.rest_url}"
