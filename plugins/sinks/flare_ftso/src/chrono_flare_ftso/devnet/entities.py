"""Who takes part in the devnet: the keys of each, made of a seed. They are toys and guard nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import address_of

ROLES = ("identity", "submit", "submit_signatures", "signing_policy", "delegation")
"""What an entity has a key for."""

DELEGATOR = "delegator"
"""Whoever gave the entity its weight has one too."""

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class Entity:
    """A voter and its keys.

    Attributes
    ----------
    name : str
        What it is called here.
    simulated : bool
        Whether the devnet acts for it; else whoever runs a provider does.
    wnat : int
        Wei that are delegated to it.
    keys, addresses : mapping of str to bytes
        32 and 20 bytes each, by role; ``delegator`` delegates to it.

    Examples
    --------
    >>> one = entity("p1", seed=7, wnat=5, simulated=True)
    >>> one == entity("p1", seed=7, wnat=5, simulated=True), one.submit.hex()[:8]
    (True, '8ae195d5')
    """

    name: str
    simulated: bool
    wnat: int
    keys: Mapping[str, bytes] = field(repr=False)
    addresses: Mapping[str, bytes] = field(repr=False)

    @property
    def identity(self) -> bytes:
        """The voter, 20 bytes."""
        return self.addresses["identity"]

    @property
    def submit(self) -> bytes:
        """What commits and reveals are sent from, 20 bytes."""
        return self.addresses["submit"]

    @property
    def submit_signatures(self) -> bytes:
        """What signatures are sent from, 20 bytes."""
        return self.addresses["submit_signatures"]

    @property
    def signing_policy(self) -> bytes:
        """Whose signatures count, 20 bytes."""
        return self.addresses["signing_policy"]

    @property
    def delegation(self) -> bytes:
        """Whom coins are delegated to, 20 bytes."""
        return self.addresses["delegation"]

    @property
    def delegator(self) -> bytes:
        """Who delegates to it, 20 bytes."""
        return self.addresses[DELEGATOR]


def entity(name: str, *, seed: int, wnat: int, simulated: bool) -> Entity:
    """Return the entity of a name: the same for the same seed."""
    keys = {role: _key(f"chrono devnet {seed} {name} {role}") for role in (*ROLES, DELEGATOR)}
    addresses = {role: address_of(key) for role, key in keys.items()}
    return Entity(name, simulated, wnat, MappingProxyType(keys), MappingProxyType(addresses))


def _key(text: str) -> bytes:
    return (1 + int.from_bytes(keccak256(text.encode()), "big") % (_ORDER - 1)).to_bytes(32, "big")


def named(providers: int, free: int) -> Iterator[tuple[str, bool]]:
    """Yield the names of entities, and whether they are simulated.

    Examples
    --------
    >>> [name for name, _ in named(2, 1)], [name for name, _ in named(0, 2)]
    (['p1', 'p2', 'free'], ['free1', 'free2'])
    """
    yield from ((f"p{at}", True) for at in range(1, providers + 1))
    yield from ((f"free{at if free > 1 else ''}", False) for at in range(1, free + 1))
