"""Possession of a validator node: what ``EntityManager.registerNodeId`` asks for, and how the contract checks it.

A node's id is a hash of its certificate. That a node is the voter's is shown by a signature of the voter's identity
address by the certificate's key, RSA (PKCS#1 v1.5) or ECDSA on P-256, both with SHA-256.

The contract reads certificates and signatures with a parser of its own, which is followed here step by step; a refusal
starts with the text that the contract reverts with.

Source: flare-foundation/flare-smart-contracts-v2 264dab7,
`contracts/protocol/implementation/NodePossessionVerifier.sol`, with OpenZeppelin contracts 5.4.0,
`utils/cryptography/RSA.sol` and `P256.sol`; flare-foundation/developer-hub daa3028, `docs/run-node/5-flare-entity.mdx`
(how the signature is made), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from Crypto.Hash import RIPEMD160, SHA256
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS, pkcs1_15
from Crypto.Util.asn1 import DerSequence

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.wire import fixed

MODULUS_BYTES = 256
_Key = TypeVar("_Key", RSA.RsaKey, ECC.EccKey)

_SEQUENCE, _INTEGER, _BITS, _VERSION = 0x30, 0x02, 0x03, 0xA0
_BEFORE_KEY = (
    (_VERSION, "couldn't read version element"),
    (_INTEGER, "couldn't read serial number element"),
    (_SEQUENCE, "couldn't read signature algorithm identifier"),
    (_SEQUENCE, "couldn't read issuer element"),
    (_SEQUENCE, "couldn't read validity element"),
    (_SEQUENCE, "couldn't read subject element"),
)
_ECDSA = bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")
_RSA = bytes.fromhex("06092a864886f70d0101010500")
_DIGEST_INFOS = (
    bytes.fromhex("3031300d060960864801650304020105000420"),
    bytes.fromhex("302f300b06096086480165030402010420"),
)
_P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class RSAKey:
    """An RSA key as the contract reads it: big-endian bytes, less one zero byte in front."""

    modulus: bytes
    exponent: bytes


@dataclass(frozen=True, slots=True)
class P256Key:
    """A point of P-256, 32 bytes a coordinate; whether it is on the curve is not checked."""

    x: bytes
    y: bytes


def node_id(certificate: bytes) -> bytes:
    """Return the 20-byte id of the node that has a certificate.

    Parameters
    ----------
    certificate : bytes
        In DER, the decoded part of ``staker.crt``.

    Examples
    --------
    >>> node_id(b"").hex()
    'b472a266d0bd89c13706a4132ccfb16f7c3b9fcb'
    """
    return RIPEMD160.new(sha256(certificate).digest()).digest()


def possession_message(identity: bytes) -> bytes:
    """Return the 52 bytes that a node's key signs for an identity address of 20.

    Raises
    ------
    WireError
        If the address has not 20 bytes.
    """
    return bytes(32) + fixed(identity, 20, "identity address")


def sign_possession(identity: bytes, key: bytes) -> bytes:
    """Return a node's signature of an identity address, as ``registerNodeId`` takes it.

    Parameters
    ----------
    identity : bytes
        The 20-byte address of the entity.
    key : bytes
        The node's private key in PEM or DER, the content of ``staker.key``. It appears in no error.

    Returns
    -------
    bytes
        RSA: as long as the modulus, the same each time. ECDSA: r and s in DER, others each time, and none of them
        below 2^247, because the contract misreads numbers of fewer than 32 bytes in DER; of OpenSSL's signatures one
        in 256 has such a number.

    Raises
    ------
    WireError
        If the address has not 20 bytes.
    ProtocolError
        If the key is neither an RSA key of at least 2048 bits nor one of P-256, is encrypted, or is not private.
    """
    digest = SHA256.new(possession_message(identity))
    private = _private_key(key)
    if isinstance(private, RSA.RsaKey):
        return pkcs1_15.new(private).sign(digest)
    signer = DSS.new(private, "fips-186-3")
    while True:
        raw = signer.sign(digest)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        if r >> 247 and s >> 247:
            return DerSequence([r, s]).encode()


def check_possession(identity: bytes, node: bytes, certificate: bytes, signature: bytes) -> None:
    """Check what the contract checks before it registers a node.

    Parameters
    ----------
    identity : bytes
        The 20-byte address of the entity.
    node : bytes
        The 20-byte id of the node.
    certificate : bytes
        The node's certificate in DER.
    signature : bytes
        Of `possession_message`: for RSA as long as the modulus, for ECDSA in DER.

    Raises
    ------
    ProtocolError
        If the id is not the certificate's ("invalid node id"), or the signature is not good ("invalid signature").
    WireError
        If the certificate or signature cannot be read, with the contract's text as subject, or identity or node has
        not 20 bytes.
    """
    message = possession_message(identity)
    found = node_id(certificate)
    if found != fixed(node, 20, "node id"):
        raise ProtocolError(f"invalid node id: expected {found.hex()}, was {node.hex()}")
    key = public_key_of(certificate)
    good = _rsa_good(key, message, signature) if isinstance(key, RSAKey) else _p256_good(key, message, signature)
    if not good:
        raise ProtocolError("invalid signature: expected one of the identity by the certificate's key, was another")


def public_key_of(certificate: bytes) -> RSAKey | P256Key:
    """Return the public key of a certificate.

    Parameters
    ----------
    certificate : bytes
        X.509 in DER. What follows it, or follows the key inside it, is not read.

    Raises
    ------
    WireError
        If an element is missing, has another tag, or is longer than what holds it, or the key is neither RSA nor an
        uncompressed point of P-256.
    """
    _, outer = _Element.of(certificate).read(_SEQUENCE, "couldn't read certificate element")
    _, fields = outer.read(_SEQUENCE, "couldn't read RawTBSCertificate element")
    for tag, refusal in _BEFORE_KEY:
        fields, _ = fields.read(tag, refusal)
    _, info = fields.read(_SEQUENCE, "couldn't read subject public key info element")
    after, algorithm = info.read(_SEQUENCE, "couldn't read algorithm element")
    if algorithm.content not in {_ECDSA, _RSA}:
        raise algorithm.refuse("algorithm not supported", "that of RSA or P-256", algorithm.content.hex())
    _, bits = after.read(_BITS, "couldn't read public key element")
    key = bits.skip(1)
    return _point(key) if algorithm.content == _ECDSA else _rsa_key(key)


def read_signature(signature: bytes) -> tuple[bytes, bytes]:
    """Return r and s of an ECDSA signature in DER as the contract reads them.

    Returns
    -------
    r, s : bytes
        32 bytes each. A number of fewer bytes is filled with zeros at its end, which makes another of it.

    Raises
    ------
    WireError
        If an element is missing or too long, a number has more than 32 bytes, or anything follows.
    """
    rest, numbers = _Element.of(signature).read(_SEQUENCE, "couldn't read signature")
    if rest.size:
        raise rest.refuse("invalid signature length", "the end", f"{rest.size} bytes more")
    rest, r = numbers.read(_INTEGER, "couldn't read r")
    first = _number(r, "invalid r")
    rest, s = rest.read(_INTEGER, "couldn't read s")
    if rest.size:
        raise rest.refuse("invalid data length", "the end", f"{rest.size} bytes more")
    return first, _number(s, "invalid s")


@dataclass(frozen=True, slots=True)
class _Element:
    """Part of the bytes that are read: `start` and `end` are offsets from their start."""

    data: bytes
    start: int
    end: int

    @classmethod
    def of(cls, data: bytes) -> _Element:
        return cls(data, 0, len(data))

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def content(self) -> bytes:
        return self.data[self.start : self.end]

    def skip(self, count: int) -> _Element:
        return _Element(self.data, min(self.start + count, self.end), self.end)

    def refuse(self, refusal: str, expected: str, was: str, after: int = 0) -> WireError:
        return WireError(refusal, self.start + after, expected, was)

    def read(self, tag: int, refusal: str) -> tuple[_Element, _Element]:
        """Return what follows the element in front, and what is inside it.

        Lengths may be written in more bytes than needed, and one written in no bytes is 0: the contract is not strict.
        """
        if self.size < 2:
            raise self.refuse(refusal, f"an element {tag:#04x}", f"{self.size} bytes")
        found, length = self.content[:2]
        if found != tag:
            raise self.refuse(refusal, f"an element {tag:#04x}", f"{found:#04x}")
        header = 2
        if length & 0x80:
            count = length & 0x7F
            if count > 4:
                raise self.refuse(refusal, "a length of at most 4 bytes", f"{count}", 1)
            if self.size < 2 + count:
                raise self.refuse(refusal, f"{count} bytes of length", f"{self.size - 2}", 2)
            length = int.from_bytes(self.content[2 : 2 + count], "big")
            header += count
        inside = self.skip(header)
        if inside.size < length:
            raise inside.refuse(refusal, f"{length} bytes", f"{inside.size}")
        return inside.skip(length), _Element(self.data, inside.start, inside.start + length)


def _point(key: _Element) -> P256Key:
    content = key.content
    if len(content) != 65 or content[0] != 4:
        raise key.refuse(
            "unsupported public key format", "0x04 and 64 bytes", f"{len(content)} bytes {content[:1].hex()}"
        )
    return P256Key(content[1:33], content[33:])


def _rsa_key(key: _Element) -> RSAKey:
    _, numbers = key.read(_SEQUENCE, "couldn't read public key data")
    rest, modulus = numbers.read(_INTEGER, "couldn't read N element")
    _, exponent = rest.read(_INTEGER, "couldn't read E element")
    return RSAKey(_less_zero(modulus.content), _less_zero(exponent.content))


def _less_zero(number: bytes) -> bytes:
    return number[1:] if len(number) > 1 and number[0] == 0 else number


def _number(element: _Element, refusal: str) -> bytes:
    content = element.content
    if len(content) == 33 and content[0] == 0:
        return content[1:]
    if len(content) > 32:
        raise element.refuse(refusal, "at most 32 bytes after a zero", f"{len(content)} bytes {content[:1].hex()}…")
    return content.ljust(32, b"\0")


def _rsa_good(key: RSAKey, message: bytes, signature: bytes) -> bool:
    size = len(key.modulus)
    modulus, number = int.from_bytes(key.modulus, "big"), int.from_bytes(signature, "big")
    if size < MODULUS_BYTES or len(signature) != size or number >= modulus:
        return False
    found = pow(number, int.from_bytes(key.exponent, "big"), modulus).to_bytes(size, "big")
    endings = (b"\0" + info + sha256(message).digest() for info in _DIGEST_INFOS)
    return found in {b"\0\x01" + ending.rjust(size - 2, b"\xff") for ending in endings}


def _p256_good(key: P256Key, message: bytes, signature: bytes) -> bool:
    first, second = read_signature(signature)
    s = int.from_bytes(second, "big")
    if s > _P256_ORDER:
        raise ProtocolError("panic 0x11: expected s of at most the order of P-256, was more")
    x, y = int.from_bytes(key.x, "big"), int.from_bytes(key.y, "big")
    if max(x, y) >= _P256_PRIME or (y * y - x**3 + 3 * x - _P256_B) % _P256_PRIME:
        return False
    verifier = DSS.new(ECC.construct(curve="P-256", point_x=x, point_y=y), "fips-186-3")
    try:
        verifier.verify(SHA256.new(message), first + second)
    except ValueError:
        return False
    return True


def _private_key(key: bytes) -> RSA.RsaKey | ECC.EccKey:
    for found in (_imported(RSA.import_key, key), _imported(ECC.import_key, key)):
        if found is not None and found.has_private() and _accepted(found):
            return found
    raise ProtocolError("node key: expected a private key in PEM or DER, RSA of 2048 bits or P-256, was another")


def _imported(read: Callable[[bytes], _Key], key: bytes) -> _Key | None:
    try:
        return read(key)
    except (ValueError, IndexError, TypeError):
        return None


def _accepted(key: RSA.RsaKey | ECC.EccKey) -> bool:
    if isinstance(key, RSA.RsaKey):
        return key.size_in_bytes() >= MODULUS_BYTES
    return bool(key.curve == "NIST P-256")
