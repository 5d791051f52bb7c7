"""Updates of the block-latency feeds: deltas, how they move a value, which to choose, and the submission.

A delta moves a feed up or down by the scale that holds in the block, or not at all. An update carries one for each
feed, in the order of ``FastUpdatesConfiguration.getFeedIds``, with the credential of the replicate that may submit it
and a signature of the provider's signing-policy key. It is sent through ``Submission.submitAndPass``.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/fastUpdates/implementation/FastUpdater.sol` and
`contracts/userInterfaces/IFastUpdater.sol`; flare-foundation/fast-updates a24e53c, `go-client/updates/updates.go`,
`go-client/provider/feed_provider.go` and `go-client/client/utils.go`; flare-foundation/py-flare-common b91ee1d,
`src/py_flare_common/ftso/fast_updates.py`, read 2026-11-22.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from typing import Any

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.bn254 import Point
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.signatures import Signature, eip191, sign
from chrono_flare_ftso.protocol.sortition import Credential

ONE_SCALE = 1 << 127
ONE_SAMPLE = 1 << 120
_BITS = {0: 0b00, 1: 0b01, -1: 0b11}
_DELTAS = {0b00: 0, 0b01: 1, 0b10: 0, 0b11: -1}
_SUBMIT_AND_PASS = function("Submission", "submitAndPass")
_SUBMIT_UPDATES = function("FastUpdater", "submitUpdates")


def encode_deltas(deltas: Sequence[int]) -> bytes:
    """Return deltas as bytes: two bits a feed, the first feed in the highest, zeros to fill the last byte.

    Parameters
    ----------
    deltas : sequence of int
        1 for up, -1 for down, 0 for none.

    Raises
    ------
    WireError
        If a delta is another number; `at` is the byte it would stand in.

    Examples
    --------
    >>> encode_deltas([1, -1, 0, 1]).hex()
    '71'
    """
    data = bytearray(-(-len(deltas) // 4))
    for index, delta in enumerate(deltas):
        if delta not in _BITS:
            raise WireError("deltas", index // 4, f"1, 0 or -1 for feed {index}", str(delta))
        data[index // 4] |= _BITS[delta] << 6 - index % 4 * 2
    return bytes(data)


def decode_deltas(data: Sequence[int]) -> tuple[int, ...]:
    """Return the deltas that bytes encode.

    Parameters
    ----------
    data : bytes or sequence of int
        Bytes, or numbers from 0 to 255.

    Returns
    -------
    tuple of int
        Four a byte, so up to three more than there are feeds: 1, 0 or -1. The bits 10 count as none, as in the
        contract.

    Raises
    ------
    WireError
        If a number is not from 0 to 255.

    Examples
    --------
    >>> decode_deltas(bytes([0x71]))
    (1, -1, 0, 1)
    """
    for at, byte in enumerate(data):
        if not 0 <= byte <= 255:
            raise WireError("deltas", at, "a number from 0 to 255", str(byte))
    return tuple(_DELTAS[byte >> shift & 3] for byte in data for shift in (6, 4, 2, 0))


def scale_of(precision: int) -> int:
    """Return the scale of a precision: 2^127 is 1 for both.

    Examples
    --------
    >>> scale_of(1 << 114) / (1 << 127)
    1.0001220703125
    """
    return ONE_SCALE + precision


def apply_deltas(values: Sequence[int], deltas: Sequence[int], scale: int) -> tuple[int, ...]:
    """Return feeds after an update.

    Parameters
    ----------
    values : sequence of int
        The feeds before, without their decimals.
    deltas : sequence of int
        1, 0 or -1; feeds without one stay, and deltas without a feed do nothing.
    scale : int
        What one update moves a value by, times 2^127.

    Raises
    ------
    ProtocolError
        If the scale is not positive.

    Notes
    -----
    The contract keeps a value in 32 bits, and takes three bits off those that come near at each new reward epoch
    (`rebase`). Here a value that needs more bits keeps them.

    Examples
    --------
    >>> apply_deltas([1000000, 1000000, 7], [1, -1], scale_of(1 << 114))
    (1000122, 999877, 7)
    """
    if scale < 1:
        raise ProtocolError(f"deltas: expected a scale from 1, was {scale}")
    return tuple(
        _apply(value, delta, scale) for value, delta in zip_longest(values, deltas[: len(values)], fillvalue=0)
    )


def rebase(value: int, decimals: int, scale: int) -> tuple[int, int]:
    """Return a feed's value and decimals as they are kept from the start of a reward epoch.

    Parameters
    ----------
    value : int
        From 0 to 2^32 - 1.
    decimals : int
        From -128 to 127.
    scale : int
        The base scale, which is 2^127 or more.

    Returns
    -------
    value, decimals : int
        A value from 2^29 loses a digit; one so small that an update would change it by less than 8 gains digits.

    Raises
    ------
    ProtocolError
        If the value is negative or the scale below 2^127.

    Examples
    --------
    >>> rebase(536870912, 2, scale_of(1 << 114)), rebase(1000, 2, scale_of(1 << 114))
    ((53687091, 1), (100000, 4))
    """
    if value < 0 or scale < ONE_SCALE:
        raise ProtocolError(f"feed: expected a value from 0 and a scale from 2^127, was {value} and {scale}")
    if value == 0:
        return value, decimals
    if value >> 29 and decimals > -128:
        value, decimals = value // 10, decimals - 1
    while (_apply(value, 1, scale) - value) >> 3 == 0 and decimals < 127 and value >> 28 == 0:
        value, decimals = value * 10, decimals + 1
    return value, decimals


def float_of(value: int, decimals: int) -> float:
    """Return the price of a feed: the double that is nearest to value · 10^-decimals.

    Parameters
    ----------
    value : int
        As ``FastUpdater.fetchCurrentFeeds`` gives it.
    decimals : int
        From -128 to 127.

    Examples
    --------
    >>> float_of(12345, 3), float_of(254000000, -1)
    (12.345, 2540000000.0)
    """
    return value / 10**decimals if decimals >= 0 else float(value * 10**-decimals)


def choose_deltas(
    chain: Sequence[float],
    own: Sequence[float | None],
    scale: int,
    sample_size: int,
    *,
    draw: Callable[[], float] = random.random,
) -> tuple[int, ...]:
    """Return the deltas that bring the chain's prices towards the provider's.

    A price that is further away than the expected updates of a block would move it is moved. A nearer one is moved with
    the probability distance / expected move, so that all providers together stop at the price.

    Parameters
    ----------
    chain : sequence of float
        Prices of the feeds on the chain (`float_of`), by index.
    own : sequence of float or None
        The provider's prices of the same feeds; None where it has none, or where the index is not in use.
    scale : int
        ``FastUpdateIncentiveManager.getScale``, times 2^127.
    sample_size : int
        ``FastUpdateIncentiveManager.getExpectedSampleSize``, updates a block times 2^120.
    draw : callable
        Returns a random number from 0 to 1, 1 excluded. It is called once for each feed that is not moved for certain.

    Returns
    -------
    tuple of int
        1, 0 or -1 for each feed up to the last that the provider has a price for.

    Raises
    ------
    ValueError
        If `chain` and `own` have different lengths.

    Examples
    --------
    >>> choose_deltas([100.0, 100.0, 100.0], [101.0, None, 99.0], scale_of(1 << 114), 1 << 120)
    (1, 0, -1)
    """
    expected = float(scale - ONE_SCALE) / ONE_SCALE * (float(sample_size) / ONE_SAMPLE)
    deltas, length = [], 0
    for index, (there, here) in enumerate(zip(chain, own, strict=True)):
        deltas.append(0)
        if here is not None:
            deltas[index], length = _choose(there, here, expected, draw), index + 1
    return tuple(deltas[:length])


@dataclass(frozen=True, slots=True)
class Update:
    """An update of the feeds as it is submitted.

    Parameters
    ----------
    block : int
        The block whose sortition the credential won.
    credential : Credential
        Of the replicate that may submit.
    deltas : bytes
        As `encode_deltas` gives them.
    signature : Signature
        Of `digest`, by the provider's signing-policy key.
    """

    block: int
    credential: Credential
    deltas: bytes
    signature: Signature

    def encode(self) -> bytes:
        """Return the arguments of ``submitUpdates``, without its selector.

        Raises
        ------
        WireError
            If a number does not fit its type, or r or s of the signature has not 32 bytes.
        """
        signature = (self.signature.v, self.signature.r, self.signature.s)
        return abi.encode(_SUBMIT_UPDATES.arguments, (self.block, _words(self.credential), self.deltas, signature))

    @classmethod
    def decode(cls, data: bytes) -> Update:
        """Return the update that arguments of ``submitUpdates`` encode.

        Raises
        ------
        WireError
            If data ends early, an offset leads outside, a number does not fit its type, or padding is not zero.
        ProtocolError
            If gamma is not on the curve.
        """
        (update,) = abi.decode(_SUBMIT_UPDATES.arguments, data, "submitUpdates")
        block, (replicate, gamma, c, s), deltas, signature = update
        return cls(block, Credential(replicate, Point(*gamma), c, s), deltas, Signature(*signature))


def digest(block: int, credential: Credential, deltas: bytes) -> bytes:
    """Return the 32 bytes that the signing-policy key signs for an update.

    Parameters
    ----------
    block, credential, deltas
        As in `Update`.

    Raises
    ------
    WireError
        If a number does not fit 256 bits.
    """
    types = "uint256,(uint256,(uint256,uint256),uint256,uint256),bytes"
    return eip191(sha256(abi.encode(types, block, _words(credential), deltas)).digest())


def sign_update(block: int, credential: Credential, deltas: bytes, private_key: bytes) -> Update:
    """Return a signed update.

    Parameters
    ----------
    block, credential, deltas
        As in `Update`.
    private_key : bytes
        The 32-byte signing-policy key. It appears in no error.

    Raises
    ------
    WireError
        If a number does not fit 256 bits, or the key has not 32 bytes.
    ProtocolError
        If the key is 0 or not below the order of secp256k1.
    """
    return Update(block, credential, deltas, sign(digest(block, credential, deltas), private_key))


def submit_updates(update: Update) -> bytes:
    """Return the calldata for the contract FastUpdater itself."""
    return _SUBMIT_UPDATES.selector + update.encode()


def submit_and_pass(update: Update) -> bytes:
    """Return the calldata for the contract Submission, which passes the update on and makes its gas refundable."""
    return _SUBMIT_AND_PASS.encode_call(update.encode())


def parse_submit_and_pass(data: bytes) -> Update:
    """Return the update that calldata of ``submitAndPass`` carries.

    Raises
    ------
    WireError
        If the selector is another, or the arguments are not those of an update.
    ProtocolError
        If gamma is not on the curve.
    """
    (arguments,) = _SUBMIT_AND_PASS.decode_call(data)
    return Update.decode(arguments)


def _apply(value: int, delta: int, scale: int) -> int:
    if delta == 1:
        return value * scale >> 127
    return (value << 127) // scale if delta == -1 else value


def _choose(there: float, here: float, expected: float, draw: Callable[[], float]) -> int:
    """Return one delta, with 0 where the distance is not a number, as comparing in the reference has it."""
    distance = _ratio(abs(here - there), there)
    if distance > expected or draw() < _ratio(distance, expected):
        return (here > there) - (here < there)
    return 0


def _ratio(above: float, below: float) -> float:
    """Divide as IEEE 754 does, where Python raises."""
    if below:
        return above / below
    return above * float("inf")


def _words(credential: Credential) -> tuple[Any, ...]:
    return credential.replicate, (credential.gamma.x, credential.gamma.y), credential.c, credential.s
