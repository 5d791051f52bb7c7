"""The addresses of a voter: what is confirmed for its identity, what is proposed, and the calls that change it.

The identity proposes an address for a role, and the address confirms it. No contract says what is proposed and not
confirmed; whether an address is can be seen by trying its confirmation, which no one but it can send.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/EntityManager.sol`;
`fsp.md` §6.1; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from chrono_flare_ftso.chain.endpoint import Reverted
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.provider.calling import Call
from chrono_flare_ftso.provider.connecting import Connected

MANAGER = "EntityManager"

CALLED: Mapping[str, str] = {
    "submit": "Submit",
    "submit_signatures": "SubmitSignatures",
    "signing_policy": "SigningPolicy",
    "delegation": "Delegation",
}
"""What contracts call each role."""

State = Literal["confirmed", "proposed", "not proposed", "none"]


class Role(NamedTuple):
    """One role of an entity.

    Attributes
    ----------
    role : str
        Such as ``submit``.
    confirmed : bytes or None
        20 bytes; None where the identity stands for it itself.
    ours : bytes or None
        The address that the pipeline has for it, None where it has none.
    state : str
        ``confirmed`` and ``none`` where the pipeline has no address; else whether its address is ``confirmed``,
        ``proposed`` or ``not proposed``.
    """

    role: str
    confirmed: bytes | None
    ours: bytes | None
    state: State

    def told(self) -> str:
        """Return it in words.

        Examples
        --------
        >>> Role("submit", None, bytes(20), "proposed").told()
        '0x0000000000000000000000000000000000000000 is proposed, and not confirmed'
        """
        now = "none is confirmed" if self.confirmed is None else f"{checksummed(self.confirmed)} is confirmed"
        if self.ours is None or self.state == "confirmed":
            return now
        told = f"{checksummed(self.ours)} is {self.state}"
        other = "" if self.confirmed is None else f"; {now}"
        return f"{told}{', and not confirmed' if self.state == 'proposed' else ''}{other}"


class Entity(NamedTuple):
    """A voter.

    Attributes
    ----------
    identity : bytes
        20 bytes.
    roles : tuple of Role
        The four that have an address.
    public_key : tuple of bytes or None
        The sortition key of fast updates, two halves of 32 bytes; None where none is registered.
    nodes : tuple of bytes
        Validators, 20 bytes each.
    """

    identity: bytes
    roles: tuple[Role, ...]
    public_key: tuple[bytes, bytes] | None
    nodes: tuple[bytes, ...]


async def entity_of(chain: Connected, identity: bytes, addresses: Mapping[str, bytes]) -> Entity:
    """Return what is known of a voter.

    Parameters
    ----------
    chain : Connected
        Where it is asked.
    identity : bytes
        20 bytes.
    addresses : mapping of str to bytes
        Those of the pipeline's keys, by role; more about these is asked.

    Raises
    ------
    ChronoError
        If nobody answers.
    """
    voter, delegation = function(MANAGER, "getVoterAddresses"), function(MANAGER, "getDelegationAddressOf")
    (three,) = voter.decode_result(await chain.registry.call(MANAGER, voter.encode_call(identity)))
    (fourth,) = delegation.decode_result(await chain.registry.call(MANAGER, delegation.encode_call(identity)))
    roles = []
    for role, address in zip(CALLED, (*three, fourth), strict=True):
        confirmed, ours = None if address == identity else address, addresses.get(role)
        roles.append(Role(role, confirmed, ours, await _state(chain, role, identity, confirmed, ours)))
    key, nodes = function(MANAGER, "getPublicKeyOf"), function(MANAGER, "getNodeIdsOf")
    public = key.decode_result(await chain.registry.call(MANAGER, key.encode_call(identity)))
    (ids,) = nodes.decode_result(await chain.registry.call(MANAGER, nodes.encode_call(identity)))
    return Entity(identity, tuple(roles), (public[0], public[1]) if any(map(any, public)) else None, tuple(ids))


async def _state(chain: Connected, role: str, identity: bytes, confirmed: bytes | None, ours: bytes | None) -> State:
    if ours is None:
        return "none" if confirmed is None else "confirmed"
    if ours == confirmed:
        return "confirmed"
    call = confirmation(role, identity, ours)
    try:
        await chain.node.call(chain.registry.address(MANAGER), call.data, sender=call.sender)
    except Reverted:
        return "not proposed"
    return "proposed"


def proposal(role: str, identity: bytes, address: bytes) -> Call:
    """Return the call by which an identity proposes an address for a role."""
    label = f"propose{CALLED[role]}Address"
    what = f"propose {checksummed(address)} as {role} of {checksummed(identity)}"
    return Call(what, MANAGER, label, identity, function(MANAGER, label).encode_call(address))


def confirmation(role: str, identity: bytes, address: bytes) -> Call:
    """Return the call by which an address confirms that it has a role of an identity."""
    label = f"confirm{CALLED[role]}AddressRegistration"
    what = f"confirm {checksummed(address)} as {role} of {checksummed(identity)}"
    return Call(what, MANAGER, label, address, function(MANAGER, label).encode_call(identity))
