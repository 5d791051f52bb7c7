"""What a voter signs in each reward epoch, what its registration weighs, what signing late costs."""

from dataclasses import replace
from hashlib import sha256
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError, WireError
from chrono_flare_ftso.protocol.networks import COSTON, COSTON2, FLARE, NETWORKS, SONGBIRD
from chrono_flare_ftso.protocol.registration import (
    NO_UPTIME_VOTE,
    PolicySigning,
    bound_registration_hash,
    burn_factor_ppm,
    capped_wnat,
    registration_hash,
    registration_weight,
    rewards_hash,
    unbound_registration_hash,
    uptime_hash,
)
from chrono_flare_ftso.protocol.signatures import Signature, address_of, eip191, sign
from chrono_flare_ftso.protocol.text import from_hex

IDENTITY = bytes.fromhex("526bbfc4fdd20f2b0b4693b3ea35f527707c5fbb")
ROOT = sha256(b"root").digest()
PARAMETERS = FLARE.parameters
epochs = st.integers(0, 2**24 - 1)


@pytest.fixture
def vectors(reference):
    return reference("registration.json")


@pytest.fixture
def signed(vectors):
    """Return whether a hash, signed with the vectors' key, gives a signature of theirs."""
    key = from_hex(vectors["signing_private_key"])
    assert address_of(key) == from_hex(vectors["signing_address"])

    def check(hashed, expected):
        return sign(eip191(hashed), key) == Signature(expected["v"], from_hex(expected["r"]), from_hex(expected["s"]))

    return check


def test_every_registration_of_the_reference_old_and_new(vectors, signed):
    by_chain = {network.chain_id: network for network in NETWORKS.values()}
    assert len(vectors["registration"]) == 12
    for case in vectors["registration"]:
        epoch, identity, chain = case["reward_epoch_id"], from_hex(case["voter"]), case["chain_id"]
        new, old = bound_registration_hash(chain, epoch, identity), unbound_registration_hash(epoch, identity)
        assert (new, old) == (from_hex(case["hash_new"]), from_hex(case["hash_old"]))
        assert signed(new, case["signature_new"])
        assert signed(old, case["signature_old"])
        network = by_chain[chain]
        expected = new if epoch >= network.chain_bound_registration else old
        assert registration_hash(network, epoch, identity) == expected


def test_every_uptime_vote_of_the_reference(vectors, signed):
    assert from_hex(vectors["zero_hash"]) == NO_UPTIME_VOTE
    assert len(vectors["uptime"]) == 2
    for case in vectors["uptime"]:
        found = uptime_hash(case["reward_epoch_id"], from_hex(case["uptime_vote_hash"]))
        assert found == uptime_hash(case["reward_epoch_id"]) == from_hex(case["hash_to_sign"])
        assert signed(found, case["signature"])


def test_every_rewards_hash_of_the_reference(vectors):
    assert len(vectors["rewards"]) == 2
    for case in vectors["rewards"]:
        counts = [tuple(each) for each in case["no_of_weight_based_claims"]]
        found = rewards_hash(case["reward_epoch_id"], counts, from_hex(case["rewards_hash"]))
        assert found == from_hex(case["hash_to_sign"])


def test_the_rewards_hash_of_the_go_client(vectors):
    case = vectors["rewards_go"]
    counts = [(case["chain_id"], case["weight_based_claims"])]
    found = rewards_hash(case["reward_epoch_id"], counts, from_hex(case["rewards_hash"]))
    assert found == from_hex(case["keccak_of_encoded"])


def test_every_registration_weight_of_the_reference(vectors):
    assert len(vectors["registration_weight_tests"]) == 2
    for case in vectors["registration_weight_tests"]:
        root = case["sqrt_W"]
        assert isqrt(root) == case["sqrt_sqrt_W"]
        for power in (root * root, root * (root + 2)):
            assert registration_weight(power) == case["registration_weight"]


def test_messages_are_what_another_implementation_found():
    bound = bound_registration_hash(14, 500, IDENTITY).hex()
    assert bound == "7b3b0c306232b02f64dcc40b13a6fe33e93302cf4652e4d8ddef5d1cd851936c"
    unbound = unbound_registration_hash(500, IDENTITY).hex()
    assert unbound == "2a3104f6222cefe78de6e1ff75779ef0a6be760e8ff61463ca7855f39151ae97"
    assert uptime_hash(500).hex() == "d82e578227ddebc0d95827f7f515ee96eb9b6fede2ce7f6d17647c71a0eb7f44"
    two = rewards_hash(500, [(14, 100), (19, 0)], ROOT).hex()
    assert two == "e092ceb8408868c45648df8089b3a0b353650a0dd71112b5f8d3f4f32358da6e"
    assert rewards_hash(500, [], ROOT).hex() == "dca9a0b33da94d2730a3ebca625e7b9e697f4aad7be9fea214101d4d6045a341"


@pytest.mark.parametrize(("network", "first"), [(FLARE, 417), (SONGBIRD, 417), (COSTON, 5451), (COSTON2, 0)])
def test_a_registration_carries_the_chain_id_from_the_networks_epoch_on(network, first):
    for epoch in {max(first - 1, 0), first, first + 1, 9999}:
        bound = bound_registration_hash(network.chain_id, epoch, IDENTITY)
        expected = bound if epoch >= first else unbound_registration_hash(epoch, IDENTITY)
        assert registration_hash(network, epoch, IDENTITY) == expected


def test_one_new_message_does_not_serve_two_chains_and_an_old_one_did():
    assert registration_hash(FLARE, 500, IDENTITY) != registration_hash(SONGBIRD, 500, IDENTITY)
    assert registration_hash(FLARE, 400, IDENTITY) == registration_hash(SONGBIRD, 400, IDENTITY)


@given(epochs, st.binary(min_size=20, max_size=20))
def test_every_epoch_and_identity_has_a_message_of_its_own(epoch, identity):
    other = bytes([identity[0] ^ 1]) + identity[1:]
    found = {bound_registration_hash(14, *each) for each in ((epoch, identity), (epoch + 1, identity), (epoch, other))}
    assert len(found) == 3


@pytest.mark.parametrize(
    ("call", "subject"),
    [
        (lambda: bound_registration_hash(14, 2**32, IDENTITY), "uint32"),
        (lambda: unbound_registration_hash(-1, IDENTITY), "uint32"),
        (lambda: bound_registration_hash(14, 1, IDENTITY + b"\0"), "address"),
        (lambda: unbound_registration_hash(1, IDENTITY[:19]), "address"),
        (lambda: uptime_hash(2**24), "uint24"),
        (lambda: uptime_hash(1, bytes(31)), "bytes32"),
        (lambda: rewards_hash(2**24, [], ROOT), "uint24"),
        (lambda: rewards_hash(1, [], ROOT[:31]), "bytes32"),
        (lambda: rewards_hash(1, [(14, -1)], ROOT), "uint256"),
    ],
)
def test_what_does_not_fit_its_type_is_refused(call, subject):
    with pytest.raises(WireError) as caught:
        call()
    assert (caught.value.subject, caught.value.at) == (subject, 0)


@given(st.integers(0, 2**256 - 1))
def test_a_weight_is_the_root_times_the_root_of_the_root_rounded_down_twice(power):
    weight = registration_weight(power)
    root = isqrt(power)
    assert root * root <= power < (root + 1) ** 2
    assert weight % root == 0 if root else weight == 0
    assert (weight // root if root else 0) == isqrt(isqrt(power))


def test_a_negative_power_is_refused():
    with pytest.raises(ProtocolError, match="expected a power from 0, was -1"):
        registration_weight(-1)


@pytest.mark.parametrize(
    ("votes", "total", "counted"), [(0, 0, 0), (24, 1000, 24), (25, 1000, 25), (26, 1000, 25), (5, 199, 4), (9, 39, 0)]
)
def test_wrapped_coins_count_up_to_the_cap_of_all_rounded_down(votes, total, counted):
    assert capped_wnat(votes, total, PARAMETERS) == counted


def test_the_cap_is_the_networks():
    assert capped_wnat(10**6, 10**6, replace(PARAMETERS, wnat_cap_ppm=300_001)) == 300_001


LATE = PolicySigning(start_time=1_000_000, start_block=100_000, end_time=1_100_000, end_block=102_000)


@pytest.mark.parametrize(
    ("signing", "signed_block", "burned"),
    [
        (PolicySigning(10**6, 100_000, 10**6 + 1000, 100_300), 110_001, 0),
        (PolicySigning(10**6, 100_000, 10**6 + 1200, 200_000), 0, 0),
        (PolicySigning(10**6, 100_000, 10**6 + 1201, 200_000), 0, 1_000_000),
        (PolicySigning(10**6, 100_000, 10**6 + 10**5, 100_300), 110_001, 0),
        (PolicySigning(10**6, 100_000, 10**6 + 10**5, 100_600), 110_001, 0),
        (PolicySigning(10**6, 100_000, 10**6 + 10**5, 100_601), 0, 2),
        (PolicySigning(10**6, 100_000, 10**6 + 10**5, 101_100), 0, 694_443),
        (PolicySigning(10**6, 100_000, 10**6 + 10**5, 101_500), 0, 1_000_000),
        (LATE, 100_100, 0),
        (LATE, 100_599, 0),
        (LATE, 100_600, 0),
        (LATE, 100_601, 2),
        (LATE, 100_900, 250_000),
        (LATE, 101_199, 996_668),
        (LATE, 101_200, 1_000_000),
        (LATE, 110_000, 1_000_000),
    ],
)
def test_signing_late_burns_as_the_square_of_the_delay(signing, signed_block, burned):
    assert burn_factor_ppm(signing, signed_block, PARAMETERS) == burned


def test_a_network_has_its_own_time_to_sign():
    assert burn_factor_ppm(LATE, 100_900, SONGBIRD.parameters) == 0
    assert burn_factor_ppm(LATE, 100_200, COSTON.parameters) == 62_500
    assert burn_factor_ppm(LATE, 100_240, COSTON2.parameters) == 1_000_000


def test_before_a_policy_is_signed_there_is_no_burn_factor():
    with pytest.raises(NoResult, match="signing policy not signed yet"):
        burn_factor_ppm(replace(LATE, end_time=0, end_block=0), 0, PARAMETERS)


def test_a_policy_that_was_signed_before_it_was_set_is_refused():
    with pytest.raises(ProtocolError, match="expected an end from 1000000, was 999999"):
        burn_factor_ppm(replace(LATE, end_time=999_999), 0, PARAMETERS)
