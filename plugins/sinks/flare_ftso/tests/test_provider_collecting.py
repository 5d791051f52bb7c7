"""Signatures of a result: whose count, when they suffice, and what is relayed then."""

import pytest
from test_relay import KEYS, POLICY, VOTERS, WEIGHTS, calldata

from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage
from chrono_flare_ftso.protocol.messages import calldata as of_call
from chrono_flare_ftso.protocol.policy import policy_hash
from chrono_flare_ftso.protocol.relay import RelayMessage
from chrono_flare_ftso.protocol.relay_rules import RelayState, check
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rounds import Transaction
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload, eip191, sign
from chrono_flare_ftso.provider import collecting
from chrono_flare_ftso.provider.collecting import Collected

ROUND = 3050
MESSAGE = Result(100, ROUND, True, keccak256(b"root")).encode()
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
OTHER = Result(100, ROUND, True, keccak256(b"another")).encode()


def payload(index, message=MESSAGE, *, bare=False):
    signature = sign(eip191(keccak256(message)), KEYS[index])
    return SignaturePayload(signature, None if bare else message)


def sent(*payloads, number=1, at=0, call=Call.SUBMIT_SIGNATURES, protocol=100, round=ROUND):
    messages = [PayloadMessage(protocol, round, each.encode()) for each in payloads]
    return Transaction(bytes(20), number, at, 0, of_call(call, *messages))


@pytest.fixture
def collected():
    return Collected(POLICY, ROUND)


def test_result_is_relayed_once_its_signatures_weigh_more_than_the_threshold(collected):
    collected.hear([sent(payload(0)), sent(payload(1), number=2)])
    assert collected.weights() == {MESSAGE: WEIGHTS[0] + WEIGHTS[1]}
    assert collected.relayed(500) is None
    collected.hear([sent(payload(3), number=3)])
    relayed = collected.relayed(500)
    assert isinstance(relayed, RelayMessage)
    assert [each.index for each in relayed.signatures] == [0, 3]


def test_what_is_relayed_is_what_the_contract_takes(collected):
    collected.hear([sent(*(payload(index) for index in range(6)))])
    relayed = collected.relayed(POLICY.threshold)
    start = POLICY.start_round - 5
    hashes = {POLICY.reward_epoch: policy_hash(POLICY.encode(), 14)}
    state = RelayState(start - 100 * POLICY.reward_epoch, 100, POLICY.reward_epoch, hashes, {20: POLICY.start_round})
    accepted = check(relayed.encode(), state)
    assert accepted.weight > accepted.threshold
    assert relayed.encode() == calldata([each.index for each in relayed.signatures], MESSAGE)


def test_signature_without_a_message_counts_once_the_same_result_was_worked_out_here(collected):
    collected.hear([sent(payload(0, bare=True)), sent(payload(1, OTHER, bare=True), number=2)])
    assert collected.weights() == {}
    collected.own = MESSAGE
    assert collected.weights() == {MESSAGE: WEIGHTS[0]}
    collected.hear([sent(payload(3, bare=True), number=3)])
    assert collected.signers(MESSAGE) == {0, 3}


def test_two_results_are_weighed_apart(collected):
    collected.hear([sent(payload(0)), sent(payload(1, OTHER), number=2), sent(payload(3, OTHER), number=3)])
    assert collected.weights() == {MESSAGE: 300, OTHER: 450}
    relayed = collected.relayed(400)
    assert relayed is not None
    assert relayed.message == OTHER


def test_voter_counts_once_and_with_its_first_signature(collected):
    first = payload(0)
    # another signature of the same message, as its sender may make one: s and the order of the curve less s
    high = Signature(55 - first.signature.v, first.signature.r, (N - int.from_bytes(first.signature.s)).to_bytes(32))
    collected.hear([sent(first), sent(SignaturePayload(high, MESSAGE), number=2), sent(first)])
    assert collected.weights() == {MESSAGE: 300}
    relayed = collected.relayed(299)
    assert relayed is not None
    assert relayed.signatures[0].signature == first.signature


@pytest.mark.parametrize(
    "strange",
    [
        sent(payload(0), call=Call.SUBMIT2),
        sent(payload(0), protocol=200),
        sent(payload(0), round=ROUND - 1),
        sent(payload(0, Result(100, ROUND + 1, True, bytes(32)).encode())),
        sent(payload(0, Result(200, ROUND, True, bytes(32)).encode())),
        sent(SignaturePayload(Signature(27, bytes(32), bytes(32)), MESSAGE)),
        sent(SignaturePayload(Signature(0, VOTERS[0] + bytes(12), bytes(32)), MESSAGE)),
        sent(SignaturePayload(sign(eip191(keccak256(MESSAGE)), keccak256(b"a stranger")), MESSAGE)),
        sent(SignaturePayload(sign(keccak256(MESSAGE), KEYS[0]), MESSAGE)),
        Transaction(bytes(20), 1, 0, 0, Call.SUBMIT_SIGNATURES.value + b"\x64"),
        Transaction(bytes(20), 1, 0, 0, of_call(Call.SUBMIT_SIGNATURES, PayloadMessage(100, ROUND, b"\x02"))),
        Transaction(bytes(20), 1, 0, 0, b""),
    ],
)
def test_what_is_no_voter_s_signature_of_the_round_weighs_nothing(collected, strange):
    collected.hear([strange])
    assert sum(collected.weights().values()) == 0


def test_no_more_is_looked_at_than_a_round_needs(collected, monkeypatch):
    """Whoever floods the contract costs us a bounded number of recoveries."""
    monkeypatch.setattr(collecting, "LOOKED_AT", 3)
    nobody = SignaturePayload(sign(eip191(keccak256(MESSAGE)), keccak256(b"a stranger")), MESSAGE)
    collected.hear([sent(nobody, nobody, payload(0), payload(1))])
    assert collected.weights() == {MESSAGE: 300}
