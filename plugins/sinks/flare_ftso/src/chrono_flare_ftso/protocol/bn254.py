"""The group G1 of the curve bn254, also called alt_bn128: y² = x³ + 3 over a prime field.

A multiplication splits its scalar along the curve's endomorphism (x, y) ↦ (βx, y) into two halves of 127 bits, so that
it doubles 127 times instead of 254, and adds odd multiples from a table (signed windows). Points are Jacobian in
between, and one inversion serves all of a batch. Where `gmpy2` is installed its numbers are used; results are the same.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/fastUpdates/lib/Bn256.sol`, read 2026-11-22, and
Ethereum's EIP-196, after which the point at infinity is (0, 0). Formulas: D. J. Bernstein, T. Lange, *Explicit-Formulas
Database*, short Weierstrass curves with a = 0; R. Gallant, R. Lambert, S. Vanstone, "Faster Point Multiplication on
Elliptic Curves with Efficient Endomorphisms", *CRYPTO 2001*, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Any

from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.wire import Reader

FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617

_PARAMETER = 4965661367192848881  # the curve is the Barreto–Naehrig curve of this number
# λ is 36 u³ + 18 u² + 6 u + 1 for the parameter u, and λ² + λ + 1 = 0 modulo ORDER
_BETA = pow(3, 2 * (FIELD - 1) // 3, FIELD)  # β³ = 1 modulo FIELD; (βx, y) is λ times (x, y)
_SHORT = 2 * _PARAMETER + 1  # a + bλ = 0 modulo ORDER for (a, b) = (_LONG + _SHORT, _SHORT) and (_SHORT, -_LONG)
_LONG = 6 * _PARAMETER**2 + 2 * _PARAMETER
_WINDOW = 4
_TABLE = 1 << _WINDOW - 2  # how many odd multiples a signed window needs

_Jacobian = tuple[Any, Any, Any]
_Affine = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the curve in affine coordinates; (0, 0) is the point at infinity.

    Parameters
    ----------
    x, y : int
        From 0 to FIELD - 1.

    Raises
    ------
    ProtocolError
        If a coordinate is outside the field, or the point is not on the curve. Every point of the curve has the order
        ORDER, so nothing more is to be checked.

    Examples
    --------
    >>> Point(1, 2) == GENERATOR
    True
    """

    x: int
    y: int

    def __post_init__(self) -> None:
        for name, value in (("x", self.x), ("y", self.y)):
            if not 0 <= value < FIELD:
                raise ProtocolError(f"point of bn254: expected {name} from 0 to the prime less 1, was {value}")
        if (self.x or self.y) and (self.y * self.y - self.x**3 - 3) % FIELD:
            raise ProtocolError(f"point of bn254: expected y² = x³ + 3, was x {self.x}, y {self.y}")

    def encode(self) -> bytes:
        """Return x and y as two words of 32 bytes."""
        return self.x.to_bytes(32, "big") + self.y.to_bytes(32, "big")

    @classmethod
    def decode(cls, data: bytes) -> Point:
        """Return the point that two words of 32 bytes encode.

        Raises
        ------
        WireError
            If there are fewer or more bytes, or a coordinate is outside the field.
        ProtocolError
            If the point is not on the curve.
        """
        reader = Reader(data, "point of bn254")
        words = []
        for name in "xy":
            words.append(reader.uint(32, name))
            if words[-1] >= FIELD:
                raise reader.refuse(32, f"{name} below the prime", words[-1])
        reader.end()
        return cls(*words)


GENERATOR = Point(1, 2)
INFINITY = Point(0, 0)


def add(left: Point, right: Point) -> Point:
    """Return the sum of two points.

    Examples
    --------
    >>> add(GENERATOR, GENERATOR) == multiply(GENERATOR, 2)
    True
    """
    return ARITHMETIC.add(left, right)


def multiply(point: Point, scalar: int) -> Point:
    """Return a multiple of a point.

    Parameters
    ----------
    point : Point
        What is multiplied.
    scalar : int
        Any number; it is taken modulo ORDER.

    Notes
    -----
    How long it takes depends on the scalar, so a secret one must not be used where others can measure single
    multiplications.

    Examples
    --------
    >>> multiply(GENERATOR, ORDER) == INFINITY
    True
    """
    return ARITHMETIC.multiples([point], scalar)[0]


def multiples(points: Sequence[Point], scalar: int) -> list[Point]:
    """Return the same multiple of many points, cheaper than each for itself.

    Examples
    --------
    >>> multiples([GENERATOR, INFINITY], 2) == [multiply(GENERATOR, 2), INFINITY]
    True
    """
    return ARITHMETIC.multiples(points, scalar)


def hash_to_point(message: bytes) -> Point:
    """Return the point that a message is hashed to.

    x is the SHA-256 of the message modulo the prime, plus the least number that makes x³ + 3 a square; y is the root
    that raising to (FIELD + 1) / 4 gives.

    Examples
    --------
    >>> hash_to_point(b"").x
    15434364762196996140549589341552222435014656019006740342623245422534760252218
    """
    return ARITHMETIC.lift(int.from_bytes(sha256(message).digest(), "big"))


class Arithmetic:
    """The curve's arithmetic with one kind of number.

    Parameters
    ----------
    number : callable
        Makes such a number of an int; it has Python's operators, as `int` and `gmpy2.mpz` have.
    """

    def __init__(self, number: Callable[[int], Any]) -> None:
        self.number = number
        self.prime = number(FIELD)
        self.beta = number(_BETA)
        self.root = number((FIELD + 1) // 4)

    def lift(self, x: int) -> Point:
        """Return the first point at or after x; there is one at FIELD - 1, so the search ends within the field."""
        prime, at = self.prime, self.number(x) % self.prime
        while True:
            square = (at * at * at + 3) % prime
            y = pow(square, self.root, prime)
            if y * y % prime == square:
                return Point(int(at), int(y))
            at += 1

    def add(self, left: Point, right: Point) -> Point:
        """Return the sum of two points."""
        if INFINITY in (left, right):
            return left if right == INFINITY else right
        number = self.number
        start = (number(left.x), number(left.y), number(1))
        return self._points([self._add(start, (number(right.x), number(right.y)))])[0]

    def multiples(self, points: Sequence[Point], scalar: int) -> list[Point]:
        """Return the same multiple of many points."""
        finite = [point for point in points if point != INFINITY]
        steps = _steps(scalar % ORDER)
        made = iter(self._points([self._walk(table, steps) for table in self._tables(finite)]))
        return [INFINITY if point == INFINITY else next(made) for point in points]

    def _walk(self, table: Sequence[_Affine], steps: Sequence[Sequence[int]]) -> _Jacobian:
        """Double once a step, and add the multiples of the table that the step names."""
        total: _Jacobian = (self.number(1), self.number(1), self.number(0))
        for step in steps:
            total = self._double(total)
            for index in step:
                total = self._add(total, table[index])
        return total

    def _tables(self, points: Sequence[Point]) -> list[list[_Affine]]:
        """Return for each point its odd multiples and their λ-multiples, then the negatives of all, from the end on.

        The multiples are made on an isomorphic curve, on which the double is affine, and mapped back.
        """
        raw = [entry for point in points for entry in self._odd(point)]
        prime, beta = self.prime, self.beta
        affine = self._affine(raw)
        tables = []
        for start in range(0, len(affine), _TABLE):
            odd = affine[start : start + _TABLE]
            positive = odd + [(beta * x % prime, y) for x, y in odd]
            tables.append(positive + [(x, prime - y) for x, y in reversed(positive)])
        return tables

    def _odd(self, point: Point) -> list[_Jacobian]:
        prime, x, y = self.prime, self.number(point.x), self.number(point.y)
        double_x, double_y, z = self._double((x, y, self.number(1)))
        square = z * z % prime
        entry = (x * square % prime, y * square % prime * z % prime, self.number(1))
        entries = [entry]
        for _ in range(_TABLE - 1):
            entry = self._add(entry, (double_x, double_y))
            entries.append(entry)
        return [(x, y, own * z % prime) for x, y, own in entries]

    def _double(self, point: _Jacobian) -> _Jacobian:
        prime = self.prime
        x, y, z = point
        square = y * y % prime
        distance = 4 * x * square % prime
        slope = 3 * x * x % prime
        new = (slope * slope - 2 * distance) % prime
        return new, (slope * (distance - new) - 8 * square * square) % prime, 2 * y * z % prime

    def _add(self, point: _Jacobian, other: _Affine) -> _Jacobian:
        """Return the sum with a finite affine point."""
        prime = self.prime
        x, y, z = point
        if not z:
            return (*other, self.number(1))
        square = z * z % prime
        run = (other[0] * square - x) % prime
        rise = (other[1] * z % prime * square - y) % prime
        if not run:
            return (x, y, self.number(0)) if rise else self._double(point)
        run2 = run * run % prime
        run3 = run2 * run % prime
        distance = x * run2 % prime
        new = (rise * rise - run3 - 2 * distance) % prime
        return new, (rise * (distance - new) - y * run3) % prime, z * run % prime

    def _affine(self, points: Sequence[_Jacobian]) -> list[_Affine]:
        """Return finite points in affine coordinates, with one inversion for all."""
        prime, product, before = self.prime, self.number(1), []
        for _, _, z in points:
            before.append(product)
            product = product * z % prime
        inverse, affine = pow(product, -1, prime), []
        for (x, y, z), rest in zip(reversed(points), reversed(before), strict=True):
            own = inverse * rest % prime
            inverse = inverse * z % prime
            square = own * own % prime
            affine.append((x * square % prime, y * square % prime * own % prime))
        return affine[::-1]

    def _points(self, points: Sequence[_Jacobian]) -> list[Point]:
        made = iter(self._affine([point for point in points if point[2]]))
        return [Point(*map(int, next(made))) if point[2] else INFINITY for point in points]


def _steps(scalar: int) -> list[list[int]]:
    """Return for each bit, highest first, the indices of the table's entries to add after doubling."""
    halves = [_signed_windows(half) for half in _halves(scalar)]
    length = max(map(len, halves))
    steps: list[list[int]] = [[] for _ in range(length)]
    for offset, digits in zip((0, _TABLE), halves, strict=True):
        for bit, digit in enumerate(digits):
            if digit:
                index = offset + abs(digit) // 2
                steps[length - 1 - bit].append(index if digit > 0 else -1 - index)
    return steps


def _halves(scalar: int) -> tuple[int, int]:
    """Return two numbers of at most 128 bits, either sign, of which the first plus λ times the second is the scalar."""
    first = (scalar * _LONG + ORDER // 2) // ORDER
    second = (scalar * _SHORT + ORDER // 2) // ORDER
    return scalar - first * (_LONG + _SHORT) - second * _SHORT, second * _LONG - first * _SHORT


def _signed_windows(number: int) -> list[int]:
    """Return digits, lowest first: odd numbers below 2^(_WINDOW - 1) of either sign, with zeros between."""
    sign, rest, digits = (-1 if number < 0 else 1), abs(number), []
    while rest:
        digit = 0
        if rest & 1:
            digit = rest & (1 << _WINDOW) - 1
            digit -= digit >> _WINDOW - 1 << _WINDOW
            rest -= digit
        digits.append(sign * digit)
        rest >>= 1
    return digits


def _best() -> Arithmetic:
    """Return the fastest arithmetic that is installed."""
    try:
        return Arithmetic(import_module("gmpy2").mpz)
    except ImportError:
        return Arithmetic(int)


ARITHMETIC = _best()
