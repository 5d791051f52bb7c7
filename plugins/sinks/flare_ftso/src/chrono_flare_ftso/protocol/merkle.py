"""Merkle trees over sorted leaves, hashed in sorted pairs, as OpenZeppelin's `MerkleProof` verifies them.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/utils/MerkleTree.ts`, read 2026-11-22.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chrono_flare_ftso.protocol.errors import NoResult
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.wire import fixed

Proof = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class MerkleTree:
    r"""A tree over 32-byte leaves, which are hashes already and are not hashed again.

    Parameters
    ----------
    leaves : iterable of bytes
        In any order; a leaf that occurs twice counts once.

    Attributes
    ----------
    nodes : tuple of bytes
        2 n - 1 nodes for n leaves, the root first, the leaves last and ascending. Node i is the hash of nodes 2i + 1
        and 2i + 2, the smaller one first. Empty where there are no leaves.

    Raises
    ------
    WireError
        If a leaf has not 32 bytes.

    Examples
    --------
    >>> tree = MerkleTree([b"\2" * 32, b"\1" * 32, b"\2" * 32])
    >>> len(tree.nodes), tree.leaves[0].hex()[:6], tree.root.hex()[:8]
    (3, '010101', '346d8c96')
    """

    nodes: tuple[bytes, ...]

    def __init__(self, leaves: Iterable[bytes]) -> None:
        ascending = sorted({fixed(leaf, 32, "leaf") for leaf in leaves})
        object.__setattr__(self, "nodes", _nodes(ascending))

    def __repr__(self) -> str:
        return f"<MerkleTree of {len(self.leaves)} leaves, {'root ' + self.root.hex() if self.nodes else 'no root'}>"

    @property
    def root(self) -> bytes:
        """The first node; raises `NoResult` where there are no leaves."""
        if not self.nodes:
            raise NoResult("root of a Merkle tree: expected at least one leaf, was none")
        return self.nodes[0]

    @property
    def leaves(self) -> tuple[bytes, ...]:
        """The different leaves, ascending."""
        return self.nodes[len(self.nodes) // 2 :]

    def proof(self, leaf: bytes) -> Proof:
        r"""Return the siblings on the way from a leaf up to the root.

        Parameters
        ----------
        leaf : bytes
            One of `leaves`.

        Returns
        -------
        tuple of bytes
            Empty where the leaf is the only one and so the root.

        Raises
        ------
        NoResult
            If it is no leaf of this tree.

        Examples
        --------
        >>> tree = MerkleTree([b"\1" * 32, b"\2" * 32])
        >>> [sibling.hex()[:6] for sibling in tree.proof(b"\1" * 32)]
        ['020202']
        """
        at = bisect_left(self.nodes, leaf, len(self.nodes) // 2)
        if at == len(self.nodes) or self.nodes[at] != leaf:
            raise NoResult(f"proof: expected one of {len(self.leaves)} leaves, was {leaf.hex()}")
        siblings = []
        while at:
            siblings.append(self.nodes[at + 1 if at % 2 else at - 1])
            at = (at - 1) // 2
        return tuple(siblings)

    def proofs(self) -> dict[bytes, Proof]:
        """Return the proof of every leaf, in the order of the leaves; much less work than one after the other.

        Examples
        --------
        >>> tree = MerkleTree([bytes([n]) * 32 for n in range(5)])
        >>> all(verify(leaf, proof, tree.root) for leaf, proof in tree.proofs().items())
        True
        """
        nodes, inner = self.nodes, len(self.nodes) // 2
        paths: list[Proof] = [()] * len(nodes)
        for at, path in zip(range(inner), paths, strict=False):
            left, right = 2 * at + 1, 2 * at + 2
            paths[left], paths[right] = (nodes[right], *path), (nodes[left], *path)
        return dict(zip(self.leaves, paths[inner:], strict=True))


def verify(leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    r"""Return whether a proof leads from a leaf to the root.

    An empty proof does where the leaf is the root, as for the reference and the contracts; py-flare-common 0.1.11
    says no to it.

    Parameters
    ----------
    leaf : bytes
        32 bytes.
    proof : sequence of bytes
        Siblings of 32 bytes, from the leaf upward.
    root : bytes
        32 bytes.

    Raises
    ------
    WireError
        If one of them has not 32 bytes.

    Examples
    --------
    >>> verify(b"\1" * 32, [b"\2" * 32], MerkleTree([b"\1" * 32, b"\2" * 32]).root)
    True
    """
    node = fixed(leaf, 32, "leaf")
    for sibling in proof:
        node = _parent(node, fixed(sibling, 32, "sibling in a proof"))
    return node == fixed(root, 32, "root")


def _nodes(leaves: list[bytes]) -> tuple[bytes, ...]:
    nodes = [b""] * (len(leaves) - 1) + leaves
    for at in reversed(range(len(leaves) - 1)):
        nodes[at] = _parent(nodes[2 * at + 1], nodes[2 * at + 2])
    return tuple(nodes)


def _parent(one: bytes, other: bytes) -> bytes:
    return keccak256(one + other if one <= other else other + one)
