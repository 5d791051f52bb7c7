"""What the commands that run something share."""

import asyncio
import sys
from importlib.util import find_spec

import anyio
import pytest

from chrono.cli import running


class Work:
    """Notes the loop it runs on."""

    def __init__(self) -> None:
        self.stop = anyio.Event()
        self.loop = ""

    async def run(self) -> str:
        self.loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        return self.loop


@pytest.mark.skipif(find_spec("uvloop") is None, reason="expected uvloop, the extra `fast`")
def test_faster_loop_is_used_where_it_is_installed() -> None:
    """Nobody has to ask for it."""
    assert running.run_all([Work()]) == (["uvloop"], False)


def test_loop_is_asyncios_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core needs no uvloop."""
    monkeypatch.setattr(running, "find_spec", lambda _: None)
    assert running.run_all([Work()]) == (["asyncio"], False)


def test_loop_is_asyncios_without_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed standard stream is one that libuv would take for its own, and abort."""
    monkeypatch.setattr(sys, "__stdin__", None)
    assert running.run_all([Work()]) == (["asyncio"], False)
