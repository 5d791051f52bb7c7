"""The hooks: synchronous functions that return classes; what awaits is a method of an instance.

Write one with `@hookimpl` at the top of the module that the entry point in group `chrono` names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from chrono.core.component import Aggregator, Consensus, Detector, Event, Migrations, Sink, Source

PROJECT = "chrono"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def chrono_sources() -> Iterable[type[Source]]:  # type: ignore[empty-body]
    """Return the sources of this plugin; called once, when a pipeline names one of its entry points."""


@hookspec
def chrono_aggregators() -> Iterable[type[Aggregator]]:  # type: ignore[empty-body]
    """Return the aggregators of this plugin; called once, when a pipeline names one of its entry points."""


@hookspec
def chrono_detectors() -> Iterable[type[Detector]]:  # type: ignore[empty-body]
    """Return the detectors of this plugin; called once, when a pipeline names one of its entry points."""


@hookspec
def chrono_consensus() -> Iterable[type[Consensus]]:  # type: ignore[empty-body]
    """Return the consensus strategies of this plugin; called once, when a pipeline names one of its entry points."""


@hookspec
def chrono_sinks() -> Iterable[type[Sink]]:  # type: ignore[empty-body]
    """Return the sinks of this plugin; called once, when a pipeline names one of its entry points."""


@hookspec
def chrono_migrations() -> Iterable[Migrations]:  # type: ignore[empty-body]
    """Return the migrations of tables that this plugin owns; called by `chrono store upgrade` and `downgrade`."""


@hookspec
def chrono_event(event: Event) -> None:
    """Be told of a round that was priced or a status that changed; called per round, never per tick."""
