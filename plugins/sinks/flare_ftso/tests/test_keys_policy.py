"""A key signs for Flare's contracts on the right chain, and messages; whatever else it is asked for, it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys_at_hand import CHAIN, CONTRACT, STRANGER, preimage
from pydantic import SecretBytes

from chrono_flare_ftso.chain.transactions import rlp
from chrono_flare_ftso.keys import NotSigned, Policy, message_preimage
from chrono_flare_ftso.keys.local import LocalSigner
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import recover

pytestmark = pytest.mark.anyio

KEY = bytes(31) + b"\x01"
POLICY = Policy(CHAIN, frozenset([CONTRACT, b"\xc1" * 20]))
FIELDS = [b"\x0e", b"\x07", b"\x01", b"\x02", b"\x52\x08", CONTRACT, b"", b"data", []]


@pytest.fixture
def anyio_backend():
    return "asyncio"


def of(fields, kind=b"\x02"):
    return kind + rlp(fields)


def changed(at, value):
    return [*FIELDS[:at], value, *FIELDS[at + 1 :]]


@pytest.mark.parametrize("size", [0, 1, 4, 55, 56, 300, 70_000])
def test_a_transaction_to_a_known_contract_is_signed_whatever_the_length_of_its_calldata(size):
    POLICY.check(preimage(data=b"\x7f" * size))


def test_a_transaction_with_an_access_list_is_signed():
    POLICY.check(of(changed(8, [[CONTRACT, [bytes(32), bytes(32)]]])))


def test_a_transaction_to_the_key_s_own_address_fills_a_gap_among_its_nonces():
    POLICY.check(preimage(to=STRANGER), own=STRANGER)
    with pytest.raises(NotSigned, match="one of the 2 contracts"):
        POLICY.check(preimage(to=STRANGER), own=b"\x07" * 20)
    with pytest.raises(NotSigned, match="was a contract's creation"):
        POLICY.check(of(changed(5, b"")), own=b"")


async def test_a_signer_fills_a_gap_of_its_own_nonces_and_no_other_s():
    signer = LocalSigner(SecretBytes(KEY), POLICY)
    assert recover(keccak256(preimage(to=signer.address)), await signer.sign(preimage(to=signer.address)))
    with pytest.raises(NotSigned):
        await signer.sign(preimage(to=STRANGER))


def test_a_message_of_32_bytes_is_signed():
    POLICY.check(message_preimage(b"\x02" * 32))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (preimage(chain=114), "expected a transaction of chain 14, was of chain 114; check which network"),
        (of(changed(0, b"")), "was of chain 0"),
        (of(changed(0, b"\0\x0e")), "expected a chain without leading zeros"),
        (
            preimage(to=STRANGER),
            "one of the 2 contracts of the network, was 0x0D0D0D0D0D0D0D0d0d0d0d0D0d0D0D0D0D0d0d0d; the keys",
        ),
        (of(changed(5, b"")), "was a contract's creation"),
        (of(changed(5, CONTRACT[:19])), "expected 20 bytes of an address, was 19 bytes"),
        (of(changed(5, [CONTRACT])), "9 fields"),
        (of(changed(8, b"")), "9 fields"),
        (of(FIELDS[:8]), "9 fields"),
        (of([*FIELDS, b"\x01", b"r", b"s"]), "9 fields"),
        (of(FIELDS) + b"\0", "expected one list"),
        (of(FIELDS) + rlp(FIELDS), "expected one list"),
        (of(b"no list"), "expected one list"),
        (of(FIELDS)[:-1], "content"),
        (b"\x02", "expected one list"),
        (b"\x02\xf8\x05" + bytes(5), "shortest form"),
        (b"\x02\xc2\x81\x05", "shortest form"),
    ],
)
def test_another_transaction_is_refused_and_says_why(asked, why):
    with pytest.raises(NotSigned, match=why) as caught:
        POLICY.check(asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"Flare",
        rlp([*FIELDS[1:4], CONTRACT, b"", b"data", b"\x0e", b"", b""]),
        of(FIELDS, b"\x01"),
        of(FIELDS, b"\x03"),
        of(FIELDS, b"\x04"),
        b"\x19\x01" + bytes(64),
        b"\x19Ethereum Signed Message:\n32" + bytes(31),
        b"\x19Ethereum Signed Message:\n32" + bytes(33),
        b"\x19Ethereum Signed Message:\n5Flare",
    ],
    ids=[
        "nothing",
        "text",
        "a transaction of old",
        "type 1",
        "blobs",
        "delegation of an account",
        "typed data",
        "a hash of 31 bytes",
        "a hash of 33 bytes",
        "a text as a message",
    ],
)
def test_what_is_neither_a_transaction_of_type_2_nor_a_message_of_32_bytes_is_refused(asked):
    with pytest.raises(NotSigned, match="expected a transaction of type 2 or a message of 32 bytes, was neither"):
        POLICY.check(asked)


@given(st.binary(max_size=120), st.integers(0, 60))
def test_bytes_that_are_changed_anywhere_are_refused_or_still_of_the_chain_and_to_the_contract(noise, at):
    whole = preimage()
    asked = whole[:at] + noise + whole[at + len(noise) :]
    try:
        POLICY.check(asked)
    except NotSigned:
        return
    assert asked[0] == 2
    assert b"\x0e" in asked[2:5]
    assert CONTRACT in asked or b"\xc1" * 20 in asked
