"""The pages that explain a generated package show what `chrono plugin new` makes."""

from __future__ import annotations

import re
from pathlib import Path

from chrono.testing import practice
from chrono.testing.scaffold import Package

PAGE = (Path(__file__).parents[2] / "docs" / "first-exchange-plugin.md").read_text()
FILES = {f"chrono-acme/{path}": text for path, text in Package("source", "acme").files()}


def test_first_exchange_plugin_is_the_generated_one() -> None:
    """Who follows the page reads the code that lies before them."""
    blocks = dict(re.findall(r'```python title="([^"]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
    assert blocks["chrono-acme/src/chrono_acme/__init__.py"] == FILES["chrono-acme/src/chrono_acme/__init__.py"]
    test = FILES["chrono-acme/tests/test_contract.py"]
    assert blocks["chrono-acme/tests/test_contract.py"] == test.replace("trades.jsonl", "own.jsonl.gz")


def test_every_generated_file_is_named() -> None:
    """The page lists what was made."""
    assert set(FILES) <= set(PAGE.split())


def test_the_practice_venue_says_what_the_page_says() -> None:
    """Its frames are those of the page."""
    told = " ".join((practice.__doc__ or "").split())
    section = PAGE.partition("## What the venue says\n")[2].partition("\n## ")[0]
    frames = [line for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    assert len(frames) == 6
    assert [frame for frame in frames if " ".join(frame.split()) not in told] == []
