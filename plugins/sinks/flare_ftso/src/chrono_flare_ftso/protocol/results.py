"""The result of a voting round: the 38 bytes that voters sign, and the leaves under its Merkle root.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/fsp-utils/ProtocolMessageMerkleRoot.ts` and
`libs/ftso-core/src/data/MerkleTreeStructs.ts`, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass

from chrono_flare_ftso.protocol.abi import encode
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.wire import Reader, fixed, uint

RESULT_BYTES = 38


@dataclass(frozen=True, slots=True)
class Result:
    """What a protocol says about a voting round.

    Parameters
    ----------
    protocol : int
        Id of the protocol, 100 for FTSO; 8 bits.
    round : int
        Voting round, 32 bits.
    secure : bool
        Whether the round's random number is secure.
    root : bytes
        Merkle root, 32 bytes.

    Examples
    --------
    >>> Result(100, 1, True, bytes(32)).encode().hex()[:14]
    '64000000010100'
    """

    protocol: int
    round: int
    secure: bool
    root: bytes

    def encode(self) -> bytes:
        """Return the 38 bytes: protocol 1, round 4, secure 1, root 32.

        Raises
        ------
        WireError
            If a number does not fit its field, or the root has not 32 bytes.
        """
        return b"".join(
            (
                uint(self.protocol, 1, "protocol id"),
                uint(self.round, 4, "voting round"),
                bytes([bool(self.secure)]),
                fixed(self.root, 32, "merkle root"),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Result:
        """Return the result that 38 bytes encode.

        Parameters
        ----------
        data : bytes
            No byte more, no byte less.

        Raises
        ------
        WireError
            If the size is another, or the byte of `secure` is neither 0 nor 1.
        """
        reader = Reader(data, "result")
        protocol = reader.uint(1, "protocol id")
        voting_round = reader.uint(4, "voting round")
        secure = reader.uint(1, "secure")
        if secure > 1:
            raise reader.refuse(1, "0 or 1", secure)
        root = reader.take(32, "merkle root")
        reader.end()
        return cls(protocol, voting_round, bool(secure), root)

    def hash(self) -> bytes:
        """Return the hash of the 38 bytes, from which the signed digest is made (`signatures.eip191`)."""
        return keccak256(self.encode())


def random_leaf(round: int, random: int, secure: bool) -> bytes:  # noqa: FBT001 - the order of the leaf
    """Return the leaf of a round's random number.

    Parameters
    ----------
    round : int
        Voting round, 32 bits.
    random : int
        The random number, 256 bits.
    secure : bool
        Whether it is secure.

    Returns
    -------
    bytes
        32 bytes: keccak256 of ``abi.encode`` of the three.

    Raises
    ------
    WireError
        If a number does not fit.

    Examples
    --------
    >>> random_leaf(1, 0, False).hex()[:8]
    '255ace05'
    """
    return keccak256(encode("uint32,uint256,bool", round, random, bool(secure)))


def feed_leaf(round: int, feed_id: bytes, value: int, turnout_bips: int, decimals: int) -> bytes:
    r"""Return the leaf of a feed's median.

    Parameters
    ----------
    round : int
        Voting round, 32 bits.
    feed_id : bytes
        21 bytes.
    value : int
        The median as signed 32 bits, 0 where nobody voted.
    turnout_bips : int
        Weight of those who voted, in 1/10000 of all weight; 16 bits.
    decimals : int
        Of the value, signed 8 bits.

    Returns
    -------
    bytes
        32 bytes: keccak256 of ``abi.encode`` of the five.

    Raises
    ------
    WireError
        If a number does not fit, or the id has not 21 bytes.

    Examples
    --------
    >>> feed_leaf(1, b"\x01BTC/USD".ljust(21, b"\0"), 7000000, 10000, 2).hex()[:8]
    '56dff692'
    """
    return keccak256(encode("uint32,bytes21,int32,uint16,int8", round, feed_id, value, turnout_bips, decimals))
