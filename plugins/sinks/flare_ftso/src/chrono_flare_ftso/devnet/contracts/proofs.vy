# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Proofs of leaves, the smaller of two hashes first
"""

MAX_DEPTH: constant(uint256) = 64


@internal
@pure
def root_of(leaf: bytes32, proof: DynArray[bytes32, MAX_DEPTH]) -> bytes32:
    node: bytes32 = leaf
    for sibling: bytes32 in proof:
        if convert(node, uint256) < convert(sibling, uint256):
            node = keccak256(concat(node, sibling))
        else:
            node = keccak256(concat(sibling, node))
    return node
