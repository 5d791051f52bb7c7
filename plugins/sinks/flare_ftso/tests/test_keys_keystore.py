"""Keystore files: those of the definition open, those that are wrong say how, and no secret is ever shown.

Vectors: "Web3 Secret Storage Definition", version 3, "Test Vectors" (ethereum.org, developers' documentation, "Data
structures and encoding"), read 2026-11-23; the password is `testpassword`.
"""

import copy
import json
import os
import stat
import subprocess
import sys
import traceback

import pytest
from keys_at_hand import ADDRESSES, KEYS, PASSWORD, WORK, keystore, private, secrets
from pydantic import SecretBytes, SecretStr

from chrono_flare_ftso.keys import KeyRefused
from chrono_flare_ftso.keys.keystore import (
    Given,
    InFile,
    Keystore,
    RawKey,
    open_keystore,
    opened,
    stated_address,
    write_keystore,
)

SECRET = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
WORD = SecretStr(PASSWORD)


def changed(path, value, tree=SCRYPT):
    """Return a keystore with another value at a dotted path; None takes it out."""
    tree = copy.deepcopy(tree)
    *steps, last = path.split(".")
    place = tree
    for step in steps:
        place = place[step]
    place[last] = value
    if value is None:
        del place[last]
    return json.dumps(tree)


@pytest.mark.parametrize("vector", [PBKDF2, SCRYPT], ids=["pbkdf2", "scrypt"])
def test_the_vectors_of_the_definition_open(tmp_path, vector):
    path = private(tmp_path / "key.json", json.dumps(vector))
    assert open_keystore(path, SecretStr("testpassword")).get_secret_value() == SECRET
    assert stated_address(path) is None


def test_a_keystore_whose_keys_are_in_capitals_opens_too(tmp_path):
    tree = {name.upper(): value for name, value in json.loads(keystore(tmp_path / "a").read_text()).items()}
    path = private(tmp_path / "b", json.dumps(tree))
    assert open_keystore(path, WORD).get_secret_value() == KEYS[0]


def test_what_is_written_opens_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "key.json"
    assert write_keystore(path, SecretBytes(KEYS[1]), WORD, work=WORK) == ADDRESSES[1] == stated_address(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_keystore(path, WORD).get_secret_value() == KEYS[1]
    assert not any(text in path.read_text() for text in secrets())


def test_eth_account_opens_what_is_written_and_the_other_way_round(tmp_path):
    limit = sys.getrecursionlimit()
    account = pytest.importorskip("eth_account").Account
    # what it brings along raises it
    sys.setrecursionlimit(limit)
    path = keystore(tmp_path / "ours", 2)
    assert account.decrypt(path.read_text(), PASSWORD) == KEYS[2]
    theirs = private(tmp_path / "theirs", json.dumps(account.encrypt(KEYS[3], PASSWORD, "pbkdf2", 1000)))
    assert open_keystore(theirs, WORD).get_secret_value() == KEYS[3]


def test_a_keystore_is_never_written_over_another_file(tmp_path):
    path = private(tmp_path / "key.json", "precious")
    with pytest.raises(KeyRefused, match="expected a file that is not there, was one; name another"):
        write_keystore(path, SecretBytes(KEYS[0]), WORD, work=WORK)
    assert path.read_text() == "precious"


def test_a_keystore_is_not_written_without_a_password_nor_where_there_is_no_place(tmp_path):
    with pytest.raises(KeyRefused, match="expected a password for it, was empty"):
        write_keystore(tmp_path / "key.json", SecretBytes(KEYS[0]), SecretStr(""), work=WORK)
    with pytest.raises(KeyRefused, match="No such file or directory; name another place"):
        write_keystore(tmp_path / "none" / "key.json", SecretBytes(KEYS[0]), WORD, work=WORK)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no json", "expected a keystore in JSON, was something else"),
        ("[" * 100_000, "expected a keystore in JSON, was something else"),
        ("[]", "expected a keystore in JSON, was something else"),
        ("{}", "expected a keystore in JSON, was something else"),
        (changed("version", 1), "expected version 3, was version 1; convert it"),
        (changed("version", 4), "expected version 3, was version 4"),
        (changed("version", "tmp"), "expected version 3, was another"),
        (changed("crypto", None), "crypto: expected what version 3 has there"),
        (changed("crypto.mac", None), "missing required field `mac`"),
        (changed("crypto.kdfparams.n", "262144"), "Expected `int`, got `str`"),
        (changed("crypto.kdf", "argon2"), "expected scrypt or pbkdf2 with hmac-sha256"),
        (changed("crypto.kdfparams.prf", "hmac-md5", PBKDF2), "expected scrypt or pbkdf2 with hmac-sha256"),
        (changed("crypto.cipher", "aes-128-cbc"), "expected the cipher aes-128-ctr"),
        (changed("crypto.kdfparams.n", 1 << 40), "need at most 1 GiB"),
        (changed("crypto.kdfparams.n", 3), "expected n, r and p of scrypt"),
        (changed("crypto.kdfparams.dklen", 16), "expected a dklen of 32, was 16"),
        (changed("crypto.ciphertext", "abcd"), "ciphertext: byte 2: expected 32 bytes, was 2 bytes"),
        (changed("crypto.cipherparams.iv", "xy"), "iv: byte 0: expected digits from 0 to f"),
        (changed("address", "0x12"), "address: byte 1: expected 20 bytes"),
    ],
)
def test_a_file_that_is_no_keystore_of_version_3_says_what_it_is_not(tmp_path, text, why):
    path = private(tmp_path / "key.json", text)
    with pytest.raises(KeyRefused) as caught:
        stated_address(path)
    assert str(caught.value).startswith(f"keystore {path}: ")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_keystore_that_names_another_address_is_refused(tmp_path):
    tree = json.loads(keystore(tmp_path / "a").read_text())
    path = private(tmp_path / "b", json.dumps({**tree, "address": ADDRESSES[1].hex()}))
    with pytest.raises(KeyRefused, match="expected the key of the address it names, was the key of 0x"):
        open_keystore(path, WORD)


def test_another_password_is_one_clear_line(tmp_path):
    path = keystore(tmp_path / "key.json")
    with pytest.raises(KeyRefused, match=r"expected its password, was another; see to the reference") as caught:
        open_keystore(path, SecretStr("guess"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
@pytest.mark.parametrize("what", ["keystore", "password", "private key"])
def test_a_file_that_others_may_read_is_refused(tmp_path, mode, what):
    word, store = private(tmp_path / "word", PASSWORD), keystore(tmp_path / "key.json")
    raw = private(tmp_path / "raw", KEYS[0].hex())
    bad = {"keystore": store, "password": word, "private key": raw}[what]
    bad.chmod(mode)
    key = RawKey(InFile(str(raw))) if what == "private key" else Keystore(str(store), InFile(str(word)))
    with pytest.raises(KeyRefused, match=rf"{what}.* {bad}: expected rights of 0600, was 0{mode:o}; run chmod 600 "):
        opened(key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_a_file_of_another_user_is_refused(tmp_path):
    path = private(tmp_path / "word", PASSWORD)
    os.chown(path, 12345, -1)
    with pytest.raises(KeyRefused, match="expected a file of user 0, was of user 12345; run chown 0"):
        opened(Keystore(str(keystore(tmp_path / "key.json")), InFile(str(path))))


def test_what_systemd_hands_over_has_the_rights_that_systemd_gave_it(tmp_path):
    word = private(tmp_path / "word", PASSWORD, 0o440)
    key = opened(Keystore(str(keystore(tmp_path / "key.json")), InFile(str(word), own=False)))
    assert key.get_secret_value() == KEYS[0]


def test_a_missing_file_a_folder_and_a_pipe_are_one_clear_line_each(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, why in [
        ("none", "no such file or directory"),
        (".", "expected a file, was none"),
        ("pipe", "expected a file, was none"),
    ]:
        with pytest.raises(KeyRefused, match=why):
            open_keystore(tmp_path / path, WORD)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe" + PASSWORD.encode(), PASSWORD.encode() * 100_000])
def test_a_password_file_that_is_empty_no_text_or_too_long_is_refused(tmp_path, content):
    word = private(tmp_path / "word", "")
    word.write_bytes(content)
    with pytest.raises(KeyRefused, match=r"password file .*(was empty|expected UTF-8 of at most 1 MiB)"):
        opened(Keystore(str(keystore(tmp_path / "key.json")), InFile(str(word))))


@pytest.mark.parametrize("text", [KEYS[0].hex(), f"0x{KEYS[0].hex()}\n"])
def test_a_key_that_is_written_out_opens(tmp_path, text):
    assert opened(RawKey(Given(SecretStr(text)))).get_secret_value() == KEYS[0]
    assert opened(RawKey(InFile(str(private(tmp_path / "raw", text))))).get_secret_value() == KEYS[0]


@pytest.mark.parametrize("text", ["no key", KEYS[0].hex()[:-2], KEYS[0].hex() + "00", "0" * 64, "f" * 64])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path, text):
    for source in (Given(SecretStr(text)), InFile(str(private(tmp_path / "raw", text)))):
        with pytest.raises(KeyRefused, match="expected 64 hexadecimal digits of a key, was something else") as caught:
            opened(RawKey(source))
        assert text not in str(caught.value)


def test_opening_a_keystore_leaves_the_recursion_limit_of_the_process_as_it_was(tmp_path):
    program = """if True:
        import pathlib, sys
        from pydantic import SecretStr
        from chrono_flare_ftso.keys.keystore import open_keystore
        limit = sys.getrecursionlimit()
        open_keystore(pathlib.Path(sys.argv[1]), SecretStr(sys.argv[2]))
        sys.exit("py_ecc" not in sys.modules or sys.getrecursionlimit() != limit)"""
    store = keystore(tmp_path / "key.json")
    assert subprocess.run([sys.executable, "-c", program, str(store), PASSWORD], check=False).returncode == 0


def told(error):
    """Return what a traceback shows of this module's frames, with their variables, and of each error of the chain."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = []
    while found is not None:
        frames = [frame for frame in found.stack if frame.filename.endswith("/keys/keystore.py")]
        shown += [*(f"{frame.name} {frame.line} {frame.locals}" for frame in frames), *found.format_exception_only()]
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n".join(shown)


def test_no_traceback_shows_a_password_or_a_key_even_with_the_variables_of_its_frames(tmp_path):
    store, word = keystore(tmp_path / "key.json"), private(tmp_path / "word", PASSWORD)
    other = keystore(tmp_path / "other.json", 1, "another password")
    tree = json.loads(store.read_text())
    lying = private(tmp_path / "lying.json", json.dumps({**tree, "address": "ab" * 20}))
    no_text = private(tmp_path / "no text", "")
    no_text.write_bytes(b"\xff" + PASSWORD.encode())
    long_key = KEYS[0].hex() + "0"
    for failing in (
        lambda: opened(Keystore(str(other), InFile(str(word)))),
        lambda: opened(Keystore(str(lying), InFile(str(word)))),
        lambda: opened(Keystore(str(store), InFile(str(no_text)))),
        lambda: opened(RawKey(InFile(str(private(tmp_path / "raw", long_key))))),
        lambda: opened(RawKey(Given(SecretStr(PASSWORD)))),
        lambda: write_keystore(store, SecretBytes(KEYS[0]), SecretStr(PASSWORD), work=WORK),
        lambda: write_keystore(tmp_path / "no" / "way", SecretBytes(KEYS[0]), SecretStr(PASSWORD), work=WORK),
    ):
        with pytest.raises(KeyRefused) as caught:
            failing()
        inside = told(caught.value)
        assert "key" in inside
        assert not [text for text in (*secrets(), long_key) if text in inside]


def test_no_repr_shows_a_secret():
    kinds = [Given(SecretStr(PASSWORD)), Keystore("a", Given(SecretStr(PASSWORD))), RawKey(Given(SecretStr(PASSWORD)))]
    assert not [each for each in kinds if PASSWORD in repr(each) or PASSWORD in str(each)]
