"""The hooks: each is documented and works; what is wrong with a plugin is said with the names of who can mend it."""

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chrono import hookspecs
from chrono.core.component import Aggregator, Consensus, Detector, Event, Sink, Source, Status
from chrono.core.errors import PluginError
from chrono.core.registry import KINDS, Registry
from chrono.hookspecs import hookimpl

HOOKS = [name for name in vars(hookspecs) if name.startswith("chrono_")]

COMPONENT = """
from chrono import {base}, hookimpl

class Thing({base}):
    '''Something.'''
    type = "{type}"
    {method}

@hookimpl
def {hook}():
    return [Thing]
"""
METHODS = {
    "source": "async def run(self, markets, emit): ...",
    "aggregator": "def aggregate(self, window): ...",
    "detector": "def screen(self, estimates, state): ...",
    "consensus": "def agree(self, estimates): ...",
    "sink": "async def publish(self, report): ...",
}

Install = Callable[..., None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Install, Callable[[], list[EntryPoint]]]:
    """Return what installs a distribution into a folder, and what lists the entry points there."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution: str, module: str, text: str, *, name: str = "thing", requires: str = "") -> None:
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        wants = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{wants}")
        (info / "entry_points.txt").write_text(f"[chrono]\n{name} = {module}\n")

    def points() -> list[EntryPoint]:
        return [point for found in distributions(path=[str(tmp_path)]) for point in found.entry_points]

    return install, points


def component(kind: str, type: str = "thing") -> str:
    """Return the text of a module with one component."""
    hook, base = KINDS[kind]
    return COMPONENT.format(base=base.__name__, type=type, method=METHODS[kind], hook=hook)


def module(**members: Any) -> ModuleType:
    """Return a module that was never a file."""
    made = ModuleType("made")
    vars(made).update(members)
    return made


def empty() -> Registry:
    """Return a registry that knows what is built in."""
    return Registry(found=())


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_signature(name: str, root: Path) -> None:
    """An author finds every hook in the documentation as it is."""
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    wanted = f"{name}{signature}"
    assert any(wanted in page.read_text() for page in (root / "docs").rglob("*.md")), wanted


@pytest.mark.parametrize("name", HOOKS)
def test_hook_says_when_it_is_called(name: str) -> None:
    """One sentence, with the moment in it."""
    assert "; called " in (getattr(hookspecs, name).__doc__ or "")


@pytest.mark.parametrize("kind", KINDS)
def test_component_of_a_hook_is_found_by_its_name(kind: str, installed: Any) -> None:
    """The entry point's name is the word in the pipeline file."""
    install, points = installed
    install(f"chrono-thing-{kind}", f"thing_{kind}", component(kind))
    found = Registry(points()).component(kind, "thing")
    assert issubclass(found, (Source, Aggregator, Detector, Consensus, Sink))
    assert found.type == "thing"


def test_only_the_plugin_that_is_named_is_imported(installed: Any) -> None:
    """A pipeline does not pay for what it does not use, nor fail with it."""
    install, points = installed
    install("chrono-used", "used_alone", component("sink", "used"), name="used")
    install("chrono-spoilt", "spoilt_alone", "raise RuntimeError('imported')", name="spoilt")
    assert Registry(points()).component("sink", "used").type == "used"


def test_event_reaches_a_plugin_and_its_failure_is_handed_back() -> None:
    """`chrono_event` is told, one plugin's exception neither stops the others nor is it lost."""
    heard: list[Event] = []

    @hookimpl
    def chrono_event(event: Event) -> None:
        heard.append(event)

    @hookimpl(specname="chrono_event")
    def fails(event: Event) -> None:
        raise RuntimeError("deaf")

    registry = empty()
    registry.register(module(chrono_event=chrono_event), "listens")
    registry.register(module(chrono_event=fails), "fails")
    event = Event("status", status=Status("kraken", "live"))
    failures = registry.notify(event)
    assert heard == [event]
    assert {plugin: str(failure) for plugin, failure in failures.items()} == {"fails": "deaf"}


def test_misspelt_hook_is_refused_by_name() -> None:
    """A hook that would never be called is an error, not silence."""

    @hookimpl
    def chrono_sorces() -> list[type[Source]]:
        return []

    with pytest.raises(PluginError, match="chrono_sorces") as caught:
        empty().register(module(chrono_sorces=chrono_sorces), "kraken", "chrono-kraken")
    assert "chrono-kraken" in str(caught.value)


def test_hook_with_a_parameter_too_many_is_refused() -> None:
    """The definition and the difference are printed."""

    @hookimpl
    def chrono_sources(pipeline: str) -> list[type[Source]]:
        return []

    with pytest.raises(PluginError, match="pipeline"):
        empty().register(module(chrono_sources=chrono_sources), "kraken", "chrono-kraken")


def test_clash_names_both_distributions(installed: Any) -> None:
    """Two plugins that claim one word are told apart, and what to do is said."""
    install, points = installed
    install("chrono-one", "clash_one", component("sink"))
    install("chrono-two", "clash_two", component("sink"))
    with pytest.raises(PluginError, match="uninstall one of the two") as caught:
        Registry(points()).component("sink", "thing")
    assert "chrono-one" in str(caught.value)
    assert "chrono-two" in str(caught.value)


def test_clash_with_what_is_built_in_is_refused(installed: Any) -> None:
    """Nobody replaces `median` unseen."""
    install, points = installed
    install("chrono-mine", "clash_own", component("consensus", "median"), name="median")
    with pytest.raises(PluginError, match="chrono-oracle") as caught:
        Registry(points()).component("consensus", "median")
    assert "chrono-mine" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_plugin_that_fails_to_import_names_its_cause(text: str, reason: str, installed: Any) -> None:
    """Name, distribution, cause, and the way out."""
    install, points = installed
    name = f"spoilt_{abs(hash(reason))}"
    install("chrono-spoilt", name, text, name="spoilt")
    with pytest.raises(PluginError) as caught:
        Registry(points()).component("source", "spoilt")
    assert all(word in str(caught.value) for word in ("spoilt", "chrono-spoilt", reason, "reinstall or upgrade it"))


@pytest.mark.parametrize("core", ["chrono-oracle", "Chrono_Oracle"])
def test_plugin_made_for_another_core_is_refused(core: str, installed: Any) -> None:
    """It states the range of core versions it was made for, in whatever spelling the index takes for the same name."""
    install, points = installed
    install("chrono-old", f"made_for_old_{core[0]}", component("sink"), requires=f"{core}<0.1")
    with pytest.raises(PluginError, match=r"made for chrono-oracle <0\.1") as caught:
        Registry(points()).component("sink", "thing")
    assert "upgrade one of the two" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (component("sink").replace("[Thing]", "[Thing()]"), "chrono_sinks expected subclasses of Sink"),
        (
            component("sink").replace("return [Thing]", "return 1 / 0"),
            "chrono_sinks expected to return classes, raised",
        ),
        (component("sink").replace('type = "thing"', ""), "expected a class attribute `type`"),
        (component("sink").replace("publish", "print"), "expected methods publish to be implemented"),
        (component("sink").replace("chrono_sinks", "chrono_sources"), "chrono_sources expected subclasses of Source"),
    ],
)
def test_component_that_breaks_the_contract_is_refused(text: str, reason: str, installed: Any, request: Any) -> None:
    """Found when the plugin is loaded, not in the first round."""
    install, points = installed
    install("chrono-spoilt", f"contract_{abs(hash(request.node.name))}", text)
    with pytest.raises(PluginError, match=reason) as caught:
        Registry(points()).component("sink", "thing")
    assert "chrono-spoilt" in str(caught.value)


OWNS = """
from pathlib import Path
from chrono import hookimpl
from chrono.store import Migrations

@hookimpl
def chrono_migrations():
    return {offered}
"""


def test_migrations_of_plugins_are_found_with_what_is_broken(installed: Any, tmp_path: Path) -> None:
    """Each by its name; a plugin that cannot be imported, or offers something else, keeps nobody from his own."""
    install, points = installed
    for name, offered in {
        "notes": f"[Migrations('notes', Path({str(tmp_path)!r}))]",
        "audit": f"[Migrations('audit', Path({str(tmp_path)!r}), 'sqlite')]",
        "words": "['words']",
        "upper": f"[Migrations('Upper', Path({str(tmp_path)!r}))]",
        "gone": f"[Migrations('gone', Path({str(tmp_path / 'no')!r}))]",
        "fails": "1 / 0",
    }.items():
        install(f"chrono-{name}", f"owns_{name}", OWNS.format(offered=offered), name=name)
    install("chrono-spoilt", "owns_spoilt", "1 / 0", name="spoilt")
    found, broken = Registry(points()).migrations()
    assert [(each.name, each.dialect) for each in found] == [("audit", "sqlite"), ("notes", "")]
    told = sorted(str(problem) for problem in broken)
    wanted = {
        "fails": "hook chrono_migrations expected to return Migrations, raised ZeroDivisionError: division by zero",
        "gone": f"hook chrono_migrations expected a folder of migrations, was {tmp_path / 'no'}; reinstall it",
        "spoilt": "expected to import owns_spoilt, was ZeroDivisionError",
        "upper": "hook chrono_migrations expected to return Migrations with a name in lower snake case, was Migrations",
        "words": "hook chrono_migrations expected to return Migrations with a name in lower snake case, was 'words'",
    }
    assert len(told) == len(wanted)
    for problem, (name, reason) in zip(told, wanted.items(), strict=True):
        assert problem.startswith(f"plugin {name} (chrono-{name}): {reason}")


def test_two_plugins_cannot_own_the_same_tables(installed: Any, tmp_path: Path) -> None:
    """Their revisions would be taken for each other's."""
    install, points = installed
    (tmp_path / "other").mkdir()
    for name, folder in (("one", tmp_path), ("two", tmp_path / "other")):
        offered = f"[Migrations('notes', Path({str(folder)!r}))]"
        install(f"chrono-{name}", f"both_{name}", OWNS.format(offered=offered), name=name)
    found, (problem,) = Registry(points()).migrations()
    assert [each.name for each in found] == ["notes"]
    assert str(problem).endswith("migrations 'notes' are also offered by another plugin; uninstall one of the two")
