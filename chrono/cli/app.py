"""The root command, its exit codes, and the commands that plugins bring."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from chrono.cli import explain as explaining
from chrono.cli import importing, pipeline, plugins, recordings, scenario, store
from chrono.cli.usage import explain
from chrono.core.errors import ChronoError, ConfigError, PluginError, ReaderLeft, UnknownType

COMMANDS = "chrono.commands"
"""Entry points of this group add commands; each is imported when it is typed."""

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

_PATIENCE = 0.2


class _Commands(TyperGroup):
    """Knows the commands of plugins by name alone."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name what comes first, first."""
        return sorted(super().list_commands(ctx), key=lambda name: name != "pipeline")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List one's own with what they do, those of plugins by name and origin: a help imports no plugin."""
        super().format_commands(ctx, formatter)
        brought = [
            (point.name, f"of {point.dist.name}" if point.dist else "") for point in entry_points(group=COMMANDS)
        ]
        if brought:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(sorted(brought))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            for point in entry_points(group=COMMANDS, name=cmd_name):
                return typer.main.get_command(_load(point))
        return found


def _load(point: Any) -> Any:
    try:
        return point.load()
    except Exception as error:
        reason = f"expected to import {point.value}, was {type(error).__name__}: {error}; reinstall or upgrade it"
        raise PluginError(reason, plugin=point.name, distribution=point.dist.name if point.dist else "") from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(plugins.app, name="plugin")
app.command("record")(recordings.record)
app.command("replay")(recordings.replay)
app.command("decode")(recordings.decode)
app.add_typer(scenario.app, name="scenario")
app.command("explain")(explaining.explain)
app.add_typer(store.app, name="store")
app.command("import-feeds")(importing.import_feeds)


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"chrono {version('chrono-oracle')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda value: _version(wanted=value), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Price feeds: plugins bring venues, statistics and sinks, a YAML file wires them.

    Start with: chrono pipeline run examples/quickstart.yaml
    """


def start() -> NoReturn:
    """Run the program on standard streams, whatever state they are in."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    if _stuck():
        os._exit(code)
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.exit(_explain(error))
    sys.exit(code)


def _stuck() -> bool:
    """Return whether a thread still waits for a reader of standard output, who may never come back."""
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    for thread in others:
        thread.join(_PATIENCE)
    return any(thread.is_alive() and not thread.daemon for thread in others)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; problems go to standard error, a line each."""
    try:
        code = app(arguments, prog_name="chrono", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if sys.flags.dev_mode and not isinstance(error, ChronoError | TyperException | OSError):
            raise
        return _explain(error)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    """Say what is wrong, a line each, and return the exit code."""
    if isinstance(error, OSError | ReaderLeft):
        _hush()
    code, problems = _told(error)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return code


def _told(error: Exception) -> tuple[int, Sequence[str]]:
    """Return the exit code of an error, and a line for each problem."""
    match error:
        case ConfigError():
            return WRONG_INPUT, error.problems
        case PluginError() | UnknownType():
            return WRONG_INPUT, [str(error)]
        case TyperException():
            return error.exit_code, [explain(error)]
        case ReaderLeft() | BrokenPipeError():
            return 0, []
        case ChronoError():
            told = str(error)
        case OSError():
            told = f"{error.filename or 'standard output'}: {error.strerror or error}"
        case _:
            told = _own_fault(error)
    return FAILED, [told]


def _hush() -> None:
    """Keep what can no longer be written from being tried again at the end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _own_fault(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    where = f"{Path(place.filename).name}:{place.lineno} in {place.name}"
    report = "report it, with what the same command says under PYTHONDEVMODE=1"
    return f"expected no fault of chrono itself, was {what} ({where}); {report}"
