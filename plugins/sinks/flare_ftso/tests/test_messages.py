"""Payload messages, calldata, and which message of several counts."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.abi import selector
from chrono_flare_ftso.protocol.commits import commit_hash, decode_commit, decode_reveal
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.fdc import decode_bit_vector
from chrono_flare_ftso.protocol.messages import (
    CARRIERS,
    Call,
    PayloadMessage,
    calldata,
    last_parsable,
    parse_calldata,
    parse_messages,
)
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload
from chrono_flare_ftso.protocol.text import from_hex

Reader = Callable[[str], Any]
MESSAGE = st.builds(PayloadMessage, st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=80))
MESSAGES = st.lists(MESSAGE, max_size=5)


def parse(text: str) -> tuple[PayloadMessage, ...]:
    return parse_messages(from_hex(text))


def last_of_each(data: bytes) -> dict[int, PayloadMessage]:
    """Return messages as py-flare-common keeps them: the last one of a protocol."""
    return {message.protocol: message for message in parse_messages(data)}


def shown(payload: SignaturePayload) -> tuple[Signature, bytes, tuple[int, int, bytes] | None]:
    """Return what py-flare-common finds: the signature, the rest, and three fields of the message."""
    fields = payload.message and (payload.message[0], payload.message[5], payload.message[6:])
    return payload.signature, payload.unsigned, fields or None


def told(case: dict[str, Any], prefix: str = "", message: str | None = None) -> tuple[Any, ...]:
    """Return what a case says of a signature payload, and of its message where there is one; keys are prefixed."""
    v, r, s = (from_hex(case[prefix + part]) for part in "vrs")
    fields = message is not None and (
        case[f"{message}protocol_id"],
        case[f"{message}random_quality_score"],
        from_hex(case[f"{message}merkle_root"]),
    )
    return Signature(v[0], r, s), from_hex(case.get(f"{prefix}unsigned_message", "")), fields or None


# What the reference implementations computed


def test_messages_of_the_reference(reference: Reader) -> None:
    """The upper-case case is one of text: the reference's database has lower-case digits, and bytes have no case."""
    cases = reference("payload_messages.json")["ts_decode"]
    assert (len(cases), sum(isinstance(case["result"], str) for case in cases)) == (12, 6)
    for case in cases:
        if isinstance(case["result"], list):
            found = [(message.protocol, message.round, message.payload) for message in parse(case["message"])]
            assert found == [(m["protocolId"], m["votingRoundId"], from_hex(m["payload"])) for m in case["result"]]
        elif "not hex string" in case["result"]:
            assert parse(case["message"]) == (PayloadMessage(100, 1, b"\xaa"),)
        else:
            with pytest.raises(WireError):
                parse(case["message"])


def test_messages_of_py_flare_common(reference: Reader) -> None:
    """It passes over protocols that it does not know, 199 here."""
    cases = [case for case in reference("payload_messages.json")["py_cases"] if case["test"].startswith("test_gen")]
    assert len(cases) == 12
    for case in cases:
        if case["test"] == "test_gen_parse_error":
            with pytest.raises(WireError):
                parse(case["message"])
            continue
        found = last_of_each(from_hex(case["message"]))
        expected = {
            case.get(f"protocol_id{suffix}", protocol): PayloadMessage(
                case.get(f"protocol_id{suffix}", protocol),
                case[f"voting_round_id{suffix}"],
                from_hex(case[f"payload{suffix}"], case[f"payload_length{suffix}"]),
            )
            for suffix, protocol in (("", 0), ("_ftso", 100), ("_fdc", 200))
            if f"payload{suffix}" in case
        }
        assert {protocol: found[protocol] for protocol in expected} == expected
        assert found.keys() - {199} == expected.keys()


def test_transactions_of_py_flare_common(reference: Reader) -> None:
    """Real submit1, submit2 and submitSignatures of Flare, down to what their payloads say."""
    cases = [case for case in reference("payload_messages.json")["py_cases"] if "_tx" in case["test"]]
    assert len(cases) == 4
    commit, reveal, one, two = (last_of_each(from_hex(case["message"])) for case in cases)
    assert (commit[100].round, decode_commit(commit[100].payload)) == (812576, from_hex(cases[0]["hash"], 32))
    opened = decode_reveal(reveal[100].payload, len(cases[1]["values"]))
    assert (int.from_bytes(opened.random, "big"), len(reveal[100].payload)) == (int(cases[1]["random"]), 232)
    assert list(opened.votes) == cases[1]["values"]
    assert (one[100].round, len(one[100].payload)) == (812662, 104)
    assert shown(SignaturePayload.decode(one[100].payload)) == told(cases[2], message="")
    assert (two[200].round, len(two[200].payload), two[100].round, len(two[100].payload)) == (836730, 69, 836730, 104)
    assert shown(SignaturePayload.decode(two[200].payload)) == told(cases[3], "fdc_")
    assert shown(SignaturePayload.decode(two[100].payload)) == told(cases[3], "ftso_", "ftso_m_")
    assert decode_bit_vector(SignaturePayload.decode(two[200].payload).unsigned).confirmed == tuple(range(8))


def test_signature_payloads_of_py_flare_common(reference: Reader) -> None:
    """Its parsers start after the byte of the type."""
    cases = [case for case in reference("payload_messages.json")["py_cases"] if "submit_signatures" in case["test"]]
    assert [case["test"][-1] for case in cases] == ["0", "0", "1", "1"]
    for case in cases:
        kind = bytes([int(case["test"][-1])])
        payload = SignaturePayload.decode(kind + from_hex(case["payload"]))
        assert shown(payload) == told(case, message=None if kind == b"\1" else "")


def test_selectors_that_py_flare_common_strips(reference: Reader) -> None:
    cases = [case for case in reference("payload_messages.json")["py_cases"] if "to_bytes" in case["test"]]
    assert len(cases) == 8
    for case in cases:
        if "excepted" not in case:
            with pytest.raises(WireError):
                from_hex(case["data"])
            continue
        data, stripped = from_hex(case["data"]), from_hex(case["excepted"])
        if data == stripped:
            with pytest.raises(WireError, match="calldata: byte 0: expected 4 bytes of selector, was 1 bytes"):
                parse_calldata(data)
        elif stripped:
            with pytest.raises(WireError, match="calldata: byte 5: expected 4 bytes of voting round, was the end"):
                parse_calldata(data)
        else:
            assert parse_calldata(data).messages == ()


def test_every_case_of_py_flare_common_is_in_one_of_these_tests(reference: Reader) -> None:
    names = [case["test"] for case in reference("payload_messages.json")["py_cases"]]
    parts = ("test_gen", "_tx", "submit_signatures", "to_bytes")
    assert [sum(part in name for name in names) for part in parts] == [12, 4, 4, 8]
    assert len(names) == 28


def test_transactions_of_go_flare_common(reference: Reader) -> None:
    vectors = reference("payload_messages.json")
    results = vectors["go_expected"]
    assert (len(vectors["go_transactions"]), len(results)) == (9, 2)
    for case in vectors["go_transactions"]:
        if case["expect"] == "error":
            with pytest.raises(WireError):
                parse_calldata(from_hex(case["input"]))
            continue
        found = parse_calldata(from_hex(case["input"]))
        expected = results[case["name"]]
        assert found.call is Call.SUBMIT1
        assert [message.protocol for message in found.messages] == expected["protocols"]
        assert {message.round for message in found.messages} == {expected["voting_round"]}
        assert {len(message.payload) for message in found.messages} == {expected["payload_length"]}


def test_selectors(reference: Reader) -> None:
    listed = {name: from_hex(text, 4) for name, text in reference("payload_messages.json")["selectors"].items()}
    parts = "(uint256,(uint256,(uint256,uint256),uint256,uint256),bytes,(uint8,bytes32,bytes32))"
    assert listed.pop("submitUpdates") == selector(f"submitUpdates({parts})")
    assert {"".join(name.lower().split("_")): call.value for name, call in Call.__members__.items()} == {
        name.lower(): raw for name, raw in listed.items()
    }


def test_recorded_answers_of_a_data_provider_are_what_their_route_says(reference: Reader) -> None:
    """A commit, a reveal of three feeds that fits the commit of the same address, or a result."""
    vectors = reference("http_data_provider.json")
    commits: dict[str, bytes] = {}
    seen = {"submit1": 0, "submit2": 0, "submitSignatures": 0}
    for exchange in vectors["exchanges"]:
        body = exchange.get("response", {}).get("body") or {}
        if not isinstance(body.get("data"), str):
            continue
        _, route, voting_round, address = exchange["request"]["path"].split("/")
        assert voting_round == str(vectors["voting_round"])
        seen[route] += 1
        data = from_hex(body["data"])
        if route == "submitSignatures":
            result = Result.decode(data)
            assert (result.protocol, result.round, result.secure) == (100, vectors["voting_round"], True)
            continue
        (message,) = parse_messages(data)
        assert (message.protocol, message.round) == (100, vectors["voting_round"])
        if route == "submit1":
            commits[address] = decode_commit(message.payload)
        else:
            reveal = decode_reveal(message.payload, len(vectors["feeds"]))
            sent = commit_hash(from_hex(address, 20), message.round, reveal.random, reveal.vector)
            assert commits[address] == sent
    assert seen == {"submit1": 6, "submit2": 5, "submitSignatures": 1}


# Framing


@given(MESSAGES)
def test_messages_return(messages: list[PayloadMessage]) -> None:
    assert parse_messages(b"".join(message.encode() for message in messages)) == tuple(messages)


@given(st.sampled_from(CARRIERS), MESSAGES)
def test_calldata_returns(call: Call, messages: list[PayloadMessage]) -> None:
    found = parse_calldata(calldata(call, *messages))
    assert (found.call, found.messages) == (call, tuple(messages))


@given(st.binary(max_size=60))
def test_any_bytes_are_messages_that_return_or_are_refused(data: bytes) -> None:
    try:
        messages = parse_messages(data)
    except ProtocolError:
        return
    assert b"".join(message.encode() for message in messages) == data


@given(st.sampled_from(CARRIERS), st.lists(MESSAGE, min_size=1, max_size=3), st.data())
def test_changed_calldata_is_read_or_refused(call: Call, messages: list[PayloadMessage], data: st.DataObject) -> None:
    raw = bytearray(calldata(call, *messages))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = parse_calldata(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except ProtocolError:
        return
    assert bytes(raw).startswith(calldata(found.call, *found.messages))


def test_functions_are_known_by_their_selectors() -> None:
    texts = ["6c532fae", "9d00c9fd", "e1b157e7", "57eed580", "833bf6c0", "b59589d1"]
    assert [Call(bytes.fromhex(text)) for text in texts] == list(Call)
    assert tuple(Call)[:4] == CARRIERS


@pytest.mark.parametrize("size", [255, 256, 4500, 65535])
def test_long_payloads_return(size: int) -> None:
    messages = (PayloadMessage(100, 1, bytes([7]) * size), PayloadMessage(200, 1, b""))
    assert parse_messages(b"".join(message.encode() for message in messages)) == messages


def test_a_message_has_seven_bytes_of_head() -> None:
    message = PayloadMessage(200, 0x01020304, b"\xfe\xff")
    assert message.encode().hex() == "c8010203040002feff"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("6400000001", "payload messages: byte 5: expected 2 bytes of payload length, was the end"),
        ("64000000", "payload messages: byte 1: expected 4 bytes of voting round, was 3 bytes"),
        ("640000000100", "payload messages: byte 5: expected 2 bytes of payload length, was 1 bytes"),
        ("64000000010002ab", "payload messages: byte 7: expected 2 bytes of payload, was 1 bytes"),
        ("64000000010000c8", "payload messages: byte 8: expected 4 bytes of voting round, was the end"),
    ],
)
def test_broken_framing_is_refused_by_its_byte(data: str, refusal: str) -> None:
    with pytest.raises(WireError, match=f"^{refusal}$"):
        parse(data)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("", "calldata: byte 0: expected 4 bytes of selector, was the end"),
        ("6c532f", "calldata: byte 0: expected 4 bytes of selector, was 3 bytes"),
        (
            "b59589d1",
            "calldata: byte 0: expected the selector of submit1, submit2, submit3 or submitSignatures, was b59",
        ),
        (
            "833bf6c0",
            "calldata: byte 0: expected the selector of submit1, submit2, submit3 or submitSignatures, was 833",
        ),
        ("6c532fae64", "calldata: byte 5: expected 4 bytes of voting round, was the end"),
    ],
)
def test_other_calldata_is_refused_by_its_byte(data: str, refusal: str) -> None:
    with pytest.raises(WireError, match=f"^{refusal}"):
        parse_calldata(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (PayloadMessage(256, 1, b""), "protocol id: byte 0: expected a number from 0 to 2^8 - 1, was 256"),
        (PayloadMessage(1, -1, b""), "voting round: byte 0: expected a number from 0 to 2^32 - 1, was -1"),
        (PayloadMessage(1, 2**32, b""), "voting round: byte 0: expected a number from 0 to 2^32 - 1, was 4294967296"),
        (PayloadMessage(1, 1, bytes(65536)), "payload length: byte 0: expected a number from 0 to 2^16 - 1, was 65536"),
    ],
)
def test_fields_that_do_not_fit_are_refused(message: PayloadMessage, refusal: str) -> None:
    with pytest.raises(WireError) as caught:
        message.encode()
    assert str(caught.value) == refusal


@pytest.mark.parametrize("call", [Call.RELAY, Call.SUBMIT_AND_PASS])
def test_functions_without_messages_carry_none(call: Call) -> None:
    with pytest.raises(ValueError, match=f"submit1, submit2, submit3 or submitSignatures, was {call.name}"):
        calldata(call)


def test_a_protocol_may_occur_twice() -> None:
    """go-flare-common refuses this, the reference does not."""
    first, second = PayloadMessage(100, 2, b"\xaa"), PayloadMessage(100, 1, b"\xbb")
    assert parse_messages(first.encode() + second.encode()) == (first, second)


# The last parsable message


def test_the_last_message_that_can_be_parsed_counts() -> None:
    early, late, bad = (PayloadMessage(100, 7, bytes([byte]) * size) for byte, size in ((1, 32), (2, 32), (3, 31)))
    other = [PayloadMessage(200, 7, bytes(32)), PayloadMessage(100, 8, bytes(32)), PayloadMessage(100, 6, bytes(32))]
    assert last_parsable([early, late, bad, *other], 100, 7, decode_commit) == late.payload
    assert last_parsable([late, early], 100, 7, decode_commit) == early.payload
    assert last_parsable([bad, *other], 100, 7, decode_commit) is None
    assert last_parsable([], 100, 7, decode_commit) is None


def test_a_payload_parsed_as_nothing_is_not_a_refusal() -> None:
    """What a parser returns is returned, even where it looks like false."""
    messages = [PayloadMessage(100, 7, b"\x01"), PayloadMessage(100, 7, b"")]
    assert last_parsable(messages, 100, 7, bytes) == b""


def test_mistakes_of_a_parser_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        last_parsable([PayloadMessage(100, 7, b"")], 100, 7, lambda payload: 1 // len(payload))


# A second opinion


@given(st.lists(st.builds(PayloadMessage, st.sampled_from([100, 200]), st.integers(0, 9), st.binary(max_size=9))))
def test_py_flare_common_reads_the_same(messages: list[PayloadMessage]) -> None:
    parse_generic_tx = pytest.importorskip("py_flare_common.fsp.messaging").parse_generic_tx
    data = calldata(Call.SUBMIT2, *messages)
    found, other = last_of_each(data[4:]), parse_generic_tx(data)
    for protocol, part in ((100, other.ftso), (200, other.fdc)):
        same = part and PayloadMessage(part.protocol_id, part.voting_round_id, part.payload)
        assert found.get(protocol) == same
