"""Everything that has to be right before a provider sends anything, looked at in order; nothing is sent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chrono import ChronoError
from chrono_flare_ftso.answers import Feeds
from chrono_flare_ftso.chain import timing
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.clockoffset import ClockOffset
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.policies import Policies
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.protocol.epochs import voting_round
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.provider.checks import (
    NEEDED,
    Check,
    check_balances,
    check_contracts,
    check_feeds,
    check_nodes,
    check_offset,
    check_registration,
    check_roles,
)
from chrono_flare_ftso.provider.connecting import Where, is_timed, stated, urls
from chrono_flare_ftso.provider.lease_check import Leased, check_lease
from chrono_flare_ftso.provider.spelling import spelling_problems

LOOK, LOOKED = 0.25, 15
"""Seconds between two looks at the head of the chain, and in which the clock is held against it."""

PATIENCE = 60.0
"""Seconds in which the events of a reward epoch have to be read; public nodes may need longer the first time."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is examined.

    Parameters
    ----------
    text : str
        The pipeline file.
    where : Where
        Which chain.
    feeds : Feeds
        Those that are priced.
    addresses : mapping of str to bytes
        Of the keys, by role.
    ledger : Path
        The file of what is committed to.
    low_balance : int
        Wei.
    missing : float
        Share of the feeds that may be without a vote.
    clock : Clock
        The machine's.
    lease : Leased, optional
        Where the lease is kept that machines with this identity share.
    patience : float
        Seconds in which the feeds of the reward epoch have to be read.
    """

    text: str
    where: Where
    feeds: Feeds
    addresses: Mapping[str, bytes]
    ledger: Path
    low_balance: int
    missing: float
    clock: Clock
    lease: Leased | None = None
    patience: float = PATIENCE

    async def checks(self) -> AsyncIterator[Check]:
        """Yield each check: first what is on this machine, then what the chain says."""
        for check in check_spelling(self.text):
            yield check
        yield await asyncio.to_thread(check_ledger, self.ledger)
        if self.lease is not None:
            yield await check_lease(self.lease)
        async with contextlib.AsyncExitStack() as undo:
            nodes: dict[str, tuple[str, Node]] = {}
            for url in urls(self.where):
                node = await undo.enter_async_context(Node([url], self.clock))
                name = node.endpoints[0].name
                nodes[f"{name} {len(nodes) + 1}" if name in nodes else name] = url, node
            network = await self._network({name: node for name, (_, node) in nodes.items()})
            right: list[str] = []
            checks = check_nodes({name: node for name, (_, node) in nodes.items()}, network, self.clock.now())
            async for check in checks:
                # a block says of a clock that is ahead no more than that it is late
                yield check if check.name != "clock" or check.state == "failure" else await self._clock(right, check)
                if check.state != "failure" and (name := check.name.removeprefix("node ")) in nodes:
                    right.append(nodes[name][0])
            if not right:
                return
            node = await undo.enter_async_context(Node(right, self.clock, chain_id=network.chain_id))
            async for check in self._of_chain(node, network):
                yield check

    async def _clock(self, right: Sequence[str], check: Check) -> Check:
        """Return what the next blocks say of the machine's clock, where enough of them come."""
        known, until = ClockOffset(), self.clock.now() + LOOKED * SECOND
        async with Node(right, self.clock) as node:
            while (offset := known.offset) is None and self.clock.now() < until:
                with contextlib.suppress(ChronoError):
                    head = await node.block("latest")
                    known.seen(head.number, head.timestamp, self.clock.now())
                await self.clock.sleep(LOOK)
        return check if offset is None else check_offset(offset)

    async def _network(self, nodes: Mapping[str, Node]) -> Network:
        """Return the network, with the chain id that the first node has where none is known."""
        network = stated(self.where)
        if is_timed(self.where):
            for node in nodes.values():
                with contextlib.suppress(ChronoError):
                    return replace(network, chain_id=await node.chain_id())
        return network

    async def _of_chain(self, node: Node, network: Network) -> AsyncIterator[Check]:
        try:
            if is_timed(self.where):
                network = await timing.network_of(node, network)
            present = await timing.addresses_of(node, network.contract(timing.REGISTRY, 0), NEEDED)
            registry = Registry(node, network, lambda _, __: None)
            await registry.refresh()
        except ChronoError as error:
            # it says what to do
            yield Check("registry", "failure", str(error))
            return
        found = check_contracts(registry, network, present)
        yield found
        if found.state == "failure":
            return
        identity = self.addresses.get("identity")
        parts = [("roles", check_roles(registry, self.addresses))]
        parts.append(("balances", check_balances(node, self.addresses, self.low_balance)))
        if identity is not None:
            parts.append(("registration", check_registration(registry, identity)))
        parts.append(("feeds", self._of_feeds(node, network)))
        for name, checks in parts:
            try:
                async for check in checks:
                    yield check
            except (ChronoError, ProtocolError) as error:
                yield Check(name, "failure", str(error), "see to the nodes, then try again")

    async def _of_feeds(self, node: Node, network: Network) -> AsyncIterator[Check]:
        head = await node.block("latest")
        policies, round = Policies(node, network, lambda _, __: None), voting_round(network, head.timestamp)
        try:
            async with asyncio.timeout(self.patience):
                await policies.advance(head)
        except TimeoutError:
            told = f"the events of the reward epoch were not read in {self.patience:g} s"
            yield Check(
                "feeds", "warning", told, "wait longer (--patience), or name a node that answers for more blocks"
            )
            return
        try:
            epoch = policies.reward_epoch(round)
        except LookupError as error:
            yield Check("feeds", "failure", str(error), "see to the registry and to the nodes")
            return
        yield check_feeds(epoch, self.feeds, self.missing)


def check_spelling(text: str) -> Iterator[Check]:
    """Check how addresses are spelled in a pipeline file; its comments count, too, since they are copied from."""
    problems = list(spelling_problems(text))
    for told, advice in problems:
        yield Check("spelling", "failure" if "checksum" in told else "warning", told, advice)
    if not problems:
        yield Check("spelling", "ok", "each address is spelled one way, with its checksum or without any")


def check_ledger(path: Path) -> Check:
    """Check that what is committed to can be written down; the file is neither made nor changed.

    Examples
    --------
    >>> check_ledger(Path("nowhere/flare.db")).advice
    'make the folder nowhere, or name another file under `ledger`'
    """
    folder = path.parent
    if not folder.is_dir():
        told = f"{path}: expected its folder, was none"
        return Check("ledger", "failure", told, f"make the folder {folder}, or name another file under `ledger`")
    if not path.exists():
        if not os.access(folder, os.W_OK | os.X_OK):
            told = f"{path}: expected to be made, its folder may not be written to"
            return Check("ledger", "failure", told, f"see to the rights of {folder}")
        return Check("ledger", "ok", f"{path} is not there yet, and can be made")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=2)) as opened:
            opened.execute("BEGIN IMMEDIATE")
            opened.execute("ROLLBACK")
    except sqlite3.Error as error:
        told = f"{path}: expected to write to it, was refused: {error}"
        return Check("ledger", "failure", told, "see to its rights and room, or name another file under `ledger`")
    return Check("ledger", "ok", f"{path} can be written to")
