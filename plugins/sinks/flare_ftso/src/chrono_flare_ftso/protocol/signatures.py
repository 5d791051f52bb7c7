"""Signatures of secp256k1, and the payloads that carry them in submitSignatures.

The digest is prefixed as EIP-191 says, signing is deterministic (RFC 6979) with the lower s, and on the wire v comes
first: 27 or 28, then r, then s. `eth_keys` does the arithmetic, with `coincurve` where that is installed; both give
the same bytes.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/fsp-utils/ECDSASignature.ts` and
`SignaturePayload.ts`; flare-foundation/flare-system-client b63206b, `client/protocol/submitter.go`,
`client/finalizer/payload_utils.go` and `client/shared/message.go`, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import PrivateKey, PublicKey
from eth_keys.datatypes import Signature as Recoverable
from eth_keys.exceptions import BadSignature

from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.results import RESULT_BYTES
from chrono_flare_ftso.protocol.wire import Reader, fixed, uint

SIGNATURE_BYTES = 65
_PREFIX = b"\x19Ethereum Signed Message:\n32"


@dataclass(frozen=True, slots=True)
class Signature:
    """A recoverable signature.

    Parameters
    ----------
    v : int
        27 or 28, which of two public keys it is. Any 8 bits can be read and written; `recover` refuses others.
    r, s : bytes
        32 bytes each.
    """

    v: int
    r: bytes
    s: bytes

    def encode(self) -> bytes:
        """Return the 65 bytes: v 1, r 32, s 32.

        Raises
        ------
        WireError
            If v does not fit 8 bits, or r or s has not 32 bytes.
        """
        return uint(self.v, 1, "v") + fixed(self.r, 32, "r") + fixed(self.s, 32, "s")

    @classmethod
    def decode(cls, data: bytes) -> Signature:
        """Return the signature that 65 bytes encode.

        Raises
        ------
        WireError
            If the size is another.
        """
        reader = Reader(data, "signature")
        signature = cls.read(reader)
        reader.end()
        return signature

    @classmethod
    def read(cls, reader: Reader) -> Signature:
        """Return the signature that stands next; raise `WireError` where fewer bytes are left."""
        return cls(reader.uint(1, "v"), reader.take(32, "r"), reader.take(32, "s"))


def eip191(hash: bytes) -> bytes:
    """Return the digest that is signed for a hash, under the prefix that keeps it from being a transaction.

    Parameters
    ----------
    hash : bytes
        32 bytes.

    Raises
    ------
    WireError
        If the size is another.

    Examples
    --------
    >>> eip191(bytes(32)).hex()[:8]
    '5e410661'
    """
    return keccak256(_PREFIX + fixed(hash, 32, "hash"))


def sign(digest: bytes, private_key: bytes) -> Signature:
    r"""Return the signature of a digest: the same for the same input, always.

    Parameters
    ----------
    digest : bytes
        32 bytes, from `eip191`.
    private_key : bytes
        32 bytes. They appear in no error.

    Raises
    ------
    WireError
        If a size is another.
    ProtocolError
        If the key is 0 or not below the order of the curve.

    Examples
    --------
    >>> signature = sign(eip191(bytes(32)), bytes(31) + b"\x01")
    >>> recover(eip191(bytes(32)), signature) == address_of(bytes(31) + b"\x01")
    True
    """
    made = _private(private_key).sign_msg_hash(fixed(digest, 32, "digest"))
    return Signature(made.v + 27, made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big"))


def recover(digest: bytes, signature: Signature) -> bytes:
    """Return the address of the key that signed.

    Parameters
    ----------
    digest : bytes
        32 bytes, from `eip191`.
    signature : Signature
        The higher s is good as well.

    Returns
    -------
    bytes
        20 bytes. Of any other key than the voter's where digest or signature is not the voter's.

    Raises
    ------
    WireError
        If a size is another.
    ProtocolError
        If v is neither 27 nor 28, r or s is 0 or not below the order of the curve, or there is no such point.

    Notes
    -----
    These are the limits of the Relay contract and of flare-system-client. The reference's reward calculation has those
    of ethers 6.16 and passes over a signature with the higher s, while it takes 0, 1 and all from 35 on as v.
    """
    digest, _ = fixed(digest, 32, "digest"), signature.encode()
    if signature.v not in {27, 28}:
        raise ProtocolError(f"signature: expected v of 27 or 28, was {signature.v}")
    r, s = int.from_bytes(signature.r, "big"), int.from_bytes(signature.s, "big")
    if not (0 < r < SECPK1_N and 0 < s < SECPK1_N):
        raise ProtocolError("signature: expected r and s from 1 to the order of the curve less 1, was another")
    try:
        return PublicKey.recover_from_msg_hash(digest, Recoverable(vrs=(signature.v - 27, r, s))).to_canonical_address()
    except BadSignature:
        raise ProtocolError("signature: expected r of a point on the curve, was another") from None


def address_of(private_key: bytes) -> bytes:
    r"""Return the 20-byte address of a private key.

    Raises
    ------
    WireError
        If the key has not 32 bytes.
    ProtocolError
        If it is 0 or not below the order of the curve.

    Examples
    --------
    >>> address_of(bytes(31) + b"\x01").hex()
    '7e5f4552091a69125d5dfcb7b8c2659029395bdf'
    """
    return _private(private_key).public_key.to_canonical_address()


def _private(key: bytes) -> PrivateKey:
    # checked here, because the errors of the library print the key
    key = fixed(key, 32, "private key")
    if not 0 < int.from_bytes(key, "big") < SECPK1_N:
        raise ProtocolError("private key: expected a number from 1 to the order of the curve less 1, was another")
    return PrivateKey(key)


@dataclass(frozen=True, slots=True)
class SignaturePayload:
    """What a voter sends for one protocol and round in submitSignatures.

    Parameters
    ----------
    signature : Signature
        Of ``eip191(keccak256(message))``.
    message : bytes, optional
        The signed 38 bytes, kept as they stood: type 0. None where the reader is to have its own result: type 1.
        Readers drop a payload whose message is no result (`results.Result.decode`).
    unsigned : bytes
        What follows the signature and is not signed.

    Examples
    --------
    >>> signature = Signature(27, bytes(32), bytes(32))
    >>> len(SignaturePayload(signature, bytes(38)).encode()), len(SignaturePayload(signature).encode())
    (104, 66)
    """

    signature: Signature
    message: bytes | None = None
    unsigned: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes: type 1, message 38 where the type is 0, signature 65, unsigned data.

        Raises
        ------
        WireError
            If the message or a part of the signature has another size.
        """
        head = b"\x01" if self.message is None else b"\x00" + fixed(self.message, RESULT_BYTES, "message")
        return head + self.signature.encode() + self.unsigned

    @classmethod
    def decode(cls, data: bytes) -> SignaturePayload:
        """Return the payload that bytes encode.

        Raises
        ------
        WireError
            If the type is neither 0 nor 1, or fewer than 104 bytes (type 0) or 66 (type 1) stand there.
        """
        reader = Reader(data, "signature payload")
        kind = reader.uint(1, "type")
        if kind > 1:
            raise reader.refuse(1, "type 0 or 1", kind)
        message = None if kind else reader.take(RESULT_BYTES, "message")
        return cls(Signature.read(reader), message, reader.rest())
