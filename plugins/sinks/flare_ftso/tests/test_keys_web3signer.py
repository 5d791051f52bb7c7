"""Keys that a web3signer holds: what it is sent, what is taken of its answers, and what each failure is called."""

import json
import logging
import subprocess
from contextlib import asynccontextmanager

import pytest
from fake_web3signer import FakeWeb3Signer
from keys_at_hand import ADDRESSES, CHAIN, CONTRACT, KEYS, STRANGER, preimage, signer_of
from pydantic import SecretStr

from chrono_flare_ftso.keys import KeyRefused, NotSigned, Policy, SignerFault, message_preimage
from chrono_flare_ftso.keys.web3signer import Access, connected

pytestmark = pytest.mark.anyio

POLICY = Policy(CHAIN, frozenset([CONTRACT]))
TOKEN = "t0ken-of-ours"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@asynccontextmanager
async def signing(keys=KEYS[:1], address=None, **options):
    async with FakeWeb3Signer(list(keys)) as fake, connected(Access(fake.url, **options), POLICY, address) as signer:
        yield fake, signer


async def test_a_transaction_is_signed_by_the_key_of_the_address_that_is_asked_for():
    async with signing(KEYS, ADDRESSES[2]) as (fake, signer):
        signature = await signer.sign(preimage())
        assert signer_of(preimage(), signature) == signer.address == ADDRESSES[2]
        method, path, _, body = fake.requests[-1]
        assert (method, path) == ("POST", f"/api/v1/eth1/sign/{fake.public(KEYS[2])}")
        assert json.loads(body) == {"data": "0x" + preimage().hex()}


async def test_a_message_is_sent_with_its_prefix_since_the_signer_hashes_by_itself():
    async with signing() as (fake, signer):
        asked = message_preimage(b"\x05" * 32)
        assert signer_of(asked, await signer.sign(asked)) == ADDRESSES[0]
        assert json.loads(fake.requests[-1][3]) == {"data": "0x" + asked.hex()}


async def test_a_higher_s_is_taken_and_turned_into_the_lower_one():
    async with signing() as (fake, signer):
        low = await signer.sign(preimage())
        fake.high = True
        assert await signer.sign(preimage()) == low


async def test_the_only_key_is_found_without_its_address_and_public_keys_may_have_their_mark():
    async with FakeWeb3Signer(KEYS[:1]) as fake:
        marked = json.dumps(["0x04" + fake.public(KEYS[0])[2:]])
        fake.answer = lambda path: (200, marked) if path.endswith("publicKeys") else None
        async with connected(Access(fake.url), POLICY) as signer:
            assert signer.address == ADDRESSES[0]


@pytest.mark.parametrize(
    ("keys", "address", "why"),
    [
        ([], None, "expected one key, was 0; load one there"),
        (KEYS[:2], None, "expected one key, was 2; say which with `address`"),
        (KEYS[:2], ADDRESSES[2], "expected the key of 0x.* among its 2, was not there; load it there"),
    ],
)
async def test_a_key_that_is_not_there_or_not_told_from_others_is_refused(keys, address, why):
    with pytest.raises(KeyRefused, match=why):
        async with signing(keys, address):
            pass


async def test_what_the_policy_refuses_is_not_sent():
    async with signing() as (fake, signer):
        before = len(fake.requests)
        with pytest.raises(NotSigned):
            await signer.sign(preimage(to=STRANGER))
        assert len(fake.requests) == before


async def test_another_keys_signature_is_refused():
    async with signing() as (fake, signer):
        fake.signing = KEYS[1]
        with pytest.raises(KeyRefused, match="expected one of 0x.*, was another key's; check which key"):
            await signer.sign(preimage())


@pytest.mark.parametrize("text", ["", "OK", "0x", "0x" + "00" * 64, "0x" + "zz" * 65, "é" * 65, "<html>", "0" * 9999])
async def test_what_is_no_signature_is_a_fault(text):
    async with signing() as (fake, signer):
        fake.answer = lambda path: (200, text)
        with pytest.raises(SignerFault, match="expected a signature of 65 bytes, was something else"):
            await signer.sign(preimage())


@pytest.mark.parametrize("r", ["00" * 32, "ff" * 32, "05" + "00" * 31])
async def test_a_signature_that_no_key_makes_is_refused(r):
    async with signing() as (fake, signer):
        fake.answer = lambda path: (200, "0x" + r + "01" * 32 + "1b")
        with pytest.raises(KeyRefused, match="signature: expected"):
            await signer.sign(preimage())


@pytest.mark.parametrize(
    ("status", "error", "why"),
    [
        (404, KeyRefused, r"does not have the key of 0x.* \(404\); load it there"),
        (400, KeyRefused, r"does not understand the request \(400\)"),
        (401, KeyRefused, r"refuses us \(401\); see to its bearer"),
        (403, KeyRefused, r"refuses us \(403\)"),
        (302, SignerFault, "answered 302"),
        (500, SignerFault, "answered 500"),
        (503, SignerFault, "answered 503"),
    ],
)
async def test_a_status_is_a_line_that_names_the_signer_and_says_what_to_do(status, error, why):
    async with signing() as (fake, signer):
        fake.answer = lambda path: (status, "its own words")
        with pytest.raises(error, match=why) as caught:
            await signer.sign(preimage())
        assert str(caught.value).startswith("web3signer 127.0.0.1:")
        assert "its own words" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '["0x12"]', "no json", '["zz"]', "\ud83d".encode("utf-16", "surrogatepass").hex()]
)
async def test_what_is_no_list_of_public_keys_is_a_fault(text):
    async with FakeWeb3Signer([]) as fake:
        fake.answer = lambda path: (200, text)
        with pytest.raises(SignerFault, match="expected a list of public keys"):
            async with connected(Access(fake.url), POLICY):
                pass


async def test_a_server_that_is_no_web3signer_is_refused():
    async with FakeWeb3Signer([]) as fake:
        fake.answer = lambda path: (404, "")
        with pytest.raises(KeyRefused, match=r"knows no /api/v1/eth1/publicKeys \(404\)"):
            async with connected(Access(fake.url), POLICY):
                pass


async def test_an_answer_that_is_too_long_is_not_read_to_its_end():
    async with signing() as (fake, signer):
        fake.answer = lambda path: (200, "0" * (1 << 21))
        with pytest.raises(SignerFault, match="the answer is longer than"):
            await signer.sign(preimage())


async def test_a_signer_that_says_nothing_is_left_in_time_and_signs_again_afterwards():
    async with signing(timeout=0.1) as (fake, signer):
        fake.silent.clear()
        with pytest.raises(SignerFault, match=r"no answer within 0\.1 s"):
            await signer.sign(preimage())
        fake.silent.set()
    async with signing() as (_, signer):
        assert signer_of(preimage(), await signer.sign(preimage())) == ADDRESSES[0]


async def test_a_connection_that_closes_while_it_is_asked_is_tried_once_more():
    async with signing() as (fake, signer):
        fake.closing = 1
        assert signer_of(preimage(), await signer.sign(preimage())) == ADDRESSES[0]
        fake.closing = 2
        with pytest.raises(SignerFault, match="not reached .RemoteProtocolError.; see whether it runs"):
            await signer.sign(preimage())


async def test_a_signer_that_does_not_run_is_a_fault():
    async with FakeWeb3Signer([]) as fake:
        url = fake.url
    with pytest.raises(SignerFault, match="not reached .ConnectError.; see whether it runs"):
        async with connected(Access(url), POLICY):
            pass


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"bearer": SecretStr(TOKEN)}, f"Bearer {TOKEN}"),
        ({"user": "us", "password": SecretStr("pass")}, "Basic dXM6cGFzcw=="),
    ],
)
async def test_a_token_or_a_password_is_shown_to_the_signer_and_to_nobody_else(options, header, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with signing(**options) as (fake, signer):
        await signer.sign(preimage())
        assert {headers["authorization"] for _, _, headers, _ in fake.requests} == {header}
        fake.answer = lambda path: (401, "")
        with pytest.raises(KeyRefused) as caught:
            await signer.sign(preimage())
        shown = f"{caught.value!r} {Access(fake.url, **options)!r} {signer!r} {caplog.text}"
        assert TOKEN not in shown
        assert "dXM6cGFzcw" not in shown


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return files of a certificate for 127.0.0.1, signed by itself, and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=signer", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*made, "-keyout", folder / "key", "-out", folder / "pem"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("expected an openssl that makes certificates, there is none")
    return folder / "pem", folder / "key"


async def test_a_signer_over_tls_is_checked_with_the_certificates_that_are_named(certificate):
    import ssl

    pem, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    async with FakeWeb3Signer(KEYS[:1], tls=context) as fake:
        async with connected(Access(fake.url, ca=str(pem)), POLICY) as signer:
            assert signer_of(preimage(), await signer.sign(preimage())) == ADDRESSES[0]
        with pytest.raises(SignerFault, match="not reached .ConnectError."):
            async with connected(Access(fake.url), POLICY):
                pass


async def test_certificates_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "empty").write_text("")
    for name, why in [("none", "No such file"), ("empty", "expected certificates in")]:
        with pytest.raises(KeyRefused, match=why):
            async with connected(Access("https://127.0.0.1:1", ca=str(tmp_path / name)), POLICY):
                pass
