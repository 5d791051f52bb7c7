"""What several tests of keys share: keys that everybody knows, their files, what is signed with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretBytes, SecretStr

from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.keys.keystore import write_keystore
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import Signature, address_of, recover

CHAIN, CONTRACT, STRANGER = 14, b"\xc0" * 20, b"\x0d" * 20
PASSWORD = "correct horse battery staple"
KEYS = [keccak256(b"key %d" % number) for number in range(5)]
ADDRESSES = [address_of(key) for key in KEYS]
ROLES = ("submit", "submit_signatures", "signing_policy")

# scrypt's n: a thousandth of what a real keystore has
WORK = 256


def preimage(chain: int = CHAIN, to: bytes = CONTRACT, data: bytes = b"\x6c\x53\x2f\xae", nonce: int = 7) -> bytes:
    """Return what is signed of a transaction."""
    return Transaction(chain, nonce, 10**9, 10**11, 21_000, to, data).preimage()


def signer_of(preimage: bytes, signature: Signature) -> bytes:
    """Return whose key signed."""
    return recover(keccak256(preimage), signature)


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file with rights."""
    path.write_text(text)
    path.chmod(mode)
    return path


def keystore(path: Path, number: int = 0, password: str = PASSWORD) -> Path:
    """Write the keystore of one of the keys."""
    write_keystore(path, SecretBytes(KEYS[number]), SecretStr(password), work=WORK)
    return path


def configured(folder: Path, **more: Any) -> dict[str, Any]:
    """Return the options of three roles, each with its keystore and one password file."""
    word = private(folder / "password", f"{PASSWORD}\n")
    found = {
        role: {"keystore": str(keystore(folder / f"{role}.json", at)), "password": {"file": str(word)}}
        for at, role in enumerate(ROLES)
    }
    return {**found, **more}


def secrets() -> list[str]:
    """Return every form in which a secret of these could be shown."""
    forms = [text for key in KEYS for text in (key.hex(), key.hex().upper(), repr(key)[2:-1], str(int(key.hex(), 16)))]
    return [PASSWORD, *forms]
