"""What calldata says, as a tree of plain values: what `chrono flare decode` prints.

Numbers that may exceed 2^53 are text, as are bytes, in hexadecimal. A payload that breaks a rule of the protocol is
told with its error beside the others, since that is how the protocol takes it; calldata whose frame is broken says
nothing at all, and raises.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chrono_flare_ftso.protocol import epochs, fast_updates, policy, relay, relay_rules
from chrono_flare_ftso.protocol.commits import decode_commit, decode_reveal
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.fdc import decode_bit_vector
from chrono_flare_ftso.protocol.messages import CARRIERS, Call, PayloadMessage, parse_calldata, parse_messages
from chrono_flare_ftso.protocol.networks import FDC_PROTOCOL, FTSO_PROTOCOL, Network
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload, eip191, recover
from chrono_flare_ftso.protocol.text import checksummed, to_hex

Tree = dict[str, Any]

NAMES = {
    Call.SUBMIT1: "submit1",
    Call.SUBMIT2: "submit2",
    Call.SUBMIT3: "submit3",
    Call.SUBMIT_SIGNATURES: "submitSignatures",
    Call.SUBMIT_AND_PASS: "submitAndPass",
    Call.RELAY: "relay",
}
PROTOCOLS = {FTSO_PROTOCOL: "FTSO", FDC_PROTOCOL: "FDC"}
_LAST = int(datetime.max.replace(tzinfo=UTC).timestamp())
_MARKS = {1: "+", -1: "-", 0: "0"}


def explain(data: bytes, network: Network, result: bytes | None = None) -> Tree:
    """Return what calldata says.

    Parameters
    ----------
    data : bytes
        Of submit1, submit2, submit3, submitSignatures, submitAndPass or relay, with its selector; or payload messages
        alone.
    network : Network
        Whose times and hashes to state.
    result : bytes, optional
        The 38-byte result that signatures without a message of their own (type 1) are of.

    Raises
    ------
    WireError
        If the calldata breaks off, or has no frame that the protocol knows; it says at which byte.
    """
    call = next((call for call in Call if data[:4] == call.value), None)
    if call is None:
        return {"call": None, "bytes": len(data), "messages": _messages(_bare(data), None, network, result)}
    tree: Tree = {"call": NAMES[call], "selector": to_hex(call.value), "bytes": len(data)}
    if call in CARRIERS:
        return tree | {"messages": _messages(parse_calldata(data).messages, call, network, result)}
    if call is Call.RELAY:
        return tree | _relayed(relay.RelayMessage.decode(data), network)
    return tree | _update(fast_updates.parse_submit_and_pass(data))


def _bare(data: bytes) -> tuple[PayloadMessage, ...]:
    """Return the messages of what starts with no selector that is known."""
    known = ", ".join(f"{call.value.hex()} ({name})" for call, name in NAMES.items())
    expected = f"a selector of {known}, or payload messages"
    if not data:
        raise WireError("calldata", 0, expected, "the end")
    try:
        return parse_messages(data)
    except WireError as error:
        raise WireError("calldata", 0, expected, f"{data[:4].hex()}, and as messages: {error}") from error


def _messages(
    messages: tuple[PayloadMessage, ...], call: Call | None, network: Network, result: bytes | None
) -> list[Tree]:
    return [_message(message, call, network, result) for message in messages]


def _message(message: PayloadMessage, call: Call | None, network: Network, result: bytes | None) -> Tree:
    tree = {
        "protocol": message.protocol,
        "protocol_name": PROTOCOLS.get(message.protocol),
        **_round(message.round, network),
        "payload": to_hex(message.payload),
    }
    try:
        return tree | _payload(message, call, result)
    except ProtocolError as error:
        return tree | {"error": str(error)}


def _round(round: int, network: Network) -> Tree:
    return {
        "voting_round": round,
        "starts": _instant(epochs.round_start(network, round)),
        "reward_epoch": epochs.reward_epoch(network, round),
    }


def _instant(second: int) -> str | None:
    """Return a time as text, or None where no calendar has it: rounds go on for 12,000 years."""
    return None if second > _LAST else datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _payload(message: PayloadMessage, call: Call | None, result: bytes | None) -> Tree:
    if call is Call.SUBMIT_SIGNATURES:
        return _signed(SignaturePayload.decode(message.payload), message, result)
    reader = _READERS.get((call, message.protocol))
    return {} if reader is None else reader(message.payload)


def _commit(payload: bytes) -> Tree:
    return {"commit_hash": to_hex(decode_commit(payload))}


def _reveal(payload: bytes) -> Tree:
    reveal = decode_reveal(payload, max(0, len(payload) - 32) // 4)
    return {"random": to_hex(reveal.random), "votes": list(reveal.votes)}


def _confirmed(payload: bytes) -> Tree:
    vector = decode_bit_vector(payload)
    return {"requests": vector.requests, "confirmed": list(vector.confirmed)}


_READERS: dict[tuple[Call | None, int], Callable[[bytes], Tree]] = {
    (Call.SUBMIT1, FTSO_PROTOCOL): _commit,
    (Call.SUBMIT2, FTSO_PROTOCOL): _reveal,
    (Call.SUBMIT2, FDC_PROTOCOL): _confirmed,
}


def _signed(payload: SignaturePayload, message: PayloadMessage, result: bytes | None) -> Tree:
    signed = payload.message
    if signed is None and result is not None and result[:5] == bytes([message.protocol]) + message.round.to_bytes(4):
        signed = result
    return {
        "type": 0 if payload.message is not None else 1,
        "result": None if signed is None else _result(signed),
        "signature": _signature(payload.signature),
        "signer": None if signed is None else _signer(Result.decode(signed).hash(), payload.signature),
        "unsigned": to_hex(payload.unsigned),
    }


def _result(message: bytes) -> Tree:
    result = Result.decode(message)
    return {
        "protocol": result.protocol,
        "voting_round": result.round,
        "secure_random": result.secure,
        "merkle_root": to_hex(result.root),
        "hash": to_hex(result.hash()),
    }


def _signature(signature: Signature) -> Tree:
    return {"v": signature.v, "r": to_hex(signature.r), "s": to_hex(signature.s)}


def _signer(hash: bytes, signature: Signature) -> str | None:
    """Return the address that signed a hash, or None where the signature is nobody's."""
    try:
        return checksummed(recover(eip191(hash), signature))
    except ProtocolError:
        return None


def _relayed(message: relay.RelayMessage, network: Network) -> Tree:
    signers = policy.SigningPolicy.decode(message.policy)
    new = message.message[:1] == bytes([relay.POLICY_PROTOCOL])
    said = {"new_policy": _policy(message.message[1:], network)} if new else {"result": _result(message.message)}
    hash = policy.policy_hash(message.message[1:], network.chain_id) if new else Result.decode(message.message).hash()
    signed = [_indexed(each, signers, hash) for each in message.signatures]
    weight = sum(each["weight"] for each in signed if each["sound"])
    return {
        "policy": _policy(message.policy, network),
        **said,
        "signatures": signed,
        "weight": weight,
        "enough": weight > signers.threshold,
        "enough_without_new_policy": weight > signers.threshold * relay_rules.THRESHOLD_INCREASE_BIPS // 10_000,
    }


def _policy(data: bytes, network: Network) -> Tree:
    found = policy.SigningPolicy.decode(data)
    return {
        "reward_epoch": found.reward_epoch,
        "start_voting_round": found.start_round,
        "voters": len(found.voters),
        "total_weight": found.total_weight,
        "threshold": found.threshold,
        "seed": hex(found.seed),
        "hash": to_hex(policy.hash_folded(data)),
        "hash_chain_bound": to_hex(policy.hash_chain_bound(data, network.chain_id)),
    }


def _indexed(signed: relay.IndexedSignature, signers: policy.SigningPolicy, hash: bytes) -> Tree:
    known = signed.index < len(signers.voters)
    voter = checksummed(signers.voters[signed.index]) if known else None
    signer = _signer(hash, signed.signature)
    return {
        "index": signed.index,
        "voter": voter,
        "weight": signers.weights[signed.index] if known else None,
        **_signature(signed.signature),
        "signer": signer,
        "sound": known and signer == voter,
    }


def _update(update: fast_updates.Update) -> Tree:
    digest = fast_updates.digest(update.block, update.credential, update.deltas)
    try:
        signer = checksummed(recover(digest, update.signature))
    except ProtocolError:
        signer = None
    credential = update.credential
    return {
        "sortition_block": str(update.block),
        "replicate": str(credential.replicate),
        "gamma": [hex(credential.gamma.x), hex(credential.gamma.y)],
        "c": hex(credential.c),
        "s": hex(credential.s),
        "deltas": "".join(_MARKS[delta] for delta in fast_updates.decode_deltas(update.deltas)),
        "signature": _signature(update.signature),
        "signer": signer,
    }
