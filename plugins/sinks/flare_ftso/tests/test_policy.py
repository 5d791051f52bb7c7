"""Signing policies: their bytes, both hashes, the contract's limits, normalised weights."""

import dataclasses
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.abi import decode
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.policy import (
    Reverted,
    SigningPolicy,
    check_threshold,
    check_voters,
    hash_chain_bound,
    hash_folded,
    normalised_threshold,
    normalised_weights,
    policy_bytes,
    policy_hash,
)
from chrono_flare_ftso.protocol.signatures import address_of

CHAIN = {"flare": 14, "songbird": 19, "coston": 16, "coston2": 114}
EVENT = "uint32,uint16,uint256,address[],uint16[],bytes,uint64"


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def policy_of(recorded):
    return SigningPolicy(
        recorded["rewardEpochId"],
        recorded["startVotingRoundId"],
        recorded["threshold"],
        int(recorded["seed"], 16),
        tuple(map(unhex, recorded["voters"])),
        tuple(recorded["weights"]),
    )


def made(voters, weight=500, epoch=7):
    """Return a policy of voters whose addresses count up."""
    addresses = tuple(bytes(19) + bytes([index]) for index in range(voters))
    return SigningPolicy(epoch, 3360 * epoch, voters * weight // 2, 2**255 + 1, addresses, (weight,) * voters)


@st.composite
def policies(draw):
    weights = draw(st.lists(st.integers(0, 400), max_size=20))
    address = st.binary(min_size=20, max_size=20)
    voters = draw(st.lists(address, min_size=len(weights), max_size=len(weights)))
    head = [draw(st.integers(0, 2**bits - 1)) for bits in (24, 32, 16, 256)]
    return SigningPolicy(*head, tuple(voters), tuple(weights))


def test_the_policy_of_go_flare_common_has_both_its_hashes(reference):
    recorded = reference("signing_policy.json")["go_309"]
    raw = unhex(recorded["raw"])
    policy = SigningPolicy.decode(raw)
    assert (policy.reward_epoch, len(policy.voters), policy.encode()) == (309, 85, raw)
    assert hash_folded(raw) == policy_hash(raw, 14) == policy_hash(raw, 14, 310) == unhex(recorded["hash_legacy"])
    bound = unhex(recorded["hash_chain_bound"])
    assert hash_chain_bound(raw, recorded["chain_id"]) == policy_hash(raw, 14, 309) == policy_hash(raw, 14, 0) == bound


def test_the_bytes_in_event_logs_are_the_policies_of_the_logs(reference):
    recorded = reference("signing_policy.json")["go_logs"]
    for log in recorded:
        start, threshold, seed, voters, weights, raw, _ = decode(EVENT, unhex(log["Data"]))
        policy = SigningPolicy(int(log["Topic1"], 16), start, threshold, seed, voters, weights)
        assert SigningPolicy.decode(raw) == policy
        assert policy.encode() == raw
        policy.check_limits()
    assert len(recorded) == 2


def test_the_bytes_in_the_event_of_a_test_are_no_policy(reference):
    recorded = reference("signing_policy.json")["event_log"]
    raw = decode(EVENT, unhex(recorded["data"]))[5]
    assert raw == unhex(recorded["expected"]["signingPolicyBytes"])
    for read in (SigningPolicy.decode, hash_folded):
        with pytest.raises(WireError):
            read(raw)
    assert SigningPolicy.decode(policy_of(recorded["expected"]).encode()) == policy_of(recorded["expected"])


def test_policies_of_ftso_scaling_are_ours(reference):
    recorded = reference("signing_policy.json")["ts"]
    policy = policy_of(recorded["policy"])
    assert policy.encode() == unhex(recorded["encoded"])
    assert hash_folded(policy.encode()) == unhex(recorded["hash_legacy"])
    assert SigningPolicy.decode(policy.encode()) == policy
    assert len(policy.voters) == 5


def test_policies_of_all_sizes_are_ours(reference):
    """Each has n voters of weight 500 whose keys are hashes of labels."""
    recorded = reference("signing_policy.json")["ts"]["more"]
    for case in recorded:
        n = case["n"]
        voters = tuple(address_of(keccak256(f"fsp-test-vector:sp-{i}".encode())) for i in range(n))
        seed = int.from_bytes(keccak256(f"seed{n}".encode()), "big")
        policy = SigningPolicy(n, n * 3360, 250 * n, seed, voters, (500,) * n)
        raw = policy.encode()
        assert len(raw) == policy_bytes(raw) == case["encoded_length_bytes"]
        assert hash_folded(raw) == unhex(case["hash"])
        assert raw == unhex(case.get("encoded", raw.hex()))
        assert policy == policy_of(case.get("policy", {**vars_of(policy)}))
        assert SigningPolicy.decode(raw) == policy
    assert [case["n"] for case in recorded] == [0, 1, 2, 3, 10, 100]
    assert [case["n"] for case in recorded if "encoded" in case] == [0, 1, 2, 3, 10]


def vars_of(policy):
    """Return a policy under the names of the recorded ones."""
    return {
        "rewardEpochId": policy.reward_epoch,
        "startVotingRoundId": policy.start_round,
        "threshold": policy.threshold,
        "seed": hex(policy.seed),
        "voters": [voter.hex() for voter in policy.voters],
        "weights": policy.weights,
    }


def test_real_policies_are_ours(reference):
    recorded = reference("signing_policy.json")["real"]
    for case in recorded:
        policy, raw = policy_of(case), unhex(case["signingPolicyBytes"])
        assert policy.encode() == raw
        assert SigningPolicy.decode(raw) == policy
        assert hash_folded(raw) == unhex(case["hash_legacy_computed"])
        assert hash_chain_bound(raw, CHAIN[case["network"]]) == unhex(case["hash_chain_bound_computed"])
        assert normalised_threshold(policy.weights) == policy.threshold
        policy.check_limits()
    assert [len(case["voters"]) for case in recorded] == [78, 98, 61]


def test_the_hash_on_the_chain_is_the_folded_one(reference):
    runs = {run["label"]: run for run in reference("relay.json")["evm_run"]["results"]}
    (real,) = [
        case
        for case in reference("signing_policy.json")["real"]
        if (case["network"], case["rewardEpochId"]) == ("flare", 392)
    ]
    assert hash_folded(unhex(real["signingPolicyBytes"])) == unhex(runs["real policy flare 392"]["onchainHash"])


def test_fields_stand_in_the_order_of_the_protocol():
    policy = SigningPolicy(0x010203, 0x04050607, 0x0809, 10, (b"\xaa" * 20, b"\xbb" * 20), (0x0C0D, 0))
    seed = (10).to_bytes(32, "big").hex()
    assert policy.encode().hex() == f"0002010203040506070809{seed}" + "aa" * 20 + "0c0d" + "bb" * 20 + "0000"


def test_known_hashes():
    raw = made(3).encode()
    assert len(raw) == 109
    assert hash_folded(raw).hex() == "d499b1d2b304fa41960d0eac121a3ae106dd91f9d343de105374b236469f8dc2"
    assert hash_chain_bound(raw, 114).hex() == "190871b18e27a5bd7b346e9960ed932545be005ee4d45cd7cd25219f155bc02b"


@pytest.mark.parametrize("voters", [0, 1, 7, 16, 23])
def test_the_folded_hash_is_made_of_words_padded_with_zeros(voters):
    """With 7 voters the last word has one byte less than with 23, with 16 it has 11."""
    raw = made(voters).encode()
    words = [raw[at : at + 32].ljust(32, b"\0") for at in range(0, len(raw), 32)]
    expected = words[0]
    for word in words[1:]:
        expected = keccak256(expected + word)
    assert hash_folded(raw) == expected
    assert hash_chain_bound(raw, 14) == keccak256((14).to_bytes(32, "big") + raw)


def test_the_folded_hash_of_whole_words_is_not_padded():
    raw = bytes(range(96))
    assert hash_folded(raw) == keccak256(keccak256(raw[:64]) + raw[64:])


@given(policies())
def test_a_policy_comes_back(policy):
    raw = policy.encode()
    assert SigningPolicy.decode(raw) == policy
    assert policy_bytes(raw) == len(raw)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_policy_or_refused(data):
    try:
        policy = SigningPolicy.decode(data)
    except ProtocolError:
        return
    assert policy.encode() == data


@given(policies(), st.data())
def test_a_changed_policy_is_another_or_refused(policy, data):
    raw = bytearray(policy.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = SigningPolicy.decode(bytes(raw))
    except ProtocolError:
        return
    assert read != policy
    assert hash_folded(bytes(raw)) != hash_folded(policy.encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: expected 2 bytes of number of voters, was the end"),
        (b"\0\0\1", "byte 2: expected 3 bytes of reward epoch, was 1 bytes"),
        (bytes(42), "byte 11: expected 32 bytes of seed, was 31 bytes"),
        (bytes(44), "byte 43: expected the end, was 1 bytes more"),
        (b"\0\1" + bytes(62), "byte 63: expected 2 bytes of weight, was 1 bytes"),
        (b"\0\1" + bytes(64), "byte 65: expected the end, was 1 bytes more"),
        (b"\xff\xff" + bytes(63), "byte 65: expected 20 bytes of voter, was the end"),
    ],
)
def test_bytes_that_are_no_policy_are_refused(data, message):
    with pytest.raises(WireError) as refused:
        SigningPolicy.decode(data)
    assert str(refused.value) == f"signing policy: {message}"


def test_weights_above_16_bits_together_are_refused_when_read():
    at_the_limit = dataclasses.replace(made(3), weights=(65535, 0, 0))
    assert SigningPolicy.decode(at_the_limit.encode()).total_weight == 65535
    above = dataclasses.replace(made(3), weights=(65535, 1, 0))
    with pytest.raises(WireError) as refused:
        SigningPolicy.decode(above.encode())
    assert (refused.value.at, refused.value.was) == (43 + 22 + 20, "65536")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward_epoch": 2**24}, "reward epoch: byte 0: expected a number from 0 to 2^24 - 1, was 16777216"),
        ({"start_round": 2**32}, "start round: byte 0: expected a number from 0 to 2^32 - 1, was 4294967296"),
        ({"threshold": 2**16}, "threshold: byte 0: expected a number from 0 to 2^16 - 1, was 65536"),
        ({"threshold": -1}, "threshold: byte 0: expected a number from 0 to 2^16 - 1, was -1"),
        ({"seed": 2**256}, "seed: byte 0: expected a number from 0 to 2^256 - 1"),
        ({"weights": (65536,)}, "weight: byte 0: expected a number from 0 to 2^16 - 1, was 65536"),
        ({"voters": (bytes(19),)}, "voter: byte 19: expected 20 bytes, was 19 bytes"),
        ({"weights": (1, 2)}, "signing policy: byte 0: expected 1 weights, was 2"),
    ],
)
def test_fields_that_do_not_fit_are_refused(change, message):
    with pytest.raises(WireError) as refused:
        dataclasses.replace(made(1), **change).encode()
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("size", [0, 2, 42])
def test_bytes_too_short_for_a_policy_have_no_hash(size):
    for hashed in (hash_folded, lambda data: hash_chain_bound(data, 14), lambda data: policy_hash(data, 14)):
        with pytest.raises(WireError, match="signing policy: byte 0: expected 43 bytes of the head of a policy"):
            hashed(bytes(size))


def test_a_chain_id_that_does_not_fit_is_refused():
    with pytest.raises(WireError, match="chain id"):
        hash_chain_bound(bytes(43), 2**256)


@pytest.mark.parametrize(
    ("epoch", "first", "bound"), [(7, None, False), (7, 8, False), (7, 7, True), (7, 6, True), (0, 0, True)]
)
def test_the_first_reward_epoch_of_a_relay_decides_the_hash(epoch, first, bound):
    raw = made(2, epoch=epoch).encode()
    assert policy_hash(raw, 19, first) == (hash_chain_bound(raw, 19) if bound else hash_folded(raw))


@pytest.mark.parametrize(
    ("policy", "reason", "at"),
    [
        (made(0), "must be non-trivial", 0),
        (SigningPolicy(1, 0, 100, 0, (bytes(20),) * 301, (1,) * 301), "too many voters", 0),
        (SigningPolicy(1, 0, 100, 0, (bytes(20),) * 2, (1,)), "size mismatch", 0),
        (SigningPolicy(1, 0, 40000, 0, (bytes(20),) * 2, (65535, 1)), "total weight too big", 43),
        (SigningPolicy(1, 0, 499, 0, (bytes(20),), (1000,)), "too small threshold", 9),
        (SigningPolicy(1, 0, 500, 0, (bytes(20),), (1001,)), "too small threshold", 9),
        (SigningPolicy(1, 0, 661, 0, (bytes(20),), (1000,)), "too big threshold", 9),
        (SigningPolicy(1, 0, 660, 0, (bytes(20),), (999,)), "too big threshold", 9),
        (SigningPolicy(1, 0, 1, 0, (bytes(20),), (0,)), "too big threshold", 9),
    ],
)
def test_the_contract_refuses_policies(policy, reason, at):
    with pytest.raises(Reverted) as refused:
        policy.check_limits()
    assert (refused.value.reason, refused.value.at) == (reason, at)
    assert str(refused.value).startswith(f"relay reverts, {reason}: byte {at}: expected ")


@pytest.mark.parametrize(
    ("threshold", "weights"), [(500, [1000]), (660, [1000]), (32768, [65535]), (43253, [65535]), (0, [0]), (1, [1, 1])]
)
def test_thresholds_at_the_limits_are_taken(threshold, weights):
    check_threshold(threshold, weights)


@pytest.mark.parametrize("voters", [1, 300])
def test_numbers_of_voters_at_the_limits_are_taken(voters):
    check_voters(voters)


@given(st.lists(st.integers(0, 2**90), min_size=1, max_size=30).filter(any), st.integers(0, 10**6))
def test_normalised_weights_are_shares_rounded_down(weights, ppm):
    normalised = normalised_weights(weights)
    total = sum(weights)
    assert normalised == tuple(int(Fraction(weight * 65535, total)) for weight in weights)
    assert 65535 - len(weights) < sum(normalised) <= 65535
    assert normalised_threshold(normalised, ppm) == ceil(Fraction(sum(normalised) * ppm, 10**6))


def test_a_policy_of_normalised_weights_is_taken():
    weights = normalised_weights([3 * 10**24, 10**24, 1, 0, 7 * 10**23])
    assert weights == (41830, 13943, 0, 0, 9760)
    threshold = normalised_threshold(weights)
    assert threshold == 32767
    SigningPolicy(1, 3360, threshold, 0, (bytes(20),) * 5, weights).check_limits()


@pytest.mark.parametrize("weights", [[], [0, 0], [5, -1], [-1], [2**241, 1], [2**255, 2**255]])
def test_registration_weights_without_a_share_are_refused(weights):
    with pytest.raises(ProtocolError, match="registration weights: expected "):
        normalised_weights(weights)


def test_a_sum_of_one_is_normalised():
    assert normalised_weights([0, 1]) == (0, 65535)


def test_the_reward_epoch_that_decides_has_three_bytes():
    raw = made(2, epoch=65537).encode()
    assert policy_hash(raw, 19, 65537) == hash_chain_bound(raw, 19)
    assert policy_hash(raw, 19, 65538) == hash_folded(raw)


def test_the_largest_registration_weight_is_normalised():
    assert normalised_weights([(2**256 - 1) // 65535]) == (65535,)


def test_a_threshold_that_does_not_fit_is_refused():
    assert normalised_threshold([65535], 1_000_000) == 65535
    with pytest.raises(ProtocolError, match="threshold: expected 0 to 65535, was 65536"):
        normalised_threshold([65535], 1_000_001)


def test_the_number_of_voters_is_needed_for_a_size():
    assert policy_bytes(bytes([9, 0, 3]), 1) == 43 + 66
    with pytest.raises(WireError, match="signing policy: byte 2: expected 2 bytes of number of voters, was 1 bytes"):
        policy_bytes(bytes(3), 2)
