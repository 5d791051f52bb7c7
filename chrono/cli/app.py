"""The root command, its exit codes, and the commands that plugins bring."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from chrono.cli import pipeline, plugins, recordings
from chrono.core.errors import ChronoError, ConfigError, PluginError

COMMANDS = "chrono.commands"
"""Entry points of this group add commands; each is imported when it is typed."""

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130


class _Commands(TyperGroup):
    """Knows the commands of plugins by name alone."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *sorted(point.name for point in entry_points(group=COMMANDS))]

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


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"chrono {version('chrono-oracle')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: bool = typer.Option(False, "--version", callback=lambda value: _version(wanted=value), is_eager=True),  # noqa: FBT003
) -> None:
    """A price oracle you compose: plugins bring venues, statistics and sinks, a YAML file wires them.

    Start with: chrono pipeline run examples/quickstart.yaml
    """


def main() -> NoReturn:
    """Run the program; end with 0 done, 1 failed while running, 2 wrong input, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; problems go to standard error, a line each."""
    try:
        code = app(arguments, prog_name="chrono", standalone_mode=False)
    except ConfigError as error:
        return _complain(WRONG_INPUT, *error.problems)
    except PluginError as error:
        return _complain(WRONG_INPUT, str(error))
    except TyperException as error:
        return _complain(error.exit_code, f"{error.format_message()} (see chrono --help)")
    except ChronoError as error:
        return _complain(FAILED, str(error))
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _complain(code: int, *problems: str) -> int:
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return code
