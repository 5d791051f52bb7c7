"""Merkle trees: roots, nodes, proofs."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import NoResult, WireError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.merkle import MerkleTree, verify
from chrono_flare_ftso.protocol.results import feed_leaf, random_leaf

Reader = Callable[[str], Any]
LEAVES = st.lists(st.binary(min_size=32, max_size=32), max_size=40)


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def padded(text: str) -> bytes:
    """Return an element of py-flare-common's trees, which pads them on the left."""
    return bytes.fromhex(text.removeprefix("0x").zfill(64))


def number_leaf(number: int) -> bytes:
    return keccak256(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def test_roots_and_proofs_of_py_flare_common(reference: Reader) -> None:
    vectors = reference("merkle.json")
    assert (len(vectors["py_roots"]), sum(map(len, vectors["py_proofs"]))) == (4, 17)
    for case in vectors["py_roots"]:
        assert MerkleTree(map(padded, case["elements"])).root == raw(case["expectedRoot"])
    for tests in vectors["py_proofs"]:
        tree = MerkleTree(padded(test["element"]) for test in tests)
        found = tree.proofs()
        for test in tests:
            leaf, proof = padded(test["element"]), tuple(map(raw, test["proof"]))
            assert tree.proof(leaf) == found[leaf] == proof
            assert verify(leaf, proof, tree.root)


def test_trees_of_the_reference(reference: Reader) -> None:
    trees = reference("merkle.json")["ts"]["trees"]
    assert [case["n"] for case in trees] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 64, 100]
    listed = proved = 0
    for case in trees:
        leaves = [number_leaf(number) for number in range(case["n"])]
        if "leaves" in case:
            assert leaves == [raw(leaf) for leaf in case["leaves"]]
            listed += 1
        tree = MerkleTree(leaves)
        if case["root"] is None:
            assert tree.nodes == ()
            continue
        assert tree.root == raw(case["root"])
        for said in case["proofs"]:
            leaf, proof = raw(said["leaf"]), tuple(map(raw, said["proof"]))
            assert tree.proof(leaf) == tree.proofs()[leaf] == proof
            assert verify(leaf, proof, tree.root) == said["verifies"]
            proved += 1
    assert (listed, proved) == (10, 36)


def test_a_leaf_that_occurs_twice_counts_once(reference: Reader) -> None:
    case = reference("merkle.json")["ts"]["duplicates"]
    tree = MerkleTree(map(raw, case["input"]))
    assert tree.nodes == tuple(map(raw, case["tree"]))
    assert tree.root == raw(case["root"])


def test_tree_of_hashed_leaves_in_go(reference: Reader) -> None:
    case = reference("merkle.json")["go_hashed_leaves"]
    tree = MerkleTree(keccak256(raw(value)) for value in case["values"])
    assert tree.nodes == tuple(map(raw, case["tree"]))
    assert tree.root == raw(case["root"])


def test_leaves_of_the_reference(reference: Reader) -> None:
    vectors = reference("merkle.json")
    leaves = vectors["ts"]["leaves"]
    assert [leaf["kind"] for leaf in leaves] == ["random"] * 3 + ["feed"] * 5
    for leaf in leaves:
        if leaf["kind"] == "random":
            made = random_leaf(leaf["votingRoundId"], int(leaf["value"], 16), leaf["isSecure"])
        else:
            made = feed_leaf(
                leaf["votingRoundId"], raw(leaf["id"]), leaf["value"], leaf["turnoutBIPS"], leaf["decimals"]
            )
        assert made == raw(leaf["hash"])
    assert set(vectors) == {
        *("sources", "py_roots", "py_proofs", "ts", "single_leaf_empty_proof_verifies", "go_hashed_leaves")
    }
    assert set(vectors["ts"]) == {"leaves", "trees", "duplicates"}


def test_nodes_are_hashes_of_sorted_pairs() -> None:
    """Five leaves in no order: the last level is filled from the left, so that one leaf hangs beside a pair."""
    first, second, third, fourth, fifth = (bytes([digit]) * 32 for digit in range(1, 6))
    deep, shallow = keccak256(fourth + fifth), keccak256(second + third)
    left = keccak256(min(deep, first) + max(deep, first))
    root = keccak256(min(left, shallow) + max(left, shallow))
    tree = MerkleTree([fifth, first, fourth, second, third])
    assert tree.nodes == (root, left, shallow, deep, first, second, third, fourth, fifth)
    assert tree.root.hex() == "2fc59d8ee9918232127e505110a02e706e5414c6eab393ea25c178f6d487e1ca"
    assert tree.proof(fifth) == (fourth, first, shallow)
    assert tree.proof(second) == (third, left)


def test_only_leaf_is_the_root_and_its_proof_is_empty() -> None:
    leaf = keccak256(b"alone")
    tree = MerkleTree([leaf])
    assert (tree.root, tree.nodes, tree.proof(leaf), tree.proofs()) == (leaf, (leaf,), (), {leaf: ()})
    assert verify(leaf, (), leaf)
    assert not verify(leaf, (), keccak256(b"another"))


def test_no_leaf_no_root() -> None:
    tree = MerkleTree([])
    assert (tree.nodes, tree.leaves, tree.proofs()) == ((), (), {})
    with pytest.raises(NoResult, match="root of a Merkle tree: expected at least one leaf, was none"):
        _ = tree.root
    assert repr(tree) == "<MerkleTree of 0 leaves, no root>"


@pytest.mark.parametrize("missing", [bytes(32), b"\xff" * 32, b"\3" * 32, b""])
def test_what_is_no_leaf_has_no_proof(missing: bytes) -> None:
    tree = MerkleTree([b"\1" * 32, b"\2" * 32, b"\4" * 32])
    with pytest.raises(NoResult, match="proof: expected one of 3 leaves, was"):
        tree.proof(missing)
    with pytest.raises(NoResult, match="expected one of 0 leaves"):
        MerkleTree([]).proof(missing)


def test_an_inner_node_has_no_proof() -> None:
    tree = MerkleTree([bytes([digit]) * 32 for digit in range(4)])
    for node in tree.nodes[:3]:
        with pytest.raises(NoResult, match="expected one of 4 leaves"):
            tree.proof(node)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_bytes_of_another_length_are_refused(size: int) -> None:
    """Two leaves as one of 64 bytes would hash to their parent: lengths have to be checked."""
    other, leaf = bytes(size), bytes(32)
    with pytest.raises(WireError, match=f"^leaf: byte {min(size, 32)}: expected 32 bytes, was {size} bytes"):
        MerkleTree([leaf, other])
    with pytest.raises(WireError, match=f"^leaf: byte {min(size, 32)}: expected 32 bytes, was {size} bytes"):
        verify(other, [], leaf)
    with pytest.raises(WireError, match=f"^sibling in a proof: byte {min(size, 32)}: expected 32 bytes, was {size}"):
        verify(leaf, [leaf, other], leaf)
    with pytest.raises(WireError, match=f"^root: byte {min(size, 32)}: expected 32 bytes, was {size} bytes"):
        verify(leaf, [], other)


@given(LEAVES)
def test_every_leaf_proves_itself_and_nothing_else(leaves: list[bytes]) -> None:
    tree = MerkleTree(leaves)
    proofs = tree.proofs()
    assert list(proofs) == sorted(set(leaves)) == list(tree.leaves)
    assert len(tree.nodes) == max(0, 2 * len(set(leaves)) - 1)
    for leaf, proof in proofs.items():
        assert tree.proof(leaf) == proof
        assert verify(leaf, proof, tree.root)
        assert not verify(leaf, [*proof, leaf], tree.root)
        assert not verify(keccak256(leaf), proof, tree.root)


@given(LEAVES, st.randoms())
def test_order_and_repetition_do_not_matter(leaves: list[bytes], random: Any) -> None:
    mixed = leaves * 2
    random.shuffle(mixed)
    assert MerkleTree(mixed) == MerkleTree(leaves)


@given(st.binary(max_size=40), st.lists(st.binary(max_size=40), max_size=4), st.binary(max_size=40))
def test_random_proofs_are_refused_or_false(leaf: bytes, proof: list[bytes], root: bytes) -> None:
    if {len(leaf), len(root), *map(len, proof)} == {32}:
        assert verify(leaf, proof, root) == (leaf == root and not proof)
    else:
        with pytest.raises(WireError, match="expected 32 bytes"):
            verify(leaf, proof, root)


@given(LEAVES)
def test_py_flare_common_makes_the_same_trees(leaves: list[bytes]) -> None:
    peer = pytest.importorskip("py_flare_common.merkle")
    theirs, ours = peer.MerkleTree([leaf.hex() for leaf in leaves]), MerkleTree(leaves)
    assert tuple(map(raw, theirs.tree)) == ours.nodes
    for leaf, proof in ours.proofs().items():
        assert tuple(map(raw, theirs.get_proof(leaf.hex()))) == proof
