"""The page of each venue, and the table of all, are what the plugins say."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chrono.core.registry import Registry

pytest.importorskip("mkdocs", reason="the site is built in the environment `docs`")

ROOT = Path(__file__).parents[2]
INSTALLED = {entry.cls.type for entry in Registry().entries()[0] if entry.kind == "source"}


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """Return the module that writes the pages."""
    spec = importlib.util.spec_from_file_location("venue_pages", ROOT / "docs" / "venue_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["venue_pages"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(hook: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the venues that are installed here, by type."""
    folder = tmp_path_factory.mktemp("plugins")
    for path in (ROOT / "plugins" / "exchanges").glob("*/pyproject.toml"):
        if {path.parent.name, path.parent.name.replace("_", "-")} & INSTALLED:
            (folder / path.parent.name).symlink_to(path.parent)
    return {venue.type: venue for venue in hook.venues(folder)}


def test_a_row_tells_what_the_plugin_says(hook: ModuleType, found: dict[str, Any]) -> None:
    """Feeds of the example, transport, limits, version of the API, and when it was looked up."""
    lines = hook.table([found["okx"]]).splitlines()
    assert lines[0] == "| venue | type | feeds | transport | limits | API | last checked |"
    assert lines[2].startswith(
        "| [OKX spot](venues/okx.md) | `okx` | 47 | WebSocket, REST behind it | weight 100 in 2 s over"
    )
    assert lines[2].endswith(" | API v5 | 2026-11-23 |")


def test_every_venue_has_a_page_with_all_of_it(hook: ModuleType, found: dict[str, Any]) -> None:
    """Whatever is installed: address, options, protocol, and what it was tried on."""
    assert {"binance", "coinbase", "kraken", "okx"} <= found.keys()
    for venue in found.values():
        text = hook.page(venue)
        parts = ["## Options", "## Limits", "## The protocol", "## What it was tried on"]
        assert re.findall("^## .*", text, re.MULTILINE) == parts, venue.type
        assert f"sources:\n  {venue.type}: {{}}" in text
        assert all(f"| `{name}` |" in text for name in venue.source.Config.model_fields)
        assert not re.search(r"\| 0 \|", text.partition(parts[-1])[2]), f"{venue.type}: an empty recording"
        assert text.count("```") % 2 == 0


def test_docstring_becomes_prose_and_blocks(hook: ModuleType) -> None:
    """An address is a link, what is indented is shown as it is."""
    told = hook.markdown(
        "Page https://a.example/b, read 2026-11-22::\n\n    {}\n      1\n\nMore, see http://c.example/."
    )
    assert (
        told
        == "Page <https://a.example/b>, read 2026-11-22:\n\n```text\n{}\n  1\n```\n\nMore, see <http://c.example/>."
    )


@pytest.mark.parametrize(
    ("about", "wanted"),
    [
        ("A venue.\n\nPage x, read 2026-11-22.", "begins like NAME, API: what, was 'A venue.'"),
        ("Toy spot, API v1: every trade.\n\nPage x.", "says of its pages `read YYYY-MM-DD`"),
    ],
)
def test_module_that_does_not_say_is_refused(hook: ModuleType, about: str, wanted: str) -> None:
    """The site is not built with a hole in its table."""
    venue = hook.Venue(Path("toy"), object, about, 0)
    with pytest.raises(ValueError, match=re.escape(wanted)):
        assert venue.head["api"] + venue.checked


def test_plugin_that_is_not_installed_is_named(hook: ModuleType, tmp_path: Path) -> None:
    """A site without one of its venues would drift without a word."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "pyproject.toml").touch()
    with pytest.raises(ValueError, match="expected all plugins to be installed, toy is not; pip install"):
        hook.venues(tmp_path)


def test_table_stands_in_its_page(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other page is touched."""
    assert hook.TABLE in (ROOT / "docs" / "venues.md").read_text()
    monkeypatch.setattr(hook, "venues", list)
    assert hook.on_page_markdown(f"a\n{hook.TABLE}\n").startswith("a\n| venue |")
    assert hook.on_page_markdown("b") == "b"
