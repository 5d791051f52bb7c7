"""The reference pages say all that there is, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import typer
from pydantic import BaseModel

from chrono import Code, hookspecs
from chrono.cli.app import app
from chrono.core.assets import RENAMES
from chrono.core.board import Inlet
from chrono.core.component import State
from chrono.core.config.models import DepegConfig, FeedConfig, FlightRecorderConfig, LimitsConfig, PipelineConfig
from chrono.core.prose import PHRASES
from chrono.core.recording import Record, Run, TickRecord
from chrono.core.registry import KINDS, Registry
from chrono.testing.scenarios.catalogue import SCENARIOS
from chrono.testing.scenarios.scenario import Scenario

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CORE = ROOT / "chrono" / "core"


def section(page: str, heading: str) -> str:
    """Return what stands between a heading and the next of its level or above."""
    text = (DOCS / page).read_text()
    match = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert match, f"{page}: expected a heading {heading!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def first_cells(text: str) -> list[str]:
    """Return the words in the first column of the tables of a text."""
    rows = re.findall(r"^\| *(`.+?`) *\|", text, re.MULTILINE)
    return [word for cell in rows for word in re.findall(r"`([^`]+)`", cell)]


def models() -> Iterator[Any]:
    """Yield each model of a pipeline file with the heading of its section."""
    yield pytest.param("The pipeline", PipelineConfig, id="pipeline")
    yield pytest.param("A feed", FeedConfig, id="feed")
    yield pytest.param("limits", LimitsConfig, id="limits")
    yield pytest.param("depeg", DepegConfig, id="depeg")
    yield pytest.param("flight_recorder", FlightRecorderConfig, id="flight_recorder")
    for entry in Registry(found=()).entries()[0]:
        if entry.cls.Config.model_fields:
            yield pytest.param(f"{entry.kind} {entry.cls.type}", entry.cls.Config, id=entry.cls.type)
    yield pytest.param("source kraken", _installed("source", "kraken"), id="kraken")
    yield pytest.param("source simulated", _installed("source", "simulated"), id="simulated")


def _installed(kind: str, type: str) -> Any:
    return Registry().component(kind, type).Config


def row(name: str, field: Any) -> str:
    """Return the line of a table that describes an option."""
    default = "required" if field.is_required() and name != "name" else _shown(field.default)
    return f"| `{name}` | {default} | {field.description} |"


def _shown(default: Any) -> str:
    if default is None or isinstance(default, BaseModel) or default in ("", (), {}) or not _plain(default):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`[{', '.join(default)}]`" if isinstance(default, tuple) else f"`{default}`"


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float | tuple)


@pytest.mark.parametrize(("heading", "model"), list(models()))
def test_every_key_of_a_pipeline_file_is_documented(heading: str, model: type[BaseModel]) -> None:
    """Each option has its line with default and meaning, and no line is about an option that is not there."""
    text = section("pipeline-file.md", heading)
    wanted = [row(name, field) for name, field in model.model_fields.items()]
    missing = [line for line in wanted if line not in text.splitlines()]
    assert not missing, "expected the lines\n" + "\n".join(missing)
    assert first_cells(text)[: len(wanted)] == list(model.model_fields)


@pytest.mark.parametrize("kind", ["aggregator", "detector", "consensus"])
def test_every_statistic_is_in_a_table(kind: str) -> None:
    """What is installed is told with its package and what matters most, and nothing else is."""
    heading = {"aggregator": "Aggregators", "detector": "Detectors", "consensus": "Consensus"}[kind]
    text = section("pipeline-file.md", heading).partition("\n#### ")[0]
    entries = {entry.cls.type: entry for entry in Registry().entries()[0] if entry.kind == kind}
    assert sorted(first_cells(text)) == sorted(entries)
    for name, entry in entries.items():
        cells = next(cells for cells in table(text) if cells[0] == f"`{name}`")
        own = "" if entry.distribution == "chrono-oracle" else f"`{entry.distribution}`"
        assert cells[1 : 1 + len(_facts(entry.cls)) + 1] == [own, *_facts(entry.cls)]


def _facts(cls: Any) -> list[str]:
    """Return what the columns behind name and package say of a component."""
    if hasattr(cls, "stage"):
        return [cls.stage]
    return [*([cls.reads] if hasattr(cls, "reads") else []), f"{round(cls.breakdown, 2):g}"]


def table(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables of a text."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_change_of_name_is_in_a_table() -> None:
    """An operator reads which old names may still stand in the file."""
    rows = [cells for cells in table(section("pipeline-file.md", "A feed")) if len(cells) == 3]
    for rename in RENAMES:
        told = next(cells for cells in rows if cells[:2] == [f"`{rename.old}`", f"`{rename.new}`"])
        assert told[2].partition(";")[0] == rename.on.isoformat()
        assert (";" in told[2]) == (rename.reused or rename.kept or rename.ratio != 1)
        assert rename.ratio == 1 or f"1 {rename.old} is {rename.ratio} {rename.new}" in told[2]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_fault_is_told(scenario: Scenario) -> None:
    """A row for each, in the words of the program, with what is demanded of the error."""
    row = next(cells for cells in table(section("faults.md", "The rows")) if cells[0] == f"`{scenario.name}`")
    assert row[1] == scenario.title
    assert row[2] == str(scenario.must)


def test_no_fault_is_told_that_is_not_there() -> None:
    """The rows of the page are those of the catalogue, in its order."""
    assert first_cells(section("faults.md", "The rows")) == [scenario.name for scenario in SCENARIOS]


def commands() -> Iterator[Any]:
    """Yield each command with the words it is called by."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[Any]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield pytest.param(" ".join(words), command, id=" ".join(words))
        for name, each in (inner or {}).items():
            yield from walk(each, (*words, name))

    yield from walk(typer.main.get_command(app), ("chrono",))


def _options(command: Any) -> Mapping[str, str]:
    options = [param for param in command.params if any(name.startswith("-") for name in param.opts)]
    return {name: param.help or "" for param in options for name in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_is_documented(name: str, command: Any) -> None:
    """A section for each command, a line for each option with the words of `--help`, none for others."""
    text = section("command-line.md", name)
    options = _options(command)
    assert sorted(set(first_cells(text))) == sorted(options)
    for told in options.values():
        assert told.rstrip(".").replace("`", "") in text.replace("`", ""), f"{name}: expected the words {told!r}"
    for argument in (param for param in command.params if not any(o.startswith("-") for o in param.opts)):
        assert (argument.metavar or "").rstrip(".") in text


def test_no_command_is_documented_that_is_not_there() -> None:
    """A heading of a command stands for a command."""
    headings = re.findall(r"^#+ (chrono .*)$", (DOCS / "command-line.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(param.values[0] for param in commands())


HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("chrono_")}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_signature_and_docstring(name: str) -> None:
    """An author need not read the source to know when a hook is called."""
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    text = (DOCS / "hooks.md").read_text()
    assert f"{name}{signature}" in text
    assert (inspect.getdoc(HOOKS[name]) or "?") in text


def test_no_hook_is_documented_that_is_not_there() -> None:
    """Every word that looks like a hook is one."""
    assert set(re.findall(r"chrono_\w+(?=\()", (DOCS / "hooks.md").read_text())) == set(HOOKS)


def test_every_reason_code_is_documented() -> None:
    """The list is closed: what the core says is on the page, and nothing else is."""
    assert sorted(first_cells(section("reason-codes.md", "Why a market was dropped or a feed has no value"))) == sorted(
        Code
    )


def test_every_code_of_the_detectors_is_documented() -> None:
    """Those that need no plugin have a sentence of their own; a plugin's code is its type."""
    detectors = {entry.cls.type for entry in Registry().entries()[0] if entry.kind == "detector"}
    documented = first_cells(section("reason-codes.md", "What detectors say"))
    codes = [cells[0].strip("`") for cells in table(section("reason-codes.md", "What detectors say"))][2:]
    assert set(codes) <= set(documented)
    assert set(codes) == (set(PHRASES) - set(Code)) | detectors


@pytest.mark.parametrize("code", PHRASES)
def test_numbers_of_a_reason_are_documented(code: str) -> None:
    """What a sentence is made of stands in the row of its code."""
    text = (DOCS / "reason-codes.md").read_text()
    row = next(cells for cells in table(text) if cells[0] == f"`{code}`")
    wanted = {name for _, name, _, _ in string.Formatter().parse(PHRASES[code]) if name}
    assert wanted <= set(re.findall(r"`(\w+)`", row[3]))


def test_every_status_code_of_the_core_is_documented() -> None:
    """The codes of transport, engine and sinks are on the page, and nothing else is."""
    documented = first_cells(section("reason-codes.md", "Statuses of components"))
    assert sorted(set(documented)) == sorted(set(status_codes()) | {"http_NNN"})


def test_every_state_is_documented() -> None:
    """The states a component can be in."""
    assert first_cells(section("reason-codes.md", "States")) == list(get_args(State))


def test_every_count_of_dropped_ticks_is_documented() -> None:
    """Why a tick does not reach the board."""
    counted = set(re.findall(r"`(\w+)`", (Inlet.__doc__ or "").partition("dropped :")[2].partition("on_tick :")[0]))
    assert set(first_cells(section("reason-codes.md", "Ticks that do not count"))) == counted


def status_codes() -> Iterator[str]:
    """Yield the codes that the core writes into statuses, found in its source."""
    for path in sorted(CORE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            yield from _texts(_codes(node))
            if _says_outages(tree):
                yield from _texts(_assigned(node))


def _says_outages(tree: ast.Module) -> bool:
    """Return whether a module chooses codes of statuses: those of verdicts are chosen elsewhere, by the same name."""
    return any(isinstance(node, ast.ClassDef) and node.name == "Outage" for node in tree.body)


def _codes(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.Call):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        place = {"Outage": 0, "_lost": 0, "Note": 0, "Status": 2, "status": 1, "step": 1}.get(called)
        return node.args[place : place + 1] if place is not None else ()
    if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "_NETWORK":
        return [row.elts[1] for row in node.value.elts if isinstance(row, ast.Tuple)]  # type: ignore[union-attr]
    return ()


def _assigned(node: ast.AST) -> Iterable[ast.AST]:
    """Return what is assigned to `code` beside other names."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
        names = [getattr(target, "id", "") for target in node.targets[0].elts]
        return [node.value.elts[names.index("code")]] if "code" in names else ()
    return ()


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    return (
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value
    )


@pytest.mark.parametrize(
    ("heading", "struct"), [("A line", Record), ("A tick", TickRecord), ("Beside it: NAME.run.json", Run)]
)
def test_every_field_of_a_recording_is_documented(heading: str, struct: type[msgspec.Struct]) -> None:
    """A program can read recordings by the page alone."""
    assert sorted(first_cells(section("recording-format.md", heading))) == sorted(struct.__struct_encode_fields__)


@pytest.mark.parametrize(("heading", "struct"), [("A line", Record), ("Beside it: NAME.run.json", Run)])
def test_examples_of_a_recording_can_be_read(heading: str, struct: type[msgspec.Struct]) -> None:
    """The lines shown are lines that chrono reads."""
    shown = re.findall(r"```json\n(.*?)```", section("recording-format.md", heading), re.DOTALL)
    assert shown
    for block in shown:
        for text in [block] if struct is Run else block.splitlines():
            msgspec.json.decode(text, type=struct)


def test_every_kind_of_component_is_told_how_to_write() -> None:
    """The page of the hooks names each kind."""
    text = (DOCS / "hooks.md").read_text()
    assert all(hook in text for hook, _ in KINDS.values())
