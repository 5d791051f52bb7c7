"""Bit vectors of the FDC."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.fdc import BitVector, decode_bit_vector
from chrono_flare_ftso.protocol.text import from_hex

Reader = Callable[[str], Any]


def listed(vector: BitVector) -> list[bool]:
    """Return votes as py-flare-common lists them: the last request first."""
    return [index in vector.confirmed for index in reversed(range(vector.requests))]


def test_bit_vectors_of_py_flare_common(reference: Reader) -> None:
    cases = reference("payload_messages.json")["py_fdc_cases"]
    assert {name: len(some) for name, some in cases.items()} == {
        "test_fdc_submit2": 10,
        "test_fdc_submit2_parse_error": 1,
    }
    for case in cases["test_fdc_submit2"]:
        vector = decode_bit_vector(from_hex(case["payload"]))
        assert (vector.requests, listed(vector)) == (case["n_requests"], case["bit_vector"])
    for case in cases["test_fdc_submit2_parse_error"]:
        with pytest.raises(WireError):
            decode_bit_vector(from_hex(case["payload"]))


@pytest.mark.parametrize(
    ("payload", "requests", "confirmed"),
    [("0000", 0, ()), ("0005", 5, ()), ("00051d", 5, (0, 2, 3, 4)), ("00090100", 9, (8,)), ("000903", 9, (0, 1))],
)
def test_request_i_is_bit_i(payload: str, requests: int, confirmed: tuple[int, ...]) -> None:
    vector = decode_bit_vector(bytes.fromhex(payload))
    assert (vector.requests, vector.confirmed) == (requests, confirmed)
    assert vector.encode().hex() == payload


def test_leading_zeros_are_read_and_not_written() -> None:
    vector = decode_bit_vector(bytes.fromhex("0005000003"))
    assert (vector, vector.encode().hex()) == (BitVector(5, 3), "000503")


@given(st.integers(0, 65535), st.data())
def test_bit_vectors_return(requests: int, data: st.DataObject) -> None:
    vector = BitVector(requests, data.draw(st.integers(0, (1 << requests) - 1)))
    assert decode_bit_vector(vector.encode()) == vector


@given(st.binary(max_size=2) | st.builds(bytes.__add__, st.sampled_from([b"\0\x05", b"\0\x11"]), st.binary(max_size=4)))
def test_any_payload_is_a_bit_vector_or_is_refused(payload: bytes) -> None:
    try:
        vector = decode_bit_vector(payload)
    except ProtocolError:
        return
    assert payload[2:].lstrip(b"\0") == vector.encode()[2:]


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        ("", "bit vector: byte 0: expected 2 bytes of number of requests, was the end"),
        ("00", "bit vector: byte 0: expected 2 bytes of number of requests, was 1 bytes"),
        ("00030b", "bit vector: byte 2: expected bits of 3 requests, was bit 3"),
        ("000001", "bit vector: byte 2: expected bits of 0 requests, was bit 0"),
    ],
)
def test_other_payloads_are_refused_by_their_byte(payload: str, refusal: str) -> None:
    with pytest.raises(WireError) as caught:
        decode_bit_vector(bytes.fromhex(payload))
    assert str(caught.value) == refusal


@pytest.mark.parametrize(
    ("requests", "bits", "refusal"),
    [(65536, 0, "from 0 to 2\\^16 - 1, was 65536"), (-1, 0, "was -1"), (5, -1, "expected bits, was a negative number")],
)
def test_bit_vectors_that_cannot_be_written_are_refused(requests: int, bits: int, refusal: str) -> None:
    with pytest.raises(WireError, match=refusal):
        BitVector(requests, bits)


@given(st.integers(0, 40), st.binary(max_size=4))
def test_py_flare_common_reads_the_same(requests: int, bits: bytes) -> None:
    told = pytest.importorskip("py_flare_common.fsp.messaging.parse")
    payload = requests.to_bytes(2, "big") + bits
    try:
        expected = told.parse_bitvector(payload).bit_vector
    except told.ParseError:
        with pytest.raises(WireError):
            decode_bit_vector(payload)
    else:
        assert listed(decode_bit_vector(payload)) == expected
