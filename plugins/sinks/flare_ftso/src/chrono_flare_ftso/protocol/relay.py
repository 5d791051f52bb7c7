"""Finalization: the calldata of relay(), and which signatures go into it.

What the contract makes of it is in `relay_rules`.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/Relay.sol`;
flare-foundation/flare-system-client b63206b, `client/finalizer/finalization_result.go` and `finalizer_client.go`;
flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/fsp-utils/RelayMessage.ts`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.errors import NoResult, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.policy import SigningPolicy, policy_bytes
from chrono_flare_ftso.protocol.results import RESULT_BYTES
from chrono_flare_ftso.protocol.signatures import SIGNATURE_BYTES, Signature
from chrono_flare_ftso.protocol.wire import Reader, fixed, uint

RELAY = Call.RELAY.value
POLICY_PROTOCOL = 0
INDEXED_BYTES = SIGNATURE_BYTES + 2


@dataclass(frozen=True, slots=True)
class IndexedSignature:
    """A signature and whose it is.

    Parameters
    ----------
    index : int
        Of the voter in the signing policy, 16 bits.
    signature : Signature
    """

    index: int
    signature: Signature

    def encode(self) -> bytes:
        """Return the 67 bytes: signature 65, index 2; raise `WireError` where a part does not fit."""
        return self.signature.encode() + uint(self.index, 2, "index")

    @classmethod
    def read(cls, reader: Reader) -> IndexedSignature:
        """Return the signature and index that stand next; raise `WireError` where fewer bytes are left."""
        signature = Signature.read(reader)
        return cls(reader.uint(2, "index"), signature)


@dataclass(frozen=True, slots=True)
class RelayMessage:
    """The calldata of relay().

    Parameters
    ----------
    policy : bytes
        The encoded signing policy whose voters signed.
    message : bytes
        A result of 38 bytes; or a zero byte and an encoded signing policy, which is to follow. Kept as it stood.
    signatures : tuple of IndexedSignature
        Indices ascending.

    Examples
    --------
    >>> policy = SigningPolicy(0, 0, 0, 0, (), ()).encode()
    >>> relayed = RelayMessage(policy, bytes([100]) + bytes(37), ())
    >>> relayed.encode()[:4].hex(), RelayMessage.decode(relayed.encode()) == relayed
    ('b59589d1', True)
    """

    policy: bytes
    message: bytes
    signatures: tuple[IndexedSignature, ...]

    def encode(self) -> bytes:
        """Return the bytes: selector 4, policy, message, number of signatures 2, then 65 + 2 for each.

        Raises
        ------
        WireError
            If a number does not fit, or indices do not ascend.
        """
        start = len(RELAY) + len(self.policy) + len(self.message) + 2
        last = -1
        for place, signed in enumerate(self.signatures, 1):
            if signed.index <= last:
                at = start + place * INDEXED_BYTES - 2
                raise WireError("relay calldata", at, f"an index above {last}", str(signed.index))
            last = signed.index
        count = uint(len(self.signatures), 2, "number of signatures")
        return b"".join((RELAY, self.policy, self.message, count, *(signed.encode() for signed in self.signatures)))

    @classmethod
    def decode(cls, data: bytes) -> RelayMessage:
        """Return the message of calldata.

        Policies and message are cut out, not read; whether signatures are good, `relay_rules.check` says.

        Raises
        ------
        WireError
            If the selector is another, anything ends early, or bytes follow the last signature.
        """
        reader = Reader(data, "relay calldata")
        found = reader.take(4, "selector")
        if found != RELAY:
            raise reader.refuse(4, f"selector {RELAY.hex()}", found.hex())
        policy = reader.take(policy_bytes(data, reader.at), "signing policy")
        new_policy = data[reader.at : reader.at + 1] == bytes([POLICY_PROTOCOL])
        size = 1 + policy_bytes(data, reader.at + 1) if new_policy else RESULT_BYTES
        message = reader.take(size, "message")
        count = reader.uint(2, "number of signatures")
        signatures = tuple(IndexedSignature.read(reader) for _ in range(count))
        reader.end()
        return cls(policy, message, signatures)


def choose(signatures: Mapping[int, Signature], weights: Sequence[int], threshold: int) -> tuple[IndexedSignature, ...]:
    """Return the fewest signatures that finalize.

    Parameters
    ----------
    signatures : mapping of int to Signature
        By index of the voter in the policy.
    weights : sequence of int
        Of the policy.
    threshold : int
        What the sum of weights must exceed (`relay_rules.required_threshold`).

    Returns
    -------
    tuple of IndexedSignature
        The heaviest until they are above the threshold, then sorted by index. Of equal weights the lower index, as the
        client has it for up to 12 signatures; for more its sort leaves the order of equals open, and the contract
        takes either.

    Raises
    ------
    NoResult
        If all together are not above the threshold.
    ValueError
        If an index is not one of a weight.

    Examples
    --------
    >>> signature = Signature(27, bytes(32), bytes(32))
    >>> [chosen.index for chosen in choose(dict.fromkeys(range(4), signature), [10, 40, 30, 40], 79)]
    [1, 3]
    """
    if any(not 0 <= index < len(weights) for index in signatures):
        raise ValueError(f"expected indices from 0 to {len(weights) - 1}, was {sorted(signatures)}")
    chosen, weight = [], 0
    for index in sorted(signatures, key=lambda index: (-weights[index], index)):
        chosen.append(index)
        weight += weights[index]
        if weight > threshold:
            return tuple(IndexedSignature(index, signatures[index]) for index in sorted(chosen))
    raise NoResult(f"signatures: expected a weight above {threshold}, was {weight}")


def client_threshold(policy: SigningPolicy, round: int, expected_end: int, *, last: bool) -> int:
    """Return the weight that flare-system-client waits for before it relays.

    Parameters
    ----------
    policy : SigningPolicy
        Of the round.
    round : int
        Of the result.
    expected_end : int
        The voting round in which the next reward epoch starts by the clock.
    last : bool
        Whether no later policy is known.

    Returns
    -------
    int
        The threshold of the policy; 60 % of the total weight, rounded down, where the policy is the last one and has
        outlived its end. The contract wants a fifth more than the threshold then, which can be another number by
        rounding: relay with the larger (`relay_rules.required_threshold`).

    Examples
    --------
    >>> policy = SigningPolicy(1, 3360, 501, 7, (bytes(20),), (1000,))
    >>> [client_threshold(policy, round, 6720, last=True) for round in (6719, 6720)]
    [501, 600]
    """
    if last and round >= expected_end:
        return policy.total_weight * 60 // 100
    return policy.threshold


def random_number(root: bytes) -> int:
    """Return the random number that the contract makes of the root of protocol 100.

    Parameters
    ----------
    root : bytes
        The relayed Merkle root, 32 bytes.

    Raises
    ------
    WireError
        If the size is another.

    Examples
    --------
    >>> hex(random_number(bytes(32)))[:10]
    '0x290decd9'
    """
    return int.from_bytes(keccak256(fixed(root, 32, "merkle root")), "big")
