"""Statuses are folded, logged once and told to whoever listens."""

from __future__ import annotations

from types import SimpleNamespace

import structlog
from structlog.testing import capture_logs

from chrono.core.builtin import Push
from chrono.core.component import Context, Event, Status
from chrono.core.registry import Registry
from chrono.core.statuses import Statuses
from chrono.core.types import Market, Pair, Report, Round
from chrono.hookspecs import hookimpl


def statuses(*listeners: object) -> Statuses:
    registry = Registry(found=())
    for number, listener in enumerate(listeners):
        registry.register(listener, f"listener{number}")
    return Statuses(registry, structlog.get_logger())


def test_equal_statuses_are_said_once() -> None:
    """A thousand repetitions are one line; a change is another."""
    told = statuses()
    with capture_logs() as logs:
        for _ in range(1000):
            told(Status("kraken", "waiting", "hung_up", "the venue closed the connection: trying again"))
        told(Status("kraken", "live"))
    assert [(log["log_level"], log["code"]) for log in logs] == [("warning", "hung_up"), ("info", "")]


def test_each_market_has_a_status_of_its_own() -> None:
    """Beside its source's."""
    told = statuses()
    told(Status("kraken", "live"))
    told(Status("kraken", "degraded", "rejected", market=Market("kraken", Pair("X", "USD"))))
    assert told.latest["kraken", ""].state == "live"
    assert told.latest["kraken", "kraken:X/USD"].code == "rejected"
    assert told.failed() == set()


def test_failure_is_one_traceback_and_a_status() -> None:
    """However often it happens."""
    told = statuses()
    source = Push(context=Context("v1", report=told))
    with capture_logs() as logs:
        for _ in range(5):
            told.failure(source, ValueError("no"), "it stays off")
    assert len([log for log in logs if "traceback" in log]) == 1
    assert told.failed() == {"v1"}


def test_plugins_are_told_of_statuses_and_rounds() -> None:
    """One that raises does not keep the others from it, and is told once."""
    heard: list[Event] = []

    @hookimpl
    def chrono_event(event: Event) -> None:
        heard.append(event)

    def raising(event: Event) -> None:
        raise RuntimeError("no")

    told = statuses(SimpleNamespace(chrono_event=hookimpl(raising)), SimpleNamespace(chrono_event=chrono_event))
    with capture_logs() as logs:
        told(Status("kraken", "live"))
        told.priced(Report(Round(1, 1, 2), ()))
    assert [event.kind for event in heard] == ["status", "round"]
    assert [log["component"] for log in logs if "traceback" in log] == ["listener0"]
