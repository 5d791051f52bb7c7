"""Who may update the block-latency feeds in a block: verifiable random numbers on bn254.

In every block each of a provider's replicates has a number that only the provider can compute and everybody can check.
Those at or below the block's cutoff may submit an update. The key is registered with a Schnorr signature over the
identity.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/fastUpdates/lib/Sortition.sol`,
`contracts/fastUpdates/implementation/FastUpdater.sol` and `test/utils/sortition.ts`; flare-foundation/fast-updates
a24e53c, `go-client/sortition/sortition.go` and `go-client/keygen/keygen.go`, read 2026-11-22.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.bn254 import (
    FIELD,
    GENERATOR,
    INFINITY,
    ORDER,
    Point,
    add,
    hash_to_point,
    multiples,
    multiply,
)
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.wire import fixed, uint

REPLICATES = 4096
Draw = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class SortitionKey:
    """A provider's secret for sortition, and the point that is registered for it.

    Parameters
    ----------
    secret : int
        From 1 to ORDER - 1. It appears in no repr and no error.
    public : Point
        Computed from the secret.

    Raises
    ------
    ProtocolError
        If the secret is out of range.

    Examples
    --------
    >>> SortitionKey(1)
    SortitionKey(public=Point(x=1, y=2))
    """

    secret: int = field(repr=False)
    public: Point = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.secret < ORDER:
            raise ProtocolError("sortition key: expected a number from 1 to the order of bn254 less 1, was another")
        object.__setattr__(self, "public", multiply(GENERATOR, self.secret))


@dataclass(frozen=True, slots=True)
class Credential:
    """One replicate's number in a block, with its proof.

    Parameters
    ----------
    replicate : int
        From 0 to the provider's number of replicates less 1.
    gamma : Point
        Its x is the random number.
    c, s : int
        Challenge and response of the proof, as uint256.
    """

    replicate: int
    gamma: Point
    c: int
    s: int


def generate_key(draw: Draw = secrets.randbelow) -> SortitionKey:
    """Return a new key.

    Parameters
    ----------
    draw : callable
        Returns a random number below its argument.
    """
    return SortitionKey(1 + draw(ORDER - 1))


def replicate_count(weight: int, total: int) -> int:
    """Return how many of the 4096 replicates a provider has.

    Parameters
    ----------
    weight : int
        Its normalised weight, from 0 to 2^16 - 1.
    total : int
        The sum of the normalised weights of all voters that have registered a sortition key. Both are as
        ``VoterRegistry.getPublicKeyAndNormalisedWeight`` gives them.

    Returns
    -------
    int
        ceil(weight · 4096 / total).

    Raises
    ------
    ProtocolError
        If the weight is negative or the total is not positive.

    Examples
    --------
    >>> replicate_count(655, 65535)
    41
    """
    if weight < 0 or total < 1:
        raise ProtocolError(f"replicates: expected a weight from 0 and a total from 1, was {weight} of {total}")
    return -(-weight * REPLICATES // total)


def score_cutoff(sample_size: int) -> int:
    """Return the largest random number that may submit in a block.

    Parameters
    ----------
    sample_size : int
        ``FastUpdateIncentiveManager.getExpectedSampleSize``, updates a block times 2^120, below 2^128.

    Raises
    ------
    WireError
        If it does not fit 128 bits.

    Notes
    -----
    The contract multiplies the prime in three parts and rounds the lower two down each for itself, so that this is the
    whole product rounded down, or one less.

    Examples
    --------
    >>> score_cutoff(3 << 119) == FIELD * 3 // 8192
    True
    """
    uint(sample_size, 16, "sample size")
    low = (1 << 124) - 1
    high, medium, small = FIELD >> 248, FIELD >> 124 & low, FIELD & low
    return (high * sample_size << 116) + (medium * sample_size >> 8) + (small * sample_size >> 132)


def message(seed: int, block: int, replicate: int) -> bytes:
    """Return the 96 bytes that are hashed to a point.

    Parameters
    ----------
    seed : int
        The reward epoch's, ``FlareSystemsManager.getSeed(epoch)``.
    block, replicate : int
        As uint256.

    Raises
    ------
    WireError
        If a number does not fit 32 bytes.
    """
    return uint(seed, 32, "seed") + uint(block, 32, "block") + uint(replicate, 32, "replicate")


def prove(key: SortitionKey, seed: int, block: int, replicate: int, *, draw: Draw = secrets.randbelow) -> Credential:
    """Return a replicate's random number in a block, with its proof.

    Parameters
    ----------
    key : SortitionKey
        The provider's.
    seed, block, replicate : int
        As in `message`.
    draw : callable
        Returns a secret random number below its argument. One that repeats or can be guessed reveals the key.

    Raises
    ------
    WireError
        If a number does not fit 32 bytes.

    Examples
    --------
    >>> key = SortitionKey(7)
    >>> verify(key.public, 1, 2, prove(key, seed=1, block=2, replicate=0))
    True
    """
    point = hash_to_point(message(seed, block, replicate))
    return _proof(key, replicate, point, multiply(point, key.secret), draw)


def eligible(
    key: SortitionKey,
    seed: int,
    block: int,
    cutoff: int,
    replicates: Iterable[int],
    *,
    draw: Draw = secrets.randbelow,
) -> tuple[Credential, ...]:
    """Return the credentials of those replicates that may submit an update in a block.

    Parameters
    ----------
    key : SortitionKey
        The provider's.
    seed, block : int
        As in `message`.
    cutoff : int
        The block's, ``FastUpdater.blockScoreCutoff(block)``.
    replicates : iterable of int
        Which to try: ``range(w)`` for all w, or a part of it for one of several workers.
    draw : callable
        As in `prove`.

    Returns
    -------
    tuple of Credential
        In the order of `replicates`. A random number equal to the cutoff is in, as in the contract; the Go client
        leaves it out.

    Raises
    ------
    WireError
        If a number does not fit 32 bytes.

    Examples
    --------
    >>> winners = eligible(SortitionKey(7), seed=1, block=2, cutoff=1 << 252, replicates=range(8))
    >>> [winner.replicate for winner in winners]
    [2]
    """
    tried = list(replicates)
    points = [hash_to_point(message(seed, block, replicate)) for replicate in tried]
    gammas = multiples(points, key.secret)
    return tuple(
        _proof(key, replicate, point, gamma, draw)
        for replicate, point, gamma in zip(tried, points, gammas, strict=True)
        if gamma.x <= cutoff
    )


def verify(public: Point, seed: int, block: int, credential: Credential) -> bool:
    """Return whether a credential proves its random number; weight and cutoff are not looked at.

    Parameters
    ----------
    public : Point
        The provider's registered key.
    seed, block : int
        As in `message`.
    credential : Credential
        What the provider sent.

    Raises
    ------
    WireError
        If a number does not fit 32 bytes.
    """
    uint(credential.s, 32, "s")
    if INFINITY in (public, credential.gamma):
        return False
    point = hash_to_point(message(seed, block, credential.replicate))
    left = _commitment(public, GENERATOR, credential.c, credential.s)
    right = _commitment(credential.gamma, point, credential.c, credential.s)
    return _challenge(public, point, credential.gamma, left, right) == credential.c


def prove_possession(key: SortitionKey, identity: bytes, *, draw: Draw = secrets.randbelow) -> bytes:
    """Return the verification data of ``EntityManager.registerPublicKey``.

    Parameters
    ----------
    key : SortitionKey
        The key to register; part 1 and 2 of the call are its public x and y.
    identity : bytes
        The 20-byte address that registers it.
    draw : callable
        As in `prove`.

    Returns
    -------
    bytes
        Three words of 32 bytes: the response s, then x and y of the nonce's point.

    Raises
    ------
    WireError
        If the address has not 20 bytes.

    Examples
    --------
    >>> key = SortitionKey(7)
    >>> verify_possession(key.public, bytes(20), prove_possession(key, bytes(20)))
    True
    """
    nonce = draw(ORDER)
    point = multiply(GENERATOR, nonce)
    response = (nonce - key.secret * _possession_challenge(key.public, identity, point.encode())) % ORDER
    return uint(response, 32, "s") + point.encode()


def verify_possession(public: Point, identity: bytes, data: bytes) -> bool:
    """Return whether verification data registers a key for an identity.

    Parameters
    ----------
    public : Point
        The key, part 1 and 2 of the call.
    identity : bytes
        The 20-byte address that registers it.
    data : bytes
        As `prove_possession` gives it; what follows the three words is not read, as in the contract.

    Raises
    ------
    WireError
        If there are fewer than 96 bytes, or the address has not 20.
    """
    response, *_ = abi.decode("uint256,uint256,uint256", data, "verification data")
    point = data[32:96]
    if public == INFINITY:
        return False
    challenge = _possession_challenge(public, identity, point)
    found = _commitment(public, GENERATOR, challenge, response)
    return found != INFINITY and found.encode() == point


def _proof(key: SortitionKey, replicate: int, point: Point, gamma: Point, draw: Draw) -> Credential:
    nonce = draw(ORDER)
    left, right = multiples([GENERATOR, point], nonce)
    c = _challenge(key.public, point, gamma, left, right)
    return Credential(replicate, gamma, c, (nonce - key.secret * c) % ORDER)


def _challenge(public: Point, point: Point, gamma: Point, left: Point, right: Point) -> int:
    words = b"".join(each.encode() for each in (GENERATOR, point, public, gamma, left, right))
    return int.from_bytes(sha256(words).digest(), "big") % ORDER


def _commitment(secret_multiple: Point, base: Point, challenge: int, response: int) -> Point:
    """Return what the prover's nonce made of the base, if challenge and response belong together."""
    return add(multiply(secret_multiple, challenge), multiply(base, response))


def _possession_challenge(public: Point, identity: bytes, nonce: bytes) -> int:
    signed = sha256(fixed(identity, 20, "identity address")).digest()
    return int.from_bytes(keccak256(public.encode() + signed + nonce), "big") % ORDER
