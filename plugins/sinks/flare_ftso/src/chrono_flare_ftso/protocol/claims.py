"""Reward claims: their leaves, a reward epoch's tree, the distribution data that is published for it.

A claim says who may take how much for one reward epoch. The claims of an epoch are the leaves of a tree whose root the
voters sign; `RewardManager.claim` takes a claim with its proof. `Distribution` is such a tree as it is published in
reward-distribution-data.json and reward-distribution-data-tuples.json.

Sources: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/utils/RewardClaim.ts`,
`libs/fsp-rewards/src/utils/stat-info/reward-distribution-data.ts`; flare-foundation/flare-smart-contracts-v2 264dab7,
`contracts/userInterfaces/LTS/RewardsV2Interface.sol`; flare-foundation/fsp-rewards 31f5156, read 2026-11-22.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.merkle import MerkleTree, verify
from chrono_flare_ftso.protocol.text import from_hex, to_hex

FILE = "reward distribution data"
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_T = TypeVar("_T")


class ClaimType(IntEnum):
    """What a claim's beneficiary is, and who shares in it.

    From `WNAT` on a claim belongs to all who gave weight to the beneficiary; it is initialised once, with its proof,
    and each of them then claims without one.
    """

    DIRECT = 0
    FEE = 1
    WNAT = 2
    MIRROR = 3
    CCHAIN = 4

    @property
    def weight_based(self) -> bool:
        """Whether the claim is shared by weight."""
        return self >= ClaimType.WNAT


@dataclass(frozen=True, slots=True)
class RewardClaim:
    """What one beneficiary may claim for one reward epoch.

    Parameters
    ----------
    reward_epoch : int
        uint24.
    beneficiary : bytes
        20 bytes: an address, or the node id of a `MIRROR` claim.
    amount : int
        Wei, uint120.
    type : ClaimType
        What the beneficiary is.
    """

    reward_epoch: int
    beneficiary: bytes
    amount: int
    type: ClaimType

    def leaf(self) -> bytes:
        r"""Return the 32-byte leaf: keccak256 of the ABI encoding (uint24, bytes20, uint120, uint8).

        The beneficiary stands at the left end of its word, unlike an address.

        Raises
        ------
        WireError
            If a field does not fit its type; it names the type.

        Examples
        --------
        >>> RewardClaim(1, bytes(19) + b"\x0a", 100, ClaimType.DIRECT).leaf().hex()[:16]
        '7959f725a4259418'
        """
        encoded = abi.encode(
            "uint24,bytes20,uint120,uint8", self.reward_epoch, self.beneficiary, self.amount, int(self.type)
        )
        return keccak256(encoded)


@dataclass(frozen=True, slots=True)
class ProvenClaim:
    """A claim and the path from its leaf to the root: siblings of 32 bytes, from the leaf on."""

    claim: RewardClaim
    proof: tuple[bytes, ...]

    def proves(self, root: bytes) -> bool:
        """Return whether the proof leads from the claim's leaf to `root`."""
        return verify(self.claim.leaf(), self.proof, root)


@dataclass(frozen=True, slots=True)
class Distribution:
    """All claims of a reward epoch, with proofs, as published.

    Parameters
    ----------
    network : str or None
        Its name, such as ``flare``; None where the file is too old to say.
    reward_epoch : int
        Which epoch is paid.
    claims : tuple of ProvenClaim
        In the order of the file.
    root : bytes
        32 bytes, what voters sign together with the count.
    weight_based_claims : int
        How many claims are shared by weight.
    minimal_conditions : bool
        Whether claims of those who failed the minimal conditions were burned.
    """

    network: str | None
    reward_epoch: int
    claims: tuple[ProvenClaim, ...]
    root: bytes
    weight_based_claims: int
    minimal_conditions: bool

    @property
    def total(self) -> int:
        """Wei of all claims."""
        return sum(proven.claim.amount for proven in self.claims)

    def of(self, *beneficiaries: bytes) -> tuple[ProvenClaim, ...]:
        """Return the claims of beneficiaries: identity, delegation and signing address, node ids."""
        wanted = frozenset(beneficiaries)
        return tuple(proven for proven in self.claims if proven.claim.beneficiary in wanted)

    def check(self) -> None:
        """Compute everything that is published again.

        Raises
        ------
        ProtocolError
            If a claim is of another epoch or occurs twice, a proof does not lead to the root, or the root or the count
            of weight-based claims is another; it names the place in the file.
        """
        for at, proven in enumerate(self.claims):
            _check(f"rewardClaims[{at}]: reward epoch", self.reward_epoch, proven.claim.reward_epoch)
        claims = [proven.claim for proven in self.claims]
        _check("merkleRoot", to_hex(merkle_root(claims)), to_hex(self.root))
        for at, proven in enumerate(self.claims):
            if not proven.proves(self.root):
                raise ProtocolError(f"{FILE}: rewardClaims[{at}]: expected a proof of the leaf, was one of another")
        _check("noOfWeightBasedClaims", weight_based_claims(claims), self.weight_based_claims)


def _check(what: str, expected: object, was: object) -> None:
    if expected != was:
        raise ProtocolError(f"{FILE}: {what}: expected {expected}, was {was}")


def weight_based_claims(claims: Iterable[RewardClaim]) -> int:
    """Return how many claims are shared by weight; voters sign this number with the root.

    Examples
    --------
    >>> weight_based_claims([RewardClaim(1, bytes(20), 5, kind) for kind in ClaimType])
    3
    """
    return sum(claim.type.weight_based for claim in claims)


def merkle_root(claims: Iterable[RewardClaim]) -> bytes:
    """Return the root of an epoch's claims, in whatever order; keccak256 of 32 zeros where there are none.

    Raises
    ------
    ProtocolError
        If two claims are equal, or a claim's field does not fit its type.
    """
    leaves = _leaves(claims)
    return MerkleTree(leaves).root if leaves else keccak256(bytes(32))


def distribution(
    network: str | None, reward_epoch: int, claims: Sequence[RewardClaim], *, minimal_conditions: bool = True
) -> Distribution:
    """Return an epoch's claims with their proofs, root and count.

    Raises
    ------
    ProtocolError
        As `merkle_root`.
    """
    leaves = _leaves(claims)
    tree = MerkleTree(leaves)
    proven = tuple(ProvenClaim(claim, tuple(tree.proof(leaf))) for claim, leaf in zip(claims, leaves, strict=True))
    root = tree.root if leaves else keccak256(bytes(32))
    return Distribution(network, reward_epoch, proven, root, weight_based_claims(claims), minimal_conditions)


def _leaves(claims: Iterable[RewardClaim]) -> list[bytes]:
    seen: dict[bytes, RewardClaim] = {}
    for claim in claims:
        if seen.setdefault(claim.leaf(), claim) is not claim:
            raise ProtocolError(f"claims of a reward epoch: expected each claim once, was twice: {claim}")
    return list(seen)


def parse_distribution(text: str | bytes) -> Distribution:
    """Read distribution data, in either of the two published forms.

    Both are JSON objects with ``rewardEpochId``, ``rewardClaims``, ``noOfWeightBasedClaims``, ``merkleRoot`` and, in
    newer files, ``network`` and ``appliedMinConditions``. A claim is ``{"merkleProof", "body"}`` in the one and
    ``[proof, [epoch, beneficiary, amount, type]]`` in the other; amounts are decimal text. Other keys are not read.
    What is read is not yet true: `Distribution.check` computes it again.

    Parameters
    ----------
    text : str or bytes
        The file.

    Raises
    ------
    ProtocolError
        If it is no such file; the path says where, as in ``rewardClaims[3].body.amount``.

    Examples
    --------
    >>> head = '{"rewardEpochId": 1, "noOfWeightBasedClaims": 0, "merkleRoot": "0x' + "00" * 32
    >>> read = parse_distribution(head + '", "rewardClaims": [[[], [1, "0x' + "0a" * 20 + '", "5", 0]]]}')
    >>> read.claims[0].claim.amount
    5
    """
    file = _object(_json(text), "", ("rewardEpochId", "rewardClaims", "noOfWeightBasedClaims", "merkleRoot"))
    return Distribution(
        network=_text(file["network"], "network") if "network" in file else None,
        reward_epoch=_number(file["rewardEpochId"], "rewardEpochId", 1 << 24),
        claims=_each(file["rewardClaims"], "rewardClaims", _proven),
        root=_hex(file["merkleRoot"], "merkleRoot", 32),
        weight_based_claims=_number(file["noOfWeightBasedClaims"], "noOfWeightBasedClaims", 1 << 53),
        minimal_conditions=_flag(file.get("appliedMinConditions", False), "appliedMinConditions"),
    )


def _json(text: str | bytes) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise WireError(FILE, error.pos, "JSON", error.msg) from None
    except UnicodeDecodeError as error:
        raise WireError(FILE, error.start, "text in UTF-8", f"0x{error.object[error.start]:02x}") from None
    except (RecursionError, ValueError) as error:
        raise ProtocolError(f"{FILE}: expected JSON of a claim's depth and numbers, was {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProtocolError(f"{FILE}: expected each key once, was {[key for key, _ in pairs][:20]}")
    return found


def _proven(value: object, path: str) -> ProvenClaim:
    if isinstance(value, list):
        proof, body = _items(value, path, 2)
        epoch, beneficiary, amount, kind = _items(body, f"{path}[1]", 4)
        paths = (f"{path}[0]", *(f"{path}[1][{at}]" for at in range(4)))
    else:
        claim = _object(value, path, ("merkleProof", "body"))
        proof, keys = claim["merkleProof"], ("rewardEpochId", "beneficiary", "amount", "claimType")
        body = _object(claim["body"], f"{path}.body", keys)
        epoch, beneficiary, amount, kind = (body[key] for key in keys)
        paths = (f"{path}.merkleProof", *(f"{path}.body.{key}" for key in keys))
    read = RewardClaim(
        reward_epoch=_number(epoch, paths[1], 1 << 24),
        beneficiary=_hex(beneficiary, paths[2], 20),
        amount=_amount(amount, paths[3]),
        type=ClaimType(_number(kind, paths[4], len(ClaimType))),
    )
    return ProvenClaim(read, _each(proof, paths[0], lambda sibling, at: _hex(sibling, at, 32)))


def _refuse(path: str, expected: str, was: object) -> NoReturn:
    text = repr(was)
    raise ProtocolError(f"{FILE}: {path or 'file'}: expected {expected}, was {text[:60]}")


def _object(value: object, path: str, keys: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse(path, "an object", value)
    for key in keys:
        if key not in value:
            _refuse(path, f"key {key}", sorted(value))
    return value


def _items(value: object, path: str, length: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        _refuse(path, f"a list of {length}", value)
    return value


def _each(value: object, path: str, read: Callable[[object, str], _T]) -> tuple[_T, ...]:
    if not isinstance(value, list):
        _refuse(path, "a list", value)
    return tuple(read(item, f"{path}[{at}]") for at, item in enumerate(value))


def _number(value: object, path: str, end: int) -> int:
    if type(value) is not int or not 0 <= value < end:
        _refuse(path, f"a number from 0 to {end - 1}", value)
    return value


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        _refuse(path, "true or false", value)
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        _refuse(path, "text", value)
    return value


def _amount(value: object, path: str) -> int:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) >= 1 << 120:
        _refuse(path, "wei below 2^120 as decimal text", value)
    return int(value)


def _hex(value: object, path: str, size: int) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        _refuse(path, f"0x and {2 * size} digits", value)
    return from_hex(value, size, f"{FILE}: {path}")
