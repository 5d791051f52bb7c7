"""A provider that ends at any moment: no round is committed to twice, none is revealed otherwise, none is missed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crashes import check, kill_again_and_again, play
from sending import World, world

from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.ledger import Ledger

pytestmark = pytest.mark.anyio

ROUNDS = range(3)
KILLS = 50


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Crash(BaseException):
    """The process ends here: nothing catches it."""


class Boundaries:
    """What is crossed before and after each write, each fsync and each send; the one at `at` is the last."""

    def __init__(self) -> None:
        self.crossed: list[str] = []
        self.at = -1

    def cross(self, what: str) -> None:
        self.crossed.append(what)
        if len(self.crossed) - 1 == self.at:
            raise Crash(what)


@pytest.fixture
def boundaries(monkeypatch: pytest.MonkeyPatch) -> Boundaries:
    made = Boundaries()

    def around(work: Callable[..., Any], name: str) -> Callable[..., Any]:
        def done(*arguments: Any, **named: Any) -> Any:
            made.cross(f"before {name}")
            found = work(*arguments, **named)
            made.cross(f"after {name}")
            return found

        return done

    async def send_raw(node: Node, raw: bytes, given: Callable[..., Any] = Node.send_raw) -> bytes:
        made.cross("before a send")
        found: bytes = await given(node, raw)
        made.cross("after a send")
        return found

    monkeypatch.setattr(Ledger, "write", around(Ledger.write, "a write"))
    monkeypatch.setattr(os, "fsync", around(os.fsync, "an fsync"))
    monkeypatch.setattr(Node, "send_raw", send_raw)
    return made


async def lived(world_: World, name: str = "flare.db") -> None:
    """Begin as a process does, and play rounds to their end, or to one's own."""
    async with world_.sender(name) as sender:
        with Ledger(world_.path / name) as ledger:
            # what goes on beside it, once: the same boundaries in the same order each time
            await sender.reconcile()
            await sender.watch_depth()
            await play(Commits(ledger), sender, world_.clock, ROUNDS)


async def test_whatever_a_crash_leaves_the_next_process_reveals_what_was_committed_to(tmp_path: Path, boundaries):
    """At every boundary there is: the process ends there, another begins with what is on the disk."""
    (tmp_path / "whole").mkdir()
    async with world(tmp_path / "whole") as world_:
        await lived(world_)
        check(world_.chain, ROUNDS)
    all_of_them = list(boundaries.crossed)
    assert {each.split()[-1] for each in all_of_them} == {"write", "fsync", "send"}
    assert len(all_of_them) >= 30
    for at in range(len(all_of_them)):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with world(folder) as world_:
            boundaries.crossed, boundaries.at = [], at
            with pytest.raises(Crash):
                await lived(world_)
            boundaries.at = -1
            await lived(world_)
            check(world_.chain, ROUNDS)


async def test_killed_fifty_times_it_doubles_nothing_and_misses_nothing(tmp_path: Path):
    assert await kill_again_and_again(tmp_path / "flare.db", KILLS) == 3 * KILLS


async def test_a_process_that_commits_anew_is_found_out(tmp_path: Path):
    async with world(tmp_path) as world_:
        await lived(world_)
        await lived(world_, "another.db")
        with pytest.raises(ValueError, match="too many values to unpack"):
            check(world_.chain, ROUNDS)
