"""A network that is not one of the four, such as a devnet: its timing and its contracts, read from its chain.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/FlareSystemsManager.sol`
(public constants) and `contracts/userInterfaces/IFlareContractRegistry.sol`, read 2026-11-23.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from chrono import PermanentError
from chrono_flare_ftso.chain.endpoint import Refused
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.deployments import Deployment
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.networks import REVEAL_SECONDS, VOTING_ROUND_SECONDS, Network
from chrono_flare_ftso.protocol.text import checksummed

REGISTRY = "FlareContractRegistry"
READ = (
    "FlareSystemsManager",
    "FlareSystemsCalculator",
    "VoterRegistry",
    "Relay",
    "FtsoRewardOffersManager",
    "Submission",
)
"""The contracts that are read."""

_TIMING = (
    "firstVotingRoundStartTs",
    "votingEpochDurationSeconds",
    "firstRewardEpochStartTs",
    "rewardEpochDurationSeconds",
)


class Caller(Protocol):
    """Where contracts are called, such as a `Node`."""

    async def chain_id(self) -> int: ...
    async def call(self, to: bytes, data: bytes) -> bytes: ...


async def addresses_of(node: Caller, registry: bytes, names: Sequence[str] = READ) -> dict[str, bytes]:
    """Return the present addresses of contracts, those that the registry knows.

    Parameters
    ----------
    node : Caller
        Such as a `Node`.
    registry : bytes
        The address of FlareContractRegistry.
    names : sequence of str
        As the registry has them.

    Returns
    -------
    dict of str to bytes
        20 bytes each; nothing where there is no registry.

    Raises
    ------
    TransientError
        If no node answers.
    """
    by_name = function(REGISTRY, "getContractAddressByName")

    async def address(name: str) -> bytes:
        try:
            (found,) = by_name.decode_result(await node.call(registry, by_name.encode_call(name)))
        except (Refused, WireError):
            return b""
        return bytes(found)

    found = await asyncio.gather(*map(address, names))
    return {name: address for name, address in zip(names, found, strict=True) if any(address)}


async def network_of(node: Caller, base: Network, *, reveal_seconds: int | None = None) -> Network:
    """Return a network with the timing and the contracts of the chain that a node serves.

    Parameters
    ----------
    node : Caller
        Such as a `Node`.
    base : Network
        What is not read from the chain: parameters, the first reward epoch, and where the registry is.
    reveal_seconds : int, optional
        How long of a round the one before may be revealed in; no contract says so. Without it 45 of 90 seconds, and
        half of a round of another length.

    Raises
    ------
    PermanentError
        If the chain has no FlareSystemsManager where the registry says, or one that does not answer.
    TransientError
        If no node answers.
    """
    registry = base.contract(REGISTRY, 0)
    found = await addresses_of(node, registry)
    known = {name: each[-1].address for name, each in base.contracts.items()} | found
    manager = known.get("FlareSystemsManager")
    if manager is None:
        told = f"expected a contract registry at {checksummed(registry)} that knows FlareSystemsManager, was none"
        raise PermanentError(f"{told}; see to `registry`, to the network and to the nodes")
    try:
        calls = [function("FlareSystemsManager", name) for name in _TIMING]
        timing = [each.decode_result(await node.call(manager, each.encode_call()))[0] for each in calls]
    except (Refused, WireError) as error:
        told = f"expected a FlareSystemsManager that tells its timing, was none: {error}"
        raise PermanentError(f"{told}; see to the network and to the node's chain") from None
    start, seconds, first_epoch, epoch_seconds = timing
    if not seconds or not epoch_seconds or epoch_seconds % seconds or first_epoch < start:
        raise PermanentError(
            f"expected reward epochs of whole voting rounds, the first at round 0 or later, was rounds of {seconds} s "
            f"from {start} on and reward epochs of {epoch_seconds} s from {first_epoch} on"
        )
    usual = REVEAL_SECONDS if seconds == VOTING_ROUND_SECONDS else seconds // 2
    return replace(
        base,
        chain_id=await node.chain_id(),
        first_voting_round_start=start,
        voting_round_seconds=seconds,
        first_reward_epoch_round=(first_epoch - start) // seconds,
        reward_epoch_rounds=epoch_seconds // seconds,
        reveal_seconds=reveal_seconds or usual,
        contracts=with_addresses(base.contracts, found),
    )


def with_addresses(
    contracts: Mapping[str, tuple[Deployment, ...]], found: Mapping[str, bytes]
) -> Mapping[str, tuple[Deployment, ...]]:
    """Return contracts with the addresses that were found in place of those that were known."""
    return {**contracts, **{name: (Deployment(0, address),) for name, address in found.items()}}
