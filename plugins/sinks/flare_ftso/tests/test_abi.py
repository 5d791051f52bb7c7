"""The ABI encoding: by hand, against eth-abi, and against anything."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.abi import decode, encode, selector, topic
from chrono_flare_ftso.protocol.errors import WireError

A = bytes(range(1, 21))


def word(number: int) -> str:
    return f"{number:064x}"


def test_the_example_of_the_specification() -> None:
    """sam("dave", true, [1, 2, 3]) of the contract ABI specification."""
    raw = encode("bytes,bool,uint256[]", b"dave", True, [1, 2, 3])
    assert raw.hex() == "".join(
        [word(0x60), word(1), word(0xA0), word(4), b"dave".hex().ljust(64, "0"), word(3), word(1), word(2), word(3)]
    )
    assert selector("sam(bytes,bool,uint256[])").hex() == "a5643bf2"


def test_topic_is_the_hash_of_the_signature() -> None:
    assert topic("Transfer(address,address,uint256)").hex().startswith("ddf252ad1be2c89b")


def test_address_stands_right_and_bytes_stand_left() -> None:
    assert encode("address,bytes3", A, b"abc").hex() == "00" * 12 + A.hex() + "616263" + "00" * 29


def test_negative_numbers_fill_their_word() -> None:
    assert encode("int8", -2).hex() == "f" * 63 + "e"
    assert decode("int8,int256", encode("int8,int256", -2, -(2**255))) == (-2, -(2**255))


def test_no_types_are_no_bytes() -> None:
    assert encode("") == b""
    assert decode("", b"") == ()


leaves: dict[str, st.SearchStrategy[Any]] = {
    "uint8": st.integers(0, 255),
    "uint256": st.integers(0, 2**256 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "bool": st.booleans(),
    "address": st.binary(min_size=20, max_size=20),
    "bytes21": st.binary(min_size=21, max_size=21),
    "bytes": st.binary(max_size=70),
    "string": st.text(max_size=20),
}


def _shapes(inner: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    def many(pair: tuple[str, Any]) -> st.SearchStrategy[tuple[str, Any]]:
        name, value = pair
        return st.integers(0, 3).map(lambda n: (f"{name}[]", [value] * n))

    def fixed(pair: tuple[str, Any]) -> tuple[str, Any]:
        return f"{pair[0]}[2]", [pair[1]] * 2

    members = st.lists(inner, min_size=1, max_size=3)
    return (
        inner.flatmap(many)
        | inner.map(fixed)
        | members.map(lambda pairs: (f"({','.join(name for name, _ in pairs)})", tuple(value for _, value in pairs)))
    )


typed = st.recursive(
    st.sampled_from(sorted(leaves)).flatmap(lambda name: st.tuples(st.just(name), leaves[name])), _shapes, max_leaves=5
)
rows = st.lists(typed, min_size=1, max_size=4)


def frozen(value: Any) -> Any:
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


@given(rows)
def test_what_is_encoded_decodes_to_itself(row: list[tuple[str, Any]]) -> None:
    types, values = ",".join(name for name, _ in row), [value for _, value in row]
    assert decode(types, encode(types, *values)) == frozen(values)


@given(rows)
def test_every_encoding_is_that_of_eth_abi(row: list[tuple[str, Any]]) -> None:
    eth_abi = pytest.importorskip("eth_abi")
    types, values = [name for name, _ in row], [value for _, value in row]
    assert encode(",".join(types), *values) == eth_abi.encode(types, values)


@given(rows, st.data())
def test_any_bytes_decode_or_are_refused(row: list[tuple[str, Any]], data: st.DataObject) -> None:
    types = ",".join(name for name, _ in row)
    raw = bytearray(encode(types, *(value for _, value in row)))
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    with contextlib.suppress(WireError):
        decode(types, bytes(raw))


@pytest.mark.parametrize(
    ("types", "raw", "at", "expected"),
    [
        ("uint8", word(256), 0, "a value of uint8"),
        ("bool,bool", word(1) + word(2), 32, "0 or 1"),
        ("address", "01" + "00" * 31, 0, "address padded with zeros"),
        ("bytes3", "00" * 31 + "01", 0, "bytes3 padded with zeros"),
        ("uint8,uint8", word(1), 32, "32 bytes of uint8"),
        ("bytes", word(64), 0, "an offset of at most 32"),
        ("bytes", word(32) + word(33), 64, "33 bytes of bytes"),
        ("uint256[]", word(32) + word(3) + word(1), 64, "3 of uint256"),
        ("string", word(32) + word(1) + "ff" + "00" * 31, 64, "text in UTF-8"),
    ],
)
def test_what_is_wrong_is_named_by_its_byte(types: str, raw: str, at: int, expected: str) -> None:
    with pytest.raises(WireError, match=f"log: byte {at}: expected .*{expected}") as caught:
        decode(types, bytes.fromhex(raw), "log")
    assert caught.value.at == at


@pytest.mark.parametrize(
    ("types", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("uint8", True),
        ("uint8", "1"),
        ("int8", 128),
        ("bool", 1),
        ("address", A[1:]),
        ("bytes4", b"abc"),
        ("bytes", "abc"),
        ("string", b"abc"),
        ("uint8[]", 3),
        ("uint8[2]", [1]),
        ("(uint8,bool)", (1,)),
    ],
)
def test_value_of_another_type_is_refused(types: str, value: Any) -> None:
    with pytest.raises(WireError, match="expected a value of"):
        encode(types, value)


@pytest.mark.parametrize("types", ["uint7", "bytes33", "uint", "word", "uint8[", "bytes0", "uint8[x]"])
def test_what_is_no_type_is_the_callers_mistake(types: str) -> None:
    with pytest.raises(ValueError):
        encode(types, 1)
