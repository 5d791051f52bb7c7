"""Signing, recovering, and the payloads of submitSignatures."""

import contextlib
import traceback

import pytest
from eth_keys.constants import SECPK1_N
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload, address_of, eip191, recover, sign

BACKENDS = ["NativeECCBackend", "CoinCurveECCBackend"]
KEY = keccak256(b"a key that holds nothing")
DIGEST = eip191(keccak256(b"a message"))
WORDS = st.binary(min_size=32, max_size=32)
SIGNATURES = st.builds(Signature, st.integers(0, 255), WORDS, WORDS)
PAYLOADS = st.builds(
    SignaturePayload, SIGNATURES, st.none() | st.binary(min_size=38, max_size=38), st.binary(max_size=80)
)


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    """Choose who does the arithmetic."""
    if request.param == "CoinCurveECCBackend":
        pytest.importorskip("coincurve")
    monkeypatch.setenv("ECC_BACKEND_CLASS", f"eth_keys.backends.{request.param}")


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def messages(data):
    """Return the payloads of concatenated payload messages, without the reader that is tested elsewhere."""
    found = []
    while data:
        size = int.from_bytes(data[5:7], "big")
        found.append((data[0], int.from_bytes(data[1:5], "big"), data[7 : 7 + size]))
        data = data[7 + size :]
    return found


def test_keys_of_the_reference_sign_the_same_bytes(reference, backend):
    recorded = reference("submit_signatures.json")["ts"]
    message = unhex(recorded["message_encoded"])
    digest = eip191(keccak256(message))
    assert digest == unhex(recorded["eip191_digest"])
    calldata = recorded["submit_signatures_calldata_type0"], recorded["submit_signatures_calldata_type1"]
    payloads = recorded["signature_payload_type0"], recorded["signature_payload_type1"]
    assert len(recorded["signatures"]) == len(payloads[0]) == len(payloads[1]) == 5
    assert len(calldata[0]) == len(calldata[1]) == 5
    for index, expected in enumerate(recorded["signatures"]):
        key = unhex(expected["private_key"])
        signature = sign(digest, key)
        assert signature == Signature(expected["v"], unhex(expected["r"]), unhex(expected["s"]))
        assert recover(digest, signature) == address_of(key) == unhex(expected["address"])
        for kind, payload in enumerate((SignaturePayload(signature, message), SignaturePayload(signature))):
            assert payload.encode() == unhex(payloads[kind][index])
            assert SignaturePayload.decode(payload.encode()) == payload
            assert messages(unhex(calldata[kind][index])[4:]) == [(100, 1008123, payload.encode())]


def test_signers_of_real_transactions_are_recovered(reference, backend):
    recorded = reference("submit_signatures.json")["real"]
    for transaction in recorded:
        protocol, round, data = messages(unhex(transaction["calldata_without_selector"]))[0]
        assert (protocol, round) == (100, transaction["voting_round_id"])
        payload = SignaturePayload.decode(data)
        signature = Signature(transaction["v"], unhex(transaction["r"]), unhex(transaction["s"]))
        assert payload == SignaturePayload(signature, unhex(transaction["message"]))
        signer = recover(eip191(Result.decode(payload.message).hash()), signature)
        assert signer == unhex(transaction["recovered_signer_computed"])
    assert len(recorded) == 2


def test_a_second_protocol_in_a_real_transaction_is_read(reference):
    (recorded,) = [entry for entry in reference("submit_signatures.json")["real"] if "fdc_type1" in entry]
    expected = recorded["fdc_type1"]
    protocol, round, data = messages(unhex(recorded["calldata_without_selector"]))[1]
    assert (protocol, round, len(data), data[0]) == (
        expected["fdc_protocol_id"],
        expected["fdc_voting_round_id"],
        expected["fdc_size"],
        expected["fdc_type"],
    )
    signature = Signature(int(expected["fdc_v"], 16), unhex(expected["fdc_r"]), unhex(expected["fdc_s"]))
    assert SignaturePayload.decode(data) == SignaturePayload(signature, None, unhex(expected["fdc_unsigned_message"]))


def test_the_payloads_of_the_client_are_ours(reference, backend):
    recorded = reference("submit_signatures.json")["go_snapshots"]
    message, key = unhex(recorded["message"]), unhex(recorded["private_key"])
    assert address_of(key) == unhex(recorded["address"])
    signature = sign(eip191(keccak256(message)), key)
    for name, signed in (("type0_payload_message", message), ("type1_payload_message", None)):
        payload = SignaturePayload(signature, signed, unhex(recorded["additional_data"]))
        assert messages(unhex(recorded[name])) == [
            (recorded["protocol_id"], recorded["voting_round_id"], payload.encode())
        ]
        assert SignaturePayload.decode(payload.encode()) == payload


def test_a_payload_whose_message_is_no_result_is_read_and_its_message_refused(reference):
    """The client keeps the 38 bytes as they are; FTSO-Scaling drops them."""
    data = messages(unhex(reference("submit_signatures.json")["go_snapshots"]["type0_payload_message"]))[0][2]
    with pytest.raises(WireError, match="result: byte 5: expected 0 or 1, was 255"):
        Result.decode(SignaturePayload.decode(data).message)


@pytest.mark.parametrize("kind", [0, 1])
def test_what_py_flare_common_reads_is_read(reference, kind):
    """Its tests leave out the byte of the type."""
    cases = reference("submit_signatures.json")["py_unit"][f"test_submit_signatures_type_{kind}"]
    for case in cases:
        payload = SignaturePayload.decode(bytes([kind]) + unhex(case["payload"]))
        assert payload.signature == Signature(int(case["v"], 16), unhex(case["r"]), unhex(case["s"]))
        assert payload.unsigned == unhex(case["unsigned_message"])
        if kind:
            assert payload.message is None
        else:
            assert payload.message[0] == case["protocol_id"]
            assert payload.message[5] == case["random_quality_score"]
            assert payload.message[6:] == unhex(case["merkle_root"])
    assert len(cases) == 2


@given(PAYLOADS)
def test_py_flare_common_reads_the_same(payload):
    parse = pytest.importorskip("py_flare_common.fsp.messaging.parse")
    read = parse.submit_signatures(payload.encode())
    signature = payload.signature
    assert (read.signature.v, read.signature.r, read.signature.s) == (
        f"{signature.v:02x}",
        signature.r.hex(),
        signature.s.hex(),
    )
    assert read.unsigned_message == payload.unsigned
    assert (read.message is None) == (payload.message is None)


def test_known_signatures(backend):
    signature = sign(DIGEST, KEY)
    assert DIGEST.hex() == "2a1ad0a75910e26babb3e36ba1f3b7ed521a5322b97c823490d28cb01431b315"
    assert address_of(KEY).hex() == "88a9a3dfe1dee7d5bcf06528df6013792e65fab0"
    assert signature.v == 28
    assert signature.r.hex() == "5931ccb09d7eed3e55ea177fb8e96ffbfba364e0213e41e42905420b14bb24ff"
    assert signature.s.hex() == "2aaaeed7b53df00ee5c0208b876bcd6a0907ae914896aa034d3f7996d9ab906f"
    assert recover(DIGEST, signature) == address_of(KEY)


@settings(max_examples=20, deadline=None)
@given(key=st.integers(1, SECPK1_N - 1), digest=WORDS)
def test_both_backends_make_the_same_bytes(key, digest):
    pytest.importorskip("coincurve")
    private_key, made = key.to_bytes(32, "big"), set()
    for name in BACKENDS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECC_BACKEND_CLASS", f"eth_keys.backends.{name}")
            signature = sign(digest, private_key)
            made.add((signature, address_of(private_key), recover(digest, signature)))
    assert len(made) == 1
    (signature, address, signer) = made.pop()
    assert address == signer
    assert signature.v in {27, 28}
    assert int.from_bytes(signature.s, "big") <= SECPK1_N // 2


@pytest.mark.parametrize("digest", [0, 1, SECPK1_N - 1, SECPK1_N, SECPK1_N + 1, 2**256 - 1])
@pytest.mark.parametrize("key", [1, 2, SECPK1_N - 1])
def test_digests_and_keys_at_the_edges_sign_and_recover(backend, digest, key):
    digest, key = digest.to_bytes(32, "big"), key.to_bytes(32, "big")
    assert recover(digest, sign(digest, key)) == address_of(key)


@settings(max_examples=15, deadline=None)
@given(digest=WORDS, v=st.sampled_from([27, 28]), r=WORDS, s=WORDS)
def test_both_backends_recover_the_same_of_any_signature(digest, v, r, s):
    pytest.importorskip("coincurve")
    answers = []
    for name in BACKENDS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECC_BACKEND_CLASS", f"eth_keys.backends.{name}")
            try:
                answers.append(recover(digest, Signature(v, r, s)))
            except ProtocolError as error:
                answers.append(str(error))
    assert answers[0] == answers[1]


def test_the_higher_s_recovers_the_same_signer(backend):
    signature = sign(DIGEST, KEY)
    higher = SECPK1_N - int.from_bytes(signature.s, "big")
    assert recover(DIGEST, Signature(55 - signature.v, signature.r, higher.to_bytes(32, "big"))) == address_of(KEY)


def test_another_digest_or_v_recovers_another_signer(backend):
    signature = sign(DIGEST, KEY)
    assert recover(keccak256(b"another"), signature) != address_of(KEY)
    assert recover(DIGEST, Signature(55 - signature.v, signature.r, signature.s)) != address_of(KEY)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 30, 35, 255])
def test_only_27_and_28_recover(v):
    signature = sign(DIGEST, KEY)
    with pytest.raises(ProtocolError, match=f"signature: expected v of 27 or 28, was {v}"):
        recover(DIGEST, Signature(v, signature.r, signature.s))


@pytest.mark.parametrize("value", [0, SECPK1_N, 2**256 - 1])
@pytest.mark.parametrize("name", ["r", "s"])
def test_r_and_s_outside_the_order_are_refused(backend, name, value):
    parts = {"r": (1).to_bytes(32, "big"), "s": (1).to_bytes(32, "big"), name: value.to_bytes(32, "big")}
    with pytest.raises(ProtocolError, match="expected r and s from 1 to the order of the curve less 1"):
        recover(DIGEST, Signature(27, **parts))


def test_the_least_r_and_s_recover(backend):
    one = (1).to_bytes(32, "big")
    assert recover(DIGEST, Signature(27, one, one)) != recover(DIGEST, Signature(28, one, one))


def test_an_r_that_is_no_point_is_refused(backend):
    """x = 5 is no coordinate of a point of secp256k1."""
    with pytest.raises(ProtocolError, match="expected r of a point on the curve"):
        recover(DIGEST, Signature(27, (5).to_bytes(32, "big"), (1).to_bytes(32, "big")))


@pytest.mark.parametrize(
    "key",
    [bytes(32), SECPK1_N.to_bytes(32, "big"), b"\xff" * 32, KEY[:31], KEY + b"\7", b""],
    ids=["zero", "order", "largest", "short", "long", "empty"],
)
@pytest.mark.parametrize("use", [lambda key: sign(DIGEST, key), address_of], ids=["sign", "address"])
def test_a_bad_key_is_refused_and_not_shown(backend, use, key):
    with pytest.raises(ProtocolError, match="private key: ") as refused:
        use(key)
    shown = "".join(traceback.format_exception(refused.value))
    assert not key or key.hex() not in shown
    assert str(int.from_bytes(key, "big")) not in shown or not any(key)
    assert repr(key) not in shown or not key
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_sizes_that_are_wrong_are_refused():
    signature = sign(DIGEST, KEY)
    for use, message in (
        (lambda: sign(DIGEST[:31], KEY), "digest: byte 31: expected 32 bytes, was 31 bytes"),
        (lambda: recover(DIGEST + b"\0", signature), "digest: byte 32: expected 32 bytes, was 33 bytes"),
        (lambda: recover(DIGEST, Signature(27, b"", signature.s)), "r: byte 0: expected 32 bytes, was 0 bytes"),
        (lambda: eip191(b""), "hash: byte 0: expected 32 bytes, was 0 bytes"),
        (lambda: Signature(256, bytes(32), bytes(32)).encode(), "v: byte 0: expected a number"),
        (lambda: Signature(27, bytes(32), bytes(33)).encode(), "s: byte 32: expected 32 bytes, was 33 bytes"),
        (lambda: SignaturePayload(signature, bytes(37)).encode(), "message: byte 37: expected 38 bytes"),
        (lambda: Signature.decode(bytes(64)), "signature: byte 33: expected 32 bytes of s, was 31 bytes"),
        (lambda: Signature.decode(bytes(66)), "signature: byte 65: expected the end, was 1 bytes more"),
    ):
        with pytest.raises(WireError) as refused:
            use()
        assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "signature payload: byte 0: expected 1 bytes of type, was the end"),
        (b"\2" + bytes(120), "signature payload: byte 0: expected type 0 or 1, was 2"),
        (bytes(103), "signature payload: byte 72: expected 32 bytes of s, was 31 bytes"),
        (b"\1" + bytes(64), "signature payload: byte 34: expected 32 bytes of s, was 31 bytes"),
        (bytes(30), "signature payload: byte 1: expected 38 bytes of message, was 29 bytes"),
    ],
)
def test_bytes_that_are_no_payload_are_refused(data, message):
    with pytest.raises(WireError) as refused:
        SignaturePayload.decode(data)
    assert str(refused.value) == message


@pytest.mark.parametrize("data", [bytes(104), b"\1" + bytes(65), bytes(105)])
def test_the_least_bytes_of_a_payload_are_read(data):
    payload = SignaturePayload.decode(data)
    assert payload.encode() == data
    assert payload.unsigned == data[104:]


@given(SIGNATURES)
def test_a_signature_comes_back(signature):
    assert Signature.decode(signature.encode()) == signature


@given(PAYLOADS)
def test_a_payload_comes_back(payload):
    assert SignaturePayload.decode(payload.encode()) == payload


@given(st.binary(max_size=120))
def test_any_bytes_are_a_payload_or_refused(data):
    try:
        payload = SignaturePayload.decode(data)
    except ProtocolError:
        return
    assert payload.encode() == data


@settings(deadline=None, max_examples=30)
@given(SIGNATURES, WORDS)
def test_any_signature_recovers_or_is_refused(signature, digest):
    with contextlib.suppress(ProtocolError):
        assert len(recover(digest, signature)) == 20
