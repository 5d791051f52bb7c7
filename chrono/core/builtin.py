"""What is always there, registered through the same hooks as everyone's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chrono.core.aggregators import Last, Mid, Steady, WindowMedian
from chrono.core.component import Aggregator, Consensus, Detector, Emit, Sink, Source
from chrono.core.consensus import Median, WeightedMedian
from chrono.core.detectors import Deviation, Drift, Flatline
from chrono.core.types import Market
from chrono.hookspecs import hookimpl


class Push(Source):
    """Fed from outside: by a replay, by an ingest, by a test. Its ticks name their pair themselves."""

    type = "push"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:  # noqa: ARG002 - the board knows its inlet
        """Wait; ticks come from elsewhere."""
        self.context.status("live")


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the source that is fed from outside."""
    return [Push]


@hookimpl
def chrono_aggregators() -> Iterable[type[Aggregator]]:
    """Return the aggregators that need no plugin."""
    return [Last, Mid, WindowMedian, Steady]


@hookimpl
def chrono_detectors() -> Iterable[type[Detector]]:
    """Return the detectors that need no plugin."""
    return [Flatline, Deviation, Drift]


@hookimpl
def chrono_consensus() -> Iterable[type[Consensus]]:
    """Return the strategies that need no plugin."""
    return [Median, WeightedMedian]


@hookimpl
def chrono_sinks() -> Iterable[type[Sink]]:
    """Return the sinks that need no plugin."""
    from chrono.core.sinks import Console, JsonLines
    from chrono.store.sqlite import Sqlite

    return [Console, JsonLines, Sqlite]
