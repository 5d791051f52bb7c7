"""What a pipeline file says, for the commands of plugins: its feeds, and its sinks with their options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from chrono.core.build import build
from chrono.core.component import Sink
from chrono.core.registry import Registry
from chrono.core.types import Feed


class Outline(NamedTuple):
    """A pipeline that was read and checked; nothing of it runs.

    Attributes
    ----------
    name : str
        What it is called.
    feeds : tuple of Feed
        Those that it publishes, in the order of the file.
    sinks : mapping of str to Sink
        By name, each made of its options and not opened.
    """

    name: str
    feeds: tuple[Feed, ...]
    sinks: Mapping[str, Sink]


def read_pipeline(file: Path) -> Outline:
    """Read a pipeline file and check all of it, as `chrono pipeline check` does.

    Nothing is connected to and nothing is opened.

    Parameters
    ----------
    file : Path
        The file.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    pipeline = build(file, Registry())
    published = [plan.feed for plan in pipeline.plans if plan.feed.published]
    return Outline(pipeline.name, tuple(sorted(published, key=lambda feed: feed.place)), pipeline.sinks)
