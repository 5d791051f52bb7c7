"""`chrono flare devnet`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chrono import ConfigError, PermanentError

if TYPE_CHECKING:
    from chrono_flare_ftso.devnet.behaviour import Behaviour
    from chrono_flare_ftso.devnet.folder import Folder

app = typer.Typer(no_args_is_help=True, help="Run a Flare network on this machine.", rich_markup_mode=None)

PORT = 8645
_READY_IN = 120.0
_ENDED_IN = 20.0
_LOOK = 0.1
_SETTING = re.compile(r"(?P<key>[a-z-]+)=(?P<value>[^,]+)")

Dir = Annotated[Path, typer.Option("--dir", metavar="FOLDER", help="Where its keys, its log and its state are.")]


@app.callback()
def devnet() -> None:
    """Run a Flare network on this machine: a chain, its contracts, and providers that vote, sign and are rewarded."""


@app.command()
def up(
    *,
    dir: Dir = Path("flare-devnet"),
    port: Annotated[int, typer.Option(help="Where its chain answers; 0 for any that is free.")] = PORT,
    providers: Annotated[int, typer.Option(help="How many providers are simulated.")] = 5,
    free: Annotated[int, typer.Option(help="For how many more there are keys, so that you run them.")] = 1,
    round_seconds: Annotated[int, typer.Option(help="How long a voting round is.")] = 10,
    epoch_rounds: Annotated[int, typer.Option(help="How many voting rounds a reward epoch has.")] = 20,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:KEY=VALUE,…",
            help="How p1, p2 … behaves: bias and noise in basis points, missing=FEED+FEED, and the share of rounds in "
            "which it is silent, no-reveal, late-reveal, wrong-reveal or no-signature.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="What keys, prices and faults are made of.")] = 1,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and print what happens.")] = False,
) -> int:
    """Start a network, and print where it is; it needs anvil, which npm has.

    In FOLDER/keys there is a folder of keystores for each entity, `free` among them, which is registered for the first
    reward epoch and run by nobody: a pipeline with the sink flare_ftso is to.

    For example:

      chrono flare devnet up

      chrono flare devnet up --round-seconds 5 --epoch-rounds 12 --provider p2:no-reveal=0.2 --provider p3:bias=30
    """
    from chrono_flare_ftso.devnet.anvil import find_anvil
    from chrono_flare_ftso.devnet.folder import Folder
    from chrono_flare_ftso.devnet.plan import Plan
    from chrono_flare_ftso.devnet.serving import serve

    plan = Plan(
        round_seconds=round_seconds,
        epoch_rounds=epoch_rounds,
        providers=providers,
        free=free,
        behaviours=dict(_behaviour(text) for text in provider or ()),
        seed=seed,
    )
    program, folder = find_anvil(), Folder(dir)
    if foreground:
        with folder.held():
            asyncio.run(serve(plan, program, port, folder, typer.echo))
        return 0
    with folder.held():
        folder.log.unlink(missing_ok=True)
    return _detached(folder)


@app.command()
def down(*, dir: Dir = Path("flare-devnet")) -> int:
    """End the network of a folder.

    For example:

      chrono flare devnet down
    """
    from chrono_flare_ftso.devnet.folder import Folder

    folder = Folder(dir)
    process = folder.process()
    if process is None:
        typer.echo(f"{dir}: no devnet runs in it")
        return 0
    os.kill(process, signal.SIGTERM)
    until = time.monotonic() + _ENDED_IN
    while folder.process() == process:
        if time.monotonic() > until:
            raise PermanentError(
                f"{dir}: expected process {process} to end within {_ENDED_IN:g} s, was running; kill it"
            )
        time.sleep(_LOOK)
    typer.echo(f"{dir}: ended")
    return 0


@app.command()
def status(
    *,
    dir: Dir = Path("flare-devnet"),
    format: Annotated[str, typer.Option(metavar="[text|json]", help="Print lines or one JSON object.")] = "text",
) -> int:
    """Print how the network of a folder stands: its round, what each provider did, the last rounds, the rewards.

    It ends with 1 where none runs.

    For example:

      chrono flare devnet status --format json
    """
    from chrono_flare_ftso.devnet.folder import Folder
    from chrono_flare_ftso.devnet.status import lines_of

    if format not in {"text", "json"}:
        raise ConfigError(f"--format: expected text or json, was {format!r}")
    folder = Folder(dir)
    told = folder.told() if folder.process() is not None else None
    if told is None:
        typer.echo(f"{dir}: no devnet runs in it; chrono flare devnet up", err=True)
        return 1
    typer.echo(json.dumps(told) if format == "json" else "\n".join(lines_of(told)))
    return 0


def _behaviour(text: str) -> tuple[str, Behaviour]:
    """Return a provider's name and how it is to behave."""
    from chrono_flare_ftso.devnet.behaviour import Behaviour, Fault

    name, _, rest = text.partition(":")
    settings: dict[str, Any] = {}
    faults: dict[Fault, float] = {}
    for each in rest.split(","):
        found = _SETTING.fullmatch(each.strip())
        key, value = (found["key"], found["value"]) if found else (each, "")
        try:
            if key in {"bias", "noise"}:
                settings[f"{key}_bp"] = float(value)
            elif key == "missing":
                settings["missing"] = frozenset(value.split("+"))
            else:
                faults[Fault(key)] = float(value)
        except ValueError:
            keys = ", ".join(["bias", "noise", "missing", *Fault])
            told = f"--provider {name}: expected KEY=VALUE with a number and one of {keys}, was {each!r}"
            raise ConfigError(told) from None
    return name, Behaviour(faults=faults, **settings)


def _detached(folder: Folder) -> int:
    """Start the same command in a process that outlives this one, and wait until its network stands."""
    arguments = [each for each in sys.argv[1:] if each != "--foreground"]
    with folder.log.open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "chrono", *arguments, "--foreground"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    until = time.monotonic() + _READY_IN
    while folder.told() is None:
        if process.poll() is not None or time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            said = folder.log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise PermanentError(f"expected the devnet to start, was ended: {said[0]}")
        time.sleep(_LOOK)
    from chrono_flare_ftso.devnet.status import lines_of

    typer.echo("\n".join(list(lines_of(folder.told() or {}))[:2]))
    typer.echo(f"keys are in {folder.path / 'keys'}, what it says in {folder.log}; end it by: chrono flare devnet down")
    return 0
