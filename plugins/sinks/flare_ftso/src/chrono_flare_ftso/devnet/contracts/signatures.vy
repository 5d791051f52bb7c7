# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Who signed a hash, as EIP-191 has it signed
"""

struct Signature:
    v: uint8
    r: bytes32
    s: bytes32

PREFIX: constant(Bytes[28]) = b"\x19Ethereum Signed Message:\n32"
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168


@internal
@view
def signer_of(hashed: bytes32, signature: Signature) -> address:
    assert convert(signature.s, uint256) <= HALF_ORDER, "invalid signature s"
    digest: bytes32 = keccak256(concat(PREFIX, hashed))
    signer: address = ecrecover(digest, signature.v, signature.r, signature.s)
    assert signer != empty(address), "invalid signature"
    return signer
