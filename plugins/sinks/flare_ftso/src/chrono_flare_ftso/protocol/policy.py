r"""Signing policies: who may sign in a reward epoch, with which weight, and what a majority is.

Two hashes exist. Relay contracts up to now fold the bytes word by word; one that is being prepared hashes the id of the
chain and the bytes at once, for reward epochs from its first one on.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/fsp-utils/SigningPolicy.ts`;
flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/Relay.sol`, `VoterRegistry.sol`
and `FlareSystemsManager.sol`; flare-foundation/go-flare-common 5116580, `pkg/policy/policy.go`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.wire import Reader, fixed, uint

HEAD_BYTES = 43
VOTER_BYTES = 22
MAX_VOTERS = 300
MAX_WEIGHT = (1 << 16) - 1
THRESHOLD_PPM = 500_000
MIN_THRESHOLD_BIPS = 5000
MAX_THRESHOLD_BIPS = 6600
_BIPS = 10_000
_THRESHOLD_AT = 9


class Reverted(WireError):
    """The Relay contract refuses.

    Parameters
    ----------
    reason : str
        The text of its revert, letter by letter.
    at, expected, was : int, str, str
        As for `WireError`.

    Examples
    --------
    >>> error = Reverted("too many voters", 0, "1 to 300 voters", "301")
    >>> error.reason, str(error)
    ('too many voters', 'relay reverts, too many voters: byte 0: expected 1 to 300 voters, was 301')
    """

    def __init__(self, reason: str, at: int, expected: str, was: str) -> None:
        super().__init__(f"relay reverts, {reason}", at, expected, was)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """Who may sign in a reward epoch.

    Parameters
    ----------
    reward_epoch : int
        24 bits.
    start_round : int
        The first voting round of the reward epoch, 32 bits.
    threshold : int
        Weight that the signers must exceed, 16 bits.
    seed : int
        The random number of the reward epoch, 256 bits.
    voters : tuple of bytes
        Signing-policy addresses, 20 bytes each, in order of registration.
    weights : tuple of int
        One for each voter, normalised: 16 bits, and 16 bits together. Zero is possible.

    Examples
    --------
    >>> policy = SigningPolicy(300, 1008000, 600, 7, (bytes(20), bytes([1] * 20)), (400, 700))
    >>> len(policy.encode()), policy.total_weight, SigningPolicy.decode(policy.encode()) == policy
    (87, 1100, True)
    """

    reward_epoch: int
    start_round: int
    threshold: int
    seed: int
    voters: tuple[bytes, ...]
    weights: tuple[int, ...]

    @property
    def total_weight(self) -> int:
        """The sum of all weights."""
        return sum(self.weights)

    def encode(self) -> bytes:
        """Return the bytes: voters 2, reward epoch 3, start round 4, threshold 2, seed 32, then 22 for each voter.

        Raises
        ------
        WireError
            If a number does not fit, an address has not 20 bytes, or there are not as many weights as voters.
        """
        if len(self.voters) != len(self.weights):
            raise WireError("signing policy", 0, f"{len(self.voters)} weights", f"{len(self.weights)}")
        head = (
            uint(len(self.voters), 2, "number of voters"),
            uint(self.reward_epoch, 3, "reward epoch"),
            uint(self.start_round, 4, "start round"),
            uint(self.threshold, 2, "threshold"),
            uint(self.seed, 32, "seed"),
        )
        voters = (
            fixed(voter, 20, "voter") + uint(weight, 2, "weight")
            for voter, weight in zip(self.voters, self.weights, strict=True)
        )
        return b"".join((*head, *voters))

    @classmethod
    def decode(cls, data: bytes) -> SigningPolicy:
        """Return the policy that bytes encode.

        Parameters
        ----------
        data : bytes
            No byte more, no byte less.

        Raises
        ------
        WireError
            If the size is not that of the number of voters, or the weights add up to more than 65535. `at` is where
            the bytes end early, where they should end, or the weight that exceeds.
        """
        reader = Reader(data, "signing policy")
        size = reader.uint(2, "number of voters")
        epoch, start = reader.uint(3, "reward epoch"), reader.uint(4, "start round")
        threshold, seed = reader.uint(2, "threshold"), reader.uint(32, "seed")
        voters, weights, total = [], [], 0
        for _ in range(size):
            voters.append(reader.take(20, "voter"))
            weights.append(reader.uint(2, "weight"))
            total += weights[-1]
            if total > MAX_WEIGHT:
                raise reader.refuse(2, f"weights of at most {MAX_WEIGHT} together", total)
        reader.end()
        return cls(epoch, start, threshold, seed, tuple(voters), tuple(weights))

    def check_limits(self) -> None:
        """Check that the Relay contract would take this policy.

        Raises
        ------
        Reverted
            If there is no voter or more than 300, the weights add up to 65536 or more, or the threshold is not
            between 50 % and 66 % of them, both included; in this order.
        WireError
            If there are not as many weights as voters.
        """
        check_voters(len(self.voters))
        if len(self.voters) != len(self.weights):
            raise Reverted("size mismatch", 0, f"{len(self.voters)} weights", f"{len(self.weights)}")
        check_threshold(self.threshold, self.weights)


def policy_bytes(data: bytes, at: int = 0) -> int:
    """Return how many bytes the policy at `at` has, as its first two say.

    Raises
    ------
    WireError
        If they are missing.

    Examples
    --------
    >>> policy_bytes(bytes([0, 2]))
    87
    """
    return HEAD_BYTES + VOTER_BYTES * Reader(data, "signing policy", at).uint(2, "number of voters")


def check_voters(voters: int, at: int = 0) -> None:
    """Check the number of voters as the Relay contract does.

    Raises
    ------
    Reverted
        If it is 0 or more than 300. `at` is what was given.
    """
    if not voters:
        raise Reverted("must be non-trivial", at, "voters", "none")
    if voters > MAX_VOTERS:
        raise Reverted("too many voters", at, f"1 to {MAX_VOTERS} voters", str(voters))


def check_threshold(threshold: int, weights: Sequence[int], at: int = 0) -> None:
    """Check weights and threshold as the Relay contract does.

    Raises
    ------
    Reverted
        If the weights add up to 65536 or more, or the threshold is not between 50 % and 66 % of them, both included.
        Bytes are counted from `at`, where the policy starts.
    """
    total = sum(weights)
    if total > MAX_WEIGHT:
        raise Reverted("total weight too big", at + HEAD_BYTES, f"weights of at most {MAX_WEIGHT}", str(total))
    if threshold * _BIPS < total * MIN_THRESHOLD_BIPS:
        raise Reverted("too small threshold", at + _THRESHOLD_AT, f"50 % of {total} or more", str(threshold))
    if threshold * _BIPS > total * MAX_THRESHOLD_BIPS:
        raise Reverted("too big threshold", at + _THRESHOLD_AT, f"66 % of {total} or less", str(threshold))


def hash_folded(data: bytes) -> bytes:
    """Return the hash by which Relay contracts know a policy up to now.

    Parameters
    ----------
    data : bytes
        An encoded policy; padded with zeros to words of 32, which are hashed one into the other.

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    WireError
        If there are fewer than the 43 bytes that every policy starts with.

    Examples
    --------
    >>> hash_folded(bytes(43)).hex()[:8]
    'ad3228b6'
    """
    padded = _policy(data) + bytes(-len(data) % 32)
    hashed = padded[:32]
    for at in range(32, len(padded), 32):
        hashed = keccak256(hashed + padded[at : at + 32])
    return hashed


def hash_chain_bound(data: bytes, chain_id: int) -> bytes:
    """Return the hash that binds a policy to a chain.

    Parameters
    ----------
    data : bytes
        An encoded policy, not padded.
    chain_id : int
        256 bits.

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    WireError
        If there are fewer than the 43 bytes that every policy starts with, or the id does not fit.

    Examples
    --------
    >>> hash_chain_bound(bytes(43), 14).hex()[:8]
    '149431ab'
    """
    return keccak256(uint(chain_id, 32, "chain id") + _policy(data))


def policy_hash(data: bytes, chain_id: int, chain_bound_from: int | None = None) -> bytes:
    """Return the hash that the Relay of the policy's reward epoch stores and voters sign.

    Parameters
    ----------
    data : bytes
        An encoded policy.
    chain_id : int
        Of the chain where policies are set.
    chain_bound_from : int, optional
        The first reward epoch of the Relay that binds policies to the chain. None where there is no such Relay.

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    WireError
        As `hash_folded` and `hash_chain_bound`.
    """
    epoch = int.from_bytes(_policy(data)[2:5], "big")
    if chain_bound_from is None or epoch < chain_bound_from:
        return hash_folded(data)
    return hash_chain_bound(data, chain_id)


def _policy(data: bytes) -> bytes:
    Reader(data, "signing policy").take(HEAD_BYTES, "the head of a policy")
    return data


def normalised_weights(weights: Sequence[int]) -> tuple[int, ...]:
    """Return registration weights as the 16 bits that a policy holds.

    Parameters
    ----------
    weights : sequence of int
        Registration weights, 256 bits each.

    Returns
    -------
    tuple of int
        Each times 65535 by the sum of all, rounded down: they add up to 65535 or a little less.

    Raises
    ------
    ProtocolError
        If all are 0, or one is negative or too large for the contract's product.

    Examples
    --------
    >>> normalised_weights([1, 2, 0])
    (21845, 43690, 0)
    """
    total = sum(weights)
    if total <= 0:
        raise ProtocolError(f"registration weights: expected a sum above 0, was {total}")
    if min(weights) < 0 or max(weights) * MAX_WEIGHT >= 1 << 256:
        raise ProtocolError("registration weights: expected numbers from 0 whose 65535-fold fits 256 bits")
    return tuple(weight * MAX_WEIGHT // total for weight in weights)


def normalised_threshold(weights: Sequence[int], ppm: int = THRESHOLD_PPM) -> int:
    """Return the threshold of a policy.

    Parameters
    ----------
    weights : sequence of int
        Normalised weights.
    ppm : int
        The share of their sum, in 1/1000000; rounded up.

    Raises
    ------
    ProtocolError
        If it does not fit 16 bits.

    Examples
    --------
    >>> normalised_threshold([21845, 43690, 0]), normalised_threshold([65486])
    (32768, 32743)
    """
    threshold = -(-sum(weights) * ppm // 1_000_000)
    if not 0 <= threshold <= MAX_WEIGHT:
        raise ProtocolError(f"threshold: expected 0 to {MAX_WEIGHT}, was {threshold}")
    return threshold
