"""A sender beside a test: its key, its book, its nodes, and a clock that its own sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sending_node import Own, Pool, SendingNode, Ticking

from chrono_flare_ftso.chain.carrying import Outcome
from chrono_flare_ftso.chain.drafting import Pace
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import FeeLimits, Fees
from chrono_flare_ftso.chain.nonces import NonceBook
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import FLARE

KEY = keccak256(b"a key of the tests that send")
TARGET = bytes([5] * 20)
LABELS = ("submit1", "submit2", "submitSignatures")


def data(label: str, round: int = 1) -> bytes:
    return f"{label} {round}".encode()


@dataclass
class World:
    """A chain, its nodes, a ledger, and whoever sends."""

    path: Path
    chain: Pool
    nodes: list[SendingNode]
    clock: Ticking
    told: list[tuple[str, str]] = field(default_factory=list)
    limits: FeeLimits = field(default_factory=FeeLimits)
    pace: Pace = field(default_factory=Pace)
    chain_id: int | None = None

    @asynccontextmanager
    async def sender(self, ledger: str = "flare.db") -> AsyncIterator[Sender]:
        """Begin as a process does; several may be there, with a ledger in common or without."""
        signer = Own(KEY)

        def tell(code: str, message: str) -> None:
            self.told.append((code, message))

        urls = [node.url for node in self.nodes]
        asked = self.chain_id or self.chain.chain_id
        reader = Node(urls, self.clock, chain_id=self.chain_id, tell=tell, timeout=0.3)
        with Ledger(self.path / ledger) as opened:
            async with reader:
                book = NonceBook(opened, asked, signer.address)
                fees = Fees(replace(FLARE, chain_id=asked), self.limits)
                sender = Sender(reader, signer, book, asked, self.clock, fees, tell, pace=self.pace)
                sender.signer = signer
                sender.book = book
                yield sender

    async def send(
        self, sender: Sender, label: str = "submit1", round: int = 1, seconds: float = 30, **more: Any
    ) -> Outcome:
        options = {"gas": 60_000, "label": label, "round": round, **more}
        return await sender.send(TARGET, data(label, round), until=self.after(seconds), **options)

    def after(self, seconds: float) -> int:
        return self.clock.now() + int(seconds * SECOND)

    @property
    def texts(self) -> str:
        return "\n".join(message for _, message in self.told)

    def check(self, *wanted: bytes) -> None:
        """Check that all that was wanted is on the chain, once, and that nothing else is."""
        found = self.chain.counts()
        doubled = {each: count for each, count in found.items() if count > 1 and each}
        assert not doubled, f"doubled: {doubled}"
        assert set(found) - {b""} == set(wanted), f"on the chain: {dict(found)}; told: {self.texts}"


@asynccontextmanager
async def world(path: Path, nodes: int = 1, **options: Any) -> AsyncIterator[World]:
    chain = Pool()
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(SendingNode(chain)) for _ in range(nodes)]
        yield World(path, chain, made, Ticking(chain), **options)


async def beside(work: Any, other: Any) -> Any:
    """Return what some work returns, while something else goes on for ever."""
    task = asyncio.create_task(other)
    try:
        return await work
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
