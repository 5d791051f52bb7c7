"""A commit outlives the process that made it: killed at once, by nobody asked, a new one reveals the same."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path

import httpx
import pytest
from voting import KEY, ROUND, SUBMITTERS, Provider, strict

from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash

pytestmark = pytest.mark.anyio

PROGRAM = """
import asyncio, sys
from voting import Provider

async def main():
    async with Provider(sys.argv[1]) as provider:
        print(provider.server.port, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_killed_between_submit1_and_submit2_it_reveals_what_was_committed_to(tmp_path):
    """The commit is on the disk when it is answered: SIGKILL comes as soon as the answer has."""
    path, here = tmp_path / "flare.db", Path(__file__).parent
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(PROGRAM), path, cwd=here, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        async with httpx.AsyncClient(headers={"X-API-KEY": KEY}, verify=False) as client:
            told = [
                strict(await client.get(f"http://127.0.0.1:{port}/submit1/{ROUND}/0x{each.hex()}"), 39)
                for each in SUBMITTERS
            ]
    finally:
        process.kill()
        await process.wait()
    async with Provider(path) as provider:
        provider.prices = {"BTC/USD": 1.0}
        for submitter, committed in zip(SUBMITTERS, told, strict=True):
            revealed = (await provider.submit2(submitter))[7:]
            assert committed[7:] == commit_hash(submitter, ROUND, revealed[:32], revealed[32:])
            assert await provider.submit1(submitter) == committed


async def test_ledger_is_for_its_owner_alone(tmp_path):
    """It holds what is secret until it is revealed."""
    async with Provider(tmp_path / "flare.db") as provider:
        await provider.submit1()
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


async def test_commits_of_two_reward_epochs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.data_provider._PRUNED_EVERY", 2)
    with Ledger(tmp_path / "flare.db") as ledger:
        for back in (9, 10, 11, 30):
            Commits(ledger).make(ROUND - back, bytes(20), b"", [])
    async with Provider(tmp_path / "flare.db") as provider:
        for each in SUBMITTERS[:2]:
            await provider.submit1(each)
        await provider.submit2()
        rows = provider.ledger.read("SELECT DISTINCT round FROM commits ORDER BY round")
    assert rows == [(ROUND - 10,), (ROUND - 9,), (ROUND,)]
