"""What the Relay contract makes of calldata: every reason to refuse it, in the contract's own order.

With r the reward epoch of the signing policy, e the one of the message's round by the clock, s the start of the policy
and i the last reward epoch whose policy is set:

===================================== ==================================
e < r                                 "Wrong sign policy reward epoch"
e + window < i                        "Message too old"
round < s                             "Delayed sign policy"
e > r, i > r, round ≥ start of r + 1  "Must use new sign policy"
e > r, i = r                          threshold and a fifth
else                                  threshold
===================================== ==================================

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/Relay.sol`,
read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.policy import (
    HEAD_BYTES,
    VOTER_BYTES,
    Reverted,
    SigningPolicy,
    check_threshold,
    check_voters,
    policy_bytes,
    policy_hash,
)
from chrono_flare_ftso.protocol.relay import INDEXED_BYTES, POLICY_PROTOCOL, RELAY, IndexedSignature
from chrono_flare_ftso.protocol.results import RESULT_BYTES
from chrono_flare_ftso.protocol.signatures import SIGNATURE_BYTES, eip191, recover
from chrono_flare_ftso.protocol.wire import Reader

HASH_PROTOCOL = 1
METADATA_BYTES = 11
THRESHOLD_INCREASE_BIPS = 12_000
_BIPS = 10_000


@dataclass(frozen=True, slots=True)
class RelayState:
    """What the contract holds when relay() is called.

    Parameters
    ----------
    first_round : int
        The voting round in which reward epoch 0 started.
    reward_epoch_rounds : int
        Voting rounds in a reward epoch.
    last_initialized : int
        The last reward epoch whose policy is set.
    policy_hashes : mapping of int to bytes
        By reward epoch.
    start_rounds : mapping of int to int
        First voting round by reward epoch.
    finalization_window : int
        How many reward epochs a message may lie behind the last policy: 10 on flare and songbird, 30 on coston and
        coston2.
    roots : mapping of (int, int) to bytes
        By protocol and voting round, what was relayed.
    threshold_increase_bips : int
        By how much the threshold of a policy rises that lasts longer than expected, in 1/10000.
    takes_policies : bool
        Whether new policies may be relayed. Not where they are set, as on the four networks themselves.
    chain_id, chain_bound_from : int, optional
        How policies are hashed (`policy.policy_hash`).
    """

    first_round: int
    reward_epoch_rounds: int
    last_initialized: int
    policy_hashes: Mapping[int, bytes]
    start_rounds: Mapping[int, int]
    finalization_window: int = 10
    roots: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
    threshold_increase_bips: int = THRESHOLD_INCREASE_BIPS
    takes_policies: bool = False
    chain_id: int = 14
    chain_bound_from: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the contract does with a relay() that it does not refuse.

    Parameters
    ----------
    threshold : int
        What the weight had to exceed.
    weight : int
        Of the signatures that were read.
    read : int
        How many were read; what follows is not looked at.
    returned : bytes
        35 bytes for protocol 1: the signed hash and the reward epoch of the policy. Else none.
    """

    threshold: int
    weight: int
    read: int
    returned: bytes = b""


def check(data: bytes, state: RelayState) -> Accepted:
    """Return what the Relay contract does with calldata.

    Parameters
    ----------
    data : bytes
        Selector and all. Protocol 0 relays a signing policy, protocol 1 has the signatures of any hash checked, others
        store a root.
    state : RelayState
        What the contract holds.

    Returns
    -------
    Accepted
        The root of a result is stored then; a secure byte other than 0 and 1 counts as true.

    Raises
    ------
    Reverted
        If the contract reverts: `reason` is its text, and of several mistakes it is the one that the contract meets
        first. `at` counts from the selector.
    WireError
        If the selector is another, or the weights of a policy whose hash is known exceed 16 bits.
    """
    if data[:4] != RELAY:
        raise WireError("relay calldata", 0, f"selector {RELAY.hex()}", data[:4].hex() or "the end")
    raw = _policy_of(data, state)
    policy, body = SigningPolicy.decode(raw), 4 + len(raw)
    if data[body] == POLICY_PROTOCOL:
        end, hashed, threshold = _new_policy(data, body, policy, state)
    else:
        end, hashed, threshold = _result(data, body, policy, state)
    weight, read = _signed(data, end, eip191(hashed), policy, threshold)
    returned = data[end - 32 : end] + raw[2:5] if data[body] == HASH_PROTOCOL else b""
    return Accepted(threshold, weight, read, returned)


def _need(data: bytes, end: int, reason: str, at: int) -> None:
    if len(data) < end:
        raise Reverted(reason, at, f"{end - at} bytes", str(max(len(data) - at, 0)))


def _policy_of(data: bytes, state: RelayState) -> bytes:
    _need(data, 4 + METADATA_BYTES, "Invalid sign policy metadata", 4)
    size = policy_bytes(data, 4)
    _need(data, 4 + size + 1, "Invalid sign policy length", 4)
    raw = data[4 : 4 + size]
    expected = state.policy_hashes.get(int.from_bytes(raw[2:5], "big"), bytes(32))
    was = policy_hash(raw, state.chain_id, state.chain_bound_from)
    if was != expected:
        raise Reverted("Signing policy hash mismatch", 4, f"a policy of hash {expected.hex()}", was.hex())
    return raw


def _result(data: bytes, body: int, policy: SigningPolicy, state: RelayState) -> tuple[int, bytes, int]:
    """Return where the message ends, its hash, and the weight that signatures must exceed."""
    end = body + RESULT_BYTES
    _need(data, end, "Too short message", body)
    message = data[body:end]
    protocol, round = message[0], int.from_bytes(message[1:5], "big")
    if any(state.roots.get((protocol, round), b"")):
        raise Reverted("Already relayed", body, "a round without a root", f"protocol {protocol}, round {round}")
    if protocol == HASH_PROTOCOL:
        if round:
            raise Reverted("Wrong message format", body + 1, "round 0", str(round))
        if message[5]:
            raise Reverted("Wrong message format2", body + 5, "a secure byte of 0", str(message[5]))
        _not_too_old(policy.reward_epoch, state, body)
        return end, keccak256(message), policy.threshold
    return end, keccak256(message), required_threshold(policy, round, state, body + 1)


def required_threshold(policy: SigningPolicy, round: int, state: RelayState, at: int = 0) -> int:
    """Return the weight that signatures of a round's result must exceed.

    Parameters
    ----------
    policy : SigningPolicy
        Whose voters sign.
    round : int
        Of the result.
    state : RelayState
        What the contract holds.
    at : int
        Where the round stands in the calldata, for errors.

    Returns
    -------
    int
        The threshold of the policy; a fifth more, rounded down, where the round lies in a later reward epoch by the
        clock, and its policy is not there yet.

    Raises
    ------
    Reverted
        If the policy may not sign this round: it lies before all reward epochs, before that of the policy, too far
        behind the last policy, before the policy's start, or the next policy is to be used.
    """
    if round < state.first_round:
        raise Reverted("Invalid voting round id", at, f"round {state.first_round} or later", str(round))
    expected = (round - state.first_round) // state.reward_epoch_rounds
    if expected < policy.reward_epoch:
        raise Reverted("Wrong sign policy reward epoch", at, f"reward epoch {policy.reward_epoch}", str(expected))
    _not_too_old(expected, state, at)
    if round < policy.start_round:
        raise Reverted("Delayed sign policy", at, f"round {policy.start_round} or later", str(round))
    if expected == policy.reward_epoch:
        return policy.threshold
    if state.last_initialized > policy.reward_epoch:
        following = state.start_rounds.get(policy.reward_epoch + 1, 0)
        if round >= following:
            raise Reverted("Must use new sign policy", at, f"a round before {following}", str(round))
    if state.last_initialized == policy.reward_epoch:
        return policy.threshold * state.threshold_increase_bips // _BIPS
    return policy.threshold


def _not_too_old(epoch: int, state: RelayState, at: int) -> None:
    if epoch + state.finalization_window < state.last_initialized:
        oldest = state.last_initialized - state.finalization_window
        raise Reverted("Message too old", at, f"reward epoch {oldest} or later", str(epoch))


def _new_policy(data: bytes, body: int, policy: SigningPolicy, state: RelayState) -> tuple[int, bytes, int]:
    """Return where the new policy ends, its hash, and the weight that signatures must exceed."""
    if not state.takes_policies:
        raise Reverted("Sign policy relay disabled", body, "protocol 1 or above", "0")
    start = body + 1
    _need(data, start + METADATA_BYTES, "No new sign policy size", start)
    check_voters(int.from_bytes(data[start : start + 2], "big"), start)
    end = start + policy_bytes(data, start)
    _need(data, end, "Wrong size for new sign policy", start)
    epoch = int.from_bytes(data[start + 2 : start + 5], "big")
    if state.last_initialized != policy.reward_epoch:
        raise Reverted("Not with last intialized", 6, f"{state.last_initialized}", str(policy.reward_epoch))
    if state.last_initialized + 1 != epoch:
        raise Reverted("Not next reward epoch", start + 2, f"{state.last_initialized + 1}", str(epoch))
    threshold = int.from_bytes(data[start + 9 : start + 11], "big")
    check_threshold(threshold, _weights(data[start:end]), start)
    hashed = policy_hash(data[start:end], state.chain_id, state.chain_bound_from)
    return end, hashed, policy.threshold


def _weights(raw: bytes) -> list[int]:
    return [
        int.from_bytes(raw[at : at + 2], "big") for at in range(HEAD_BYTES + VOTER_BYTES - 2, len(raw), VOTER_BYTES)
    ]


def _signed(data: bytes, at: int, digest: bytes, policy: SigningPolicy, threshold: int) -> tuple[int, int]:
    """Return the weight of the signatures that were read, and how many these are."""
    _need(data, at + 2, "No signature count", at)
    count = int.from_bytes(data[at : at + 2], "big")
    _need(data, at + 2 + count * INDEXED_BYTES, "Not enough signatures", at + 2)
    reader, weight, unused = Reader(data, "relay calldata", at + 2), 0, 0
    for read in range(1, count + 1):
        place, signed = reader.at, IndexedSignature.read(reader)
        _check_index(signed.index, len(policy.voters), unused, place + SIGNATURE_BYTES)
        _check_signer(signed, digest, policy, place)
        unused = signed.index + 1
        weight += policy.weights[signed.index]
        if weight > threshold:
            return weight, read
    raise Reverted("Not enough weight", at, f"a weight above {threshold}", str(weight))


def _check_index(index: int, voters: int, unused: int, at: int) -> None:
    if index >= voters:
        raise Reverted("Index out of range", at, f"an index below {voters}", str(index))
    if index < unused:
        raise Reverted("Index out of order", at, f"an index of {unused} or above", str(index))


def _check_signer(signed: IndexedSignature, digest: bytes, policy: SigningPolicy, at: int) -> None:
    try:
        signer = recover(digest, signed.signature)
    except ProtocolError as error:
        raise Reverted("ecrecover returned bad data", at, "a signature", str(error)) from None
    voter = policy.voters[signed.index]
    if signer != voter:
        raise Reverted("Wrong signature", at, f"a signature of {voter.hex()}", f"of {signer.hex()}")
