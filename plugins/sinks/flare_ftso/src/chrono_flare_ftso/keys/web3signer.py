"""Keys that a web3signer holds, on this machine or another.

It is sent the preimage and hashes by itself; of what it answers, r and s are taken, and v is found by recovery, which
also proves that the right key signed.

Source: Consensys/web3signer 8df32dd, `core/src/main/resources/openapi-specs/eth1/web3signer.yaml`: `GET
/api/v1/eth1/publicKeys` (a JSON array), `POST /api/v1/eth1/sign/{identifier}` with `{"data": "0x…"}` (text, 65 bytes;
404 for an unknown key, 400 for a bad request, 500), read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from chrono_flare_ftso.keys.errors import KeyRefused, SignerFault
from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.keys.signer import completed
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import SIGNATURE_BYTES, Signature
from chrono_flare_ftso.protocol.text import checksummed, from_hex, to_hex

TIMEOUT = 2.0
"""Seconds that it has for an answer."""

LARGEST_ANSWER = 1 << 20
"""Bytes of an answer; a list of keys is the longest."""

_LISTED = "/api/v1/eth1/publicKeys"
_SIGN = "/api/v1/eth1/sign/"
# a connection that was kept open may be closed at the other end in the very moment it is used
_TRIES = 2
_DENIED = {401, 403}


@dataclass(frozen=True, slots=True)
class Access:
    """Where a web3signer is, and what it is shown.

    Parameters
    ----------
    url : str
        Its address, without user and password.
    bearer : SecretStr, optional
        A token.
    user, password : str and SecretStr, optional
        For basic authorization.
    ca : str, optional
        A file of certificates that its own is checked with.
    timeout : float
        Seconds for an answer.
    """

    url: str
    bearer: SecretStr | None = None
    user: str = ""
    password: SecretStr | None = None
    ca: str | None = None
    timeout: float = TIMEOUT

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"web3signer {httpx.URL(self.url).netloc.decode()}"

    def client(self) -> httpx.AsyncClient:
        """Return who asks it; no proxy of the environment is let between.

        Raises
        ------
        KeyRefused
            If the certificates cannot be read.
        """
        headers = {"User-Agent": "chrono-oracle"}
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.get_secret_value()}"
        basic = None if self.password is None else httpx.BasicAuth(self.user, self.password.get_secret_value())
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, auth=basic, timeout=self.timeout, verify=self._tls(), trust_env=False
        )

    def _tls(self) -> ssl.SSLContext | bool:
        if httpx.URL(self.url).scheme != "https":
            return False
        if self.ca is None:
            return httpx.create_ssl_context()
        try:
            return ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            told = f"{self.name}: expected certificates in {self.ca}, was refused: {error.strerror or error}"
            raise KeyRefused(f"{told}; name a PEM file") from None


class Web3Signer:
    """One key of a web3signer; made by `connected`.

    Parameters
    ----------
    service : Service
        Which holds it.
    identifier : str
        The public key, as it lists it.
    address : bytes
        20 bytes.
    policy : Policy
        What is signed.
    """

    def __init__(self, service: Service, identifier: str, address: bytes, policy: Policy) -> None:
        self._service = service
        self._identifier = identifier
        self._address = address
        self._policy = policy

    @property
    def address(self) -> bytes:
        """The 20 bytes of the key's address."""
        return self._address

    async def sign(self, preimage: bytes) -> Signature:
        """Return the signature of keccak256(preimage).

        Raises
        ------
        NotSigned
            If the policy refuses it; it is not sent.
        KeyRefused
            If it has no such key any more, does not let us, or signs with another one.
        SignerFault
            If it does not answer in time, or with something else than a signature.
        """
        self._policy.check(preimage, self._address)
        service = self._service
        text = await service.ask("POST", _SIGN + self._identifier, {"data": to_hex(preimage)}, self._address)
        try:
            data = from_hex(text.decode("ascii"), SIGNATURE_BYTES, "signature")
        except (ProtocolError, UnicodeDecodeError):
            raise SignerFault(f"{service.name}: expected a signature of 65 bytes, was something else") from None
        try:
            return completed(keccak256(preimage), data[:32], data[32:64], self._address)
        except ProtocolError as error:
            raise KeyRefused(f"{service.name}: {error}") from None

    def __repr__(self) -> str:
        return f"Web3Signer({checksummed(self._address)})"


class Service:
    """A web3signer.

    Parameters
    ----------
    access : Access
        Where it is.
    client : httpx.AsyncClient
        Of `Access.client`.
    """

    def __init__(self, access: Access, client: httpx.AsyncClient) -> None:
        self.name = access.name
        self._client = client
        self._timeout = access.timeout

    async def keys(self) -> dict[bytes, str]:
        """Return the public keys it has, as it writes them, by address.

        Raises
        ------
        KeyRefused
            If it does not let us.
        SignerFault
            If it does not answer, or not with public keys.
        """
        body = await self.ask("GET", _LISTED)
        try:
            return {_address(text): text for text in msgspec.json.decode(body, type=list[str])}
        except (msgspec.DecodeError, UnicodeDecodeError, ProtocolError):
            raise SignerFault(f"{self.name}: expected a list of public keys, was something else") from None

    async def ask(self, method: str, path: str, body: Any = None, address: bytes = b"") -> bytes:
        """Return the text of an answer, which is asked for twice where the connection breaks.

        Raises
        ------
        KeyRefused, SignerFault
            If there is none.
        """
        reason = ""
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(_TRIES):
                    try:
                        status, text = await self._answer(method, path, body)
                    except httpx.TimeoutException:
                        raise TimeoutError from None
                    except (httpx.HTTPError, OSError) as error:
                        reason = type(error).__name__
                        continue
                    self._check(status, address)
                    return text
        except TimeoutError:
            raise SignerFault(f"{self.name}: no answer within {self._timeout:g} s") from None
        # the error's own words may hold an address with a secret
        raise SignerFault(f"{self.name}: not reached ({reason}); see whether it runs")

    async def _answer(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        async with self._client.stream(method, path, json=body) as response:
            text = b""
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > LARGEST_ANSWER:
                    raise SignerFault(f"{self.name}: the answer is longer than {LARGEST_ANSWER} bytes")
            return response.status_code, text

    def _check(self, status: int, address: bytes) -> None:
        if status == 200:
            return
        if status in _DENIED:
            raise KeyRefused(f"{self.name}: refuses us ({status}); see to its bearer, or its user and password")
        if status == 404 and address:
            raise KeyRefused(f"{self.name}: does not have the key of {checksummed(address)} (404); load it there")
        if status == 404:
            raise KeyRefused(f"{self.name}: knows no {_LISTED} (404); run it with eth1, or correct the address")
        if status == 400:
            raise KeyRefused(f"{self.name}: does not understand the request (400); see which version it is of")
        raise SignerFault(f"{self.name}: answered {status}")


@asynccontextmanager
async def connected(access: Access, policy: Policy, address: bytes | None = None) -> AsyncIterator[Web3Signer]:
    """Open a key of a web3signer.

    Parameters
    ----------
    access : Access
        Where it is.
    policy : Policy
        What is signed.
    address : bytes, optional
        20 bytes, whose key it is; the one that it has where it has no other.

    Raises
    ------
    KeyRefused
        If it has no such key, or several and none was named.
    SignerFault
        If it does not answer.
    """
    async with access.client() as client:
        service = Service(access, client)
        found = await service.keys()
        if address is None and len(found) != 1:
            told = f"{service.name}: expected one key, was {len(found)}"
            raise KeyRefused(f"{told}; say which with `address`" if found else f"{told}; load one there")
        chosen = next(iter(found)) if address is None else address
        if chosen not in found:
            told = f"{service.name}: expected the key of {checksummed(chosen)} among its {len(found)}, was not there"
            raise KeyRefused(f"{told}; load it there, or correct the address")
        yield Web3Signer(service, found[chosen], chosen, policy)


def _address(text: str) -> bytes:
    """Return the address of a public key: 64 bytes, or 65 with the mark of an uncompressed point."""
    data = from_hex(text, None, "public key")
    if len(data) == 65 and data[0] == 4:
        data = data[1:]
    return keccak256(from_hex(data.hex(), 64, "public key"))[-20:]
