"""What every holder of a key answers, and how a bare r and s become a whole signature.

A signer is given the preimage, not the digest: web3signer hashes by itself, other holders sign its keccak256.

Source: Consensys/web3signer, `core/src/main/resources/openapi-specs/eth1/web3signer.yaml`; EIP-2 for the lower s;
EIP-191 for the prefix.
"""

from __future__ import annotations

from typing import Protocol

from eth_keys.constants import SECPK1_N

from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.signatures import Signature, recover
from chrono_flare_ftso.protocol.wire import fixed


class Signer(Protocol):
    """A key that signs, in this process or elsewhere."""

    @property
    def address(self) -> bytes:
        """The 20 bytes of the key's address."""

    async def sign(self, preimage: bytes) -> Signature:
        """Return the signature of keccak256(preimage), with the lower s."""


def message_preimage(hash: bytes) -> bytes:
    """Return the EIP-191 bytes whose keccak256 is signed for a hash of 32 bytes.

    Raises
    ------
    WireError
        If the size is another.

    Examples
    --------
    >>> len(message_preimage(bytes(32)))
    60
    """
    return b"\x19Ethereum Signed Message:\n32" + fixed(hash, 32, "hash")


def completed(digest: bytes, r: bytes, s: bytes, address: bytes) -> Signature:
    """Return the signature with the lower s and the v that recovers to the address.

    Parameters
    ----------
    digest, r, s : bytes
        32 bytes each. Either s is good.
    address : bytes
        20 bytes, whose key is said to have signed.

    Raises
    ------
    WireError
        If a size is another.
    ProtocolError
        If r or s is out of range, or neither v recovers to the address.
    """
    number = int.from_bytes(fixed(s, 32, "s"), "big")
    if not 0 < number < SECPK1_N:
        raise ProtocolError("signature: expected s from 1 to the order of the curve less 1, was another")
    low = min(number, SECPK1_N - number).to_bytes(32, "big")
    for v in (27, 28):
        signature = Signature(v, r, low)
        if recover(digest, signature) == address:
            return signature
    raise ProtocolError(
        f"signature: expected one of 0x{address.hex()}, was another key's; check which key the signer has"
    )
