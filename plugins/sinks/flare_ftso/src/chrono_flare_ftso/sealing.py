"""Commits are sealed: whoever reads the disk, a backup or the database learns no random and no votes before the reveal.

AES-256 in Galois/Counter Mode with a random nonce for each commit; the key comes from a secret by HKDF with SHA-256.
What is sealed belongs to one round and one address: in another row it does not open.

Source: NIST SP 800-38D (GCM) and RFC 5869 (HKDF), as pycryptodome has them; read 2026-11-23.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Self

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from pydantic import SecretBytes, SecretStr

from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.keys.keystore import InFile, Source, secret

SHORTEST = 16
"""Characters of a secret: HKDF makes none stronger than it is."""

_WHAT = "secret of the commits"
_CONTEXT = b"chrono_flare_ftso commits"
_FORM = b"\x01"
_NONCE = 12
_TAG = 16


class Unsealed(ValueError):
    """It was sealed with another key, or for another place, or is damaged; which of them nobody can tell."""


class Seal:
    """What commits are encrypted with; its repr shows nothing of it.

    Parameters
    ----------
    secret : SecretStr
        At least 16 characters that nobody can guess, the same for all who share commits.

    Raises
    ------
    KeyRefused
        If it is shorter.

    Examples
    --------
    >>> seal = Seal(SecretStr("0123456789abcdef"))
    >>> sealed = seal.close(b"random and votes", b"round and address")
    >>> seal.open(sealed, b"round and address"), len(sealed)
    (b'random and votes', 45)
    """

    def __init__(self, secret: SecretStr) -> None:
        if len(secret) < SHORTEST:
            told = f"{_WHAT}: expected at least {SHORTEST} characters, was {len(secret)}"
            raise KeyRefused(f"{told}; make one with `openssl rand -hex 32`")
        derived = HKDF(secret.get_secret_value().encode(), 32, b"", SHA256, 1, _CONTEXT)
        self._key = SecretBytes(derived if isinstance(derived, bytes) else derived[0])

    @classmethod
    def of(cls, source: Source) -> Self:
        """Return the seal of a secret by reference: text that was looked up, or a file of rights 0600.

        Raises
        ------
        KeyRefused
            If there is none, others may read it, or it is too short.
        """
        return cls(secret(source, _WHAT))

    @classmethod
    def beside(cls, path: Path, *, make: bool = True) -> Self:
        """Return the seal of the key file beside a ledger.

        Parameters
        ----------
        path : Path
            The ledger; the key is in a file of its name and `.key`.
        make : bool
            Whether to make one, of rights 0600 and on the disk before this returns, where there is none.

        Raises
        ------
        KeyRefused
            If it is not there and not to be made, cannot be made, or others may read it.
        """
        file = path.with_name(f"{path.name}.key")
        if make and not file.exists():
            _make(file)
        return cls.of(InFile(str(file)))

    def close(self, plain: bytes, place: bytes) -> bytes:
        """Return what may be written down: form, nonce, tag and ciphertext.

        Parameters
        ----------
        plain : bytes
            What to hide.
        place : bytes
            Where it belongs; it opens nowhere else.
        """
        nonce = secrets.token_bytes(_NONCE)
        cipher = AES.new(self._key.get_secret_value(), AES.MODE_GCM, nonce=nonce, mac_len=_TAG)
        cipher.update(place)
        hidden, tag = cipher.encrypt_and_digest(plain)
        return _FORM + nonce + tag + hidden

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Return what was hidden.

        Raises
        ------
        Unsealed
            If it was not sealed with this key for this place.
        """
        form, nonce = sealed[:1], sealed[1 : 1 + _NONCE]
        tag, hidden = sealed[1 + _NONCE : 1 + _NONCE + _TAG], sealed[1 + _NONCE + _TAG :]
        if form != _FORM or len(tag) != _TAG:
            raise Unsealed
        cipher = AES.new(self._key.get_secret_value(), AES.MODE_GCM, nonce=nonce, mac_len=_TAG)
        cipher.update(place)
        with contextlib.suppress(ValueError):
            return cipher.decrypt_and_verify(hidden, tag)
        raise Unsealed


def _make(file: Path) -> None:
    """Make a key file: whole or not at all, and never over another one, even where two make it at once."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(number, "w") as draft:
                draft.write(f"{secrets.token_hex(32)}\n")
                draft.flush()
                os.fsync(draft.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, file)
        finally:
            Path(name).unlink()
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        told = f"{_WHAT} file {file}: expected to make it, was refused: {(error.strerror or str(error)).lower()}"
        raise KeyRefused(f"{told}; see to the rights and room of its folder") from None
