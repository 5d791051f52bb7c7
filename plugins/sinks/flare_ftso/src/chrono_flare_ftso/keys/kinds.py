"""The kinds of keys that a pipeline may name, and what stands in the place of their secrets.

A role's mapping is of the kind that one of its keys names: `keystore`, `web3signer`, `env` or `file`; `address` alone
is a cold key, of which only the address is needed. A further kind, such as a KMS or a PKCS#11 token, is a class more
in `KINDS`.

Source: EIP-55 for the letter case of addresses; systemd.exec(5), "Credentials"; read 2026-11-23.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Union
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Discriminator, Field, SecretStr, Tag, field_validator, model_validator

from chrono import Config, Duration
from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.keys.keystore import Given, InFile, Keystore, LocalKey, RawKey, Source, secret
from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.keys.signer import Signer
from chrono_flare_ftso.keys.web3signer import Access, connected
from chrono_flare_ftso.protocol.text import checksummed

_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFER = 'expected a reference like "${env:NAME}" or {file: PATH}, was something else'
_REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def _checked(text: Any) -> Any:
    """Let an address pass whose letter case is its checksum, or that has none; return it with one."""
    if not isinstance(text, str):
        raise ValueError('expected an address in quotes, like "0x…", was a number')
    if not _ADDRESS.fullmatch(text):
        raise ValueError("expected an address of 0x and 40 hexadecimal digits, was another")
    spelled = checksummed(bytes.fromhex(text[2:]))
    if text[2:] not in {spelled[2:], text[2:].lower(), text[2:].upper()}:
        raise ValueError(f"expected an address whose letter case is its checksum (EIP-55), was {text}; copy it again")
    return spelled


def _referred(value: Any) -> Any:
    """Let text pass that came from a reference; put the value of one in its place that nobody has looked up yet."""
    if not isinstance(value, str) or hasattr(value, "written"):
        return value
    found = _REFERENCE.fullmatch(value)
    if found is None:
        raise ValueError(f"{_REFER}; a secret is not written out here")
    if found[1] not in os.environ:
        raise ValueError(f"environment variable {found[1]} is not set, wanted by {value}; export {found[1]}=…")
    return os.environ[found[1]]


Address = Annotated[str, BeforeValidator(_checked)]
"""An address with the right checksum."""


class SecretFile(Config):
    """A file of rights 0600 that holds a secret and nothing else."""

    file: Path
    """Where it is."""

    def source(self) -> Source:
        """Return where the secret is read."""
        return InFile(_absolute(self.file))


class Credential(Config):
    """A credential that systemd hands to the service."""

    credential: str = Field(pattern=r"^[A-Za-z0-9_.@-]+$")
    """Its name, as LoadCredential= or LoadCredentialEncrypted= has it."""

    def source(self) -> Source:
        """Return where the secret is read.

        Raises
        ------
        KeyRefused
            If systemd handed none over.
        """
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            told = f"credential {self.credential}: expected CREDENTIALS_DIRECTORY of systemd, was not set"
            raise KeyRefused(f"{told}; add LoadCredential={self.credential}:PATH to the unit")
        return InFile(str(Path(folder) / self.credential), own=False)


def _reference(value: Any) -> str | None:
    """Return the tag of the form that a reference has."""
    if isinstance(value, str | SecretStr):
        return "<text>"
    if isinstance(value, Credential) or (isinstance(value, dict) and "credential" in value):
        return "<credential>"
    return "<file>" if isinstance(value, SecretFile | dict) else None


Reference = Annotated[
    Annotated[SecretStr, BeforeValidator(_referred), Tag("<text>")]
    | Annotated[SecretFile, Tag("<file>")]
    | Annotated[Credential, Tag("<credential>")],
    Discriminator(_reference, custom_error_type="reference", custom_error_message=_REFER),
]
"""A secret that is not written out: "${env:NAME}", {file: PATH} or {credential: NAME}."""


def source_of(reference: SecretStr | SecretFile | Credential) -> Source:
    """Return where a secret is read that was given by reference."""
    return Given(reference) if isinstance(reference, SecretStr) else reference.source()


def _absolute(path: Path) -> str:
    return str(path.expanduser().absolute())


class Key(Config):
    """A key of some kind."""

    kind: ClassVar[str]

    address: Address | None = None
    """Whose key it has to be, checked when it is opened."""

    def local(self) -> LocalKey | None:
        """Return what the process of the keys opens; None where the key is not on this machine.

        Raises
        ------
        KeyRefused
            If a reference leads nowhere.
        """
        return None

    def open(self, policy: Policy) -> AbstractAsyncContextManager[Signer] | None:  # noqa: ARG002 - of those that sign
        """Return the signer of a key that is elsewhere; None where there is none to open."""
        return None

    @property
    def stated(self) -> bytes | None:
        """The address it has to be of, 20 bytes; None where it is not said."""
        return None if self.address is None else bytes.fromhex(self.address[2:])


class KeystoreKey(Key):
    """A keystore file of version 3, and its password by reference."""

    kind = "keystore"

    keystore: Path
    """Where it is."""

    password: Reference
    """What opens it: {file: PATH}, {credential: NAME}, or "${env:NAME}", which the provider's own process sees too."""

    def local(self) -> LocalKey:
        return Keystore(_absolute(self.keystore), source_of(self.password))


class Basic(Config):
    """A user and a password."""

    user: str = Field(min_length=1)
    """The name."""

    password: Reference
    """By reference."""


class Web3SignerKey(Key):
    """A key that a web3signer holds."""

    kind = "web3signer"

    web3signer: str
    """Its address, such as https://signer.example:9000."""

    bearer: Reference | None = None
    """A token that it is shown."""

    basic: Basic | None = None
    """User and password that it is shown."""

    ca: Path | None = None
    """Certificates that its own is checked with; those of the system without."""

    timeout: Duration = Field(default=Duration("2s"), gt=0)
    """How long it has for an answer."""

    @field_validator("web3signer")
    @classmethod
    def _of_http(cls, text: str) -> str:
        try:
            url = urlsplit(text)
            whole = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
        except ValueError:
            whole = False
        if not whole:
            raise ValueError("expected http://host or https://host, was something else")
        if url.username is not None:
            raise ValueError("expected an address without user and password, was with; give them under `basic`")
        return text

    @model_validator(mode="after")
    def _shown_once(self) -> Web3SignerKey:
        if self.bearer is not None and self.basic is not None:
            raise ValueError("expected bearer or basic, was both; leave one out")
        return self

    def open(self, policy: Policy) -> AbstractAsyncContextManager[Signer]:
        return connected(self._access(), policy, self.stated)

    def _access(self) -> Access:
        bearer = None if self.bearer is None else secret(source_of(self.bearer), "bearer")
        ca = None if self.ca is None else _absolute(self.ca)
        if self.basic is None:
            return Access(self.web3signer, bearer, ca=ca, timeout=self.timeout.seconds)
        password = secret(source_of(self.basic.password), "password")
        return Access(self.web3signer, None, self.basic.user, password, ca, self.timeout.seconds)


class EnvKey(Key):
    """A key that stands in the environment. Second choice: every plugin can read it, and what they start has it too."""

    kind = "env"

    env: str
    """The name of the variable, which holds 64 hexadecimal digits."""

    @field_validator("env")
    @classmethod
    def _a_name(cls, text: str) -> str:
        # whoever puts the key itself here must not see it again
        if not _VARIABLE.fullmatch(text):
            raise ValueError("expected the name of an environment variable, was something else; not the key itself")
        return text

    def local(self) -> LocalKey:
        if self.env not in os.environ:
            raise KeyRefused(f"environment variable {self.env}: expected a private key, was not set; export it")
        return RawKey(Given(SecretStr(os.environ[self.env])))


class FileKey(Key):
    """A key written out in a file of rights 0600. Second choice: whoever reads the file has the key."""

    kind = "file"

    file: Path
    """Where it is; it holds 64 hexadecimal digits."""

    def local(self) -> LocalKey:
        return RawKey(InFile(_absolute(self.file)))


class ColdKey(Key):
    """An address alone, whose key is not here."""

    kind = "address"

    address: Address
    """The address."""


KINDS: Mapping[str, type[Key]] = {each.kind: each for each in (KeystoreKey, Web3SignerKey, EnvKey, FileKey, ColdKey)}
"""The kinds of keys, by the key that tells them; `address` last, since the others may have it too."""


def _kind(value: Any) -> str | None:
    """Return the tag of the kind that a mapping is of; no tag is a key of a mapping, so that errors tell them apart."""
    if isinstance(value, Key):
        return _tag(value.kind)
    return next((_tag(kind) for kind in KINDS if isinstance(value, dict) and kind in value), None)


def _tag(kind: str) -> str:
    return f"<{kind}>"


if TYPE_CHECKING:
    AnyKey = Key
else:
    # of as many as there are
    _KEY = Union[tuple(Annotated[each, Tag(_tag(kind))] for kind, each in KINDS.items())]  # noqa: UP007
    _WRONG = f"expected a mapping with one of {', '.join(KINDS)}, was another"
    AnyKey = Annotated[_KEY, Discriminator(_kind, custom_error_type="kind_of_key", custom_error_message=_WRONG)]
