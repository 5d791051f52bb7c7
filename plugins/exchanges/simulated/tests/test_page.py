"""The page about the simulator says all that there is, and nothing else."""

import re
from pathlib import Path

import pytest
import typer
from pydantic import TypeAdapter

from chrono_simulated import serving
from chrono_simulated.command import app
from chrono_simulated.serving.faults import AnyServedFault, WireFault

PAGE = Path(__file__).resolve().parents[4] / "docs" / "simulator.md"
COMMON = {"kind", "after", "for", "pairs"}


def rows() -> dict[str, str]:
    """Return the lines of the page's tables by what is in the first cell."""
    return dict(re.findall(r"^\| (`[^|]+`) \| (.*) \|$", PAGE.read_text(), re.MULTILINE))


def kinds(union: object) -> dict[str, set[str]]:
    """Return the options of each kind of fault."""
    schema = TypeAdapter(union).json_schema()
    return {about["properties"]["kind"]["const"]: set(about["properties"]) for about in schema["$defs"].values()}


def test_every_kind_of_fault_and_each_of_its_options_is_told() -> None:
    """A row for each on the wire, a word for each of the prints."""
    own = kinds(WireFault)
    for kind, options in own.items():
        told = rows()[f"`{kind}`"]
        assert not [option for option in options - COMMON if f"`{option}" not in told]
    assert not [kind for kind in kinds(AnyServedFault) if f"`{kind}`" not in PAGE.read_text()]
    faults = PAGE.read_text().partition("## What goes wrong")[2].partition("## In your own tests")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", faults, re.MULTILINE)) == sorted(own)


@pytest.mark.parametrize("option", typer.main.get_command(app).commands["serve"].params, ids=lambda param: param.name)
def test_every_option_of_the_command_is_told(option: typer.core.TyperOption) -> None:
    """In the words of its help."""
    assert rows()[f"`{option.opts[0]}`"] == option.help


def test_every_venue_and_public_name_is_told() -> None:
    """What can be served, and what can be imported."""
    text = PAGE.read_text()
    assert not [name for name in serving.VENUES if f"| `{name}` |" not in text]
    assert not [name for name in serving.__all__ if f"`{name}" not in text and name != "ServedVenue"]
