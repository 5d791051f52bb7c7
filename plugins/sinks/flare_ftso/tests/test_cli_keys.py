"""`chrono flare keys`: what it prints, writes, asks and refuses; a key or a password never."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from keys_at_hand import ADDRESSES, KEYS, PASSWORD, configured, keystore, private, secrets
from pydantic import SecretStr

from chrono.cli.app import run
from chrono_flare_ftso.keys import keystore as keystores
from chrono_flare_ftso.keys.keystore import open_keystore
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.text import checksummed

PIPELINE = """feeds: {BTC/USD: {decimals: 2}}
sources: {hand: {type: push}}
consensus: {median: {min_venues: 1}}"""
SHOWN = [checksummed(address) for address in ADDRESSES]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Have new keystores take a thousandth of the usual time."""
    usual = keystores._encrypted
    monkeypatch.setattr(keystores, "_encrypted", lambda key, word, address, work: usual(key, word, address, 256))


@pytest.fixture
def keys(tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in this process: exit code, standard output, lines of standard error."""
    monkeypatch.chdir(tmp_path)

    def called(*words):
        capsys.readouterr()
        code = run(["flare", "keys", *map(str, words)])
        said = capsys.readouterr()
        assert not [text for text in secrets() if text in said.out + said.err]
        return code, said.out, said.err.splitlines()

    return called


@pytest.mark.parametrize("way", ["file", "env"])
def test_a_new_key_is_written_and_its_address_is_printed(keys, tmp_path, monkeypatch, way):
    monkeypatch.setenv("WORD", PASSWORD)
    word = private(tmp_path / "word", PASSWORD)
    reference = ("--password-file", word) if way == "file" else ("--password-env", "WORD")
    code, out, err = keys("new", "key.json", *reference)
    assert (code, err) == (0, [])
    path = tmp_path / "key.json"
    assert checksummed(address_of(open_keystore(path, SecretStr(PASSWORD)).get_secret_value())) == out.strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys("show", "key.json")[1] == out
    assert keys("new", "other.json", *reference)[1] != out


def test_a_key_is_not_written_over_another(keys, tmp_path):
    path = keystore(tmp_path / "key.json")
    before = path.read_bytes()
    code, out, err = keys("new", "key.json", "--password-file", private(tmp_path / "word", PASSWORD))
    assert (code, out) == (2, "")
    assert err == ["keystore key.json: expected a file that is not there, was one; name another"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "expected a terminal to ask for the password, was none; say --password-file or --password-env"),
        (("--password-file", "none"), "password file none: expected to read it, was refused: no such file"),
        (("--password-file", "open"), "password file open: expected rights of 0600, was 0644; run chmod 600 open"),
        (("--password-env", "NOT_SET"), "expected a password in the variable NOT_SET, was empty; export it"),
        (("--password-env", "A", "--password-file", "b"), "expected --password-env or --password-file, was both"),
    ],
)
def test_without_a_password_nothing_is_written(keys, tmp_path, monkeypatch, words, why):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    private(tmp_path / "open", PASSWORD, 0o644)
    code, out, err = keys("new", "key.json", *words)
    assert (code, out, len(err)) == (2, "", 1)
    assert why in err[0]
    assert not (tmp_path / "key.json").exists()


def at_a_terminal(words, typed, folder):
    """Run the command at a terminal; return its exit code and all that was on the screen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "chrono", "flare", "keys", *words]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, start_new_session=True
    ) as at:
        os.close(theirs)
        screen, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                screen += os.read(ours, 4096)
            except OSError:
                break
            # each question is answered once it stands there
            if typed and screen.count(b": ") > 2 - len(typed) and screen.endswith(b": "):
                os.write(ours, typed.pop(0).encode() + b"\n")
    os.close(ours)
    return at.returncode, screen.decode()


@pytest.mark.timeout(90)
def test_the_password_is_asked_for_twice_and_does_not_stand_on_the_screen(tmp_path):
    code, screen = at_a_terminal(["new", "key.json"], [PASSWORD, PASSWORD], tmp_path)
    assert code == 0
    assert screen.count(": \r\n") == 2
    assert PASSWORD not in screen
    (address,) = re.findall("0x[0-9a-fA-F]{40}", screen)
    key = open_keystore(tmp_path / "key.json", SecretStr(PASSWORD))
    assert checksummed(address_of(key.get_secret_value())) == address


def test_a_keystore_is_believed_its_address_unless_it_is_opened(keys, tmp_path):
    keystore(tmp_path / "key.json", 1)
    word, wrong = private(tmp_path / "word", PASSWORD), private(tmp_path / "wrong", "guess")
    assert keys("show", "key.json") == (0, f"{SHOWN[1]}\n", [])
    assert keys("show", "key.json", "--open", "--password-file", word) == (0, f"{SHOWN[1]}\n", [])
    code, out, err = keys("show", "key.json", "--password-file", wrong)
    assert (code, out) == (2, "")
    assert err == ["keystore key.json: expected its password, was another; see to the reference of the password"]


def test_the_roles_of_a_pipeline_are_shown_with_their_addresses(keys, tmp_path, monkeypatch):
    monkeypatch.setenv("WORD", PASSWORD)
    options = configured(tmp_path, identity={"address": SHOWN[4]})
    options["submit"]["password"] = "${env:WORD}"
    options["signing_policy"]["password"] = "${file:password}"
    options["submit"]["address"] = SHOWN[0]
    sink = {"type": "flare_ftso", "network": "coston2", "keys": options}
    (tmp_path / "ftso.yaml").write_text(f"{PIPELINE}\n{yaml.safe_dump({'sinks': {'console': None, 'flare': sink}})}")
    code, out, err = keys("show", "ftso.yaml")
    assert (code, err) == (0, [])
    assert out.splitlines() == [
        f"submit             {SHOWN[0]}",
        f"submit_signatures  {SHOWN[1]}",
        f"signing_policy     {SHOWN[2]}",
        f"identity           {SHOWN[4]}",
    ]


def sink_of(keys):
    return f"{PIPELINE}\nsinks: {{flare_ftso: {{network: coston2, keys: {keys}}}}}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (None, ["ftso.yaml: expected a pipeline file, was missing; check the path"]),
        ("a: [", ["not valid YAML: "]),
        (
            f"{PIPELINE}\nsinks: {{console: {{}}}}",
            ["ftso.yaml: expected a sink flare_ftso, was none; add it under sinks"],
        ),
        (
            sink_of(
                f"{{submit: {{env: {KEYS[0].hex()}}}, submit_signatures: {{env: A}}, "
                f"signing_policy: {{keystore: a, password: {PASSWORD}}}}}"
            ),
            [
                "sinks.flare_ftso.keys.submit.env: expected the name of an environment variable, was something "
                "else; not the key itself",
                'sinks.flare_ftso.keys.signing_policy.password: expected a reference like "${env:NAME}" or '
                "{file: PATH}, was something else; a secret is not written out here",
            ],
        ),
        (
            sink_of("{submit: {env: NOT_A}, submit_signatures: {env: NOT_B}, signing_policy: {env: C}}"),
            [
                "submit: environment variable NOT_A: expected a private key, was not set; export it",
                "submit_signatures: environment variable NOT_B: expected a private key, was not set; export it",
            ],
        ),
    ],
)
def test_a_pipeline_whose_keys_are_wrong_says_where(keys, tmp_path, monkeypatch, text, lines):
    monkeypatch.setenv("C", KEYS[0].hex())
    if text is not None:
        Path("ftso.yaml").write_text(text)
    code, out, err = keys("show", "ftso.yaml")
    assert (code, out, len(err)) == (2, "", len(lines))
    assert all(line in told for line, told in zip(lines, err, strict=True))
