"""`chrono plugin`: what is installed, a new one, and whether one keeps its contract."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chrono.cli import conformance
from chrono.cli.pipeline import Form

app = typer.Typer(no_args_is_help=True, help="List, describe, make and test plugins.", rich_markup_mode=None)
app.command("test")(conformance.check)


@app.command("list")
def list_plugins(
    *,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,
) -> int:
    """List every component that is installed; broken plugins are named on standard error.

    For example:

      chrono plugin list
    """
    from chrono.core.registry import Registry

    entries, broken = Registry().entries()
    rows = [
        {
            "kind": entry.kind,
            "type": entry.cls.type,
            "distribution": entry.distribution,
            "version": entry.version,
            "about": _first_line(entry.cls),
        }
        for entry in entries
    ]
    if format is Form.JSON:
        for row in rows:
            typer.echo(json.dumps(row))
    else:
        for row in rows:
            typer.echo(
                f"{row['kind']:<11} {row['type']:<18} {row['distribution']:<18} {row['version']:<8} {row['about']}"
            )
    for error in broken:
        sys.stderr.write(f"{error}\n")
    return 1 if broken else 0


@app.command()
def info(name: Annotated[str, typer.Argument(metavar="TYPE", help="The word used in pipeline files.")]) -> int:
    """Describe a type: what it does and its options.

    For example:

      chrono plugin info weighted_median
    """
    from chrono.core.errors import ConfigError
    from chrono.core.registry import Registry

    entries, _ = Registry().entries()
    found = [entry for entry in entries if entry.cls.type == name]
    if not found:
        known = ", ".join(sorted({entry.cls.type for entry in entries}))
        raise ConfigError(f"expected an installed type, was {name!r}; known are {known}")
    for entry in found:
        typer.echo(f"{name}: {entry.kind} of {entry.distribution} {entry.version}")
        typer.echo(f"  {_first_line(entry.cls)}")
        for option, told in entry.cls.Config.model_json_schema().get("properties", {}).items():
            typer.echo(f"  {option}: {_option(told)}")
    return 0


@app.command()
def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="source, aggregator, detector, consensus or sink.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The word for it in pipeline files.")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make it in.")] = Path(),
) -> int:
    """Make the package of a new plugin, which works as it is and is there to be changed.

    For example:

      chrono plugin new source acme

      chrono plugin new detector far --out plugins/
    """
    from chrono.testing.scaffold import Package, make

    package = Package(kind, name)
    folder = make(package, out)
    for path in sorted(path for path, _ in package.files()):
        typer.echo(folder / path)
    steps = f"pip install -e {folder} pytest && chrono plugin test {folder}"
    sys.stderr.write(f"next: {steps}; then see {folder / 'README.md'}\n")
    return 0


def _option(told: dict[str, Any]) -> str:
    kind = told.get("type") or " or ".join(str(choice.get("type", "?")) for choice in told.get("anyOf", [])) or "value"
    default = f", default {json.dumps(told['default'])}" if "default" in told else ", required"
    about = f"; {told['description']}" if "description" in told else ""
    return f"{kind}{default}{about}"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]
