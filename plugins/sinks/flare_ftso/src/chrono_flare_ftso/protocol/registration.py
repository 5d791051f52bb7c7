"""What a voter signs in each reward epoch, and what its registration weighs.

Each function of a message gives the 32-byte hash; it is signed with the signing-policy key as
``sign(eip191(hash), key)`` and passed to the contract as (v, r, s).

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/VoterRegistry.sol`,
`FlareSystemsManager.sol` and `FlareSystemsCalculator.sol`; flare-foundation/flare-system-client b63206b,
`client/epoch/registry_utils.go`, `uptime_utils.go` and `rewards_utils.go`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import Network, Parameters

PPM = 1_000_000
NO_UPTIME_VOTE = keccak256(bytes(32))


def registration_hash(network: Network, reward_epoch: int, identity: bytes) -> bytes:
    """Return what is signed for ``registerVoter`` and ``preRegisterVoter``.

    Parameters
    ----------
    network : Network
        It knows from which reward epoch on the message carries the chain id.
    reward_epoch : int
        The epoch that is registered for.
    identity : bytes
        The voter's 20-byte identity address.

    Raises
    ------
    WireError
        If the epoch does not fit 32 bits, or the address has not 20 bytes.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> registration_hash(FLARE, 416, bytes(20)) == unbound_registration_hash(416, bytes(20))
    True
    """
    if reward_epoch < network.chain_bound_registration:
        return unbound_registration_hash(reward_epoch, identity)
    return bound_registration_hash(network.chain_id, reward_epoch, identity)


def bound_registration_hash(chain_id: int, reward_epoch: int, identity: bytes) -> bytes:
    """Return the registration message of the present VoterRegistry, which holds for one chain.

    Raises
    ------
    WireError
        If the epoch does not fit 32 bits, or the address has not 20 bytes.
    """
    return keccak256(abi.encode("uint256,uint32,address", chain_id, reward_epoch, identity))


def unbound_registration_hash(reward_epoch: int, identity: bytes) -> bytes:
    """Return the registration message of the VoterRegistry before, which held for every chain.

    Raises
    ------
    WireError
        If the epoch does not fit 32 bits, or the address has not 20 bytes.
    """
    return keccak256(abi.encode("uint32,address", reward_epoch, identity))


def uptime_hash(reward_epoch: int, vote: bytes = NO_UPTIME_VOTE) -> bytes:
    """Return what is signed for ``signUptimeVote``.

    Parameters
    ----------
    reward_epoch : int
        The epoch whose uptime is voted on.
    vote : bytes
        The 32-byte hash of the vote; so far all voters sign the hash of nothing.

    Raises
    ------
    WireError
        If the epoch does not fit 24 bits, or the hash has not 32 bytes.

    Examples
    --------
    >>> uptime_hash(300).hex()[:8]
    '43233825'
    """
    return keccak256(abi.encode("uint24,bytes32", reward_epoch, vote))


def rewards_hash(reward_epoch: int, weight_based: Sequence[tuple[int, int]], root: bytes) -> bytes:
    """Return what is signed for ``signRewards``.

    Parameters
    ----------
    reward_epoch : int
        The epoch whose rewards are signed.
    weight_based : sequence of (int, int)
        For each reward manager its id, which is the chain id, and how many of the claims are weight-based.
    root : bytes
        The 32-byte root of the claims' tree.

    Raises
    ------
    WireError
        If the epoch does not fit 24 bits, or the root has not 32 bytes.

    Examples
    --------
    >>> rewards_hash(392, [(14, 220)], bytes(32)).hex()[:8]
    'e1f69f1f'
    """
    counts = keccak256(abi.encode("(uint256,uint256)[]", weight_based))
    return keccak256(abi.encode("uint24,bytes32,bytes32", reward_epoch, counts, root))


def capped_wnat(votes: int, total: int, parameters: Parameters) -> int:
    """Return how much of a voter's wrapped coins counts for its registration.

    Parameters
    ----------
    votes : int
        Vote power of the delegation address at the vote power block, wei.
    total : int
        Vote power of all, wei.
    parameters : Parameters
        Of the network.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> capped_wnat(30, 1000, FLARE.parameters), capped_wnat(20, 1000, FLARE.parameters)
    (25, 20)
    """
    return min(votes, total * parameters.wnat_cap_ppm // PPM)


def registration_weight(power: int) -> int:
    """Return what a voter weighs in the signing policy: about power^0.75.

    Parameters
    ----------
    power : int
        Capped wrapped coins plus the stake mirrored to the voter's nodes, without what is chilled, wei.

    Raises
    ------
    ProtocolError
        If the power is negative.

    Examples
    --------
    >>> registration_weight(100000)
    5372
    """
    if power < 0:
        raise ProtocolError(f"registration weight: expected a power from 0, was {power}")
    root = isqrt(power)
    return root * isqrt(root)


@dataclass(frozen=True, slots=True)
class PolicySigning:
    """When a signing policy was set, and when signatures for it were enough.

    Parameters
    ----------
    start_time, start_block : int
        Unix seconds and block of its initialisation.
    end_time, end_block : int
        Of the signature that reached the threshold; 0 where none did. As ``getSigningPolicySignInfo`` gives them.
    """

    start_time: int
    start_block: int
    end_time: int
    end_block: int


def burn_factor_ppm(signing: PolicySigning, signed_block: int, parameters: Parameters) -> int:
    """Return how much of a voter's rewards is burned because it signed the next signing policy late.

    Parameters
    ----------
    signing : PolicySigning
        Of the policy of the next reward epoch.
    signed_block : int
        Block in which the voter signed it; 0 where it did not.
    parameters : Parameters
        Of the network.

    Returns
    -------
    int
        Millionths: nothing in time, then as the square of the delay, all after `no_reward_blocks`.

    Raises
    ------
    NoResult
        If the policy has not been signed yet.
    ProtocolError
        If it was signed before it was set.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> burn_factor_ppm(PolicySigning(0, 0, 5000, 2000), 900, FLARE.parameters)
    250000
    """
    if not signing.end_time:
        raise NoResult("burn factor: signing policy not signed yet")
    if signing.end_time < signing.start_time:
        raise ProtocolError(f"burn factor: expected an end from {signing.start_time}, was {signing.end_time}")
    if signing.end_time - signing.start_time <= parameters.policy_signing_seconds:
        return 0
    in_time = signing.start_block + parameters.policy_signing_blocks
    late = (signed_block or signing.end_block) - in_time
    if signing.end_block <= in_time or late <= 0:
        return 0
    if late >= parameters.no_reward_blocks:
        return PPM
    return (late * PPM // parameters.no_reward_blocks) ** 2 // PPM
