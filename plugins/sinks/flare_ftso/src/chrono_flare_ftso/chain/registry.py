"""Contracts by their names: where they are now, as the chain's own registry says, and what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chrono import ChronoError
from chrono_flare_ftso.chain.timing import REGISTRY, Caller, addresses_of
from chrono_flare_ftso.protocol.contracts import FUNCTIONS
from chrono_flare_ftso.protocol.networks import Network

NAMES = tuple(sorted({each.contract for each in FUNCTIONS.values()} - {REGISTRY}))
"""Every contract that a provider calls."""

EVERY = 60.0
"""Seconds between two looks into the registry."""

Tell = Callable[[str, str], None]


class Registry:
    """The contracts of a chain.

    Parameters
    ----------
    node : Node
        Entered.
    network : Network
        Whose deployments are known where the registry does not answer.
    tell : callable
        Told a code and a sentence when a contract has moved.

    Examples
    --------
    Before the registry is asked, a contract is where it is known to have been deployed last:

    >>> from chrono_flare_ftso.chain.rpc import Node
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> Registry(Node([FLARE.rpc], None), FLARE, print).address("Relay").hex()[:4]
    'ccf3'
    """

    def __init__(self, node: Caller, network: Network, tell: Tell) -> None:
        self._node = node
        self._network = network
        self._tell = tell
        self._present = {name: each[-1].address for name, each in network.contracts.items()}
        self._seen = False

    async def refresh(self) -> frozenset[str]:
        """Look where contracts are now, and return the names of those that have moved.

        Raises
        ------
        ChronoError
            If no node answers.
        """
        found = await addresses_of(self._node, self._present[REGISTRY], NAMES)
        moved = frozenset(name for name, address in found.items() if self._present.get(name) != address)
        self._present |= found
        if self._seen and moved:
            self._tell("moved", f"contracts have moved: {', '.join(sorted(moved))}; start again to sign for them")
        self._seen = True
        return moved

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look again and again."""
        while True:
            await sleep(EVERY)
            try:
                await self.refresh()
            except ChronoError as error:
                self._tell("registry", f"where contracts are was not told: {error}; asked again")

    def address(self, name: str) -> bytes:
        """Return where a contract is.

        Raises
        ------
        LookupError
            If nobody knows.
        """
        if name not in self._present:
            raise LookupError(f"{self._network.name}: expected a contract {name}, the registry knows of none")
        return self._present[name]

    def addresses(self) -> frozenset[bytes]:
        """Return where all contracts are that a provider calls, and where those of known deployments were."""
        known = {each.address for name in NAMES for each in self._network.contracts.get(name, ())}
        return frozenset(known | {self._present[name] for name in NAMES if name in self._present})

    async def call(self, contract: str, data: bytes) -> bytes:
        """Return what a contract answers to a call.

        Raises
        ------
        Reverted
            If it fails.
        TransientError
            If no node answers.
        LookupError
            If nobody knows where it is.
        """
        return await self._node.call(self.address(contract), data)
