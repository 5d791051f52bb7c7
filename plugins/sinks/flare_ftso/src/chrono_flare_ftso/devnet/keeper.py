"""What keeps the devnet's chain alive: two blocks a second, and daemonize() first in each, as Flare's nodes call it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from chrono import PermanentError, TransientError
from chrono_flare_ftso.devnet.anvil import Anvil
from chrono_flare_ftso.devnet.artifacts import contract
from chrono_flare_ftso.devnet.deploying import DAEMON, Deployment

EVERY = 0.5
"""Seconds between two blocks; a timestamp has whole seconds, so that two have the same."""

_PATIENCE = 20
"""Blocks that anvil may refuse or not answer, before that is the end of the devnet."""


class Keeper:
    """Mines.

    Parameters
    ----------
    anvil : Anvil
        Deployed to.
    deployment : Deployment
        What was.
    tell : callable
        Told of trouble.
    """

    def __init__(self, anvil: Anvil, deployment: Deployment, tell: Callable[[str], None]) -> None:
        self._anvil = anvil
        self._manager = deployment.contracts["FlareSystemsManager"]
        self._start = deployment.start
        self._tell = tell
        self._call = contract("FlareSystemsManager").functions["daemonize"].encode_call()

    async def begin(self) -> None:
        """Mine on demand only; the first block is that in which reward epoch 1 starts.

        Raises
        ------
        PermanentError, TransientError
            If anvil refuses, or does not answer.
        """
        await self._anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - a parameter of JSON-RPC
        await self._anvil.send(DAEMON, self._manager, self._call)

    async def run(self) -> None:
        """Mine twice in each second, at its time, until cancelled.

        Raises
        ------
        PermanentError, TransientError
            If anvil refuses, or does not answer, for some seconds.
        """
        at, last, failed = self._start - EVERY, self._start, 0
        while True:
            # a machine that stood still leaves blocks out; time does not go back
            at = max(at + EVERY, self._start, math.floor(time.time() / EVERY) * EVERY)
            await asyncio.sleep(at - time.time())
            last = max(last, math.floor(at))
            try:
                await self._anvil.mine(last)
                # it waits for the next block, ahead of whatever is sent meanwhile
                await self._anvil.send(DAEMON, self._manager, self._call)
            except (PermanentError, TransientError) as error:
                failed += 1
                if failed > _PATIENCE:
                    raise
                self._tell(f"no block: {error}")
            else:
                failed = 0
