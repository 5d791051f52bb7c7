"""Commits and reveals."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.commits import commit_hash, decode_commit, decode_reveal, encode_reveal
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.messages import PayloadMessage
from chrono_flare_ftso.protocol.text import checksummed, from_hex
from chrono_flare_ftso.protocol.values import pack

Reader = Callable[[str], Any]
ADDRESS = bytes.fromhex("c4a19715f3dd209f01e84abe65de7c2e9c8b6269")
RANDOM = bytes(range(32))
VOTES = st.lists(st.none() | st.integers(-(2**31) + 1, 2**31 - 1), max_size=20)


def committed(case: dict[str, Any]) -> bytes:
    address, random = from_hex(case["submit_address"], 20), from_hex(case["random"], 32)
    return commit_hash(address, case["voting_round_id"], random, from_hex(case["feed_values"]))


# What the reference implementations computed


def test_commits_of_flare(reference: Reader) -> None:
    cases = reference("commit_hash.json")["real_flare"]
    assert len(cases) == 2
    for case in cases:
        assert committed(case) == from_hex(case["commit_hash"])


def test_commits_and_messages_of_the_reference(reference: Reader) -> None:
    cases = reference("commit_hash.json")["ts"]
    assert len(cases) == 10
    for case in cases:
        hashed, random, vector = committed(case), from_hex(case["random"]), from_hex(case["feed_values"])
        encoded = abi.encode(
            "address,uint32,uint256,bytes",
            from_hex(case["submit_address"]),
            case["voting_round_id"],
            int.from_bytes(random, "big"),
            vector,
        )
        assert encoded == from_hex(case["abi_encoded"])
        assert hashed == from_hex(case["commit_hash"])
        commit = PayloadMessage(100, case["voting_round_id"], hashed)
        reveal = PayloadMessage(100, case["voting_round_id"], encode_reveal(random, vector))
        assert (commit.encode(), reveal.encode()) == (
            from_hex(case["submit1_message"]),
            from_hex(case["submit2_message"]),
        )


def test_reveals_of_the_reference(reference: Reader) -> None:
    cases = reference("feed_value_encoding.json")["reveal_decode"]
    assert (len(cases), sum("error" in case for case in cases)) == (10, 5)
    for case in cases:
        payload = from_hex(case["payload"])
        if "error" in case:
            with pytest.raises(WireError):
                decode_reveal(payload, case["n_feeds"])
            continue
        reveal = decode_reveal(payload, case["n_feeds"])
        assert reveal.random == from_hex(case["random"])
        assert reveal.vector == from_hex(case["encodedValues"])
        assert list(reveal.votes) == case["values"]


def test_payloads_of_py_flare_common(reference: Reader) -> None:
    """It knows no number of feeds, so it never finds too many values."""
    cases = reference("payload_messages.json")["py_ftso_cases"]
    assert {name: len(some) for name, some in cases.items()} == {
        "test_ftso_submit1": 3,
        "test_ftso_submit1_wrong_length": 3,
        "test_ftso_submit2": 1,
        "test_ftso_submit2_parse_error": 1,
    }
    for case in cases["test_ftso_submit1"]:
        assert decode_commit(from_hex(case["payload"])) == from_hex(case["payload"])
    for case in cases["test_ftso_submit1_wrong_length"]:
        with pytest.raises(WireError):
            decode_commit(from_hex(case["payload"]))
    for case in cases["test_ftso_submit2"]:
        reveal = decode_reveal(from_hex(case["payload"]), 2)
        assert int.from_bytes(reveal.random, "big") == int(case["random"])
        assert list(reveal.votes) == case["values"]
    for case in cases["test_ftso_submit2_parse_error"]:
        with pytest.raises(WireError):
            decode_reveal(from_hex(case["payload"]), 9)


# Own cases


@pytest.mark.parametrize(
    ("voting_round", "vector", "expected"),
    [
        (0, "", "a349b7949528cbc86409778183c444d8329de87a6b1c16a28e9b55cf3c488532"),
        (1_294_567, "8000007b", "1c2c7b815f18d3dd36958961110e1d00cccf71c6233d65ae5485452a6cf0a876"),
        (
            2**32 - 1,
            "00000000800011d70000000080000007800011d70000000080000007800011d7ff",
            "2b0fabf93d463441c50965cf6b56caceb0f7d64e6de4321233a59580c22fc6b4",
        ),
    ],
)
def test_a_commit_binds_its_parts(voting_round: int, vector: str, expected: str) -> None:
    """Computed with eth-abi and eth-hash; the last vector is longer than a word and no multiple of 4."""
    raw = bytes.fromhex(vector)
    assert commit_hash(ADDRESS, voting_round, RANDOM, raw).hex() == expected


def test_a_commit_takes_votes_as_sent() -> None:
    """Empty votes at the end are dropped when they are packed, but another sender may have left them."""
    sent = bytes.fromhex("8000007b00000000")
    reveal = decode_reveal(encode_reveal(RANDOM, sent), 2)
    assert pack(reveal.votes) == sent[:4]
    assert commit_hash(ADDRESS, 1, RANDOM, reveal.vector) == commit_hash(ADDRESS, 1, RANDOM, sent)
    assert commit_hash(ADDRESS, 1, RANDOM, pack(reveal.votes)) != commit_hash(ADDRESS, 1, RANDOM, sent)


def test_a_reveal_of_the_random_alone_votes_for_nothing() -> None:
    reveal = decode_reveal(RANDOM, 3)
    assert (reveal.random, reveal.votes, reveal.vector) == (RANDOM, (None, None, None), b"")


@given(st.binary(min_size=32, max_size=32), VOTES)
def test_reveals_return(random: bytes, votes: list[int | None]) -> None:
    reveal = decode_reveal(encode_reveal(random, pack(votes)), len(votes)) if votes else decode_reveal(random, 0)
    assert (reveal.random, reveal.votes) == (random, tuple(votes))


@given(st.binary(max_size=80), st.integers(0, 12))
def test_any_payload_is_a_reveal_that_returns_or_is_refused(payload: bytes, feeds: int) -> None:
    try:
        reveal = decode_reveal(payload, feeds)
    except ProtocolError:
        assert len(payload) < 32 or len(payload) % 4 or len(payload) > 32 + 4 * feeds
        return
    assert encode_reveal(reveal.random, reveal.vector) == payload
    assert len(reveal.votes) == feeds


@given(st.binary(max_size=40))
def test_any_payload_is_a_commit_or_is_refused(payload: bytes) -> None:
    try:
        assert decode_commit(payload) == payload
    except ProtocolError:
        assert len(payload) != 32


@pytest.mark.parametrize(
    ("payload", "feeds", "refusal"),
    [
        ("", 2, "reveal payload: byte 0: expected 32 bytes of random, was the end"),
        ("ab" * 31, 2, "reveal payload: byte 0: expected 32 bytes of random, was 31 bytes"),
        ("ab" * 33, 2, "vector of votes: byte 0: expected 4 bytes of value, was 1 bytes"),
        ("ab" * 38, 2, "vector of votes: byte 4: expected 4 bytes of value, was 2 bytes"),
        ("ab" * 44, 2, "vector of votes: byte 8: expected the end after 2 values, was 4 bytes more"),
    ],
)
def test_other_reveals_are_refused_by_their_byte(payload: str, feeds: int, refusal: str) -> None:
    with pytest.raises(WireError) as caught:
        decode_reveal(bytes.fromhex(payload), feeds)
    assert str(caught.value) == refusal


@pytest.mark.parametrize(("size", "at"), [(0, 0), (31, 31), (33, 32)])
def test_other_commits_are_refused_by_their_byte(size: int, at: int) -> None:
    with pytest.raises(WireError, match=f"commit payload: byte {at}: expected 32 bytes, was {size} bytes"):
        decode_commit(bytes(size))
    with pytest.raises(WireError, match=f"random: byte {at}: expected 32 bytes, was {size} bytes"):
        encode_reveal(bytes(size), b"")


@pytest.mark.parametrize(
    ("address", "voting_round", "random", "kind"),
    [
        (ADDRESS[1:], 1, RANDOM, "address"),
        (ADDRESS, 2**32, RANDOM, "uint32"),
        (ADDRESS, -1, RANDOM, "uint32"),
    ],
)
def test_parts_that_do_not_fit_are_refused(address: bytes, voting_round: int, random: bytes, kind: str) -> None:
    with pytest.raises(WireError, match=f"expected a value of {kind}"):
        commit_hash(address, voting_round, random, b"")


def test_a_random_of_another_size_is_refused_and_not_told() -> None:
    """It is a secret until it is revealed."""
    with pytest.raises(WireError) as caught:
        commit_hash(ADDRESS, 1, RANDOM[1:], b"")
    assert str(caught.value) == "random: byte 31: expected 32 bytes, was 31 bytes"


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32), st.binary())
def test_py_flare_common_commits_alike(address: bytes, voting_round: int, random: bytes, vector: bytes) -> None:
    told = pytest.importorskip("py_flare_common.ftso.commit").commit_hash
    expected = told(checksummed(address), voting_round, int.from_bytes(random, "big"), vector)
    assert commit_hash(address, voting_round, random, vector).hex() == expected
