"""Private keys at rest: Ethereum's keystore files (version 3), their passwords by reference, and keys written out.

eth-keyfile opens and writes them. It brings itself and py-ecc beside what is here anyway, where eth-account brings
seven more packages, two of them to encode what the protocol encodes by itself; and since its import takes half a
second, only who opens a key imports it. OpenSSL's scrypt refuses one of the definition's own vectors (n 262144, r 1);
pycryptodome's, which it uses, does not.

Source: "Web3 Secret Storage Definition", version 3 (ethereum.org, developers' documentation, "Data structures and
encoding"); "Credentials", systemd.exec(5); read 2026-11-23.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import msgspec
from pydantic import SecretBytes, SecretStr

from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.text import checksummed, from_hex

VERSION = 3
_LARGEST = 1 << 20
_LARGEST_WORK = 1 << 30
_OTHERS = 0o077


class Given(msgspec.Struct, frozen=True, tag="given"):
    """A secret that was read already, such as a variable of the environment; in no repr."""

    text: SecretStr


class InFile(msgspec.Struct, frozen=True, tag="file"):
    """A secret in a file.

    Parameters
    ----------
    path : str
        Where it is.
    own : bool
        Whether its rights have to be its owner's alone; False for what systemd guards by itself.
    """

    path: str
    own: bool = True


Source = Given | InFile


class Keystore(msgspec.Struct, frozen=True, tag="keystore"):
    """A key in a keystore file."""

    path: str
    password: Source


class RawKey(msgspec.Struct, frozen=True, tag="raw"):
    """A key as 64 hexadecimal digits: second choice, for whoever reads it has it."""

    text: Source


LocalKey = Keystore | RawKey


def opened(key: LocalKey) -> SecretBytes:
    """Return the private key that is meant, 32 bytes.

    Raises
    ------
    KeyRefused
        If a file is missing, others may read it, the password is another one's, or there is no key in it.
    """
    if isinstance(key, Keystore):
        return open_keystore(Path(key.path), secret(key.password, "password"))
    found = _raw(secret(key.text, "private key"))
    if found is None:
        where = f"private key file {key.text.path}" if isinstance(key.text, InFile) else "private key"
        raise KeyRefused(f"{where}: expected 64 hexadecimal digits of a key, was something else; see to what is there")
    return found


def secret(source: Source, what: str) -> SecretStr:
    """Return the text of a source, without the ends of lines that follow it.

    Raises
    ------
    KeyRefused
        If there is none, or others may read it.
    """
    text = source.text if isinstance(source, Given) else _file(Path(source.path), f"{what} file", own=source.own)
    if not len(text):
        where = f"{what} file {source.path}" if isinstance(source, InFile) else what
        raise KeyRefused(f"{where}: expected a {what}, was empty; write it there")
    return text


def open_keystore(path: Path, password: SecretStr) -> SecretBytes:
    """Return the private key of a keystore file.

    Parameters
    ----------
    path : Path
        The file, which only its owner may read.
    password : SecretStr
        What it was written with.

    Raises
    ------
    KeyRefused
        If it is missing, others may read it, it is no keystore of version 3, or the password is another.
    """
    tree = _read(path)
    key = _decrypted(tree, password)
    if key is None:
        raise KeyRefused(f"keystore {path}: expected its password, was another; see to the reference of the password")
    address = _address(key)
    if address is None:
        raise KeyRefused(f"keystore {path}: expected a private key in it, was another number; make a new one")
    told = _told(tree, path)
    if told not in {None, address}:
        was = f"the key of {checksummed(address)}"
        raise KeyRefused(f"keystore {path}: expected the key of the address it names, was {was}; name it rightly")
    return key


def stated_address(path: Path) -> bytes | None:
    """Return the address that a keystore says it is of, which nobody proved; None where it does not say.

    Raises
    ------
    KeyRefused
        If it is missing, others may read it, or it is no keystore of version 3.
    """
    return _told(_read(path), path)


def write_keystore(path: Path, key: SecretBytes, password: SecretStr, *, work: int | None = None) -> bytes:
    """Write a key to a new keystore file that only its owner may read; return its address.

    Parameters
    ----------
    path : Path
        A file that is not there yet.
    key : SecretBytes
        32 bytes.
    password : SecretStr
        What opens it; not empty.
    work : int, optional
        scrypt's n, a power of 2; that of geth, 262144, unless told.

    Raises
    ------
    KeyRefused
        If the file is there or cannot be written, or the password is empty.
    ProtocolError
        If the key is none.
    """
    address = address_of(key.get_secret_value())
    if not len(password):
        raise KeyRefused(f"keystore {path}: expected a password for it, was empty; give it one")
    text = _encrypted(key, password, address, work)
    try:
        # O_EXCL: a key is never written over another one
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise KeyRefused(f"keystore {path}: expected a file that is not there, was one; name another") from None
    except OSError as error:
        told = f"keystore {path}: expected to write it, was refused: {error.strerror or error}"
        raise KeyRefused(f"{told}; name another place, or see to its rights") from None
    return address


def _file(path: Path, what: str, *, own: bool = True) -> SecretStr:
    """Return the text of a file whose rights are looked at in the same breath as it is read."""
    try:
        # a pipe would be waited for
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if trouble := _trouble(os.fstat(number), path, own=own):
                raise KeyRefused(f"{what} {path}: {trouble}")
            with open(number, "rb", closefd=False) as file:
                text = _text(file)
        finally:
            os.close(number)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise KeyRefused(f"{what} {path}: expected to read it, was refused: {reason}; correct the path") from None
    if text is None:
        raise KeyRefused(f"{what} {path}: expected UTF-8 of at most 1 MiB, was something else; name another file")
    return text


def _trouble(status: os.stat_result, path: Path, *, own: bool) -> str:
    """Return what is wrong with a file's kind, rights and owner; "" where nothing is."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        return "expected a file, was none; name the file itself"
    if own and mode & _OTHERS:
        return f"expected rights of 0600, was 0{mode:o}; run chmod 600 {path}"
    if own and status.st_uid not in {os.geteuid(), 0}:
        was = f"expected a file of user {os.geteuid()}, was of user {status.st_uid}"
        return f"{was}; run chown {os.geteuid()} {path}"
    return ""


def _text(file: BinaryIO) -> SecretStr | None:
    """Return what a file holds; None where that is no text. An error of decoding would carry it along."""
    data = file.read(_LARGEST + 1)
    try:
        return None if len(data) > _LARGEST else SecretStr(data.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        return None


def _read(path: Path) -> dict[str, Any]:
    """Return a keystore whose form is right, its keys in lower case, as some wallets write `Crypto`."""
    tree = _lowered(_parsed(_file(path, "keystore").get_secret_value()))
    if not isinstance(tree, dict) or "version" not in tree:
        raise KeyRefused(f"keystore {path}: expected a keystore in JSON, was something else; name another file")
    version = tree["version"]
    if version != VERSION:
        # a stranger's file: only numbers of it are repeated
        was = f"version {version}" if isinstance(version, int) else "another"
        raise KeyRefused(f"keystore {path}: expected version {VERSION}, was {was}; convert it, or make a new one")
    try:
        form = msgspec.convert(tree.get("crypto"), _Crypto)
    except msgspec.ValidationError as error:
        told = f"keystore {path}: crypto: expected what version {VERSION} has there, was another: {error}"
        raise KeyRefused(f"{told}; see whether it is whole") from None
    trouble = form.trouble()
    if trouble:
        raise KeyRefused(f"keystore {path}: crypto: {trouble}; make a new one")
    return tree


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lowered(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(key).lower(): _lowered(value) for key, value in tree.items()}
    return tree


class _Derivation(msgspec.Struct):
    """Parameters of either function."""

    dklen: int
    salt: str
    n: int = 0
    r: int = 0
    p: int = 0
    c: int = 0
    prf: str = ""


class _Vector(msgspec.Struct):
    iv: str


class _Crypto(msgspec.Struct):
    """What is encrypted, and how."""

    cipher: str
    cipherparams: _Vector
    ciphertext: str
    kdf: str
    kdfparams: _Derivation
    mac: str

    def trouble(self) -> str:
        """Return what is wrong with it; "" where nothing is."""
        asked = self.kdfparams
        if self.cipher != "aes-128-ctr":
            return "expected the cipher aes-128-ctr, was another"
        if asked.dklen != 32:
            return f"expected a dklen of 32, was {asked.dklen}"
        if self.kdf == "scrypt":
            power = asked.n > 1 and not asked.n & (asked.n - 1)
            if not power or asked.r < 1 or asked.p < 1 or 128 * asked.n * asked.r > _LARGEST_WORK:
                return "expected n, r and p of scrypt that need at most 1 GiB, was another"
        elif self.kdf != "pbkdf2" or asked.c < 1 or asked.prf != "hmac-sha256":
            return "expected scrypt or pbkdf2 with hmac-sha256, was another"
        try:
            for name, text, size in (("mac", self.mac, 32), ("ciphertext", self.ciphertext, 32)):
                from_hex(text, size, name)
            from_hex(self.cipherparams.iv, 16, "iv")
            from_hex(asked.salt, None, "salt")
        except ProtocolError as error:
            return str(error)
        return ""


def _keyfile() -> ModuleType:
    """Return what opens and writes keystores, and leave Python as it was before.

    py-ecc, which comes with it, allows a recursion of 100,000 calls to the whole process, which is more than the stack
    of a thread has room for.
    """
    limit = sys.getrecursionlimit()
    try:
        from eth_keyfile import keyfile
    finally:
        sys.setrecursionlimit(limit)
    return keyfile


def _encrypted(key: SecretBytes, password: SecretStr, address: bytes, work: int | None) -> str:
    """Return the text of a keystore."""
    hidden = password.get_secret_value().encode()
    made = _keyfile().create_keyfile_json(key.get_secret_value(), hidden, kdf="scrypt", iterations=work)
    return json.dumps({**made, "address": address.hex()})


def _decrypted(tree: dict[str, Any], password: SecretStr) -> SecretBytes | None:
    """Return the key; None where the password is another. Nothing is raised here, where a secret is at hand."""
    try:
        return SecretBytes(_keyfile().decode_keyfile_json(tree, password.get_secret_value().encode()))
    except (ValueError, UnicodeError):
        return None


def _raw(text: SecretStr) -> SecretBytes | None:
    try:
        key = SecretBytes(from_hex(text.get_secret_value(), 32, "private key"))
    except ProtocolError:
        return None
    return None if _address(key) is None else key


def _address(key: SecretBytes) -> bytes | None:
    try:
        return address_of(key.get_secret_value())
    except ProtocolError:
        return None


def _told(tree: dict[str, Any], path: Path) -> bytes | None:
    text = tree.get("address")
    if text is None:
        return None
    try:
        return from_hex(str(text), 20, "address")
    except ProtocolError as error:
        raise KeyRefused(f"keystore {path}: {error}; see whether it is whole") from None
