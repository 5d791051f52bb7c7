"""How components are doing: folded, logged once, told to whoever listens."""

from __future__ import annotations

import traceback
from typing import Any

from chrono.core.component import Component, Event, Status
from chrono.core.pricing import Forgotten
from chrono.core.registry import Registry
from chrono.core.types import Report

_WARN = {"degraded", "waiting", "failed"}


class Statuses:
    """The newest status of each component and market; equal ones are said once.

    Attributes
    ----------
    latest : dict of (str, str) to Status
        By component and market, the market empty for the component itself.
    """

    def __init__(self, registry: Registry, logger: Any) -> None:
        self.latest: dict[tuple[str, str], Status] = {}
        self._registry = registry
        self._logger = logger
        self._failed: set[str] = set()

    def __call__(self, status: Status) -> None:
        """Take a status; tell the plugins and the log if it is news."""
        key = status.component, "" if status.market is None else str(status.market)
        before = self.latest.get(key)
        self.latest[key] = status
        if before is not None and (before.state, before.code) == (status.state, status.code):
            return
        again = before is not None and before.state in _WARN
        say = self._logger.warning if status.state in _WARN else self._logger.info if again else self._logger.debug
        more = {"market": str(status.market)} if status.market is not None else {}
        say(
            status.message or (f"{status.state} again" if again else status.state),
            component=status.component,
            state=status.state,
            code=status.code,
            **more,
        )
        self._tell(Event("status", status=status))

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
