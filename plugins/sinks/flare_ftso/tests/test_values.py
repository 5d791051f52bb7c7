"""Prices as votes, votes as bytes."""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.text import from_hex
from chrono_flare_ftso.protocol.values import MAX_VOTE, POWERS, encode_value, pack, unpack

Reader = Callable[[str], Any]
VOTES = st.lists(st.none() | st.integers(-MAX_VOTE, MAX_VOTE), min_size=1, max_size=30)


def naive_pack(votes: list[int | None]) -> bytes:
    """Return the vector as it is told: one value after another, empty ones dropped from the end."""
    values = [b"\0\0\0\0" if vote is None else (vote + 2**31).to_bytes(4, "big") for vote in votes]
    while len(values) > 1 and values[-1] == b"\0\0\0\0":
        values.pop()
    return b"".join(values)


def naive_value(price: float, decimals: int) -> int | None:
    """Return the vote by exact arithmetic on what the doubles make of it."""
    scaled = price * POWERS[decimals]
    if not math.isfinite(scaled):
        return None
    vote = math.floor(Fraction(scaled) + Fraction(1, 2))
    return vote if abs(vote) <= MAX_VOTE else None


# What the reference implementation computed


def test_single_values_of_the_reference(reference: Reader) -> None:
    """What it makes of JSON that is no number is a matter of its HTTP: null as price 0, true as 1, text as a number."""
    cases = reference("feed_value_encoding.json")["single"]
    kinds = [case["value_js_type"] for case in cases]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "number": 99,
        "undefined": 1,
        "null": 1,
        "string": 2,
        "boolean": 1,
    }
    for case in cases:
        if case["value_js_type"] in {"string", "boolean"}:
            with pytest.raises(TypeError):
                encode_value(case["value"], case["decimals"])
        elif case["value_js_type"] == "number":
            vote = encode_value(float(case["value"]), case["decimals"])
            assert vote == (case["int"]["value"] if "hex" in case else None)
            assert pack([vote]) == (from_hex(case["hex"], 4) if "hex" in case else bytes(4))
        else:
            assert encode_value(None, case["decimals"]) is None


def test_vectors_of_the_reference(reference: Reader) -> None:
    cases = reference("feed_value_encoding.json")["vectors"]
    assert len(cases) == 5
    for case in cases:
        votes = [encode_value(*pair) for pair in zip(case["values"], case["decimals"], strict=True)]
        assert pack(votes) == from_hex(case["encoded_stripped"])
        whole = from_hex(case["encoded_unstripped"])
        assert list(unpack(whole, len(votes))) == list(unpack(pack(votes), len(votes))) == votes


def test_vectors_that_the_reference_reads(reference: Reader) -> None:
    """Text with an upper-case prefix is refused there and read here: bytes have no prefix."""
    cases = reference("feed_value_encoding.json")["decode"]
    assert (len(cases), sum(isinstance(case["result"], str) for case in cases)) == (15, 5)
    for case in cases:
        if not isinstance(case["result"], str):
            assert list(unpack(from_hex(case["packed"]), case["n_feeds"])) == case["result"]
        elif case["packed"].startswith("0X"):
            assert unpack(from_hex(case["packed"]), case["n_feeds"]) == (123, None, None, None)
        else:
            with pytest.raises(WireError):
                unpack(from_hex(case["packed"]), case["n_feeds"])


# One value


@pytest.mark.parametrize(
    ("price", "decimals", "vote"),
    [
        (0.5, 0, 1),
        (-0.5, 0, 0),
        (1.5, 0, 2),
        (-1.5, 0, -1),
        (-2.5, 0, -2),
        (-2.5000000000000004, 0, -3),
        (0.49999999999999994, 0, 0),
        (-0.49999999999999994, 0, 0),
        (-0.5000000000000001, 0, -1),
        (-1e-300, 0, 0),
        (0.0, 5, 0),
        (-0.0, 5, 0),
        (1.005, 2, 100),
        (8.345, 2, 835),
        (1.5, 1, 15),
        (3, 2, 300),
        (-7, -1, -1),
        (250_000.0, -5, 3),
        (25_000.0, -4, 3),
        (1e128, -128, 1),
        (1e-127, 127, 1),
        (1e-23, 23, 1),
    ],
)
def test_a_price_is_scaled_and_halves_go_up(price: float, decimals: int, vote: int) -> None:
    assert encode_value(price, decimals) == vote


@pytest.mark.parametrize(
    ("price", "vote"),
    [
        (2147483647.0, 2147483647),
        (2147483647.4999998, 2147483647),
        (2147483647.5, None),
        (2147483648.0, None),
        (-2147483647.0, -2147483647),
        (-2147483647.5, -2147483647),
        (-2147483647.5000005, None),
        (-2147483648.0, None),
        (1e308, None),
        (-1e308, None),
        (math.inf, None),
        (-math.inf, None),
        (math.nan, None),
        (10**400, None),
        (-(10**400), None),
        (None, None),
    ],
)
def test_what_is_out_of_range_is_no_vote(price: float | None, vote: int | None) -> None:
    assert encode_value(price, 0) == vote


def test_scaling_may_overflow() -> None:
    assert encode_value(1e200, 127) is None
    assert encode_value(1e300, -128) is None


@pytest.mark.parametrize("price", [True, False, "1.5", Decimal("1.5"), b"1", 1j, np.float32(1.5), [1.0]])
def test_a_price_that_is_no_number_is_a_mistake(price: Any) -> None:
    with pytest.raises(TypeError, match="expected a price that is a float or None, was"):
        encode_value(price, 2)


def test_doubles_of_numpy_are_doubles() -> None:
    assert encode_value(np.float64(1.235), 2) == encode_value(1.235, 2) == 124


@pytest.mark.parametrize("decimals", [True, 2.0, "2", None])
def test_decimals_that_are_no_number_are_a_mistake(decimals: Any) -> None:
    with pytest.raises(TypeError, match="expected decimals that are an int, was"):
        encode_value(1.0, decimals)


@pytest.mark.parametrize("decimals", [-129, 128])
def test_decimals_that_are_no_int8_are_a_mistake(decimals: int) -> None:
    with pytest.raises(ValueError, match=f"expected decimals from -128 to 127, was {decimals}"):
        encode_value(1.0, decimals)


def test_powers_of_ten_are_those_of_the_reference() -> None:
    """V8 13.6 has the nearest doubles, except at 23; V8 11.3 was off at 35 exponents, such as 9.999999999999999e-06."""
    assert list(POWERS) == list(range(-128, 128))
    nearest = {decimals: float(Fraction(10) ** decimals) for decimals in POWERS}
    assert [decimals for decimals in POWERS if POWERS[decimals] != nearest[decimals]] == [23]
    assert POWERS[23].hex() == "0x1.52d02c7e14af7p+76"


@given(st.floats(), st.integers(-128, 127))
def test_any_double_is_a_vote_or_none(price: float, decimals: int) -> None:
    assert encode_value(price, decimals) == naive_value(price, decimals)


@given(st.integers(-(2**32) - 5, 2**32 + 5), st.sampled_from([0.0, 2.0**-22, -(2.0**-22)]))
def test_halves_and_their_neighbours_are_rounded_exactly(halves: int, off: float) -> None:
    assert encode_value(halves / 2 + off, 0) == naive_value(halves / 2 + off, 0)


# Many values


@pytest.mark.parametrize(
    ("votes", "vector"),
    [
        ([], ""),
        ([None], "00000000"),
        ([None, None, None], "00000000"),
        ([0], "80000000"),
        ([None, 0, None], "0000000080000000"),
        ([256, -256, None], "800001007fffff00"),
        ([-MAX_VOTE, MAX_VOTE], "00000001ffffffff"),
        ([1, None, -(2**31) + 256], "800000010000000000000100"),
    ],
)
def test_votes_are_packed_without_empty_ones_at_the_end(votes: list[int | None], vector: str) -> None:
    assert pack(votes).hex() == vector
    assert list(unpack(pack(votes), len(votes))) == votes


@given(VOTES)
def test_votes_return(votes: list[int | None]) -> None:
    assert pack(votes) == pack(tuple(votes)) == naive_pack(votes)
    assert unpack(pack(votes), len(votes)) == tuple(votes)


@given(st.binary(max_size=60), st.integers(0, 16))
def test_any_vector_is_votes_or_is_refused(data: bytes, feeds: int) -> None:
    try:
        votes = unpack(data, feeds)
    except ProtocolError:
        assert len(data) % 4 or len(data) > 4 * feeds
        return
    assert len(votes) == feeds
    values = [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]
    assert list(votes[: len(values)]) == [value - 2**31 if value else None for value in values]
    assert set(votes[len(values) :]) <= {None}


def test_votes_are_numbers_of_python() -> None:
    assert {type(vote) for vote in unpack(bytes.fromhex("8000007b000000007fffffff"), 4)} == {int, type(None)}


def test_a_thousand_values_return() -> None:
    votes = [None if index % 7 == 0 else index * 4_294_967 - MAX_VOTE for index in range(1000)]
    assert unpack(pack(votes), 1200) == (*votes, *(None,) * 200)


@pytest.mark.parametrize(
    ("data", "feeds", "refusal"),
    [
        ("800000", 4, "vector of votes: byte 0: expected 4 bytes of value, was 3 bytes"),
        ("8000000000", 4, "vector of votes: byte 4: expected 4 bytes of value, was 1 bytes"),
        ("00" * 20, 4, "vector of votes: byte 16: expected the end after 4 values, was 4 bytes more"),
        ("00" * 4, 0, "vector of votes: byte 0: expected the end after 0 values, was 4 bytes more"),
    ],
)
def test_other_vectors_are_refused_by_their_byte(data: str, feeds: int, refusal: str) -> None:
    with pytest.raises(WireError) as caught:
        unpack(bytes.fromhex(data), feeds)
    assert str(caught.value) == refusal


@pytest.mark.parametrize("vote", [-(2**31), 2**31, 2**40, -(2**40)])
@pytest.mark.parametrize("before", [(1, 2), (1, None)])
def test_votes_out_of_range_are_refused_by_their_byte(vote: int, before: tuple[int | None, ...]) -> None:
    """The smallest number of 32 bits is what an empty vote would be, so it is no vote."""
    with pytest.raises(WireError) as caught:
        pack([*before, vote, 3])
    assert str(caught.value) == f"vector of votes: byte 8: expected a vote from -2147483647 to 2147483647, was {vote}"


@pytest.mark.parametrize("vote", [1.0, "1", b"1"])
@pytest.mark.parametrize("before", [1, None])
def test_votes_that_are_no_numbers_are_a_mistake(vote: Any, before: int | None) -> None:
    with pytest.raises(TypeError, match=f"expected votes that are an int or None, was {vote!r}"):
        pack([before, vote])


@given(st.lists(st.integers(0, 2**32 - 1), max_size=12))
def test_py_flare_common_reads_the_same(values: list[int]) -> None:
    told = pytest.importorskip("py_flare_common.fsp.messaging.parse").ftso_submit2
    vector = b"".join(value.to_bytes(4, "big") for value in values)
    assert list(unpack(vector, len(values))) == told(bytes(32) + vector).values
