"""The README: its two commands, its plugin, and the links of everything that is read on the repository's page."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from chrono import Trade
from chrono.core.registry import Registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ACTIVATE = "python3 -m venv .venv && . .venv/bin/activate && pip install -q "
FRAME = (
    '{"event": "trade", "market": "BTC-USD", "id": 17, "px": "67123.10", "qty": "0.25", "side": "sell",'
    ' "time": 1795342500123}'
)


def test_readme_opens_with_the_two_commands() -> None:
    """Each is one line that can be pasted, and what it names is there."""
    first, second = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert first == ACTIVATE + "-r requirements.txt && chrono pipeline run examples/quickstart.yaml"
    assert second == ACTIVATE + '"tox>=4.30" && tox'
    assert README.index(second) < README.index("\n## ")
    assert all((ROOT / name).exists() for name in ("requirements.txt", "examples/quickstart.yaml", "tox.ini"))


def test_plugin_of_the_readme_is_a_plugin() -> None:
    """It registers through the hooks and reads a frame."""
    code = re.search(r'title="chrono_acme.py"\n(.*?)```', README, re.DOTALL)
    assert code
    assert code[1].count("\n") <= 60
    module = ModuleType("chrono_acme")
    exec(compile(code[1], "chrono_acme.py", "exec", dont_inherit=True), vars(module))
    registry = Registry(found=())
    registry.register(module, "acme")
    source = registry.component("source", "acme")()
    assert source.read(FRAME) == (Trade("BTC-USD", 67123.10, 0.25, "sell", "17", 1_795_342_500_123_000_000),)  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    """Every relative link is a file of the repository."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_no_line_of_the_documentation_holds_two_sentences() -> None:
    """One sentence a line, so that a change shows as what it is."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    found = [f"{page.relative_to(ROOT)}: {line}" for page in pages for line in _prose(page) if _two_sentences(line)]
    assert found == []


def _prose(page: Path) -> list[str]:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [line for line in text.splitlines() if not line.startswith("|")]


def _two_sentences(line: str) -> bool:
    return re.search(r"[a-z0-9)`*][.?!]\*{0,2} [A-Z]", re.sub(r"^(#+ )?\d+\. ", "", line)) is not None
