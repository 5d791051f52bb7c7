"""The page of the conformance suite says what each contract checks, and what its author states."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from chrono import testing

TEXT = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()
CONTRACTS = [name for name in testing.__all__ if name.endswith("Contract")]


def section(contract: str) -> str:
    """Return what the page says of a contract."""
    return TEXT.split(f"\n## {contract}\n", 1)[1].partition("\n## ")[0]


def cells(contract: str) -> list[tuple[str, str]]:
    """Return the rows of its tables: what stands in the first column, and its meaning."""
    return re.findall(r"^\| `(\w+)` \| (.*) \|$", section(contract), re.MULTILINE)


def checks(contract: type) -> list[tuple[str, str]]:
    """Return the number and the docstring of each check."""
    named = [(name, member) for name, member in inspect.getmembers(contract, callable) if name.startswith("test_")]
    return sorted((name.split("_")[1], inspect.getdoc(member) or "") for name, member in named)


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_check_is_documented_with_its_number(name: str) -> None:
    """Who fails one reads on the page what it holds a plugin to, and no other is told."""
    wanted = checks(getattr(testing, name))
    assert wanted
    assert sorted(row for row in cells(name) if re.fullmatch(r"[a-z]\d\d", row[0])) == wanted


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_attribute_of_a_contract_is_documented(name: str) -> None:
    """What its docstring lists stands on the page."""
    told = [row[0] for row in cells(name) if not re.fullmatch(r"[a-z]\d\d", row[0])]
    assert told == attributes(getattr(testing, name))


def attributes(contract: Any) -> list[str]:
    """Return the attributes that a docstring lists."""
    listed = (inspect.getdoc(contract) or "").partition("Attributes\n----------\n")[2].partition("Examples\n")[0]
    return re.findall(r"^(\w+) : ", listed, re.MULTILINE)


def test_no_contract_is_documented_that_is_not_there() -> None:
    """A heading is a name of `chrono.testing`."""
    assert sorted(re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)) == sorted(CONTRACTS)
