"""Relay calldata, and which signatures go into it."""

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.relay import (
    IndexedSignature,
    RelayMessage,
    choose,
    client_threshold,
    random_number,
)
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import Signature, address_of, eip191, sign

KEYS = [keccak256(b"voter %d of a test" % index) for index in range(6)]
VOTERS = tuple(map(address_of, KEYS))
WEIGHTS = (300, 200, 0, 250, 150, 100)
ROOT = keccak256(b"root")
BLANK = Signature(27, bytes(32), bytes(32))


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def policy_of(epoch, **changes):
    """Return a policy whose reward epoch starts 5 rounds late."""
    policy = SigningPolicy(epoch, 1000 + 100 * epoch + 5, 500, 77, VOTERS, WEIGHTS)
    return dataclasses.replace(policy, **changes)


POLICY = policy_of(20)
RAW = POLICY.encode()
BODY = 4 + len(RAW)


def signed(hashed, signers):
    return tuple(IndexedSignature(index, sign(eip191(hashed), KEYS[index])) for index in signers)


def result_of(round=3050):
    return Result(100, round, True, ROOT).encode()


def calldata(signers=(0, 1, 3), message=None, policy=RAW):
    message = message or result_of()
    return RelayMessage(policy, message, signed(keccak256(message), signers)).encode()


def test_known_calldata():
    data = calldata((0, 3))
    assert data[:4].hex() == "b59589d1"
    assert data[4:BODY] == RAW
    assert data[BODY : BODY + 38] == result_of()
    assert data[BODY + 38 : BODY + 40] == b"\0\2"
    assert len(data) == BODY + 40 + 2 * 67
    assert (data[BODY + 40 + 65 : BODY + 107], data[-2:]) == (b"\0\0", b"\0\3")
    assert keccak256(data).hex() == "18d602e17fb6efe3ae307bffd9a25283da335db78c0826b9b8ac5f37b51df604"


@st.composite
def messages(draw):
    words = st.binary(min_size=32, max_size=32)
    indices = sorted(draw(st.sets(st.integers(0, 65535), max_size=4)))
    signatures = [
        IndexedSignature(index, Signature(draw(st.integers(0, 255)), draw(words), draw(words))) for index in indices
    ]
    new = b"\0" + policy_of(draw(st.integers(0, 2**24 - 1)), start_round=draw(st.integers(0, 2**32 - 1))).encode()
    result = bytes([draw(st.integers(1, 255))]) + draw(st.binary(min_size=37, max_size=37))
    return RelayMessage(RAW, draw(st.sampled_from([new, result])), tuple(signatures))


@given(messages())
def test_calldata_comes_back(message):
    assert RelayMessage.decode(message.encode()) == message


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_calldata_or_refused(data, selected):
    data = bytes.fromhex("b59589d1") + data if selected else data
    try:
        message = RelayMessage.decode(data)
    except ProtocolError:
        return
    assert message.policy + message.message in data


@given(messages(), st.data())
def test_changed_calldata_is_refused_or_read(message, data):
    changed = bytearray(message.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ProtocolError):
        RelayMessage.decode(bytes(changed[: data.draw(st.integers(0, len(changed)))]))
    with contextlib.suppress(ProtocolError):
        RelayMessage.decode(bytes(changed))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xb5\x95", "byte 0: expected 4 bytes of selector, was 2 bytes"),
        (b"\xb5\x95\x89\xd2", "byte 0: expected selector b59589d1, was b59589d2"),
        (calldata()[:60], f"byte 4: expected {len(RAW)} bytes of signing policy, was 56 bytes"),
        (calldata()[:BODY], f"byte {BODY}: expected 38 bytes of message, was the end"),
        (calldata()[: BODY + 39], f"byte {BODY + 38}: expected 2 bytes of number of signatures, was 1 bytes"),
        (calldata()[:-1], f"byte {BODY + 40 + 200 - 1}: expected 2 bytes of index, was 1 bytes"),
        (calldata() + b"\0", f"byte {BODY + 40 + 201}: expected the end, was 1 bytes more"),
    ],
)
def test_bytes_that_are_no_calldata_are_refused(data, message):
    with pytest.raises(WireError) as refused:
        RelayMessage.decode(data)
    assert str(refused.value) == f"relay calldata: {message}"


@pytest.mark.parametrize(("tail", "at"), [(b"", 4), (b"\0", 4), (bytes(43) + b"\0", 48), (bytes(43) + b"\0\1", 48)])
def test_policies_that_are_cut_before_their_number_of_voters_are_refused(tail, at):
    with pytest.raises(WireError) as refused:
        RelayMessage.decode(bytes.fromhex("b59589d1") + tail)
    assert (refused.value.at, refused.value.expected) == (at, "2 bytes of number of voters")


@pytest.mark.parametrize(("indices", "place"), [((1, 0), 1), ((0, 2, 2), 2)])
def test_indices_that_do_not_ascend_are_refused(indices, place):
    signatures = tuple(IndexedSignature(index, BLANK) for index in indices)
    with pytest.raises(WireError) as refused:
        RelayMessage(RAW, result_of(), signatures).encode()
    assert refused.value.at == BODY + 40 + place * 67 + 65
    assert str(refused.value).endswith(f"expected an index above {indices[place - 1]}, was {indices[place]}")


def test_the_calldata_of_the_client_is_ours(reference):
    """Its test has one byte in the place of a policy."""
    recorded = reference("relay.json")["go_snapshot"]
    message = unhex("0x01" + "00000001" + "01" + "ff" * 32)
    signature = sign(eip191(keccak256(message)), unhex(recorded["private_key"]))
    made = RelayMessage(b"\1", message, (IndexedSignature(0, signature),))
    assert made.encode() == unhex(recorded["calldata"])


def test_every_choice_of_whole_rounds_is_ours(reference):
    rounds = reference("e2e_rounds_legacy.json")
    policy = SigningPolicy.decode(unhex(rounds["setup"]["signing_policy_encoded"]))
    finalizations = [scenario["finalization"] for scenario in rounds["scenarios"] if "finalization" in scenario]
    for finalization in finalizations:
        signatures = {
            entry["index"]: Signature(entry["v"], unhex(entry["r"]), unhex(entry["s"]))
            for entry in finalization["signatures"]
        }
        chosen = choose(signatures, policy.weights, policy.threshold)
        assert [entry.index for entry in chosen] == finalization["relay"]["chosen_indices"]
        message = RelayMessage(policy.encode(), unhex(finalization["message_encoded_38_bytes"]), chosen)
        assert message.encode() == unhex(finalization["relay"]["calldata"])
    assert len(finalizations) == 2


def test_the_random_number_on_the_chain_is_the_hash_of_the_root(reference):
    runs = [run for run in reference("relay.json")["evm_run"]["results"] if "random" in run]
    for run in runs:
        assert str(random_number(unhex(run["merkleRoot"]))) == run["random"][0]
        assert run["event"][3] == run["merkleRoot"]
    assert len(runs) == 3


def test_as_many_signatures_and_bytes_as_the_contract_read_for_98_voters(reference):
    recorded = reference("relay.json")["evm_run"]["relay_98_voters"]
    (policy,) = [
        case
        for case in reference("signing_policy.json")["real"]
        if (case["network"], case["rewardEpochId"]) == ("flare", 392)
    ]
    chosen = choose(dict.fromkeys(range(98), BLANK), policy["weights"], policy["threshold"])
    data = RelayMessage(unhex(policy["signingPolicyBytes"]), bytes([100]) + bytes(37), chosen).encode()
    assert (len(chosen), len(data)) == (recorded["signatures"], recorded["calldata_bytes"])


@pytest.mark.parametrize(
    ("threshold", "chosen"),
    [(0, [0]), (299, [0]), (300, [0, 3]), (549, [0, 3]), (550, [0, 1, 3]), (999, [0, 1, 3, 4, 5])],
)
def test_the_heaviest_are_chosen_until_strictly_above(threshold, chosen):
    signatures = dict.fromkeys(range(6), BLANK)
    assert [entry.index for entry in choose(signatures, WEIGHTS, threshold)] == chosen


def test_of_equal_weights_the_lower_index_is_chosen():
    signatures = dict.fromkeys(reversed(range(20)), BLANK)
    assert [entry.index for entry in choose(signatures, [5] * 10 + [6] * 10, 65)] == [0, 1, *range(10, 20)]


def test_only_voters_with_a_signature_are_chosen():
    signatures = {index: Signature(27, bytes([index]) * 32, bytes(32)) for index in (5, 1, 2)}
    assert choose(signatures, WEIGHTS, 250) == (
        IndexedSignature(1, signatures[1]),
        IndexedSignature(5, signatures[5]),
    )


@pytest.mark.parametrize(("indices", "threshold"), [((), 0), ((2,), 0), (range(6), 1000), ((0, 1), 500)])
def test_signatures_that_are_not_enough_have_no_choice(indices, threshold):
    with pytest.raises(NoResult, match=f"signatures: expected a weight above {threshold}, was "):
        choose(dict.fromkeys(indices, BLANK), WEIGHTS, threshold)


@pytest.mark.parametrize("index", [-1, 6])
def test_signatures_of_nobody_are_a_mistake(index):
    with pytest.raises(ValueError, match="expected indices from 0 to 5"):
        choose({index: BLANK}, WEIGHTS, 0)


@pytest.mark.parametrize(
    ("round", "last", "threshold"),
    [(3099, True, 501), (3100, True, 600), (3101, True, 600), (3100, False, 501)],
)
def test_the_client_waits_for_60_percent_after_the_end_of_the_last_policy(round, last, threshold):
    policy = policy_of(20, threshold=501, weights=(301, *WEIGHTS[1:]))
    assert client_threshold(policy, round, 3100, last=last) == threshold


def test_a_root_of_another_size_has_no_random_number():
    with pytest.raises(WireError, match="merkle root: byte 31: expected 32 bytes, was 31 bytes"):
        random_number(bytes(31))
