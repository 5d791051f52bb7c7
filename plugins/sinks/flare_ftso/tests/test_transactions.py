"""Transactions are the bytes that another implementation makes of the same fields, and are read back as they were."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.chain.transactions import Signed, Transaction, rlp, unrlp
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import Signature, address_of, sign
from chrono_flare_ftso.protocol.text import to_hex

# what it imports raises the limit for everybody
limit = sys.getrecursionlimit()
try:
    from eth_account import Account
except ImportError:
    Account = None
sys.setrecursionlimit(limit)

KEYS = st.binary(min_size=32, max_size=32).filter(lambda key: 0 < int.from_bytes(key, "big") < 2**255)
NUMBERS = st.one_of(st.sampled_from([0, 1, 127, 128, 255, 256, 2**64]), st.integers(0, 2**96))
TRANSACTIONS = st.builds(
    Transaction,
    st.integers(1, 2**40),
    st.integers(0, 2**60),
    NUMBERS,
    NUMBERS,
    st.integers(21_000, 2**40),
    st.binary(min_size=20, max_size=20),
    st.one_of(st.binary(max_size=70), st.integers(0, 5000).map(bytes)),
    NUMBERS,
)


def signed(transaction: Transaction, key: bytes) -> bytes:
    return transaction.signed(sign(keccak256(transaction.preimage()), key))


@pytest.mark.skipif(Account is None, reason="expected eth-account to compare with, it is not installed here")
@given(TRANSACTIONS, KEYS)
def test_a_signed_transaction_is_the_bytes_that_eth_account_makes(transaction: Transaction, key: bytes) -> None:
    fields = {
        "type": 2,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "maxPriorityFeePerGas": transaction.max_priority_fee,
        "maxFeePerGas": transaction.max_fee,
        "gas": transaction.gas,
        "to": transaction.to,
        "value": transaction.value,
        "data": to_hex(transaction.data),
    }
    theirs = Account.sign_transaction(fields, key)
    ours = signed(transaction, key)
    assert ours == bytes(theirs.raw_transaction)
    assert Signed.decode(ours).hash == bytes(theirs.hash)
    assert to_hex(Signed.decode(ours).sender) == Account.recover_transaction(theirs.raw_transaction).lower()


@given(TRANSACTIONS, KEYS)
def test_what_was_sent_is_read_back_from_its_bytes(transaction: Transaction, key: bytes) -> None:
    found = Signed.decode(signed(transaction, key))
    assert (found.transaction, found.sender) == (transaction, address_of(key))


def test_r_and_s_that_begin_with_zeros_are_shortened_and_restored() -> None:
    transaction = Transaction(14, 0, 1, 2, 21_000, bytes(20), b"")
    short = Signature(28, bytes(3) + b"\1" * 29, bytes(31) + b"\5")
    found = Signed.decode(transaction.signed(short))
    assert found.signature == short
    assert unrlp(found.raw[1:])[-2:] == [b"\1" * 29, b"\5"]


# Ethereum Yellow Paper, appendix B, and ethereum.org's page on RLP, "Examples"
@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"dog", "83646f67"),
        ([], "c0"),
        (b"\x00", "00"),
        (b"\x0f", "0f"),
        (b"\x04\x00", "820400"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"Lorem ipsum dolor sit amet, consectetur adipisicing elit", None),
        ([b"a" * 60] * 5, None),
        (bytes(70_000), None),
    ],
)
def test_rlp_is_that_of_its_specification(item: bytes | list[object], encoded: str | None) -> None:
    told = rlp(item)
    assert unrlp(told) == item
    if encoded is not None:
        assert told.hex() == encoded


@pytest.mark.parametrize(
    "encoded", ["", "8100", "b800", "b83761", "b90037" + "61" * 55, "83646f", "83646f6767", "c2", "c28100", "f838"]
)
def test_rlp_that_is_cut_off_or_longer_than_it_has_to_be_is_refused(encoded: str) -> None:
    with pytest.raises(WireError, match=r"^RLP: byte \d+: expected"):
        unrlp(bytes.fromhex(encoded))


@given(st.binary(max_size=80))
def test_any_bytes_are_rlp_in_its_shortest_form_or_refused(data: bytes) -> None:
    try:
        found = unrlp(data)
    except WireError:
        return
    assert rlp(found) == data


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda raw, fields: b"", "byte 0: expected type 2, was the end"),
        (lambda raw, fields: b"\x01" + raw[1:], "byte 0: expected type 2, was 0x01"),
        (lambda raw, fields: b"\x02" + rlp(b"dog"), "a list of 12, was bytes"),
        (lambda raw, fields: b"\x02" + rlp(fields[:9]), "a list of 12, was 9"),
        (lambda raw, fields: b"\x02" + rlp([*fields[:8], [b""], *fields[9:]]), "an empty access list"),
        (lambda raw, fields: b"\x02" + rlp([b"\x00\x0e", *fields[1:]]), "without leading zeros"),
        (lambda raw, fields: b"\x02" + rlp([[], *fields[1:]]), "expected bytes, was a list"),
        (lambda raw, fields: b"\x02" + rlp([*fields[:5], b"", *fields[6:]]), "an address"),
        (lambda raw, fields: b"\x02" + rlp([*fields[:9], b"\x02", *fields[10:]]), "a parity of 0 or 1"),
    ],
)
def test_bytes_that_are_no_transaction_of_ours_are_refused(change, expected: str) -> None:
    raw = signed(Transaction(14, 1, 1, 2, 21_000, bytes(20), b""), bytes(31) + b"\x01")
    with pytest.raises(WireError, match=expected):
        Signed.decode(change(raw, unrlp(raw[1:])))


def test_an_address_of_another_size_a_negative_number_and_another_v_are_refused() -> None:
    with pytest.raises(WireError, match="address: byte 19: expected 20 bytes, was 19 bytes"):
        Transaction(14, 1, 1, 2, 21_000, bytes(19), b"").preimage()
    with pytest.raises(WireError, match="a number from 0, was -1"):
        Transaction(14, -1, 1, 2, 21_000, bytes(20), b"").preimage()
    with pytest.raises(WireError, match="v of 27 or 28, was 0"):
        Transaction(14, 1, 1, 2, 21_000, bytes(20), b"").signed(Signature(0, bytes(32), bytes(32)))
