"""From the text of a pipeline file to its `PipelineConfig`, or to all its problems."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chrono.core.config.declare import Declarer, Resolve
from chrono.core.config.explain import explain, nearest, shown
from chrono.core.config.models import FeedConfig, PipelineConfig
from chrono.core.config.problems import TOP, Problems
from chrono.core.config.yaml import Node, join, locate, read, read_text

_ATTEMPTS = 3
_DEPTH = 3
_KINDS = {"aggregator": "aggregator", "detectors": "detector", "consensus": "consensus"}


def load(source: str | Path, resolve: Resolve, *, filename: str = "pipeline.yaml") -> PipelineConfig:
    """Read a pipeline file and check all that can be checked without building it.

    Parameters
    ----------
    source : str or Path
        A path is read; a str is the YAML text itself.
    resolve : callable
        Takes the kind and type of a component and returns its class.
    filename : str
        What to call a text in messages; its stem is the pipeline's name where it states none.

    Raises
    ------
    ConfigError
        With one line for each problem, sorted by position; its `partial` is the rest of the file, if that makes one.
    """
    path = source if isinstance(source, Path) else Path(filename)
    text = read_text(source) if isinstance(source, Path) else source
    problems = Problems(str(path))
    root = read(text, str(path), problems, path.parent)
    config = _Loader(root, problems, resolve).config(path.stem)
    if config is not None:
        config.standing(str(path), root)
    problems.check(config)
    assert config is not None  # noqa: S101 - no config without a problem
    return config


class _Loader:
    """One file on its way from nodes to a `PipelineConfig`."""

    def __init__(self, root: Node, problems: Problems, resolve: Resolve) -> None:
        self._root = root
        self._problems = problems
        self._declarer = Declarer(resolve, problems)

    def config(self, name: str) -> PipelineConfig | None:
        root = self._root
        if not isinstance(root.value, dict):
            message = f"expected the keys feeds: and sources: at the top, was {shown(root)}; start with them"
            self._problems.add(root.mark, "", message)
            return None
        data = {"name": name, **_stated(root), **self._components(root, "")}
        self._named(data)
        self._feeds(data)
        try:
            config = PipelineConfig.model_validate(data)
        except ValidationError as error:
            for problem in explain(error, PipelineConfig, root, TOP, ""):
                self._problems.add(*problem)
            return _without_faults(data, error)
        self._limits(config)
        return config

    def _named(self, data: dict[str, Any]) -> None:
        for key, kind in (("sources", "source"), ("sinks", "sink")):
            if key in data:
                node = self._root.child(key)
                assert node is not None  # noqa: S101 - it was stated
                data[key] = self._declarer.named(kind, node, key, self._root.place(key))
        if "sinks" not in data:
            data["sinks"] = {"console": self._declarer.default("sink", "console", "sinks", TOP)}

    def _components(self, parent: Node, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, kind in _KINDS.items():
            node = parent.child(key)
            if node is not None and node.value is not None:
                make = self._declarer.several if key == "detectors" else self._declarer.one
                found[key] = make(kind, node, join(path, key), parent.place(key))
        return found

    def _feeds(self, data: dict[str, Any]) -> None:
        feeds = self._root.child("feeds")
        if feeds is None or not isinstance(feeds.value, dict):
            return
        for name, node in feeds.value.items():
            path = join("feeds", name)
            if node.value is None:
                data["feeds"][name] = {}
            elif isinstance(node.value, dict):
                data["feeds"][name] = {**_stated(node), **self._components(node, path)}
                self._markets(node.child("markets"), join(path, "markets"))

    def _markets(self, markets: Node | None, path: str) -> None:
        sources = self._root.child("sources")
        ids = sources.value if sources is not None and isinstance(sources.value, dict) else {}
        seen: set[str] = set()
        for index, node in enumerate(markets.value if markets is not None and isinstance(markets.value, list) else ()):
            if not isinstance(node.value, str) or node.broken:
                continue
            source = node.value.rpartition(":")[0]
            where = join(path, index)
            if node.value in seen:
                self._problems.add(node.mark, where, f"{shown(node)} stands twice in this list; remove one of them")
            elif source and ids and source not in ids and not any(fnmatchcase(known, source) for known in ids):
                hint = nearest(source, ids) or f"; sources are {', '.join(ids)}"
                self._problems.add(node.mark, where, f"expected a market of a declared source, was {shown(node)}{hint}")
            seen.add(node.value)

    def _limits(self, config: PipelineConfig) -> None:
        for name in config.feeds:
            limits = config.feed(name).limits
            if limits.min is not None and limits.max is not None and limits.min >= limits.max:
                path = f"feeds.{name}.limits"
                message = "expected min below max, was not, together with the pipeline's limits; correct one of them"
                self._problems.add(locate(self._root, path), path, message)


def _stated(node: Node) -> dict[str, Any]:
    """Return a mapping without the known keys that are left empty, which count as not written."""
    model = PipelineConfig.model_fields | FeedConfig.model_fields
    return {key: value for key, value in node.plain().items() if value is not None or key not in model}


def _without_faults(data: dict[str, Any], error: ValidationError) -> PipelineConfig | None:
    """Return what a file says apart from its faults, None where too little is left."""
    for _ in range(_ATTEMPTS):
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            _remove(data, fault["loc"])
        try:
            return PipelineConfig.model_validate(data)
        except ValidationError as left:
            error = left
    return None


def _remove(data: Any, place: Sequence[int | str]) -> None:
    """Remove the entry that a place leads to, at the depth of a feed's options at most."""
    holder: dict[Any, Any] | None = None
    key: int | str = ""
    for step in place[:_DEPTH]:
        if not isinstance(data, dict) or step not in data:
            break
        holder, key, data = data, step, data[step]
    if holder is not None:
        del holder[key]
