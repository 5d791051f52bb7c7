"""Possession of a node: the contract's tests, certificates of openssl, and every way a certificate is refused."""

from contextlib import suppress
from hashlib import sha256

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.nodes import (
    P256Key,
    RSAKey,
    check_possession,
    node_id,
    possession_message,
    public_key_of,
    read_signature,
    sign_possession,
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
RSA_ALGORITHM = bytes.fromhex("06092a864886f70d0101010500")
P256_ALGORITHM = bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")
IDENTITY = sha256(b"an entity of the tests").digest()[:20]
REFUSALS = (
    "couldn't read version element",
    "couldn't read serial number element",
    "couldn't read signature algorithm identifier",
    "couldn't read issuer element",
    "couldn't read validity element",
    "couldn't read subject element",
    "couldn't read subject public key info element",
)


def tlv(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(raw)]) + raw + content


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def fields(info):
    """Return the elements of a certificate up to and with the key."""
    version, serial, empty = tlv(0xA0, b"\x02\x01\x02"), tlv(2, b"\x07"), tlv(0x30)
    return [version, serial, tlv(0x30, RSA_ALGORITHM), empty, tlv(0x30, tlv(0x17, b"991231000000Z")), empty, info]


def certificate(info):
    return tlv(0x30, tlv(0x30, *fields(info)), tlv(0x30, RSA_ALGORITHM), tlv(3, bytes(9)))


def rsa_info(modulus, exponent=65537):
    return tlv(0x30, tlv(0x30, RSA_ALGORITHM), tlv(3, b"\0", tlv(0x30, integer(modulus), integer(exponent))))


def p256_info(point):
    return tlv(0x30, tlv(0x30, P256_ALGORITHM), tlv(3, b"\0", point))


def der(r, s):
    return tlv(0x30, integer(r), integer(s))


def pair_of(key):
    return b"\x04" + b"".join(int(each).to_bytes(32, "big") for each in key.pointQ.xy)


def check(made, signature, identity=IDENTITY):
    check_possession(identity, node_id(made), made, signature)


@pytest.fixture(scope="module")
def p256():
    return ECC.generate(curve="P-256")


@pytest.fixture(scope="module")
def rsa():
    return RSA.generate(2048)


@pytest.fixture(scope="module")
def good(p256):
    """Return a certificate of P-256 and r and s of a good signature for it."""
    raw = DSS.new(p256, "fips-186-3").sign(SHA256.new(possession_message(IDENTITY)))
    return certificate(p256_info(pair_of(p256))), int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


@pytest.fixture
def vectors(reference):
    found = reference("registration.json")
    assert len(found["node_possession"]) == 17
    return found


def possession_cases(vectors):
    """Return the cases of verifyNodePossession; one has no certificate, any is wrong for its id."""
    known = {case["nodeId"]: case["certificateRaw"] for case in vectors["node_possession"] if "certificateRaw" in case}
    for case in vectors["node_possession"]:
        if "nodeId" in case:
            raw = case.get("certificateRaw") or next(iter(known.values()))
            yield case, [bytes.fromhex(text[2:]) for text in (case["nodeId"], raw, case["signature"])]


def test_every_node_of_the_reference_is_possessed_or_refused_as_the_contract_says(vectors):
    cases = list(possession_cases(vectors))
    assert len(cases) == 8
    assert sum(case["expect_revert"] is None for case, _ in cases) == 5
    identity = bytes.fromhex(vectors["node_test_voter"][2:])
    for case, parts in cases:
        if case["expect_revert"] is None:
            check_possession(identity, *parts)
        else:
            with pytest.raises(ProtocolError) as caught:
                check_possession(identity, *parts)
            assert str(caught.value).startswith(case["expect_revert"] + ": ")


def test_every_signature_that_the_contract_cannot_read_is_refused_with_its_text(vectors):
    cases = [case for case in vectors["node_possession"] if "nodeId" not in case]
    assert len(cases) == 9
    for case in cases:
        with pytest.raises(WireError) as caught:
            read_signature(bytes.fromhex(case["signature"][2:]))
        assert caught.value.subject == case["expect_revert"]


def test_a_node_is_not_another_voters(vectors):
    for case, parts in possession_cases(vectors):
        if case["expect_revert"] is None:
            with pytest.raises(ProtocolError, match="^invalid signature: "):
                check_possession(IDENTITY, *parts)


def test_what_openssl_makes_is_good(own):
    vectors = own("nodes.json")
    assert bytes.fromhex(vectors["identity"]) == IDENTITY
    assert len(vectors["cases"]) == 2
    for case in vectors["cases"]:
        made = bytes.fromhex(case["certificate"])
        assert node_id(made).hex() == case["node"]
        check(made, bytes.fromhex(case["signature"]))


def test_numbers_of_fewer_than_32_bytes_are_misread_as_in_the_contract(own):
    """openssl accepts both signatures; the contract fills r and s at the wrong end."""
    vectors = own("nodes.json")
    made = bytes.fromhex(vectors["cases"][1]["certificate"])
    key = public_key_of(made)
    point = (int.from_bytes(key.x, "big"), int.from_bytes(key.y, "big"))
    for name, at in (("short_r", 0), ("short_s", 1)):
        signature = bytes.fromhex(vectors[name])
        verifier = DSS.new(ECC.construct(curve="P-256", point_x=point[0], point_y=point[1]), "fips-186-3", "der")
        verifier.verify(SHA256.new(possession_message(IDENTITY)), signature)
        assert read_signature(signature)[at][-1] == 0
        with pytest.raises(ProtocolError, match="^invalid signature: "):
            check(made, signature)


def test_signatures_made_here_are_good_for_keys_in_pem_and_der(p256, rsa):
    made = certificate(p256_info(pair_of(p256)))
    for key in (p256.export_key(format="PEM").encode(), p256.export_key(format="DER", use_pkcs8=False)):
        check(made, sign_possession(IDENTITY, key))
    made = certificate(rsa_info(rsa.n, rsa.e))
    signatures = {sign_possession(IDENTITY, rsa.export_key(form, pkcs=8)) for form in ("PEM", "DER")}
    assert len(signatures) == 1
    check(made, signatures.pop())


def test_short_numbers_are_not_made(p256, monkeypatch):
    """The signer is made to give an r, then an s, that the contract would misread, and after that one it reads."""
    ends = iter([(1 << 247) - 1, 5, 1 << 255, (1 << 247) - 1, 1 << 247, 1 << 247])

    class Signer:
        def sign(self, _):
            return next(ends).to_bytes(32, "big") + next(ends).to_bytes(32, "big")

    monkeypatch.setattr("chrono_flare_ftso.protocol.nodes.DSS.new", lambda *_: Signer())
    signature = sign_possession(IDENTITY, p256.export_key(format="DER"))
    assert signature == der(1 << 247, 1 << 247)
    assert read_signature(signature) == ((1 << 247).to_bytes(32, "big"),) * 2


def test_keys_that_cannot_be_registered_are_refused_without_being_shown(p256):
    weak, other = RSA.generate(1024), ECC.generate(curve="P-384")
    keys = [
        b"",
        b"staker.key",
        b"0\x80",
        weak.export_key("DER"),
        other.export_key(format="DER"),
        p256.public_key().export_key(format="DER"),
        weak.public_key().export_key("PEM"),
        p256.export_key(format="PEM", passphrase="secret", protection="PBKDF2WithHMAC-SHA1AndAES128-CBC").encode(),
    ]
    for key in keys:
        with pytest.raises(ProtocolError) as caught:
            sign_possession(IDENTITY, key)
        expected = "expected a private key in PEM or DER, RSA of 2048 bits or P-256, was another"
        assert str(caught.value) == f"node key: {expected}"
        assert caught.value.__context__ is None


@given(st.binary(max_size=200))
def test_random_bytes_are_no_key(data):
    with pytest.raises(ProtocolError, match="^node key: "):
        sign_possession(IDENTITY, data)


def test_the_message_is_zeros_and_the_identity():
    assert possession_message(IDENTITY) == bytes(32) + IDENTITY
    for identity in (IDENTITY[:19], IDENTITY + b"\0"):
        with pytest.raises(WireError) as caught:
            possession_message(identity)
        assert (caught.value.subject, caught.value.at) == ("identity address", min(len(identity), 20))


def test_a_node_id_of_another_size_or_certificate_is_refused(good):
    made, r, s = good
    with pytest.raises(
        ProtocolError, match=f"^invalid node id: expected {node_id(made).hex()}, was {bytes(20).hex()}$"
    ):
        check_possession(IDENTITY, bytes(20), made, der(r, s))
    with pytest.raises(WireError, match="^node id: byte 19: expected 20 bytes, was 19 bytes$"):
        check_possession(IDENTITY, bytes(19), made, der(r, s))


def test_both_values_of_s_are_good(good):
    made, r, s = good
    check(made, der(r, s))
    check(made, der(r, ORDER - s))


@pytest.mark.parametrize("change", [lambda r, s: (r + 1, s), lambda r, s: (r, s + 1), lambda r, s: (s, r)])
def test_another_r_or_s_is_not_good(good, change):
    made, r, s = good
    with pytest.raises(ProtocolError, match="^invalid signature: "):
        check(made, der(*change(r, s)))


def test_r_and_s_outside_the_group_are_not_good(good):
    made, r, s = good
    for pair in ((0, s), (ORDER, s), (r, 0), (r, ORDER)):
        with pytest.raises(ProtocolError, match="^invalid signature: "):
            check(made, der(*pair))


def test_s_above_the_order_makes_the_contract_panic(good):
    made, r, _ = good
    with pytest.raises(ProtocolError, match=r"^panic 0x11: expected s of at most the order of P-256, was more$"):
        check(made, der(r, ORDER + 1))


def test_a_key_off_the_curve_or_beyond_its_field_is_not_good(good, p256):
    _, r, s = good
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    x, y = map(int, p256.pointQ.xy)
    # the only points that can be written twice in 32 bytes have an x below 2^256 - prime; 5 is the x of one
    twice = pow(5**3 - 15 + B, (prime + 1) // 4, prime)
    assert (twice * twice - 5**3 + 15 - B) % prime == 0
    for wrong in ((x, (y + 1) % prime), (0, 0), (5 + prime, twice)):
        made = certificate(p256_info(b"\x04" + b"".join(each.to_bytes(32, "big") for each in wrong)))
        with pytest.raises(ProtocolError, match="^invalid signature: "):
            check(made, der(r, s))


def pkcs1(rsa, info, *, fill=b"\xff", head=b"\0\1", size=256):
    """Return the signature of a message that is padded in some way."""
    digest = bytes.fromhex(info) + sha256(possession_message(IDENTITY)).digest()
    padded = head + (b"\0" + digest).rjust(size - 2, fill)
    return pow(int.from_bytes(padded, "big"), int(rsa.d), int(rsa.n)).to_bytes(size, "big")


WITH_NULL = "3031300d060960864801650304020105000420"
WITHOUT_NULL = "302f300b06096086480165030402010420"


def test_rsa_is_good_with_and_without_a_null_in_the_digest_info(rsa):
    made = certificate(rsa_info(rsa.n, rsa.e))
    for info in (WITH_NULL, WITHOUT_NULL):
        check(made, pkcs1(rsa, info))


def test_rsa_with_other_padding_is_not_good(rsa):
    made = certificate(rsa_info(rsa.n, rsa.e))
    wrong = [
        pkcs1(rsa, WITH_NULL, fill=b"\xfe"),
        pkcs1(rsa, WITH_NULL, head=b"\0\2"),
        pkcs1(rsa, WITH_NULL[:-2] + "21"),
        pkcs1(rsa, "3031300d060960864801650304020205000420"),
        pkcs1(rsa, WITH_NULL)[:-1] + b"\0",
        pkcs1(rsa, WITH_NULL)[1:],
        b"\0" + pkcs1(rsa, WITH_NULL),
        (int.from_bytes(pkcs1(rsa, WITH_NULL), "big") + int(rsa.n)).to_bytes(257, "big"),
        int(rsa.n).to_bytes(256, "big"),
        b"\xff" * 256,
        b"",
    ]
    for signature in wrong:
        with pytest.raises(ProtocolError, match="^invalid signature: "):
            check(made, signature)


def test_rsa_is_asked_for_one_signature_below_the_modulus():
    """With the exponent 1, which the contract does not refuse, a signature is the padded digest itself."""
    modulus = 2**2047 + 1
    made = certificate(rsa_info(modulus, 1))
    digest = bytes.fromhex("00" + WITH_NULL) + sha256(possession_message(IDENTITY)).digest()
    signature = b"\0\1" + digest.rjust(254, b"\xff")
    check(made, signature)
    with pytest.raises(ProtocolError, match="^invalid signature: "):
        check(made, (int.from_bytes(signature, "big") + modulus).to_bytes(256, "big"))


def test_rsa_below_2048_bits_is_not_good():
    weak = RSA.generate(1024)
    made = certificate(rsa_info(weak.n, weak.e))
    with pytest.raises(ProtocolError, match="^invalid signature: "):
        check(made, pkcs1(weak, WITH_NULL, size=128))


def test_keys_are_read_less_one_zero_in_front(rsa):
    modulus, exponent = int(rsa.n).to_bytes(256, "big"), b"\1\0\1"
    assert public_key_of(certificate(rsa_info(rsa.n, rsa.e))) == RSAKey(modulus, exponent)
    for written, read in ((b"\0\0\5", b"\0\5"), (b"\0", b"\0"), (b"", b""), (b"\5", b"\5")):
        info = tlv(0x30, tlv(0x30, RSA_ALGORITHM), tlv(3, b"\0", tlv(0x30, tlv(2, written), tlv(2, written))))
        assert public_key_of(certificate(info)) == RSAKey(read, read)


def test_a_point_is_read_without_asking_for_the_curve():
    assert public_key_of(certificate(p256_info(b"\4" + bytes(31) + b"\1" + bytes(31) + b"\2"))) == P256Key(
        bytes(31) + b"\1", bytes(31) + b"\2"
    )


def test_what_follows_the_certificate_or_the_key_is_not_read(good):
    made, r, s = good
    check(made + b"more", der(r, s))


def test_lengths_may_be_longer_than_needed_and_one_of_no_bytes_is_zero():
    short = bytes.fromhex("30810a" + "02840000000105" + "020106")
    assert read_signature(short) == (b"\5" + bytes(31), b"\6" + bytes(31))
    assert read_signature(bytes.fromhex("3005" + "0280" + "020106")) == (bytes(32), b"\6" + bytes(31))


@pytest.mark.parametrize("which", range(7))
def test_each_field_before_the_key_must_have_its_tag(which):
    made = fields(p256_info(b"\4" + bytes(64)))
    tag = made[which][0]
    made[which] = bytes([tag ^ 1]) + made[which][1:]
    inside = b"".join(made)
    whole = tlv(0x30, tlv(0x30, inside))
    with pytest.raises(WireError) as caught:
        public_key_of(whole)
    at = len(whole) - len(inside) + len(b"".join(made[:which]))
    assert (caught.value.subject, caught.value.at) == (REFUSALS[which], at)
    assert (caught.value.expected, caught.value.was) == (f"an element {tag:#04x}", f"{tag ^ 1:#04x}")


@pytest.mark.parametrize("count", range(7))
def test_each_field_before_the_key_must_be_there(count):
    made = fields(p256_info(b"\4" + bytes(64)))[:count]
    whole = tlv(0x30, tlv(0x30, *made))
    with pytest.raises(WireError) as caught:
        public_key_of(whole)
    assert (caught.value.subject, caught.value.at, caught.value.was) == (REFUSALS[count], len(whole), "0 bytes")


RSA_HEAD = tlv(0x30, RSA_ALGORITHM)
P256_HEAD = tlv(0x30, P256_ALGORITHM)


@pytest.mark.parametrize(
    ("info", "subject", "at"),
    [
        (tlv(0x30, b"\x31" + RSA_HEAD[1:]), "couldn't read algorithm element", 0),
        (tlv(0x30), "couldn't read algorithm element", 0),
        (tlv(0x30, tlv(0x30, P256_ALGORITHM[:-1] + b"\x22"), tlv(3, bytes(66))), "algorithm not supported", 2),
        (tlv(0x30, tlv(0x30), tlv(3, bytes(66))), "algorithm not supported", 2),
        (tlv(0x30, RSA_HEAD, tlv(4, b"\0", tlv(0x30))), "couldn't read public key element", 15),
        (tlv(0x30, P256_HEAD, tlv(4, b"\0", bytes(65))), "couldn't read public key element", 21),
        (tlv(0x30, P256_HEAD), "couldn't read public key element", 21),
        (tlv(0x30, P256_HEAD, tlv(3)), "unsupported public key format", 23),
        (tlv(0x30, P256_HEAD, tlv(3, b"\0", b"\3" + bytes(64))), "unsupported public key format", 24),
        (tlv(0x30, P256_HEAD, tlv(3, b"\0", b"\4" + bytes(63))), "unsupported public key format", 24),
        (tlv(0x30, P256_HEAD, tlv(3, b"\0", b"\4" + bytes(65))), "unsupported public key format", 24),
        (tlv(0x30, RSA_HEAD, tlv(3)), "couldn't read public key data", 17),
        (tlv(0x30, RSA_HEAD, tlv(3, b"\0", tlv(0x31, integer(7)))), "couldn't read public key data", 18),
        (tlv(0x30, RSA_HEAD, tlv(3, b"\0", tlv(0x30, tlv(3, b"\7")))), "couldn't read N element", 20),
        (tlv(0x30, RSA_HEAD, tlv(3, b"\0", tlv(0x30, integer(7)))), "couldn't read E element", 23),
        (tlv(0x30, RSA_HEAD, tlv(3, b"\0", tlv(0x30, integer(7), tlv(3, b"\7")))), "couldn't read E element", 23),
    ],
)
def test_a_key_that_cannot_be_read_is_refused_at_its_byte(info, subject, at):
    whole = tlv(0x30, tlv(0x30, *fields(info)))
    with pytest.raises(WireError) as caught:
        public_key_of(whole)
    inside = len(whole) - len(info) + (2 if info[1] < 128 else 3)
    assert (caught.value.subject, caught.value.at) == (subject, inside + at)


@pytest.mark.parametrize(
    ("data", "subject", "at", "expected", "was"),
    [
        ("", "couldn't read certificate element", 0, "an element 0x30", "0 bytes"),
        ("30", "couldn't read certificate element", 0, "an element 0x30", "1 bytes"),
        ("3100", "couldn't read certificate element", 0, "an element 0x30", "0x31"),
        ("308500000000013000", "couldn't read certificate element", 1, "a length of at most 4 bytes", "5"),
        ("308201", "couldn't read certificate element", 2, "2 bytes of length", "1"),
        ("30840000", "couldn't read certificate element", 2, "4 bytes of length", "2"),
        ("3003aabb", "couldn't read certificate element", 2, "3 bytes", "2"),
        ("3082ffffaabb", "couldn't read certificate element", 4, "65535 bytes", "2"),
        ("300430033000", "couldn't read RawTBSCertificate element", 4, "3 bytes", "2"),
        ("3080", "couldn't read RawTBSCertificate element", 2, "an element 0x30", "0 bytes"),
    ],
)
def test_an_element_that_is_not_whole_is_refused_at_its_byte(data, subject, at, expected, was):
    with pytest.raises(WireError) as caught:
        public_key_of(bytes.fromhex(data))
    found = caught.value
    assert (found.subject, found.at, found.expected, found.was) == (subject, at, expected, was)


@pytest.mark.parametrize(
    ("data", "subject", "at"),
    [
        ("", "couldn't read signature", 0),
        ("3100", "couldn't read signature", 0),
        ("3006020105020106ff", "invalid signature length", 8),
        ("3003030105", "couldn't read r", 2),
        ("3003020105", "couldn't read s", 5),
        ("3006020105030106", "couldn't read s", 5),
        ("3007020105020106ff", "invalid data length", 8),
        ("3026" + "0221" + "01" * 33 + "020105", "invalid r", 4),
        ("3027" + "0222" + "00" * 34 + "020105", "invalid r", 4),
        ("3026" + "020105" + "0221" + "01" * 33, "invalid s", 7),
        ("3028" + "020105" + "0222" + "00" * 34 + "ff", "invalid data length", 41),
    ],
)
def test_a_signature_that_cannot_be_read_is_refused_at_its_byte(data, subject, at):
    with pytest.raises(WireError) as caught:
        read_signature(bytes.fromhex(data))
    assert (caught.value.subject, caught.value.at) == (subject, at)


@given(st.integers(1 << 247, 2**256 - 1), st.integers(1 << 247, 2**256 - 1))
def test_numbers_of_at_least_31_bytes_and_a_bit_come_back(r, s):
    assert read_signature(der(r, s)) == (r.to_bytes(32, "big"), s.to_bytes(32, "big"))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_changed_certificate_or_signature_is_good_or_refused(own, data):
    case = data.draw(st.sampled_from(own("nodes.json")["cases"]))
    parts = [bytearray.fromhex(case["certificate"]), bytearray.fromhex(case["signature"])]
    for part in parts:
        for at in data.draw(st.lists(st.integers(0, len(part) - 1), max_size=3)):
            part[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(parts[0])) | st.just(len(parts[0])))
    made = bytes(parts[0][:cut])
    with suppress(ProtocolError):
        check(made, bytes(parts[1]))


@given(st.binary(max_size=80))
def test_random_bytes_are_no_certificate(data):
    with pytest.raises(ProtocolError):
        public_key_of(data)
    with pytest.raises(ProtocolError):
        public_key_of(tlv(0x30, tlv(0x30, data)))


@given(st.binary(max_size=80))
def test_random_bytes_are_numbers_or_a_refusal(data):
    for signature in (data, tlv(0x30, data), tlv(0x30, tlv(2, data), tlv(2, data[:9]))):
        with suppress(ProtocolError):
            assert [len(each) for each in read_signature(signature)] == [32, 32]
