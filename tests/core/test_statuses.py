"""Statuses are folded, logged once and told to whoever listens."""

from __future__ import annotations

from types import SimpleNamespace

import structlog
from structlog.testing import capture_logs

from chrono.core.builtin import Push
from chrono.core.component import Context, Event, Status
from chrono.core.registry import Registry
from chrono.core.statuses import Statuses
from chrono.core.types import SECOND, Market, Pair, Report, Round
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


def test_lines_of_one_kind_are_folded() -> None:
    """Two hundred markets at once, or a venue that flaps all day: five lines a minute, with how many were left out."""
    heard: list[Event] = []

    @hookimpl
    def chrono_event(event: Event) -> None:
        heard.append(event)

    told = statuses(SimpleNamespace(chrono_event=chrono_event))
    markets = [Market("kraken", Pair(f"M{number}", "USD")) for number in range(200)]
    with capture_logs() as logs:
        for market in markets:
            told(Status("kraken", "degraded", "polled", "asking", market=market, at=SECOND))
        told(Status("kraken", "degraded", "resubscribed", "again", market=markets[0], at=SECOND))
        told(Status("kraken", "degraded", "polled", "asking", market=markets[0], at=62 * SECOND))
    assert [log.get("folded", 0) for log in logs] == [0, 0, 0, 0, 0, 0, 195]
    assert len(heard) == 202
    assert told.latest["kraken", "kraken:M199/USD"].code == "polled"


def test_failures_are_never_folded() -> None:
    """Each wants somebody."""
    told = statuses()
    with capture_logs() as logs:
        for number in range(20):
            told(Status("kraken", "failed", "permanent", "no", market=Market("kraken", Pair(f"M{number}", "USD"))))
    assert len(logs) == 20


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
