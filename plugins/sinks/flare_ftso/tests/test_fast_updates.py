"""Deltas, what they do to a value, which are chosen, and how an update is signed and sent."""

import math
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.bn254 import GENERATOR, Point
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.fast_updates import (
    Update,
    apply_deltas,
    choose_deltas,
    decode_deltas,
    digest,
    encode_deltas,
    float_of,
    parse_submit_and_pass,
    rebase,
    scale_of,
    sign_update,
    submit_and_pass,
    submit_updates,
)
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import Signature, address_of, recover
from chrono_flare_ftso.protocol.sortition import Credential
from chrono_flare_ftso.protocol.text import from_hex

SIGNS = {"0": 0, "+": 1, "-": -1}
SCALE = scale_of(1 << 114)  # the chain's precision, about 0.0122 %
ONE = 1 << 120
KEY = bytes.fromhex("f41587b39b41c562f08a41f245c12d438b31db8225e29d02147712ac5fc4bdaa")
CREDENTIAL = Credential(
    17,
    Point(
        0x07E61D3A052040B833153D82EDADEBB832E1E656B4C1DB7C49DED578799DB4C3,
        0x13B504E83C487CA50ED8E8507925C466D4FA47073BB6F8E699A551D3A6D3DC89,
    ),
    0x1580BCFDBB43AD7E4A849E036C539FFC998AC1DBDE1695CBC53065FB8DDEC614,
    0x2246B74BB912E2C9A6527F9A4F0BAAAF2B4B0E994880E10DF88BE62D595ED812,
)
words = st.integers(0, 2**256 - 1)
credentials = st.builds(Credential, words, st.just(GENERATOR), words, words)
updates = st.builds(
    Update,
    words,
    credentials,
    st.binary(max_size=70),
    st.builds(Signature, st.integers(0, 255), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)),
)


@pytest.fixture
def vectors(reference):
    return reference("fast_updates.json")


@pytest.fixture(scope="module")
def update():
    return sign_update(31415926, CREDENTIAL, bytes.fromhex("1d70c4"), KEY)


def never():
    """Refuse to be asked for a random number."""
    raise AssertionError


def test_every_packing_of_the_reference(vectors):
    assert len(vectors["delta_pack"]) == 12
    for case in vectors["delta_pack"]:
        deltas = [SIGNS[sign] for sign in case["string"]]
        assert encode_deltas(deltas) == from_hex(case["hex"])
        found = decode_deltas(from_hex(case["hex"]))
        assert list(found[: len(deltas)]) == deltas
        assert not any(found[len(deltas) :])


def test_every_unpacking_of_py_flare_common(vectors):
    assert len(vectors["delta_unpack_py"]) == 2
    for case in vectors["delta_unpack_py"]:
        assert list(decode_deltas(case["deltas"])) == case["expected"]


def test_every_refusal_of_py_flare_common_names_the_number(vectors):
    assert len(vectors["delta_unpack_errors"]) == 4
    for case in vectors["delta_unpack_errors"]:
        wrong = next(at for at, number in enumerate(case["deltas"]) if not 0 <= number <= 255)
        with pytest.raises(WireError) as caught:
            decode_deltas(case["deltas"])
        assert (caught.value.subject, caught.value.at) == ("deltas", wrong)
        assert caught.value.was == str(case["deltas"][wrong])


def test_every_price_of_the_reference(vectors):
    assert len(vectors["raw_chain_values_to_float"]) == 5
    for case in vectors["raw_chain_values_to_float"]:
        found = [float_of(int(value), places) for value, places in zip(case["feeds"], case["decimals"], strict=True)]
        assert found == case["values"]


def test_the_submission_of_the_reference_to_the_byte(vectors):
    case = vectors["submit"]
    drawn = case["sortition"]
    gamma = Point(int(drawn["gamma"]["x"]), int(drawn["gamma"]["y"]))
    credential = Credential(int(drawn["replicate"]), gamma, int(drawn["c"]), int(drawn["s"]))
    deltas = encode_deltas([SIGNS[sign] for sign in case["delta_string"]])
    key = from_hex(case["signing_private_key"])
    update = sign_update(int(drawn["block_number"]), credential, deltas, key)
    assert deltas == from_hex(case["deltas"])
    assert address_of(key) == from_hex(case["signing_address"])
    assert update.signature == Signature(case["v"], from_hex(case["r"]), from_hex(case["s"]))
    assert update.encode() == from_hex(case["submit_updates_args"])
    assert submit_updates(update)[:4] == from_hex(case["submit_updates_selector"])
    assert submit_updates(update) == from_hex(case["submit_updates_calldata"])
    assert submit_and_pass(update) == from_hex(case["submit_and_pass_calldata"])
    assert parse_submit_and_pass(submit_and_pass(update)) == update
    prefixed = b"\x19Ethereum Signed Message:\n32" + from_hex(case["sha256"])
    assert digest(update.block, credential, deltas) == keccak256(prefixed)


def test_a_submission_is_what_another_implementation_found(update):
    found = digest(31415926, CREDENTIAL, bytes.fromhex("1d70c4"))
    assert found.hex() == "4446cec88b807c0b38a5e968edc9ae6c242df10ac7cec00000735af63ac9b0cf"
    assert recover(found, update.signature) == address_of(KEY)
    assert len(submit_and_pass(update)) == 484
    hashed = keccak256(submit_and_pass(update)).hex()
    assert hashed == "e94ec36b593ccfa62c10438eabf48d0e3e0c39388bd8c08b7ad39694c1b8183e"


@pytest.mark.parametrize(
    ("deltas", "packed"),
    [("", ""), ("+", "40"), ("0+", "10"), ("00-", "0c"), ("000-", "03"), ("+-0+-", "71c0"), ("-" * 9, "ffffc0")],
)
def test_the_first_feed_stands_in_the_highest_bits(deltas, packed):
    assert encode_deltas([SIGNS[sign] for sign in deltas]).hex() == packed


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=70))
def test_deltas_come_back_with_zeros_up_to_a_whole_byte(deltas):
    data = encode_deltas(deltas)
    assert len(data) == math.ceil(len(deltas) / 4)
    assert list(decode_deltas(data)) == deltas + [0] * (-len(deltas) % 4)


@given(st.binary(max_size=40))
def test_any_bytes_are_deltas_and_the_fourth_pattern_is_none(data):
    found = decode_deltas(data)
    bits = "".join(f"{byte:08b}" for byte in data)
    assert found == tuple({"00": 0, "01": 1, "10": 0, "11": -1}[bits[at : at + 2]] for at in range(0, len(bits), 2))


@given(st.binary(max_size=40))
def test_py_flare_common_unpacks_the_same(data):
    theirs = pytest.importorskip("py_flare_common.ftso.fast_updates")
    assert list(decode_deltas(data)) == theirs.encode_update_array(list(data))


@pytest.mark.parametrize(("deltas", "at"), [([2], 0), ([0, 0, 0, 0, -2], 1), ([1] * 11 + [3], 2)])
def test_a_delta_of_another_size_is_refused_with_its_byte(deltas, at):
    with pytest.raises(WireError) as caught:
        encode_deltas(deltas)
    assert (caught.value.at, caught.value.was) == (at, str(deltas[-1]))
    assert caught.value.expected == f"1, 0 or -1 for feed {len(deltas) - 1}"


@given(st.lists(st.integers(-300, 600), max_size=9))
def test_numbers_are_deltas_or_refused(numbers):
    good = all(0 <= number <= 255 for number in numbers)
    try:
        assert len(decode_deltas(numbers)) == 4 * len(numbers)
    except WireError:
        assert not good
    else:
        assert good


def test_a_scale_is_one_and_its_precision():
    assert scale_of(0) == 1 << 127
    assert scale_of(5) == (1 << 127) + 5


@given(st.integers(0, 2**32 - 1), st.integers(0, (1 << 127) - 1))
def test_a_move_rounds_down_both_ways(value, precision):
    scale = scale_of(precision)
    up, same, down = (apply_deltas([value], [delta], scale)[0] for delta in (1, 0, -1))
    assert up == math.floor(Fraction(value * scale, 1 << 127))
    assert same == value
    assert down == math.floor(Fraction(value << 127, scale))


def test_feeds_without_a_delta_stay_and_deltas_without_a_feed_do_nothing():
    assert apply_deltas([10**6, 10**6, 10**6], decode_deltas(b"\x40")[:1], SCALE) == (1000122, 10**6, 10**6)
    assert apply_deltas([10**6], [-1, 1, 1, -1], SCALE) == (999877,)
    assert apply_deltas([], [1], SCALE) == ()


def test_a_scale_that_is_not_positive_is_refused():
    for scale in (0, -1):
        with pytest.raises(ProtocolError, match=f"expected a scale from 1, was {scale}"):
            apply_deltas([1], [-1], scale)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0, 5), (0, 5)),
        ((2**29 - 1, 5), (2**29 - 1, 5)),
        ((2**29, 5), (53687091, 4)),
        ((2**32 - 1, 5), (429496729, 4)),
        ((2**32 - 1, -127), (429496729, -128)),
        ((2**32 - 1, -128), (2**32 - 1, -128)),
        ((65536, 5), (65536, 5)),
        ((65535, 5), (655350, 6)),
        ((1, 0), (100000, 5)),
        ((1, 126), (10, 127)),
        ((1, 127), (1, 127)),
    ],
)
def test_a_value_is_kept_with_three_bits_to_spare_at_both_ends(before, after):
    assert rebase(*before, SCALE) == after


def test_a_value_gains_no_digits_that_it_has_no_room_for():
    """At a precision of nothing no update changes anything, so the value grows until it has 29 bits."""
    assert rebase(1, 0, scale_of(0)) == (10**9, 9)
    assert rebase(2**28, 0, scale_of(0)) == (2**28, 0)
    assert rebase(2**28 - 1, 0, scale_of(0)) == (10 * (2**28 - 1), 1)


def test_a_value_or_scale_that_the_contract_cannot_have_is_refused():
    for value, scale in ((-1, SCALE), (5, (1 << 127) - 1)):
        with pytest.raises(ProtocolError, match=f"was {value} and {scale}"):
            rebase(value, 0, scale)


@given(st.integers(0, 2**256 - 1), st.integers(-128, 127))
def test_a_price_is_the_nearest_double(value, decimals):
    assert float_of(value, decimals) == float(Fraction(value) / Fraction(10) ** decimals)


def test_a_price_further_away_than_a_blocks_updates_is_moved_without_drawing():
    assert choose_deltas([100.0, 100.0], [100.1, 99.9], SCALE, ONE, draw=never) == (1, -1)


def test_a_nearer_price_is_moved_with_the_probability_of_its_share():
    near = 100.0 * (1 + 2**-13 / 4)
    share = abs(near - 100.0) / 100.0 / 2**-13
    assert share == pytest.approx(0.25)
    for drawn, expected in ((0.0, 1), (math.nextafter(share, 0), 1), (share, 0), (0.99, 0)):
        assert choose_deltas([100.0], [near], SCALE, ONE, draw=lambda drawn=drawn: drawn) == (expected,)
    assert choose_deltas([near], [100.0], SCALE, ONE, draw=lambda: 0.2) == (-1,)


def test_a_price_just_as_far_away_is_moved_after_drawing():
    draws = iter([0.999])
    assert choose_deltas([8192.0], [8193.0], SCALE, ONE, draw=lambda: next(draws)) == (1,)
    assert not list(draws)


def test_more_expected_updates_make_a_move_less_likely():
    own = 100.0 * (1 + 2**-13 * 2)
    assert choose_deltas([100.0], [own], SCALE, ONE, draw=never) == (1,)
    assert choose_deltas([100.0], [own], SCALE, 4 * ONE, draw=lambda: 0.49) == (1,)
    assert choose_deltas([100.0], [own], SCALE, 4 * ONE, draw=lambda: 0.51) == (0,)


def test_a_price_that_is_the_chains_stays():
    assert choose_deltas([100.0], [100.0], SCALE, ONE, draw=lambda: 0.0) == (0,)


def test_feeds_without_a_price_are_left_alone_and_the_last_are_left_out():
    draws = iter([0.5])
    own = [None, 101.0, None, 100.0, None, None]
    assert choose_deltas([100.0] * 6, own, SCALE, ONE, draw=lambda: next(draws)) == (0, 1, 0, 0)
    assert choose_deltas([100.0] * 2, [None, None], SCALE, ONE, draw=never) == ()


def test_dividing_by_zero_is_as_in_ieee_754():
    """A chain's value of zero is moved to any other; an expectation of nothing moves whatever differs."""
    assert choose_deltas([0.0], [1.0], SCALE, ONE, draw=never) == (1,)
    assert choose_deltas([0.0], [0.0], SCALE, ONE, draw=lambda: 0.0) == (0,)
    assert choose_deltas([1.0, 1.0], [1.0, math.nextafter(1.0, 2)], scale_of(0), ONE, draw=lambda: 0.0) == (0, 1)
    assert choose_deltas([1.0, 1.0], [1.0, math.nextafter(1.0, 0)], SCALE, 0, draw=lambda: 0.0) == (0, -1)


def test_a_price_that_is_not_a_number_is_none_and_an_infinite_one_is_up():
    assert choose_deltas([1.0], [math.nan], SCALE, ONE, draw=lambda: 0.0) == (0,)
    assert choose_deltas([1.0], [math.inf], SCALE, ONE, draw=never) == (1,)


def test_prices_of_different_number_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="shorter"):
        choose_deltas([1.0, 2.0], [1.0], SCALE, ONE)


@given(
    st.lists(st.tuples(st.integers(0, 2**32).map(float), st.none() | st.floats()), max_size=12),
    st.integers(0, 1 << 127),
    st.integers(0, 1 << 127),
)
def test_any_prices_have_deltas(prices, precision, sample_size):
    chain, own = [there for there, _ in prices], [here for _, here in prices]
    deltas = choose_deltas(chain, own, scale_of(precision), sample_size)
    assert len(encode_deltas(deltas)) <= math.ceil(len(prices) / 4)
    for there, here, delta in zip(chain, own, deltas, strict=False):
        if delta:
            assert (here > there) == (delta == 1)
            assert (here < there) == (delta == -1)


@settings(deadline=None)
@given(updates)
def test_an_update_comes_back_from_its_arguments_and_calldata(update):
    assert Update.decode(update.encode()) == update
    assert parse_submit_and_pass(submit_and_pass(update)) == update


@settings(deadline=None, max_examples=50)
@given(updates)
def test_eth_abi_encodes_the_same(update):
    theirs = pytest.importorskip("eth_abi")
    credential = (update.credential.replicate, (1, 2), update.credential.c, update.credential.s)
    signature = (update.signature.v, update.signature.r, update.signature.s)
    types = "(uint256,(uint256,(uint256,uint256),uint256,uint256),bytes,(uint8,bytes32,bytes32))"
    assert update.encode() == theirs.encode([types], [(update.block, credential, update.deltas, signature)])


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_changed_calldata_is_an_update_or_a_refusal(update, data):
    raw = bytearray(submit_and_pass(update))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=3)):
        raw[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)) | st.just(len(raw)))
    with suppress(ProtocolError):
        parse_submit_and_pass(bytes(raw[:cut]))


@given(st.binary(max_size=300))
def test_random_calldata_is_a_refusal(data):
    with pytest.raises(ProtocolError):
        parse_submit_and_pass(data)
    with pytest.raises(ProtocolError):
        parse_submit_and_pass(bytes.fromhex("833bf6c0") + data)
    with pytest.raises(ProtocolError):
        Update.decode(data)


def test_another_call_is_refused_by_its_selector():
    for data, was in ((b"", "the end"), (b"\x12", "12"), (bytes(40), "00000000")):
        with pytest.raises(WireError) as caught:
            parse_submit_and_pass(data)
        assert (caught.value.at, caught.value.expected, caught.value.was) == (0, "selector 833bf6c0", was)


def test_a_gamma_off_the_curve_is_refused(update):
    raw = bytearray(update.encode())
    raw[5 * 32 - 1] ^= 1  # the last byte of gamma's y
    with pytest.raises(ProtocolError, match="expected y² = x³"):
        Update.decode(bytes(raw))


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"block": -1}, "uint256"),
        ({"block": 2**256}, "uint256"),
        ({"signature": Signature(256, bytes(32), bytes(32))}, "uint8"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(update, change, subject):
    with pytest.raises(WireError) as caught:
        replace(update, **change).encode()
    assert (caught.value.subject, caught.value.at) == (subject, 0)


def test_a_bad_key_is_refused_without_being_shown():
    for key in (bytes(32), b"\xff" * 32, KEY[:31]):
        with pytest.raises(ProtocolError) as caught:
            sign_update(1, CREDENTIAL, b"", key)
        assert key.hex() not in str(caught.value)
