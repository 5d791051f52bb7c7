"""Writes a page for each venue, and the table of all, from what the plugins say of themselves: a hook of mkdocs.

What a venue is called, which of its APIs is spoken and when its documentation was read is in the first lines of its
module, `NAME, API: what it brings` and `read YYYY-MM-DD`; addresses, limits and options are what its class says; what
it was tried on is in its contract.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mkdocs.structure.files import File, Files

from chrono.core.registry import Registry
from chrono.core.transport import PollingSource, WebSocketSource
from chrono.core.transport.codec import FrameSource

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "plugins" / "exchanges"
TABLE = "<!-- the table of venues -->"
"""What stands in venues.md where the table goes."""

NOT_A_VENUE = {"ccxt", "generic", "simulated"}
"""Plugins that are many venues, or none; the documentation has other pages on them."""

_HEAD = re.compile(r"(?P<name>[^,\n]+), (?P<api>[^:\n]+): (?P<brings>[^\n]+?)\.?\n")
_READ = re.compile(r"read\s+(\d{4}-\d\d-\d\d)")
_ADDRESS = re.compile(r"(?<![<(`\"])https?://[^\s,;)]*[\w/]")


@dataclass(frozen=True)
class Venue:
    """One venue, as its plugin tells of it."""

    folder: Path
    source: type[FrameSource]
    about: str
    feeds: int

    @property
    def type(self) -> str:
        """The word for it in pipeline files."""
        return str(self.source.type)

    @property
    def head(self) -> Mapping[str, str]:
        """Its name, the API that is spoken, and what it brings."""
        found = _HEAD.match(self.about)
        if found is None:
            head = self.about.partition("\n")[0]
            raise ValueError(f"{self.folder.name}: expected a module that begins like NAME, API: what, was {head!r}")
        return found.groupdict()

    @property
    def checked(self) -> str:
        """The day on which the venue's documentation was read last."""
        days = _READ.findall(self.about)
        if not days:
            raise ValueError(f"{self.folder.name}: expected a module that says of its pages `read YYYY-MM-DD`")
        return str(max(days))


def venues(plugins: Path = PLUGINS) -> list[Venue]:
    """Return all venues that have a plugin here, by name.

    Raises
    ------
    ValueError
        If one is not installed.
    """
    installed = {entry.cls.type: entry.cls for entry in Registry().entries()[0] if entry.kind == "source"}
    example = yaml.safe_load((ROOT / "examples" / "ftso.yaml").read_text())
    priced = [{market.partition(":")[0] for market in feed["markets"]} for feed in example["feeds"].values()]
    found = []
    for folder in sorted(path.parent for path in plugins.glob("*/pyproject.toml")):
        if folder.name in NOT_A_VENUE:
            continue
        type = folder.name.replace("_", "-") if folder.name not in installed else folder.name
        if type not in installed:
            raise ValueError(f"expected all plugins to be installed, {folder.name} is not; pip install {folder}")
        cls: Any = installed[type]
        about = inspect.getdoc(sys.modules[cls.__module__.partition(".")[0]]) or ""
        found.append(Venue(folder, cls, about, sum(type in sources for sources in priced)))
    return sorted(found, key=lambda venue: venue.head["name"].lower())


def table(found: list[Venue]) -> str:
    """Return the table of all venues."""
    rows = ["| venue | type | feeds | transport | limits | API | last checked |", "|---|---|---|---|---|---|---|"]
    for venue in found:
        link = f"[{venue.head['name']}](venues/{venue.type}.md)"
        cells = (link, f"`{venue.type}`", venue.feeds or "", _transport(venue), "; ".join(_limits(venue.source)))
        rows.append(f"| {' | '.join(map(str, cells))} | {venue.head['api']} | {venue.checked} |")
    return "\n".join(rows)


def page(venue: Venue) -> str:
    """Return the page of a venue."""
    head = venue.head
    first, _, rest = venue.about.partition("\n")
    return "\n\n".join(
        [
            f"# {head['name']}",
            f"{head['api'][:1].upper()}{head['api'][1:]}: {first.partition(': ')[2]}",
            f"```console\npip install chrono-{venue.folder.name.replace('_', '-')}\n```",
            f"```yaml\nsources:\n  {venue.type}: {{}}\n```",
            "\n".join(["| | |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in _facts(venue))]),
            "## Options",
            _options(venue.source),
            *_of_readme(venue.folder),
            "## The protocol",
            markdown(rest),
            "## What it was tried on",
            _contract(venue.folder),
        ]
    )


def markdown(text: str) -> str:
    r"""Return a docstring's text as Markdown: what is indented below `::` is a block, addresses are links.

    Examples
    --------
    >>> print(markdown("Page https://a.example/b, read 2026-11-22::\n\n    {}\n\nMore."))
    Page <https://a.example/b>, read 2026-11-22:
    <BLANKLINE>
    ```text
    {}
    ```
    <BLANKLINE>
    More.
    """
    parts = []
    for part in re.split(r"\n{2,}(?=\S)", text.strip()):
        prose, told, block = part.partition("::\n\n")
        parts.append(_ADDRESS.sub(lambda match: f"<{match[0]}>", prose) + (":" if told else ""))
        if block:
            parts.append(f"```text\n{textwrap.dedent(block).rstrip()}\n```")
    return "\n\n".join(parts)


def _transport(venue: Venue) -> str:
    source = venue.source
    if issubclass(source, WebSocketSource):
        return "WebSocket, REST behind it" if source.rest is not None else "WebSocket"
    return "REST" if issubclass(source, PollingSource) else "its own"


def _limits(source: type[FrameSource]) -> Iterator[str]:
    if budget := source.budget or getattr(getattr(source, "rest", None), "budget", None):
        yield f"weight {budget.weight:g} in {budget.per:g} s over REST"
    if source.connections:
        yield f"{source.connections.weight:g} connections in {source.connections.per:g} s"
    if each := getattr(source, "symbols_per_connection", 0):
        yield f"{each} markets on a connection"


def _facts(venue: Venue) -> Iterator[tuple[str, str]]:
    source: Any = venue.source
    yield "transport", _transport(venue)
    yield "address", f"`{source.url}`" if source.url else "handed out by the venue"
    for region, urls in source.regions.items():
        yield f"region `{region}`", ", ".join(f"`{url}`" for url in urls)
    if rest := getattr(source, "rest", None):
        yield "behind it", f"`{rest.url}`"
    if source.markets_url or source.listings is not FrameSource.listings:
        yield "what it lists", f"`{source.markets_url}`" if source.markets_url else "asked for over REST"
    yield "limits", "; ".join(_limits(source)) or "none that are documented"
    if beat := getattr(source, "heartbeat", None):
        yield "kept alive", f"a message every {beat.every:g} s"
    if aliases := getattr(source, "aliases", None):
        yield "other names", ", ".join(f"`{theirs}` is {ours}" for ours, theirs in sorted(aliases.items()))
    yield "feeds of `examples/ftso.yaml`", str(venue.feeds)
    yield "last checked", venue.checked


def _options(source: type[FrameSource]) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in source.Config.model_fields.items():
        default = "required" if field.is_required() else field.default
        shown = f"`{default}`" if isinstance(default, str | int | float) and default != "" else ""
        rows.append(f"| `{name}` | {shown} | {' '.join((field.description or '').split())} |")
    return "\n".join(rows)


def _of_readme(folder: Path) -> Iterator[str]:
    """Yield the section of the plugin's README on its limits, if it has one."""
    text = (folder / "README.md").read_text()
    if found := re.search(r"^## Limits\n(.*?)(?=^## |^Licence|\Z)", text, re.MULTILINE | re.DOTALL):
        yield "## Limits"
        yield found[1].strip()


def _contract(folder: Path) -> str:
    """Say what the contract's recordings hold."""
    tree = ast.parse((folder / "tests" / "test_contract.py").read_text())
    stated = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _plain(node.value)
    }
    rows = ["| recording | frames | ticks |", "|---|---|---|"]
    for key in ("recording", "rest_recording"):
        if key in stated:
            path = folder / "tests" / str(stated[key])
            expected = path.with_name(path.name.replace(".jsonl", ".expected.jsonl"))
            rows.append(f"| `{path.name}` | {_lines(path)} | {_lines(expected)} |")
    pairs = ", ".join(stated.get("pairs", ()))
    told = f"The conformance suite, with {pairs}: `chrono plugin test plugins/exchanges/{folder.name}`."
    return told + "\n\n" + "\n".join(rows)


def _plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.Tuple | ast.List)


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def on_config(config: Any) -> Any:
    """Put the venues into the navigation, before what was decided."""
    pages = ["venues.md", *(f"venues/{venue.type}.md" for venue in venues())]
    config.nav.insert(len(config.nav) - 1, {"Venues": pages})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, and leave this module out."""
    if module := files.get_file_from_path(Path(__file__).name):
        files.remove(module)
    for venue in venues():
        files.append(File.generated(config, f"venues/{venue.type}.md", content=page(venue)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the table where it goes."""
    return markdown.replace(TABLE, table(venues())) if TABLE in markdown else markdown
