"""What is installed, found by name and checked when it is loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint
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
