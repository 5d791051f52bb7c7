"""Reward claims: leaves, roots, proofs, and distribution data as it is published."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.claims import (
    ClaimType,
    Distribution,
    ProvenClaim,
    RewardClaim,
    distribution,
    merkle_root,
    parse_distribution,
    weight_based_claims,
)
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.merkle import verify
from chrono_flare_ftso.protocol.text import from_hex, to_hex

Reader = Callable[[str], Any]

CLAIMS = (
    RewardClaim(9, bytes(19) + b"\x01", 2**120 - 1, ClaimType.DIRECT),
    RewardClaim(9, bytes(19) + b"\x02", 7, ClaimType.FEE),
    RewardClaim(9, bytes(19) + b"\x02", 7, ClaimType.WNAT),
    RewardClaim(9, b"\xff" * 20, 10**18, ClaimType.MIRROR),
    RewardClaim(9, b"\xfe" * 20, 0, ClaimType.CCHAIN),
)
CLAIM = st.builds(
    RewardClaim,
    st.just(9),
    st.binary(min_size=20, max_size=20),
    st.integers(0, 2**120 - 1),
    st.sampled_from(ClaimType),
)


def as_objects(data: Distribution) -> dict[str, Any]:
    """Return the form of reward-distribution-data.json."""
    return {
        "rewardEpochId": data.reward_epoch,
        "network": data.network,
        "appliedMinConditions": data.minimal_conditions,
        "rewardClaims": [
            {
                "merkleProof": [to_hex(sibling) for sibling in proven.proof],
                "body": {
                    "beneficiary": to_hex(proven.claim.beneficiary),
                    "claimType": int(proven.claim.type),
                    "amount": str(proven.claim.amount),
                    "rewardEpochId": proven.claim.reward_epoch,
                },
            }
            for proven in data.claims
        ],
        "noOfWeightBasedClaims": data.weight_based_claims,
        "merkleRoot": to_hex(data.root),
        "abi": {"name": "_claim"},
    }


def as_tuples(data: Distribution) -> dict[str, Any]:
    """Return the form of reward-distribution-data-tuples.json."""
    file = as_objects(data)
    keys = ("rewardEpochId", "beneficiary", "amount", "claimType")
    claims = [[claim["merkleProof"], [claim["body"][key] for key in keys]] for claim in file["rewardClaims"]]
    return {**file, "rewardClaims": claims}


def test_leaves_of_the_go_implementations(reference: Reader) -> None:
    vectors = reference("reward_claims.json")
    cases = [*vectors["go"], *vectors["go_client"]["claims"]]
    assert len(cases) == 3
    assert {kind.name: int(kind) for kind in ClaimType} == vectors["claim_types"]
    for case in cases:
        claim = RewardClaim(
            case["reward_epoch_id"],
            from_hex(case["beneficiary"]),
            int(case["amount"]),
            ClaimType(case["claim_type"]),
        )
        assert to_hex(claim.leaf()) == case.get("hash", case.get("leaf"))
        if "proof" in case:
            root = from_hex(vectors["go_client"]["merkle_root"])
            assert ProvenClaim(claim, tuple(map(from_hex, case["proof"]))).proves(root)


def test_real_distributions(reference: Reader) -> None:
    cases = reference("reward_claims.json")["real"]
    assert [(case["network"], case["reward_epoch_id"], len(case["all_claims"])) for case in cases] == [
        ("flare", 256, 240),
        ("flare", 392, 307),
        ("songbird", 392, 113),
    ]
    for case in cases:
        epoch, root = case["reward_epoch_id"], from_hex(case["merkle_root"])
        claims = [
            RewardClaim(epoch, from_hex(who), int(much), ClaimType(kind)) for who, much, kind in case["all_claims"]
        ]
        data = distribution(case["network"], epoch, claims)
        assert len(claims) == case["number_of_claims"]
        assert (data.root, merkle_root(reversed(claims))) == (root, root)
        assert data.weight_based_claims == weight_based_claims(claims) == case["no_of_weight_based_claims"]
        data.check()
        assert len(case["sample_proofs"]) == 6
        for sample in case["sample_proofs"]:
            (found,) = data.of(from_hex(sample["body"]["beneficiary"]))
            assert [to_hex(sibling) for sibling in found.proof] == sample["merkleProof"]
            assert str(found.claim.amount) == sample["body"]["amount"]
            assert found.proves(root)


def test_a_leaf_is_the_hash_of_four_words_with_the_beneficiary_at_the_left() -> None:
    words = (9).to_bytes(32, "big"), b"\xff" * 20 + bytes(12), (10**18).to_bytes(32, "big"), (3).to_bytes(32, "big")
    assert CLAIMS[3].leaf() == keccak256(b"".join(words))


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        (replace(CLAIMS[0], reward_epoch=1 << 24), "uint24"),
        (replace(CLAIMS[0], beneficiary=bytes(21)), "bytes20"),
        (replace(CLAIMS[0], amount=1 << 120), "uint120"),
        (replace(CLAIMS[0], amount=-1), "uint120"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_its_type(claim: RewardClaim, name: str) -> None:
    with pytest.raises(WireError, match=f"^{name}: byte 0: expected a value of {name}, was"):
        claim.leaf()


def test_weight_based_are_the_types_from_wnat_on() -> None:
    assert [kind.weight_based for kind in ClaimType] == [False, False, True, True, True]
    assert weight_based_claims(CLAIMS) == 3


def test_no_claims_have_the_hash_of_zeros_for_a_root() -> None:
    assert merkle_root([]) == distribution("flare", 9, []).root == keccak256(bytes(32))


def test_two_equal_claims_are_refused() -> None:
    with pytest.raises(ProtocolError, match="expected each claim once, was twice"):
        merkle_root([CLAIMS[0], replace(CLAIMS[0])])


def test_a_beneficiary_finds_its_claims_of_all_types() -> None:
    data = distribution("flare", 9, CLAIMS)
    assert [proven.claim for proven in data.of(bytes(19) + b"\x02", b"\xff" * 20)] == list(CLAIMS[1:4])
    assert data.of(bytes(20)) == ()


@given(st.lists(CLAIM, max_size=20, unique=True), st.booleans())
def test_both_published_forms_are_read_back(claims: list[RewardClaim], burned: bool) -> None:
    data = distribution("songbird", 9, claims, minimal_conditions=burned)
    for form in (as_objects, as_tuples):
        read = parse_distribution(json.dumps(form(data)))
        assert read == data
        read.check()
        assert all(verify(each.claim.leaf(), each.proof, data.root) for each in read.claims)


def test_a_file_of_the_first_epochs_names_neither_minimal_conditions_nor_network() -> None:
    file = as_tuples(distribution("flare", 9, CLAIMS))
    del file["appliedMinConditions"], file["network"]
    read = parse_distribution(json.dumps(file).encode())
    assert (read.minimal_conditions, read.network) == (False, None)


def changed(file: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return the file with another value at a path."""
    copy = at = json.loads(json.dumps(file))
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("rewardEpochId",), "9", "rewardEpochId: expected a number from 0 to 16777215, was '9'"),
        (("rewardEpochId",), True, "rewardEpochId: expected a number from 0 to 16777215, was True"),
        (("network",), None, "network: expected text, was None"),
        (("appliedMinConditions",), 1, "appliedMinConditions: expected true or false, was 1"),
        (("merkleRoot",), "00" * 32, "merkleRoot: expected 0x and 64 digits"),
        (("merkleRoot",), "0x" + "00" * 31, "merkleRoot: byte 31: expected 32 bytes, was 31 bytes"),
        (("noOfWeightBasedClaims",), -1, "noOfWeightBasedClaims: expected a number from 0"),
        (("rewardClaims",), {}, "rewardClaims: expected a list, was {}"),
        (("rewardClaims", 1), [], r"rewardClaims\[1\]: expected a list of 2, was \[\]"),
        (("rewardClaims", 1), 5, r"rewardClaims\[1\]: expected an object, was 5"),
        (("rewardClaims", 1, "body"), [], r"rewardClaims\[1\]\.body: expected an object, was \[\]"),
        (("rewardClaims", 1, "body"), {}, r"rewardClaims\[1\]\.body: expected key rewardEpochId, was \[\]"),
        (("rewardClaims", 1, "merkleProof"), "0x", r"rewardClaims\[1\]\.merkleProof: expected a list, was '0x'"),
        (("rewardClaims", 1, "merkleProof", 0), 7, r"rewardClaims\[1\]\.merkleProof\[0\]: expected 0x and 64 digits"),
        (("rewardClaims", 2, "body", "amount"), 7, r"rewardClaims\[2\]\.body\.amount: expected wei below 2\^120 as"),
        (("rewardClaims", 2, "body", "amount"), "07", r"body\.amount: expected wei below 2\^120 as decimal text"),
        (("rewardClaims", 2, "body", "amount"), "-7", r"body\.amount: expected wei below 2\^120 as decimal text"),
        (("rewardClaims", 2, "body", "amount"), str(2**120), r"body\.amount: expected wei below 2\^120"),
        (("rewardClaims", 2, "body", "claimType"), 5, r"body\.claimType: expected a number from 0 to 4, was 5"),
        (("rewardClaims", 2, "body", "beneficiary"), "0x1g" + "0" * 38, r"body\.beneficiary: byte 0: expected digits"),
        (("rewardClaims", 2, "body", "rewardEpochId"), 1 << 24, r"body\.rewardEpochId: expected a number from 0 to"),
    ],
)
def test_a_wrong_value_is_refused_by_its_path(path: tuple[Any, ...], value: object, message: str) -> None:
    file = changed(as_objects(distribution("flare", 9, CLAIMS)), path, value)
    with pytest.raises(ProtocolError, match=f"^reward distribution data: .*{message}"):
        parse_distribution(json.dumps(file))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, "9", r"rewardClaims\[3\]\[1\]\[0\]: expected a number"),
        (1, "0x", r"rewardClaims\[3\]\[1\]\[1\]: byte 0: expected 20 bytes, was 0 bytes"),
        (2, 5, r"rewardClaims\[3\]\[1\]\[2\]: expected wei"),
        (3, "2", r"rewardClaims\[3\]\[1\]\[3\]: expected a number from 0 to 4, was '2'"),
    ],
)
def test_a_wrong_value_of_a_tuple_is_refused_by_its_path(at: int, value: object, message: str) -> None:
    file = changed(as_tuples(distribution("flare", 9, CLAIMS)), ("rewardClaims", 3, 1, at), value)
    with pytest.raises(ProtocolError, match=message):
        parse_distribution(json.dumps(file))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "byte 0: expected JSON"),
        ("[]", "file: expected an object, was"),
        ("{}", "file: expected key rewardEpochId, was"),
        ('{"a": 1, "a": 2}', "expected each key once, was"),
        ("[" * 200_000, "expected JSON of a claim's depth and numbers"),
        ("1" * 5000, "expected JSON of a claim's depth and numbers"),
        (b'{"\xff', "byte 2: expected text in UTF-8, was 0xff"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=f"^reward distribution data: {message}"):
        parse_distribution(text)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("rewardEpochId",), 8, r"rewardClaims\[0\]: reward epoch: expected 8, was 9"),
        (("merkleRoot",), "0x" + "00" * 32, "merkleRoot: expected 0x[0-9a-f]{64}, was 0x0{64}"),
        (("rewardClaims", 1, "body", "amount"), "8", "merkleRoot: expected"),
        (
            ("rewardClaims", 4, "merkleProof"),
            [],
            r"rewardClaims\[4\]: expected a proof of the leaf, was one of another",
        ),
        (("noOfWeightBasedClaims",), 2, "noOfWeightBasedClaims: expected 3, was 2"),
    ],
)
def test_a_check_says_what_is_not_true(path: tuple[Any, ...], value: object, message: str) -> None:
    file = changed(as_objects(distribution("flare", 9, CLAIMS)), path, value)
    with pytest.raises(ProtocolError, match=message):
        parse_distribution(json.dumps(file)).check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
STEPS = st.sampled_from(
    [
        ("rewardEpochId",),
        ("network",),
        ("rewardClaims",),
        ("rewardClaims", 2),
        ("rewardClaims", 2, "merkleProof"),
        ("rewardClaims", 2, "merkleProof", 1),
        ("rewardClaims", 2, "body"),
        ("rewardClaims", 2, "body", "amount"),
        ("rewardClaims", 2, "body", "beneficiary"),
        ("merkleRoot",),
        ("noOfWeightBasedClaims",),
    ]
)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_noise_raises_protocol_errors_only(text: bytes | str) -> None:
    with pytest.raises(ProtocolError):
        parse_distribution(text)


@given(STEPS, JSON)
def test_a_mutated_file_raises_protocol_errors_only(path: tuple[Any, ...], value: object) -> None:
    file = changed(as_objects(distribution("flare", 9, CLAIMS)), path, value)
    try:
        parse_distribution(json.dumps(file)).check()
    except ProtocolError:
        return


@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=3))
def test_a_file_with_other_bytes_raises_protocol_errors_only(at: int, noise: bytes) -> None:
    raw = json.dumps(as_tuples(distribution("flare", 9, CLAIMS))).encode()
    at %= len(raw)
    try:
        parse_distribution(raw[:at] + noise + raw[at + len(noise) :]).check()
    except ProtocolError:
        return
