"""Pipelines for the core's tests: a registry of its own, push sources, a sink that keeps what it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from chrono.core.build import build
from chrono.core.component import Component, Sink
from chrono.core.pipeline import Pipeline
from chrono.core.registry import KINDS, Registry
from chrono.core.types import Report
from chrono.hookspecs import hookimpl


class Kept(Sink):
    """Keeps every report."""

    type = "kept"

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self.reports: list[Report] = []

    async def publish(self, report: Report) -> None:
        self.reports.append(report)


def plugin(**offers: Sequence[type[Component]]) -> Any:
    """Make a plugin of classes by kind."""
    hooks: dict[str, Any] = {}
    for kind, classes in offers.items():
        hooks[KINDS[kind][0]] = hookimpl(_offer(classes))
    return SimpleNamespace(**hooks)


def _offer(classes: Sequence[type[Component]]) -> Callable[[], Iterable[type[Component]]]:
    def offered() -> Iterable[type[Component]]:
        return classes

    return offered


Make = Callable[..., Pipeline]


@pytest.fixture
def make() -> Make:
    """Build a pipeline from text and classes; its only sink, unless stated, keeps reports."""

    def made(text: str, **offers: Sequence[type[Component]]) -> Pipeline:
        registry = Registry(found=())
        offers["sink"] = [Kept, *offers.get("sink", ())]
        registry.register(plugin(**offers), "test")
        return build(text if "sinks:" in text else f"{text}\nsinks: {{kept: {{}}}}\n", registry)

    return made


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
