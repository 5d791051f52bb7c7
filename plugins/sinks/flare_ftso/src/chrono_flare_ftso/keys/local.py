"""A key in this process."""

from __future__ import annotations

from typing import NoReturn

from pydantic import SecretBytes

from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import Signature, address_of, sign
from chrono_flare_ftso.protocol.text import checksummed


class LocalSigner:
    r"""Signs with a key that this process holds; the key is in no repr, and is not copied along.

    Parameters
    ----------
    key : SecretBytes
        32 bytes.
    policy : Policy
        What is signed.

    Raises
    ------
    ProtocolError
        If the key is none.

    Examples
    --------
    >>> LocalSigner(SecretBytes(bytes(31) + b"\x01"), Policy(14, frozenset()))
    LocalSigner(0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf)
    """

    def __init__(self, key: SecretBytes, policy: Policy) -> None:
        self._address = address_of(key.get_secret_value())
        self._key = key
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
            If the policy refuses it.
        """
        return self.signed(preimage)

    def signed(self, preimage: bytes) -> Signature:
        """Return the same at once."""
        self._policy.check(preimage, self._address)
        return sign(keccak256(preimage), self._key.get_secret_value())

    def __repr__(self) -> str:
        return f"LocalSigner({checksummed(self._address)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not copied")
