"""A stranger's plugin whose source, detector and sink raise what nobody expects, and how it is installed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chrono import Detector, Emit, Estimate, Market, Report, Sink, Source, Verdict, hookimpl

WORDS = "nobody thought of this"
"""What each of them says."""

_LATER = 40
"""Uses until it raises: a provider has started by then."""


class RaisingSource(Source):
    """Raises after some seconds."""

    type = "raising"

    def symbol(self, pair: Any) -> str:
        return str(pair)

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        self.context.status("live")
        await self.context.clock.sleep(_LATER)
        raise LookupError(WORDS)


class RaisingDetector(Detector):
    """Raises in the middle of a round."""

    type = "raising"
    stage = "native"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        if (state or 0) > _LATER:
            raise ZeroDivisionError(WORDS)
        return [], (state or 0) + 1


class RaisingSink(Sink):
    """Raises when it is to publish."""

    type = "raising"

    async def publish(self, report: Report) -> None:
        raise RuntimeError(WORDS)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    return [RaisingSource]


@hookimpl
def chrono_detectors() -> Iterable[type[Detector]]:
    return [RaisingDetector]


@hookimpl
def chrono_sinks() -> Iterable[type[Sink]]:
    return [RaisingSink]


def install(folder: Path) -> Path:
    """Put it into a folder as an installer would, and return what PYTHONPATH has to be."""
    info = folder / "raising-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / "raising.py").write_text(Path(__file__).read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: raising\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chrono]\nraising = raising\n")
    return folder


def used(pipeline: str) -> str:
    """Return a pipeline that uses all three."""
    for line, added in (
        ("^sources:.*\n", r"\g<0>  odd: {type: raising}\n"),
        ("^sinks:.*\n", r"\g<0>  raising: {}\n"),
        ("^aggregator:", r"detectors: [flatline, raising, deviation, drift]\n\g<0>"),
    ):
        pipeline = re.sub(line, added, pipeline, flags=re.MULTILINE)
    return pipeline
