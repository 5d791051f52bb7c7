"""Verifiable random numbers: the reference's proofs to the bit, and what a forged one is told."""

import itertools
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono_flare_ftso.protocol import bn254
from chrono_flare_ftso.protocol.bn254 import (
    FIELD,
    GENERATOR,
    INFINITY,
    ORDER,
    Arithmetic,
    Point,
    hash_to_point,
    multiples,
)
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.sortition import (
    Credential,
    SortitionKey,
    eligible,
    generate_key,
    message,
    prove,
    prove_possession,
    replicate_count,
    score_cutoff,
    verify,
    verify_possession,
)

SECRET = 0x229FF1ACF1499E390666F5AD839E0D3E28248B4926983341E49A34685B3A4C24
NONCE = 0x1AB90C27C02EC5FC6371E2E73903356311D10756E8FA52FE15AD47203F84C310
SEED = 0x968672BB8CB028CAB163C0B62EB5C8AA6AF66903E1D64958238E9A79D4D88C64
BLOCK = 31415926
IDENTITY = bytes.fromhex("526bbfc4fdd20f2b0b4693b3ea35f527707c5fbb")
CREDENTIAL = Credential(
    17,
    Point(
        0x07E61D3A052040B833153D82EDADEBB832E1E656B4C1DB7C49DED578799DB4C3,
        0x13B504E83C487CA50ED8E8507925C466D4FA47073BB6F8E699A551D3A6D3DC89,
    ),
    0x1580BCFDBB43AD7E4A849E036C539FFC998AC1DBDE1695CBC53065FB8DDEC614,
    0x2246B74BB912E2C9A6527F9A4F0BAAAF2B4B0E994880E10DF88BE62D595ED812,
)
POSSESSION = bytes.fromhex(
    "29bff10f4c6cd7888a95c7808db8a7ce22415cd7c399096ef16b9f47a32775c0"
    "20f28b999089efda773d683b5ee199db3cfe2afe567732e92ed4a71af3012510"
    "064e06c4efca8f77aa189cd73948ed756ee31339342eee072ffff389279ccddc"
)


@pytest.fixture(scope="module")
def key():
    return SortitionKey(SECRET)


@pytest.fixture(params=["int", "mpz"])
def _numbers(request, monkeypatch):
    number = int if request.param == "int" else pytest.importorskip("gmpy2").mpz
    monkeypatch.setattr(bn254, "ARITHMETIC", Arithmetic(number))


@pytest.fixture
def vectors(reference):
    return reference("fast_updates.json")["sortition"]


@pytest.fixture
def keys(vectors):
    assert len(vectors["keys"]) == 4
    return [SortitionKey(int(each["sk"])) for each in vectors["keys"]]


def credential_of(case):
    gamma = Point(int(case["gamma"]["x"]), int(case["gamma"]["y"]))
    return Credential(int(case["replicate"]), gamma, int(case["c"]), int(case["s"]))


def nonce_of(case, secret):
    """A response is the nonce less secret times challenge, so who knows the secret knows the nonce."""
    return (int(case["s"]) + secret * int(case["c"])) % ORDER


@pytest.mark.usefixtures("_numbers")
def test_every_proof_of_the_reference_is_made_again_from_its_nonce(vectors, keys):
    assert len(vectors["proofs"]) == 40
    for case in vectors["proofs"]:
        key, seed, block = keys[case["key_index"]], int(case["base_seed"]), int(case["block_number"])
        expected = credential_of(case)
        assert message(seed, block, expected.replicate).hex() == case["message"][2:]
        nonce = nonce_of(case, key.secret)
        assert prove(key, seed, block, expected.replicate, draw=lambda _, nonce=nonce: nonce) == expected
        assert int(case["vrf_value"]) == expected.gamma.x


@pytest.mark.usefixtures("_numbers")
def test_every_proof_of_the_reference_is_good_and_for_nothing_else(vectors, keys):
    assert len(vectors["proofs"]) == 40
    for case in vectors["proofs"]:
        public, seed, block = keys[case["key_index"]].public, int(case["base_seed"]), int(case["block_number"])
        credential = credential_of(case)
        assert verify(public, seed, block, credential)
        assert not verify(public, seed, block + 1, credential)


@pytest.mark.usefixtures("_numbers")
def test_the_reference_finds_the_same_replicates_eligible(vectors, keys):
    seeds = {(case["base_seed"], case["block_number"]) for case in vectors["proofs"]}
    assert len(vectors["eligibility"]) == 4
    for case in vectors["eligibility"]:
        key, cutoff = keys[case["key_index"]], int(case["cutoff"])
        found = {
            tuple(each.replicate for each in eligible(key, int(seed), int(block), cutoff, range(case["weight"])))
            for seed, block in seeds
        }
        assert tuple(case["eligible_replicates_strict_less"]) in found


def test_every_possession_of_the_reference_is_made_again_from_its_nonce(vectors, keys):
    assert len(vectors["public_key_possession"]) == 4
    for case in vectors["public_key_possession"]:
        key, identity = keys[case["key_index"]], bytes.fromhex(case["voter"][2:])
        data = bytes.fromhex(case["verification_data"][2:])
        assert key.public.encode().hex() == case["part1"][2:] + case["part2"][2:]
        assert data[:32] == int(case["s"]).to_bytes(32, "big")
        assert Point.decode(data[32:]) == Point(int(case["r"]["x"]), int(case["r"]["y"]))
        assert sha256(identity).hexdigest() == case["message"][2:]
        e = int.from_bytes(keccak256(key.public.encode() + sha256(identity).digest() + data[32:]), "big")
        nonce = (int(case["s"]) + key.secret * e) % ORDER
        assert prove_possession(key, identity, draw=lambda _, nonce=nonce: nonce) == data
        assert verify_possession(key.public, identity, data)
        assert not verify_possession(key.public, identity[::-1][:-1] + b"\xff", data)


@pytest.mark.usefixtures("_numbers")
def test_a_proof_is_what_another_implementation_found(key):
    assert prove(key, SEED, BLOCK, 17, draw=lambda _: NONCE) == CREDENTIAL
    assert verify(key.public, SEED, BLOCK, CREDENTIAL)


@pytest.mark.usefixtures("_numbers")
def test_winners_are_what_another_implementation_found(key):
    winners = eligible(key, SEED, BLOCK, FIELD // 16, range(60))
    assert [each.replicate for each in winners] == [1, 6, 35, 42, 51]
    assert all(verify(key.public, SEED, BLOCK, each) for each in winners)


def test_a_possession_is_what_another_implementation_found(key):
    assert prove_possession(key, IDENTITY, draw=lambda _: NONCE) == POSSESSION
    assert verify_possession(key.public, IDENTITY, POSSESSION)


def test_the_public_key_is_what_another_implementation_found(key):
    assert key.public.x == 0x0F626227DB6E3323D4C44B4CFBD1311398AC1103CD7273F924E37721AC37E8F8
    assert key.public.y == 0x08CD54E896C332A3E989090A38F7DC0B57D175B7A687281CF2EDA847007CCEE6


def test_a_number_equal_to_the_cutoff_is_eligible_and_one_above_is_not(key):
    value = CREDENTIAL.gamma.x
    for cutoff, expected in ((value, [17]), (value - 1, []), (value + 1, [17])):
        assert [each.replicate for each in eligible(key, SEED, BLOCK, cutoff, [17])] == expected


def test_replicates_may_be_split_among_workers_and_keep_their_order(key):
    whole = eligible(key, SEED, BLOCK, FIELD // 16, range(60), draw=lambda _: NONCE)
    parts = [eligible(key, SEED, BLOCK, FIELD // 16, part, draw=lambda _: NONCE) for part in (range(30), range(30, 60))]
    assert whole == tuple(itertools.chain(*parts))
    assert eligible(key, SEED, BLOCK, FIELD // 16, iter([])) == ()


def test_only_winners_are_proved(key):
    drawn = []

    def draw(below):
        drawn.append(below)
        return NONCE

    assert len(eligible(key, SEED, BLOCK, FIELD // 16, range(60), draw=draw)) == 5
    assert drawn == [ORDER] * 5


@settings(deadline=None, max_examples=15)
@given(st.integers(1, ORDER - 1), st.integers(0, 2**256 - 1), st.integers(0, 2**64), st.integers(0, 4095))
def test_what_is_proved_is_good(secret, seed, block, replicate):
    key = SortitionKey(secret)
    assert verify(key.public, seed, block, prove(key, seed, block, replicate))


def test_a_proof_holds_for_one_key_seed_block_replicate_gamma_and_challenge(key):
    other = SortitionKey(SECRET - 1).public
    assert not verify(other, SEED, BLOCK, CREDENTIAL)
    assert not verify(key.public, SEED + 1, BLOCK, CREDENTIAL)
    assert not verify(key.public, SEED, BLOCK - 1, CREDENTIAL)
    for change in (
        {"replicate": 18},
        {"gamma": GENERATOR},
        {"gamma": INFINITY},
        {"c": CREDENTIAL.c + 1},
        {"c": CREDENTIAL.c + ORDER},
        {"c": -1},
        {"s": CREDENTIAL.s + 1},
    ):
        assert not verify(key.public, SEED, BLOCK, replace(CREDENTIAL, **change))
    assert not verify(INFINITY, SEED, BLOCK, CREDENTIAL)


def test_infinity_proves_nothing_though_its_equation_holds():
    """Of the secret 0 everybody knows a proof."""
    point = hash_to_point(message(SEED, BLOCK, 0))
    commitments = [GENERATOR, point, INFINITY, INFINITY, *multiples([GENERATOR, point], NONCE)]
    c = int.from_bytes(sha256(b"".join(each.encode() for each in commitments)).digest(), "big") % ORDER
    assert not verify(INFINITY, SEED, BLOCK, Credential(0, INFINITY, c, NONCE))


def test_a_response_counts_modulo_the_order_as_the_precompiled_contract_takes_it(key):
    assert verify(key.public, SEED, BLOCK, replace(CREDENTIAL, s=CREDENTIAL.s + ORDER))
    with pytest.raises(WireError, match=r"s: byte 0: expected a number from 0 to 2\^256 - 1"):
        verify(key.public, SEED, BLOCK, replace(CREDENTIAL, s=CREDENTIAL.s + 6 * ORDER))


@pytest.mark.parametrize(
    ("numbers", "what"),
    [((-1, 0, 0), "seed"), ((0, 2**256, 0), "block"), ((0, 0, -5), "replicate")],
)
def test_a_number_that_does_not_fit_its_word_is_refused(numbers, what):
    with pytest.raises(WireError) as caught:
        message(*numbers)
    assert (caught.value.subject, caught.value.at) == (what, 0)


@pytest.mark.parametrize("secret", [0, -1, ORDER, ORDER + 1, SECRET + ORDER])
def test_a_secret_out_of_range_is_refused_without_being_shown(secret):
    with pytest.raises(ProtocolError) as caught:
        SortitionKey(secret)
    assert str(caught.value) == "sortition key: expected a number from 1 to the order of bn254 less 1, was another"


def test_a_key_does_not_show_its_secret(key):
    assert repr(key) == str(key) == f"{key}" == f"SortitionKey(public={key.public!r})"
    assert str(SECRET) not in repr(key)


def test_a_new_key_is_drawn_from_all_secrets_but_zero():
    assert generate_key(lambda below: below - 1).secret == ORDER - 1
    assert generate_key(lambda _: 0).public == GENERATOR
    assert generate_key() != generate_key()


def test_nonces_are_new_each_time(key):
    assert prove(key, SEED, BLOCK, 1) != prove(key, SEED, BLOCK, 1)
    assert prove_possession(key, IDENTITY) != prove_possession(key, IDENTITY)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, ORDER - 1), st.binary(min_size=20, max_size=20))
def test_what_is_possessed_is_good(secret, identity):
    key = SortitionKey(secret)
    assert verify_possession(key.public, identity, prove_possession(key, identity))


@pytest.mark.parametrize("at", [0, 31, 32, 63, 64, 95])
def test_verification_data_with_one_bit_changed_is_not_good(key, at):
    changed = bytearray(POSSESSION)
    changed[at] ^= 1
    assert not verify_possession(key.public, IDENTITY, bytes(changed))


def test_verification_data_is_for_one_key_and_identity(key):
    assert not verify_possession(GENERATOR, IDENTITY, POSSESSION)
    assert not verify_possession(INFINITY, IDENTITY, POSSESSION)
    assert not verify_possession(key.public, bytes(20), POSSESSION)


def test_what_follows_the_three_words_is_not_read(key):
    assert verify_possession(key.public, IDENTITY, POSSESSION + b"more")


def test_a_nonce_of_nothing_is_no_possession(key):
    """The contract asks for a nonce's point on the curve, and infinity is not."""
    assert not verify_possession(key.public, IDENTITY, prove_possession(key, IDENTITY, draw=lambda _: 0))


def test_verification_data_that_ends_early_is_refused_where_it_ends(key):
    with pytest.raises(WireError) as caught:
        verify_possession(key.public, IDENTITY, POSSESSION[:95])
    assert caught.value.at == 64


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=100) | st.binary(min_size=96, max_size=96))
def test_random_verification_data_is_not_good_or_refused(data):
    try:
        assert not verify_possession(GENERATOR, IDENTITY, data)
    except ProtocolError:
        assert len(data) < 96


def test_an_identity_of_another_size_is_refused(key):
    for identity in (bytes(19), bytes(21)):
        with pytest.raises(WireError) as caught:
            prove_possession(key, identity)
        assert (caught.value.subject, caught.value.at) == ("identity address", min(len(identity), 20))


@pytest.mark.parametrize(
    ("weight", "total", "expected"),
    [
        (0, 65535, 0),
        (1, 65535, 1),
        (655, 65535, 41),
        (16, 65536, 1),
        (17, 65536, 2),
        (9, 9, 4096),
        (65535, 60000, 4474),
    ],
)
def test_a_part_of_a_replicate_is_a_whole_one(weight, total, expected):
    assert replicate_count(weight, total) == expected


@pytest.mark.parametrize(("weight", "total"), [(-1, 10), (1, 0), (0, 0), (1, -3)])
def test_weights_out_of_range_are_refused(weight, total):
    with pytest.raises(ProtocolError, match=f"was {weight} of {total}"):
        replicate_count(weight, total)


@given(st.integers(0, 2**128 - 1))
def test_the_cutoff_is_the_share_of_the_field_that_the_sample_is_of_all_replicates(sample_size):
    whole = FIELD * sample_size >> 132
    assert whole - 1 <= score_cutoff(sample_size) <= whole


def test_the_cutoff_drops_both_lower_parts():
    samples = [3 << 119, (1 << 120) - 1, 1, 255, 256, (1 << 128) - 1]
    less = [(FIELD * each >> 132) - score_cutoff(each) for each in samples]
    assert set(less) <= {0, 1}
    assert 1 in [(FIELD * each >> 132) - score_cutoff(each) for each in range(1, 1 << 12)]


def test_a_sample_size_of_more_than_128_bits_is_refused():
    for sample_size in (-1, 1 << 128):
        with pytest.raises(WireError, match="sample size: byte 0"):
            score_cutoff(sample_size)
