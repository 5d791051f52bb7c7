"""What is installed, found by name and checked when it is loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from chrono.core.aggregators import Last
from chrono.core.builtin import Push
from chrono.core.component import Component, Detector
from chrono.core.errors import PluginError, UnknownType
from chrono.core.registry import Registry
from chrono.hookspecs import hookimpl
from tests.core.conftest import plugin


def misspelt() -> Any:
    def chrono_sink() -> list[type[Component]]:
        return []

    return SimpleNamespace(chrono_sink=hookimpl(chrono_sink))


class Sound(Push):
    """A source."""

    type = "sound"


class Typo(Last):
    """Reads what there is not."""

    type = "typo"
    reads = "trade"  # type: ignore[assignment]


class Both(Detector):
    """Wants to be in two places."""

    type = "both"
    stage = "both"  # type: ignore[assignment]

    def screen(self, estimates: Any, state: Any) -> Any:
        return (), state


def test_misspelt_hook_costs_its_own_plugin_alone() -> None:
    """It is named with what was meant, and what is loaded after it is not accused."""
    registry = Registry(found=())
    with pytest.raises(PluginError, match="plugin bad: unknown hook 'chrono_sink'; did you mean 'chrono_sinks'"):
        registry.register(misspelt(), "bad")
    registry.register(plugin(source=[Sound]), "good")
    assert registry.component("source", "sound") is Sound


@pytest.mark.parametrize(
    ("kind", "cls", "expected"),
    [
        ("aggregator", Typo, "`reads` to be one of trades, quotes, tickers, was 'trade'"),
        ("detector", Both, "`stage` to be one of native, cohort, was 'both'"),
    ],
)
def test_word_that_means_nothing_is_refused(kind: str, cls: type[Component], expected: str) -> None:
    """A detector that never runs is worse than none."""
    with pytest.raises(PluginError, match=expected):
        Registry(found=()).register(plugin(**{kind: [cls]}), "bad")


def test_entry_point_that_does_not_offer_its_type_is_told_apart_from_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing it once more would not help."""
    module = ModuleType("chrono_other")
    module.__dict__.update(vars(plugin(source=[Sound])))
    monkeypatch.setitem(__import__("sys").modules, "chrono_other", module)
    registry = Registry(found=[EntryPoint("other", "chrono_other", "chrono")])
    with pytest.raises(PluginError, match="expected chrono_other to offer a source of that type by chrono_sources"):
        registry.component("source", "other")
    assert registry.component("source", "sound") is Sound
    with pytest.raises(UnknownType):
        registry.component("source", "nowhere")


def test_module_that_ends_the_program_is_a_broken_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """With its name."""
    (tmp_path / "chrono_exits.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry(found=[EntryPoint("exits", "chrono_exits", "chrono")])
    with pytest.raises(PluginError, match="plugin exits: expected to import chrono_exits, was SystemExit: 3"):
        registry.component("source", "exits")


AGGREGATOR = """
from chrono import Aggregator, hookimpl

class Trimmed(Aggregator):
    type, reads = "trimmed", "trades"
    def aggregate(self, window): ...

@hookimpl
def chrono_aggregators():
    return [Trimmed]
"""
CONSENSUS = """
from chrono import Consensus, hookimpl

class Trimmed(Consensus):
    type = "trimmed"
    def agree(self, estimates): ...

@hookimpl
def chrono_consensus():
    return [Trimmed]
"""
BROKEN = "import a_package_that_is_not_there\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install distributions that all offer the type `trimmed`, and return what knows them, the first first."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(**sources: str) -> Registry:
        points = []
        for name, source in sources.items():
            package = f"chrono_{tmp_path.name}_{name}"
            about = tmp_path / f"{package}-1.0.dist-info"
            about.mkdir()
            (tmp_path / f"{package}.py").write_text(source)
            core = "chrono-oracle>=99" if name == "ahead" else "chrono-oracle"
            told = f"Metadata-Version: 2.4\nName: chrono-{name}\nVersion: 1.0\nRequires-Dist: {core}\n"
            (about / "METADATA").write_text(told)
            (about / "entry_points.txt").write_text(f"[chrono]\ntrimmed = {package}\n")
            (found,) = (found for found in distributions(path=[str(tmp_path)]) if found.name == f"chrono-{name}")
            points += found.entry_points
        return Registry(found=points)

    return installed


@pytest.mark.parametrize("order", [("aggregator", "consensus"), ("consensus", "aggregator")])
def test_two_kinds_may_have_one_name(order: tuple[str, str], install: Any) -> None:
    """Each distribution is asked for its own, whichever was installed first."""
    sources = {"aggregator": AGGREGATOR, "consensus": CONSENSUS}
    registry = install(**{kind: sources[kind] for kind in order})
    for kind in order:
        assert registry.component(kind, "trimmed").__module__.endswith(f"_{kind}")
        assert registry.component(kind, "trimmed/second").__module__.endswith(f"_{kind}")
    entries, broken = registry.entries()
    found = {(e.kind, e.distribution) for e in entries if e.cls.type == "trimmed"}
    assert (found, broken) == ({(kind, f"chrono-{kind}") for kind in order}, [])


def test_name_of_another_kind_is_no_fault_of_its_plugin(install: Any) -> None:
    """It is said what the word is, and how to find what was meant."""
    registry = install(aggregator=AGGREGATOR)
    assert registry.component("aggregator", "trimmed").type == "trimmed"
    expected = r"plugin trimmed \(chrono-aggregator\): expected a consensus of that type, was an aggregator; "
    with pytest.raises(PluginError, match=expected + "see chrono plugin list, or pip install chrono-trimmed-consensus"):
        registry.component("consensus", "trimmed")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("name", "source", "why"),
    [("broken", BROKEN, "expected to import"), ("ahead", CONSENSUS, "made for chrono-oracle >=99, this is")],
)
def test_broken_plugin_costs_only_those_who_need_it(name: str, source: str, why: str, order: int, install: Any) -> None:
    """Another distribution that offers the name in another kind is no reason not to run."""
    registry = install(**dict([("aggregator", AGGREGATOR), (name, source)][::order]))
    assert registry.component("aggregator", "trimmed").type == "trimmed"
    with pytest.raises(PluginError, match=rf"plugin trimmed \(chrono-{name}\): {why}"):
        registry.component("consensus", "trimmed")


def test_one_name_twice_in_one_kind_is_a_clash(install: Any) -> None:
    """Neither wins for being found first."""
    registry = install(one=CONSENSUS, two=CONSENSUS)
    with pytest.raises(PluginError, match=r"\(chrono-two\): consensus type 'trimmed' is also offered by chrono-one"):
        registry.component("consensus", "trimmed")
