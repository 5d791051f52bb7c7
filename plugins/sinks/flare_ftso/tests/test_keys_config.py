"""What a pipeline may say of keys: kinds, references, addresses; and that the secrets stay where they are."""

import logging
import traceback
from contextlib import asynccontextmanager

import pytest
from fake_web3signer import FakeWeb3Signer
from keys_at_hand import (
    ADDRESSES,
    CHAIN,
    CONTRACT,
    KEYS,
    PASSWORD,
    ROLES,
    STRANGER,
    configured,
    keystore,
    preimage,
    private,
    secrets,
    signer_of,
)
from pydantic import ValidationError

from chrono import Config, ConfigError, Sink, hookimpl
from chrono.core.build import build
from chrono.core.component import Secret
from chrono.core.registry import Registry
from chrono_flare_ftso.keys import KeyRefused, NotSigned, SignerFault
from chrono_flare_ftso.keys.config import Keys, open_signers
from chrono_flare_ftso.keys.kinds import KINDS
from chrono_flare_ftso.protocol.text import checksummed

pytestmark = pytest.mark.anyio

GOOD = checksummed(ADDRESSES[0])
COLD = {role: {"env": "KEY"} for role in ROLES}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def keys_of(**options):
    return Keys.model_validate({**COLD, **options})


@asynccontextmanager
async def opening(options, isolation="none"):
    config = Keys.model_validate({**options, "isolation": isolation})
    async with open_signers(config, CHAIN, [CONTRACT]) as signers:
        yield signers


@pytest.mark.parametrize("isolation", ["process", "none"])
async def test_every_role_signs_with_its_key_and_a_cold_one_has_its_address(tmp_path, isolation):
    cold = {"address": checksummed(ADDRESSES[4])}
    async with opening(configured(tmp_path, identity=cold), isolation) as signers:
        assert list(signers) == list(ROLES)
        assert dict(signers.addresses) == {**dict(zip(ROLES, ADDRESSES, strict=False)), "identity": ADDRESSES[4]}
        for role in ROLES:
            assert signer_of(preimage(), await signers[role].sign(preimage())) == signers.addresses[role]
            with pytest.raises(NotSigned):
                await signers[role].sign(preimage(to=STRANGER))
    kind = {"process": "ProcessSigner", "none": "LocalSigner"}[isolation]
    assert {type(signer).__name__ for signer in signers.values()} == {kind}


async def test_keys_are_held_by_a_process_unless_it_is_said_otherwise(tmp_path):
    assert Keys.model_validate(configured(tmp_path)).isolation == "process"


async def test_roles_of_several_kinds_live_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", KEYS[1].hex())
    monkeypatch.setenv("WORD", PASSWORD)
    raw = private(tmp_path / "raw", KEYS[3].hex())
    async with FakeWeb3Signer(KEYS[2:4]) as fake:
        options = {
            "submit": {"keystore": str(keystore(tmp_path / "a")), "password": "${env:WORD}", "address": GOOD},
            "submit_signatures": {"env": "SIGNING_KEY"},
            "signing_policy": {"web3signer": fake.url, "address": checksummed(ADDRESSES[2])},
            "claim_executor": {"file": str(raw)},
        }
        async with opening(options) as signers:
            assert list(signers.addresses.values()) == [*ADDRESSES[:2], ADDRESSES[3], ADDRESSES[2]]
            for signer in signers.values():
                assert signer_of(preimage(), await signer.sign(preimage())) == signer.address
                with pytest.raises(NotSigned):
                    await signer.sign(preimage(chain=1))


async def test_a_credential_of_systemd_opens_a_keystore(tmp_path, monkeypatch):
    private(tmp_path / "submit-password", PASSWORD, 0o440)
    key = {"keystore": str(keystore(tmp_path / "a")), "password": {"credential": "submit-password"}}
    options = dict.fromkeys(ROLES, key)
    with pytest.raises(KeyRefused, match="expected CREDENTIALS_DIRECTORY of systemd, was not set; add LoadCredential="):
        async with opening(options):
            pass
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    async with opening(options) as signers:
        assert set(signers.addresses.values()) == {ADDRESSES[0]}


@pytest.mark.parametrize("isolation", ["process", "none"])
async def test_a_key_of_another_address_than_is_said_is_refused_with_a_line_for_each(tmp_path, isolation):
    options = configured(tmp_path)
    options["submit"]["address"] = checksummed(ADDRESSES[1])
    options["signing_policy"]["address"] = GOOD.lower()
    with pytest.raises(KeyRefused) as caught:
        async with opening(options, isolation):
            pass
    assert [line.partition(",")[0] for line in caught.value.problems] == [
        f"submit: expected the key of {checksummed(ADDRESSES[1])}",
        f"signing_policy: expected the key of {GOOD}",
    ]


@pytest.mark.parametrize("isolation", ["process", "none"])
async def test_every_key_that_cannot_be_opened_has_its_line(tmp_path, isolation):
    options = configured(tmp_path)
    (tmp_path / "password").write_text("guess")
    (tmp_path / "submit.json").unlink()
    with pytest.raises(KeyRefused) as caught:
        async with opening(options, isolation):
            pass
    told = [line.partition(": ")[0] for line in caught.value.problems]
    assert told == [*ROLES]
    assert "no such file" in caught.value.problems[0]


async def test_a_signer_that_is_away_leaves_no_process_behind(tmp_path):
    async with FakeWeb3Signer([]) as fake:
        gone = fake.url
    with pytest.raises(SignerFault):
        async with opening({**configured(tmp_path), "claim_executor": {"web3signer": gone}}, "process"):
            pass


async def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("KEY", raising=False)
    with pytest.raises(KeyRefused, match="submit: environment variable KEY: expected a private key, was not set"):
        async with opening(COLD):
            pass


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"submit": {}}, f"expected a mapping with one of {', '.join(KINDS)}, was another"),
        ({"submit": {"ledger": "usb"}}, "expected a mapping with one of"),
        ({"submit": KEYS[0].hex()}, "expected a mapping with one of"),
        ({"submit": {"address": GOOD}}, "submit: expected a key that signs, was an address alone"),
        ({"submit": {"keystore": "a"}}, "Field required"),
        ({"submit": {"keystore": "a", "password": {"file": "b"}, "env": "C"}}, "Extra inputs"),
        (
            {"submit": {"keystore": "a", "password": PASSWORD}},
            "expected a reference like .* a secret is not written out here",
        ),
        ({"submit": {"keystore": "a", "password": "${env:NOT_SET}"}}, "environment variable NOT_SET is not set"),
        ({"submit": {"keystore": "a", "password": {"credential": "../b"}}}, "String should match"),
        ({"submit": {"env": KEYS[0].hex()}}, "expected the name of an environment variable, was something else"),
        ({"submit": {"web3signer": "signer:9000"}}, "expected http://host or https://host"),
        ({"submit": {"web3signer": "ftp://signer"}}, "expected http://host or https://host"),
        ({"submit": {"web3signer": "http://["}}, "expected http://host or https://host"),
        ({"submit": {"web3signer": "https://us:them@signer"}}, "without user and password, was with; give them under"),
        ({"submit": {"web3signer": "https://signer", "bearer": "token"}}, "a secret is not written out here"),
        ({"submit": {"keystore": "a", "password": 1234}}, "expected a reference like .* was something else"),
        ({"submit": {"keystore": "a", "password": {"files": "b"}}}, "Field required"),
        ({"isolation": "thread"}, "'process' or 'none'"),
        ({"treasury": {"env": "KEY"}}, "Extra inputs"),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(options, why):
    with pytest.raises(ValidationError, match=why) as caught:
        keys_of(**options)
    assert not [text for text in (*secrets(), "us:them") if text in str(caught.value)]


@pytest.mark.parametrize("text", [GOOD, GOOD.lower(), "0x" + GOOD[2:].upper()])
def test_an_address_may_be_spelled_with_its_checksum_or_without_any(text):
    assert keys_of(identity={"address": text}).identity.address == GOOD


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD[:2] + GOOD[2:].swapcase(), "letter case is its checksum .EIP-55., was 0x.*; copy it again"),
        (GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"), "letter case is its checksum"),
        (GOOD[:-1], "expected an address of 0x and 40 hexadecimal digits"),
        (GOOD[2:], "expected an address of 0x and 40 hexadecimal digits"),
        (int(GOOD, 16), "expected an address in quotes"),
    ],
)
def test_an_address_with_a_slip_is_refused(text, why):
    with pytest.raises(ValidationError, match=why):
        keys_of(identity={"address": text})


def test_a_secret_of_a_reference_is_shown_nowhere(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WORD", PASSWORD)
    for written in ("${env:WORD}", Secret(PASSWORD, "${env:WORD}"), Secret(PASSWORD, "${file:word}")):
        config = keys_of(
            submit={"keystore": "a", "password": written},
            signing_policy={"web3signer": "https://signer", "basic": {"user": "us", "password": written}},
        )
        with pytest.raises(ValidationError) as caught:
            keys_of(submit={"keystore": "a", "password": written, "other": 1})
        shown = f"{config!r} {config} {config.model_dump()} {config.model_dump_json()} {caught.value!r} {caplog.text}"
        shown += "".join(traceback.format_exception(caught.value))
        assert PASSWORD not in shown
        assert config.submit.password.get_secret_value() == PASSWORD


@pytest.mark.parametrize("isolation", ["process", "none"])
async def test_open_keys_show_no_secret(tmp_path, isolation, caplog):
    caplog.set_level(logging.DEBUG)
    async with opening(configured(tmp_path), isolation) as signers:
        shown = (
            f"{dict(signers)!r} {signers.addresses!r} {[vars(signer) for signer in signers.values()]!r} {caplog.text}"
        )
    assert not [text for text in secrets() if text in shown]


async def test_a_key_in_this_process_is_not_copied_along(tmp_path):
    import copy
    import pickle

    async with opening(configured(tmp_path)) as signers:
        for copying in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="a key is not copied"):
                copying(signers["submit"])


class Signing(Sink):
    type = "signing"

    class Config(Config):
        keys: Keys

    async def publish(self, report):
        raise NotImplementedError


class Plugin:
    @hookimpl
    def chrono_sinks(self):
        return [Signing]


FILE = """
feeds: {BTC/USD: {markets: [simulated]}}
sources: {simulated: {}}
sinks:
  signing:
    keys:
      submit: {keystore: a.json, password: %s}
      submit_signatures: {keystore: b.json, password: "${env:WORD}", addres: "0x12"}
      signing_policy: {ledger: usb}
      identity: {address: "0x12"}
"""


def test_a_pipeline_file_that_is_wrong_about_keys_says_where_and_shows_no_secret(monkeypatch):
    monkeypatch.setenv("WORD", PASSWORD)
    registry = Registry()
    registry.register(Plugin(), "signing")
    with pytest.raises(ConfigError) as caught:
        build(FILE % "written-out", registry)
    lines = [line.partition(": ")[2] for line in caught.value.problems if "sinks.signing" in line]
    kinds = ", ".join(KINDS)
    assert lines == [
        'sinks.signing.keys.submit.password: expected a reference like "${env:NAME}" or {file: PATH}, was a hidden'
        " value",
        "sinks.signing.keys.submit_signatures.addres: unknown key; did you mean 'address'?",
        f"sinks.signing.keys.signing_policy: expected a mapping with one of {kinds}, was another",
        "sinks.signing.keys.identity.address: expected an address of 0x and 40 hexadecimal digits, was another",
    ]
