"""The 38 bytes of a result, and the leaves under its root."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.results import RESULT_BYTES, Result, feed_leaf, random_leaf

BTC = b"\x01BTC/USD".ljust(21, b"\0")
RESULTS = st.builds(
    Result, st.integers(0, 255), st.integers(0, 2**32 - 1), st.booleans(), st.binary(min_size=32, max_size=32)
)


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def test_every_leaf_of_the_reference_is_ours(reference):
    leaves = reference("merkle.json")["ts"]["leaves"]
    kinds = {"random": 0, "feed": 0}
    for leaf in leaves:
        if leaf["kind"] == "random":
            made = random_leaf(leaf["votingRoundId"], int(leaf["value"], 16), leaf["isSecure"])
        else:
            made = feed_leaf(
                leaf["votingRoundId"], unhex(leaf["id"]), leaf["value"], leaf["turnoutBIPS"], leaf["decimals"]
            )
        assert made == unhex(leaf["hash"]), leaf
        kinds[leaf["kind"]] += 1
    assert kinds == {"random": 3, "feed": 5}


def test_the_message_of_the_reference_is_ours(reference):
    recorded = reference("submit_signatures.json")["ts"]
    message = recorded["message"]
    result = Result(
        message["protocolId"], message["votingRoundId"], message["isSecureRandom"], unhex(message["merkleRoot"])
    )
    assert result.encode() == unhex(recorded["message_encoded"])
    assert result.hash() == unhex(recorded["message_hash"])
    assert Result.decode(result.encode()) == result


def test_messages_of_real_transactions_are_read(reference):
    recorded = reference("submit_signatures.json")["real"]
    for transaction in recorded:
        result = Result.decode(unhex(transaction["message"]))
        assert (result.protocol, result.round, result.secure) == (100, transaction["voting_round_id"], True)
        assert result.hash() == unhex(transaction["message_hash"])
    assert len(recorded) == 2


def test_fields_stand_in_the_order_of_the_protocol():
    encoded = Result(200, 0x01020304, True, bytes(range(32))).encode()
    assert encoded.hex() == "c80102030401" + bytes(range(32)).hex()
    assert len(encoded) == RESULT_BYTES == 38


def test_a_random_leaf_is_three_words():
    words = (7).to_bytes(32, "big") + (5).to_bytes(32, "big") + (1).to_bytes(32, "big")
    assert random_leaf(7, 5, True) == keccak256(words)


def test_a_feed_leaf_is_five_words_with_the_id_at_the_left_and_signs_extended():
    words = [
        (7).to_bytes(32, "big"),
        BTC.ljust(32, b"\0"),
        (-2).to_bytes(32, "big", signed=True),
        (9999).to_bytes(32, "big"),
        (-3).to_bytes(32, "big", signed=True),
    ]
    assert feed_leaf(7, BTC, -2, 9999, -3) == keccak256(b"".join(words))


def test_known_hashes():
    result = Result(100, 1234567, False, keccak256(b"root"))
    assert result.hash().hex() == "948ec873855d021446cee3dcd2f0842762f4f60450be6074cdab312fbc50c7b7"
    assert (
        random_leaf(1234567, 2**256 - 2, False).hex()
        == "36ea6a3237994b3716b068572e328d48cb0975aff863367a3b158ebb7a34419d"
    )
    assert (
        feed_leaf(1234567, BTC, 2**31 - 1, 10000, 127).hex()
        == "5ace3f48bcf076fcb900c77dd9ce88fae493056120ef33e7d00ceea403199618"
    )


@given(RESULTS)
def test_a_result_comes_back(result):
    assert Result.decode(result.encode()) == result


@given(st.binary(max_size=45))
def test_any_bytes_are_a_result_or_refused(data):
    try:
        result = Result.decode(data)
    except ProtocolError:
        return
    assert result.encode() == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "result: byte 0: expected 1 bytes of protocol id, was the end"),
        (bytes(4), "result: byte 1: expected 4 bytes of voting round, was 3 bytes"),
        (bytes(5), "result: byte 5: expected 1 bytes of secure, was the end"),
        (bytes(5) + b"\2" + bytes(32), "result: byte 5: expected 0 or 1, was 2"),
        (bytes(37), "result: byte 6: expected 32 bytes of merkle root, was 31 bytes"),
        (bytes(39), "result: byte 38: expected the end, was 1 bytes more"),
    ],
)
def test_bytes_that_are_no_result_are_refused(data, message):
    with pytest.raises(WireError) as refused:
        Result.decode(data)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (Result(256, 0, True, bytes(32)), r"protocol id: byte 0: expected a number from 0 to 2\^8 - 1, was 256"),
        (Result(0, 2**32, True, bytes(32)), r"voting round: byte 0: .*, was 4294967296"),
        (Result(0, -1, True, bytes(32)), r"voting round: byte 0: .*, was -1"),
        (Result(0, 0, True, bytes(31)), "merkle root: byte 31: expected 32 bytes, was 31 bytes"),
    ],
)
def test_fields_that_do_not_fit_are_refused(result, message):
    with pytest.raises(WireError, match=message):
        result.encode()


@pytest.mark.parametrize(
    "leaf",
    [
        lambda: random_leaf(2**32, 0, True),
        lambda: random_leaf(0, 2**256, True),
        lambda: random_leaf(0, -1, True),
        lambda: feed_leaf(0, BTC[:20], 0, 0, 0),
        lambda: feed_leaf(0, BTC, 2**31, 0, 0),
        lambda: feed_leaf(0, BTC, 0, 65536, 0),
        lambda: feed_leaf(0, BTC, 0, 0, 128),
    ],
)
def test_leaves_of_numbers_that_do_not_fit_are_refused(leaf):
    with pytest.raises(WireError):
        leaf()
