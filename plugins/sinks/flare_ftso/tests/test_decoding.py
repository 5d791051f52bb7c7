"""Calldata told as a tree and as lines: own messages, those of the reference implementations, and anything."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.decoding import explain
from chrono_flare_ftso.decoding_text import lines
from chrono_flare_ftso.protocol.commits import encode_reveal
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.fdc import BitVector
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import COSTON2, FLARE
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.relay import IndexedSignature, RelayMessage
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload, address_of, eip191, sign
from chrono_flare_ftso.protocol.text import checksummed, from_hex
from chrono_flare_ftso.protocol.values import pack

ROUND = 1_317_121
KEYS = tuple(keccak256(f"voter {number}".encode()) for number in range(3))
RESULT = Result(100, ROUND, True, keccak256(b"root"))
POLICY = SigningPolicy(392, 1_317_120, 100, 7, tuple(map(address_of, KEYS)), (90, 20, 80))


def message(payload: bytes, protocol: int = 100) -> PayloadMessage:
    return PayloadMessage(protocol, ROUND, payload)


def told(data: bytes, **options: Any) -> str:
    return "\n".join(lines(explain(data, FLARE, **options)))


def signed(key: bytes, hash: bytes = RESULT.hash()) -> Signature:
    return sign(eip191(hash), key)


def relayed(*signatures: IndexedSignature, message: bytes = RESULT.encode()) -> bytes:
    return RelayMessage(POLICY.encode(), message, signatures).encode()


def test_commit_and_its_round() -> None:
    tree = explain(calldata(Call.SUBMIT1, message(bytes(range(32)))), FLARE)
    assert (tree["call"], tree["selector"], tree["bytes"]) == ("submit1", "0x6c532fae", 43)
    (only,) = tree["messages"]
    assert only["commit_hash"] == "0x" + bytes(range(32)).hex()
    assert (only["voting_round"], only["starts"], only["reward_epoch"]) == (ROUND, "2026-04-23T19:01:30Z", 392)
    assert only["protocol_name"] == "FTSO"


def test_times_are_those_of_the_network() -> None:
    """A reward epoch of a test network has 240 rounds."""
    (only,) = explain(calldata(Call.SUBMIT1, message(bytes(32))), COSTON2)["messages"]
    assert only["reward_epoch"] == ROUND // 240


def test_reveal_lists_votes_in_order() -> None:
    vector = pack((9_712_345, None, -5, 0))
    data = calldata(Call.SUBMIT2, message(encode_reveal(bytes(31) + b"\x07", vector)))
    (only,) = explain(data, FLARE)["messages"]
    assert only["votes"] == [9_712_345, None, -5, 0]
    assert only["random"] == "0x" + "00" * 31 + "07"
    assert "votes        4" in told(data)


def test_reveal_without_votes_and_attestation_bits() -> None:
    data = calldata(Call.SUBMIT2, message(bytes(32)), message(BitVector(5, 0b01001).encode(), 200))
    ftso, fdc = explain(data, FLARE)["messages"]
    assert ftso["votes"] == []
    assert (fdc["protocol_name"], fdc["requests"], fdc["confirmed"]) == ("FDC", 5, [0, 3])
    assert "requests     5, confirmed: 0, 3" in told(data)


def test_payload_that_breaks_a_rule_stands_beside_those_that_do_not() -> None:
    """The protocol drops the message, not the transaction."""
    data = calldata(Call.SUBMIT1, message(bytes(31)), message(bytes(32)))
    bad, good = explain(data, FLARE)["messages"]
    assert bad["error"] == "commit payload: byte 31: expected 32 bytes, was 31 bytes"
    assert bad["payload"] == "0x" + "00" * 31
    assert "error" not in good
    assert "does not count: commit payload: byte 31" in told(data)


def test_unknown_protocol_shows_its_payload() -> None:
    data = calldata(Call.SUBMIT1, message(b"\xab", 7), message(b"", 200))
    assert "protocol 7 (unknown)" in told(data)
    assert "payload      0xab" in told(data)
    assert "payload      empty" in told(data)


def test_signature_with_its_message_names_the_signer() -> None:
    payload = SignaturePayload(signed(KEYS[0]), RESULT.encode(), b"\x01\x02").encode()
    (only,) = explain(calldata(Call.SUBMIT_SIGNATURES, message(payload)), FLARE)["messages"]
    assert (only["type"], only["signer"], only["unsigned"]) == (0, checksummed(address_of(KEYS[0])), "0x0102")
    assert only["result"]["merkle_root"] == "0x" + RESULT.root.hex()
    assert only["result"]["secure_random"] is True


def test_signature_without_its_message_needs_the_result() -> None:
    data = calldata(Call.SUBMIT_SIGNATURES, message(SignaturePayload(signed(KEYS[1])).encode()))
    assert explain(data, FLARE)["messages"][0]["signer"] is None
    assert "give it with --result" in told(data)
    assert explain(data, FLARE, RESULT.encode())["messages"][0]["signer"] == checksummed(address_of(KEYS[1]))


def test_result_of_another_round_is_not_taken_for_this_one() -> None:
    data = calldata(Call.SUBMIT_SIGNATURES, message(SignaturePayload(signed(KEYS[1])).encode()))
    other = Result(100, ROUND - 1, True, RESULT.root).encode()
    assert explain(data, FLARE, other)["messages"][0]["result"] is None


def test_signature_that_nobody_made_is_told() -> None:
    nobody = SignaturePayload(Signature(29, bytes(32), bytes(32)), RESULT.encode()).encode()
    data = calldata(Call.SUBMIT_SIGNATURES, message(nobody))
    assert "nobody: no key makes this signature" in told(data)


def test_relay_weighs_its_sound_signatures() -> None:
    data = relayed(*(IndexedSignature(index, signed(KEYS[index])) for index in (0, 1)))
    tree = explain(data, FLARE)
    assert (tree["weight"], tree["enough"], tree["enough_without_new_policy"]) == (110, True, False)
    assert tree["policy"]["voters"] == 3
    assert [row["sound"] for row in tree["signatures"]] == [True, True]
    assert "enough, unless the policy's epoch is over" in told(data)
    assert "weight 90" in told(data)


def test_relay_tells_whose_signature_is_not_theirs() -> None:
    data = relayed(IndexedSignature(0, signed(KEYS[2])), IndexedSignature(9, signed(KEYS[0])))
    tree = explain(data, FLARE)
    assert (tree["weight"], tree["enough"]) == (0, False)
    assert f"NOT their signature but that of {checksummed(address_of(KEYS[2]))}" in told(data)
    assert "  9: no voter of the policy" in told(data)
    assert told(data).endswith("to be above 100: not enough")


def test_relay_of_a_new_policy_shows_both() -> None:
    new = SigningPolicy(393, 1_320_480, 101, 8, POLICY.voters, POLICY.weights).encode()
    data = relayed(message=b"\0" + new)
    assert explain(data, FLARE)["new_policy"]["reward_epoch"] == 393
    assert "they agree on the signing policy of reward epoch 393" in told(data)


def test_messages_need_no_selector() -> None:
    tree = explain(message(bytes(32)).encode(), FLARE)
    assert (tree["call"], tree["messages"][0]["payload"]) == (None, "0x" + "00" * 32)
    assert told(message(b"").encode()).startswith("payload messages without a selector, 7 bytes")


def test_round_beyond_the_calendar_has_no_time() -> None:
    data = PayloadMessage(100, 2**32 - 1, bytes(32)).encode()
    assert explain(data, FLARE)["messages"][0]["starts"] is None
    assert "after the year 9999" in told(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "calldata: byte 0: expected a selector of 6c532fae (submit1), .*was the end"),
        ("deadbeef00", "was deadbeef, and as messages: .*byte 5: expected 2 bytes of payload length"),
        ("6c532fae64000a003b0020", "byte 11: expected 32 bytes of payload, was the end"),
        ("b59589d10003", "relay calldata: byte 4: expected 109 bytes of signing policy, was 2 bytes"),
        ("833bf6c0", "call of submitAndPass: byte 4: expected 32 bytes of an offset, was 0"),
    ],
)
def test_broken_frame_is_refused_by_its_byte(text: str, said: str) -> None:
    said = said.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(WireError, match=said):
        explain(from_hex(text), FLARE)


@given(st.sampled_from([*(call.value for call in Call), b""]), st.binary(max_size=200))
def test_any_bytes_are_told_or_refused(selector: bytes, body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        tree = explain(selector + body, FLARE)
        json.dumps(tree)
        list(lines(tree))


SAMPLES = (
    calldata(Call.SUBMIT2, message(encode_reveal(bytes(32), pack((1, 2))))),
    calldata(Call.SUBMIT_SIGNATURES, message(SignaturePayload(signed(KEYS[0]), RESULT.encode()).encode())),
    relayed(IndexedSignature(0, signed(KEYS[0]))),
)


@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_calldata_is_told_or_refused(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    damaged[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    with contextlib.suppress(ProtocolError):
        list(lines(explain(bytes(damaged[: draw.draw(st.integers(0, len(data)))]), FLARE)))


def test_every_transaction_of_the_reference_rounds_is_told(reference: Callable[[str], Any]) -> None:
    """Commits and reveals of six rounds, relays that are enough, and signers that are the voters."""
    rounds = reference("e2e_rounds_legacy.json")
    assert len(rounds["scenarios"]) == 6
    voters = {voter["signing"].lower() for voter in rounds["setup"]["voters"]}
    for scenario in rounds["scenarios"]:
        for sent in scenario["transactions"]:
            assert explain(from_hex(sent["input"]), FLARE)["call"] in {"submit1", "submit2"}
    finalized = [scenario for scenario in rounds["scenarios"] if "finalization" in scenario]
    assert len(finalized) == 2
    for scenario in finalized:
        tree = explain(from_hex(scenario["finalization"]["relay"]["calldata"]), FLARE)
        assert tree["enough"]
        assert {row["signer"].lower() for row in tree["signatures"]} <= voters
        assert tree["result"]["merkle_root"] == scenario["result"]["merkle_root"]


def test_update_of_the_reference_is_told(reference: Callable[[str], Any]) -> None:
    sent = reference("fast_updates.json")["submit"]
    tree = explain(from_hex(sent["submit_and_pass_calldata"]), FLARE)
    assert tree["deltas"].startswith(sent["delta_string"])
    assert tree["signer"] == sent["signing_address"]
    assert "submitAndPass()" in told(from_hex(sent["submit_and_pass_calldata"]))
