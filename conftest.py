"""What the tests of the core and of every plugin share: a machine that stood still is no fault of what is tested."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

STOOD_STILL = 0.1
"""Seconds for which a thread that only sleeps was not woken: the machine had no time for this process."""

TRIES = 3
AGAIN = "run again"


class Stillness(threading.Thread):
    """Looks on a clock again and again, and keeps how late it was at worst.

    Attributes
    ----------
    longest : float
        Seconds by which it was late, since `longest` was last set to zero.
    """

    def __init__(self, every: float = 0.02) -> None:
        super().__init__(name="stillness", daemon=True)
        self.longest = 0.0
        self._every = every

    def run(self) -> None:
        """Look on, as long as the process lives."""
        while True:
            before = time.monotonic()
            time.sleep(self._every)
            self.longest = max(self.longest, time.monotonic() - before - self._every)


_stillness = Stillness()


def pytest_configure() -> None:
    """Begin to look on."""
    if not _stillness.is_alive():
        _stillness.start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Judge a test that failed while the machine stood still once more, and say so; one that fails again has failed."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _tried(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _tried(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Run a test, again where the machine stood still, and return the reports of the last time."""
    told: list[tuple[str, object]] = []
    for left in reversed(range(TRIES)):
        _stillness.longest = 0.0
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not left or _stillness.longest < STOOD_STILL or not any(report.failed for report in reports):
            break
        told.append((AGAIN, f"the machine stood still for {_stillness.longest:.2f} s"))
    reports[0].user_properties += told
    return reports


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List what was run again, and why."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    again = [
        f"{report.nodeid}: {why}"
        for report in reports
        for name, why in getattr(report, "user_properties", ())
        if name == AGAIN
    ]
    if again:
        terminalreporter.section("run again")
        for each in again:
            terminalreporter.line(each)
