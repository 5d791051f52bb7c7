"""How components are doing: folded, logged once, told to whoever listens."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from chrono.core.component import Component, Event, Status
from chrono.core.pricing import Forgotten
from chrono.core.registry import Registry
from chrono.core.types import SECOND, Report

_WARN = {"degraded", "waiting", "failed"}
_MINUTE = 60 * SECOND
_A_FEW = 5


class _Lines:
    """Log lines of one kind: how many of this minute, and how many were left out."""

    __slots__ = ("_count", "_left_out", "_since")

    def __init__(self) -> None:
        self._since = self._count = self._left_out = 0

    def another(self, now: int) -> int | None:
        """Return how many were left out before this one, None if it is left out itself."""
        if not 0 <= now - self._since < _MINUTE:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > _A_FEW:
            self._left_out += 1
            return None
        left_out, self._left_out = self._left_out, 0
        return left_out


class Statuses:
    """The newest status of each component and market; equal ones are said once, and lines of one kind are folded.

    Attributes
    ----------
    latest : dict of (str, str) to Status
        By component and market, the market empty for the component itself.
    listeners : list of callable
        Told of each that is news, folded or not.
    """

    def __init__(self, registry: Registry, logger: Any) -> None:
        self.latest: dict[tuple[str, str], Status] = {}
        self.listeners: list[Callable[[Status], None]] = []
        self._registry = registry
        self._logger = logger
        self._failed: set[str] = set()
        self._lines: dict[tuple[str, str, str], _Lines] = {}

    def __call__(self, status: Status) -> None:
        """Take a status; tell the plugins and the log if it is news."""
        key = status.component, "" if status.market is None else str(status.market)
        before = self.latest.get(key)
        self.latest[key] = status
        if before is not None and (before.state, before.code) == (status.state, status.code):
            return
        for listener in self.listeners:
            listener(status)
        again = before is not None and before.state in _WARN
        say = self._logger.warning if status.state in _WARN else self._logger.info if again else self._logger.debug
        more: dict[str, Any] = {"market": str(status.market)} if status.market is not None else {}
        folded = self._folded(status)
        if folded is None:
            self._tell(Event("status", status=status))
            return
        if folded:
            more["folded"] = folded
        say(
            status.message or (f"{status.state} again" if again else status.state),
            component=status.component,
            state=status.state,
            code=status.code,
            **more,
        )
        self._tell(Event("status", status=status))

    def _folded(self, status: Status) -> int | None:
        """Return how many lines like this one were left out before it, None if it is left out, too.

        Of a component's lines of one kind, the first few of a minute are logged: a venue that takes two hundred markets
        with it, or one that flaps all day, is no flood.
        """
        if status.state == "failed":
            return 0
        lines = self._lines.setdefault((status.component, status.state, status.code), _Lines())
        return lines.another(status.at)

    def state(self, component: str) -> str:
        """Return the state of a component, empty where it has said nothing yet."""
        status = self.latest.get((component, ""))
        return "" if status is None else status.state

    def code(self, component: str) -> str:
        """Return the code of a component's status, empty where it has said nothing yet."""
        status = self.latest.get((component, ""))
        return "" if status is None else status.code

    def priced(self, report: Report) -> None:
        """Tell the plugins of a round."""
        self._tell(Event("round", report=report))

    def failure(self, component: Component, error: BaseException, what_now: str) -> None:
        """Say that a component raised what its contract does not allow: one traceback, however often it happens."""
        name = component.context.name
        if isinstance(error, Forgotten):
            self._forgotten(component, *error.args)
            return
        if name not in self._failed:
            self._failed.add(name)
            self._logger.error(
                f"{type(error).__name__}: {error}; this is a bug in the plugin, tell its author; {what_now}",
                component=name,
                traceback="".join(traceback.format_exception(error)),
            )
        component.context.status("failed", "component_failed", f"{type(error).__name__}: {error}; {what_now}")

    def _forgotten(self, component: Component, what: str, error: BaseException) -> None:
        told = f"{what}: expected to use what it remembered, could not: {type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        self._logger.debug(told, component=component.context.name, traceback=trace)
        component.context.status("degraded", "forgotten", f"{told}; it began anew, as at a first start")

    def failed(self) -> set[str]:
        """Return the components that are not working and will not by themselves."""
        return {name for (name, market), status in self.latest.items() if status.state == "failed" and not market}

    def _tell(self, event: Event) -> None:
        for plugin, error in self._registry.notify(event).items():
            if plugin not in self._failed:
                self._failed.add(plugin)
                told = (
                    f"chrono_event raised {type(error).__name__}: {error}; this is a bug in the plugin, tell its author"
                )
                trace = "".join(traceback.format_exception(error))
                self._logger.error(
                    f"{told}; it is told of what follows all the same", component=plugin, traceback=trace
                )
