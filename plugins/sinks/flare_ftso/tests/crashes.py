"""Rounds that are committed to and revealed by a process that ends at any moment, and what its chain has of them.

`python tests/crashes.py LEDGER URL ROUNDS` is such a process: killed, and started again, it goes on.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sending import KEY
from sending_node import Own, Pool, SendingNode

from chrono import Context
from chrono_flare_ftso.chain.drafting import Pace
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import FeeLimits, Fees
from chrono_flare_ftso.chain.nonces import NonceBook
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.commits import RANDOM_BYTES, Commits
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.networks import FLARE
from chrono_flare_ftso.provider.wallets import Purse

IDS = (bytes(21), bytes([1]) * 21)
COUNTS = 60
"""Seconds for which what is sent counts."""


async def play(commits: Commits, sender: Sender, clock: Any, rounds: Iterable[int]) -> None:
    """Commit to each round and reveal it, as a provider does; whenever it starts it would vote for something else.

    Raises
    ------
    AssertionError
        If something is not on the chain while it counts.
    """
    purse = Purse("submit", sender, lambda _: bytes([5] * 20), lambda: 0.0, lambda *_: None, clock)
    for round in rounds:
        commit = await asyncio.to_thread(commits.find, round, purse.address)
        if commit is None:
            commit = await asyncio.to_thread(commits.make, round, purse.address, os.urandom(8), IDS)
        for call, label, message in (
            (Call.SUBMIT1, "submit1", commit.submit1()),
            (Call.SUBMIT2, "submit2", commit.submit2()),
        ):
            until = clock.now() / SECOND + COUNTS
            assert await purse.send("Submission", call.value + message, label=label, round=round, until=until), label


def check(chain: Pool, rounds: Sequence[int]) -> None:
    """See that each round was committed to once and revealed once, as committed to.

    Raises
    ------
    AssertionError
        If it was not.
    """
    address = Own(KEY).address
    commits, reveals = defaultdict(list), defaultdict(list)
    for each in chain.mined():
        data = each.transaction.data
        if data:
            kind = commits if data[:4] == Call.SUBMIT1.value else reveals
            kind[int.from_bytes(data[5:9], "big")].append(data[11:])
    assert set(commits) == set(reveals) == set(rounds)
    for round in rounds:
        (commit,), (reveal,) = commits[round], reveals[round]
        assert commit == commit_hash(address, round, reveal[:RANDOM_BYTES], reveal[RANDOM_BYTES:])


async def kill_again_and_again(path: Path, kills: int, per_kill: int = 3, seed: int = 1) -> int:
    """Kill such a process so many times, at any moment; return how many rounds it played.

    Raises
    ------
    AssertionError
        If a round was doubled, wrong or missed.
    """
    chance, chain, rounds = random.Random(seed), Pool(), kills * per_kill
    async with SendingNode(chain) as node:

        async def blocks() -> None:
            while True:
                await asyncio.sleep(0.02)
                chain.produce()

        mining = asyncio.create_task(blocks())
        try:
            for _ in range(kills):
                process = await _started(path, node.url, rounds)
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                process.kill()
                await process.wait()
            # what is left, by one that is left alone; a ledger and a chain grow slower as they grow longer
            process = await _started(path, node.url, rounds)
            try:
                async with asyncio.timeout(60 + rounds):
                    assert await process.wait() == 0
            except TimeoutError:
                process.kill()
                raise
        finally:
            mining.cancel()
    check(chain, range(rounds))
    return rounds


async def _started(path: Path, url: str, rounds: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, path, url, str(rounds), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline()
    return process


async def main(path: Path, url: str, rounds: int) -> None:
    """Play rounds from the first that is not played."""
    clock, signer = Context("crashes").clock, Own(KEY)
    with Ledger(path) as ledger:
        async with Node([url], clock) as node:
            book, fees = NonceBook(ledger, 14, signer.address), Fees(replace(FLARE, chain_id=14), FeeLimits())
            pace = Pace(look=0.02, bump=1.0, keep=0.1, watch=0.1)
            sender = Sender(node, signer, book, 14, clock, fees, pace=pace)
            keeping = asyncio.create_task(sender.run())
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await play(Commits(ledger), sender, clock, range(rounds))
            keeping.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
