"""Asking for a report of now: an instant for all who asked, a report for all who wait for it or an earlier one."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from unittest import mock

import anyio
import pytest

from chrono.core.clock import VirtualClock
from chrono_flare_ftso.asking import Asking, Unanswered

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


def report(as_of):
    return mock.Mock(round=mock.Mock(as_of=as_of))


async def test_all_who_asked_share_an_instant_and_its_report():
    asking, clock = Asking(), VirtualClock(100)
    instants = asking.instants(clock)
    before = [asking.ask(), asking.ask()]
    assert await anext(instants) == 100
    clock.set(200)
    later = asking.ask()
    told = report(100)
    asking.answer(told)
    assert [each.result(0) for each in before] == [told, told]
    assert not later.done()
    assert await anext(instants) == 200
    # a later report is as good: its instant is no earlier than the question
    asking.answer(report(150))
    assert not later.done()
    asking.answer(told := report(250))
    assert later.result(0) is told
    await instants.aclose()


async def test_who_waits_no_longer_is_priced_for_no_more():
    asking, clock = Asking(), VirtualClock(100)
    instants = asking.instants(clock)
    gone = asking.ask()
    gone.cancel()
    coming = asyncio.ensure_future(anext(instants))
    await anyio.sleep(0.01)
    assert not coming.done()
    asking.ask()
    assert await coming == 100
    asking.answer(report(100))
    with pytest.raises(CancelledError):
        gone.result(0)
    await instants.aclose()


async def test_there_is_no_report_once_nothing_is_priced():
    asking = Asking()
    instants = asking.instants(VirtualClock(1))
    waiting = asking.ask()
    await anext(instants)
    new = asking.ask()
    await instants.aclose()
    for each in (waiting, new, asking.ask()):
        with pytest.raises(Unanswered, match="has stopped"):
            each.result(0)


async def test_wait_is_bounded():
    with pytest.raises(Unanswered, match=r"no report within 0\.01 s"):
        await Asking().report(0.01)
