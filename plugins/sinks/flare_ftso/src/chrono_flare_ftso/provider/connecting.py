"""From what a pipeline says of its network to the chain itself: nodes, timing, contracts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple, Protocol

from pydantic import SecretStr

from chrono_flare_ftso.chain import timing
from chrono_flare_ftso.chain.choosing import Clock, Tell, silent
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.protocol.deployments import Deployment
from chrono_flare_ftso.protocol.networks import COSTON2, NETWORKS, Network
from chrono_flare_ftso.protocol.text import from_hex

WELL_KNOWN = "0xaD67FE66660Fb8dFE9d6b1b4240d8650e30F6019"
"""The contract registry of the four networks."""


class Where(Protocol):
    """Which chain, as a pipeline has it; see `FlareFtso.Config`."""

    @property
    def network(self) -> str:
        """One of the four, or ``other``."""
        ...

    @property
    def rpc(self) -> Sequence[SecretStr]:
        """Addresses of nodes."""
        ...

    @property
    def registry(self) -> str:
        """The contract registry of a network that is ``other``."""
        ...


class Place(NamedTuple):
    """A `Where` that no pipeline says."""

    network: str
    rpc: Sequence[SecretStr] = ()
    registry: str = WELL_KNOWN


class Connected(NamedTuple):
    """A chain that answers: its nodes, its network with the timing it has, and where its contracts are."""

    node: Node
    network: Network
    registry: Registry


def is_timed(where: Where) -> bool:
    """Say whether timing and contracts are read from the chain."""
    return where.network not in NETWORKS


def stated(where: Where) -> Network:
    """Return a network as it is known before anything is asked of its chain.

    Examples
    --------
    >>> stated(Place("songbird")).chain_id, stated(Place("other")).contracts.keys()
    (19, dict_keys(['FlareContractRegistry']))
    """
    if not is_timed(where):
        return NETWORKS[where.network]
    registry = {timing.REGISTRY: (Deployment(0, from_hex(where.registry, 20)),)}
    return replace(COSTON2, name="other", initial_reward_epoch=0, contracts=registry)


def urls(where: Where) -> list[str]:
    """Return the addresses of the nodes, the network's public one where none is said."""
    return [url.get_secret_value() for url in where.rpc] or [stated(where).rpc]


def node_of(where: Where, clock: Clock) -> Node:
    """Return the nodes, not entered; those of another chain than one of the four are not believed."""
    return Node(urls(where), clock, chain_id=None if is_timed(where) else stated(where).chain_id)


@asynccontextmanager
async def connected(where: Where, clock: Clock, tell: Tell = silent) -> AsyncIterator[Connected]:
    """Connect to a chain, and look where its contracts are.

    Parameters
    ----------
    where : Where
        Which.
    clock : Clock
        Such as `Context.clock`.
    tell : callable, optional
        Told a code and a sentence of what is out of the ordinary.

    Raises
    ------
    PermanentError
        If every node is of another chain, or the registry is none.
    TransientError
        If no node answers.
    """
    network = stated(where)
    async with node_of(where, clock) as node:
        if is_timed(where):
            network = await timing.network_of(node, network)
        registry = Registry(node, network, tell)
        await registry.refresh()
        yield Connected(node, network, registry)
