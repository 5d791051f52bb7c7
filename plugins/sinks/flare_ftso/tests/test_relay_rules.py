"""What the Relay contract makes of calldata."""

import contextlib
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.policy import Reverted, SigningPolicy, hash_chain_bound, hash_folded
from chrono_flare_ftso.protocol.relay import IndexedSignature, RelayMessage, client_threshold, random_number
from chrono_flare_ftso.protocol.relay_rules import Accepted, RelayState, check, required_threshold
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import address_of, eip191, sign

KEYS = [keccak256(b"voter %d of a test" % index) for index in range(6)]
VOTERS = tuple(map(address_of, KEYS))
WEIGHTS = (300, 200, 0, 250, 150, 100)
ROOT = keccak256(b"root")


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def policy_of(epoch, **changes):
    """Return a policy whose reward epoch starts 5 rounds late."""
    policy = SigningPolicy(epoch, 1000 + 100 * epoch + 5, 500, 77, VOTERS, WEIGHTS)
    return dataclasses.replace(policy, **changes)


POLICY = policy_of(20)
RAW = POLICY.encode()
BODY = 4 + len(RAW)


def state_of(last=20, **changes):
    """Return a state with the policies up to a reward epoch."""
    policies = [policy_of(epoch) for epoch in range(max(last, 20) + 1)]
    hashes = {policy.reward_epoch: hash_folded(policy.encode()) for policy in policies}
    starts = {policy.reward_epoch: policy.start_round for policy in policies}
    return dataclasses.replace(RelayState(1000, 100, last, hashes, starts), **changes)


def signed(hashed, signers):
    return tuple(IndexedSignature(index, sign(eip191(hashed), KEYS[index])) for index in signers)


def result_of(round=3050):
    return Result(100, round, True, ROOT).encode()


def calldata(signers=(0, 1, 3), message=None, policy=RAW):
    message = message or result_of()
    return RelayMessage(policy, message, signed(keccak256(message), signers)).encode()


def relayed_policy(signers=(0, 1, 3), new=None):
    raw = (new or policy_of(21)).encode()
    return RelayMessage(RAW, b"\0" + raw, signed(hash_folded(raw), signers)).encode()


def reverted(data, state):
    with pytest.raises(Reverted) as refused:
        check(data, state)
    return refused.value


def replaced(data, place, part):
    """Return calldata with a byte string at another place of its signatures."""
    at = BODY + 40 + place
    return data[:at] + part + data[at + len(part) :]


OPEN = state_of(takes_policies=True)
SAMPLES = [calldata(), relayed_policy()]


def reference_policy(recorded):
    return SigningPolicy(
        recorded["rewardEpochId"],
        recorded["startVotingRoundId"],
        recorded["threshold"],
        int(recorded["seed"], 16),
        tuple(map(unhex, recorded["voters"])),
        tuple(recorded["weights"]),
    )


def reference_state(policy, **changes):
    """Return a state where the policy's reward epoch is the last, and began when it was to begin."""
    first = policy.start_round - 3360 * policy.reward_epoch
    state = RelayState(
        first,
        3360,
        policy.reward_epoch,
        {policy.reward_epoch: hash_folded(policy.encode())},
        {policy.reward_epoch: policy.start_round},
    )
    return dataclasses.replace(state, **changes)


def reference_case(reference):
    recorded = reference("relay.json")["ts"]
    policy = reference_policy(recorded["signing_policy"])
    message = recorded["message"]
    result = Result(
        message["protocolId"], message["votingRoundId"], message["isSecureRandom"], unhex(message["merkleRoot"])
    )
    signatures = {
        entry["index"]: sign(eip191(result.hash()), unhex(entry["private_key"])) for entry in recorded["signatures"]
    }
    assert len(signatures) == 5
    for entry in recorded["signatures"]:
        assert signatures[entry["index"]].encode() == bytes([entry["v"]]) + unhex(entry["r"]) + unhex(entry["s"])
    return recorded, policy, result, signatures


def test_the_calldata_of_ftso_scaling_is_ours(reference):
    recorded, policy, result, signatures = reference_case(reference)
    data = unhex(recorded["relay_calldata_signers_0_1_2"])
    chosen = tuple(IndexedSignature(index, signatures[index]) for index in (0, 1, 2))
    message = RelayMessage(policy.encode(), result.encode(), chosen)
    assert message.encode() == data
    assert RelayMessage.decode(data) == message
    assert check(data, reference_state(policy)) == Accepted(policy.threshold, 35000, 2)


def test_the_threshold_cases_of_ftso_scaling_are_ours(reference):
    recorded, policy, result, signatures = reference_case(reference)
    reasons = {
        "Invalid relay message: threshold not met": "Not enough weight",
        "Invalid signature: indices must be in ascending order": "Index out of order",
    }
    for case in recorded["verify_cases"]:
        chosen = [IndexedSignature(index, signatures[index]) for index in case["indices"]]
        data = RelayMessage(policy.encode(), result.encode(), ()).encode()[:-2] + len(chosen).to_bytes(2, "big")
        data += b"".join(entry.encode() for entry in chosen)
        if case["ok"]:
            assert check(data, reference_state(policy)).weight == 35000
        else:
            assert reverted(data, reference_state(policy)).reason == reasons[case["error"]]
    assert [case["ok"] for case in recorded["verify_cases"]] == [True, False, False, False]


def test_what_the_compiled_contract_did_with_whole_rounds_is_what_we_say(reference):
    runs = {run["label"]: run for run in reference("relay.json")["evm_run"]["results"]}
    rounds = reference("e2e_rounds_legacy.json")
    policy = reference_policy(rounds["setup"]["signing_policy"])
    scenarios = {
        f"e2e {scenario['name']}": scenario["finalization"]
        for scenario in rounds["scenarios"]
        if "finalization" in scenario
    }
    matched = sorted(set(runs) & set(scenarios))
    for label in matched:
        run, finalization = runs[label], scenarios[label]
        data, state = unhex(finalization["relay"]["calldata"]), reference_state(policy)
        assert hash_folded(policy.encode()) == unhex(run["onchainHash"])
        accepted = check(data, state)
        assert (accepted.threshold, accepted.weight, run["relayStatus"]) == (
            finalization["relay"]["threshold"],
            finalization["relay"]["chosen_weight"],
            1,
        )
        result = Result.decode(RelayMessage.decode(data).message)
        event = [str(result.protocol), str(result.round), str(result.secure).lower(), "0x" + result.root.hex()]
        assert event == run["event"]
        assert str(random_number(result.root)) == run["random"][0]
        again = dataclasses.replace(state, roots={(result.protocol, result.round): result.root})
        assert f"revert {reverted(data, again).reason}" in run["second"]
    assert len(matched) == 2


def test_signatures_above_the_threshold_are_accepted():
    assert check(calldata((0, 3)), state_of()) == Accepted(500, 550, 2)
    assert check(calldata((0, 1, 3)), state_of()) == Accepted(500, 750, 3)


def test_what_follows_the_deciding_signature_is_not_read():
    assert check(calldata((0, 3, 4, 5)) + b"more", state_of()) == Accepted(500, 550, 2)
    assert check(replaced(calldata((0, 3, 4)), 2 * 67, bytes(67)), state_of()) == Accepted(500, 550, 2)


def test_a_voter_of_weight_zero_may_sign():
    assert check(calldata((0, 2, 3)), state_of()) == Accepted(500, 550, 3)


def test_the_weight_must_be_strictly_above_the_threshold():
    error = reverted(calldata((0, 1)), state_of())
    assert (error.reason, error.was) == ("Not enough weight", "500")


def test_the_contract_does_not_look_at_the_secure_byte():
    message = result_of()[:5] + b"\6" + ROOT
    assert check(calldata((0, 3), message), state_of()).read == 2


@pytest.mark.parametrize(
    ("round", "last", "threshold"),
    [
        (3005, 20, 500),
        (3099, 20, 500),
        (3099, 21, 500),
        (3100, 20, 600),
        (3500, 20, 600),
        (3100, 21, 500),
        (3104, 21, 500),
        (3104, 24, 500),
        (3099, 30, 500),
    ],
)
def test_the_threshold_rises_only_while_the_next_policy_is_missing(round, last, threshold):
    assert required_threshold(POLICY, round, state_of(last)) == threshold
    assert check(calldata((0, 1, 3), result_of(round)), state_of(last)).threshold == threshold


def test_a_round_has_four_bytes():
    assert check(calldata((0, 1, 3), result_of(2**24 + 3050)), state_of()).threshold == 600


def test_a_raised_threshold_is_a_fifth_more_rounded_down():
    assert required_threshold(policy_of(20, threshold=32743), 3100, state_of()) == 39291
    policy = policy_of(20, threshold=504)
    assert required_threshold(policy, 3100, state_of()) == 604
    assert required_threshold(policy, 3100, state_of(threshold_increase_bips=10000)) == 504


@pytest.mark.parametrize(
    ("round", "last", "reason"),
    [
        (999, 20, "Invalid voting round id"),
        (2999, 20, "Wrong sign policy reward epoch"),
        (1000, 20, "Wrong sign policy reward epoch"),
        (2999, 40, "Wrong sign policy reward epoch"),
        (3099, 31, "Message too old"),
        (3000, 31, "Message too old"),
        (3000, 20, "Delayed sign policy"),
        (3004, 30, "Delayed sign policy"),
        (3105, 21, "Must use new sign policy"),
        (3105, 30, "Must use new sign policy"),
    ],
)
def test_policies_that_may_not_sign_a_round_are_refused(round, last, reason):
    error = reverted(calldata(message=result_of(round)), state_of(last))
    assert (error.reason, error.at) == (reason, BODY + 1)
    with pytest.raises(Reverted) as refused:
        required_threshold(POLICY, round, state_of(last))
    assert (refused.value.reason, refused.value.at) == (reason, 0)


def test_a_delayed_policy_is_signed_by_the_one_before_with_its_threshold():
    """Rounds from the expected to the real start of an initialised reward epoch belong to the policy before."""
    before = policy_of(19).encode()
    assert check(calldata((0, 3), result_of(3004), before), state_of(20)).threshold == 500
    assert reverted(calldata((0, 3), result_of(3005), before), state_of(20)).reason == "Must use new sign policy"


def test_without_a_start_round_the_next_policy_must_be_used():
    assert (
        reverted(calldata(message=result_of(3100)), state_of(21, start_rounds={})).reason == "Must use new sign policy"
    )


def test_the_window_of_messages_can_be_another():
    assert required_threshold(POLICY, 3099, state_of(50, finalization_window=30)) == 500
    with pytest.raises(Reverted, match="Message too old"):
        required_threshold(POLICY, 3099, state_of(51, finalization_window=30))


CUTS = [
    (4, "Invalid sign policy metadata", 4),
    (14, "Invalid sign policy metadata", 4),
    (15, "Invalid sign policy length", 4),
    (BODY, "Invalid sign policy length", 4),
    (BODY + 1, "Too short message", BODY),
    (BODY + 37, "Too short message", BODY),
    (BODY + 38, "No signature count", BODY + 38),
    (BODY + 39, "No signature count", BODY + 38),
    (BODY + 40, "Not enough signatures", BODY + 40),
    (BODY + 40 + 200, "Not enough signatures", BODY + 40),
]


def test_how_much_is_missing_is_told():
    assert str(reverted(calldata()[: BODY + 37], state_of())) == (
        f"relay reverts, Too short message: byte {BODY}: expected 38 bytes, was 37"
    )
    with pytest.raises(WireError, match="relay calldata: byte 0: expected selector b59589d1, was the end"):
        check(b"", state_of())


@pytest.mark.parametrize(("size", "reason", "at"), CUTS)
def test_calldata_that_ends_early_is_refused(size, reason, at):
    error = reverted(calldata()[:size], state_of())
    assert (error.reason, error.at) == (reason, at)
    assert error.was == str(size - at)


def test_a_selector_of_another_function_never_reaches_the_contract_code():
    for data in (b"", b"\xb5\x95\x89", b"\0" + calldata()[1:]):
        with pytest.raises(WireError, match="relay calldata: byte 0: expected selector b59589d1, was ") as refused:
            check(data, state_of())
        assert not isinstance(refused.value, Reverted)


@pytest.mark.parametrize("hashes", [{}, {20: bytes(32)}, {21: hash_folded(RAW)}])
def test_a_policy_that_is_not_known_is_refused(hashes):
    error = reverted(calldata(), state_of(policy_hashes=hashes))
    assert (error.reason, error.at) == ("Signing policy hash mismatch", 4)


def test_policies_are_hashed_as_their_relay_does():
    state = state_of(chain_id=19, chain_bound_from=20, policy_hashes={20: hash_chain_bound(RAW, 19)})
    assert check(calldata(), state).weight == 750
    assert reverted(calldata(), dataclasses.replace(state, chain_id=14)).reason == "Signing policy hash mismatch"
    assert (
        reverted(calldata(), dataclasses.replace(state, chain_bound_from=21)).reason == "Signing policy hash mismatch"
    )


def test_a_round_is_relayed_once_for_each_protocol():
    error = reverted(calldata(), state_of(roots={(100, 3050): ROOT}))
    assert (error.reason, error.at, error.was) == ("Already relayed", BODY, "protocol 100, round 3050")
    for roots in ({(200, 3050): ROOT}, {(100, 3051): ROOT}, {(100, 3050): bytes(32)}):
        assert check(calldata(), state_of(roots=roots)).weight == 750


@pytest.mark.parametrize(
    ("data", "reason", "at"),
    [
        (replaced(calldata(), 65, b"\0\6"), "Index out of range", BODY + 105),
        (replaced(calldata(), 65, b"\xff\xff"), "Index out of range", BODY + 105),
        (replaced(calldata(), 67 + 65, b"\0\0"), "Index out of order", BODY + 172),
        (replaced(calldata(), 65, b"\0\1"), "Wrong signature", BODY + 40),
        (replaced(calldata(), 0, b"\0"), "ecrecover returned bad data", BODY + 40),
        (replaced(calldata(), 67, b"\x1d"), "ecrecover returned bad data", BODY + 107),
        (replaced(calldata(), 1, bytes(32)), "ecrecover returned bad data", BODY + 40),
        (replaced(calldata(), 33, b"\xff" * 32), "ecrecover returned bad data", BODY + 40),
        (calldata(()), "Not enough weight", BODY + 38),
        (calldata((1, 2, 4, 5)), "Not enough weight", BODY + 38),
    ],
)
def test_signatures_that_do_not_hold_are_refused(data, reason, at):
    error = reverted(data, state_of())
    assert (error.reason, error.at) == (reason, at)


def test_a_hash_of_anybody_is_checked_under_protocol_1():
    message = Result(1, 0, False, ROOT).encode()
    accepted = check(calldata((0, 3), message), state_of())
    assert accepted == Accepted(500, 550, 2, ROOT + bytes([0, 0, 20]))
    assert check(calldata((0, 3), message), state_of(30)).threshold == 500


@pytest.mark.parametrize(
    ("message", "last", "reason", "at"),
    [
        (Result(1, 1, False, ROOT), 20, "Wrong message format", BODY + 1),
        (Result(1, 1, True, ROOT), 20, "Wrong message format", BODY + 1),
        (Result(1, 0, True, ROOT), 20, "Wrong message format2", BODY + 5),
        (Result(1, 0, False, ROOT), 31, "Message too old", BODY),
    ],
)
def test_hashes_of_a_wrong_form_are_refused(message, last, reason, at):
    error = reverted(calldata((0, 3), message.encode()), state_of(last))
    assert (error.reason, error.at) == (reason, at)


def test_a_new_policy_is_relayed_under_protocol_0():
    assert check(relayed_policy((0, 3)), state_of(takes_policies=True)) == Accepted(500, 550, 2)
    assert reverted(relayed_policy((0, 1)), state_of(takes_policies=True)).reason == "Not enough weight"


def test_where_policies_are_set_none_is_relayed():
    error = reverted(relayed_policy(), state_of())
    assert (error.reason, error.at) == ("Sign policy relay disabled", BODY)


NEW = policy_of(21)
WRONG = dataclasses.replace(NEW, reward_epoch=22)


@pytest.mark.parametrize(
    ("data", "state", "reason", "at"),
    [
        (relayed_policy()[: BODY + 1], {}, "No new sign policy size", BODY + 1),
        (relayed_policy()[: BODY + 11], {}, "No new sign policy size", BODY + 1),
        (relayed_policy(new=SigningPolicy(22, 0, 0, 0, (), ())), {}, "must be non-trivial", BODY + 1),
        (relayed_policy()[: BODY + 1] + b"\1\x2d" + bytes(9), {}, "too many voters", BODY + 1),
        (relayed_policy()[: BODY + 1] + b"\1\x2c" + bytes(9), {}, "Wrong size for new sign policy", BODY + 1),
        (relayed_policy()[: BODY + len(RAW)], {}, "Wrong size for new sign policy", BODY + 1),
        (relayed_policy(new=WRONG), {"last": 21}, "Not with last intialized", 6),
        (relayed_policy(new=WRONG), {}, "Not next reward epoch", BODY + 3),
        (
            relayed_policy(new=dataclasses.replace(NEW, weights=(65535, 1, 0, 0, 0, 0), threshold=0)),
            {},
            "total weight too big",
            BODY + 44,
        ),
        (relayed_policy(new=dataclasses.replace(NEW, threshold=499)), {}, "too small threshold", BODY + 10),
        (relayed_policy(new=dataclasses.replace(NEW, threshold=661)), {}, "too big threshold", BODY + 10),
        (relayed_policy()[: BODY + 1 + len(RAW)], {}, "No signature count", BODY + 1 + len(RAW)),
        (relayed_policy()[:-1], {}, "Not enough signatures", BODY + 3 + len(RAW)),
        (calldata(message=b"\0" + NEW.encode()), {}, "Wrong signature", BODY + 3 + len(RAW)),
    ],
)
def test_new_policies_that_do_not_hold_are_refused_in_the_order_of_the_contract(data, state, reason, at):
    error = reverted(data, state_of(**state, takes_policies=True))
    assert (error.reason, error.at) == (reason, at)


def test_of_several_mistakes_the_first_of_the_contract_is_told():
    """Each state mends what the one before was refused for."""
    message = Result(1, 1, True, ROOT).encode()
    data = calldata((), message)
    told = [
        reverted(data, state_of(31, policy_hashes={}, roots={(1, 1): ROOT})).reason,
        reverted(data, state_of(31, roots={(1, 1): ROOT})).reason,
        reverted(data, state_of(31)).reason,
        reverted(calldata((), Result(1, 0, True, ROOT).encode()), state_of(31)).reason,
        reverted(calldata((), Result(1, 0, False, ROOT).encode()), state_of(31)).reason,
        reverted(calldata((), Result(1, 0, False, ROOT).encode()), state_of()).reason,
    ]
    assert told == [
        "Signing policy hash mismatch",
        "Already relayed",
        "Wrong message format",
        "Wrong message format2",
        "Message too old",
        "Not enough weight",
    ]


def test_the_rules_of_client_and_contract_differ_by_rounding():
    policy = policy_of(20, threshold=501, weights=(301, *WEIGHTS[1:]))
    assert required_threshold(policy, 3100, state_of()) == 601
    assert client_threshold(policy, 3100, 3100, last=True) == 600


@settings(deadline=None)
@given(st.data())
def test_changed_calldata_is_accepted_or_refused(data):
    changed = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)) | st.just(len(changed)))])
    with contextlib.suppress(ProtocolError):
        assert check(cut, OPEN).weight > 500
