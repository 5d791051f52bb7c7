"""A devnet in a folder, until it is told to end: what `chrono flare devnet up` starts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import asdict

from chrono_flare_ftso.devnet.deploying import Deploying
from chrono_flare_ftso.devnet.folder import Folder
from chrono_flare_ftso.devnet.network import Devnet, running
from chrono_flare_ftso.devnet.plan import Plan
from chrono_flare_ftso.devnet.rewarding import published
from chrono_flare_ftso.devnet.status import line_of, status_of

EVERY = 1.0
"""Seconds between two looks at how it stands."""


async def serve(
    plan: Plan,
    program: str,
    port: int,
    folder: Folder,
    say: Callable[[str], None],
    *,
    deploying: Callable[..., Deploying] = Deploying,
) -> None:
    """Run a devnet until SIGINT or SIGTERM.

    Parameters
    ----------
    plan : Plan
    program : str
        anvil's.
    port : int
        Where its chain answers; 0 for any that is free.
    folder : Folder
        Held.
    say : callable
        Told a line of each round that is over, and of trouble.
    deploying : callable
        As `running` takes it.

    Raises
    ------
    ChronoError
        If it does not start, or its chain stands still for good.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, ended.set)
    folder.prepare(plan.entities())

    def tell(*told: str) -> None:
        say("{} {}: {}".format(*told))

    async with running(plan, program, port=port, tell=tell, deploying=deploying) as made:
        works = (ended.wait(), made.run(), _told(made, folder, say))
        tasks = [asyncio.ensure_future(each) for each in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _told(made: Devnet, folder: Folder, say: Callable[[str], None]) -> None:
    """Say how a devnet stands, again and again; publish what its reward epochs come to."""
    out: set[int] = set()
    said = -1
    while True:
        for epoch in made.distributions.keys() - out:
            folder.publish(epoch, published(made.distributions[epoch]))
            out.add(epoch)
        folder.tell(await status_of(made))
        for each in made.tally.rounds:
            if each.round > said:
                said = each.round
                say(line_of(asdict(each)))
        await asyncio.sleep(EVERY)
