"""Bytes read from the front, and bytes as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import DataError
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.text import checksummed, from_hex, to_hex
from chrono_flare_ftso.protocol.wire import Reader, fixed, uint


def test_a_field_that_is_cut_short_is_named() -> None:
    reader = Reader(b"\x01\x02\x03", "message")
    assert reader.uint(2, "round") == 258
    with pytest.raises(WireError, match="message: byte 2: expected 4 bytes of length, was 1 bytes") as caught:
        reader.uint(4, "length")
    assert (caught.value.at, caught.value.subject) == (2, "message")
    assert isinstance(caught.value, DataError)


def test_what_is_left_over_is_named() -> None:
    reader = Reader(b"\x01\x02\x03", "message", 1)
    assert reader.take(1, "kind") == b"\x02"
    with pytest.raises(WireError, match="byte 2: expected the end, was 1 bytes more"):
        reader.end()
    assert reader.rest() == b"\x03"
    reader.end()


@pytest.mark.parametrize("number", [-1, 65536])
def test_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(WireError, match=f"from 0 to 2\\^16 - 1, was {number}"):
        uint(number, 2, "length")


@pytest.mark.parametrize("size", [31, 33])
def test_bytes_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(WireError, match=f"expected 32 bytes, was {size} bytes"):
        fixed(bytes(size), 32, "random")


@given(st.binary(max_size=50))
def test_hexadecimal_text_returns(data: bytes) -> None:
    assert from_hex(to_hex(data)) == from_hex(data.hex().upper()) == data


@pytest.mark.parametrize(("text", "at"), [("0x0g", 0), ("0x00010", 2), ("00 11", 1), ("0x00٣0", 1), ("0x0x00", 0)])
def test_text_that_is_not_hexadecimal_is_refused_by_its_byte(text: str, at: int) -> None:
    with pytest.raises(WireError) as caught:
        from_hex(text)
    assert caught.value.at == at


def test_text_of_another_size_is_refused() -> None:
    with pytest.raises(WireError, match="address: byte 2: expected 20 bytes, was 2 bytes"):
        from_hex("0x0102", 20, "address")


def test_hash_has_the_padding_of_the_competition() -> None:
    """The hash of nothing is c5d2…, known from every empty account; SHA3-256 would give a7ff…."""
    assert keccak256(b"").hex().startswith("c5d2460186f7")


def test_checksums_are_those_of_the_proposal() -> None:
    """Two of the examples of EIP-55."""
    for text in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
        assert checksummed(from_hex(text)) == text
