"""The curve: against the chord-and-tangent rule, the reference, and both kinds of numbers against each other."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono_flare_ftso.protocol import bn254
from chrono_flare_ftso.protocol.bn254 import (
    ARITHMETIC,
    FIELD,
    GENERATOR,
    INFINITY,
    ORDER,
    Arithmetic,
    Point,
    add,
    hash_to_point,
    multiples,
    multiply,
)
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError

LAMBDA = 4407920970296243842393367215006156084916469457145843978461
EDGES = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, LAMBDA, LAMBDA + 1, LAMBDA - 1, 2 * LAMBDA, ORDER - LAMBDA]
EDGES += [ORDER // 2, ORDER - 2, ORDER - 1, ORDER, ORDER + 1, 2 * ORDER + 5, -1, -LAMBDA, 1 << 127, (1 << 128) - 1]
scalars = st.one_of(st.integers(0, ORDER - 1), st.sampled_from(EDGES))


def naive_add(left, right):
    if INFINITY in {left, right}:
        return right if left == INFINITY else left
    if left.x == right.x:
        if (left.y + right.y) % FIELD == 0:
            return INFINITY
        slope = 3 * left.x * left.x * pow(2 * left.y, -1, FIELD)
    else:
        slope = (right.y - left.y) * pow(right.x - left.x, -1, FIELD)
    x = (slope * slope - left.x - right.x) % FIELD
    return Point(x, (slope * (left.x - x) - left.y) % FIELD)


def naive_multiply(point, scalar):
    total, scalar = INFINITY, scalar % ORDER
    while scalar:
        if scalar & 1:
            total = naive_add(total, point)
        point = naive_add(point, point)
        scalar >>= 1
    return total


def negative(point):
    return Point(point.x, -point.y % FIELD)


@pytest.fixture(params=["int", "mpz"])
def arithmetic(request, monkeypatch):
    """Every number of the module is of one kind: Python's, or that of gmpy2."""
    number = int if request.param == "int" else pytest.importorskip("gmpy2").mpz
    made = Arithmetic(number)
    monkeypatch.setattr(bn254, "ARITHMETIC", made)
    return made


def test_every_key_of_the_reference_is_its_secret_times_the_generator(reference, arithmetic):
    sortition = reference("fast_updates.json")["sortition"]
    curve = sortition["curve"]
    assert (int(curve["p"]), int(curve["n"])) == (FIELD, ORDER)
    assert Point(int(curve["g"]["x"]), int(curve["g"]["y"])) == GENERATOR
    assert len(sortition["keys"]) == 4
    for key in sortition["keys"]:
        assert multiply(GENERATOR, int(key["sk"])) == Point(int(key["pk"]["x"]), int(key["pk"]["y"]))


def test_every_message_of_the_reference_is_hashed_to_its_point(reference, arithmetic):
    cases = reference("fast_updates.json")["sortition"]["hash_to_point"]
    assert len(cases) == 5
    for case in cases:
        expected = Point(int(case["point"]["x"]), int(case["point"]["y"]))
        assert hash_to_point(bytes.fromhex(case["message"][2:])) == expected


def test_every_proof_of_the_reference_hashes_its_message_to_its_point(reference, arithmetic):
    cases = reference("fast_updates.json")["sortition"]["proofs"]
    assert len(cases) == 40
    for case in cases:
        expected = Point(int(case["hash_point"]["x"]), int(case["hash_point"]["y"]))
        assert hash_to_point(bytes.fromhex(case["message"][2:])) == expected


def test_a_multiple_is_what_another_implementation_found(arithmetic):
    found = multiply(GENERATOR, 2**200 + 7)
    assert found.x == 0x25ADC445423E06A83C066ADD9F414BE983DD09799FA9DE27F678BF8D2AD064A6
    assert found.y == 0x0E08AB4DBD554D32A4AA576944464336DAF52C0AABCD6020919F4ADE5C65C80B


def test_a_message_is_hashed_to_what_another_implementation_found(arithmetic):
    found = hash_to_point(b"block latency")
    assert found.x == 0x2258587B4E6B00E06E5D76D713EB44DFF874D8D5285C64DC063485C104405B69
    assert found.y == 0x2A537B75476AB945A0F7322EBFB9DF8FB03DA3C1E1CCDBBFE2CA75A717AC9475


@pytest.mark.parametrize("scalar", EDGES)
def test_multiplying_by_a_number_at_an_edge_is_adding_as_often(arithmetic, scalar):
    for point in (GENERATOR, hash_to_point(b"a point")):
        assert multiply(point, scalar) == naive_multiply(point, scalar)


@settings(deadline=None, max_examples=60)
@given(scalars, st.binary(max_size=8))
def test_multiplying_agrees_with_doubling_and_adding(scalar, seed):
    point = hash_to_point(seed)
    assert multiply(point, scalar) == naive_multiply(point, scalar)


@settings(deadline=None, max_examples=40)
@given(scalars, st.lists(st.binary(max_size=4), max_size=4))
def test_both_kinds_of_numbers_give_the_same(scalar, seeds):
    gmpy2 = pytest.importorskip("gmpy2")
    plain, fast = Arithmetic(int), Arithmetic(gmpy2.mpz)
    points = [plain.lift(int.from_bytes(seed, "big")) for seed in seeds]
    assert points == [fast.lift(int.from_bytes(seed, "big")) for seed in seeds]
    assert plain.multiples(points, scalar) == fast.multiples(points, scalar)
    for left, right in pairwise(points):
        assert plain.add(left, right) == fast.add(left, right) == naive_add(left, right)


def test_what_comes_out_are_plain_numbers(arithmetic):
    for point in (multiply(GENERATOR, 5), hash_to_point(b""), add(GENERATOR, GENERATOR), *multiples([GENERATOR], 3)):
        assert type(point.x) is int
        assert type(point.y) is int


def test_many_at_once_are_each_for_itself(arithmetic):
    points = [hash_to_point(bytes([at])) for at in range(5)] + [INFINITY, GENERATOR, GENERATOR]
    for scalar in (0, 1, 2, 12345, ORDER - 1):
        assert multiples(points, scalar) == [multiply(point, scalar) for point in points]
    assert multiples([], 7) == []
    assert multiples([INFINITY], 7) == [INFINITY]


def test_small_tables_do_not_run_into_their_own_points(arithmetic):
    """The multiples of a table can meet the running sum, its negative or its image under the endomorphism."""
    for factor in range(-9, 10):
        for scalar in (factor, factor * LAMBDA, factor * (LAMBDA + 1), factor * (1 - LAMBDA), factor - LAMBDA):
            assert multiply(GENERATOR, scalar) == naive_multiply(GENERATOR, scalar)


def test_adding_knows_infinity_doubles_and_negatives(arithmetic):
    point = hash_to_point(b"one")
    assert add(point, INFINITY) == add(INFINITY, point) == point
    assert add(INFINITY, INFINITY) == INFINITY
    assert add(point, point) == naive_add(point, point)
    assert add(point, negative(point)) == INFINITY
    assert add(point, GENERATOR) == naive_add(point, GENERATOR)


def test_lifting_starts_at_x_itself_modulo_the_prime(arithmetic):
    assert arithmetic.lift(1) == GENERATOR
    assert arithmetic.lift(FIELD + 1) == GENERATOR
    assert arithmetic.lift(0).x == 1
    assert arithmetic.lift(FIELD - 1).x == FIELD - 1
    without = next(x for x in range(2, 99) if pow(x**3 + 3, (FIELD - 1) // 2, FIELD) != 1)
    assert arithmetic.lift(without).x > without


def test_without_gmpy2_numbers_are_pythons(monkeypatch):
    monkeypatch.setitem(sys.modules, "gmpy2", None)
    assert bn254._best().number is int


def test_with_gmpy2_numbers_are_its_own():
    gmpy2 = pytest.importorskip("gmpy2")
    assert bn254._best().number is gmpy2.mpz
    assert ARITHMETIC.number is gmpy2.mpz


@given(st.integers(0, ORDER - 1))
@settings(deadline=None, max_examples=20)
def test_a_point_comes_back_from_its_bytes(scalar):
    point = multiply(GENERATOR, scalar)
    assert Point.decode(point.encode()) == point


@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=64))
def test_bytes_are_a_point_or_a_refusal(data):
    try:
        point = Point.decode(data)
    except ProtocolError:
        return
    assert point.encode() == data


@pytest.mark.parametrize(("x", "y"), [(1, 3), (0, 1), (1, 0), (2, 2), (0, FIELD - 1)])
def test_a_point_off_the_curve_is_refused(x, y):
    with pytest.raises(ProtocolError, match=f"expected y² = x³ \\+ 3, was x {x}, y {y}"):
        Point(x, y)


@pytest.mark.parametrize(
    ("x", "y", "name"), [(FIELD + 1, 2, "x"), (-1, 2, "x"), (1, FIELD + 2, "y"), (1, 2 - FIELD, "y")]
)
def test_a_coordinate_outside_the_field_is_refused_though_it_solves_the_equation(x, y, name):
    with pytest.raises(ProtocolError, match=f"expected {name} from 0 to the prime less 1"):
        Point(x, y)


@pytest.mark.parametrize(
    ("data", "at", "expected"),
    [
        (b"", 0, "32 bytes of x"),
        (bytes(63), 32, "32 bytes of y"),
        (bytes(65), 64, "the end"),
        (FIELD.to_bytes(32, "big") + bytes(32), 0, "x below the prime"),
        (bytes(32) + FIELD.to_bytes(32, "big"), 32, "y below the prime"),
    ],
)
def test_bytes_that_are_no_point_are_refused_where_they_go_wrong(data, at, expected):
    with pytest.raises(WireError) as caught:
        Point.decode(data)
    assert (caught.value.at, caught.value.expected) == (at, expected)
