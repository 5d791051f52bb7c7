"""Which components are installed: found lazily by name, checked when loaded."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, get_args

import msgspec
import pluggy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chrono import hookspecs
from chrono.core.component import Aggregator, Component, Consensus, Detector, Event, Migrations, Sink, Source
from chrono.core.errors import PluginError, UnknownType
from chrono.core.types import Kind

GROUP = "chrono"
CORE = "chrono-oracle"

_NAME = re.compile(r"[a-z][a-z0-9_]*")

KINDS: Mapping[str, tuple[str, type[Component]]] = {
    "source": ("chrono_sources", Source),
    "aggregator": ("chrono_aggregators", Aggregator),
    "detector": ("chrono_detectors", Detector),
    "consensus": ("chrono_consensus", Consensus),
    "sink": ("chrono_sinks", Sink),
}
"""Per kind, the hook that offers components and the class they derive from."""


_WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "aggregator": {"reads": get_args(Kind)},
    "detector": {"stage": ("native", "cohort")},
}
"""Per kind, the attributes of a class that are one of a few words."""


class Entry(msgspec.Struct, frozen=True):
    """One component and where it comes from."""

    kind: str
    cls: type[Component]
    distribution: str
    version: str


class Unloadable(PluginError):
    """A plugin that cannot be imported, or was made for another core."""


class Registry:
    """The components one program knows; tests build their own.

    Parameters
    ----------
    found : iterable of EntryPoint, optional
        Entry points to look in; those installed in group `chrono` when not given.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._points = list(entry_points(group=GROUP) if found is None else found)
        self._entries: dict[tuple[str, str], Entry] = {}
        self._loaded: set[str] = set()
        from chrono.core import builtin

        self.register(builtin, "chrono", CORE)

    def register(self, plugin: Any, name: str, distribution: str = "", version: str = "") -> None:
        """Add a module, or any object with hooks.

        Raises
        ------
        PluginError
            If a hook is misspelt or fails, or a type is taken or malformed.
        """
        known = f"{distribution}:{name}"
        if distribution == CORE:
            version = installed_version(CORE)
        try:
            self._manager.register(plugin, name=known)
            self._manager.check_pending()
            for kind, (hook, base) in KINDS.items():
                for cls in self._offered(plugin, hook, name, distribution):
                    self._add(kind, base, cls, distribution, version)
        except (pluggy.PluginValidationError, PluginError) as error:
            # one that is refused must not be there for those that are checked after it
            self._manager.unregister(name=known)
            if isinstance(error, PluginError):
                raise
            raise PluginError(_misspelt(plugin, error), plugin=name, distribution=distribution) from error

    def component(self, kind: str, name: str) -> type[Component]:
        """Return the class of a type, importing what offers it.

        Raises
        ------
        UnknownType
            If no installed distribution offers it.
        PluginError
            If the one that does cannot be loaded.
        """
        unloadable: list[PluginError] = []
        for point in self._points:
            if point.name == name or name.startswith(f"{point.name}/"):
                try:
                    self._load(point)
                except Unloadable as error:
                    unloadable.append(error)
        entry = self._entries.get((kind, name)) or self._entries.get((kind, name.partition("/")[0]))
        if entry is None and unloadable:
            # where another distribution offers that kind under the name, this one was not meant
            raise unloadable[0]
        if entry is None:
            raise self._absence(kind, name)
        return entry.cls

    def entries(self) -> tuple[Sequence[Entry], Sequence[PluginError]]:
        """Import everything that is installed; return what works and what does not."""
        broken = []
        for point in self._points:
            try:
                self._load(point)
            except PluginError as error:
                broken.append(error)
        return sorted(self._entries.values(), key=lambda e: (list(KINDS).index(e.kind), e.cls.type)), broken

    def migrations(self) -> tuple[Sequence[Migrations], Sequence[PluginError]]:
        """Import everything that is installed; return the migrations that are offered, and what does not work."""
        _, broken = self.entries()
        found: dict[str, Migrations] = {}
        problems = list(broken)
        for implementation in self._manager.hook.chrono_migrations.get_hookimpls():
            distribution, _, name = implementation.plugin_name.rpartition(":")
            try:
                offered: list[Any] = list(implementation.function())  # type: ignore[call-overload]
            except Exception as error:  # noqa: BLE001 - one plugin must not keep the others from theirs
                reason = f"hook chrono_migrations expected to return Migrations, raised {type(error).__name__}: {error}"
                problems.append(PluginError(reason, plugin=name, distribution=distribution))
                continue
            for each in offered:
                if reason := _no_migrations(each, found):
                    problems.append(PluginError(reason, plugin=name, distribution=distribution))
                else:
                    found[each.name] = each
        return [found[name] for name in sorted(found)], problems

    def notify(self, event: Event) -> Mapping[str, Exception]:
        """Tell every loaded plugin of an event; return what they raised, by plugin."""
        failures = {}
        for implementation in self._manager.hook.chrono_event.get_hookimpls():
            try:
                implementation.function(**dict.fromkeys(implementation.argnames, event))
            except Exception as error:  # noqa: BLE001 - a listener must not stop what it listens to
                failures[implementation.plugin_name.rpartition(":")[2]] = error
        return failures

    def _absence(self, kind: str, name: str) -> PluginError | UnknownType:
        """Say why there is no component of a type: its plugin offers something else, or there is none."""
        for point in self._points:
            if point.name != name:
                continue
            distribution = point.dist.name if point.dist else ""
            reason = f"expected {point.value} to offer {_a(kind)} of that type by {KINDS[kind][0]}, it does not"
            for entry in self._entries.values():
                if (entry.cls.type, entry.distribution) == (name, distribution):
                    package = f"chrono-{name}-{kind}".replace("_", "-")
                    reason = f"expected {_a(kind)} of that type, was {_a(entry.kind)}"
                    reason += f"; see chrono plugin list, or pip install {package}"
            return PluginError(reason, plugin=name, distribution=distribution)
        return UnknownType(f"no {kind} of type {name!r} is installed", self._known(kind))

    def _known(self, kind: str) -> list[str]:
        """Return the types of a kind, and the names of what is not yet imported."""
        loaded = {entry.cls.type for entry in self._entries.values()}
        own = {entry.cls.type for entry in self._entries.values() if entry.kind == kind}
        return sorted(own | {point.name for point in self._points if point.name not in loaded})

    def _load(self, point: EntryPoint) -> None:
        distribution = point.dist.name if point.dist else ""
        key = f"{distribution}:{point.value}"
        if key in self._loaded:
            return
        try:
            _check_version(point)
            module = point.load()
        except PluginError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"expected to import {point.value}, was {type(error).__name__}: {error}; reinstall or upgrade it"
            raise Unloadable(reason, plugin=point.name, distribution=distribution) from error
        self._loaded.add(key)
        self.register(module, point.name, distribution, point.dist.version if point.dist else "")

    def _offered(self, plugin: Any, hook: str, name: str, distribution: str) -> Iterable[type[Component]]:
        implementation = getattr(plugin, hook, None)
        if implementation is None or self._manager.parse_hookimpl_opts(plugin, hook) is None:
            return ()
        try:
            return list(implementation())
        except Exception as error:
            reason = f"hook {hook} expected to return classes, raised {type(error).__name__}: {error}"
            raise PluginError(reason, plugin=name, distribution=distribution) from error

    def _add(self, kind: str, base: type[Component], cls: type[Component], distribution: str, version: str) -> None:
        if not (inspect.isclass(cls) and issubclass(cls, base)):
            reason = f"hook {KINDS[kind][0]} expected subclasses of {base.__name__}, was {cls!r}"
            raise PluginError(reason, plugin=str(cls), distribution=distribution)
        name = getattr(cls, "type", None)
        if not isinstance(name, str) or not name:
            reason = "expected a class attribute `type`, the word used in the pipeline file; there is none"
            raise PluginError(reason, plugin=cls.__qualname__, distribution=distribution)
        if inspect.isabstract(cls):
            reason = f"expected methods {', '.join(sorted(cls.__abstractmethods__))} to be implemented"
            raise PluginError(reason, plugin=name, distribution=distribution)
        for attribute, words in _WORDS.get(kind, {}).items():
            if (was := getattr(cls, attribute)) not in words:
                reason = f"expected `{attribute}` to be one of {', '.join(words)}, was {was!r}"
                raise PluginError(reason, plugin=name, distribution=distribution)
        taken = self._entries.get((kind, name))
        if taken is not None and taken.cls is not cls:
            reason = f"{kind} type {name!r} is also offered by {taken.distribution}; uninstall one of the two"
            raise PluginError(reason, plugin=name, distribution=distribution)
        self._entries[kind, name] = Entry(kind, cls, distribution, version)


def _no_migrations(offered: Any, found: Mapping[str, Migrations]) -> str:
    """Say what is wrong with what a plugin offers as migrations."""
    if not isinstance(offered, Migrations) or not _NAME.fullmatch(str(offered.name)):
        wanted = "Migrations with a name in lower snake case"
        return f"hook chrono_migrations expected to return {wanted}, was {offered!r}"
    if not Path(offered.folder).is_dir():
        return f"hook chrono_migrations expected a folder of migrations, was {offered.folder}; reinstall it"
    if found.get(offered.name, offered) != offered:
        return f"migrations {offered.name!r} are also offered by another plugin; uninstall one of the two"
    return ""


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _misspelt(plugin: Any, error: Exception) -> str:
    """Say which hook is unknown, and which was meant; pluggy's own words where it is something else."""
    known = [name for name in vars(hookspecs) if name.startswith("chrono_")]
    for name in dir(plugin):
        if name.startswith("chrono_") and name not in known and hasattr(getattr(plugin, name), "chrono_impl"):
            near = get_close_matches(name, known, 1)
            return f"unknown hook {name!r}" + (
                f"; did you mean {near[0]!r}?" if near else f"; hooks are {', '.join(known)}"
            )
    return " ".join(str(error).split())


def _check_version(point: EntryPoint) -> None:
    """Refuse a plugin made for another core."""
    core = installed_version(CORE)
    for text in (point.dist.requires or []) if point.dist else []:
        wanted = Requirement(text)
        if canonicalize_name(wanted.name) == CORE and not wanted.specifier.contains(core, prereleases=True):
            reason = f"made for {CORE} {wanted.specifier}, this is {core}; upgrade one of the two"
            raise Unloadable(reason, plugin=point.name, distribution=point.dist.name if point.dist else "")
