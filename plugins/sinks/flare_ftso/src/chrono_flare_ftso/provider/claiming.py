"""What a voter has earned and may claim, proven against the root on the chain before anything is sent.

A published file says what each beneficiary is owed, with proofs. It is not believed: all of it has to lead to the root
that voters have signed, which the chain holds. A direct claim belongs to the signing-policy address, a fee to the
identity; what is shared by weight needs one more call by anybody, then none by those who gave the weight.

Source: flare-foundation/developer-hub daa3028, `docs/network/fsp/guides/claiming-rewards.mdx` (range of epochs, where
files are published); flare-foundation/flare-smart-contracts-v2 264dab7,
`contracts/protocol/implementation/RewardManager.sol` (who may claim what); read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from chrono import DataError
from chrono_flare_ftso.chain.endpoint import Reverted
from chrono_flare_ftso.protocol.claims import ClaimType, ProvenClaim, parse_distribution
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.text import to_hex

MANAGER = "RewardManager"
NOTHING_SIGNED = "no epoch with claimable rewards"
"""What RewardManager says before the rewards of any reward epoch were signed."""

Read = Callable[[int], Awaitable[bytes | None]]
"""Returns the distribution data of a reward epoch, None where none is published (yet)."""


class Contracts(Protocol):
    """Where contracts are asked; see `duties.Contracts`."""

    async def call(self, contract: str, data: bytes) -> bytes: ...


class Owed(NamedTuple):
    """What one owner may claim of one reward epoch.

    Attributes
    ----------
    owner : bytes
        20 bytes: the signing-policy address or the identity.
    proven : ProvenClaim
        With the proof that leads to the root on the chain.
    """

    owner: bytes
    proven: ProvenClaim

    @property
    def epoch(self) -> int:
        """The reward epoch."""
        return self.proven.claim.reward_epoch

    @property
    def amount(self) -> int:
        """Wei."""
        return self.proven.claim.amount

    @property
    def type(self) -> ClaimType:
        """What it is for."""
        return self.proven.claim.type


Ask = Callable[[bytes, bytes], Awaitable[bytes]]
"""Returns what the reward manager would answer, given who calls it and the calldata."""


class Claimable(NamedTuple):
    """What was found.

    Attributes
    ----------
    owed : tuple of Owed
        In the order of the reward epochs.
    unsigned : tuple of int
        Reward epochs whose rewards are not signed yet.
    unpublished : tuple of int
        Reward epochs that are signed, and whose data was not found.
    """

    owed: tuple[Owed, ...] = ()
    unsigned: tuple[int, ...] = ()
    unpublished: tuple[int, ...] = ()

    @property
    def amount(self) -> int:
        """Wei, of all that is owed directly."""
        return sum(each.amount for each in self.owed if not each.type.weight_based)


async def claimable(contracts: Contracts, network: Network, owners: Iterable[bytes], read: Read) -> Claimable:
    """Return what owners may claim, of all reward epochs that are not claimed and not expired.

    Parameters
    ----------
    contracts : Contracts
    network : Network
        Which one the data has to be of.
    owners : iterable of bytes
        Addresses of 20 bytes: identity, signing policy and delegation.
    read : callable
        Returns the data of a reward epoch.

    Raises
    ------
    DataError
        If data is not what was signed: of another network or epoch, or with another root. It is never claimed by.
    ChronoError
        If a contract does not answer.
    """
    asked = [*dict.fromkeys(owners)]
    nexts = {owner: (await _asked(contracts, MANAGER, "getNextClaimableRewardEpochId", owner))[0] for owner in asked}
    try:
        first, last = await _asked(contracts, MANAGER, "getRewardEpochIdsWithClaimableRewards")
    except Reverted as error:
        if NOTHING_SIGNED in str(error).lower():
            return Claimable()
        raise
    owed: list[Owed] = []
    unsigned: list[int] = []
    unpublished: list[int] = []
    for epoch in range(max(first, min(nexts.values(), default=first)), last + 1):
        (root,) = await _asked(contracts, "FlareSystemsManager", "rewardsHash", epoch)
        if not any(root):
            unsigned.append(epoch)
            continue
        data = await read(epoch)
        if data is None:
            unpublished.append(epoch)
            continue
        wanted = [owner for owner in asked if nexts[owner] <= epoch]
        owed += [Owed(each.claim.beneficiary, each) for each in _proven(data, network, epoch, root, wanted)]
    return Claimable(tuple(owed), tuple(unsigned), tuple(unpublished))


def claim_call(owner: bytes, recipient: bytes, owed: Sequence[Owed], *, wrap: bool) -> bytes:
    """Return the calldata that claims what an owner is owed directly, up to the last of its reward epochs.

    Parameters
    ----------
    owner : bytes
        Whose it is; the sender, unless it is an executor.
    recipient : bytes
        Who gets it: the owner, or one that it allows.
    owed : sequence of Owed
        Those of the owner; what is shared by weight is left out.
    wrap : bool
        Whether it is paid as WNat.

    Raises
    ------
    ValueError
        If nothing is owed to the owner directly.
    """
    its = [each for each in owed if each.owner == owner and not each.type.weight_based]
    if not its:
        raise ValueError(f"expected something that {to_hex(owner)} is owed, was nothing")
    claims = [_encoded(each.proven) for each in its]
    last = max(each.epoch for each in its)
    return function(MANAGER, "claim").encode_call(owner, recipient, last, wrap, claims)


async def unclaimed(ask: Ask, owed: Iterable[Owed]) -> tuple[Owed, ...]:
    """Return what is still to be paid: no contract says which direct rewards were, so each is tried without sending.

    Parameters
    ----------
    ask : callable
        Asks the reward manager.
    owed : iterable of Owed
        As `claimable` found them; what is shared by weight is returned as it is.

    Raises
    ------
    ChronoError
        If nobody answers, or a claim is refused.
    """
    found: list[Owed] = []
    shared: dict[tuple[bytes, int], int] = {}
    for each in owed:
        if not each.type.weight_based:
            key = each.owner, each.epoch
            if key not in shared:
                shared[key] = await _paid(ask, each, ())
            # what the owner has of others' rewards is paid beside it, once
            if await _paid(ask, each, (_encoded(each.proven),)) - shared[key] != each.amount:
                continue
        found.append(each)
    return tuple(found)


async def _paid(ask: Ask, owed: Owed, proofs: Sequence[object]) -> int:
    call = function(MANAGER, "claim")
    data = call.encode_call(owed.owner, owed.owner, owed.epoch, True, proofs)  # noqa: FBT003 - what is encoded
    (paid,) = call.decode_result(await ask(owed.owner, data))
    return int(paid)


def initialise_call(owed: Sequence[Owed]) -> bytes | None:
    """Return the calldata that opens what is shared by weight to those who gave it; None where there is nothing."""
    shared = [_encoded(each.proven) for each in owed if each.type.weight_based]
    return function(MANAGER, "initialiseWeightBasedClaims").encode_call(shared) if shared else None


def _encoded(proven: ProvenClaim) -> tuple[list[bytes], tuple[int, bytes, int, int]]:
    claim = proven.claim
    return list(proven.proof), (claim.reward_epoch, claim.beneficiary, claim.amount, int(claim.type))


def _proven(data: bytes, network: Network, epoch: int, root: bytes, owners: Sequence[bytes]) -> tuple[ProvenClaim, ...]:
    """Return owners' claims of published data, once all of it is what was signed."""
    try:
        told = parse_distribution(data)
        if told.network not in {None, network.name} and network.name != "other":
            raise ProtocolError(f"expected the data of {network.name}, was that of {told.network}")
        if told.reward_epoch != epoch:
            raise ProtocolError(f"expected the data of reward epoch {epoch}, was that of {told.reward_epoch}")
        told.check()
        if told.root != root:
            raise ProtocolError(f"expected the root that was signed, {to_hex(root)}, was {to_hex(told.root)}")
    except ProtocolError as error:
        raise DataError(f"reward epoch {epoch}: {error}; nothing is claimed by it, look for the right file") from None
    return tuple(each for each in told.of(*owners) if each.proves(root))


async def _asked(contracts: Contracts, contract: str, name: str, *values: object) -> tuple[Any, ...]:
    asked = function(contract, name)
    return tuple(asked.decode_result(await contracts.call(contract, asked.encode_call(*values))))
